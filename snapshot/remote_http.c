/* remote_http.c — see remote_http.h. */
#include "remote_http.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "remote_pace.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDLE_HANDLES_MAX 16
#define NS_PER_MS        UINT64_C(1000000)
#define HEADER_LINE_MAX  16384
#define BUFFER_BYTES     (256L * 1024)

struct http_pool {
    char *ca_file; /* or NULL */
    pthread_mutex_t lock;
    CURL *idle[IDLE_HANDLES_MAX];
    size_t idle_count;
};

/* One request under way. */
typedef struct transfer {
    CURL *curl;
    const http_request *request;
    http_answer *answer;
    varve_error *err;
    size_t sent;
    uint64_t progress_ns; /* when something moved last */
    curl_off_t moved;
    bool stalled, cancelled, rewound;
    varve_status sink_status;
} transfer;

/* ---- pool ---------------------------------------------------------------------------------- */

varve_status http_pool_new(const char *ca_file, http_pool **ret, varve_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return vv_fail(err, VARVE_INTERNAL, "libcurl does not start");
    http_pool *p = calloc(1, sizeof *p);
    if (p && ca_file) p->ca_file = strdup(ca_file);
    if (!p || (ca_file && !p->ca_file)) {
        free(p);
        curl_global_cleanup();
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for connections");
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    *ret = p;
    return VARVE_OK;
}

void http_pool_free(http_pool *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->idle_count; i++)
        curl_easy_cleanup(p->idle[i]);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->ca_file);
    free(p);
    curl_global_cleanup();
}

static CURL *take_handle(http_pool *p)
{
    CURL *curl = NULL;
    (void)pthread_mutex_lock(&p->lock);
    if (p->idle_count > 0) curl = p->idle[--p->idle_count];
    (void)pthread_mutex_unlock(&p->lock);
    return curl ? curl : curl_easy_init();
}

/* The handle keeps its connections. */
static void give_handle(http_pool *p, CURL *curl)
{
    curl_easy_reset(curl);
    (void)pthread_mutex_lock(&p->lock);
    bool kept = p->idle_count < IDLE_HANDLES_MAX;
    if (kept) p->idle[p->idle_count++] = curl;
    (void)pthread_mutex_unlock(&p->lock);
    if (!kept) curl_easy_cleanup(curl);
}

/* ---- answers ------------------------------------------------------------------------------- */

void http_answer_init(http_answer *a)
{
    *a = (http_answer){0};
    buffer_init(&a->body, HTTP_BODY_MAX, "answer of the store");
}

void http_answer_done(http_answer *a) { buffer_done(&a->body); }

static void clear_answer(http_answer *a)
{
    buffer body = a->body;
    *a = (http_answer){.body = body};
    buffer_clear(&a->body);
}

typedef struct known_header {
    const char *name;
    size_t at, size; /* within http_answer */
} known_header;
#define KNOWN(name, field)                                                                         \
    {                                                                                              \
        name, offsetof(http_answer, field), sizeof((http_answer *)0)->field                        \
    }

static const known_header known[] = {
    KNOWN("etag", etag),
    KNOWN("date", date),
    KNOWN("last-modified", last_modified),
    KNOWN("content-range", content_range),
    KNOWN("x-amz-bucket-region", region),
    KNOWN("x-amz-server-side-encryption", encryption),
    KNOWN("x-amz-checksum-sha256", checksum_sha256),
    KNOWN("x-amz-checksum-algorithm", checksum_algorithm),
};

static bool parse_u64(const char *text, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    if (len > 0) *ret = value;
    return len > 0;
}

