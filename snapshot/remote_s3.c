/* remote_s3.c — a bucket as a remote: opening, reading, listing; see remote.h. Puts are in
 * remote_s3_put.c and remote_s3_multipart.c. */
#include "remote_s3_inner.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_BYTES (1u << 20) /* so many more, and the attempts are counted anew */

/* ---- get ----------------------------------------------------------------------------------- */

typedef struct reading {
    uint64_t offset, len;  /* asked for; len UINT64_MAX: to the end */
    uint64_t at, end;      /* where we are; end UINT64_MAX: not known yet */
    uint64_t attempt_from; /* where the attempt under way began */
    bool begun;            /* the attempt's headers are checked */
    char tag[REMOTE_TAG_MAX];
    remote_sink sink;
    void *arg;
} reading;

/* "bytes FIRST-LAST/TOTAL" */
static bool parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                        uint64_t *ret_total)
{
    unsigned long long first = 0, last = 0, total = 0;
    int used = 0;
    if (sscanf(text, "bytes %llu-%llu/%llu%n", &first, &last, &total, &used) != 3 || text[used] ||
        first > last || last >= total)
        return false;
    *ret_first = first;
    *ret_last = last;
    *ret_total = total;
    return true;
}

/* Is it the object, and the part of it, that we asked for? */
static varve_status begin_attempt(reading *g, const http_answer *a, varve_error *err)
{
    uint64_t first = 0, last = 0, total = 0;
    bool ranged = g->attempt_from > 0 || g->len != UINT64_MAX;
    if (g->tag[0] && a->etag[0] && strcmp(g->tag, a->etag) != 0)
        return vv_fail(err, VARVE_CONFLICT, "it was replaced while it was read");
    if (ranged && (a->status != 206 || !parse_range(a->content_range, &first, &last, &total) ||
                   first != g->attempt_from))
        return vv_fail(err, VARVE_CORRUPT, "the store gives another range than asked for");
    if (!ranged && a->has_length) total = a->content_length;
    if (ranged || a->has_length) {
        uint64_t end = g->len == UINT64_MAX ? total : g->offset + g->len;
        if (end > total)
            return vv_fail(err, VARVE_CORRUPT, "the object has %llu bytes only",
                           (unsigned long long)total);
        g->end = end;
    }
    memcpy(g->tag, a->etag, sizeof g->tag);
    g->begun = true;
    return VARVE_OK;
}

static varve_status on_bytes(void *arg, const http_answer *answer, const void *bytes, size_t len,
                             varve_error *err)
{
    reading *g = arg;
    if (!answer->etag[0]) return VARVE_OK; /* no object; s3_send_once says so */
    if (!g->begun) VV_TRY(begin_attempt(g, answer, err));
    if (len > g->end - g->at)
        return vv_fail(err, VARVE_CORRUPT, "the store gives more than was asked for");
    VV_TRY(g->sink(g->arg, g->at, bytes, len, err));
    g->at += len;
    return VARVE_OK;
}

/* An answer without a byte never met on_bytes. */
static varve_status end_attempt(reading *g, s3_answer *a, varve_status status, varve_error *err)
{
    if (status != VARVE_OK) return status;
    if (!g->begun) VV_TRY(begin_attempt(g, &a->http, err));
    a->verdict = (s3_verdict){VARVE_CORRUPT, S3_AGAIN, false};
    if (g->end != UINT64_MAX && g->at != g->end)
        return vv_fail(err, VARVE_CORRUPT, "the answer ends %llu bytes early",
                       (unsigned long long)(g->end - g->at));
    return VARVE_OK;
}

static varve_status s3_stat(remote *base, const char *key, remote_stat_result *ret,
                            varve_error *err);

/* A range of nothing, which is none that HTTP could ask for; nor does every store say how long the
 * object is where a range begins behind its end. */
static varve_status get_nothing(remote *base, const char *key, uint64_t offset, varve_error *err)
{
    remote_stat_result found = {0};
    VV_TRY(s3_stat(base, key, &found, err));
    if (offset <= found.size) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the object has %llu bytes only",
                   (unsigned long long)found.size);
}

