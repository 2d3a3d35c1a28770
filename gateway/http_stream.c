/* http_stream.c — the ring. */
#include "http_stream.h"

#include <stdlib.h>
#include <string.h>

varve_status stream_new(http_stream **ret, varve_error *err)
{
    http_stream *s = calloc(1, sizeof *s);
    if (s) s->ring = malloc(STREAM_RING_BYTES);
    if (!s || !s->ring) {
        free(s);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a streamed body");
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->more, NULL);
    *ret = s;
    return VARVE_OK;
}

void stream_free(http_stream *s)
{
    if (!s) return;
    (void)pthread_cond_destroy(&s->more);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->ring);
    free(s);
}

size_t stream_put_locked(http_stream *s, const char *bytes, size_t len)
{
    size_t n = VV_MIN(len, STREAM_RING_BYTES - s->count);
    size_t at = (s->first + s->count) % STREAM_RING_BYTES;
    size_t piece = VV_MIN(n, STREAM_RING_BYTES - at);
    memcpy(s->ring + at, bytes, piece);
    memcpy(s->ring, bytes + piece, n - piece);
    s->count += n;
    s->taken_bytes += n;
    if (n) (void)pthread_cond_signal(&s->more);
    return n;
}

void stream_fail(http_stream *s, varve_status failure, const char *text)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->failure == VARVE_OK) {
        s->failure = failure;
        s->failure_text = text;
    }
    (void)pthread_cond_signal(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
}

varve_status stream_gone(http_stream *s)
{
    varve_status failure;
    (void)pthread_mutex_lock(&s->lock);
    failure = s->failure == VARVE_LIMIT ? VARVE_OK : s->failure;
    (void)pthread_mutex_unlock(&s->lock);
    return failure;
}

static size_t take_locked(http_stream *s, char *ret, size_t size)
{
    size_t n = VV_MIN(size, s->count);
    size_t piece = VV_MIN(n, STREAM_RING_BYTES - s->first);
    memcpy(ret, s->ring + s->first, piece);
    memcpy(ret + piece, s->ring, n - piece);
    s->first = (s->first + n) % STREAM_RING_BYTES;
    s->count -= n;
    return n;
}

varve_status stream_read(http_stream *s, char *ret, size_t size, size_t *ret_len, bool *ret_resume,
                         varve_error *err)
{
    varve_status status = VARVE_OK;
    (void)pthread_mutex_lock(&s->lock);
    while (s->count == 0 && !s->ended && s->failure == VARVE_OK)
        (void)pthread_cond_wait(&s->more, &s->lock);
    *ret_resume = false;
    if (s->failure != VARVE_OK) {
        status = vv_fail(err, s->failure, "%s", s->failure_text);
    } else {
        *ret_len = take_locked(s, ret, size);
        *ret_resume = s->paused && s->count <= STREAM_RING_BYTES / 2;
        if (*ret_resume) s->paused = false;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return status;
}
