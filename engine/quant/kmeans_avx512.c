/* kmeans_avx512.c — the tile for CPUs with AVX-512 F. Only this file is compiled with that
 * instruction set. 24 sums, 2 vectors of centroids and a coordinate of a row: 27 of 32
 * registers. */
#if defined(__x86_64__)
#include <immintrin.h>

#define TILE_LANES   16
#define TILE_ROWS    12
#define TILE_VECTORS 2

#define tile_floats         __m512
#define tile_zero()         _mm512_setzero_ps()
#define tile_set(x)         _mm512_set1_ps(x)
#define tile_load(p)        _mm512_loadu_ps(p)
#define tile_store(p, v)    _mm512_storeu_ps(p, v)
#define tile_fma(a, b, sum) _mm512_fmadd_ps(a, b, sum)

#include "quant/kmeans_body.h"

const kmeans_tile kmeans_tile_avx512 = TILE_KERNELS;
#endif
