/* remote_http.h — HTTP/1.1 requests over a pool of kept connections (libcurl).
 *
 * Certificates are verified; redirects are never followed (a signature is for one host, and a
 * credential goes nowhere else); proxies and .netrc of the environment are not used. An attempt
 * ends when nothing moves for progress_ms, not after a fixed time.
 *
 * Ownership  http_pool_free after the last request. http_answer_init before a request,
 *            http_answer_done after it.
 * Threads    any number at once on one pool.
 * Errors     VARVE_TIMEOUT no progress · VARVE_CANCELLED · VARVE_IO what libcurl says · what a sink
 *            returned. No message holds a header, a body, or a query. */
#ifndef VARVE_SNAPSHOT_REMOTE_HTTP_H
#define VARVE_SNAPSHOT_REMOTE_HTTP_H

#include "base/buffer.h"
#include "remote_inner.h"
#include "s3_sign.h"

#define HTTP_BODY_MAX ((size_t)8 << 20) /* of an answer kept whole */

typedef struct http_pool http_pool;
/* ca_file NULL: the system's. */
VV_CHECKED varve_status http_pool_new(const char *ca_file, http_pool **ret, varve_error *err);
void http_pool_free(http_pool *p); /* NULL-safe */

typedef struct http_answer {
    int status; /* 0: none came */
    bool has_length;
    bool may_pass; /* the failure is one of the way, which another attempt may not meet */
    bool sent;     /* the request went out, so that the other side may have done what it says */
    /* It went out twice: libcurl sends again, of itself, what meets the end of a kept connection.
     * The answer is then one to the second. */
    bool sent_twice;
    uint64_t content_length, retry_after_s;
    char etag[REMOTE_TAG_MAX], date[40], last_modified[40], content_range[80], region[40];
    char encryption[32], checksum_sha256[64], checksum_algorithm[16];
    buffer body; /* unless a sink took it */
} http_answer;
void http_answer_init(http_answer *a);
void http_answer_done(http_answer *a);

/* Bytes of the body of an answer with 2xx; all headers are in `answer` by then. */
typedef varve_status (*http_sink)(void *arg, const http_answer *answer, const void *bytes,
                                  size_t len, varve_error *err);

typedef struct http_request {
    const char *method, *url;
    const s3_header *headers;
    size_t header_count;
    bool has_body;
    const void *body;
    size_t body_len;
    http_sink sink; /* NULL: answer->body takes all */
    void *arg;
    const remote_cancel *cancel;
    uint64_t progress_ms;
    remote *paced; /* whose bandwidth it uses; NULL: none */
} http_request;

/* VARVE_OK: a whole answer came, of whatever status. */
VV_CHECKED varve_status http_send(http_pool *p, const http_request *request, http_answer *answer,
                                  varve_error *err);
/* Seconds since 1970 of "Fri, 24 May 2013 00:00:00 GMT"; -1: none. */
int64_t http_parse_date(const char *text);

/* The parts of "https://host[:port]"; anything behind the authority, or a user in it:
 * VARVE_INVALID. host has the port where it is not the scheme's own, as in the Host header. */
typedef struct http_endpoint {
    bool tls, loopback;
    char host[300];
} http_endpoint;
VV_CHECKED varve_status http_parse_endpoint(const char *url, http_endpoint *ret, varve_error *err);

#endif
