/* bulk_base64.h — base64 (RFC 4648, standard alphabet, padding optional) to bytes. */
#ifndef BULK_BASE64_H
#define BULK_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that `len` characters can decode to, at the most. */
static inline size_t bulk_base64_size(size_t len) { return len / 4 * 3 + 3; }
/* ret: room for bulk_base64_size(len). False: not base64. */
bool bulk_base64_decode(const char *text, size_t len, void *ret, size_t *ret_len);

#endif