static void note_header(http_answer *a, const char *name, size_t name_len, const char *value,
                        size_t len)
{
    if (name_len == 14 && strncasecmp(name, "content-length", 14) == 0)
        a->has_length = parse_u64(value, len, &a->content_length);
    if (name_len == 11 && strncasecmp(name, "retry-after", 11) == 0 &&
        !parse_u64(value, len, &a->retry_after_s))
        a->retry_after_s = 0;
    for (size_t i = 0; i < VV_COUNT(known); i++) {
        const known_header *k = &known[i];
        if (strlen(k->name) != name_len || strncasecmp(name, k->name, name_len) != 0) continue;
        if (len >= k->size) continue; /* none that we could use */
        memcpy((char *)a + k->at, value, len);
        ((char *)a)[k->at + len] = '\0';
    }
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    transfer *t = arg;
    size_t len = size * count;
    if (len > HEADER_LINE_MAX) return 0;
    const char *colon = memchr(line, ':', len);
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) clear_answer(t->answer);
    if (!colon) return len;
    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    note_header(t->answer, line, (size_t)(colon - line), value, (size_t)(end - value));
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    transfer *t = arg;
    const http_request *q = t->request;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    t->answer->status = (int)status;
    if (q->paced && !remote_bandwidth_take(q->paced, len, q->cancel)) {
        t->cancelled = true;
        return 0;
    }
    if (q->sink && status >= 200 && status < 300)
        t->sink_status = q->sink(q->arg, t->answer, bytes, len, t->err);
    else
        t->sink_status = buffer_add(&t->answer->body, bytes, len, t->err);
    t->progress_ns = clock_now_ns();
    return t->sink_status == VARVE_OK ? len : 0;
}

/* ---- request ------------------------------------------------------------------------------- */

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    transfer *t = arg;
    const http_request *q = t->request;
    size_t len = VV_MIN(size * count, q->body_len - t->sent);
    if (q->paced && !remote_bandwidth_take(q->paced, len, q->cancel)) {
        t->cancelled = true;
        return CURL_READFUNC_ABORT;
    }
    if (len > 0) memcpy(to, (const char *)q->body + t->sent, len);
    t->sent += len;
    t->progress_ns = clock_now_ns();
    return len;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    transfer *t = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    t->rewound = t->rewound || t->sent > 0;
    t->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    transfer *t = arg;
    uint64_t now = clock_now_ns();
    (void)down_total;
    (void)up_total;
    if (down + up != t->moved) t->progress_ns = now;
    t->moved = down + up;
    t->stalled = now > t->progress_ns && now - t->progress_ns > t->request->progress_ms * NS_PER_MS;
    t->cancelled = t->cancelled || remote_cancelled(t->request->cancel);
    return t->stalled || t->cancelled;
}

/* Wiped: one of them may be a session token. */
static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item; item = item->next)
        explicit_bzero(item->data, strlen(item->data));
    curl_slist_free_all(list);
}

static struct curl_slist *make_headers(const http_request *q, varve_error *err)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    VV_CLEANUP(buffer_done) buffer line;
    buffer_init(&line, HEADER_LINE_MAX, "header");
    for (size_t i = 0; list && i < q->header_count; i++) {
        buffer_clear(&line);
        struct curl_slist *longer = NULL;
        if (buffer_printf(&line, err, "%s: %s", q->headers[i].name, q->headers[i].value) ==
                VARVE_OK &&
            buffer_add(&line, "", 1, err) == VARVE_OK)
            longer = curl_slist_append(list, line.data);
        if (!longer) free_headers(list);
        list = longer;
    }
    if (line.data) explicit_bzero(line.data, line.capacity);
    return list;
}

