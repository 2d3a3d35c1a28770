/* graph_search_rows.c — rows of a graph fetched and compared, layout by layout; see graph_search.h.
 */
#include "index/graph_search.h"

#include "base/bytes.h"

#define LINE_BYTES 64

/* ---- fetch --------------------------------------------------------------------------------- */

/* Not a function of its own: compilers take one that only prefetches for one that does nothing. */
#define PREFETCH(from, bytes)                                                                      \
    for (size_t at_ = 0; at_ < (bytes); at_ += LINE_BYTES)                                         \
    __builtin_prefetch((const uint8_t *)(from) + at_, 0, 2)

static const uint8_t *place(const index_bytes *b, uint64_t offset)
{
    const uint8_t *loaded = __atomic_load_n(&b->loaded, __ATOMIC_ACQUIRE);
    return (loaded ? loaded : b->mapped) + offset;
}

void graph_ask(const graph *x, uint32_t row)
{
    const graph_shape *s = &x->shape;
    size_t edges = s->degree * sizeof(uint32_t);
    if (s->block_bytes == 0) {
        PREFETCH(place(&x->edges, (uint64_t)row * edges), edges);
    } else if (s->on_disk) {
        index_file_will_need(x->file, x->blocks.mapped + graph_block_at(s, row), s->block_bytes);
    } else {
        PREFETCH(place(&x->blocks, graph_block_at(s, row)), s->block_bytes);
    }
}

varve_status graph_get(const graph *x, uint32_t row, const uint8_t **ret, varve_error *err)
{
    const graph_shape *s = &x->shape;
    size_t edges = s->degree * sizeof(uint32_t);
    if (s->block_bytes == 0) return index_bytes_get(&x->edges, row * edges, edges, ret, err);
    return index_bytes_get(&x->blocks, graph_block_at(s, row), s->block_bytes, ret, err);
}

/* ---- compare ------------------------------------------------------------------------------- */

static varve_status score_vectors(graph_walk *w, const uint32_t *rows, uint32_t mask,
                                  float *ret_keys, varve_error *err)
{
    const graph *x = w->x;
    size_t bytes = x->shape.own_bytes;
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        PREFETCH(place(&x->vectors, rows[i] * bytes), bytes);
    }
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *own;
        VV_TRY(index_bytes_get(&x->vectors, rows[i] * bytes, bytes, &own, err));
        ret_keys[i] = x->kernels->own[x->shape.own](&w->s->point, own);
    }
    return VARVE_OK;
}

static varve_status score_rows(graph_walk *w, const uint32_t *rows, uint32_t mask, float *ret_keys,
                               varve_error *err)
{
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *row;
        float score;
        VV_TRY(w->rows->get(w->rows->context, rows[i], 1, &row, err));
        distance_scan(w->plain, row, 1, &score);
        ret_keys[i] = score;
    }
    return VARVE_OK;
}

/* A group of codes is scanned whole for the one row that is asked for: it is read anyway. */
static varve_status score_codes(graph_walk *w, const uint32_t *rows, uint32_t mask, float *ret_keys,
                                varve_error *err)
{
    size_t bytes = quantiser_group_bytes(w->x->quantiser);
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        float estimates[QUANT_GROUP];
        const uint8_t *group;
        VV_TRY(index_bytes_get(&w->x->codes, rows[i] / QUANT_GROUP * bytes, bytes, &group, err));
        quant_scan(w->coded, group, 1, estimates);
        ret_keys[i] = estimates[rows[i] % QUANT_GROUP];
    }
    return VARVE_OK;
}

varve_status graph_score(graph_walk *w, const uint32_t *rows, uint32_t mask, float *ret_keys,
                         varve_error *err)
{
    switch (w->x->shape.layout) {
    case GRAPH_COMPACT: return score_vectors(w, rows, mask, ret_keys, err);
    case GRAPH_CODED: return score_codes(w, rows, mask, ret_keys, err);
    default: return score_rows(w, rows, mask, ret_keys, err);
    }
}
