/* ivf.c — the type that opens the nearest partitions of SQ8 codes; see ivf.h. */
#include "index/ivf.h"

#include "base/bytes.h"
#include "index/fresh.h"
#include "index/index_scan.h"

#include <math.h>
#include <stdlib.h>

#define SCAN_PART  0.7 /* of what a scan takes, before it is done instead */
#define SLOT_BYTES 64  /* to look whether a slot is live takes as long as so many bytes in a row */

typedef struct ivf {
    space space;
    ivf_lists lists;
    const uint8_t *centroids; /* f32[partitions × width], verified */
    fresh_codes codes;
} ivf;

/* ---- build --------------------------------------------------------------------------------- */

static varve_status build(const index_build_context *c, varve_error *err)
{
    space s;
    VV_CLEANUP(ivf_assignment_done) ivf_assignment a = {0};
    VV_CLEANUP(ivf_order_done) ivf_order o = {0};
    VV_CLEANUP(vv_freep) float *centroids = NULL;
    VV_TRY(space_init(&s, c->spec->mode.metric, c->rows, err));
    VV_TRY(space_fit(&s, c->rows, err));
    VV_TRY(ivf_cluster(c, &s, &a, &centroids, err));
    VV_TRY(ivf_order_make(&a, QUANT_GROUP, &o, err));
    VV_TRY(ivf_order_put(c, &a, &o, &s, err));
    VV_TRY(index_file_add(c->out, INDEX_CENTROIDS, centroids,
                          (size_t)a.partitions * s.width * sizeof *centroids, err));
    return fresh_codes_build(c, o.slots, ivf_order_count(&o, &a), err);
}

static uint64_t build_bytes(const index_spec *spec, uint64_t rows)
{
    return ivf_cluster_bytes(spec, rows) + fresh_codes_build_bytes(spec, rows);
}

/* ---- open ---------------------------------------------------------------------------------- */

static varve_status open_into(ivf *x, const index_spec *spec, index_file *f, varve_error *err)
{
    uint64_t size;
    VV_TRY(ivf_lists_open(&x->lists, f, spec, QUANT_GROUP, &x->space, err));
    size = (uint64_t)x->lists.partitions * x->space.width * sizeof(float);
    VV_TRY(index_file_need(f, INDEX_CENTROIDS, size, size, "centroids", &x->centroids, &size, err));
    return fresh_codes_open(&x->codes, spec, f, x->lists.coded, err);
}

static void close_state(void *state)
{
    ivf *x = state;
    index_bytes_done(&x->lists.slots);
    fresh_codes_done(&x->codes);
    free(x);
}

static varve_status open_state(const index_spec *spec, index_file *f, void **ret_state,
                               varve_error *err)
{
    ivf *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open an index");
    varve_status status = open_into(x, spec, f, err);
    if (status == VARVE_OK)
        *ret_state = x;
    else
        close_state(x);
    return status;
}

/* ---- search -------------------------------------------------------------------------------- */

/* Rows of the opened partitions may all be equally far. */
static size_t hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    (void)q;
    (void)breadth;
    return (size_t)((const ivf *)state)->lists.rows;
}

static size_t breadths(const void *state, uint32_t k, uint32_t *ret, size_t max)
{
    (void)k;
    return ivf_lists_breadths(&((const ivf *)state)->lists, ret, max);
}

static varve_status nearest(const ivf *x, const index_query *q, uint32_t breadth, ivf_nearest *ret,
                            varve_error *err)
{
    VV_CLEANUP(vv_freep) float *point = malloc(x->space.width * sizeof *point);
    VV_CLEANUP(vv_freep) float *distances = malloc(x->lists.partitions * sizeof *distances);
    VV_CLEANUP(distance_query_freep) distance_query *prepared = NULL;
    if (!point || !distances) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    space_query(&x->space, q->values, point);
    VV_TRY(
        distance_query_new(VARVE_METRIC_L2, VARVE_FLOAT32, x->space.width, point, &prepared, err));
    distance_scan(prepared, x->centroids, x->lists.partitions, distances);
    return ivf_nearest_init(ret, &x->lists, q, breadth, distances, err);
}

/* Where many rows are hidden, and the live ones far from the query, most of what is opened is
 * looked at for nothing. When a part of what a scan of the live rows takes is spent on that, or
 * will be before enough live rows are met, the scan is done instead. */
typedef struct budget {
    double left; /* bytes, about; INFINITY: no matter */
    double code_bytes;
    double slots, live; /* not looked at yet */
    bool spent;
} budget;

static budget budget_of(const ivf *x, const index_rows *rows, const index_query *q)
{
    double hidden = (double)VV_MIN(tombstones_count(q->hidden), x->lists.rows);
    double live = (double)x->lists.rows - hidden, coded = (double)x->lists.coded;
    bool any = q->hidden && q->breadth == 0;
    return (budget){.left = any ? index_scan_bytes(rows, q) * SCAN_PART : INFINITY,
                    .code_bytes = x->space.width,
                    .slots = coded,
                    .live = live * coded / (double)x->lists.rows};
}

