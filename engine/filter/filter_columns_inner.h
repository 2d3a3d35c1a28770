/* filter_columns_inner.h — inner to filter/filter_columns_*: leaves against columns.
 *
 * Truth is ordered FALSE < UNKNOWN < TRUE; AND is the least, OR the greatest, NOT turns the order
 * round. So a question to a node has a threshold: which rows have at least this truth there? The
 * answer is two bitmaps: rows that surely have, and rows that may have it (a superset). NOT asks
 * its child at the other threshold and takes complements.
 * Ownership  row_set_done() frees. Threads  one at a time. Errors  those of columns. */
#ifndef VARVE_FILTER_COLUMNS_INNER_H
#define VARVE_FILTER_COLUMNS_INNER_H

#include "filter/filter_columns.h"

typedef struct evaluation {
    const columns *columns; /* may be NULL */
    const filter_rows *rows;
    filter_work *work;
    const time_limit *limit;
    uint64_t words;      /* of a bitmap */
    uint64_t candidates; /* rows that are still to be decided, about */
    uint64_t bytes;      /* of rows, since the last look at the clock */
} evaluation;

/* may NULL: it is sure. */
typedef struct row_set {
    uint64_t *sure, *may;
} row_set;
void row_set_done(row_set *s);

VV_CHECKED varve_status evaluation_late(const evaluation *e, varve_error *err);
/* The same in a loop, whose turns are counted from 0: now and then. */
static inline VV_CHECKED varve_status evaluation_turn(const evaluation *e, size_t turn,
                                                      varve_error *err)
{
    return turn % 64 == 63 ? evaluation_late(e, err) : VARVE_OK;
}
/* Zeroed words. */
VV_CHECKED varve_status bits_new(const evaluation *e, uint64_t **ret, varve_error *err);
void bits_or(const evaluation *e, uint64_t *to, const uint64_t *from);
void bits_and(const evaluation *e, uint64_t *to, const uint64_t *from);
void bits_and_not(const evaluation *e, uint64_t *to, const uint64_t *from);
void bits_flip(const evaluation *e, uint64_t *bits); /* those of rows */
bool bits_any(const evaluation *e, const uint64_t *bits);
uint64_t bits_count(const evaluation *e, const uint64_t *bits);

/* A leaf with a path. */
VV_CHECKED varve_status leaf_rows(evaluation *e, const filter_node *leaf, truth threshold,
                                  row_set *ret, varve_error *err);
/* NESTED: an upper bound of its rows; nothing is sure. */
VV_CHECKED varve_status nested_rows(evaluation *e, const filter_node *node, row_set *ret,
                                    varve_error *err);
/* Conditions on ids, if rows can be found by them; *ret_found false: they cannot, ret untouched. */
VV_CHECKED varve_status id_rows(const evaluation *e, const filter_node *node, row_set *ret,
                                bool *ret_found, varve_error *err);

/* One leaf asked at one threshold: what the values of a column add to. */
typedef struct leaf_question {
    evaluation *e;
    const filter_node *leaf;
    truth threshold;
    uint64_t *sure, *open; /* open: to be looked at */
} leaf_question;
VV_CHECKED varve_status question_kind(leaf_question *q, const column *c, column_kind kind,
                                      uint64_t *bits, varve_error *err);
VV_CHECKED varve_status question_run(leaf_question *q, const column *c, column_table table,
                                     column_run run, uint64_t *bits, varve_error *err);
/* All values of the kind are in the table: run of it, to what is sure. */
VV_CHECKED varve_status question_range(leaf_question *q, const column *c, column_kind kind,
                                       column_table table, column_run run, varve_error *err);
VV_CHECKED varve_status numbers_rows(leaf_question *q, const column *c, varve_error *err);
VV_CHECKED varve_status texts_rows(leaf_question *q, const column *c, varve_error *err);
VV_CHECKED varve_status points_rows(leaf_question *q, const column *c, varve_error *err);
VV_CHECKED varve_status lengths_rows(leaf_question *q, const column *c, varve_error *err);

/* Rows with a value at these steps for which the leaf has the truth asked for (an index counts as
 * "each"); rows without any are not among them. */
VV_CHECKED varve_status value_rows(leaf_question *q, const path_step *steps, size_t count,
                                   varve_error *err);

/* The path whose first key is all leading keys, joined by dots: record/path.h. */
typedef struct flat_path {
    char name[PATH_BYTES_MAX + PATH_STEPS_MAX];
    path_step steps[PATH_STEPS_MAX];
    size_t count;
} flat_path;
/* false: there is but one leading key. */
bool flat_path_make(const path_step *steps, size_t count, flat_path *ret);

/* Where a range or a literal is in a table; also for estimates. */
VV_CHECKED varve_status number_range_run(const column *c, const filter_range *range,
                                         column_run *ret, varve_error *err);
VV_CHECKED varve_status number_run(const column *c, const value *number, column_run *ret,
                                   varve_error *err);
VV_CHECKED varve_status instant_range_run(const column *c, const filter_range *range,
                                          column_run *ret, varve_error *err);
VV_CHECKED varve_status instant_run(const column *c, int64_t instant, column_run *ret,
                                    varve_error *err);
/* A text that is longer than keywords are leaves those open that begin like it. */
VV_CHECKED varve_status text_range_run(const column *c, const filter_range *range, column_run *ret,
                                       column_run ret_open[2], varve_error *err);
VV_CHECKED varve_status text_run(const column *c, varve_text text, column_run *ret,
                                 column_run *ret_open, varve_error *err);
VV_CHECKED varve_status prefix_run(const column *c, varve_text prefix, column_run *ret,
                                   column_run *ret_open, varve_error *err);
/* The bounds of a RANGE_TEXT, or of a RANGE_DATETIME, that are instants for date-times. */
bool range_is_of_instants(const filter_range *range);

#endif
