/* ann_set.h — rows, queries and their true nearest rows, for scenarios that weigh speed against
 * recall. Two kinds of folder are known:
 *
 *   base.u8.npy[.zst], query.u8.npy, truth.l2.top100.i32.npy      such as SIFT1M; squared L2
 *   packages.f16.npy, queries.f16.npy, truth.top100.i32.npy       the bundled set; inner product
 *
 * A hit counts when its distance, computed here in double precision, is no worse than that of the
 * k-th true row: among equals any will do. The truth file serves when all rows are loaded and the
 * metric is its own; else the true rows are found by an exact search of ours, checked against a
 * plain loop.
 *
 * Ownership  ann_set_done() frees.
 * Threads    read-only once made.
 * Errors     VARVE_INVALID for files that do not fit together. */
#ifndef BENCH_ANN_SET_H
#define BENCH_ANN_SET_H

#include "data.h"

#define ANN_K 10

typedef struct ann_set {
    char label[96]; /* "sift1m.uint8.128" */
    varve_metric metric;
    varve_dtype type; /* of the rows as ours keeps them */
    uint64_t rows;
    size_t dim, row_bytes, query_count;
    uint8_t *stored;          /* rows × row_bytes */
    float *floats;            /* the same as float32, for the peers */
    float *queries;           /* query_count × dim */
    const varve_text *fields; /* of each row, borrowed; NULL: none */
    double *kth;              /* distance of the k-th true row of each query; NULL: not known yet */
} ann_set;

/* metric: IP, L2 or COSINE. */
VV_CHECKED varve_status ann_set_load(const bench_options *o, varve_metric metric, ann_set *ret,
                                     varve_error *err);
/* Synthetic rows of a mixture of Gaussians, and queries of the same, for scenarios that need no
 * real data. */
VV_CHECKED varve_status ann_set_make(const bench_options *o, uint64_t rows, size_t dim,
                                     varve_metric metric, ann_set *ret, varve_error *err);
void ann_set_done(ann_set *s);
const float *ann_set_query(const ann_set *s, size_t i);
/* Smaller is better; in double precision. */
double ann_set_distance(const ann_set *s, uint64_t row, const float *query);

/* Where kth is not known yet: from an exact search of the collection, which holds all rows under
 * their numbers. */
VV_CHECKED varve_status ann_set_find_truth(ann_set *s, varve_collection *c, varve_error *err);

/* Share of the true rows of query i among these; a row named twice counts once. */
double ann_set_recall(const ann_set *s, size_t query, const uint64_t *ids, size_t count);

#endif
