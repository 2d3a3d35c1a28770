/* distance.h — the face of distance/: how far is a query from rows that are stored back to back?
 * One query is prepared once (for metric, stored type and dimension) and then scored against any
 * number of rows. The scan is as fast as memory; each scan score has a known error bound, so that a
 * caller can rescore the few that matter with distance_exact() and be certain of the ranking.
 *
 * Kernels: scalar, AVX2 + FMA, AVX-512 (with VNNI and VPOPCNTDQ), NEON. distance_choose.c looks at
 * the CPU once; VARVE_ISA=scalar|avx2|avx512|neon in the environment overrides. Only
 * distance_<isa>.c is compiled with that instruction set.
 *
 * Ownership  a distance_query owns its scratch; distance_query_free() frees it.
 * Threads    a prepared query is read-only: any number of threads may scan with it.
 * Errors     VARVE_UNSUPPORTED for a metric that this dimension does not allow (haversine: 2),
 *            VARVE_NO_MEMORY. */
#ifndef VARVE_DISTANCE_H
#define VARVE_DISTANCE_H

#include "base/status.h"

typedef struct distance_query distance_query;

/* query: dim float32 values, finite. The bit metrics look at it as bits, set when the value is >
 * 0.5; all others take it as it is, and BINARY rows as 0s and 1s. */
VV_CHECKED varve_status distance_query_new(varve_metric metric, varve_dtype stored, size_t dim,
                                           const float *query, distance_query **ret,
                                           varve_error *err);
void distance_query_free(distance_query *q);
void distance_query_freep(distance_query **q);

/* Scores of n rows, stored back to back at varve_dtype_row_bytes() each, unaligned; their values
 * are finite, spare bits of BINARY rows are 0. In the metric's own sense (IP: larger is better).
 * Never NaN: a score that cannot be computed is +infinity (-infinity for IP). */
void distance_scan(const distance_query *q, const void *rows, size_t n, float *ret_scores);

/* Bound on |scan score - exact score| of a row that scored `score`; norm_max: the largest Euclidean
 * norm among the rows (as distance_norm computes it). 0 where the scan is exact, infinity where it
 * overflowed float32. distance_error.c derives it. */
double distance_scan_error(const distance_query *q, float score, double norm_max);

/* The plain definition, evaluated in double precision in index order: the judge of all kernels. */
double distance_exact(varve_metric metric, varve_dtype stored, size_t dim, const float *query,
                      const void *row);

/* A stored row as dim floats, exactly. */
void distance_row_floats(varve_dtype stored, size_t dim, const void *row, float *ret);

/* Euclidean norm of a stored row, in double precision. */
double distance_norm(varve_dtype stored, size_t dim, const void *row);

/* "avx512": what was chosen. */
const char *distance_isa(void);

#endif