/* To look at so many slots, of which so many are live: codes are read by groups. */
static double bytes_of(const budget *b, double slots, double live)
{
    return slots * SLOT_BYTES + VV_MIN(slots, live * QUANT_GROUP) * b->code_bytes;
}

static void spend(budget *b, uint64_t slots, uint64_t live)
{
    b->left -= bytes_of(b, (double)slots, (double)live);
    b->slots -= (double)slots;
    b->live -= (double)live;
    b->spent |= b->left < 0;
}

/* Enough partitions are open but for live rows: how many more will it take, if those that are left
 * lie anywhere in the others? */
static void look_ahead(budget *b, const ivf_nearest *n, uint64_t offered)
{
    if (n->opened <= n->wanted || offered >= n->rows_wanted || !(b->left < INFINITY)) return;
    double live = (double)(n->rows_wanted - offered);
    double slots = b->live > live ? live * b->slots / b->live : b->slots;
    b->spent |= bytes_of(b, slots, live) > b->left;
}

static varve_status open_partitions(const ivf *x, const index_query *q, ivf_nearest *n, budget *b,
                                    index_certain_hits *hits, index_work *work, varve_error *err)
{
    VV_CLEANUP(index_certain_query_done) index_certain_query certain = {0};
    uint64_t before = work->codes, first, count;
    uint32_t partition;
    VV_TRY(index_certain_query_init(&certain, &x->codes.model, x->codes.quantiser, q->values, err));
    while (!b->spent && ivf_nearest_next(n, work->codes - before, &partition)) {
        uint64_t codes = work->codes;
        look_ahead(b, n, codes - before);
        if (b->spent) break;
        ivf_lists_range(&x->lists, partition, &first, &count);
        work->nodes++;
        VV_TRY(fresh_codes_scan(&x->codes, &certain, q, &x->lists.slots, first / QUANT_GROUP,
                                count / QUANT_GROUP, hits, work, err));
        spend(b, count, work->codes - codes);
    }
    return VARVE_OK;
}

static varve_status scan_all(const ivf *x, const index_rows *rows, const index_query *q,
                             index_hit *ret, size_t *ret_count, index_work *work, varve_error *err)
{
    size_t k = VV_MIN(q->k, (size_t)rows->count);
    VV_CLEANUP(distance_query_freep) distance_query *prepared = NULL;
    VV_CLEANUP(vv_freep) topk_entry *entries = malloc(k * sizeof *entries);
    topk best;
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", k);
    topk_init(&best, entries, k);
    VV_TRY(distance_query_new(x->space.metric, rows->dtype, rows->dim, q->values, &prepared, err));
    VV_TRY(index_scan_live(rows, q, x->space.metric, prepared, &best, work, err));
    topk_sort(&best);
    for (size_t i = 0; i < best.count; i++)
        ret[i] = (index_hit){.slot = (uint32_t)entries[i].slot, .key = (float)entries[i].key};
    *ret_count = best.count;
    return VARVE_OK;
}

static varve_status search(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err)
{
    const ivf *x = state;
    VV_CLEANUP(ivf_nearest_done) ivf_nearest n = {0};
    VV_CLEANUP(index_certain_hits_done) index_certain_hits hits = {0};
    budget b = budget_of(x, rows, q);
    VV_TRY(nearest(x, q, breadth, &n, err));
    VV_TRY(index_certain_hits_init(&hits, VV_MIN(q->k, (size_t)rows->count), q->bound,
                                   x->lists.copies > 1, err));
    VV_TRY(open_partitions(x, q, &n, &b, &hits, work, err));
    if (b.spent) return scan_all(x, rows, q, ret, ret_count, work, err);
    if (hits.count > x->lists.rows) /* more than hits_max() said */
        return index_file_bad(x->lists.slots.file, "a row lies in too many partitions", err);
    index_certain_hits_end(&hits, ret, ret_count);
    return VARVE_OK;
}

/* ---- memory, check ------------------------------------------------------------------------- */

static uint64_t load_bytes(const void *state)
{
    const ivf *x = state;
    return fresh_codes_load_bytes(&x->codes) + index_bytes_to_load(&x->lists.slots);
}

static varve_status load(void *state, varve_error *err)
{
    ivf *x = state;
    VV_TRY(fresh_codes_load(&x->codes, err));
    return index_bytes_load(&x->lists.slots, err);
}

static uint64_t memory_bytes(const void *state)
{
    const ivf *x = state;
    return fresh_codes_memory_bytes(&x->codes) + index_bytes_loaded(&x->lists.slots);
}

static varve_status check(void *state, const index_rows *rows, varve_error *err)
{
    const ivf *x = state;
    VV_TRY(ivf_lists_check(&x->lists, err));
    return rows ? fresh_codes_check(&x->codes, rows, &x->lists.slots, err) : VARVE_OK;
}

const index_type index_type_ivf = {.name = "ivf",
                                   .any_k = true,
                                   .breadth_of_all = true,
                                   .build = build,
                                   .open = open_state,
                                   .close = close_state,
                                   .hits_max = hits_max,
                                   .search = search,
                                   .breadths = breadths,
                                   .load_bytes = load_bytes,
                                   .load = load,
                                   .memory_bytes = memory_bytes,
                                   .check = check,
                                   .build_bytes = build_bytes};
