/* naive.h — exact search as anybody would write it first, compiled with -O3: a peer of the scan. */
#ifndef BENCH_NAIVE_H
#define BENCH_NAIVE_H

#include <stddef.h>

/* Smallest squared distance of the query to any of n rows. */
float naive_nearest(const float *rows, size_t n, size_t dim, const float *query);

#endif
