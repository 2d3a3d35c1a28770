/* filter_row.h — the plain evaluator: a tree against one row's id and JSON text. The judge of the
 * other one. Nothing is allocated for a row, but for a longer one than before in scratch, and for
 * TOKENS.
 *
 * Ownership  what a row names is borrowed.
 * Threads    any number on one filter; scratch and tokens belong to one at a time.
 * Errors     VARVE_NO_MEMORY; VARVE_LIMIT for fields beyond scratch; for TOKENS those of the
 *            analyzer. */
#ifndef VARVE_FILTER_ROW_H
#define VARVE_FILTER_ROW_H

#include "filter/filter_tokens.h"

typedef struct filter_row { /* what a filter can look at */
    varve_id id;
    varve_text fields; /* minified object */
    /* Whether the row has a vector in this named field; NULL: only the primary one. */
    bool (*has_vector)(void *context, varve_text name);
    void *context;
    /* Of this filter; NULL: without stems and stop words, made anew for each row (slow). */
    filter_tokens *tokens;
} filter_row;

/* scratch: any buffer with room for the fields; kept between calls to save allocations. */
VV_CHECKED varve_status filter_row_truth(const filter *f, const filter_row *row, buffer *scratch,
                                         truth *ret, varve_error *err);

#endif
