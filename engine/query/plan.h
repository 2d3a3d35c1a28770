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
 * (3) "Live" counts what a filter has left. Fetching a row by itself takes as long as reading
 *     PLAN_FETCH_BYTES more of it in a scan. Codes are read in groups, most of which have a live
 *     row as soon as one row in PLAN_CODES_SHARE is live; from there on down rows are fetched.
 * (4) A search by an approximate index takes the longer, the smaller the share of live rows: about
 *     constant / share, where fetching all takes constant × live. They meet where live² is
 *     PLAN_INDEX_WORK × rows (measured: 10000 of 100000 rows, 32000 of a million); below, rows are
 *     fetched, but never more than one in PLAN_INDEX_SHARE. Where the live rows lie is for the
 *     index to see: it reads all of them itself when that takes less. */
#ifndef VARVE_QUERY_PLAN_H
#define VARVE_QUERY_PLAN_H

#include "query/query.h"

#define PLAN_SHARED_SCAN 4
#define PLAN_FETCH_BYTES 512
#define PLAN_CODES_SHARE 10
#define PLAN_INDEX_WORK  1000
#define PLAN_INDEX_SHARE 8

typedef enum plan_path { PLAN_SKIP, PLAN_SCAN, PLAN_GATHER, PLAN_INDEX } plan_path;

typedef struct plan_source {
    uint64_t rows, live, row_bytes;
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
