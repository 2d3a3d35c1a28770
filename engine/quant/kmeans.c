/* kmeans.c — Lloyd's algorithm. Rounds of assigning rows to the nearest centroid and moving each
 * centroid to the mean of its rows, which is summed in the order of the rows, by one thread: the
 * number of threads changes nothing. A centroid without rows moves to the row that is farthest from
 * its own centroid. */
#include "quant/kmeans.h"

#include "base/topk.h"
#include "quant/kmeans_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_PRODUCTS ((size_t)1 << 33) /* between two reports of progress: about a second */
#define REPAIRS_MAX    8

typedef struct lloyd {
    const kmeans_options *options;
    kmeans_rows rows;
    float *centroids;
    uint32_t *ids, *before; /* of the nearest centroid of each row */
    double *distances;
    size_t *starts;  /* k + 1: where the rows of a cluster begin in order */
    uint32_t *order; /* rows by cluster, ascending inside one */
    uint64_t done, total;
    const quant_isa_kernels *isa;
} lloyd;

/* ---- assignment ---------------------------------------------------------------------------- */

static varve_status report(lloyd *l, size_t rows, varve_error *err)
{
    const kmeans_options *o = l->options;
    l->done = VV_MIN(l->done + rows, l->total);
    if (o->progress && !o->progress(o->context, l->done, l->total))
        return vv_fail(err, VARVE_CANCELLED, "k-means was cancelled");
    return VARVE_OK;
}

static varve_status assign_all(lloyd *l, varve_error *err)
{
    VV_CLEANUP(kmeans_centroids_done) kmeans_centroids c = {0};
    size_t k = l->options->k, n = l->rows.n, width = l->rows.width;
    size_t slice = SLICE_PRODUCTS / width / k / 1024 * 1024 + 1024;
    VV_TRY(kmeans_centroids_init(&c, quant_isa_choose(), l->centroids, k, width, err));
    for (size_t i = 0; i < n; i += slice) {
        const kmeans_rows part = {l->rows.values + i * width, NULL, VV_MIN(slice, n - i), width};
        VV_TRY(kmeans_nearest(&c, &part, 1, l->options->pool, l->ids + i, NULL, err));
        VV_TRY(report(l, part.n, err));
    }
    return VARVE_OK;
}

static void sort_by_cluster(lloyd *l)
{
    size_t k = l->options->k;
    memset(l->starts, 0, (k + 1) * sizeof *l->starts);
    for (size_t i = 0; i < l->rows.n; i++)
        l->starts[l->ids[i] + 1]++;
    for (size_t j = 0; j < k; j++)
        l->starts[j + 1] += l->starts[j];
    for (size_t i = 0; i < l->rows.n; i++)
        l->order[l->starts[l->ids[i]]++] = (uint32_t)i;
    memmove(l->starts + 1, l->starts, k * sizeof *l->starts);
    l->starts[0] = 0;
}

static size_t cluster_size(const lloyd *l, size_t j) { return l->starts[j + 1] - l->starts[j]; }

static size_t count_empty(const lloyd *l)
{
    size_t empty = 0;
    for (size_t j = 0; j < l->options->k; j++)
        empty += cluster_size(l, j) == 0;
    return empty;
}

/* ---- empty clusters ------------------------------------------------------------------------ */

#define PART_ROWS 4096

static void measure_part(void *context, size_t part)
{
    lloyd *l = context;
    size_t end = VV_MIN((part + 1) * PART_ROWS, l->rows.n);
    for (size_t i = part * PART_ROWS; i < end; i++)
        l->distances[i] = l->isa->squared(kmeans_row(&l->rows, i),
                                          l->centroids + l->ids[i] * l->rows.width, l->rows.width);
}

/* Give each empty cluster the farthest row of a cluster that has others too; the centroids of the
 * former are those rows. */
