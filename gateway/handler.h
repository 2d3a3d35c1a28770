/* handler.h — the seam between the HTTP server and the routes: what a handler gets, and what it
 * gives back. Neither side knows libmicrohttpd here, so the server behind it can be replaced.
 *
 * A handler runs on a worker thread, after the route was found and authorised and the limits were
 * checked. For an ordinary route the whole body is there (NUL-padded by JSON_TEXT_PADDING bytes,
 * may be changed in place). For a streamed route the handler starts when the headers are in, and
 * pulls the body with http_body_read while it arrives; the connection is suspended while the
 * handler is behind, so memory stays bounded.
 *
 * Ownership  request and reply belong to the server, which frees them after the handler returned.
 * Threads    one handler per request at a time; `gateway` is shared and its handles are
 * thread-safe. */
#ifndef GATEWAY_HANDLER_H
#define GATEWAY_HANDLER_H

#include "base/buffer.h"
#include "base/json.h"
#include "varve.h"

typedef struct gateway gateway;
typedef struct http_request http_request;

typedef struct http_reply {
    int status;               /* 200 to begin with */
    const char *content_type; /* static; "application/json" to begin with */
    buffer body;
    bool close;          /* end the connection after this reply */
    uint64_t lsn; /* the server's, of routes that write: all they wrote is in the log up to it */
    varve_error cause;   /* of a failure, whole, for the log; never sent. See reply.h */
    char unindexed[132]; /* path of a filter without a field index, for the slow-query log; "" */
} http_reply;

typedef void http_handler(gateway *g, http_request *request, http_reply *reply);

/* What a handler may ask of its request. */
const char *http_method(const http_request *r);
const char *http_path(const http_request *r);
const char *http_request_id(const http_request *r);
/* Query argument, decoded form-style (+ is a space); NULL when absent. */
const char *http_query(const http_request *r, const char *key);
/* Path parameter {name} of the route, percent-decoded; NULL when the route has none of that name.
 */
const char *http_path_param(const http_request *r, const char *key);
const char *http_header(const http_request *r, const char *name); /* NULL when absent */
char *http_body(http_request *r,
                size_t *ret_len); /* ordinary routes; NULL if the route takes none */
/* Streamed routes: blocks for the next bytes; *ret_len 0 at the end. VARVE_IO when the client went
 * away, VARVE_TIMEOUT, VARVE_LIMIT past the route's body limit. */
VV_CHECKED varve_status http_body_read(http_request *r, char *ret, size_t size, size_t *ret_len,
                                       varve_error *err);

/* The folder as this request reads it: the same one until the handler returns. */
varve *http_db(const http_request *r);

/* What a handler may ask of its gateway. */
varve *gateway_db(gateway *g); /* as its owner has it; NULL while it follows another one */
const varve_options *gateway_limits(gateway *g);
const char *gateway_root_path(gateway *g); /* data folder as configured */

/* Kinds of search, as the metrics tell them apart: RERANK is one call of a reranker. */
#define SEARCH_KIND_TABLE(X)                                                                       \
    X(VECTOR, "vector")                                                                            \
    X(BATCH, "batch")                                                                              \
    X(RANGE, "range")                                                                              \
    X(TEXT, "text")                                                                                \
    X(SPARSE, "sparse")                                                                            \
    X(HYBRID, "hybrid")                                                                            \
    X(ROWS, "rows")                                                                                \
    X(FACETS, "facets")                                                                            \
    X(RERANK, "rerank")
typedef enum search_kind {
#define X(name, text) SEARCH_##name,
    SEARCH_KIND_TABLE(X)
#undef X
        SEARCH_KINDS
} search_kind;
/* One that ended well took so long in the engine (or at the reranker). */
void gateway_count_search(gateway *g, search_kind kind, bool filtered, uint64_t elapsed_ns);
void gateway_count_rerank_failure(gateway *g);

#endif
