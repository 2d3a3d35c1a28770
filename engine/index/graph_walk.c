/* graph_walk.c — the walk: best first, with a few rows asked for ahead; see graph_search.h.
 *
 * The frontier is not sorted. Its next row is found by looking at all of it, which a few vector
 * instructions do; when it is full, a limit is found above which nothing can matter any more.
 *
 * PACKED: a row is known by estimates, one from each neighbour that led to it, until the walk goes
 * there and meets its exact distance; it may wait several times, and the second visit ends at once.
 * All its estimates count: a row that is seen from many sides ends the walk earlier.
 * Others: what is known of a row is the same wherever it is seen from, so it waits once. */
#include "index/graph_search.h"

#include "base/bytes.h"
#include "index/graph_links.h"

#include <assert.h>

#define DEPTH_MEMORY   2
#define DEPTH_DISK     4 /* at first; it grows to GRAPH_FLIGHT_MAX */
#define ROWS_PER_DEPTH 8
#define LOOK_ROWS      64 /* gone to between two looks at the clock */
#define BISECTIONS     16
#define ROOM_FIRST     4096 /* rows of a frontier, before it grows */
#define KEY_MAX        0x1.fffffep127F

/* ---- rows met ------------------------------------------------------------------------------ */

static void offer(graph_walk *w, uint32_t row, float key)
{
    if (graph_is_live(w, row)) topk_push(&w->best, (double)key, row);
}

/* Of the rows in the mask those that may join; sets which of them are hidden. At a hidden row those
 * do not, where that is enough: see graph_search_filter.c. */
static uint32_t choose(graph_walk *w, const uint8_t *rows, uint32_t mask, uint32_t *ret_hidden)
{
    uint32_t stay = mask, hidden = 0;
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint32_t row = get_u32(rows + 4 * (size_t)i);
        stay &= ~((uint32_t)graph_visited(w->s, row) << i);
    }
    if (w->q->skip < w->x->rows || w->q->hidden) {
        for (uint32_t left = stay; left != 0; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctz(left);
            uint32_t row = get_u32(rows + 4 * (size_t)i);
            if (row == w->q->skip)
                stay &= ~(UINT32_C(1) << i);
            else
                hidden |= (uint32_t)tombstones_has(w->q->hidden, row) << i;
        }
    }
    if (w->two_edges && !w->from_live) stay &= ~hidden;
    *ret_hidden = hidden & stay;
    return stay;
}

static float most_of(const float *keys, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = keys[i] < INFINITY && keys[i] > most ? keys[i] : most;
    return most;
}

static float least_of(const float *keys, size_t count)
{
    float least = INFINITY;
    for (size_t i = 0; i < count; i++)
        least = keys[i] < least ? keys[i] : least;
    return least;
}

/* A limit with at least w->breadth keys below it, and not many more. */
static float find_limit(const graph_walk *w)
{
    const graph_frontier *f = &w->s->frontier;
    float low = least_of(f->keys, f->count);
    float high = nextafterf(most_of(f->keys, f->count), INFINITY);
    for (int i = 0; i < BISECTIONS; i++) {
        float middle = low + (high - low) / 2;
        size_t count = w->x->kernels->below(f, middle);
        if (count < w->breadth) {
            low = middle;
            continue;
        }
        high = middle;
        if (count <= w->breadth + w->breadth / 8) break;
    }
    return high;
}

/* The frontier has room for a group. */
static varve_status make_room(graph_walk *w, varve_error *err)
{
    graph_frontier *f = &w->s->frontier;
    if (f->count <= w->room) return VARVE_OK;
    if (w->x->kernels->below(f, INFINITY) >= w->breadth) {
        w->limit = find_limit(w);
        w->limited = true;
    }
    w->x->kernels->keep(f, w->limit);
    if (f->count <= w->room / 2) return VARVE_OK;
    while (f->count > w->room / 2)
        w->room *= 2;
    return graph_frontier_reserve(f, w->room, err);
}

static varve_status join(graph_walk *w, const uint8_t *rows, const float *keys, uint32_t mask,
                         uint32_t hidden, varve_error *err)
{
    assert(w->s->frontier.count <= w->s->frontier.capacity); /* and a group has room behind it */
    w->x->kernels->join(&w->s->frontier, rows, keys, mask, hidden);
    return make_room(w, err);
}

/* ---- a row gone to ------------------------------------------------------------------------- */

static varve_status bad_edge(const graph_walk *w, varve_error *err)
{
    return index_file_bad(w->x->file, "an edge leads out of the graph", err);
}

