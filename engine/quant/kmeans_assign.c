/* kmeans_assign.c — the nearest centroids of rows.
 *
 * Blocks of BLOCK_ROWS rows are handed out to the threads. For a block, panels of centroids are
 * taken in batches, coordinates in chunks, so that packed rows, a chunk of a panel and the sums
 * stay in the caches; the kernel multiplies a tile of rows with a panel. A row's result depends on
 * nothing but the row and the centroids, so the number of threads does not matter.
 *
 * The products choose the candidates; their distances, and their order if there are several, are
 * then computed anew from differences, in double. */
#include "base/topk.h"
#include "quant/kmeans_private.h"
#include "quant/quant_private.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BLOCK_ROWS   96 /* a multiple of the rows of every tile */
#define CHUNK_DEPTH  512
#define BATCH_PANELS 64
#define FLOAT_MOST   0x1p100 /* squared distances that float holds well */
#define FLOAT_LEAST  0x1p-80
#define DIRECT_ROWS  4 /* so few are not worth packing the centroids */

typedef struct assignment {
    const kmeans_centroids *c;
    const kmeans_rows *rows;
    size_t count;
    uint32_t *ids;
    double *distances; /* NULL */
    char *scratch;     /* worker_bytes for each worker */
    size_t worker_bytes;
    _Atomic(size_t) next_block;
} assignment;

typedef struct worker {
    const assignment *a;
    size_t first, n;         /* rows of the block */
    float *packed;           /* BLOCK_ROWS × CHUNK_DEPTH: tile by tile, coordinate by coordinate */
    float *sums;             /* batch: panel by panel, row by row */
    float *keys;             /* BLOCK_ROWS × lanes, for a count of 1 */
    uint32_t *ids;           /* likewise */
    topk_entry *entries;     /* BLOCK_ROWS × count, for a larger one */
    topk *tops;              /* BLOCK_ROWS */
    uint8_t far[BLOCK_ROWS]; /* rows that are left to double */
} worker;

/* ---- one block ----------------------------------------------------------------------------- */

/* Rows behind the last one are those before; their sums are not looked at. */
static void pack_rows(worker *w, size_t depth_first, size_t depth)
{
    const kmeans_centroids *c = w->a->c;
    const kmeans_tile *tile = c->isa->tile;
    const float *origin = c->origin + depth_first, *rows[KMEANS_TILE_ROWS_MAX];
    for (size_t first = 0; first < w->n; first += tile->rows) {
        for (size_t r = 0; r < tile->rows; r++) {
            size_t i = w->first + VV_MIN(first + r, w->n - 1);
            rows[r] = kmeans_row(w->a->rows, i) + depth_first;
        }
        tile->pack(rows, origin, c->scale, depth, w->packed + first * depth, w->far + first);
    }
}

static void multiply(worker *w, size_t panel_first, size_t panels, size_t depth_first, size_t depth)
{
    const kmeans_centroids *c = w->a->c;
    const kmeans_tile *tile = c->isa->tile;
    size_t lanes = tile->centroids;
    for (size_t p = 0; p < panels; p++) {
        const float *panel = c->packed + ((panel_first + p) * c->width + depth_first) * lanes;
        float *sums = w->sums + p * BLOCK_ROWS * lanes;
        for (size_t r = 0; r < w->n; r += tile->rows)
            tile->products(w->packed + r * depth, panel, depth, depth_first == 0, sums + r * lanes);
    }
}

/* Most often there is nothing for a full heap; the first loop is vectors. */
static void push_several(topk *top, const float *keys, size_t n, size_t first)
{
    float bound = (float)topk_bound(top);
    int32_t any = 0;
    for (size_t l = 0; l < n; l++)
        any |= keys[l] < bound ? 1 : 0;
    for (size_t l = 0; l < n && any; l++)
        topk_push(top, (double)keys[l], first + l);
}

static void choose(worker *w, size_t panel_first, size_t panels)
{
    const kmeans_centroids *c = w->a->c;
    size_t lanes = c->isa->tile->centroids;
    for (size_t p = 0; p < panels; p++) {
        size_t first = (panel_first + p) * lanes, real = VV_MIN(lanes, c->k - first);
        const float *norms = c->half_norms + first, *sums = w->sums + p * BLOCK_ROWS * lanes;
        if (w->a->count == 1) {
            c->isa->tile->best(sums, norms, (uint32_t)first, w->n, w->keys, w->ids);
            continue;
        }
        for (size_t r = 0; r < w->n; r++, sums += lanes) {
            float keys[KMEANS_TILE_CENTROIDS_MAX];
            for (size_t l = 0; l < lanes; l++)
                keys[l] = norms[l] - sums[l];
            push_several(&w->tops[r], keys, real, first);
        }
    }
}

