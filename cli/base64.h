/* base64.h — RFC 4648 base64 with padding; read strictly: no white space, no stray bits.
 * Stateless. */
#ifndef CLI_BASE64_H
#define CLI_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ret has room for len / 4 * 3 bytes; false when the text is not base64. */
bool base64_decode(const char *text, size_t len, uint8_t *ret, size_t *ret_len);
static inline size_t base64_length(size_t bytes) { return (bytes + 2) / 3 * 4; }
void base64_encode(const void *bytes, size_t len, char *ret);

#endif
