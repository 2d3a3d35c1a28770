/* http_head.c — one walk over the headers. */
#include "http_head.h"

#include "reply.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct head_scan {
    size_t count, bytes, lengths, codings, hosts;
    const char *length, *coding;
    bool malformed;
} head_scan;

/* RFC 9110: a token. */
static bool is_token(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return len > 0;
}

static bool has_controls(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

static enum MHD_Result scan_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    head_scan *s = context;
    (void)kind;
    s->count++;
    s->bytes += name_len + value_len + 4;
    if (!is_token(name, name_len) || has_controls(value ? value : "", value_len))
        s->malformed = true;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        s->lengths++;
        s->length = value ? value : "";
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        s->codings++;
        s->coding = value ? value : "";
    } else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        s->hosts++;
    }
    return MHD_YES;
}

static bool parse_length(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

static bool refuse(http_request *r, int status, const char *why)
{
    reply_failure(&r->reply, status, "invalid_argument", "%s", why);
    r->reply.close = true;
    return false;
}

static bool check_framing(http_request *r, const head_scan *s)
{
    if (s->malformed) return refuse(r, 400, "A header is not well-formed");
    if (s->hosts > 1 || (s->hosts == 0 && !r->old_version))
        return refuse(r, 400, "One Host header is needed");
    if (s->lengths + s->codings > 1)
        return refuse(r, 400, "More than one Content-Length or Transfer-Encoding");
    if (s->coding && strcasecmp(s->coding, "chunked") != 0)
        return refuse(r, 501, "Of transfer codings only chunked is understood");
    if (s->length && !parse_length(s->length, &r->content_length))
        return refuse(r, 400, "Content-Length is not a number");
    r->chunked = s->coding != NULL;
    r->has_body = r->chunked || r->content_length > 0;
    return true;
}

bool head_check(http_request *r, const config *limits)
{
    head_scan s = {0};
    (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, scan_header, &s);
    if (!check_framing(r, &s)) return false;
    if (r->text_cut) return refuse(r, 414, "The request's target is too long");
    if (s.count > limits->max_headers || s.bytes > limits->max_header_bytes)
        return refuse(r, 431, "Too many or too long headers");
    if (request_parse_uri(r)) return true;
    r->reply.close = true;
    return false;
}

typedef struct head_text {
    char *at;
    size_t len;
} head_text;

/* First pass (at NULL): the length; second: the bytes. */
static enum MHD_Result copy_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    head_text *t = context;
    (void)kind;
    if (t->at) {
        memcpy(t->at + t->len, name, name_len);
        t->at[t->len + name_len] = '\0';
        if (value_len) memcpy(t->at + t->len + name_len + 1, value, value_len);
        t->at[t->len + name_len + 1 + value_len] = '\0';
    }
    t->len += name_len + value_len + 2;
    return MHD_YES;
}

bool head_copy(http_request *r)
{
    head_text t = {0};
    (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, copy_header, &t);
    r->headers = malloc(t.len + 1);
    if (!r->headers) return false;
    t = (head_text){r->headers, 0};
    (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, copy_header, &t);
    r->headers[t.len] = '\0';
    return true;
}
