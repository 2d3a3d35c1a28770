/* secret_box.c — AES-256-GCM and derived keys by libcrypto; see secret_inner.h. */
#include "secret_inner.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define LABEL_MAX 32

static void context_freep(EVP_CIPHER_CTX **c) { EVP_CIPHER_CTX_free(*c); }

static varve_status fail(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "libcrypto cannot encrypt");
}

varve_status secret_box_seal(const secret_box *b, const uint8_t *plain, size_t len, uint8_t *out,
                             varve_error *err)
{
    VV_CLEANUP(context_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    bool fine = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, b->key, b->nonce) == 1 &&
                EVP_EncryptUpdate(c, NULL, &n, b->associated, (int)b->associated_len) == 1 &&
                (len == 0 || EVP_EncryptUpdate(c, out, &n, plain, (int)len) == 1) &&
                EVP_EncryptFinal_ex(c, out + len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SECRET_TAG_BYTES, out + len) == 1;
    return fine ? VARVE_OK : fail(err);
}

varve_status secret_box_open(const secret_box *b, const uint8_t *bytes, size_t len, uint8_t *out,
                             varve_error *err)
{
    VV_CLEANUP(context_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t tag[SECRET_TAG_BYTES];
    int n = 0;
    memcpy(tag, bytes + len, sizeof tag);
    bool fine = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, b->key, b->nonce) == 1 &&
                EVP_DecryptUpdate(c, NULL, &n, b->associated, (int)b->associated_len) == 1 &&
                (len == 0 || EVP_DecryptUpdate(c, out, &n, bytes, (int)len) == 1) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) == 1;
    if (!fine) return fail(err);
    uint8_t rest[SECRET_TAG_BYTES];
    if (EVP_DecryptFinal_ex(c, rest, &n) == 1) return VARVE_OK;
    OPENSSL_cleanse(out, len);
    return vv_fail(err, VARVE_CORRUPT, "the seal is broken");
}

varve_status secret_derive(const secret *s, const char *label, const void *bytes, size_t len,
                           uint8_t ret[SUMS_BYTES], varve_error *err)
{
    uint8_t text[LABEL_MAX + SUMS_BYTES];
    size_t label_len = strlen(label);
    memcpy(text, label, label_len);
    if (len) memcpy(text + label_len, bytes, len);
    return sums_hmac(s->data_key, sizeof s->data_key, text, label_len + len, ret, err);
}

varve_status secret_blob_name(const secret *s, const uint8_t plain[SUMS_BYTES],
                              uint8_t ret[SUMS_BYTES], varve_error *err)
{
    if (s) return secret_derive(s, "varve name", plain, SUMS_BYTES, ret, err);
    memcpy(ret, plain, SUMS_BYTES);
    return VARVE_OK;
}

varve_status secret_manifest_sum(const secret *s, const void *bytes, size_t len,
                                 uint8_t ret[SUMS_BYTES], varve_error *err)
{
    uint8_t key[SUMS_BYTES];
    if (!s) return sums_of_bytes(bytes, len, ret, err);
    VV_TRY(secret_derive(s, "varve manifest", NULL, 0, key, err));
    varve_status status = sums_hmac(key, sizeof key, bytes, len, ret, err);
    OPENSSL_cleanse(key, sizeof key);
    return status;
}
