/* plan.h — how each source of a view is searched: a pure function from what is known of source and
 * request to a decision.
 *
 *   SKIP    no live rows
 *   SCAN    every live row by its stored vector, block by block
 *   GATHER  the same where live rows are few and far between: each is fetched by itself
 *   INDEX   by the segment's index
 *
 * (1) A certain index (FRESH) may stand in for a scan in any search by its metric; any other only
 *     where approximate hits were not ruled out (exact, range).
 * (2) With several queries a scan reads each block of rows once for all of them, which a certain
 *     index does not: from PLAN_SHARED_SCAN queries on the scan is taken.
 * (3) "Live" counts what a filter has left. A row that is fetched by itself costs about as much as
 *     PLAN_GATHER_COST rows of a scan, or PLAN_GATHER_CODES rows of codes; a search by index costs
 *     about as much as PLAN_GATHER_ROWS rows fetched, and finds ever less in a segment most of
 *     which is hidden: from PLAN_GATHER_SHARE on, rows are gathered instead. */
#ifndef VARVE_QUERY_PLAN_H
#define VARVE_QUERY_PLAN_H

#include "query/query.h"

#define PLAN_SHARED_SCAN  4
#define PLAN_GATHER_COST  3
#define PLAN_GATHER_CODES 10
#define PLAN_GATHER_ROWS  2048
#define PLAN_GATHER_SHARE 100 /* one row in so many is live */

typedef enum plan_path { PLAN_SKIP, PLAN_SCAN, PLAN_GATHER, PLAN_INDEX } plan_path;

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
