/* groups.h — inside query/: hits by the value of a field. A row with several values at the path
 * (an array is looked into) is in several groups; one without any is in none. Groups are in the
 * order of their best hits.
 *
 * Ownership  row_groups_done() frees; values are in its arena.   Threads  one at a time.
 * Errors     VARVE_INVALID for what is no path, VARVE_LIMIT, VARVE_NO_MEMORY. */
#ifndef VARVE_QUERY_GROUPS_H
#define VARVE_QUERY_GROUPS_H

#include "query/leg.h"

#define GROUP_SIZE 3 /* unless the request says otherwise */

typedef struct row_groups {
    arena memory;
    ranked_row *rows;   /* group after group */
    varve_text *values; /* of each row: JSON text of its group */
    size_t count;
} row_groups;
void row_groups_done(row_groups *g);

/* VARVE_LIMIT: so many groups of so many hits take too much memory. */
VV_CHECKED varve_status groups_check(const varve_query_request *r, const varve_options *limits,
                                     varve_error *err);
/* How many hits to look at, and how many when that was too few; at most max_top_k. */
size_t groups_first_limit(const varve_query_request *r, const varve_options *limits);
size_t groups_next_limit(size_t limit, const varve_options *limits);
/* *ret_full: k groups, behind the offset, have all the hits they may have. */
VV_CHECKED varve_status groups_make(const query_input *in, const varve_query_request *r,
                                    const leg_rows *l, row_groups *ret, bool *ret_full,
                                    varve_error *err);

#endif
