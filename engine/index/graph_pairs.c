/* graph_pairs.c — the plain kernels over pairs of points, and the choice among all of them. */
#include "index/graph_pairs.h"

#include "distance/distance.h"

#include <string.h>

static uint32_t squared_distance(const uint8_t *x, const uint8_t *y, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int d = x[i] - y[i];
        sum += (uint32_t)(d * d);
    }
    return sum;
}

static void scan(const uint8_t *points, size_t stride, const uint8_t *x, const uint32_t *ids,
                 size_t n, uint32_t *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = squared_distance(x, points + ids[i] * stride, stride);
}

static void pack(const uint8_t *const *points, size_t n, size_t quads, uint8_t *ret_group,
                 uint32_t *ret_norms)
{
    for (size_t i = 0; i < GRAPH_PAIRS_GROUP; i++) {
        const uint8_t *x = points[i < n ? i : 0];
        uint32_t norm = 0;
        for (size_t j = 0; j < 4 * quads; j++) {
            norm += (uint32_t)x[j] * x[j];
            ret_group[(j / 4 * GRAPH_PAIRS_GROUP + i) * 4 + j % 4] = x[j] ^ 0x80;
        }
        ret_norms[i] = norm;
    }
}

static void multiply(const uint8_t *x, const uint8_t *group, size_t quads,
                     uint32_t ret[GRAPH_PAIRS_GROUP])
{
    memset(ret, 0, GRAPH_PAIRS_GROUP * sizeof *ret);
    for (size_t q = 0; q < quads; q++) {
        const int8_t *y = (const int8_t *)group + q * GRAPH_PAIRS_GROUP * 4;
        for (size_t i = 0; i < GRAPH_PAIRS_GROUP; i++)
            ret[i] += (uint32_t)(x[4 * q] * y[4 * i] + x[4 * q + 1] * y[4 * i + 1] +
                                 x[4 * q + 2] * y[4 * i + 2] + x[4 * q + 3] * y[4 * i + 3]);
    }
}

/* |x - y|^2 = |x|^2 + |y|^2 - 2 x (y - 128) - 256 sum x */
static void block(const uint8_t *const *x, size_t m, const uint8_t *tile, const uint32_t *norms,
                  size_t groups, size_t quads, uint32_t *ret)
{
    for (size_t i = 0; i < m; i++) {
        uint32_t own = 0;
        for (size_t j = 0; j < 4 * quads; j++)
            own += (uint32_t)x[i][j] * x[i][j] - 256u * x[i][j];
        for (size_t g = 0; g < groups; g++) {
            uint32_t products[GRAPH_PAIRS_GROUP];
            size_t at = g * GRAPH_PAIRS_GROUP;
            multiply(x[i], tile + at * 4 * quads, quads, products);
            for (size_t j = 0; j < GRAPH_PAIRS_GROUP; j++)
                ret[i * groups * GRAPH_PAIRS_GROUP + at + j] =
                    own + norms[at + j] - 2 * products[j];
        }
    }
}

static size_t count(const uint32_t *keys, size_t groups, uint32_t bound)
{
    size_t n = 0;
    for (size_t i = 0; i < groups * GRAPH_PAIRS_GROUP; i++)
        n += keys[i] < bound;
    return n;
}

static size_t below(const uint32_t *keys, size_t groups, uint32_t bound, uint32_t *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < groups * GRAPH_PAIRS_GROUP; i++) {
        ret[n] = (uint32_t)i;
        n += keys[i] < bound;
    }
    return n;
}

const graph_pairs graph_pairs_scalar = {"scalar", scan, pack, block, count, below};

const graph_pairs *graph_pairs_choose(void)
{
#if defined(__x86_64__)
    if (strcmp(distance_isa(), "avx512") == 0) return &graph_pairs_avx512;
    if (strcmp(distance_isa(), "avx2") == 0) return &graph_pairs_avx2;
#endif
    return &graph_pairs_scalar;
}