static varve_status get_once(s3_remote *r, const char *key, reading *g, s3_tries *tries,
                             s3_answer *answer, varve_error *err)
{
    char range[64];
    s3_call call = {.method = "GET", .key = key, .sink = on_bytes, .arg = g};
    g->attempt_from = g->at;
    g->begun = false;
    if (g->len != UINT64_MAX)
        snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)g->at,
                 (unsigned long long)(g->offset + g->len - 1));
    else
        snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)g->at);
    if (g->at > 0 || g->len != UINT64_MAX) s3_add_header(&call, "range", range);
    if (g->tag[0]) s3_add_header(&call, "if-match", g->tag);
    varve_status status = s3_send_once(r, &call, tries, answer, err);
    if (answer->http.status == 416 && g->len == UINT64_MAX)
        return get_nothing(&r->base, key, g->at, err);
    status = end_attempt(g, answer, status, err);
    if (g->at - g->attempt_from >= PROGRESS_BYTES) remote_attempts_progress(&tries->attempts);
    return status;
}

static varve_status run_get(s3_remote *r, const char *key, reading *g, s3_tries *tries,
                            s3_answer *answer, varve_error *err)
{
    varve_status status;
    while ((status = get_once(r, key, g, tries, answer, err)) != VARVE_OK)
        VV_TRY(s3_try_again(r, tries, answer, status, err));
    return VARVE_OK;
}

static varve_status s3_get(remote *base, const char *key, uint64_t offset, uint64_t len,
                           remote_sink sink, void *arg, const remote_cancel *cancel, char *ret_tag,
                           varve_error *err)
{
    s3_remote *r = (s3_remote *)base;
    reading g = {.offset = offset, .len = len, .at = offset, .sink = sink, .arg = arg};
    s3_tries tries;
    s3_answer answer;
    if (len == 0) return get_nothing(base, key, offset, err);
    g.end = UINT64_MAX;
    s3_tries_begin(&tries, r, len == UINT64_MAX ? 0 : len, cancel);
    s3_answer_init(&answer);
    varve_status status = run_get(r, key, &g, &tries, &answer, err);
    s3_answer_done(&answer);
    if (status == VARVE_OK && ret_tag) memcpy(ret_tag, g.tag, sizeof g.tag);
    return status;
}

/* ---- stat, list ---------------------------------------------------------------------------- */

static varve_status stat_once(s3_remote *r, const char *key, s3_tries *tries, s3_answer *answer,
                              varve_error *err)
{
    const s3_call call = {.method = "HEAD", .key = key};
    VV_TRY(s3_send_once(r, &call, tries, answer, err));
    if (answer->http.has_length && answer->http.etag[0]) return VARVE_OK;
    answer->verdict = (s3_verdict){VARVE_IO, S3_AGAIN, false};
    return vv_fail(err, VARVE_IO, "the store tells no size or no tag");
}

static varve_status s3_stat(remote *base, const char *key, remote_stat_result *ret,
                            varve_error *err)
{
    s3_remote *r = (s3_remote *)base;
    s3_tries tries;
    s3_answer answer;
    varve_status status;
    s3_tries_begin(&tries, r, 0, NULL);
    s3_answer_init(&answer);
    while ((status = stat_once(r, key, &tries, &answer, err)) != VARVE_OK) {
        status = s3_try_again(r, &tries, &answer, status, err);
        if (status != VARVE_OK) break;
    }
    const http_answer *h = &answer.http;
    if (status == VARVE_OK) {
        int64_t modified = http_parse_date(h->last_modified);
        ret->size = h->content_length;
        ret->modified_ms = modified > 0 ? (uint64_t)modified * 1000 : 0;
        memcpy(ret->tag, h->etag, sizeof ret->tag);
    }
    s3_answer_done(&answer);
    return status;
}

typedef struct listing {
    const s3_remote *r;
    const char *prefix;                /* with that of the remote */
    char last[REMOTE_KEY_MAX * 2 + 2]; /* handed over last, or where to begin; with the prefix */
    bool handed_over;                  /* a key of the page under way */
    remote_each each;
    void *arg;
} listing;

/* Keys of others in the bucket that no key of ours can be are passed over. */
static varve_status on_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    listing *l = arg;
    size_t len = strlen(key), own = strlen(l->r->prefix);
    l->handed_over = true;
    if (len >= sizeof l->last || strncmp(key, l->prefix, strlen(l->prefix)) != 0)
        return vv_fail(err, VARVE_CORRUPT, "the list has keys that were not asked for");
    if (l->last[0] && strcmp(key, l->last) <= 0)
        return vv_fail(err, VARVE_CORRUPT, "the list is not in order");
    memcpy(l->last, key, len + 1);
    if (remote_check_key(key + own, NULL) != VARVE_OK) return VARVE_OK;
    return l->each(l->arg, key + own, size, err);
}

