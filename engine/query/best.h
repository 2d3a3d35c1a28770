/* best.h — inside query/: the best rows of a stream by a key that is known at once, ties by id. Ids
 * are read only where keys are equal.
 *
 * Ownership  best_rows_done() frees; ids are borrowed from the view.
 * Threads    one at a time.
 * Errors     VARVE_NO_MEMORY, and those of reading ids. */
#ifndef VARVE_QUERY_BEST_H
#define VARVE_QUERY_BEST_H

#include "query/collector.h"

typedef struct best_rows {
    const view *v;
    size_t keep;      /* > 0 */
    ranked_row *rows; /* a heap, the worst first; sorted by best_rows_sort */
    size_t count, room;
} best_rows;

void best_rows_init(best_rows *b, const view *v, size_t keep);
void best_rows_done(best_rows *b);
/* The worst key that is still in, or infinity while there is room. */
double best_rows_bound(const best_rows *b);
/* key: smaller is better. */
VV_CHECKED varve_status best_rows_push(best_rows *b, double key, row_place place, varve_error *err);
/* Best first; afterwards nothing is pushed. */
VV_CHECKED varve_status best_rows_sort(best_rows *b, varve_error *err);
/* <0, 0, >0 by key, then id. */
VV_CHECKED varve_status ranked_compare(const view *v, ranked_row *a, ranked_row *b, int *ret,
                                       varve_error *err);

#endif
