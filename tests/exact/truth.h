/* truth.h — what a collection should hold, and the writes that bring the collection there.
 *
 * Rows are numbered 0 .. TRUTH_ROWS-1; every other one has a string id. Each write goes to the
 * collection first and is remembered only when it was accepted.
 *
 * Ownership  truth_init/truth_done.
 * Threads    one.
 * Errors     false with a sentence in ret_why. */
#ifndef EXACT_TRUTH_H
#define EXACT_TRUTH_H

#include "base/random.h"
#include "varve.h"

#define TRUTH_ROWS_MAX  6000
#define TRUTH_WHY_BYTES 600

/* Where vectors come from: what metrics and kernels trip over. */
typedef enum values_kind {
    VALUES_GAUSS,
    VALUES_COUNTS, /* not negative; some rows all zero, some constant */
    VALUES_TIES,   /* 0, 1 or 2, rows often equal */
    VALUES_HALVES, /* around the threshold of bits */
    VALUES_WIDE,   /* over many orders of magnitude */
    VALUES_KINDS
} values_kind;

typedef struct truth_row {
    varve_id id;
    char text[24]; /* of a string id */
    varve_row_state state;
    float *values; /* as stored; dim of them */
} truth_row;

typedef struct truth {
    varve_dtype dtype;
    values_kind kind;
    size_t dim, row_count;
    truth_row *rows; /* in the order of ids: ties go to the first */
    float *values;
    random_state random;
} truth;

bool truth_init(truth *t, varve_dtype dtype, size_t dim, size_t row_count, uint64_t seed);
void truth_done(truth *t);

/* A vector that the type of the collection accepts (dtype), or any (VARVE_FLOAT32), unrounded. */
void truth_vector(truth *t, varve_dtype dtype, float *ret);

typedef enum truth_change {
    TRUTH_INSERT,  /* absent rows */
    TRUTH_UPSERT,  /* any rows */
    TRUTH_SESSION, /* any rows, by an upserting session */
    TRUTH_DELETE,
    TRUTH_RESTORE
} truth_change;

/* Change up to count rows. */
bool truth_apply(truth *t, truth_change change, size_t count, varve_collection *c, char *ret_why);
/* Does the collection hold exactly these rows, live and deleted, with these vectors? */
bool truth_check_rows(const truth *t, varve_collection *c, char *ret_why);

#endif
