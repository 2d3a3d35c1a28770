/* filter_columns.h — the fast evaluator: a tree against the columns of a stretch of rows
 * (field/columns.h), to a bitmap of the rows that match. What columns cannot decide exactly
 * (nested, array indexes, patterns) is narrowed by them and decided by filter_row_truth.
 *
 * Each node is asked for the rows that have at least a given truth, TRUE or UNKNOWN, and answers
 * with those that surely have and those that may have it: AND and OR join both, NOT is the
 * complement at the other truth. So nothing has to be pushed to the leaves, and no row is decided
 * twice: those that are open at the root go through the whole tree by row.
 *
 * Ownership  all is the caller's. Threads  any number on one filter and the same columns.
 * Errors     those of columns, of rows and of the time limit; VARVE_NO_MEMORY for bitmaps. */
#ifndef VARVE_FILTER_COLUMNS_H
#define VARVE_FILTER_COLUMNS_H

#include "base/time_limit.h"
#include "field/columns.h"
#include "filter/filter_row.h"

/* Rows of the stretch, for what columns leave open and for ids. Slots count from 0 in it. */
typedef struct filter_rows {
    uint32_t count;
    varve_status (*get)(void *context, uint32_t slot, filter_row *ret, varve_error *err);
    void *context;
    const uint64_t *live; /* bitmap: only these have to be decided; NULL: all */
    /* The slot of the row with this id, live or not; UINT32_MAX: it has none here. NULL: rows are
     * looked at for their ids. An id has one slot at most that is live. */
    varve_status (*find)(void *context, varve_id id, uint32_t *ret, varve_error *err);
} filter_rows;

/* What it took, for explain. */
typedef struct filter_work {
    uint64_t postings;         /* slots read from columns */
    uint64_t rows;             /* decided by row */
    uint64_t cached;           /* segments whose matches were known from before */
    bool no_column;            /* some condition had no column to narrow it */
    varve_text no_column_path; /* of the first; borrowed from the tree */
} filter_work;

/* columns NULL: all by row. ret: (count + 63) / 64 words, overwritten; bits of rows that are not
 * live are 0. limit NULL: none. */
VV_CHECKED varve_status filter_columns(const filter *f, const columns *cols,
                                       const filter_rows *rows, const time_limit *limit,
                                       uint64_t *ret, filter_work *work, varve_error *err);
/* An estimate of the share of rows that match, without reading postings; for plans. */
double filter_estimate(const filter *f, const columns *cols);

#endif