static void start_block(worker *w)
{
    size_t lanes = w->a->c->isa->tile->centroids;
    memset(w->far, 0, sizeof w->far);
    for (size_t r = 0; r < BLOCK_ROWS && w->a->count > 1; r++)
        topk_init(&w->tops[r], w->entries + r * w->a->count, w->a->count);
    for (size_t i = 0; i < BLOCK_ROWS * lanes && w->a->count == 1; i++) {
        w->keys[i] = INFINITY;
        w->ids[i] = UINT32_MAX;
    }
}

/* ---- results ------------------------------------------------------------------------------- */

static double distance_to(const kmeans_centroids *c, const float *x, size_t id)
{
    return c->isa->squared(x, c->plain + id * c->width, c->width);
}

static void finish_one(const worker *w, size_t r)
{
    const assignment *a = w->a;
    const kmeans_tile *tile = a->c->isa->tile;
    size_t i = w->first + r, at = r * tile->centroids;
    uint32_t id = tile->smallest(w->keys + at, w->ids + at);
    a->ids[i] = id;
    if (a->distances) a->distances[i] = distance_to(a->c, kmeans_row(a->rows, i), id);
}

static void put_top(const assignment *a, topk *top, size_t i)
{
    topk_sort(top);
    for (size_t j = 0; j < a->count; j++) {
        a->ids[i * a->count + j] = (uint32_t)top->entries[j].slot;
        if (a->distances) a->distances[i * a->count + j] = top->entries[j].key;
    }
}

/* By distance in double, then the results of row i. */
static void put_measured(const assignment *a, topk *top, size_t i)
{
    const float *x = kmeans_row(a->rows, i);
    topk measured;
    topk_init(&measured, top->entries, top->count); /* never has more than was read */
    for (size_t j = 0; j < top->count; j++) {
        uint64_t id = top->entries[j].slot;
        topk_push(&measured, distance_to(a->c, x, id), id);
    }
    put_top(a, &measured, i);
}

/* Every centroid by its distance, in double. */
static void assign_directly(const assignment *a, topk_entry *entries, size_t i)
{
    const float *x = kmeans_row(a->rows, i);
    topk top;
    topk_init(&top, entries, a->count);
    for (size_t id = 0; id < a->c->k; id++)
        topk_push(&top, distance_to(a->c, x, id), id);
    put_top(a, &top, i);
}

/* As assign_directly, candidates chosen in float: for one row, that beats packing the centroids.
 * false: float cannot tell these distances. */
static bool assign_one(const assignment *a, topk_entry *entries, size_t i)
{
    const float *x = kmeans_row(a->rows, i);
    topk top;
    topk_init(&top, entries, a->count);
    for (size_t first = 0; first < a->c->k; first += KMEANS_TILE_CENTROIDS_MAX) {
        float keys[KMEANS_TILE_CENTROIDS_MAX];
        size_t n = VV_MIN(a->c->k - first, (size_t)KMEANS_TILE_CENTROIDS_MAX);
        a->c->isa->squared_floats(x, a->c->plain + first * a->c->width, n, a->c->width, keys);
        push_several(&top, keys, n, first);
    }
    double worst = top.entries[0].key;
    if (top.count < a->count || !(worst < FLOAT_MOST && worst > FLOAT_LEAST)) return false;
    put_measured(a, &top, i);
    return true;
}

static void assign_block(worker *w)
{
    const kmeans_centroids *c = w->a->c;
    start_block(w);
    for (size_t p = 0; p < c->panels; p += BATCH_PANELS) {
        size_t panels = VV_MIN((size_t)BATCH_PANELS, c->panels - p);
        for (size_t d = 0; d < c->width; d += CHUNK_DEPTH) {
            size_t depth = VV_MIN((size_t)CHUNK_DEPTH, c->width - d);
            if (p == 0 || c->width > CHUNK_DEPTH) pack_rows(w, d, depth);
            multiply(w, p, panels, d, depth);
        }
        choose(w, p, panels);
    }
    for (size_t r = 0; r < w->n; r++) {
        if (w->far[r])
            assign_directly(w->a, w->entries + r * w->a->count, w->first + r);
        else if (w->a->count == 1)
            finish_one(w, r);
        else
            put_measured(w->a, &w->tops[r], w->first + r);
    }
}

/* ---- all blocks ---------------------------------------------------------------------------- */

