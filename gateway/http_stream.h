/* http_stream.h — the body of a streamed request on its way from the network thread to a handler: a
 * bounded ring of bytes. When it is full the connection is suspended until the handler has taken
 * half of it, so a slow handler slows its client down and nothing piles up.
 * Ownership  stream_free() frees.
 * Threads    put, end and fail belong to the network thread, read and finish to the handler's. */
#ifndef GATEWAY_HTTP_STREAM_H
#define GATEWAY_HTTP_STREAM_H

#include "base/status.h"

#include <pthread.h>

#define STREAM_RING_BYTES (1u << 20)

typedef struct http_stream {
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t more;
    char *ring;
    size_t first, count;
    uint64_t taken_bytes; /* by put, in all */
    bool ended;           /* the whole body is in */
    bool paused;          /* the connection is suspended, because the ring is full */
    bool waiting;         /* the connection is suspended, because only the reply is missing */
    bool finished;        /* the handler is done */
    varve_status failure; /* VARVE_OK, or why no more will come */
    const char *failure_text;
} http_stream;

VV_CHECKED varve_status stream_new(http_stream **ret, varve_error *err);
void stream_free(http_stream *s);

/* Take what fits; the rest is the caller's to offer again. Locked: the caller holds s->lock, and
 * suspends its connection under it when something was left. */
size_t stream_put_locked(http_stream *s, const char *bytes, size_t len);
/* The first failure counts. */
void stream_fail(http_stream *s, varve_status failure, const char *text);
/* Why nobody is left to answer: VARVE_IO or VARVE_TIMEOUT; VARVE_OK: somebody is. */
varve_status stream_gone(http_stream *s);

/* Next bytes, at least one; *ret_len 0 at the end. *ret_resume: the connection was paused, and the
 * caller must resume it now. */
VV_CHECKED varve_status stream_read(http_stream *s, char *ret, size_t size, size_t *ret_len,
                                    bool *ret_resume, varve_error *err);

#endif
