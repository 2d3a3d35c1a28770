/* norm.h — a cheap upper bound of a row's Euclidean norm, for the columns that keep the largest
 * one.
 * Threads  stateless. */
#ifndef VARVE_SEGMENT_NORM_H
#define VARVE_SEGMENT_NORM_H

#include "base/status.h"

/* At least distance_norm() of the row and at most 1.000002 times it. */
double norm_bound(varve_dtype dtype, size_t dim, const void *row);

#endif