/* Where the arrays of a worker lie in its scratch; returns how much they take. */
static size_t place(worker *w, const assignment *a, char *scratch)
{
    size_t lanes = a->c->isa->tile->centroids, batch = VV_MIN((size_t)BATCH_PANELS, a->c->panels);
    size_t depth = VV_MIN((size_t)CHUNK_DEPTH, a->c->width), at = 0;
    const size_t bytes[] = {
        BLOCK_ROWS * depth * sizeof(float),         BLOCK_ROWS * batch * lanes * sizeof(float),
        BLOCK_ROWS * lanes * sizeof(float),         BLOCK_ROWS * lanes * sizeof(uint32_t),
        BLOCK_ROWS * a->count * sizeof(topk_entry), BLOCK_ROWS * sizeof(topk)};
    void **const arrays[] = {(void **)&w->packed, (void **)&w->sums,    (void **)&w->keys,
                             (void **)&w->ids,    (void **)&w->entries, (void **)&w->tops};
    w->a = a;
    for (size_t i = 0; i < VV_COUNT(bytes); i++) {
        if (scratch) *arrays[i] = scratch + at;
        at += size_align(bytes[i], QUANT_ALIGNMENT);
    }
    return at;
}

static void work(void *context, size_t part)
{
    assignment *a = context;
    worker w;
    size_t block, blocks = (a->rows->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    (void)place(&w, a, a->scratch + part * a->worker_bytes);
    while ((block = atomic_fetch_add(&a->next_block, 1)) < blocks) {
        w.first = block * BLOCK_ROWS;
        w.n = VV_MIN((size_t)BLOCK_ROWS, a->rows->n - w.first);
        assign_block(&w);
    }
}

varve_status kmeans_nearest(const kmeans_centroids *c, const kmeans_rows *rows, size_t count,
                            thread_pool *pool, uint32_t *ret_ids, double *ret_distances,
                            varve_error *err)
{
    size_t blocks = (rows->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    size_t workers = VV_MIN(pool_threads(pool) + 1, blocks);
    VV_CLEANUP(vv_freep) void *scratch = NULL;
    worker sizes;
    assignment a = {
        .c = c, .rows = rows, .count = count, .ids = ret_ids, .distances = ret_distances};
    if (rows->n == 0) return VARVE_OK;
    a.worker_bytes = place(&sizes, &a, NULL);
    VV_TRY(quant_alloc(workers * a.worker_bytes, &scratch, err));
    a.scratch = scratch;
    pool_run(pool, workers, work, &a);
    return VARVE_OK;
}

static varve_status assign_few(const float *rows, size_t n, kmeans_centroids *c, size_t count,
                               uint32_t *ret_ids, double *ret_distances, varve_error *err)
{
    const kmeans_rows set = {rows, NULL, n, c->width};
    const assignment a = {
        .c = c, .rows = &set, .count = count, .ids = ret_ids, .distances = ret_distances};
    VV_CLEANUP(vv_freep) topk_entry *entries = malloc(count * sizeof *entries);
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu centroids", count);
    for (size_t i = 0; i < n; i++) {
        if (!assign_one(&a, entries, i)) assign_directly(&a, entries, i);
    }
    return VARVE_OK;
}

static varve_status assign(const kmeans_rows *rows, const float *centroids, size_t k, size_t count,
                           thread_pool *pool, uint32_t *ret_ids, double *ret_distances,
                           varve_error *err)
{
    VV_CLEANUP(kmeans_centroids_done) kmeans_centroids c = {.plain = centroids, .k = k};
    if (rows->n <= DIRECT_ROWS) {
        c.width = rows->width;
        c.isa = quant_isa_choose();
        return assign_few(rows->values, rows->n, &c, count, ret_ids, ret_distances, err);
    }
    VV_TRY(kmeans_centroids_init(&c, quant_isa_choose(), centroids, k, rows->width, err));
    return kmeans_nearest(&c, rows, count, pool, ret_ids, ret_distances, err);
}

varve_status kmeans_assign(const float *rows, size_t n, size_t width, const float *centroids,
                           size_t k, size_t count, thread_pool *pool, uint32_t *ret_ids,
                           float *ret_distances, varve_error *err)
{
    VV_CLEANUP(vv_freep) double *distances = NULL;
    const kmeans_rows set = {rows, NULL, n, width};
    size_t bytes;
    if (width == 0 || count == 0 || count > k || k > UINT32_MAX)
        return vv_fail(err, VARVE_INVALID, "the %zu nearest of %zu centroids of width %zu", count,
                       k, width);
    if (n == 0) return VARVE_OK;
    if (ret_distances) {
        if (!size_mul(n, count * sizeof *distances, &bytes) || !(distances = malloc(bytes)))
            return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu assignments", n);
    }
    VV_TRY(assign(&set, centroids, k, count, pool, ret_ids, distances, err));
    for (size_t i = 0; ret_distances && i < n * count; i++)
        ret_distances[i] = (float)distances[i];
    return VARVE_OK;
}
