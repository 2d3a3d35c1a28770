/* kmeans_tile.h — the kernel of k-means: inner products of a few rows with a few centroids, from
 * packed copies of both.
 *
 * Packed rows: coordinate by coordinate, `rows` values each. A packed panel: coordinate by
 * coordinate, `centroids` values each. Sums: row by row, `centroids` values each.
 *
 * Ownership  none.
 * Threads    constant; any number of threads.
 * Errors     none. */
#ifndef VARVE_QUANT_KMEANS_TILE_H
#define VARVE_QUANT_KMEANS_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KMEANS_TILE_ROWS_MAX      12
#define KMEANS_TILE_CENTROIDS_MAX 32
#define KMEANS_FAR                0x1p40f

typedef struct kmeans_tile {
    size_t rows, centroids;
    /* Products over `depth` coordinates: stored if first, else added to what is there. */
    void (*products)(const float *rows, const float *panel, size_t depth, bool first, float *sums);
    /* A row keeps the best of every lane of its panels: the key |c|^2 / 2 - <x, c>, and the number
     * of the centroid, `first` being that of lane 0. */
    void (*best)(const float *sums, const float *half_norms, uint32_t first, size_t rows,
                 float *keys, uint32_t *ids);
    /* The best of all lanes of a row; of equal ones the first centroid. */
    uint32_t (*smallest)(const float *keys, const uint32_t *ids);
    /* A tile of rows from the origin, scaled. far[r] is set if row r has a coordinate that is not
     * below KMEANS_FAR. */
    void (*pack)(const float *const *rows, const float *origin, float scale, size_t depth,
                 float *ret, uint8_t *far);
} kmeans_tile;

extern const kmeans_tile kmeans_tile_scalar;
#if defined(__x86_64__)
extern const kmeans_tile kmeans_tile_avx2, kmeans_tile_avx512;
#endif

#endif
