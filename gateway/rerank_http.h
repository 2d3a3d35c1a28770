/* rerank_http.h — one call of a reranker: documents and a query out, a score per document back.
 *
 *   POST url   {"query": "…", "documents": ["…", …], "top_n": 2, "model": "…"}
 *   answer     {"results": [{"index": 1, "relevance_score": 0.9}, …]}
 *
 * as Cohere, Jina and those after them have it; other members are passed over, results may be
 * missing. Nothing is followed: no redirect, no proxy of the environment; certificates are checked.
 * Time and bytes both ways are bounded by the settings.
 *
 * Ownership  clients borrow the settings, which must outlive them.
 * Threads    any number call at once, up to calls_max; idle connections are kept for the next.
 * Errors     VARVE_TIMEOUT, VARVE_IO (not reached, refused, nonsense), VARVE_LOCKED (calls_max
 *            reached). Sentences name the reranker and suit its users; what else is known, fit for
 *            a log alone, is in rerank_reply.cause. Neither has the key. */
#ifndef GATEWAY_RERANK_HTTP_H
#define GATEWAY_RERANK_HTTP_H

#include "handler.h"
#include "rerank_config.h"

typedef struct rerank_client rerank_client;
typedef struct rerank_clients {
    rerank_client *all;
    size_t count;
} rerank_clients;

/* workers: threads that may call. */
VV_CHECKED varve_status rerank_clients_init(rerank_clients *c, const rerankers *settings,
                                            uint64_t workers, varve_error *err);
void rerank_clients_done(rerank_clients *c);
/* NULL: none of that name is configured. */
rerank_client *gateway_reranker(gateway *g, const char *name);
const reranker *rerank_client_settings(const rerank_client *c);

typedef struct rerank_reply { /* the caller's arrays, of `count` each */
    double *scores;
    bool *scored;
    size_t sent; /* documents that fitted into the request */
    char cause[300];
} rerank_reply;

/* documents: not NUL-terminated UTF-8; cut by the caller. */
VV_CHECKED varve_status rerank_call(rerank_client *c, varve_text query, const varve_text *documents,
                                    size_t count, uint64_t timeout_ms, rerank_reply *ret,
                                    varve_error *err);

#endif
