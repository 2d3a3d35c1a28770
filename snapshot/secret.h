/* secret.h — the data key of a repository and what is derived of it: names of blobs, the sum of
 * manifests, sealed objects (secret_format.h). A NULL secret is a repository that is not encrypted:
 * names and sums are then plain.
 *
 * Without the passphrase or the key file nothing in such a repository can be read again, by
 * anybody. Neither is ever stored in it.
 *
 * Ownership  secret_free() forgets a key and frees it; NULL is fine. A codec ends with
 *            secret_codec_free().
 * Threads    a secret: any number. A codec: one.
 * Errors     VARVE_INVALID the passphrase or key file is wrong, or missing · VARVE_CORRUPT the
 *            object was altered, cut short, or belongs to another key · VARVE_NEWER_FORMAT ·
 *            VARVE_NO_MEMORY · VARVE_NOT_FOUND, VARVE_IO the key file. */
#ifndef VARVE_SNAPSHOT_SECRET_H
#define VARVE_SNAPSHOT_SECRET_H

#include "env.h"
#include "sums.h"

typedef struct secret secret;

typedef struct secret_source { /* one of the two */
    const char *passphrase;
    const char *key_file; /* a file of 32 to 65536 bytes that nobody can guess */
    uint32_t
        scrypt_log2n; /* cost of guessing, when a key is made; 0: 17 (128 MiB, half a second) */
} secret_source;

/* A new data key; ret_json: the text for keys/<key_id>.json, free() it. */
VV_CHECKED varve_status secret_create(const secret_source *source, const snapshot_env *env,
                                      secret **ret, char **ret_json, varve_error *err);
VV_CHECKED varve_status secret_open(const secret_source *source, const char *json, size_t len,
                                    secret **ret, varve_error *err);
void secret_free(secret *s);
void secret_freep(secret **s);
const char *secret_key_id(const secret *s);

/* The name of the blob with this content. */
VV_CHECKED varve_status secret_blob_name(const secret *s, const uint8_t plain[SUMS_BYTES],
                                         uint8_t ret[SUMS_BYTES], varve_error *err);
/* HMAC-SHA256 under the key of manifests; SHA-256 without a secret. */
VV_CHECKED varve_status secret_manifest_sum(const secret *s, const void *bytes, size_t len,
                                            uint8_t ret[SUMS_BYTES], varve_error *err);
/* Size of an object with so much plain text; false: beyond what a number holds. */
bool secret_sealed_size(const secret *s, uint64_t plain_size, uint64_t *ret);

/* Bytes in order through put, what comes of them to `out`, which may fail. */
typedef varve_status (*secret_out)(void *arg, const void *bytes, size_t len, varve_error *err);
typedef struct secret_codec secret_codec;
/* plain: SHA-256 of all that will be put. s is not NULL. */
VV_CHECKED varve_status secret_seal_new(const secret *s, const uint8_t plain[SUMS_BYTES],
                                        secret_out out, void *arg, secret_codec **ret,
                                        varve_error *err);
/* Nothing reaches `out` but what was authenticated; what did may still lack its end, until
 * secret_codec_end said that it is whole. */
VV_CHECKED varve_status secret_unseal_new(const secret *s, secret_out out, void *arg,
                                          secret_codec **ret, varve_error *err);
VV_CHECKED varve_status secret_codec_put(secret_codec *c, const void *bytes, size_t len,
                                         varve_error *err);
VV_CHECKED varve_status secret_codec_end(secret_codec *c, varve_error *err);
void secret_codec_free(secret_codec *c);
void secret_codec_freep(secret_codec **c);

#endif
