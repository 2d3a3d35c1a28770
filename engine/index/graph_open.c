/* graph_open.c — a graph index opened, brought into memory, closed; see graph_index.h. */
#include "index/graph_index.h"
#include "index/index_groups.h"

#include "base/bytes.h"

#include <stdlib.h>

/* ---- open ---------------------------------------------------------------------------------- */

static varve_status open_section(graph *x, index_bytes *b, index_section kind, size_t row_bytes,
                                 const char *what, varve_error *err)
{
    size_t size;
    if (!size_mul(x->rows, row_bytes, &size))
        return index_file_bad(x->file, "more rows than can be", err);
    return index_bytes_init(b, x->file, kind, size, what, err);
}

static varve_status open_blocks(graph *x, varve_error *err)
{
    size_t size;
    if (!graph_blocks_bytes(&x->shape, x->rows, &size))
        return index_file_bad(x->file, "more blocks than can be", err);
    VV_TRY(index_bytes_init(&x->blocks, x->file, GRAPH_BLOCKS, size, "blocks of the graph", err));
    if (x->shape.on_disk) index_file_random(x->file, GRAPH_BLOCKS);
    return VARVE_OK;
}

/* Short codes of all rows, which every search needs. */
static varve_status open_codes(graph *x, varve_error *err)
{
    size_t size;
    VV_TRY(index_groups_open_quantiser(x->file, QUANT_KIND_PQ, x->shape.width, &x->quantiser, err));
    if (!size_mul(index_groups_count(x->rows), quantiser_group_bytes(x->quantiser), &size))
        return index_file_bad(x->file, "more codes than can be", err);
    VV_TRY(index_bytes_init(&x->codes, x->file, INDEX_CODES, size, "codes", err));
    return index_bytes_load(&x->codes, err);
}

static varve_status open_layout(graph *x, varve_error *err)
{
    size_t edges = x->shape.degree * sizeof(uint32_t);
    switch (x->shape.layout) {
    case GRAPH_PACKED: return open_blocks(x, err);
    case GRAPH_CODED: VV_TRY(open_blocks(x, err)); return open_codes(x, err);
    case GRAPH_COMPACT:
        VV_TRY(open_section(x, &x->vectors, GRAPH_VECTORS, x->shape.own_bytes, "vectors", err));
        return open_section(x, &x->edges, GRAPH_EDGES, edges, "edges", err);
    default: return open_section(x, &x->edges, GRAPH_EDGES, edges, "edges", err);
    }
}

static varve_status open_entries(graph *x, varve_error *err)
{
    size_t bytes = x->model.entry_groups * x->shape.entry_bytes;
    const uint8_t *at;
    uint64_t size;
    VV_TRY(index_file_need(x->file, GRAPH_ENTRIES, bytes, bytes, "entries of the graph", &at, &size,
                           err));
    x->entries = aligned_alloc(64, size_align(bytes, 64));
    if (!x->entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open a graph");
    memcpy(x->entries, at, bytes);
    if (get_u32(x->entries) != x->model.entry)
        return index_file_bad(x->file, "the entries do not begin with the entry", err);
    return VARVE_OK;
}

static varve_status open_into(graph *x, const index_spec *spec, index_file *f, varve_error *err)
{
    const uint8_t *mean;
    x->file = f;
    x->rows = (uint32_t)index_file_rows(f);
    x->metric = spec->mode.metric;
    x->kernels = graph_kernels_choose();
    VV_TRY(graph_model_get(f, spec, &x->shape, &x->model, &mean, err));
    if (x->shape.layout != GRAPH_PLAIN)
        VV_TRY(graph_frame_open(&x->frame, &x->model, mean, &x->shape, err));
    VV_TRY(open_layout(x, err));
    return open_entries(x, err);
}

varve_status graph_open(const index_spec *spec, index_file *f, void **ret_state, varve_error *err)
{
    graph *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open a graph");
    (void)pthread_mutex_init(&x->lock, NULL);
    varve_status status = open_into(x, spec, f, err);
    if (status == VARVE_OK)
        *ret_state = x;
    else
        graph_close(x);
    return status;
}

void graph_close(void *state)
{
    graph *x = state;
    graph_scratch_free_all(x);
    (void)pthread_mutex_destroy(&x->lock);
    graph_frame_done(&x->frame);
    index_bytes_done(&x->blocks);
    index_bytes_done(&x->edges);
    index_bytes_done(&x->vectors);
    index_bytes_done(&x->codes);
    quantiser_free(x->quantiser);
    free(x->entries);
    free(x);
}

/* ---- memory: graphs on disk stay there ------------------------------------------------------- */

uint64_t graph_load_bytes(const void *state)
{
    const graph *x = state;
    if (x->shape.on_disk) return 0;
    return index_bytes_to_load(&x->blocks) + index_bytes_to_load(&x->edges) +
           index_bytes_to_load(&x->vectors);
}

varve_status graph_load(void *state, varve_error *err)
{
    graph *x = state;
    if (x->shape.on_disk) return VARVE_OK;
    VV_TRY(index_bytes_load(&x->blocks, err));
    VV_TRY(index_bytes_load(&x->vectors, err));
    return index_bytes_load(&x->edges, err);
}

uint64_t graph_memory_bytes(const void *state)
{
    graph *x = (graph *)state; /* the lock is all that is changed */
    return sizeof *x + index_bytes_loaded(&x->blocks) + index_bytes_loaded(&x->edges) +
           index_bytes_loaded(&x->vectors) + index_bytes_loaded(&x->codes) +
           x->model.entry_groups * x->shape.entry_bytes + graph_scratch_bytes(x);
}
