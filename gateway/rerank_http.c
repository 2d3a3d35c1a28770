/* rerank_http.c — see rerank_http.h. */
#include "rerank_http.h"

#include "base/buffer.h"
#include "base/json.h"
#include "gateway_inner.h"

#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENT_BYTES_MAX ((size_t)8 << 20) /* escaped: six times document_bytes_max at most */

enum { IDLE_MAX = 8, CONNECT_MS_MAX = 5000 };

struct rerank_client {
    const reranker *settings;
    struct curl_slist *headers; /* with the key */
    uint64_t calls_max;
    pthread_mutex_t lock;
    /* under lock: */
    uint64_t calls;
    CURL *idle[IDLE_MAX]; /* handles with connections that may still be open */
    size_t idle_count;
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool add_header(rerank_client *c, const char *header)
{
    struct curl_slist *longer = curl_slist_append(c->headers, header);
    if (longer) c->headers = longer;
    return longer != NULL;
}

static bool add_key(rerank_client *c)
{
    static const char begin[] = "Authorization: Bearer ";
    size_t size = sizeof begin + strlen(c->settings->key);
    char *header = malloc(size);
    if (!header) return false;
    (void)snprintf(header, size, "%s%s", begin, c->settings->key);
    bool added = add_header(c, header);
    explicit_bzero(header, size);
    free(header);
    return added;
}

static varve_status client_init(rerank_client *c, const reranker *settings, uint64_t workers,
                                varve_error *err)
{
    c->settings = settings;
    c->calls_max = settings->calls_max ? settings->calls_max : VV_MAX(workers, 2) - 1;
    (void)pthread_mutex_init(&c->lock, NULL);
    if (add_header(c, "Content-Type: application/json") &&
        add_header(c, "Accept: application/json") && add_header(c, "Expect:") &&
        (!*settings->key || add_key(c)))
        return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for reranker '%s'", settings->name);
}

varve_status rerank_clients_init(rerank_clients *c, const rerankers *settings, uint64_t workers,
                                 varve_error *err)
{
    if (settings->count == 0) return VARVE_OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return vv_fail(err, VARVE_INTERNAL, "libcurl does not start");
    c->all = calloc(settings->count, sizeof *c->all);
    if (!c->all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for rerankers");
    for (; c->count < settings->count;) {
        size_t i = c->count++;
        VV_TRY(client_init(&c->all[i], &settings->all[i], workers, err));
    }
    return VARVE_OK;
}

void rerank_clients_done(rerank_clients *c)
{
    for (size_t i = 0; i < c->count; i++) {
        rerank_client *one = &c->all[i];
        while (one->idle_count)
            curl_easy_cleanup(one->idle[--one->idle_count]);
        for (struct curl_slist *h = one->headers; h; h = h->next)
            explicit_bzero(h->data, strlen(h->data));
        curl_slist_free_all(one->headers);
        (void)pthread_mutex_destroy(&one->lock);
    }
    free(c->all);
    *c = (rerank_clients){0};
}

rerank_client *gateway_reranker(gateway *g, const char *name)
{
    rerank_clients *c = &g->rerankers;
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->all[i].settings->name, name) == 0) return &c->all[i];
    return NULL;
}

const reranker *rerank_client_settings(const rerank_client *c) { return c->settings; }

/* ---- handles --------------------------------------------------------------------------------- */

static varve_status take_handle(rerank_client *c, CURL **ret, varve_error *err)
{
    CURL *handle = NULL;
    (void)pthread_mutex_lock(&c->lock);
    bool free_call = c->calls < c->calls_max;
    if (free_call) c->calls++;
    if (free_call && c->idle_count) handle = c->idle[--c->idle_count];
    (void)pthread_mutex_unlock(&c->lock);
    if (!free_call)
        return vv_fail(err, VARVE_LOCKED, "Reranker '%s' is busy with %llu calls, its calls_max",
                       c->settings->name, (unsigned long long)c->calls_max);
    *ret = handle ? handle : curl_easy_init();
    return VARVE_OK;
}

static void give_handle_back(rerank_client *c, CURL *handle)
{
    if (handle) curl_easy_reset(handle);
    (void)pthread_mutex_lock(&c->lock);
    c->calls--;
    if (handle && c->idle_count < IDLE_MAX) {
        c->idle[c->idle_count++] = handle;
        handle = NULL;
    }
    (void)pthread_mutex_unlock(&c->lock);
    curl_easy_cleanup(handle);
}

/* ---- request --------------------------------------------------------------------------------- */

/* Documents as long as there is room; the rest of the body has its room kept. */
static varve_status write_body(const reranker *s, varve_text query, const varve_text *documents,
                               size_t count, buffer *out, size_t *ret_sent, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer one;
    size_t room, sent = 0;
    buffer_init(&one, DOCUMENT_BYTES_MAX, "document of a reranker");
    VV_TRY(buffer_add_text(out, "{\"query\":", err));
    VV_TRY(json_out_string(out, query.data, query.len, err));
    if (*s->model) {
        VV_TRY(buffer_add_text(out, ",\"model\":", err));
        VV_TRY(json_out_string(out, s->model, strlen(s->model), err));
    }
    VV_TRY(buffer_add_text(out, ",\"documents\":[", err));
    room = s->request_bytes_max - VV_MIN(out->len + 64, s->request_bytes_max);
    for (; sent < count; sent++) {
        buffer_clear(&one);
        VV_TRY(json_out_string(&one, documents[sent].data, documents[sent].len, err));
        if (one.len + 1 > room) break;
        room -= one.len + 1;
        if (sent) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(buffer_add(out, one.data, one.len, err));
    }
    *ret_sent = sent;
    return buffer_printf(out, err, "],\"top_n\":%zu}", sent);
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    return buffer_add(context, bytes, size * count, NULL) == VARVE_OK ? size * count : 0;
}

