/* ivf_cluster_bits.c — partitions of rows of bits: Lloyd's algorithm with the metric of the mode
 * and centroids of bits. A centroid has as many bits set as its rows have on average, the most
 * frequent ones: a plain majority would leave the centroids of sparse rows empty, and all alike. */
#include "index/ivf.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS   6
#define SAMPLE_EACH  64
#define BLOCK_ROWS   512
#define PART_BLOCKS  8 /* of one task */
#define SLICE_BLOCKS 512
#define PARTS_MAX    (SLICE_BLOCKS / PART_BLOCKS)

typedef struct cluster {
    const index_build_context *c;
    const uint8_t *bits;
    uint32_t dim, count; /* centroids */
    size_t stride;
    uint8_t *centroids;
    distance_query **prepared; /* the centroids as queries */
    uint32_t *sample;          /* slots; NULL: all rows */
    uint32_t rows;             /* in the sample */
    uint32_t *of;              /* centroid of each row of the sample */
    uint32_t first;            /* block of part 0 */
    varve_status statuses[PARTS_MAX];
} cluster;

static void free_prepared(cluster *k)
{
    for (uint32_t i = 0; k->prepared && i < k->count; i++) {
        distance_query_free(k->prepared[i]);
        k->prepared[i] = NULL;
    }
}

static void cluster_done(cluster *k)
{
    free_prepared(k);
    free(k->prepared);
    free(k->centroids);
    free(k->sample);
    free(k->of);
}

/* ---- assignment ---------------------------------------------------------------------------- */

static varve_status prepare_centroids(cluster *k, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *values = malloc(k->dim * sizeof *values);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for centroids");
    free_prepared(k);
    for (uint32_t i = 0; i < k->count; i++) {
        distance_row_floats(VARVE_BINARY, k->dim, k->centroids + i * k->stride, values);
        VV_TRY(distance_query_new(k->c->spec->mode.metric, VARVE_BINARY, k->dim, values,
                                  &k->prepared[i], err));
    }
    return VARVE_OK;
}

static void assign_block(const cluster *k, const uint8_t *rows, uint32_t n, uint32_t *ret)
{
    float scores[BLOCK_ROWS], best[BLOCK_ROWS];
    for (uint32_t i = 0; i < n; i++)
        best[i] = INFINITY;
    memset(ret, 0, n * sizeof *ret);
    for (uint32_t c = 0; c < k->count; c++) {
        distance_scan(k->prepared[c], rows, n, scores);
        for (uint32_t i = 0; i < n; i++) {
            if (scores[i] >= best[i]) continue;
            best[i] = scores[i];
            ret[i] = c;
        }
    }
}

static void assign_part(void *context, size_t part)
{
    cluster *k = context;
    VV_CLEANUP(vv_freep) uint8_t *gathered = k->sample ? malloc(BLOCK_ROWS * k->stride) : NULL;
    uint32_t block = k->first + (uint32_t)part * PART_BLOCKS;
    k->statuses[part] = k->sample && !gathered ? VARVE_NO_MEMORY : VARVE_OK;
    if (k->statuses[part] != VARVE_OK) return;
    for (uint32_t b = block; b < block + PART_BLOCKS && b * BLOCK_ROWS < k->rows; b++) {
        uint32_t first = b * BLOCK_ROWS, n = VV_MIN(k->rows - first, (uint32_t)BLOCK_ROWS);
        const uint8_t *rows = k->bits + first * k->stride;
        for (uint32_t i = 0; k->sample && i < n; i++)
            memcpy(gathered + i * k->stride, k->bits + k->sample[first + i] * k->stride, k->stride);
        assign_block(k, k->sample ? gathered : rows, n, k->of + first);
    }
}

