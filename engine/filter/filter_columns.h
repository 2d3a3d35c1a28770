/* filter_columns.h — the fast evaluator: a tree against the columns of a stretch of rows
 * (field/columns.h), to a bitmap of the rows that match. What columns cannot decide exactly
 * (nested, array indexes, patterns) is narrowed by them and decided by filter_row_truth.
 *
 * NOT is pushed to the leaves first (De Morgan holds in Kleene's logic), so that each leaf asks for
 * its TRUE rows or its FALSE rows, and unknown is the rest. */
#ifndef VARVE_FILTER_COLUMNS_H
#define VARVE_FILTER_COLUMNS_H

#include "field/columns.h"
#include "filter/filter_row.h"

/* Rows of the stretch, for what columns leave open and for ids. Slots count from 0 in it. */
typedef struct filter_rows {
    uint32_t count;
    varve_status (*get)(void *context, uint32_t slot, filter_row *ret, varve_error *err);
    void *context;
    const uint64_t *live; /* bitmap: only these have to be decided; NULL: all */
} filter_rows;

/* What it took, for explain. */
typedef struct filter_work {
    uint64_t postings;         /* slots read from columns */
    uint64_t rows;             /* decided by row */
    bool no_column;            /* some condition had no column to narrow it */
    varve_text no_column_path; /* of the first; borrowed from the tree */
} filter_work;

/* columns NULL: all by row. ret: (count + 63) / 64 words, overwritten; bits of rows that are not
 * live are 0. deadline_ns: monotonic, 0 none: VARVE_TIMEOUT. */
VV_CHECKED varve_status filter_columns(const filter *f, const columns *cols,
                                       const filter_rows *rows, uint64_t deadline_ns, uint64_t *ret,
                                       filter_work *work, varve_error *err);
/* An estimate of the share of rows that match, without reading postings; for plans. */
double filter_estimate(const filter *f, const columns *cols);

#endif
