/* bulk_stream.c — the body of a streamed request as lines or as runs of bytes. */
#include "bulk_stream.h"

#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 256 * 1024 };

void bulk_stream_init(bulk_stream *s, http_request *request, size_t max_bytes)
{
    *s = (bulk_stream){.request = request, .max_bytes = max_bytes};
}

void bulk_stream_done(bulk_stream *s) { free(s->data); }

/* Move what is unread to the front: free space then follows it, and it is aligned. */
static void shift(bulk_stream *s)
{
    if (s->at == 0) return;
    memmove(s->data, s->data + s->at, s->len - s->at);
    s->len -= s->at;
    s->at = 0;
}

static varve_status grow(bulk_stream *s, size_t capacity, varve_error *err)
{
    char *bigger = realloc(s->data, capacity + JSON_TEXT_PADDING);
    if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read the body");
    memset(bigger + capacity, 0, JSON_TEXT_PADDING);
    s->data = bigger;
    s->capacity = capacity;
    return VARVE_OK;
}

/* Read some more bytes behind those that are there. */
static varve_status read_more(bulk_stream *s, varve_error *err)
{
    size_t got;
    if (s->capacity - s->len < READ_BYTES / 4) shift(s);
    if (s->capacity - s->len < READ_BYTES / 4) {
        if (s->len >= s->max_bytes)
            return vv_fail(err, VARVE_LIMIT, "longer than the %zu bytes that are allowed",
                           s->max_bytes);
        VV_TRY(grow(s, VV_MAX(2 * s->capacity, (size_t)READ_BYTES), err));
    }
    VV_TRY(http_body_read(s->request, s->data + s->len, s->capacity - s->len, &got, err));
    s->len += got;
    s->bytes += got;
    s->ended = got == 0;
    return VARVE_OK;
}

varve_status bulk_stream_line(bulk_stream *s, char **ret, size_t *ret_len, varve_error *err)
{
    size_t searched = 0;
    for (;;) {
        size_t unread = s->len - s->at;
        char *start = s->data + s->at;
        char *end = unread > searched ? memchr(start + searched, '\n', unread - searched) : NULL;
        if (!end && s->ended && unread) end = start + unread;
        if (end) {
            s->at += VV_MIN((size_t)(end - start) + 1, unread);
            *ret = start;
            *ret_len = (size_t)(end - start);
            return VARVE_OK;
        }
        if (s->ended) {
            *ret = NULL;
            *ret_len = 0;
            return VARVE_OK;
        }
        searched = unread;
        VV_TRY(read_more(s, err));
    }
}

varve_status bulk_stream_bytes(bulk_stream *s, size_t len, const char **ret, varve_error *err)
{
    if (len > s->max_bytes)
        return vv_fail(err, VARVE_LIMIT, "longer than the %zu bytes that are allowed",
                       s->max_bytes);
    if (s->at % JSON_TEXT_PADDING) shift(s);
    while (s->len - s->at < len && !s->ended)
        VV_TRY(read_more(s, err));
    if (s->len - s->at < len)
        return vv_fail(err, VARVE_INVALID, "the body ends after %zu of %zu bytes", s->len - s->at,
                       len);
    *ret = s->data + s->at;
    s->at += len;
    return VARVE_OK;
}

varve_status bulk_stream_at_end(bulk_stream *s, bool *ret, varve_error *err)
{
    while (s->at == s->len && !s->ended)
        VV_TRY(read_more(s, err));
    *ret = s->at == s->len;
    return VARVE_OK;
}
