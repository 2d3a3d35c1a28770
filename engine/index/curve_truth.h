/* curve_truth.h — inside index/: some rows of a segment as queries, and their nearest neighbours
 * among the others by an exact scan.
 * Ownership  curve_truth_done() frees.
 * Threads    uses the pool of the build; the result does not depend on it. */
#ifndef VARVE_INDEX_CURVE_TRUTH_H
#define VARVE_INDEX_CURVE_TRUTH_H

#include "base/topk.h"
#include "distance/distance.h"
#include "index/index_type.h"

typedef struct curve_query {
    uint32_t slot; /* of the row that asks */
    float *values;
    distance_query *prepared;
    topk best; /* keys and slots, ascending */
} curve_query;

typedef struct curve_truth {
    curve_query *queries;
    size_t count;
    uint32_t depth; /* neighbours of each */
    float *values;
    topk_entry *entries;
} curve_truth;

/* At most depth neighbours; count 0 when the segment has a single row. */
VV_CHECKED varve_status curve_truth_make(const index_build_context *c, uint32_t depth,
                                         curve_truth *ret, varve_error *err);
void curve_truth_done(curve_truth *t); /* fine on a zeroed one */
/* The key of a score: smaller is better. */
static inline double curve_key(varve_metric metric, float score)
{
    return varve_metric_larger_is_better(metric) ? -(double)score : (double)score;
}

#endif
