/* lynse_rerank.h — "rerank" of a search: the best hits go to a reranker of the configuration, which
 * puts them into its own order.
 *
 *   "rerank": "cross"     or     "rerank": {"name": "cross",
 *       "query": "…"                what to compare with; else the text of the search
 *       "fields": ["title", …]      fields whose texts make the document; else all texts
 *       "candidates": 40            hits that are sent; 4 (k + offset), at most documents_max
 *       "on_error": "skip"}         else "fail": keep the order of the search, with a warning
 *
 * A name is all a request can say: where the service is stands in the configuration. Ids come in
 * the reranker's order, those without a score of its behind; scores stay those of the search, and
 * "rerank_scores" stand beside them.
 *
 * Ownership  lynse_rerank_done() frees; borrows from the body.
 * Threads    one at a time.
 * Errors     VARVE_INVALID, VARVE_LIMIT of the arguments. When the call fails, the answer is 502,
 *            503 (busy) or 504 by way of lynse_call. */
#ifndef LYNSE_RERANK_H
#define LYNSE_RERANK_H

#include "lynse_request.h"
#include "rerank_http.h"

#include "base/arena.h"

typedef struct lynse_rerank_row {
    varve_id id;
    double score;
    bool scored;
} lynse_rerank_row;

typedef struct lynse_rerank {
    lynse_call *call;
    rerank_client *client; /* NULL: not asked for */
    varve_text query;
    const json_t *paths; /* NULL: all */
    size_t candidates;
    bool skip;
    /* what came of it */
    arena memory;
    lynse_rerank_row *rows; /* sorted by id */
    size_t row_count, documents;
    uint64_t spent_us;
    varve_error skipped; /* status OK: not */
} lynse_rerank;

/* text: of the search; NULL: none. */
VV_CHECKED varve_status lynse_rerank_read(lynse_call *c, uint64_t k, uint64_t offset,
                                          const char *text, lynse_rerank *ret, varve_error *err);
/* VARVE_INVALID when the body asks for it: the route has none. */
VV_CHECKED varve_status lynse_rerank_refuse(const lynse_call *c, varve_error *err);
void lynse_rerank_done(lynse_rerank *r); /* also fits VV_CLEANUP */
/* Hits that a leg must find, where `wanted` are to be shown; 0: no need to say. */
size_t lynse_rerank_limit(const lynse_rerank *r, uint64_t wanted);
void lynse_rerank_set(lynse_rerank *r, varve_query_request *request);
/* ,"rerank_scores":[…]; nothing when not asked for */
VV_CHECKED varve_status lynse_out_rerank_scores(buffer *out, const lynse_rerank *r,
                                                const varve_hits *hits, varve_error *err);
/* ,"rerank":{…},"warnings":[…]; nothing when not asked for */
VV_CHECKED varve_status lynse_out_rerank(buffer *out, const lynse_rerank *r, varve_error *err);

#endif
