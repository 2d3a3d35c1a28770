/* http_request.c — the text of a request, and what handlers ask of it. */
#include "http_request.h"

#include "http_server_inner.h"
#include "reply.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_FIRST_BYTES 65536u
#define BODY_KEPT_BYTES  65536u

bool request_set_uri(http_request *r, const char *uri, size_t uri_max)
{
    size_t len = strnlen(uri, uri_max + 1);
    size_t wanted = 2 * len + 2 + PATH_PARAMS_MAX; /* once as sent, once for decoded parameters */
    if (wanted > r->text_capacity) {
        char *text = realloc(r->text, VV_MAX(wanted, (size_t)512));
        if (!text) return false;
        r->text = text;
        r->text_capacity = VV_MAX(wanted, (size_t)512);
    }
    r->text_cut = len > uri_max;
    if (r->text_cut) len = uri_max;
    memcpy(r->text, uri, len);
    r->text[len] = '\0';
    r->uri_len = len;
    r->path_len = strcspn(r->text, "?");
    r->text[r->path_len] = '\0'; /* from here on the query stands behind the path's end */
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Printable ASCII, and every % begins an escape that is not of NUL. */
static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f) return false;
        if (c != '%') continue;
        if (len - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return false;
        if (text[i + 1] == '0' && text[i + 2] == '0') return false;
    }
    return true;
}

/* Decode clean text, to itself or elsewhere; returns the end, where it wrote a NUL. */
static char *decode(char *to, const char *from, size_t len, bool plus_is_space)
{
    for (size_t i = 0; i < len; i++) {
        char c = from[i];
        if (c == '%') {
            c = (char)(hex_value(from[i + 1]) << 4 | hex_value(from[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *to++ = c;
    }
    *to = '\0';
    return to;
}

static bool split_query(http_request *r)
{
    char *at = r->text + r->path_len;
    while (at) {
        char *key = at + 1, *next = strchr(key, '&');
        size_t len = next ? (size_t)(next - key) : strlen(key);
        char *equals = memchr(key, '=', len);
        size_t key_len = equals ? (size_t)(equals - key) : len;
        if (len > 0) {
            if (r->argument_count == QUERY_ARGUMENTS_MAX) return false;
            r->arguments[r->argument_count++] = (http_pair){key, equals ? equals + 1 : key + len};
            (void)decode(key + key_len + (equals != NULL), key + key_len + (equals != NULL),
                         len - key_len - (equals != NULL), true);
            (void)decode(key, key, key_len, true);
        }
        at = next;
    }
    return true;
}

bool request_parse_uri(http_request *r)
{
    bool query = r->path_len < r->uri_len;
    if (*r->text != '/' || !is_clean(r->text, r->path_len) ||
        (query && !is_clean(r->text + r->path_len + 1, r->uri_len - r->path_len - 1))) {
        reply_failure(&r->reply, 400, "invalid_argument",
                      "The request's target is not well-formed");
        return false;
    }
    if (query && !split_query(r)) {
        reply_failure(&r->reply, 400, "invalid_argument", "More than %d query arguments",
                      QUERY_ARGUMENTS_MAX);
        return false;
    }
    return true;
}

bool request_parse_params(http_request *r)
{
    char *to = r->text + r->uri_len + 1;
    const char *at = r->route->path;
    while ((at = strchr(at, '{')) && r->param_count < PATH_PARAMS_MAX) {
        char key[64];
        varve_text value;
        size_t len = strcspn(at + 1, "}");
        if (len >= sizeof key) return false;
        memcpy(key, at + 1, len);
        key[len] = '\0';
        if (!route_param(r->route, r->text, key, &value)) return false;
        /* The key is kept as its place in the pattern, which ends with the brace. */
        r->params[r->param_count++] = (http_pair){at + 1, to};
        to = decode(to, value.data, value.len, false) + 1;
        at += len;
    }
    return true;
}

bool request_body_reserve(http_request *r, size_t more)
{
    size_t wanted = r->received + more + JSON_TEXT_PADDING, capacity = r->body_capacity;
    char *body;
    if (wanted <= capacity) return true;
    if (capacity < BODY_FIRST_BYTES) capacity = BODY_FIRST_BYTES;
    while (capacity < wanted)
        capacity *= 2;
    if (!r->chunked)
        capacity = VV_MIN(capacity, VV_MAX((size_t)r->content_length + JSON_TEXT_PADDING, wanted));
    body = realloc(r->body, capacity);
    if (!body) return false;
    r->body = body;
    r->body_capacity = capacity;
    return true;
}

void request_reset(http_request *r)
{
    if (r->body_capacity > BODY_KEPT_BYTES) {
        free(r->body);
        r->body = NULL;
        r->body_capacity = 0;
    }
    if (r->response) MHD_destroy_response(r->response);
    buffer_done(&r->reply.body);
    stream_free(r->stream);
    served_let_go(r->served);
    free(r->headers);
    *r = (http_request){.server = r->server,
                        .text = r->text,
                        .text_capacity = r->text_capacity,
                        .body = r->body,
                        .body_capacity = r->body_capacity};
}

void request_free(http_request *r)
{
    request_reset(r);
    free(r->text);
    free(r->body);
    free(r);
}

/* ---- handler.h ----------------------------------------------------------------------------- */

const char *http_method(const http_request *r) { return r->method; }
const char *http_path(const http_request *r) { return r->text; }
const char *http_request_id(const http_request *r) { return r->id; }

const char *http_query(const http_request *r, const char *key)
{
    for (size_t i = 0; i < r->argument_count; i++) {
        if (strcmp(r->arguments[i].key, key) == 0) return r->arguments[i].value;
    }
    return NULL;
}

const char *http_path_param(const http_request *r, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < r->param_count; i++) {
        if (strncmp(r->params[i].key, key, len) == 0 && r->params[i].key[len] == '}')
            return r->params[i].value;
    }
    return NULL;
}

const char *http_header(const http_request *r, const char *name)
{
    if (!r->stream) return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
    for (const char *at = r->headers; at && *at;) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0) return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

char *http_body(http_request *r, size_t *ret_len)
{
    *ret_len = (size_t)r->received;
    return r->route->limit == LIMIT_NONE ? NULL : r->body;
}

varve_status http_body_read(http_request *r, char *ret, size_t size, size_t *ret_len,
                            varve_error *err)
{
    bool resume;
    VV_TRY(stream_read(r->stream, ret, size, ret_len, &resume, err));
    if (resume) MHD_resume_connection(r->mhd);
    return VARVE_OK;
}

varve *gateway_db(gateway *g) { return g->db; }
varve *http_db(const http_request *r) { return r->served ? r->served->db : r->server->g->db; }
const varve_options *gateway_limits(gateway *g) { return &g->config.engine; }
const char *gateway_root_path(gateway *g) { return g->root_path; }

void gateway_count_search(gateway *g, search_kind kind, bool filtered, uint64_t elapsed_ns)
{
    metrics_count_search(&g->metrics, kind, filtered, elapsed_ns);
}

void gateway_count_rerank_failure(gateway *g)
{
    atomic_fetch_add_explicit(&g->metrics.rerank_failures, 1, memory_order_relaxed);
}
