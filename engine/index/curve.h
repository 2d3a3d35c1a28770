/* curve.h — inside index/: how wide must a search be? Rows of the segment itself, each taken as if
 * it were not there, are searched at several breadths while the index is built; their true
 * neighbours are known by an exact scan. The means are stored in the file, and a search with a
 * recall target takes the smallest breadth that reached it.
 *
 * Section CURVE: u32 points | u32 queries | points of 16 bytes: u32 k, u32 breadth, f32 mean
 * recall, f32 standard error of that mean; by k, then by breadth, each strictly ascending.
 *
 * Ownership  a curve owns its points; curve_done() frees them.
 * Threads    curve_measure uses the pool of the build; its result does not depend on it.
 * Errors     VARVE_CANCELLED, VARVE_NO_MEMORY, those of the rows; VARVE_CORRUPT from curve_get. */
#ifndef VARVE_INDEX_CURVE_H
#define VARVE_INDEX_CURVE_H

#include "index/index_type.h"

#define CURVE_K_MAX        100 /* the largest k that is measured */
#define CURVE_BREADTHS_MAX 32  /* for one k */

typedef struct curve {
    index_curve_point *points;
    float *errors; /* one per point */
    size_t count;
    uint32_t queries;
} curve;

void curve_done(curve *c); /* fine on a zeroed one */
VV_CHECKED varve_status curve_measure(const index_build_context *c, const index_type *type,
                                      void *state, curve *ret, varve_error *err);
VV_CHECKED varve_status curve_put(const curve *c, buffer *out, varve_error *err);
VV_CHECKED varve_status curve_get(const void *bytes, size_t len, curve *ret, varve_error *err);
/* The smallest breadth that reached the target for the next larger k measured, with a margin for
 * the error of the sample; in proportion to k beyond the largest. The largest breadth when none
 * reached it, UINT32_MAX when nothing was measured. */
uint32_t curve_breadth(const curve *c, size_t k, double recall_target);

#endif
