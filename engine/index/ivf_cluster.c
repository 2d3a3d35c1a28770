/* ivf_cluster.c — partitions of points: k-means on a sample, every row to its nearest centroid;
 * then partitions that came out much too large are divided again, so that no search pays for one.
 * With copies, a row also goes to the next nearest partitions if they are about as near and lie in
 * another direction: SPANN's rule (Chen et al., NeurIPS 2021, section 3.2.1). */
#include "index/ivf.h"
#include "quant/kmeans.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_ROWS     8192
#define ITERATIONS     8
#define SAMPLE_EACH    48 /* rows per centroid */
#define SAMPLE_BYTES   ((uint64_t)256 << 20)
#define SPLIT_ITERATED 6
#define SPLIT_ROUNDS   4
#define LARGE          3 /* times the mean: divided */
#define CHILDREN_MAX   64
#define COPY_NEARNESS  1.21 /* squared distance, against that of the nearest: 1.1 times as far */

typedef struct cluster {
    const index_build_context *c;
    const space *space;
    ivf_assignment a;
    float *centroids;
    uint32_t room; /* for so many centroids */
    float *points; /* BATCH_ROWS of them, and what is found for each: */
    uint32_t *ids;
    float *distances;
} cluster;

static void cluster_done(cluster *k)
{
    ivf_assignment_done(&k->a);
    free(k->centroids);
    free(k->points);
    free(k->ids);
    free(k->distances);
}

/* Replicas are of SPANN alone. */
static uint32_t copies_of(const index_spec *s)
{
    uint32_t copies = s->mode.structure == INDEX_SPANN ? s->params.replica_count : 1;
    return VV_MIN(VV_MAX(copies, 1u), (uint32_t)IVF_COPIES_MAX);
}

static varve_status reserve_centroids(cluster *k, uint32_t room, varve_error *err)
{
    if (room <= k->room) return VARVE_OK;
    room = VV_MAX(room, k->room + k->room / 4);
    float *larger = realloc(k->centroids, (size_t)room * k->space->width * sizeof *larger);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u centroids", room);
    k->centroids = larger;
    k->room = room;
    return VARVE_OK;
}

static varve_status cluster_init(cluster *k, const index_build_context *c, const space *s,
                                 varve_error *err)
{
    uint32_t copies = copies_of(c->spec);
    *k = (cluster){.c = c, .space = s};
    VV_TRY(ivf_assignment_init(&k->a, c->rows->count, copies, err));
    k->a.partitions = ivf_partition_count(c->spec->params.n_clusters, c->rows->count);
    k->points = malloc((size_t)BATCH_ROWS * s->width * sizeof *k->points);
    k->ids = malloc((size_t)BATCH_ROWS * copies * sizeof *k->ids);
    k->distances = malloc((size_t)BATCH_ROWS * copies * sizeof *k->distances);
    if (!k->points || !k->ids || !k->distances)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for partitions");
    return reserve_centroids(k, k->a.partitions, err);
}

/* ---- points -------------------------------------------------------------------------------- */

/* Points of rows slots[0 .. n), or of [first, first + n) when slots is NULL. */
static varve_status get_points(const cluster *k, const uint32_t *slots, uint32_t first, uint32_t n,
                               float *ret, varve_error *err)
{
    const index_rows *rows = k->c->rows;
    uint32_t run = slots ? 1 : n;
    for (uint32_t i = 0; i < n; i += run) {
        const uint8_t *at;
        VV_TRY(rows->get(rows->context, slots ? slots[i] : first + i, run, &at, err));
        space_rows(k->space, at, run, ret + (size_t)i * k->space->width);
    }
    return VARVE_OK;
}

/* `wanted` of the rows, evenly spaced; free() them. */
static varve_status sample_points(const cluster *k, const uint32_t *slots, uint32_t count,
                                  uint32_t wanted, float **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *points = malloc((size_t)wanted * k->space->width * sizeof *points);
    if (!points) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of rows");
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t at = (uint32_t)((uint64_t)i * count / wanted);
        VV_TRY(get_points(k, slots ? slots + at : NULL, at, 1, points + (size_t)i * k->space->width,
                          err));
    }
    *ret = points;
    points = NULL;
    return VARVE_OK;
}

