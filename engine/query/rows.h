/* rows.h — inside query/: which rows of a view a filter wants, live and deleted ones, as bits.
 *
 * Ownership  row_bits_done() frees; the view is borrowed.   Threads  one at a time.
 * Errors     those of filters. */
#ifndef VARVE_QUERY_ROWS_H
#define VARVE_QUERY_ROWS_H

#include "query/scope.h"

typedef struct row_bits {
    const view *v;
    uint64_t **words; /* of each source */
} row_bits;
/* filter NULL: all. deleted: also rows that are deleted but not purged. */
VV_CHECKED varve_status row_bits_init(row_bits *b, const query_input *in,
                                      const struct varve_filter *filter, bool deleted,
                                      const query_clock *clock, varve_error *err);
/* The live rows of a view that is filtered already. */
VV_CHECKED varve_status row_bits_of_view(row_bits *b, const view *v, varve_error *err);
void row_bits_done(row_bits *b);
/* The next row at or after *place, which begins as {0, 0}; false: none. */
bool row_bits_next(const row_bits *b, row_place *place);

#endif
