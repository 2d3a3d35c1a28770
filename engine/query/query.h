/* query.h — the face of query/: answers over a view, with no knowledge of files, logs or who
 * writes.
 *
 * A search plans each source of the view (plan.h): scanned, or answered by the segment's index. A
 * scan goes over blocks that fit the second-level cache, all queries of a batch per block. Scores
 * come from distance_scan with a known error; whatever could be among the best k within that error
 * is rescored by distance_exact, so the ranking of all rows that were looked at is that of a plain
 * double-precision evaluation, ties by id.
 *
 * Ownership  results own copies of everything; they do not keep the view.
 * Threads    a pool may lend threads; NULL: all on the caller's.
 * Errors     VARVE_INVALID names the field ("vectors[0] has 3 dimensions …" text: "Dimension
 * mismatch: expected A, got B"), VARVE_LIMIT the limit, VARVE_CORRUPT the file, VARVE_TIMEOUT. */
#ifndef VARVE_QUERY_H
#define VARVE_QUERY_H

#include "query/input.h"

/* Checks that need no view: limits (max_top_k, max_batch_vectors), finite vectors, known metric. */
VV_CHECKED varve_status query_check(const varve_search_request *request,
                                    const varve_options *limits, varve_error *err);
/* Search a collection: the primary vector or a named one, with a filter or without. The request has
 * passed query_check. Rows at an infinite distance (one that cannot be computed)
 * come last. */
VV_CHECKED varve_status query_search(const query_input *in, const varve_search_request *request,
                                     varve_hits **ret, varve_error *err);

/* Searches of several legs (varve_query.h); the request has passed its check. */
VV_CHECKED varve_status query_run_check(const varve_query_request *request,
                                        const varve_options *limits, varve_error *err);
VV_CHECKED varve_status query_run(const query_input *in, const varve_query_request *request,
                                  varve_hits **ret, varve_error *err);

/* Rows by filter (varve_rows_query); its `from` and n are checked. */
VV_CHECKED varve_status query_rows(const query_input *in, const varve_rows_query *query,
                                   varve_rowset **ret, varve_error *err);
/* The view with only the rows that match: a reference. */
VV_CHECKED varve_status query_matching(const query_input *in, const struct varve_filter *filter,
                                       view **ret, varve_error *err);
typedef struct facets_request {
    const char *path;
    const struct varve_filter *filter; /* NULL: all rows */
    size_t limit;
    bool by_rows; /* without columns: for tests and comparisons */
} facets_request;
VV_CHECKED varve_status query_facets(const query_input *in, const facets_request *request,
                                     varve_facets **ret, varve_error *err);
/* What it took: postings of columns, and rows whose fields were read. */
void facets_work(const varve_facets *f, uint64_t *ret_postings, uint64_t *ret_rows);
typedef struct recall_request {
    const char *field; /* NULL: the primary vector */
    size_t k, samples;
    uint64_t seed;
    double recall_target;
    uint64_t timeout_ms;
} recall_request;
VV_CHECKED varve_status query_recall(const query_input *in, const recall_request *request,
                                     varve_recall *ret, varve_error *err);

/* Rows of a view, in the order of places; at most query_bytes_max of them (limits NULL: any). */
VV_CHECKED varve_status query_fetch(view *v, const row_place *places, size_t count, unsigned with,
                                    const varve_options *limits, varve_rowset **ret,
                                    varve_error *err);
/* What varve_rowset_next() answers; the id is copied. */
VV_CHECKED varve_status rowset_set_next(varve_rowset *rows, varve_id next, varve_error *err);
/* The n rows with the smallest (head) or largest (tail) ordinals, ascending; VARVE_WITH_DELETED
 * includes deleted ones. */
VV_CHECKED varve_status query_ends(view *v, bool tail, size_t n, unsigned with, varve_rowset **ret,
                                   varve_error *err);
/* Deleted rows by ordinal, ascending; n 0: all. */
VV_CHECKED varve_status query_deleted(view *v, size_t n, varve_rowset **ret, varve_error *err);
/* Top-level field names over all live rows, sorted, unescaped. */
VV_CHECKED varve_status query_field_names(view *v, thread_pool *pool, varve_names **ret,
                                          varve_error *err);
/* Make a varve_names from n strings (copied). Also for db/. */
VV_CHECKED varve_status names_new(const char *const *names, size_t count, varve_names **ret,
                                  varve_error *err);

#endif
