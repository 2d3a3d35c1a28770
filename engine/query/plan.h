/* plan.h — how each source of a view is searched: a pure function from what is known of source and
 * request to a decision.
 *
 *   SKIP   no live rows
 *   SCAN   every live row by its stored vector
 *   INDEX  by the segment's index
 *
 * (1) A certain index (FRESH) may stand in for a scan in any search by its metric; any other only
 *     where approximate hits were not ruled out (exact, range).
 * (2) With several queries a scan reads each block of rows once for all of them, which a certain
 *     index does not: from PLAN_SHARED_SCAN queries on the scan is taken. */
#ifndef VARVE_QUERY_PLAN_H
#define VARVE_QUERY_PLAN_H

#include "query/query.h"

#define PLAN_SHARED_SCAN 4

typedef enum plan_path { PLAN_SKIP, PLAN_SCAN, PLAN_INDEX } plan_path;

typedef struct plan_source {
    uint64_t rows, live;
    bool has_index, certain;
    varve_metric index_metric;
} plan_source;

typedef struct plan_request {
    varve_metric metric;
    bool exact, range;
    size_t queries;
    size_t keep; /* rows to know per query */
} plan_request;

plan_path plan_path_of(const plan_source *s, const plan_request *r);

#endif
