/* graph_links_reach.c — see graph_links_reach.h. The tree of a breadth-first search from the
 * entry says which edges are needed: those from parent to child. All others may be replaced, and
 * a tree has always a point with such an edge, or with none: at its ends. */
#include "index/graph_links_reach.h"

#include "index/graph_refine.h"

#include <math.h>
#include <stdlib.h>

enum { CENTERS = 64, OTHERS = 512, WALK_BREADTH = 48, STEP_POINTS = 256 };

/* ---- the central point --------------------------------------------------------------------- */

static uint32_t sample_point(const graph_points *p, size_t i, size_t n)
{
    return (uint32_t)((2 * i + 1) * (uint64_t)p->count / (2 * n));
}

varve_status graph_center(const graph_points *p, uint32_t *ret, varve_error *err)
{
    uint32_t others[OTHERS], keys[OTHERS];
    size_t n = VV_MIN(p->count, (uint32_t)OTHERS), m = VV_MIN(p->count, (uint32_t)CENTERS);
    double least = INFINITY;
    uint32_t best = 0;
    for (size_t i = 0; i < n; i++)
        others[i] = sample_point(p, i, n);
    for (size_t i = 0; i < m; i++) {
        double sum = 0;
        graph_probe q;
        VV_TRY(graph_probe_init(&q, p, sample_point(p, i, m), err));
        graph_probe_scan(&q, others, n, keys);
        graph_probe_done(&q);
        for (size_t j = 0; j < n; j++)
            sum += (double)graph_points_distance(p, keys[j]);
        if (!(sum < least)) continue;
        least = sum;
        best = q.point;
    }
    *ret = best;
    return VARVE_OK;
}

/* ---- reaching all -------------------------------------------------------------------------- */

typedef struct reach {
    const graph_points *p;
    graph_edges *e;
    uint32_t entry;
    uint32_t *parents; /* in the tree; GRAPH_NONE: not reached */
    uint32_t *queue;
    graph_walker walker;
} reach;

static void reach_done(reach *r)
{
    free(r->parents);
    free(r->queue);
    graph_walker_done(&r->walker);
}

/* `from` has a parent; all that can be reached from it gets one. */
static void spread(reach *r, uint32_t from)
{
    size_t first = 0, end = 0;
    r->queue[end++] = from;
    while (first < end) {
        uint32_t x = r->queue[first++];
        const uint32_t *to = graph_edges_of(r->e, x);
        for (uint32_t i = 0; i < r->e->degree && to[i] != GRAPH_NONE; i++) {
            if (r->parents[to[i]] != GRAPH_NONE) continue;
            r->parents[to[i]] = x;
            r->queue[end++] = to[i];
        }
    }
}

/* The place of an edge that may be written; GRAPH_NONE: all are needed. */
static uint32_t free_place(const reach *r, uint32_t x)
{
    const uint32_t *to = graph_edges_of(r->e, x);
    uint32_t n = graph_edges_count(r->e, x), limit = graph_edges_limit(r->e, r->p, x);
    if (n < limit) return n;
    while (n > 0 && r->parents[to[n - 1]] == x)
        n--;
    return n > 0 ? n - 1 : GRAPH_NONE;
}

/* A reached point near to one that is not. */
static varve_status find_near(reach *r, uint32_t point, uint32_t *ret, varve_error *err)
{
    const uint32_t *to = graph_edges_of(r->e, point);
    for (uint32_t i = 0; i < r->e->degree && to[i] != GRAPH_NONE; i++) {
        if (r->parents[to[i]] == GRAPH_NONE) continue;
        *ret = to[i];
        return VARVE_OK;
    }
    VV_TRY(graph_walk(&r->walker, point, &r->entry, 1, err));
    *ret = graph_entry_point(r->walker.beam[0]);
    return VARVE_OK;
}

static varve_status adopt(reach *r, uint32_t point, varve_error *err)
{
    uint32_t x, place;
    VV_TRY(find_near(r, point, &x, err));
    while ((place = free_place(r, x)) == GRAPH_NONE)
        x = graph_edges_of(r->e, x)[0]; /* all of its edges go to children */
    graph_edges_of(r->e, x)[place] = point;
    r->parents[point] = x;
    spread(r, point);
    return VARVE_OK;
}

varve_status graph_reach(const graph_points *p, uint32_t entry, graph_work *w, graph_edges *e,
                         varve_error *err)
{
    VV_CLEANUP(reach_done) reach r = {.p = p, .e = e, .entry = entry};
    uint32_t adopted = 0;
    r.parents = malloc(p->count * sizeof *r.parents);
    r.queue = malloc(p->count * sizeof *r.queue);
    if (!r.parents || !r.queue)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to reach %u points", p->count);
    VV_TRY(graph_walker_init(&r.walker, p, e, WALK_BREADTH, err));
    for (uint32_t i = 0; i < p->count; i++)
        r.parents[i] = GRAPH_NONE;
    r.parents[entry] = entry;
    spread(&r, entry);
    for (uint32_t i = 0; i < p->count; i++) {
        if (r.parents[i] != GRAPH_NONE) continue;
        VV_TRY(adopt(&r, i, err));
        if (++adopted % STEP_POINTS == 0) VV_TRY(graph_work_step(w, 0, err));
    }
    return VARVE_OK;
}
