/* graph_search.c — one search: a walk, a second one or a plain scan when it reached too few rows,
 * and the hits. Hits are a few more than k where own vectors are rounded: the caller ranks them
 * exactly. */
#include "index/graph_search.h"

#include "base/bytes.h"
#include "index/index_type.h"

#include <math.h>

#define WALKS_MAX    3
#define WALKS_FACTOR 4    /* breadth of the next one */
#define NEARLY       1e-3 /* what rounding changes in a distance, at most */

/* ---- how many ------------------------------------------------------------------------------ */

/* Of the rows nearest by own vectors, how many surely hold nearly all of the k nearest? */
static size_t keep_of(const graph *x, size_t k)
{
    size_t more = x->shape.own == GRAPH_OWN_SCALED  ? 8 + k / 4
                  : x->shape.own == GRAPH_OWN_BYTES ? 0
                                                    : 1 + k / 16;
    return VV_MIN(k > SIZE_MAX - more ? k : k + more, (size_t)x->rows);
}

size_t graph_hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    (void)breadth;
    return keep_of(state, q->k);
}

static size_t live_rows(const graph_walk *w)
{
    size_t hidden = 0, rows = w->x->rows;
    uint64_t row = 0;
    for (; tombstones_next(w->q->hidden, row, &row) && row < rows; row++)
        hidden++;
    bool skips = w->q->skip < rows && !tombstones_has(w->q->hidden, w->q->skip);
    return rows - hidden - skips;
}

/* ---- search -------------------------------------------------------------------------------- */

/* Until there are enough rows; true: they were scanned. */
static varve_status find(graph_walk *w, size_t breadth, bool *ret_scanned, varve_error *err)
{
    size_t wanted = VV_MIN(w->q->k, w->best.k);
    for (int i = 0; i < WALKS_MAX && !w->gave_up; i++) {
        VV_TRY(graph_walk_run(w, VV_MIN(breadth, (size_t)w->x->rows), err));
        if (w->gave_up) break;
        if (w->best.count >= wanted) return VARVE_OK;
        if (w->best.count >= live_rows(w)) return VARVE_OK;
        if (!w->limited) break; /* what is left cannot be reached */
        breadth *= WALKS_FACTOR;
    }
    *ret_scanned = true;
    return graph_scan_all(w, err);
}

/* How far can an own vector be from its row, in the frame? */
static double own_error(const graph *x)
{
    double radius = GRAPH_FRAME_RADIUS, root = sqrt(x->shape.width);
    switch (x->shape.own) {
    case GRAPH_OWN_BYTES: return 0;
    case GRAPH_OWN_HALVES: return radius * 0x1p-11 + root * 0x1p-24;
    default: return root * radius / INT8_MAX;
    }
}

/* Key of a hit; whether its row is certainly beyond q->bound. Floats of the walk are off by few
 * ulps. */
static bool hit_key(const graph_walk *w, bool exact, double key, float *ret)
{
    const graph_frame *f = &w->x->frame;
    bool plain = exact || w->x->shape.layout == GRAPH_PLAIN;
    *ret = (float)(plain ? key : graph_frame_key(f, &w->placed, key));
    if (plain || w->placed.moved < 1 || !(w->q->bound < INFINITY)) return false;
    double nearest = sqrt(key) * (1 - NEARLY) - own_error(w->x);
    double bound = space_distance(&f->space, w->q->bound, w->placed.norm);
    double most = sqrt(bound) * f->scale * (1 + NEARLY);
    return nearest > most;
}

/* topk_sort put the nearest first, so that what is beyond the bound comes last. */
static size_t put_hits(graph_walk *w, bool scanned, index_hit *ret)
{
    size_t count = 0;
    topk_sort(&w->best);
    for (size_t i = 0; i < w->best.count; i++) {
        const topk_entry *e = &w->best.entries[i];
        ret[count].slot = (uint32_t)e->slot;
        if (!hit_key(w, scanned, e->key, &ret[count].key)) count++;
    }
    return count;
}

varve_status graph_search(void *state, const index_rows *rows, const index_query *q,
                          uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                          varve_error *err)
{
    graph *x = state;
    size_t keep = keep_of(x, q->k);
    bool scanned = false;
    VV_CLEANUP(graph_walk_done) graph_walk w = {.x = x, .rows = rows, .q = q, .work = work};
    VV_TRY(graph_scratch_take(x, &w.s, err));
    VV_TRY(graph_scratch_keep(w.s, keep, err));
    topk_init(&w.best, w.s->best, keep);
    graph_filter_init(&w);
    VV_TRY(graph_point_prepare(&w, err));
    VV_TRY(find(&w, VV_MAX((size_t)breadth, q->k), &scanned, err));
    *ret_count = put_hits(&w, scanned, ret);
    return VARVE_OK;
}

/* ---- the type ------------------------------------------------------------------------------ */

static size_t breadths(const void *state, uint32_t k, uint32_t *ret, size_t max)
{
    static const uint32_t all[] = {10,  12,  16,  20,  24,  32,  40,  48,   64,   80,   96,  128,
                                   160, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048, 4096};
    uint32_t rows = ((const graph *)state)->rows;
    size_t count = 0;
    for (size_t i = 0; i < VV_COUNT(all) && count < max; i++) {
        uint32_t breadth = VV_MIN(VV_MAX(all[i], k), rows);
        if (count == 0 || breadth > ret[count - 1]) ret[count++] = breadth;
    }
    return count;
}

const index_type index_type_graph = {.name = "graph",
                                     .build = graph_build,
                                     .open = graph_open,
                                     .close = graph_close,
                                     .hits_max = graph_hits_max,
                                     .search = graph_search,
                                     .breadths = breadths,
                                     .load_bytes = graph_load_bytes,
                                     .load = graph_load,
                                     .memory_bytes = graph_memory_bytes,
                                     .check = graph_check,
                                     .build_bytes = graph_build_bytes};
