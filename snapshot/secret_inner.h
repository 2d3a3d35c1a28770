/* secret_inner.h — shared by secret*.c only: the key itself, and one chunk of AES-256-GCM.
 * Ownership  none.   Threads  as in secret.h.
 * Errors     VARVE_CORRUPT: a tag that does not fit; VARVE_NO_MEMORY. */
#ifndef VARVE_SNAPSHOT_SECRET_INNER_H
#define VARVE_SNAPSHOT_SECRET_INNER_H

#include "secret.h"
#include "secret_format.h"

struct secret {
    uint8_t data_key[SECRET_KEY_BYTES];
    char key_id[NAMES_ID_SIZE];
    uint8_t key_id_bytes[16];
};

typedef struct secret_box { /* what one call of GCM needs */
    const uint8_t *key;     /* SECRET_KEY_BYTES */
    uint8_t nonce[SECRET_NONCE_BYTES];
    const void *associated;
    size_t associated_len;
} secret_box;

/* out: len bytes and the tag. */
VV_CHECKED varve_status secret_box_seal(const secret_box *b, const uint8_t *plain, size_t len,
                                        uint8_t *out, varve_error *err);
/* bytes: len bytes and the tag; out: len. */
VV_CHECKED varve_status secret_box_open(const secret_box *b, const uint8_t *bytes, size_t len,
                                        uint8_t *out, varve_error *err);
/* HMAC-SHA256(data key, label | bytes) */
VV_CHECKED varve_status secret_derive(const secret *s, const char *label, const void *bytes,
                                      size_t len, uint8_t ret[SUMS_BYTES], varve_error *err);

#endif
