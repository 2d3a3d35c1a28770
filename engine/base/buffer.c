/* buffer.c — a byte buffer that doubles up to its limit. */
#include "base/buffer.h"
#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define BUFFER_BYTES_FIRST 256

void buffer_init(buffer *b, size_t max_bytes, const char *what)
{
    *b = (buffer){.max_bytes = VV_MIN(max_bytes, (size_t)PTRDIFF_MAX - 1), .what = what};
}

void buffer_done(buffer *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->capacity = 0;
}

static varve_status buffer_grow(buffer *b, size_t wanted, varve_error *err)
{
    size_t capacity = VV_MAX(b->capacity, (size_t)BUFFER_BYTES_FIRST);
    while (capacity < wanted && capacity <= b->max_bytes / 2)
        capacity *= 2;
    if (capacity < wanted) capacity = b->max_bytes;
    capacity = VV_MIN(capacity, b->max_bytes);
    /* One more byte: buffer_printf lets vsnprintf write its NUL there. */
    char *data = realloc(b->data, capacity + 1);
    if (!data)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu bytes of %s", capacity, b->what);
    b->data = data;
    b->capacity = capacity;
    return VARVE_OK;
}

varve_status buffer_reserve(buffer *b, size_t more_bytes, varve_error *err)
{
    size_t wanted;
    if (!size_add(b->len, more_bytes, &wanted) || wanted > b->max_bytes)
        return vv_fail(err, VARVE_LIMIT, "%s is larger than the limit of %zu bytes", b->what,
                       b->max_bytes);
    if (VV_LIKELY(wanted <= b->capacity && b->data)) return VARVE_OK;
    return buffer_grow(b, wanted, err);
}

varve_status buffer_add(buffer *b, const void *bytes, size_t len, varve_error *err)
{
    if (len == 0) return VARVE_OK;
    VV_TRY(buffer_reserve(b, len, err));
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
    return VARVE_OK;
}

varve_status buffer_add_text(buffer *b, const char *text, varve_error *err)
{
    return buffer_add(b, text, strlen(text), err);
}

varve_status buffer_printf(buffer *b, varve_error *err, const char *format, ...)
{
    va_list args;
    int len;
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return vv_fail(err, VARVE_INTERNAL, "%s: text cannot be formatted", b->what);
    VV_TRY(buffer_reserve(b, (size_t)len, err));
    va_start(args, format);
    (void)vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
    va_end(args);
    b->len += (size_t)len;
    return VARVE_OK;
}

char *buffer_take(buffer *b)
{
    char *data = b->data;
    b->data = NULL;
    b->len = b->capacity = 0;
    return data;
}
