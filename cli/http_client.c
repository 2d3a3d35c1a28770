/* http_client.c — see http_client.h. */
#include "http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)256 << 20)
#define CONNECT_SECONDS  10L
#define CALL_SECONDS     300L
#define WORDS_BYTES_MAX  300 /* of an answer that is not JSON */

struct http_client {
    CURL *curl;
    char *url; /* without the last slash */
    struct curl_slist *json_headers, *upload_headers;
    buffer answer;
    /* of the upload under way */
    http_pull *pull;
    void *pull_context;
    buffer piece;
    size_t piece_at;
    varve_status pull_status;
    varve_error pull_err;
};

void http_answer_freep(json_t **answer) { json_decref(*answer); }

/* ---- callbacks of libcurl ---- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    http_client *c = context;
    return buffer_add(&c->answer, bytes, size * count, NULL) == VARVE_OK ? size * count : 0;
}

static size_t give_upload(char *to, size_t size, size_t count, void *context)
{
    http_client *c = context;
    if (c->piece_at == c->piece.len) {
        buffer_clear(&c->piece);
        c->piece_at = 0;
        c->pull_status = c->pull(c->pull_context, &c->piece, &c->pull_err);
        if (c->pull_status != VARVE_OK) return CURL_READFUNC_ABORT;
    }
    size_t n = VV_MIN(size * count, c->piece.len - c->piece_at);
    if (n > 0) memcpy(to, c->piece.data + c->piece_at, n);
    c->piece_at += n;
    return n;
}

/* ---- open, close ---- */

static bool add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (longer) *list = longer;
    return longer != NULL;
}

static bool add_headers(http_client *c, const char *api_key)
{
    char key[1024];
    bool good = add_header(&c->json_headers, "Content-Type: application/json") &&
                add_header(&c->json_headers, "Expect:") &&
                add_header(&c->upload_headers, "Content-Type: application/octet-stream") &&
                add_header(&c->upload_headers, "Transfer-Encoding: chunked");
    if (!api_key) return good;
    int n = snprintf(key, sizeof key, "Authorization: Bearer %s", api_key);
    return good && n < (int)sizeof key && add_header(&c->json_headers, key) &&
           add_header(&c->upload_headers, key);
}

varve_status http_open(const char *url, const char *api_key, http_client **ret, varve_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return vv_fail(err, VARVE_INTERNAL, "libcurl does not start");
    VV_CLEANUP(http_closep) http_client *c = calloc(1, sizeof *c);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an HTTP client");
    buffer_init(&c->answer, ANSWER_BYTES_MAX, "answer of the server");
    buffer_init(&c->piece, 0, "piece of an upload");
    c->curl = curl_easy_init();
    c->url = strdup(url);
    if (!c->curl || !c->url || !add_headers(c, api_key))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for an HTTP client");
    size_t len = strlen(c->url);
    if (len > 0 && c->url[len - 1] == '/') c->url[len - 1] = '\0';
    *ret = c;
    c = NULL;
    return VARVE_OK;
}

void http_close(http_client *c)
{
    if (!c) return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->json_headers);
    curl_slist_free_all(c->upload_headers);
    buffer_done(&c->answer);
    buffer_done(&c->piece);
    free(c->url);
    free(c);
}

void http_closep(http_client **c) { http_close(*c); }

/* ---- answers ---- */

static varve_status status_of_http(long code)
{
    static const varve_status fitting[] = {VARVE_INVALID,   VARVE_NOT_FOUND, VARVE_EXISTS,
                                           VARVE_READ_ONLY, VARVE_NO_SPACE,  VARVE_TIMEOUT};
    for (size_t i = 0; i < VV_COUNT(fitting); i++)
        if (varve_status_http(fitting[i]) == code) return fitting[i];
    return code < 500 ? VARVE_INVALID : VARVE_INTERNAL;
}

