/* request.h — inside query/: what a checked search request asks of a view. */
#ifndef VARVE_QUERY_REQUEST_H
#define VARVE_QUERY_REQUEST_H

#include "query/query.h"

/* The metric asked for, or the view's. */
varve_metric request_metric(const varve_search_request *r, const view *v);
/* How many best rows have to be known: k + offset, but no more than there are; 0 when k is. */
size_t request_keep(const varve_search_request *r, const view *v);
/* The largest key whose score, shown as float32, is still within a threshold: so a hit's own score,
 * handed in as threshold, brings that hit. `key` is the threshold as a key. */
double request_worst_key(double key);
/* Queries [first, first + count) as floats, exactly. */
void request_floats(const varve_search_request *r, size_t first, size_t count, float *ret);

#endif