static void set_up(CURL *curl, const rerank_client *c, const buffer *body, buffer *answer,
                   long timeout_ms, char *why)
{
    const reranker *s = c->settings;
    curl_easy_setopt(curl, CURLOPT_URL, s->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (*s->ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, s->ca_file);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, VV_MIN(timeout_ms, (long)CONNECT_MS_MAX));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "varve");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

/* ---- answer ---------------------------------------------------------------------------------- */

static varve_status nonsense(const reranker *s, rerank_reply *ret, const char *what,
                             varve_error *err)
{
    (void)snprintf(ret->cause, sizeof ret->cause, "%s", what);
    return vv_fail(err, VARVE_IO,
                   "Reranker '%s' did not answer {\"results\": [{\"index\", "
                   "\"relevance_score\"}]}: %s",
                   s->name, what);
}

static varve_status take_result(const reranker *s, const json_t *result, rerank_reply *ret,
                                varve_error *err)
{
    const json_t *index = json_object_get(result, "index"),
                 *score = json_object_get(result, "relevance_score");
    if (!json_is_integer(index) || json_integer_value(index) < 0 ||
        (json_int_t)ret->sent <= json_integer_value(index))
        return nonsense(s, ret, "an index that is none of a document", err);
    if (!json_is_number(score) || !isfinite(json_number_value(score)))
        return nonsense(s, ret, "a relevance_score that is no number", err);
    size_t i = (size_t)json_integer_value(index);
    if (ret->scored[i]) return nonsense(s, ret, "an index twice", err);
    ret->scored[i] = true;
    ret->scores[i] = json_number_value(score);
    return VARVE_OK;
}

static varve_status read_answer(const reranker *s, const buffer *answer, rerank_reply *ret,
                                varve_error *err)
{
    json_error_t where;
    VV_CLEANUP(json_decrefp)
    json_t *root = json_loadb(answer->data ? answer->data : "", answer->len, 0, &where);
    const json_t *results = json_object_get(root, "results");
    if (!root) return nonsense(s, ret, "it is no JSON", err);
    if (!json_is_array(results)) return nonsense(s, ret, "there is no list of results", err);
    for (size_t i = 0; i < json_array_size(results); i++)
        VV_TRY(take_result(s, json_array_get(results, i), ret, err));
    return VARVE_OK;
}

static varve_status failed(const reranker *s, CURLcode code, uint64_t timeout_ms, const char *why,
                           rerank_reply *ret, varve_error *err)
{
    (void)snprintf(ret->cause, sizeof ret->cause, "%s", *why ? why : curl_easy_strerror(code));
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return vv_fail(err, VARVE_TIMEOUT, "Reranker '%s' did not answer within %llu ms", s->name,
                       (unsigned long long)timeout_ms);
    case CURLE_WRITE_ERROR:
        return vv_fail(err, VARVE_IO,
                       "Reranker '%s' answered more than %llu bytes, its reply_bytes_max", s->name,
                       (unsigned long long)s->reply_bytes_max);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
        return vv_fail(err, VARVE_IO, "Reranker '%s' could not be reached safely: TLS failed",
                       s->name);
    default: return vv_fail(err, VARVE_IO, "Reranker '%s' could not be reached", s->name);
    }
}

static varve_status perform(rerank_client *c, CURL *curl, const buffer *body, uint64_t timeout_ms,
                            rerank_reply *ret, varve_error *err)
{
    const reranker *s = c->settings;
    VV_CLEANUP(buffer_done) buffer answer;
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;
    buffer_init(&answer, s->reply_bytes_max, "answer of a reranker");
    if (!curl) return vv_fail(err, VARVE_NO_MEMORY, "no memory to call reranker '%s'", s->name);
    set_up(curl, c, body, &answer, (long)timeout_ms, why);
    CURLcode result = curl_easy_perform(curl);
    if (result != CURLE_OK) return failed(s, result, timeout_ms, why, ret, err);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 200) return read_answer(s, &answer, ret, err);
    /* What else it says may repeat what it was sent, and that was not for every log. */
    (void)snprintf(ret->cause, sizeof ret->cause, "status %ld with %zu bytes", code, answer.len);
    return vv_fail(err, VARVE_IO, "Reranker '%s' answered with status %ld", s->name, code);
}

varve_status rerank_call(rerank_client *c, varve_text query, const varve_text *documents,
                         size_t count, uint64_t timeout_ms, rerank_reply *ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer body;
    CURL *curl;
    buffer_init(&body, c->settings->request_bytes_max, "request to a reranker");
    VV_TRY(write_body(c->settings, query, documents, count, &body, &ret->sent, err));
    if (ret->sent == 0) return VARVE_OK;
    VV_TRY(take_handle(c, &curl, err));
    varve_status status = perform(c, curl, &body, VV_MAX(timeout_ms, 1), ret, err);
    give_handle_back(c, curl);
    return status;
}