static varve_status assign(cluster *k, const char *stage, varve_error *err)
{
    uint32_t blocks = (k->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    VV_TRY(prepare_centroids(k, err));
    for (k->first = 0; k->first < blocks; k->first += SLICE_BLOCKS) {
        uint32_t n = VV_MIN(blocks - k->first, (uint32_t)SLICE_BLOCKS);
        uint32_t parts = (n + PART_BLOCKS - 1) / PART_BLOCKS;
        pool_run(k->c->pool, parts, assign_part, k);
        for (uint32_t i = 0; i < parts; i++) {
            if (k->statuses[i] != VARVE_OK)
                return vv_fail(err, k->statuses[i], "no memory for partitions of bits");
        }
        VV_TRY(index_step(k->c, stage, VV_MIN(k->first + n, blocks), blocks, 0, err));
    }
    return VARVE_OK;
}

/* ---- centroids ----------------------------------------------------------------------------- */

static const uint8_t *row_of(const cluster *k, uint32_t i)
{
    return k->bits + (k->sample ? k->sample[i] : i) * k->stride;
}

/* The `wanted` bits of the largest counts; among equal counts the first. */
static void set_most_frequent(const cluster *k, const uint32_t *counts, uint32_t wanted,
                              uint32_t rows, uint8_t *ret)
{
    uint32_t above = rows + 1, set = 0; /* bits counted at least `above` times are in */
    memset(ret, 0, k->stride);
    while (set < wanted && above > 0) {
        uint32_t next = 0, at_next = 0;
        for (uint32_t d = 0; d < k->dim; d++) {
            if (counts[d] >= above) continue;
            if (counts[d] > next) at_next = 0;
            next = VV_MAX(next, counts[d]);
            at_next += counts[d] == next;
        }
        for (uint32_t d = 0; d < k->dim && set < wanted; d++) {
            if (counts[d] != next) continue;
            ret[d / 8] |= (uint8_t)(1u << d % 8);
            set++;
        }
        above = at_next ? next : 0;
    }
}

static varve_status move_centroids(cluster *k, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint32_t *counts = calloc((size_t)k->count * k->dim, sizeof *counts);
    VV_CLEANUP(vv_freep) uint32_t *sizes = calloc(k->count, sizeof *sizes);
    if (!counts || !sizes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for centroids");
    for (uint32_t i = 0; i < k->rows; i++) {
        const uint8_t *row = row_of(k, i);
        uint32_t *to = counts + (size_t)k->of[i] * k->dim;
        sizes[k->of[i]]++;
        for (uint32_t d = 0; d < k->dim; d++)
            to[d] += row[d / 8] >> d % 8 & 1;
    }
    for (uint32_t c = 0; c < k->count; c++) {
        const uint32_t *of = counts + (size_t)c * k->dim;
        uint64_t total = 0;
        if (sizes[c] == 0) continue; /* keeps its place */
        for (uint32_t d = 0; d < k->dim; d++)
            total += of[d];
        set_most_frequent(k, of, (uint32_t)((total + sizes[c] / 2) / sizes[c]), sizes[c],
                          k->centroids + c * k->stride);
    }
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status cluster_init(cluster *k, const index_build_context *c, const uint8_t *bits,
                                 varve_error *err)
{
    random_state r;
    uint32_t rows = c->rows->count;
    *k = (cluster){.c = c, .bits = bits, .dim = c->rows->dim};
    k->stride = varve_dtype_row_bytes(VARVE_BINARY, k->dim);
    k->count = ivf_partition_count(c->spec->params.n_clusters, rows);
    k->rows = (uint32_t)VV_MIN((uint64_t)k->count * SAMPLE_EACH, (uint64_t)rows);
    k->centroids = calloc(k->count, k->stride);
    k->prepared = calloc(k->count, sizeof *k->prepared);
    k->sample = malloc((size_t)k->rows * sizeof *k->sample);
    k->of = malloc((size_t)rows * sizeof *k->of);
    if (!k->centroids || !k->prepared || !k->sample || !k->of)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for partitions of bits");
    random_seed(&r, c->options->seed);
    for (uint32_t i = 0; i < k->rows; i++)
        k->sample[i] = (uint32_t)((uint64_t)i * rows / k->rows);
    for (uint32_t i = 0; i < k->count; i++) { /* one of each stretch of the sample */
        uint64_t from = (uint64_t)i * k->rows / k->count;
        uint64_t to = (uint64_t)(i + 1) * k->rows / k->count;
        uint32_t at = (uint32_t)(from + random_below(&r, VV_MAX(to - from, (uint64_t)1)));
        memcpy(k->centroids + i * k->stride, row_of(k, at), k->stride);
    }
    return VARVE_OK;
}

static varve_status run(cluster *k, varve_error *err)
{
    for (unsigned i = 0; i < ITERATIONS && k->count > 1; i++) {
        VV_TRY(assign(k, "k-means", err));
        VV_TRY(move_centroids(k, err));
    }
    free(k->sample);
    k->sample = NULL;
    k->rows = k->c->rows->count;
    return assign(k, "assign", err);
}

varve_status ivf_cluster_bits(const index_build_context *c, const uint8_t *bits,
                              ivf_assignment *ret, uint8_t **ret_centroids, varve_error *err)
{
    VV_CLEANUP(cluster_done) cluster k;
    VV_TRY(cluster_init(&k, c, bits, err));
    VV_TRY(run(&k, err));
    ivf_assignment a = {.rows = c->rows->count, .copies = 1, .partitions = k.count, .of = k.of};
    VV_TRY(ivf_assignment_compact(&a, k.centroids, k.stride, err));
    *ret = a;
    *ret_centroids = k.centroids;
    k.of = NULL;
    k.centroids = NULL;
    return VARVE_OK;
}