static uint32_t sample_size(uint32_t rows, uint32_t centroids, uint32_t width)
{
    uint64_t most = SAMPLE_BYTES / (width * sizeof(float));
    uint64_t wanted =
        VV_MIN((uint64_t)SAMPLE_EACH * centroids, VV_MAX(most, 8 * (uint64_t)centroids));
    return (uint32_t)VV_MIN(wanted, (uint64_t)rows);
}

static bool go_on(void *context, uint64_t done, uint64_t total)
{
    return index_step(context, "k-means", done, total, 0, NULL) == VARVE_OK;
}

static varve_status find_centroids(const cluster *k, const uint32_t *slots, uint32_t count,
                                   uint32_t centroids, uint32_t iterations, float *ret,
                                   varve_error *err)
{
    VV_CLEANUP(vv_freep) float *sample = NULL;
    uint32_t n = sample_size(count, centroids, k->space->width);
    kmeans_options options = {.k = centroids,
                              .iterations = iterations,
                              .seed = k->c->options->seed,
                              .pool = k->c->pool,
                              .progress = go_on,
                              .context = (void *)(uintptr_t)k->c};
    VV_TRY(sample_points(k, slots, count, n, &sample, err));
    return kmeans(sample, n, k->space->width, &options, ret, err);
}

/* ---- every row to its nearest --------------------------------------------------------------- */

static varve_status assign_batch(const cluster *k, const uint32_t *slots, uint32_t first,
                                 uint32_t n, const float *centroids, uint32_t count,
                                 varve_error *err)
{
    VV_TRY(get_points(k, slots, first, n, k->points, err));
    return kmeans_assign(k->points, n, k->space->width, centroids, count, 1, k->c->pool, k->ids,
                         k->distances, err);
}

static varve_status assign_all(cluster *k, varve_error *err)
{
    const index_rows *rows = k->c->rows;
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        n = VV_MIN((uint32_t)BATCH_ROWS, rows->count - first);
        VV_TRY(assign_batch(k, NULL, first, n, k->centroids, k->a.partitions, err));
        for (uint32_t i = 0; i < n; i++)
            k->a.of[(size_t)(first + i) * k->a.copies] = k->ids[i];
        VV_TRY(index_step(k->c, "assign", first + n, rows->count, n * stride, err));
    }
    return VARVE_OK;
}

/* ---- large partitions ----------------------------------------------------------------------- */