static varve_status fill_empty(lloyd *l, size_t empty, varve_error *err)
{
    size_t n = l->rows.n, next = 0, wanted = VV_MIN(2 * empty + 16, n);
    VV_CLEANUP(vv_freep) topk_entry *entries = malloc(wanted * sizeof *entries);
    VV_CLEANUP(vv_freep) size_t *sizes = malloc(l->options->k * sizeof *sizes);
    topk farthest;
    if (!entries || !sizes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for k-means");
    pool_run(l->options->pool, (n + PART_ROWS - 1) / PART_ROWS, measure_part, l);
    topk_init(&farthest, entries, wanted);
    for (size_t i = 0; i < n; i++)
        topk_push(&farthest, -l->distances[i], i);
    topk_sort(&farthest);
    for (size_t j = 0; j < l->options->k; j++)
        sizes[j] = cluster_size(l, j);
    for (size_t j = 0; j < l->options->k && next < farthest.count; j++) {
        if (cluster_size(l, j) != 0) continue;
        while (next < farthest.count && sizes[l->ids[entries[next].slot]] < 2)
            next++;
        if (next == farthest.count || !(entries[next].key < 0)) break;
        size_t row = entries[next++].slot;
        sizes[l->ids[row]]--;
        l->ids[row] = (uint32_t)j;
        memcpy(l->centroids + j * l->rows.width, kmeans_row(&l->rows, row),
               l->rows.width * sizeof(float));
    }
    sort_by_cluster(l);
    return VARVE_OK;
}

/* ---- means --------------------------------------------------------------------------------- */

#define SUM_WIDTH 512 /* coordinates summed at a time */

static void mean_of_cluster(void *context, size_t j)
{
    lloyd *l = context;
    size_t count = cluster_size(l, j), width = l->rows.width;
    for (size_t first = 0; first < width && count > 0; first += SUM_WIDTH) {
        double sums[SUM_WIDTH] = {0};
        size_t n = VV_MIN((size_t)SUM_WIDTH, width - first);
        for (size_t i = l->starts[j]; i < l->starts[j + 1]; i++) {
            const float *x = kmeans_row(&l->rows, l->order[i]) + first;
            for (size_t d = 0; d < n; d++)
                sums[d] += (double)x[d];
        }
        for (size_t d = 0; d < n; d++)
            l->centroids[j * width + first + d] = (float)(sums[d] / (double)count);
    }
}

/* ---- rounds -------------------------------------------------------------------------------- */

static varve_status iterate(lloyd *l, varve_error *err)
{
    for (uint32_t i = 0; i < l->options->iterations; i++) {
        size_t empty;
        VV_TRY(assign_all(l, err));
        sort_by_cluster(l);
        if ((empty = count_empty(l)) > 0) VV_TRY(fill_empty(l, empty, err));
        if (i > 0 && memcmp(l->ids, l->before, l->rows.n * sizeof *l->ids) == 0) break;
        pool_run(l->options->pool, l->options->k, mean_of_cluster, l);
        memcpy(l->before, l->ids, l->rows.n * sizeof *l->ids);
    }
    return VARVE_OK;
}

/* The means may have lost a cluster its last row. */
static varve_status repair(lloyd *l, varve_error *err)
{
    size_t empty, least = SIZE_MAX;
    for (size_t i = 0; i < REPAIRS_MAX; i++) {
        VV_TRY(assign_all(l, err));
        sort_by_cluster(l);
        empty = count_empty(l);
        if (empty == 0 || empty >= least) break;
        least = empty;
        VV_TRY(fill_empty(l, empty, err));
    }
    return VARVE_OK;
}

static varve_status run(lloyd *l, varve_error *err)
{
    size_t n = l->rows.n, k = l->options->k;
    VV_CLEANUP(vv_freep) uint32_t *ids = calloc(n, 3 * sizeof *ids);
    VV_CLEANUP(vv_freep) double *distances = calloc(n, sizeof *distances);
    VV_CLEANUP(vv_freep) size_t *starts = calloc(k + 1, sizeof *starts);
    if (!ids || !distances || !starts)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for k-means of %zu rows", n);
    l->ids = ids;
    l->before = ids + n;
    l->order = ids + 2 * n;
    l->distances = distances;
    l->starts = starts;
    l->total = (uint64_t)n * ((uint64_t)l->options->iterations + 1);
    VV_TRY(kmeans_seed(&l->rows, l->options, l->centroids, err));
    VV_TRY(iterate(l, err));
    return repair(l, err);
}

varve_status kmeans(const float *rows, size_t n, size_t width, const kmeans_options *options,
                    float *ret_centroids, varve_error *err)
{
    if (n == 0 || n > UINT32_MAX || width == 0 || options->k == 0)
        return vv_fail(err, VARVE_INVALID, "k-means of %zu rows of width %zu, %u centroids", n,
                       width, options->k);
    if (n <= options->k) {
        for (size_t j = 0; j < options->k; j++)
            memcpy(ret_centroids + j * width, rows + j % n * width, width * sizeof *rows);
        return VARVE_OK;
    }
    lloyd l = {.options = options,
               .rows = {rows, NULL, n, width},
               .centroids = ret_centroids,
               .isa = quant_isa_choose()};
    return run(&l, err);
}