/* The answer as JSON; NULL when it is not. */
static varve_status parse_answer(http_client *c, json_t **ret_root, varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    json_document d = {0};
    size_t len = c->answer.len;
    VV_TRY(buffer_reserve(&c->answer, JSON_TEXT_PADDING, err));
    memset(c->answer.data + len, 0, JSON_TEXT_PADDING);
    VV_TRY(json_parse(c->answer.data, len, no_keys, 0, &d, err));
    *ret_root = json_incref(d.root);
    json_document_done(&d);
    return VARVE_OK;
}

static varve_status refusal(http_client *c, long code, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *root = NULL;
    VV_CLEANUP(vv_freep)
    char *raw =
        c->answer.data ? strndup(c->answer.data, VV_MIN(c->answer.len, WORDS_BYTES_MAX)) : NULL;
    const char *sentence = NULL;
    if (parse_answer(c, &root, NULL) == VARVE_OK)
        sentence = json_string_value(json_object_get(root, "error"));
    if (!sentence) sentence = raw && *raw ? raw : "(no words)";
    return vv_fail(err, status_of_http(code), "%s answers %ld: %s", c->url, code, sentence);
}

static varve_status take_params(http_client *c, json_t **ret_params, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *root = NULL;
    varve_status status = parse_answer(c, &root, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "answer of %s", c->url);
        return status;
    }
    *ret_params = json_incref(json_object_get(root, "params"));
    return VARVE_OK;
}

/* Send what was set up, and read the answer. */
static varve_status perform(http_client *c, const char *path, json_t **ret_params, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *url = NULL;
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;
    if (asprintf(&url, "%s%s", c->url, path) < 0) {
        url = NULL;
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a URL");
    }
    buffer_clear(&c->answer);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    CURLcode result = curl_easy_perform(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    if (result != CURLE_OK)
        return vv_fail(err, VARVE_IO, "%s: %s", c->url, *why ? why : curl_easy_strerror(result));
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200) return refusal(c, code, err);
    return take_params(c, ret_params, err);
}

static varve_status call(http_client *c, const char *path, json_t *body, long seconds,
                         json_t **ret_params, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *owned = body;
    VV_CLEANUP(vv_freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    (void)owned; /* ends with this call, however it ends */
    if (body && !text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a request");
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(c->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->json_headers);
    if (text) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
    }
    return perform(c, path, ret_params, err);
}

varve_status http_call(http_client *c, const char *path, json_t *body, json_t **ret_params,
                       varve_error *err)
{
    return call(c, path, body, CALL_SECONDS, ret_params, err);
}

varve_status http_call_long(http_client *c, const char *path, json_t *body, json_t **ret_params,
                            varve_error *err)
{
    return call(c, path, body, 0, ret_params, err);
}

varve_status http_upload(http_client *c, const char *path_and_query, http_pull *pull, void *context,
                         size_t piece_bytes_max, json_t **ret_params, varve_error *err)
{
    c->pull = pull;
    c->pull_context = context;
    c->pull_status = VARVE_OK;
    c->piece_at = 0;
    buffer_done(&c->piece);
    buffer_init(&c->piece, piece_bytes_max, "piece of an upload");
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->upload_headers);
    curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(c->curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, give_upload);
    curl_easy_setopt(c->curl, CURLOPT_READDATA, c);
    varve_status status = perform(c, path_and_query, ret_params, err);
    if (c->pull_status == VARVE_OK) return status;
    return vv_fail(err, c->pull_status, "%s", c->pull_err.message);
}

varve_status http_add_query(http_client *c, buffer *path, const char *key, const char *value,
                            varve_error *err)
{
    bool first = !memchr(path->data, '?', path->len);
    char *escaped = curl_easy_escape(c->curl, value, 0);
    if (!escaped) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a URL");
    varve_status status = buffer_printf(path, err, "%c%s=%s", first ? '?' : '&', key, escaped);
    curl_free(escaped);
    return status;
}
