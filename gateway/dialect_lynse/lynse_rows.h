/* lynse_rows.h — rows read, as a list over one or several rowsets, and as JSON.
 *
 * Ownership  the list owns the rowsets added to it, also when adding fails.
 * Threads    one at a time. */
#ifndef LYNSE_ROWS_H
#define LYNSE_ROWS_H

#include "lynse_request.h"

typedef struct lynse_row {
    const varve_rowset *set;
    size_t i;
} lynse_row;

typedef struct lynse_rows {
    lynse_row *items;
    size_t count, capacity;
    varve_rowset **sets;
    size_t set_count;
} lynse_rows;

void lynse_rows_done(lynse_rows *rows); /* also fits VV_CLEANUP */
/* Append the rows of `set`; live_only leaves deleted ones out. */
VV_CHECKED varve_status lynse_rows_add(lynse_rows *rows, varve_rowset *set, bool live_only,
                                       varve_error *err);
/* Every live row of the collection, in order of insertion: one view while they fit one read of the
 * engine (max_top_k rows), else read in pages, each of its own view. */
VV_CHECKED varve_status lynse_rows_all(lynse_rows *rows, lynse_call *c, unsigned with,
                                       varve_error *err);

/* The live rows that match, as many as there are, in order of insertion. */
VV_CHECKED varve_status lynse_rows_matching(lynse_rows *rows, lynse_call *c,
                                            const varve_filter *filter, unsigned with,
                                            varve_error *err);

/* Appended as JSON: [id, …], [fields, …], [vector, …], [[vectors], [ids], [fields]]. */
VV_CHECKED varve_status lynse_out_row_ids(buffer *out, const lynse_rows *rows, varve_error *err);
VV_CHECKED varve_status lynse_out_row_fields(buffer *out, const lynse_rows *rows, varve_error *err);
VV_CHECKED varve_status lynse_out_row_vectors(buffer *out, const lynse_rows *rows,
                                              varve_error *err);
VV_CHECKED varve_status lynse_out_rows(buffer *out, const lynse_rows *rows, varve_error *err);

#endif
