/* buffer.h — a byte buffer that grows up to a limit named when it is made.
 * Ownership  buffer_done() frees; buffer_take() hands the bytes to the caller (free()).
 * Threads    one at a time.
 * Errors     VARVE_LIMIT past max_bytes (the message names what and limit), VARVE_NO_MEMORY. After
 * an error the contents are what they were before the call. */
#ifndef VARVE_BASE_BUFFER_H
#define VARVE_BASE_BUFFER_H

#include "base/status.h"

typedef struct buffer {
    char *data;
    size_t len, capacity, max_bytes;
    const char *what; /* for the message: "response body" */
} buffer;

void buffer_init(buffer *b, size_t max_bytes, const char *what);
void buffer_done(buffer *b); /* also fits VV_CLEANUP */
VV_CHECKED varve_status buffer_reserve(buffer *b, size_t more_bytes, varve_error *err);
VV_CHECKED varve_status buffer_add(buffer *b, const void *bytes, size_t len, varve_error *err);
VV_CHECKED varve_status buffer_add_text(buffer *b, const char *text, varve_error *err);
VV_CHECKED varve_status buffer_printf(buffer *b, varve_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline void buffer_clear(buffer *b) { b->len = 0; }
char *buffer_take(buffer *b); /* NULL when nothing was ever added */

#endif
