/* graph_pairs.h — inside index/: squared Euclidean distances between points kept as bytes, exact in
 * integers, so that every instruction set gives the same graph.
 *
 * A point is `stride` bytes (a multiple of 64, zero behind its coordinates) at a multiple of 64.
 * Distances fit 32 bits: 255 * 255 * 65,536 < 2^32; sums on the way may wrap around.
 *
 * A tile holds points in groups of 16, interleaved by 4 coordinates, each byte minus 128 as a
 * signed one: what a product of unsigned by signed bytes (VPDPBUSD) takes.
 *     | group 0: 16 x coordinates 0..3 | 16 x coordinates 4..7 | ... | group 1 ... |
 *
 * Threads  kernels are functions of their arguments. */
#ifndef VARVE_INDEX_GRAPH_PAIRS_H
#define VARVE_INDEX_GRAPH_PAIRS_H

#include "base/status.h"

#define GRAPH_PAIRS_GROUP 16 /* points interleaved in a tile */
#define GRAPH_PAIRS_ROWS  8  /* points that one call of `block` compares with a tile at most */

typedef struct graph_pairs {
    const char *name;
    /* x against points[ids[i]], i < n. */
    void (*scan)(const uint8_t *points, size_t stride, const uint8_t *x, const uint32_t *ids,
                 size_t n, uint32_t *ret);
    /* One group of a tile from 1..16 points; `quads`: coordinates / 4, rounded up. The squared
     * lengths go to ret_norms. Missing points repeat the first. */
    void (*pack)(const uint8_t *const *points, size_t n, size_t quads, uint8_t *ret_group,
                 uint32_t *ret_norms);
    /* m <= GRAPH_PAIRS_ROWS points against all of a tile: ret[i * groups * 16 + j]. */
    void (*block)(const uint8_t *const *x, size_t m, const uint8_t *tile, const uint32_t *norms,
                  size_t groups, size_t quads, uint32_t *ret);
    /* How many of the keys, 16 at a time, are below the bound. */
    size_t (*count)(const uint32_t *keys, size_t groups, uint32_t bound);
    /* Their positions, ascending. ret has room for 16 more than there are. */
    size_t (*below)(const uint32_t *keys, size_t groups, uint32_t bound, uint32_t *ret);
} graph_pairs;

extern const graph_pairs graph_pairs_scalar;
#if defined(__x86_64__)
extern const graph_pairs graph_pairs_avx2, graph_pairs_avx512;
#endif

/* That of the instruction set which distance/ chose. */
const graph_pairs *graph_pairs_choose(void);

#endif
