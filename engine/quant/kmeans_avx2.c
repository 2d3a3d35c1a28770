/* kmeans_avx2.c — the tile for CPUs with AVX2 and FMA. Only this file is compiled with that
 * instruction set. 12 sums, 2 vectors of centroids and a coordinate of a row: 15 of 16
 * registers. */
#if defined(__x86_64__)
#include <immintrin.h>

#define TILE_LANES   8
#define TILE_ROWS    6
#define TILE_VECTORS 2

#define tile_floats         __m256
#define tile_zero()         _mm256_setzero_ps()
#define tile_set(x)         _mm256_set1_ps(x)
#define tile_load(p)        _mm256_loadu_ps(p)
#define tile_store(p, v)    _mm256_storeu_ps(p, v)
#define tile_fma(a, b, sum) _mm256_fmadd_ps(a, b, sum)

#include "quant/kmeans_body.h"

const kmeans_tile kmeans_tile_avx2 = TILE_KERNELS;
#endif
