/* flat_bits.c — the type that scans all rows as bits (index_bits.h): FLAT over Hamming, Jaccard and
 * Dice. Keys of such metrics are often equal, and the caller settles ties by id, which is not known
 * here: so every row with a key as good as the k-th is a hit, however many they are. */
#include "index/index_bits.h"

#include <stdlib.h>

static varve_status build(const index_build_context *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *bits = NULL;
    size_t stride = varve_dtype_row_bytes(VARVE_BINARY, c->rows->dim);
    VV_TRY(index_bits_pack_all(c, &bits, err));
    return index_file_add(c->out, INDEX_BITS, bits, c->rows->count * stride, err);
}

static uint64_t build_bytes(const index_spec *spec, uint64_t rows)
{
    return rows * varve_dtype_row_bytes(VARVE_BINARY, spec->dim);
}

static void close_state(void *state)
{
    index_bits *b = state;
    index_bytes_done(&b->rows);
    free(b);
}

static varve_status open_state(const index_spec *spec, index_file *f, void **ret_state,
                               varve_error *err)
{
    index_bits *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open an index");
    varve_status status = index_bits_open(b, spec, f, index_file_rows(f), err);
    if (status == VARVE_OK)
        *ret_state = b;
    else
        close_state(b);
    return status;
}

static size_t hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    (void)q;
    (void)breadth;
    return (size_t)((const index_bits *)state)->count;
}

static varve_status search(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err)
{
    const index_bits *b = state;
    VV_CLEANUP(index_certain_hits_done) index_certain_hits hits = {0};
    VV_CLEANUP(distance_query_freep) distance_query *prepared = NULL;
    (void)rows;
    (void)breadth;
    VV_TRY(distance_query_new(b->metric, VARVE_BINARY, b->dim, q->values, &prepared, err));
    VV_TRY(index_certain_hits_init(&hits, VV_MIN(q->k, (size_t)b->count), q->bound, false, err));
    VV_TRY(index_bits_scan(b, prepared, q, NULL, 0, b->count, &hits, work, err));
    index_certain_hits_end(&hits, ret, ret_count);
    return VARVE_OK;
}

static uint64_t load_bytes(const void *state)
{
    return index_bytes_to_load(&((const index_bits *)state)->rows);
}

static varve_status load(void *state, varve_error *err)
{
    return index_bytes_load(&((index_bits *)state)->rows, err);
}

static uint64_t memory_bytes(const void *state)
{
    return index_bytes_loaded(&((const index_bits *)state)->rows);
}

static varve_status check(void *state, const index_rows *rows, varve_error *err)
{
    return rows ? index_bits_check(state, rows, NULL, err) : VARVE_OK;
}

const index_type index_type_flat_bits = {.name = "flat bits",
                                         .certain = true,
                                         .build = build,
                                         .open = open_state,
                                         .close = close_state,
                                         .hits_max = hits_max,
                                         .search = search,
                                         .load_bytes = load_bytes,
                                         .load = load,
                                         .memory_bytes = memory_bytes,
                                         .check = check,
                                         .build_bytes = build_bytes};