/* An answer that is no list, but said to be one, may pass; nothing of it was handed over. */
static varve_status list_once(s3_remote *r, const s3_call *call, listing *l, s3_tries *tries,
                              s3_answer *answer, s3_xml_page *ret, varve_error *err)
{
    l->handed_over = false;
    VV_TRY(s3_send_once(r, call, tries, answer, err));
    const buffer *body = &answer->http.body;
    varve_status status = s3_xml_read_list(body->data, body->len, on_key, l, ret, err);
    bool again = status == VARVE_CORRUPT && !l->handed_over;
    answer->verdict = (s3_verdict){status, again ? S3_AGAIN : S3_FINAL, false};
    return status;
}

static varve_status list_page(s3_remote *r, listing *l, s3_xml_page *page, varve_error *err)
{
    s3_tries tries;
    s3_answer answer;
    s3_call call = {.method = "GET"};
    char token[S3_TOKEN_MAX];
    memcpy(token, page->next_token, sizeof token);
    s3_add_param(&call, "list-type", "2");
    s3_add_param(&call, "encoding-type", "url");
    s3_add_param(&call, "prefix", l->prefix);
    if (token[0])
        s3_add_param(&call, "continuation-token", token);
    else if (l->last[0])
        s3_add_param(&call, "start-after", l->last);
    s3_tries_begin(&tries, r, 0, NULL);
    s3_answer_init(&answer);
    varve_status status;
    while ((status = list_once(r, &call, l, &tries, &answer, page, err)) != VARVE_OK) {
        status = s3_try_again(r, &tries, &answer, status, err);
        if (status != VARVE_OK) break;
    }
    s3_answer_done(&answer);
    if (status == VARVE_OK && page->truncated && strcmp(page->next_token, token) == 0)
        return vv_fail(err, VARVE_CORRUPT, "the list does not go on");
    return status;
}

static varve_status s3_list(remote *base, const char *prefix, const char *after, remote_each each,
                            void *arg, varve_error *err)
{
    s3_remote *r = (s3_remote *)base;
    char full[REMOTE_KEY_MAX * 2 + 2];
    listing l = {.r = r, .prefix = full, .each = each, .arg = arg};
    VV_CLEANUP(vv_freep) s3_xml_page *page = calloc(1, sizeof *page);
    if (!page) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list");
    snprintf(full, sizeof full, "%s%s", r->prefix, prefix);
    if (after) snprintf(l.last, sizeof l.last, "%s%s", r->prefix, after);
    do
        VV_TRY(list_page(r, &l, page, err));
    while (page->truncated);
    return VARVE_OK;
}

/* ---- the other calls ----------------------------------------------------------------------- */

static varve_status s3_abilities(remote *base, remote_abilities *ret, varve_error *err)
{
    return s3_find_abilities((s3_remote *)base, ret, err);
}

static varve_status s3_put(remote *base, const char *key, const void *bytes, size_t len,
                           remote_when when, const char *tag, char *ret_tag, varve_error *err)
{
    s3_sums sums;
    VV_TRY(s3_sums_of(bytes, len, &sums, err));
    return s3_put_bytes((s3_remote *)base, key, bytes, len, &sums, when, tag, NULL, ret_tag, err);
}

static varve_status put_file(remote *base, const char *key, const remote_file *file,
                             const remote_cancel *cancel, varve_error *err)
{
    return s3_put_file((s3_remote *)base, key, file, cancel, err);
}

static varve_status abandon_file(remote *base, const char *journal, varve_error *err)
{
    return s3_abandon_file((s3_remote *)base, journal, err);
}

static varve_status s3_remove(remote *base, const char *key, varve_error *err)
{
    return s3_delete((s3_remote *)base, key, err);
}

static void s3_close(remote *base)
{
    s3_remote *r = (s3_remote *)base;
    credentials_source_free(r->credentials);
    http_pool_free(r->http);
    free(r->root);
    free(r->host);
    free(r->path);
    free(r->prefix);
    free(r->region);
    free(r->storage_class);
    free(r->encryption);
    free(r->kms_key_id);
    remote_done(base);
    free(r);
}

static const remote_type s3_type = {.close = s3_close,
                                    .get_abilities = s3_abilities,
                                    .put = s3_put,
                                    .put_file = put_file,
                                    .abandon_file = abandon_file,
                                    .get = s3_get,
                                    .stat = s3_stat,
                                    .list = s3_list,
                                    .remove = s3_remove};

/* ---- opening ------------------------------------------------------------------------------- */

static void closep(s3_remote **r)
{
    if (*r) s3_close(&(*r)->base);
}

