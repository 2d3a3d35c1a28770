/* kmeans_scalar.c — the tile for any CPU: vectors of 4 floats, lowered by the compiler to what
 * there is; no fused multiply-add, which few CPUs without AVX2 have. */
#include <string.h>

#define TILE_LANES   4
#define TILE_ROWS    4
#define TILE_VECTORS 2

typedef float tile_floats __attribute__((vector_size(16)));

static inline tile_floats tile_zero(void) { return (tile_floats){0, 0, 0, 0}; }
static inline tile_floats tile_set(float x) { return (tile_floats){x, x, x, x}; }
static inline tile_floats tile_fma(tile_floats a, tile_floats b, tile_floats sum)
{
    return sum + a * b;
}
static inline tile_floats tile_load(const float *p)
{
    tile_floats v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void tile_store(float *p, tile_floats v) { memcpy(p, &v, sizeof v); }

#include "quant/kmeans_body.h"

const kmeans_tile kmeans_tile_scalar = TILE_KERNELS;
