/* norm.c — the norm of float32 rows at ingest speed: sixteen float sums over 128 values each, added
 * up in double. Within one such stretch a sum is off by at most (8 additions + 1 product + 4 to
 * fold the lanes) * 2^-24 < 8e-7 of itself, its root by half of that; SLACK covers it. Where float
 * could overflow or lose everything to underflow, and for the other types, distance_norm() decides.
 */
#include "segment/norm.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>

#define SLACK       (1 + 1e-6)
#define LANES       16
#define STRETCH     128
#define SQUARES_MIN 1e-20 /* below, squares that underflowed could matter */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static float squares(const uint8_t *at, size_t count)
{
    lanes sum = {0}, v = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        memcpy(&v, at + i * sizeof(float), sizeof v);
        sum += v * v;
    }
    if (i < count) {
        v = (lanes){0};
        memcpy(&v, at + i * sizeof(float), (count - i) * sizeof(float));
        sum += v * v;
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t lane = 0; lane < half; lane++)
            sum[lane] += sum[lane + half];
    }
    return sum[0];
}

double norm_bound(varve_dtype dtype, size_t dim, const void *row)
{
    double sum = 0;
    if (dtype != VARVE_FLOAT32) return distance_norm(dtype, dim, row) * SLACK;
    for (size_t i = 0; i < dim; i += STRETCH)
        sum += squares((const uint8_t *)row + i * sizeof(float), VV_MIN(dim - i, (size_t)STRETCH));
    if (!(sum >= SQUARES_MIN && sum < INFINITY)) return distance_norm(dtype, dim, row) * SLACK;
    return sqrt(sum) * SLACK;
}
