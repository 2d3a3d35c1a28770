/* filter_row.h — the plain evaluator: a tree against one row's id and JSON text. The judge of the
 * other one. Threads  any; it allocates nothing on the way but a scratch of its own. */
#ifndef VARVE_FILTER_ROW_H
#define VARVE_FILTER_ROW_H

#include "filter/filter.h"

typedef struct filter_row { /* what a filter can look at */
    varve_id id;
    varve_text fields; /* minified object */
    /* Whether the row has a vector in this named field; NULL: only the primary one. */
    bool (*has_vector)(void *context, varve_text name);
    void *context;
} filter_row;

/* scratch: any buffer; kept between calls to save allocations. VARVE_NO_MEMORY only. */
VV_CHECKED varve_status filter_row_truth(const filter *f, const filter_row *row, buffer *scratch,
                                         truth *ret, varve_error *err);

#endif
