/* ivf_bits.c — the type that opens the nearest partitions of bits: IVF over Hamming and Jaccard;
 * see ivf.h. */
#include "index/ivf.h"

#include <stdlib.h>

typedef struct ivf_bits {
    ivf_lists lists;
    const uint8_t *centroids; /* partitions rows, verified */
    index_bits bits;
} ivf_bits;

/* ---- build --------------------------------------------------------------------------------- */

static varve_status put_bits(const index_build_context *c, const uint8_t *bits, const ivf_order *o,
                             uint64_t count, varve_error *err)
{
    size_t stride = varve_dtype_row_bytes(VARVE_BINARY, c->rows->dim);
    VV_TRY(index_file_begin(c->out, INDEX_BITS, INDEX_ALIGNMENT, err));
    for (uint64_t i = 0; i < count; i++)
        VV_TRY(index_file_put(c->out, bits + o->slots[i] * stride, stride, err));
    return VARVE_OK;
}

static varve_status build(const index_build_context *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *bits = NULL, *centroids = NULL;
    VV_CLEANUP(ivf_assignment_done) ivf_assignment a = {0};
    VV_CLEANUP(ivf_order_done) ivf_order o = {0};
    size_t stride = varve_dtype_row_bytes(VARVE_BINARY, c->rows->dim);
    VV_TRY(index_bits_pack_all(c, &bits, err));
    VV_TRY(ivf_cluster_bits(c, bits, &a, &centroids, err));
    VV_TRY(ivf_order_make(&a, 1, &o, err));
    VV_TRY(ivf_order_put(c, &a, &o, NULL, err));
    VV_TRY(index_file_add(c->out, INDEX_CENTROIDS, centroids, a.partitions * stride, err));
    return put_bits(c, bits, &o, ivf_order_count(&o, &a), err);
}

static uint64_t build_bytes(const index_spec *spec, uint64_t rows)
{
    uint64_t partitions = ivf_partition_count(spec->params.n_clusters, rows);
    uint64_t counts = partitions * spec->dim * sizeof(uint32_t);
    return rows * (varve_dtype_row_bytes(VARVE_BINARY, spec->dim) + 3 * sizeof(uint32_t)) +
           2 * counts;
}

/* ---- open ---------------------------------------------------------------------------------- */

static varve_status open_into(ivf_bits *x, const index_spec *spec, index_file *f, varve_error *err)
{
    uint64_t size;
    VV_TRY(ivf_lists_open(&x->lists, f, spec, 1, NULL, err));
    VV_TRY(index_bits_open(&x->bits, spec, f, x->lists.coded, err));
    size = x->lists.partitions * x->bits.stride;
    return index_file_need(f, INDEX_CENTROIDS, size, size, "centroids", &x->centroids, &size, err);
}

static void close_state(void *state)
{
    ivf_bits *x = state;
    index_bytes_done(&x->lists.slots);
    index_bytes_done(&x->bits.rows);
    free(x);
}

static varve_status open_state(const index_spec *spec, index_file *f, void **ret_state,
                               varve_error *err)
{
    ivf_bits *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open an index");
    varve_status status = open_into(x, spec, f, err);
    if (status == VARVE_OK)
        *ret_state = x;
    else
        close_state(x);
    return status;
}

/* ---- search -------------------------------------------------------------------------------- */

static size_t hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    (void)q;
    (void)breadth;
    return (size_t)((const ivf_bits *)state)->lists.rows;
}

static size_t breadths(const void *state, uint32_t k, uint32_t *ret, size_t max)
{
    (void)k;
    return ivf_lists_breadths(&((const ivf_bits *)state)->lists, ret, max);
}

static varve_status nearest(const ivf_bits *x, const distance_query *prepared, const index_query *q,
                            uint32_t breadth, ivf_nearest *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *distances = malloc(x->lists.partitions * sizeof *distances);
    if (!distances) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    distance_scan(prepared, x->centroids, x->lists.partitions, distances);
    return ivf_nearest_init(ret, &x->lists, q, breadth, distances, err);
}

static varve_status open_partitions(const ivf_bits *x, const distance_query *prepared,
                                    const index_query *q, ivf_nearest *n, index_certain_hits *hits,
                                    index_work *work, varve_error *err)
{
    uint64_t before = work->codes, first, count;
    uint32_t partition;
    while (ivf_nearest_next(n, work->codes - before, &partition)) {
        ivf_lists_range(&x->lists, partition, &first, &count);
        work->nodes++;
        VV_TRY(
            index_bits_scan(&x->bits, prepared, q, &x->lists.slots, first, count, hits, work, err));
    }
    return VARVE_OK;
}

static varve_status search(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err)
{
    const ivf_bits *x = state;
    VV_CLEANUP(ivf_nearest_done) ivf_nearest n = {0};
    VV_CLEANUP(index_certain_hits_done) index_certain_hits hits = {0};
    VV_CLEANUP(distance_query_freep) distance_query *prepared = NULL;
    VV_TRY(
        distance_query_new(x->bits.metric, VARVE_BINARY, x->bits.dim, q->values, &prepared, err));
    VV_TRY(nearest(x, prepared, q, breadth, &n, err));
    VV_TRY(index_certain_hits_init(&hits, VV_MIN(q->k, (size_t)rows->count), q->bound, false, err));
    VV_TRY(open_partitions(x, prepared, q, &n, &hits, work, err));
    if (hits.count > x->lists.rows) /* more than hits_max() said */
        return index_file_bad(x->lists.slots.file, "a row lies in too many partitions", err);
    index_certain_hits_end(&hits, ret, ret_count);
    return VARVE_OK;
}

/* ---- memory, check ------------------------------------------------------------------------- */

static uint64_t load_bytes(const void *state)
{
    const ivf_bits *x = state;
    return index_bytes_to_load(&x->bits.rows) + index_bytes_to_load(&x->lists.slots);
}

static varve_status load(void *state, varve_error *err)
{
    ivf_bits *x = state;
    VV_TRY(index_bytes_load(&x->bits.rows, err));
    return index_bytes_load(&x->lists.slots, err);
}

static uint64_t memory_bytes(const void *state)
{
    const ivf_bits *x = state;
    return index_bytes_loaded(&x->bits.rows) + index_bytes_loaded(&x->lists.slots);
}

static varve_status check(void *state, const index_rows *rows, varve_error *err)
{
    const ivf_bits *x = state;
    VV_TRY(ivf_lists_check(&x->lists, err));
    return rows ? index_bits_check(&x->bits, rows, &x->lists.slots, err) : VARVE_OK;
}

const index_type index_type_ivf_bits = {.name = "ivf bits",
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
