/* sums.c — see sums.h. */
#include "sums.h"

#include "base/file_system.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 18)

static varve_status fail(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "libcrypto cannot compute a SHA-256");
}

varve_status sums_stream_init(sums_stream *s, varve_error *err)
{
    s->context = EVP_MD_CTX_new();
    if (!s->context) return fail(err);
    if (EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) == 1) return VARVE_OK;
    sums_stream_done(s);
    return fail(err);
}

varve_status sums_stream_put(sums_stream *s, const void *bytes, size_t len, varve_error *err)
{
    return EVP_DigestUpdate(s->context, bytes, len) == 1 ? VARVE_OK : fail(err);
}

varve_status sums_stream_end(sums_stream *s, uint8_t ret[SUMS_BYTES], varve_error *err)
{
    unsigned len = 0;
    return EVP_DigestFinal_ex(s->context, ret, &len) == 1 && len == SUMS_BYTES ? VARVE_OK
                                                                               : fail(err);
}

void sums_stream_done(sums_stream *s)
{
    EVP_MD_CTX_free(s->context);
    s->context = NULL;
}

varve_status sums_of_bytes(const void *bytes, size_t len, uint8_t ret[SUMS_BYTES], varve_error *err)
{
    unsigned out = 0;
    return EVP_Digest(bytes, len, ret, &out, EVP_sha256(), NULL) == 1 ? VARVE_OK : fail(err);
}

static varve_status sum_descriptor(int fd, const char *path, sums_stream *s, uint64_t *ret_size,
                                   varve_error *err)
{
    VV_CLEANUP(vv_freep) char *block = malloc(READ_BYTES);
    if (!block) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read %s", path);
    uint64_t size = 0;
    for (;;) {
        ssize_t n = read(fd, block, READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_fail(err, "read", path, errno);
        if (n == 0) break;
        VV_TRY(sums_stream_put(s, block, (size_t)n, err));
        size += (uint64_t)n;
    }
    *ret_size = size;
    return VARVE_OK;
}

varve_status sums_of_file(const char *path, uint8_t ret[SUMS_BYTES], uint64_t *ret_size,
                          varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = -1;
    VV_CLEANUP(sums_stream_done) sums_stream s = {0};
    uint64_t size = 0;
    VV_TRY(file_open_read(path, &fd, err));
    VV_TRY(sums_stream_init(&s, err));
    VV_TRY(sum_descriptor(fd, path, &s, &size, err));
    VV_TRY(sums_stream_end(&s, ret, err));
    *ret_size = size;
    return VARVE_OK;
}

varve_status sums_hmac(const uint8_t *key, size_t key_len, const void *bytes, size_t len,
                       uint8_t ret[SUMS_BYTES], varve_error *err)
{
    unsigned out = 0;
    if (HMAC(EVP_sha256(), key, (int)key_len, bytes, len, ret, &out) && out == SUMS_BYTES)
        return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "libcrypto cannot compute an HMAC");
}

void sums_hex(const uint8_t bytes[SUMS_BYTES], char ret[SUMS_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SUMS_BYTES; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[SUMS_HEX_SIZE - 1] = 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sums_parse_hex(const char *hex, uint8_t ret[SUMS_BYTES])
{
    uint8_t out[SUMS_BYTES];
    if (strlen(hex) != SUMS_HEX_SIZE - 1) return false;
    for (size_t i = 0; i < SUMS_BYTES; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret, out, sizeof out);
    return true;
}

bool sums_equal(const uint8_t a[SUMS_BYTES], const uint8_t b[SUMS_BYTES])
{
    return CRYPTO_memcmp(a, b, SUMS_BYTES) == 0;
}
