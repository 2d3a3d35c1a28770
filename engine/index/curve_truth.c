/* curve_truth.c — which rows ask, and the scan that finds their neighbours; see curve_truth.h. The
 * scan goes over the rows once, a slice at a time, all queries per slice. */
#include "index/curve_truth.h"

#include "base/random.h"

#include <stdlib.h>

#define QUERIES_MAX    256
#define QUERIES_MIN    48
#define DISTANCES_MAX  ((uint64_t)1 << 29) /* above 2 million rows fewer queries ask */
#define SLICE_ROWS     16384
#define BLOCK_BYTES    262144 /* scanned by all queries of a part while it is in the cache */
#define BLOCK_ROWS_MAX 1024
#define PART_QUERIES   8

/* ---- which rows ---------------------------------------------------------------------------- */

static size_t query_count(uint64_t rows)
{
    uint64_t n = DISTANCES_MAX / rows;
    n = VV_MIN(VV_MAX(n, (uint64_t)QUERIES_MIN), (uint64_t)QUERIES_MAX);
    return rows > 1 ? (size_t)VV_MIN(n, rows) : 0;
}

static varve_status allocate(const index_build_context *c, uint32_t depth, curve_truth *t,
                             varve_error *err)
{
    t->count = query_count(c->rows->count);
    t->depth = VV_MIN(depth, c->rows->count - 1);
    t->queries = calloc(t->count + 1, sizeof *t->queries);
    t->values = calloc(t->count + 1, c->rows->dim * sizeof *t->values);
    t->entries = calloc(t->count + 1, (t->depth + 1) * sizeof *t->entries);
    if (!t->queries || !t->values || !t->entries)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to measure recall");
    return VARVE_OK;
}

/* One row of each of `count` stretches of equal length. */
static uint32_t pick_row(random_state *r, uint64_t rows, size_t i, size_t count)
{
    uint64_t from = i * rows / count, to = (i + 1) * rows / count;
    return (uint32_t)(from + random_below(r, to - from));
}

static varve_status prepare(const index_build_context *c, curve_truth *t, varve_error *err)
{
    const index_rows *rows = c->rows;
    random_state r;
    random_seed(&r, c->options->seed);
    for (size_t i = 0; i < t->count; i++) {
        curve_query *q = &t->queries[i];
        const uint8_t *row;
        q->slot = pick_row(&r, rows->count, i, t->count);
        q->values = t->values + i * rows->dim;
        topk_init(&q->best, t->entries + i * t->depth, t->depth);
        VV_TRY(rows->get(rows->context, q->slot, 1, &row, err));
        distance_row_floats(rows->dtype, rows->dim, row, q->values);
        VV_TRY(distance_query_new(c->spec->mode.metric, rows->dtype, rows->dim, q->values,
                                  &q->prepared, err));
    }
    return VARVE_OK;
}

/* ---- their neighbours ---------------------------------------------------------------------- */

typedef struct slice {
    const index_build_context *c;
    curve_truth *truth;
    const uint8_t *bytes; /* of its rows */
    uint32_t first, count;
} slice;

static void scan_block(const slice *s, curve_query *q, uint32_t from, uint32_t n, float *scores)
{
    size_t stride = varve_dtype_row_bytes(s->c->rows->dtype, s->c->rows->dim);
    distance_scan(q->prepared, s->bytes + from * stride, n, scores);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = s->first + from + i;
        if (slot != q->slot)
            topk_push(&q->best, curve_key(s->c->spec->mode.metric, scores[i]), slot);
    }
}

static void scan_part(void *context, size_t part)
{
    const slice *s = context;
    float scores[BLOCK_ROWS_MAX];
    size_t stride = varve_dtype_row_bytes(s->c->rows->dtype, s->c->rows->dim);
    size_t last = VV_MIN((part + 1) * PART_QUERIES, s->truth->count);
    uint32_t step = (uint32_t)VV_MIN(VV_MAX(BLOCK_BYTES / stride, (size_t)1), VV_COUNT(scores));
    for (uint32_t from = 0; from < s->count; from += step) {
        for (size_t i = part * PART_QUERIES; i < last; i++)
            scan_block(s, &s->truth->queries[i], from, VV_MIN(step, s->count - from), scores);
    }
}

static varve_status scan_all(const index_build_context *c, curve_truth *t, varve_error *err)
{
    const index_rows *rows = c->rows;
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    for (uint32_t first = 0, n; first < rows->count && t->count; first += n) {
        slice s = {.c = c, .truth = t, .first = first};
        s.count = n = VV_MIN((uint32_t)SLICE_ROWS, rows->count - first);
        VV_TRY(rows->get(rows->context, first, n, &s.bytes, err));
        pool_run(c->pool, (t->count + PART_QUERIES - 1) / PART_QUERIES, scan_part, &s);
        VV_TRY(index_step(c, "neighbours", first + n, rows->count, n * stride, err));
    }
    for (size_t i = 0; i < t->count; i++)
        topk_sort(&t->queries[i].best);
    return VARVE_OK;
}

varve_status curve_truth_make(const index_build_context *c, uint32_t depth, curve_truth *ret,
                              varve_error *err)
{
    VV_CLEANUP(curve_truth_done) curve_truth t = {0};
    VV_TRY(allocate(c, depth, &t, err));
    VV_TRY(prepare(c, &t, err));
    VV_TRY(scan_all(c, &t, err));
    *ret = t;
    t = (curve_truth){0};
    return VARVE_OK;
}

void curve_truth_done(curve_truth *t)
{
    for (size_t i = 0; t->queries && i < t->count; i++)
        distance_query_free(t->queries[i].prepared);
    free(t->queries);
    free(t->values);
    free(t->entries);
    *t = (curve_truth){0};
}