static void set_safety(const http_pool *p, CURL *c, uint64_t progress_ms)
{
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    if (p->ca_file) (void)curl_easy_setopt(c, CURLOPT_CAINFO, p->ca_file);
    (void)curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)VV_MIN(progress_ms, 3600000));
    (void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    (void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
}

static void set_request(transfer *t, struct curl_slist *headers)
{
    const http_request *q = t->request;
    CURL *c = t->curl;
    (void)curl_easy_setopt(c, CURLOPT_URL, q->url);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (q->has_body) {
        (void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->body_len);
        (void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(c, CURLOPT_READDATA, t);
        (void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
        /* A body of nothing is sent again without our seeing it, but not on a new connection. */
        if (q->body_len == 0) (void)curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (strcmp(q->method, "HEAD") == 0) (void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
}

/* Failures that another attempt would meet again: of certificates, of the URL, of memory. */
static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_OUT_OF_MEMORY: return false;
    default: return true;
    }
}

static varve_status outcome(transfer *t, CURLcode code)
{
    http_answer *a = t->answer;
    long status = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    a->status = (int)status;
    a->sent = t->moved > 0 || t->sent > 0 || status != 0 || code == CURLE_GOT_NOTHING ||
              code == CURLE_RECV_ERROR || t->stalled;
    a->sent_twice = t->rewound;
    if (code == CURLE_OK) return VARVE_OK;
    if (t->cancelled) return vv_fail(t->err, VARVE_CANCELLED, "cancelled");
    if (t->sink_status != VARVE_OK) return t->sink_status;
    a->may_pass = may_pass(code);
    if (t->stalled || code == CURLE_OPERATION_TIMEDOUT)
        return vv_fail(t->err, VARVE_TIMEOUT, "no progress for %llu ms",
                       (unsigned long long)t->request->progress_ms);
    return vv_fail(t->err, VARVE_IO, "%s", curl_easy_strerror(code));
}

varve_status http_send(http_pool *p, const http_request *request, http_answer *answer,
                       varve_error *err)
{
    transfer t = {.request = request, .answer = answer, .err = err};
    clear_answer(answer);
    struct curl_slist *headers = make_headers(request, err);
    t.curl = headers ? take_handle(p) : NULL;
    if (!t.curl) {
        free_headers(headers);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a request");
    }
    t.progress_ns = clock_now_ns();
    set_safety(p, t.curl, request->progress_ms);
    set_request(&t, headers);
    varve_status status = outcome(&t, curl_easy_perform(t.curl));
    free_headers(headers);
    give_handle(p, t.curl);
    return status;
}

int64_t http_parse_date(const char *text) { return (int64_t)curl_getdate(text, NULL); }

/* ---- endpoints ----------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static bool get_part(CURLU *u, CURLUPart part, unsigned int flags, char *ret, size_t size)
{
    char *text = NULL;
    bool good = curl_url_get(u, part, &text, flags) == CURLUE_OK && strlen(text) < size;
    if (good) memcpy(ret, text, strlen(text) + 1);
    curl_free(text);
    return good;
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *found = NULL;
    bool there = curl_url_get(u, part, &found, 0) == CURLUE_OK && found && *found;
    curl_free(found);
    return there;
}

static bool take_apart(CURLU *u, const char *url, http_endpoint *ret)
{
    char scheme[16], host[256], port[16] = "", path[4];
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) return false;
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_QUERY) ||
        has_part(u, CURLUPART_FRAGMENT))
        return false;
    if (!get_part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
        !get_part(u, CURLUPART_HOST, 0, host, sizeof host) ||
        !get_part(u, CURLUPART_PATH, 0, path, sizeof path) || strcmp(path, "/") != 0)
        return false;
    (void)get_part(u, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, port, sizeof port);
    ret->tls = strcmp(scheme, "https") == 0;
    ret->loopback = is_loopback(host);
    snprintf(ret->host, sizeof ret->host, "%s%s%s", host, port[0] ? ":" : "", port);
    return ret->tls || strcmp(scheme, "http") == 0;
}

varve_status http_parse_endpoint(const char *url, http_endpoint *ret, varve_error *err)
{
    http_endpoint found = {0};
    CURLU *u = curl_url();
    if (!u) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a URL");
    bool good = take_apart(u, url, &found);
    curl_url_cleanup(u);
    if (!good)
        return vv_fail(err, VARVE_INVALID, "the endpoint is not of the form https://host[:port]");
    *ret = found;
    return VARVE_OK;
}