/* The rows of one partition among children: the first child takes its number, others new ones. */
static varve_status divide(cluster *k, uint32_t partition, const uint32_t *slots, uint32_t count,
                           uint32_t children, varve_error *err)
{
    size_t width = k->space->width;
    uint32_t added = k->a.partitions;
    VV_CLEANUP(vv_freep) float *centroids = malloc(children * width * sizeof *centroids);
    if (!centroids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for centroids");
    VV_TRY(find_centroids(k, slots, count, children, SPLIT_ITERATED, centroids, err));
    VV_TRY(reserve_centroids(k, added + children - 1, err));
    memcpy(k->centroids + partition * width, centroids, width * sizeof *centroids);
    memcpy(k->centroids + added * width, centroids + width,
           (children - 1) * width * sizeof *centroids);
    for (uint32_t first = 0, n; first < count; first += n) {
        n = VV_MIN((uint32_t)BATCH_ROWS, count - first);
        VV_TRY(assign_batch(k, slots + first, 0, n, centroids, children, err));
        for (uint32_t i = 0; i < n; i++) {
            uint32_t child = k->ids[i] == 0 ? partition : added + k->ids[i] - 1;
            k->a.of[(size_t)slots[first + i] * k->a.copies] = child;
        }
    }
    k->a.partitions = added + children - 1;
    return VARVE_OK;
}

/* Those above `limit` rows are divided once. Equal rows cannot be told apart, and stay together. */
static varve_status divide_large(cluster *k, uint32_t limit, uint32_t mean, bool *ret_divided,
                                 varve_error *err)
{
    VV_CLEANUP(ivf_order_done) ivf_order o = {0};
    uint32_t before = k->a.partitions;
    VV_TRY(ivf_order_make(&k->a, 1, &o, err));
    for (uint32_t p = 0; p < before; p++) {
        uint32_t count = (uint32_t)(o.starts[p + 1] - o.starts[p]);
        uint32_t children = VV_MIN(count / mean, (uint32_t)CHILDREN_MAX);
        if (count <= limit || k->a.partitions + children > IVF_PARTITIONS_MAX) continue;
        VV_TRY(divide(k, p, o.slots + o.starts[p], count, children, err));
    }
    *ret_divided = k->a.partitions > before;
    return VARVE_OK;
}

static varve_status balance(cluster *k, varve_error *err)
{
    uint32_t mean = VV_MAX(k->a.rows / k->a.partitions, 64u);
    bool divided = true;
    if (k->a.partitions == 1) return VARVE_OK;
    for (unsigned round = 0; round < SPLIT_ROUNDS && divided; round++) {
        VV_TRY(divide_large(k, LARGE * mean, mean, &divided, err));
        VV_TRY(ivf_assignment_compact(&k->a, k->centroids, k->space->width * sizeof(float), err));
    }
    return VARVE_OK;
}

/* ---- copies -------------------------------------------------------------------------------- */

static double square_distance(const cluster *k, uint32_t a, uint32_t b)
{
    size_t width = k->space->width;
    const float *x = k->centroids + a * width, *y = k->centroids + b * width;
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
    return sum;
}

/* Is the centroid in another direction than those taken: nearer to the row than to them? */
static bool is_apart(const cluster *k, const uint32_t *taken, uint32_t count, uint32_t id,
                     float distance)
{
    for (uint32_t i = 0; i < count; i++) {
        if (square_distance(k, taken[i], id) < (double)distance) return false;
    }
    return true;
}

static void copy_row(const cluster *k, uint32_t i, uint32_t slot)
{
    const uint32_t *ids = k->ids + (size_t)i * k->a.copies;
    const float *distances = k->distances + (size_t)i * k->a.copies;
    uint32_t *of = k->a.of + (size_t)slot * k->a.copies, taken = 1;
    double limit = (double)distances[0] * COPY_NEARNESS;
    of[0] = ids[0];
    for (uint32_t j = 1; j < k->a.copies && (double)distances[j] <= limit; j++) {
        if (ids[j] != ids[0] && is_apart(k, of, taken, ids[j], distances[j])) of[taken++] = ids[j];
    }
}

static varve_status copy_all(cluster *k, varve_error *err)
{
    const index_rows *rows = k->c->rows;
    if (k->a.copies == 1) return VARVE_OK;
    if (k->a.partitions < k->a.copies) return VARVE_OK; /* a handful of rows */
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        n = VV_MIN((uint32_t)BATCH_ROWS, rows->count - first);
        VV_TRY(get_points(k, NULL, first, n, k->points, err));
        VV_TRY(kmeans_assign(k->points, n, k->space->width, k->centroids, k->a.partitions,
                             k->a.copies, k->c->pool, k->ids, k->distances, err));
        for (uint32_t i = 0; i < n; i++)
            copy_row(k, i, first + i);
        VV_TRY(index_step(k->c, "copies", first + n, rows->count, 0, err));
    }
    return ivf_assignment_compact(&k->a, k->centroids, k->space->width * sizeof(float), err);
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status run(cluster *k, varve_error *err)
{
    VV_TRY(find_centroids(k, NULL, k->a.rows, k->a.partitions, ITERATIONS, k->centroids, err));
    VV_TRY(assign_all(k, err));
    VV_TRY(ivf_assignment_compact(&k->a, k->centroids, k->space->width * sizeof(float), err));
    VV_TRY(balance(k, err));
    return copy_all(k, err);
}

varve_status ivf_cluster(const index_build_context *c, const space *s, ivf_assignment *ret,
                         float **ret_centroids, varve_error *err)
{
    VV_CLEANUP(cluster_done) cluster k;
    VV_TRY(cluster_init(&k, c, s, err));
    VV_TRY(run(&k, err));
    *ret = k.a;
    *ret_centroids = k.centroids;
    k.a.of = NULL;
    k.centroids = NULL;
    return VARVE_OK;
}

uint64_t ivf_cluster_bytes(const index_spec *spec, uint64_t rows)
{
    uint64_t partitions = 2 * (uint64_t)ivf_partition_count(spec->params.n_clusters, rows);
    uint64_t row = ((uint64_t)spec->dim + 1) * sizeof(float), copies = copies_of(spec);
    uint64_t sample = VV_MIN(VV_MIN(SAMPLE_EACH * partitions, rows) * row, SAMPLE_BYTES);
    return 2 * sample + (BATCH_ROWS + 2 * partitions) * row + 3 * rows * copies * sizeof(uint32_t);
}
