/* kmeans.h — Lloyd's algorithm with k-means++ style seeding on a sample, over float rows. The same
 * rows, k and seed give the same centroids, whatever the number of threads; another instruction set
 * rounds products differently, and may give others.
 * Threads  uses those of its pool argument.
 * Errors   VARVE_NO_MEMORY; VARVE_CANCELLED by progress; VARVE_INVALID no rows, no centroids, or
 *          more wanted than there are. Rows are finite. */
#ifndef VARVE_QUANT_KMEANS_H
#define VARVE_QUANT_KMEANS_H

#include "base/status.h"
#include "base/thread_pool.h"

/* false: stop (VARVE_CANCELLED). May sleep. */
typedef bool kmeans_progress(void *context, uint64_t done, uint64_t total);

typedef struct kmeans_options {
    uint32_t k, iterations;
    uint64_t seed;
    thread_pool *pool;         /* NULL: one thread */
    kmeans_progress *progress; /* NULL: none */
    void *context;
} kmeans_options;

/* n × width rows into k × width centroids. No empty cluster while there are k different rows; with
 * fewer rows than k, centroids repeat. */
VV_CHECKED varve_status kmeans(const float *rows, size_t n, size_t width,
                               const kmeans_options *options, float *ret_centroids,
                               varve_error *err);
/* For each row the `count` nearest centroids, nearest first: ids and squared distances (may be
 * NULL). */
VV_CHECKED varve_status kmeans_assign(const float *rows, size_t n, size_t width,
                                      const float *centroids, size_t k, size_t count,
                                      thread_pool *pool, uint32_t *ret_ids, float *ret_distances,
                                      varve_error *err);

#endif
