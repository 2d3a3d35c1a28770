/* kmeans_body.h — the products of a tile of rows with a panel of centroids, included by the file of
 * each instruction set after it has defined
 *   tile_floats  a vector of TILE_LANES floats, and tile_load(p) tile_store(p, v) tile_set(x)
 *                tile_zero() tile_fma(a, b, sum)
 *   TILE_ROWS, TILE_VECTORS  of the tile: so many rows, so many vectors of centroids
 * All TILE_ROWS × TILE_VECTORS sums stay in registers; each step loads TILE_VECTORS vectors of the
 * panel and uses each TILE_ROWS times. */
#include "quant/kmeans_tile.h"

#include <string.h>

#define TILE_CENTROIDS (TILE_VECTORS * TILE_LANES)
#define UNROLL         _Pragma("GCC unroll 16")

static void tile(const float *rows, const float *panel, size_t depth, bool first, float *sums)
{
    tile_floats s[TILE_ROWS][TILE_VECTORS];
    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            s[r][v] = first ? tile_zero() : tile_load(sums + r * TILE_CENTROIDS + v * TILE_LANES);
    }
    for (size_t d = 0; d < depth; d++, rows += TILE_ROWS, panel += TILE_CENTROIDS) {
        tile_floats c[TILE_VECTORS];
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            c[v] = tile_load(panel + v * TILE_LANES);
        UNROLL
        for (size_t r = 0; r < TILE_ROWS; r++) {
            tile_floats x = tile_set(rows[r]);
            UNROLL
            for (size_t v = 0; v < TILE_VECTORS; v++)
                s[r][v] = tile_fma(x, c[v], s[r][v]);
        }
    }
    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECTORS; v++)
            tile_store(sums + r * TILE_CENTROIDS + v * TILE_LANES, s[r][v]);
    }
}

static void best(const float *sums, const float *half_norms, uint32_t first, size_t rows,
                 float *keys, uint32_t *ids)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t l = 0; l < TILE_CENTROIDS; l++) {
            float key = half_norms[l] - sums[l];
            bool better = key < keys[l];
            keys[l] = better ? key : keys[l];
            ids[l] = better ? first + (uint32_t)l : ids[l];
        }
        sums += TILE_CENTROIDS;
        keys += TILE_CENTROIDS;
        ids += TILE_CENTROIDS;
    }
}

/* The centroid of the smallest key; of equal ones the first. */
static uint32_t smallest(const float *keys, const uint32_t *ids)
{
    float least[TILE_CENTROIDS];
    uint32_t best = UINT32_MAX;
    memcpy(least, keys, sizeof least);
    UNROLL
    for (size_t n = TILE_CENTROIDS / 2; n > 0; n /= 2) {
        for (size_t l = 0; l < n; l++)
            least[l] = least[l + n] < least[l] ? least[l + n] : least[l];
    }
    for (size_t l = 0; l < TILE_CENTROIDS; l++) {
        uint32_t id = keys[l] == least[0] ? ids[l] : UINT32_MAX;
        best = id < best ? id : best;
    }
    return best;
}

#define PACK_DEPTH 128

/* Through a buffer: the first step is vectors, the second only turns them. */
static void pack(const float *const *rows, const float *origin, float scale, size_t depth,
                 float *ret, uint8_t *far)
{
    float part[TILE_ROWS][PACK_DEPTH];
    for (size_t at = 0; at < depth; at += PACK_DEPTH) {
        size_t n = depth - at < PACK_DEPTH ? depth - at : PACK_DEPTH;
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const float *x = rows[r] + at, *o = origin + at;
            int32_t beyond = 0;
            for (size_t d = 0; d < n; d++) {
                float v = (x[d] - o[d]) * scale;
                beyond |= __builtin_fabsf(v) < KMEANS_FAR ? 0 : 1;
                part[r][d] = v;
            }
            if (beyond) far[r] = 1;
        }
        for (size_t d = 0; d < n; d++, ret += TILE_ROWS) {
            UNROLL
            for (size_t r = 0; r < TILE_ROWS; r++)
                ret[r] = part[r][d];
        }
    }
}

#define TILE_KERNELS                                                                               \
    {                                                                                              \
        TILE_ROWS, TILE_CENTROIDS, tile, best, smallest, pack                                      \
    }
