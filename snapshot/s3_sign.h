/* s3_sign.h — AWS Signature Version 4 of one request, as "Signature Calculations for the
 * Authorization Header" of the Amazon S3 API reference has it (single chunk, signed payload).
 *
 * Why not libcurl's own (CURLOPT_AWS_SIGV4): measured against a server that checks, libcurl 7.88.1
 * is refused where a query is not sorted, a key has no '=', a value holds a raw '/', a header is
 * suppressed or x-amz-content-sha256 is not given; and it does not sign session tokens. Here a
 * request is put into its canonical form once, and that form is both signed and sent; so it is the
 * same with every libcurl. tests/unit/snapshot/test_s3_sign.c has those cases.
 *
 * Ownership  results are in the caller's buffers; keys derived on the way are wiped.
 * Threads    stateless.
 * Errors     VARVE_LIMIT when something does not fit, VARVE_INTERNAL when OpenSSL refuses. */
#ifndef VARVE_SNAPSHOT_S3_SIGN_H
#define VARVE_SNAPSHOT_S3_SIGN_H

#include "base/buffer.h"

#define S3_HEADERS_MAX 16

typedef struct s3_header {
    const char *name; /* lower case */
    const char *value;
} s3_header;

typedef struct s3_param { /* of a query, not encoded */
    const char *name, *value;
} s3_param;

/* For signing: host, x-amz-date and the rest of what is signed are all in `headers`. */
typedef struct s3_sign_request {
    const char *method;
    const char *path;  /* as it goes over the way: s3_encode_path */
    const char *query; /* as it goes over the way: s3_encode_query; "" for none */
    const s3_header *headers;
    size_t header_count;
    const char *payload_sha256; /* hexadecimal, or "UNSIGNED-PAYLOAD" */
    const char *region, *service;
    const char *access_key, *secret_key;
    const char *date; /* 20130524T000000Z, as in x-amz-date */
} s3_sign_request;

/* The value of the Authorization header is appended. */
VV_CHECKED varve_status s3_sign(const s3_sign_request *request, buffer *out, varve_error *err);

/* Append, percent-encoded: all but A-Za-z0-9-._~ (and '/' in a path), upper case. */
VV_CHECKED varve_status s3_encode_path(buffer *out, const char *text, varve_error *err);
/* "name=value&name=value", sorted by encoded name. */
VV_CHECKED varve_status s3_encode_query(buffer *out, const s3_param *params, size_t count,
                                        varve_error *err);
/* "20130524T000000Z"; seconds since 1970. */
void s3_format_date(int64_t seconds, char ret[17]);
void s3_hex(const uint8_t *bytes, size_t len, char *ret); /* 2 * len + 1 bytes */

#endif
