/* kmeans_private.h — centroids packed for assignment, shared by the files of k-means.
 *
 * Rows and centroids are looked at from the mean of the centroids, scaled by a power of two that
 * brings the centroids near 1: then |c|^2 / 2 - <x, c> orders the centroids of a row without
 * cancellation or overflow. A row that is too far away for float is assigned in double.
 *
 * Ownership  kmeans_centroids_done() frees; the plain centroids are the caller's.
 * Threads    read-only once made.
 * Errors     VARVE_NO_MEMORY. */
#ifndef VARVE_QUANT_KMEANS_PRIVATE_H
#define VARVE_QUANT_KMEANS_PRIVATE_H

#include "quant/kmeans.h"
#include "quant/quant_kernels.h"

typedef struct kmeans_centroids {
    const float *plain; /* k × width */
    size_t k, width, panels;
    const quant_isa_kernels *isa;
    void *memory;      /* of what follows */
    float *packed;     /* panels × width × isa->tile->centroids */
    float *half_norms; /* infinity behind the last centroid */
    float *origin;     /* width */
    float scale;
} kmeans_centroids;

VV_CHECKED varve_status kmeans_centroids_init(kmeans_centroids *c, const quant_isa_kernels *isa,
                                              const float *plain, size_t k, size_t width,
                                              varve_error *err);
void kmeans_centroids_done(kmeans_centroids *c);

/* Rows of a set: all of them, or those that `pick` names. */
typedef struct kmeans_rows {
    const float *values;
    const uint32_t *pick; /* NULL: row i is the i-th */
    size_t n, width;
} kmeans_rows;

static inline const float *kmeans_row(const kmeans_rows *rows, size_t i)
{
    return rows->values + (rows->pick ? rows->pick[i] : i) * rows->width;
}

/* For each row the `count` (1 to k) nearest: ids and, unless NULL, squared distances. */
VV_CHECKED varve_status kmeans_nearest(const kmeans_centroids *c, const kmeans_rows *rows,
                                       size_t count, thread_pool *pool, uint32_t *ret_ids,
                                       double *ret_distances, varve_error *err);

/* k rows as centroids, far from one another. */
VV_CHECKED varve_status kmeans_seed(const kmeans_rows *rows, const kmeans_options *options,
                                    float *ret_centroids, varve_error *err);

#endif