/* What goes into headers and URLs as it is: printable, no space. */
static varve_status check_word(const char *what, const char *word, varve_error *err)
{
    size_t len = word ? strlen(word) : 0;
    for (size_t i = 0; i < len; i++)
        if (word[i] <= ' ' || word[i] >= 0x7f)
            return vv_fail(err, VARVE_INVALID, "%s has a character that cannot be sent", what);
    if (len > 512) return vv_fail(err, VARVE_LIMIT, "%s of %zu bytes", what, len);
    return VARVE_OK;
}

static varve_status check_bucket(const char *bucket, varve_error *err)
{
    size_t len = bucket ? strlen(bucket) : 0;
    bool good = len >= 3 && len <= 63 && bucket[0] != '.' && bucket[0] != '-';
    for (size_t i = 0; good && i < len; i++)
        good = (bucket[i] >= 'a' && bucket[i] <= 'z') || (bucket[i] >= '0' && bucket[i] <= '9') ||
               (i > 0 && (bucket[i] == '-' || (bucket[i] == '.' && bucket[i - 1] != '.')));
    if (good) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "a bucket's name is 3 to 63 of a-z 0-9 . -");
}

static varve_status check_options(const remote_s3_options *o, varve_error *err)
{
    VV_TRY(check_bucket(o->bucket, err));
    if (o->prefix) VV_TRY(remote_check_prefix(o->prefix, err));
    VV_TRY(check_word("the region", o->region, err));
    VV_TRY(check_word("the access key", o->access_key, err));
    VV_TRY(check_word("the storage class", o->storage_class, err));
    VV_TRY(check_word("the encryption", o->server_side_encryption, err));
    return check_word("the id of the encryption key", o->kms_key_id, err);
}

static bool copy_text(char **ret, const char *text)
{
    *ret = text ? strdup(text) : NULL;
    return *ret || !text;
}

static varve_status set_place(s3_remote *r, const remote_s3_options *o, varve_error *err)
{
    http_endpoint end;
    char url[600], text[1200], prefix[REMOTE_KEY_MAX + 2];
    const char *region = o->region && *o->region ? o->region : "us-east-1";
    if (o->endpoint)
        snprintf(url, sizeof url, "%s", o->endpoint);
    else
        snprintf(url, sizeof url, "https://s3.%s.amazonaws.com", region);
    VV_TRY(http_parse_endpoint(url, &end, err));
    if (!end.tls && !end.loopback && !o->plain_http_allowed)
        return vv_fail(err, VARVE_INVALID, "the endpoint is no https://, which has to be allowed");
    snprintf(prefix, sizeof prefix, "%s", o->prefix ? o->prefix : "");
    size_t len = strlen(prefix);
    if (len > 0 && prefix[len - 1] != '/') strcpy(prefix + len, "/");
    snprintf(text, sizeof text, "%s%s%s", o->virtual_host ? o->bucket : "",
             o->virtual_host ? "." : "", end.host);
    bool good = copy_text(&r->host, text);
    snprintf(text, sizeof text, "%s://%s", end.tls ? "https" : "http", r->host ? r->host : "");
    good = good && copy_text(&r->root, text);
    snprintf(text, sizeof text, "%s%s", o->virtual_host ? "" : "/",
             o->virtual_host ? "" : o->bucket);
    good = good && copy_text(&r->path, text) && copy_text(&r->prefix, prefix) &&
           copy_text(&r->region, region) && copy_text(&r->storage_class, o->storage_class) &&
           copy_text(&r->encryption, o->server_side_encryption) &&
           copy_text(&r->kms_key_id, o->kms_key_id);
    return good ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a remote");
}

varve_status remote_open_s3(const remote_s3_options *options, const remote_limits *limits,
                            remote **ret, varve_error *err)
{
    char name[REMOTE_KEY_MAX + 100];
    VV_TRY(check_options(options, err));
    VV_CLEANUP(closep) s3_remote *r = calloc(1, sizeof *r);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a remote");
    snprintf(name, sizeof name, "s3://%s%s%s", options->bucket,
             options->prefix && *options->prefix ? "/" : "",
             options->prefix ? options->prefix : "");
    VV_TRY(remote_init(&r->base, &s3_type, name, limits, err));
    VV_TRY(set_place(r, options, err));
    VV_TRY(http_pool_new(options->ca_file, &r->http, err));
    VV_TRY(credentials_source_new(options, r->http, &r->credentials, err));
    *ret = &r->base;
    r = NULL;
    return VARVE_OK;
}
