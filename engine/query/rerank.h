/* rerank.h — inside query/: hits through the caller's hook (varve_query_request.rerank). */
#ifndef VARVE_QUERY_RERANK_H
#define VARVE_QUERY_RERANK_H

#include "query/leg.h"

/* The first rerank_k hits get the scores and the order that the hook gives; the rest follows.
 * VARVE_INVALID: its order is none. Errors of the hook are passed on; the
 * clock is looked at before and behind it. */
VV_CHECKED varve_status rerank_rows(const view *v, const varve_query_request *request, leg_rows *l,
                                    const query_clock *clock, varve_error *err);

#endif
