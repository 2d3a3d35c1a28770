/* s3_sign.c — see s3_sign.h. */
#include "s3_sign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEY_BYTES_MAX   256 /* "AWS4" and a secret key */
#define TEXT_BYTES_MAX  65536
#define SUM_BYTES       32
#define QUERY_ITEMS_MAX 16

void s3_hex(const uint8_t *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * len] = '\0';
}

void s3_format_date(int64_t seconds, char ret[17])
{
    struct tm parts;
    time_t at = (time_t)seconds;
    ret[0] = '\0';
    if (gmtime_r(&at, &parts)) (void)strftime(ret, 17, "%Y%m%dT%H%M%SZ", &parts);
}

/* ---- encoding ------------------------------------------------------------------------------ */

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static varve_status encode(buffer *out, const char *text, bool slashes_stay, varve_error *err)
{
    for (; *text; text++) {
        if (unreserved(*text) || (slashes_stay && *text == '/'))
            VV_TRY(buffer_add(out, text, 1, err));
        else
            VV_TRY(buffer_printf(out, err, "%%%02X", (unsigned char)*text));
    }
    return VARVE_OK;
}

varve_status s3_encode_path(buffer *out, const char *text, varve_error *err)
{
    return encode(out, text, true, err);
}

/* Names of ours need no encoding, so that their order is that of the encoded names. */
varve_status s3_encode_query(buffer *out, const s3_param *params, size_t count, varve_error *err)
{
    size_t order[QUERY_ITEMS_MAX];
    if (count > QUERY_ITEMS_MAX) return vv_fail(err, VARVE_LIMIT, "a query of %zu items", count);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(params[order[at - 1]].name, params[i].name) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, "&", err));
        VV_TRY(encode(out, params[order[i]].name, false, err));
        VV_TRY(buffer_add_text(out, "=", err));
        VV_TRY(encode(out, params[order[i]].value, false, err));
    }
    return VARVE_OK;
}

/* ---- signing ------------------------------------------------------------------------------- */

static varve_status hmac(const uint8_t *key, size_t key_len, const char *text, size_t len,
                         uint8_t ret[SUM_BYTES], varve_error *err)
{
    unsigned int sum_len = SUM_BYTES;
    if (HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, len, ret, &sum_len))
        return VARVE_OK;
    return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no HMAC");
}

/* Values are signed trimmed, with runs of spaces as one. */
static varve_status add_trimmed(buffer *out, const char *value, varve_error *err)
{
    size_t len;
    while (*value == ' ')
        value++;
    len = strlen(value);
    while (len > 0 && value[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < len; i++)
        if (value[i] != ' ' || value[i - 1] != ' ') VV_TRY(buffer_add(out, value + i, 1, err));
    return VARVE_OK;
}

static varve_status sort_headers(const s3_sign_request *q, size_t order[S3_HEADERS_MAX],
                                 varve_error *err)
{
    if (q->header_count > S3_HEADERS_MAX)
        return vv_fail(err, VARVE_LIMIT, "a request of %zu headers", q->header_count);
    for (size_t i = 0; i < q->header_count; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(q->headers[order[at - 1]].name, q->headers[i].name) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return VARVE_OK;
}

static varve_status add_signed_names(const s3_sign_request *q, const size_t *order, buffer *out,
                                     varve_error *err)
{
    for (size_t i = 0; i < q->header_count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, ";", err));
        VV_TRY(buffer_add_text(out, q->headers[order[i]].name, err));
    }
    return VARVE_OK;
}

static varve_status canonical_request(const s3_sign_request *q, const size_t *order, buffer *out,
                                      varve_error *err)
{
    VV_TRY(buffer_printf(out, err, "%s\n%s\n%s\n", q->method, q->path, q->query));
    for (size_t i = 0; i < q->header_count; i++) {
        VV_TRY(buffer_printf(out, err, "%s:", q->headers[order[i]].name));
        VV_TRY(add_trimmed(out, q->headers[order[i]].value, err));
        VV_TRY(buffer_add_text(out, "\n", err));
    }
    VV_TRY(buffer_add_text(out, "\n", err));
    VV_TRY(add_signed_names(q, order, out, err));
    return buffer_printf(out, err, "\n%s", q->payload_sha256);
}

/* HMAC chain over day, region, service, "aws4_request", then the text. */
static varve_status sign_text(const s3_sign_request *q, const char *text, size_t len,
                              uint8_t ret[SUM_BYTES], varve_error *err)
{
    char first[KEY_BYTES_MAX];
    uint8_t key[SUM_BYTES];
    const char *const chain[] = {q->region, q->service, "aws4_request"};
    int first_len = snprintf(first, sizeof first, "AWS4%s", q->secret_key);
    if (first_len >= (int)sizeof first) {
        OPENSSL_cleanse(first, sizeof first);
        return vv_fail(err, VARVE_LIMIT, "a secret key of more than %d bytes", KEY_BYTES_MAX - 5);
    }
    varve_status status = hmac((uint8_t *)first, (size_t)first_len, q->date, 8, key, err);
    for (size_t i = 0; status == VARVE_OK && i < VV_COUNT(chain); i++) {
        uint8_t next[SUM_BYTES];
        status = hmac(key, sizeof key, chain[i], strlen(chain[i]), next, err);
        memcpy(key, next, sizeof key);
        OPENSSL_cleanse(next, sizeof next);
    }
    if (status == VARVE_OK) status = hmac(key, sizeof key, text, len, ret, err);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

static varve_status text_to_sign(const s3_sign_request *q, const buffer *canonical, buffer *out,
                                 varve_error *err)
{
    uint8_t sum[SUM_BYTES];
    char hex[2 * SUM_BYTES + 1];
    unsigned int len = sizeof sum;
    if (EVP_Digest(canonical->data, canonical->len, sum, &len, EVP_sha256(), NULL) != 1)
        return vv_fail(err, VARVE_INTERNAL, "OpenSSL makes no SHA-256");
    s3_hex(sum, sizeof sum, hex);
    return buffer_printf(out, err, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", q->date,
                         q->date, q->region, q->service, hex);
}

varve_status s3_sign(const s3_sign_request *q, buffer *out, varve_error *err)
{
    size_t order[S3_HEADERS_MAX];
    uint8_t signature[SUM_BYTES];
    char hex[2 * SUM_BYTES + 1];
    VV_CLEANUP(buffer_done) buffer canonical, text;
    buffer_init(&canonical, TEXT_BYTES_MAX, "canonical request");
    buffer_init(&text, TEXT_BYTES_MAX, "text to sign");
    if (strlen(q->date) != 16) return vv_fail(err, VARVE_INTERNAL, "a date of another form");
    VV_TRY(sort_headers(q, order, err));
    VV_TRY(canonical_request(q, order, &canonical, err));
    VV_TRY(text_to_sign(q, &canonical, &text, err));
    VV_TRY(sign_text(q, text.data, text.len, signature, err));
    s3_hex(signature, sizeof signature, hex);
    VV_TRY(buffer_printf(out, err,
                         "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request,SignedHeaders=",
                         q->access_key, q->date, q->region, q->service));
    VV_TRY(add_signed_names(q, order, out, err));
    return buffer_printf(out, err, ",Signature=%s", hex);
}