/* The neighbours of a row of known distance, by their codes. */
static varve_status meet_group(graph_walk *w, const uint8_t *rows, const uint8_t *group, float own,
                               varve_error *err)
{
    float keys[GRAPH_GROUP] __attribute__((aligned(64)));
    uint32_t bad, hidden;
    uint32_t mask =
        w->x->kernels->estimate(&w->s->point, group, rows, own, w->limit, w->x->rows, keys, &bad);
    if (VV_UNLIKELY(bad)) return bad_edge(w, err);
    w->work->codes += GRAPH_GROUP;
    mask = choose(w, rows, mask, &hidden);
    return mask ? join(w, rows, keys, mask, hidden, err) : VARVE_OK;
}

static varve_status valid_rows(const graph_walk *w, const uint8_t *rows, uint32_t *ret_rows,
                               uint32_t *ret_mask, varve_error *err)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < GRAPH_GROUP; i++) {
        ret_rows[i] = get_u32(rows + 4 * (size_t)i);
        mask |= (uint32_t)(ret_rows[i] < w->x->rows) << i;
        if (ret_rows[i] >= w->x->rows && ret_rows[i] != GRAPH_NONE) return bad_edge(w, err);
    }
    *ret_mask = mask;
    return VARVE_OK;
}

/* Rows that are met for the first time, by what is known of them wherever they are met. */
static varve_status meet_rows(graph_walk *w, const uint8_t *bytes, varve_error *err)
{
    uint32_t rows[GRAPH_GROUP] __attribute__((aligned(64))), mask = 0, hidden, close = 0;
    float keys[GRAPH_GROUP] __attribute__((aligned(64))) = {0};
    VV_TRY(valid_rows(w, bytes, rows, &mask, err));
    mask = choose(w, (const uint8_t *)rows, mask, &hidden);
    for (uint32_t left = mask; left != 0; left &= left - 1) /* an edge may be there twice */
        if (graph_visited(w->s, rows[__builtin_ctz(left)]))
            mask &= ~(UINT32_C(1) << __builtin_ctz(left));
        else
            graph_visit(w->s, rows[__builtin_ctz(left)]);
    VV_TRY(graph_score(w, rows, mask, keys, err));
    w->work->codes += (uint64_t)__builtin_popcount(mask);
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        keys[i] = keys[i] < KEY_MAX ? keys[i] : KEY_MAX;
        close |= (uint32_t)(keys[i] < w->limit) << i;
        if (w->x->shape.layout != GRAPH_CODED && !(hidden >> i & 1))
            topk_push(&w->best, (double)keys[i], rows[i]);
    }
    return close ? join(w, (const uint8_t *)rows, keys, close, hidden, err) : VARVE_OK;
}

