/* sums.h — SHA-256, HMAC-SHA256 and hexadecimal, by libcrypto.
 * Ownership  sums_stream_done() frees; it fits VV_CLEANUP.
 * Threads    a stream belongs to one thread; the rest is stateless.
 * Errors     VARVE_NO_MEMORY (libcrypto could not), VARVE_IO from files. */
#ifndef VARVE_SNAPSHOT_SUMS_H
#define VARVE_SNAPSHOT_SUMS_H

#include "base/status.h"

#define SUMS_BYTES    32
#define SUMS_HEX_SIZE 65 /* with its NUL */

typedef struct sums_stream {
    void *context; /* EVP_MD_CTX */
} sums_stream;

VV_CHECKED varve_status sums_stream_init(sums_stream *s, varve_error *err);
VV_CHECKED varve_status sums_stream_put(sums_stream *s, const void *bytes, size_t len,
                                        varve_error *err);
VV_CHECKED varve_status sums_stream_end(sums_stream *s, uint8_t ret[SUMS_BYTES], varve_error *err);
void sums_stream_done(sums_stream *s);

VV_CHECKED varve_status sums_of_bytes(const void *bytes, size_t len, uint8_t ret[SUMS_BYTES],
                                      varve_error *err);
/* Of a file that is read front to back; ret_size is what was read. */
VV_CHECKED varve_status sums_of_file(const char *path, uint8_t ret[SUMS_BYTES], uint64_t *ret_size,
                                     varve_error *err);
VV_CHECKED varve_status sums_hmac(const uint8_t *key, size_t key_len, const void *bytes, size_t len,
                                  uint8_t ret[SUMS_BYTES], varve_error *err);

void sums_hex(const uint8_t bytes[SUMS_BYTES], char ret[SUMS_HEX_SIZE]);
bool sums_parse_hex(const char *hex, uint8_t ret[SUMS_BYTES]); /* 64 digits in lower case */
/* In a time that does not depend on what differs. */
bool sums_equal(const uint8_t a[SUMS_BYTES], const uint8_t b[SUMS_BYTES]);

#endif
