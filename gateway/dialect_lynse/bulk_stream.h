/* bulk_stream.h — the body of a streamed request as lines or as runs of bytes, in bounded memory.
 *
 * Ownership  what the readers return is borrowed until the next call on the stream.
 * Threads    one at a time.
 * Errors     VARVE_INVALID when the body ends inside what was asked for, VARVE_LIMIT when that is
 *            longer than the stream may hold; the server's own for a client that went away. */
#ifndef BULK_STREAM_H
#define BULK_STREAM_H

#include "handler.h"

#include "base/status.h"

typedef struct bulk_stream {
    http_request *request;
    char *data; /* JSON_TEXT_PADDING readable bytes behind capacity */
    size_t at, len, capacity, max_bytes;
    bool ended;     /* the body has no more to read */
    uint64_t bytes; /* read so far */
} bulk_stream;

/* max_bytes: of the longest line or run. */
void bulk_stream_init(bulk_stream *s, http_request *request, size_t max_bytes);
void bulk_stream_done(bulk_stream *s); /* also fits VV_CLEANUP */

/* The next line without its end; *ret NULL at the end of the body. The text may be changed, and
 * JSON_TEXT_PADDING bytes behind it may be read. */
VV_CHECKED varve_status bulk_stream_line(bulk_stream *s, char **ret, size_t *ret_len,
                                         varve_error *err);
/* Exactly len bytes, aligned for any type. */
VV_CHECKED varve_status bulk_stream_bytes(bulk_stream *s, size_t len, const char **ret,
                                          varve_error *err);
VV_CHECKED varve_status bulk_stream_at_end(bulk_stream *s, bool *ret, varve_error *err);

#endif