static varve_status go_to(graph_walk *w, uint32_t row, varve_error *err)
{
    const graph_shape *s = &w->x->shape;
    const uint8_t *at;
    float own = 0;
    VV_TRY(graph_get(w->x, row, &at, err));
    w->work->nodes++;
    w->from_live = !w->filtered || graph_is_live(w, row);
    if (s->block_bytes > 0) {
        own = w->x->kernels->own[s->own](&w->s->point, at);
        offer(w, row, own);
    }
    for (uint32_t i = 0; i < s->groups; i++) {
        const uint8_t *rows = at + s->edges_at + (size_t)i * GRAPH_GROUP * 4;
        const uint8_t *group = at + s->codes_at + i * s->group_bytes;
        VV_TRY(s->layout == GRAPH_PACKED ? meet_group(w, rows, group, own, err)
                                         : meet_rows(w, rows, err));
    }
    return VARVE_OK;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* Ask for the next row; false: nothing is worth it now. */
static bool ask_next(graph_walk *w)
{
    graph_frontier *f = &w->s->frontier;
    for (;;) {
        size_t at = w->x->kernels->next(f, w->breadth);
        if (at == SIZE_MAX) return false;
        uint32_t row = f->rows[at];
        f->waiting[at] = INFINITY;
        if (w->x->shape.layout == GRAPH_PACKED) {
            if (graph_visited(w->s, row)) continue;
            graph_visit(w->s, row);
        }
        graph_ask(w->x, row);
        w->work->reads += w->x->shape.on_disk;
        w->flight[w->flying++] = row;
        return true;
    }
}

static size_t depth_now(const graph_walk *w, size_t gone)
{
    if (!w->x->shape.on_disk) return DEPTH_MEMORY;
    return VV_MIN((size_t)GRAPH_FLIGHT_MAX, DEPTH_DISK + gone / ROWS_PER_DEPTH);
}

/* Of the entries only the best few wait, and the first, which leads to all rows. */
static varve_status keep_entries(graph_walk *w, varve_error *err)
{
    const graph *x = w->x;
    graph_frontier *f = &w->s->frontier;
    float keys[GRAPH_GROUP] __attribute__((aligned(64)));
    uint32_t row = x->model.entry, hidden;
    uint8_t rows[GRAPH_GROUP * 4] __attribute__((aligned(64))) = {0};
    if (f->count <= GRAPH_ENTRIES_USED) return VARVE_OK;
    keys[0] = most_of(f->waiting, f->count);
    w->breadth = GRAPH_ENTRIES_USED;
    x->kernels->keep(f, find_limit(w));
    put_u32(rows, row);
    uint32_t mask = choose(w, rows, 1, &hidden);
    return mask ? join(w, rows, keys, mask, hidden, err) : VARVE_OK;
}

static float squared_norm(const float *x, uint32_t n)
{
    float sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Rows of known place, by their own vectors. */
static varve_status meet_blocks(graph_walk *w, const uint8_t *bytes, varve_error *err)
{
    const graph *x = w->x;
    uint32_t rows[GRAPH_GROUP] __attribute__((aligned(64))), mask = 0, hidden;
    float keys[GRAPH_GROUP] __attribute__((aligned(64))) = {0};
    VV_TRY(valid_rows(w, bytes, rows, &mask, err));
    mask = choose(w, (const uint8_t *)rows, mask, &hidden);
    for (uint32_t left = mask; left != 0; left &= left - 1)
        graph_ask(x, rows[__builtin_ctz(left)]);
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *at;
        VV_TRY(graph_get(x, rows[i], &at, err));
        keys[i] = x->kernels->own[x->shape.own](&w->s->point, at);
        w->work->reads += x->shape.on_disk;
    }
    return mask ? join(w, (const uint8_t *)rows, keys, mask, hidden, err) : VARVE_OK;
}

varve_status graph_walk_meet(graph_walk *w, const uint8_t *rows, varve_error *err)
{
    bool packed = w->x->shape.layout == GRAPH_PACKED;
    return packed ? meet_blocks(w, rows, err) : meet_rows(w, rows, err);
}

static varve_status begin(graph_walk *w, varve_error *err)
{
    const graph *x = w->x;
    bool packed = x->shape.layout == GRAPH_PACKED;
    float origin = packed ? squared_norm(w->s->values, x->shape.width) : 0;
    for (uint32_t i = 0; i < x->model.entry_groups; i++) {
        const uint8_t *rows = x->entries + i * x->shape.entry_bytes;
        VV_TRY(packed ? meet_group(w, rows, rows + GRAPH_GROUP * 4, origin, err)
                      : meet_rows(w, rows, err));
    }
    return packed && !w->filtered ? keep_entries(w, err) : VARVE_OK;
}

/* Has the walk ended for want of rows, and not because enough live ones are nearer? */
static bool is_exhausted(const graph_walk *w)
{
    return w->two_edges && w->x->kernels->below(&w->s->frontier, INFINITY) < w->breadth &&
           w->best.count < w->live;
}

varve_status graph_walk_run(graph_walk *w, size_t breadth, varve_error *err)
{
    const graph *x = w->x;
    size_t gone = 0;
    w->breadth = SIZE_MAX; /* no limit yet */
    w->room = VV_MAX(VV_MIN(2 * breadth, (size_t)ROOM_FIRST),
                     (size_t)x->model.entry_groups * GRAPH_GROUP);
    w->limit = INFINITY;
    w->limited = false;
    w->from_live = true;
    w->s->frontier.count = 0;
    w->best.count = 0;
    graph_visit_none(x, w->s);
    VV_TRY(graph_frontier_reserve(&w->s->frontier, w->room, err));
    VV_TRY(begin(w, err));
    if (w->filtered) VV_TRY(graph_filter_begin(w, &breadth, err));
    w->breadth = breadth; /* a filter may have widened it */
    w->room = VV_MIN(2 * breadth, (size_t)ROOM_FIRST);
    VV_TRY(graph_frontier_reserve(&w->s->frontier, w->room, err));
    while (!w->gave_up) {
        while (w->flying < depth_now(w, gone) && ask_next(w))
            ;
        if (w->flying == 0) break;
        uint32_t row = w->flight[0];
        for (size_t i = 1; i < w->flying; i++)
            w->flight[i - 1] = w->flight[i];
        w->flying--;
        VV_TRY(go_to(w, row, err));
        if (++gone % LOOK_ROWS == 0) VV_TRY(index_in_time(w->q, err));
        w->gave_up = gone >= w->nodes_max;
    }
    w->flying = 0;
    w->gave_up |= w->filtered && is_exhausted(w);
    return VARVE_OK;
}
