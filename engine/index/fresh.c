/* fresh.c — the type that scans SQ8 codes of all rows without loss; see fresh.h. */
#include "index/fresh.h"

#include <stdlib.h>

static varve_status build(const index_build_context *c, varve_error *err)
{
    return fresh_codes_build(c, NULL, c->rows->count, err);
}

static void close_state(void *state)
{
    fresh_codes_done(state);
    free(state);
}

static varve_status open_state(const index_spec *spec, index_file *f, void **ret_state,
                               varve_error *err)
{
    fresh_codes *k = calloc(1, sizeof *k);
    if (!k) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open an index");
    varve_status status = fresh_codes_open(k, spec, f, index_file_rows(f), err);
    if (status == VARVE_OK)
        *ret_state = k;
    else
        close_state(k);
    return status;
}

/* All rows may be equally far. */
static size_t hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    (void)q;
    (void)breadth;
    return (size_t)((const fresh_codes *)state)->rows;
}

static varve_status scan(const fresh_codes *k, const index_query *q, index_certain_hits *hits,
                         index_work *work, varve_error *err)
{
    VV_CLEANUP(index_certain_query_done) index_certain_query certain = {0};
    VV_TRY(index_certain_query_init(&certain, &k->model, k->quantiser, q->values, err));
    return fresh_codes_scan(k, &certain, q, NULL, 0, index_groups_count(k->rows), hits, work, err);
}

static varve_status search(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err)
{
    const fresh_codes *k = state;
    VV_CLEANUP(index_certain_hits_done) index_certain_hits hits = {0};
    (void)rows;
    (void)breadth;
    VV_TRY(index_certain_hits_init(&hits, VV_MIN(q->k, (size_t)k->rows), q->bound, false, err));
    VV_TRY(scan(k, q, &hits, work, err));
    index_certain_hits_end(&hits, ret, ret_count);
    return VARVE_OK;
}

static uint64_t load_bytes(const void *state) { return fresh_codes_load_bytes(state); }
static varve_status load(void *state, varve_error *err) { return fresh_codes_load(state, err); }
static uint64_t memory_bytes(const void *state) { return fresh_codes_memory_bytes(state); }

static varve_status check(void *state, const index_rows *rows, varve_error *err)
{
    return rows ? fresh_codes_check(state, rows, NULL, err) : VARVE_OK;
}

const index_type index_type_fresh = {.name = "fresh",
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
                                     .build_bytes = fresh_codes_build_bytes};
