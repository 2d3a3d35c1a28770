/* graph_refine.c — see graph_refine.h. */
#include "index/graph_refine.h"

#include "index/graph_prune.h"

#include <stdlib.h>
#include <string.h>

enum {
    PART_POINTS = 128,
    SEEN_SHARE = 2 /* entries of the table for each point that `breadth` steps may meet */
};

/* ---- a walk -------------------------------------------------------------------------------- */

varve_status graph_walker_init(graph_walker *k, const graph_points *p, const graph_edges *e,
                               size_t breadth, varve_error *err)
{
    size_t room = 1024;
    while (room < SEEN_SHARE * breadth * e->degree)
        room *= 2;
    *k = (graph_walker){.points = p, .edges = e, .breadth = breadth, .seen_mask = room - 1};
    k->beam = malloc((breadth + 1) * sizeof *k->beam);
    k->walked = malloc((breadth + 1) * sizeof *k->walked);
    k->seen = malloc(room * sizeof *k->seen);
    k->ids = malloc(room * sizeof *k->ids);
    k->keys = malloc(room * sizeof *k->keys);
    if (k->beam && k->walked && k->seen && k->ids && k->keys) return VARVE_OK;
    graph_walker_done(k);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to walk over a graph");
}

void graph_walker_done(graph_walker *k)
{
    free(k->beam);
    free(k->walked);
    free(k->seen);
    free(k->ids);
    free(k->keys);
    *k = (graph_walker){0};
}

/* Was it new? */
static bool note(graph_walker *k, uint32_t point)
{
    size_t i = point * UINT32_C(0x9e3779b1) >> 7 & k->seen_mask;
    for (; k->seen[i] != GRAPH_NONE; i = (i + 1) & k->seen_mask) {
        if (k->seen[i] == point) return false;
    }
    k->seen[i] = point;
    k->seen_count++;
    return true;
}

/* Into the beam; its place, or `breadth`. */
static size_t insert(graph_walker *k, uint64_t entry)
{
    size_t at = k->count;
    if (at == k->breadth && entry >= k->beam[at - 1]) return k->breadth;
    while (at > 0 && entry < k->beam[at - 1])
        at--;
    size_t moved = VV_MIN(k->count, k->breadth - 1) - at;
    memmove(k->beam + at + 1, k->beam + at, moved * sizeof *k->beam);
    memmove(k->walked + at + 1, k->walked + at, moved * sizeof *k->walked);
    k->beam[at] = entry;
    k->walked[at] = false;
    k->count = VV_MIN(k->count + 1, k->breadth);
    return at;
}

/* Of these points the new ones are met; the first place in the beam that changed. */
static size_t meet(graph_walker *k, const graph_probe *q, const uint32_t *points, size_t n)
{
    size_t fresh = 0, first = k->breadth;
    for (size_t i = 0; i < n && points[i] != GRAPH_NONE; i++) {
        if (note(k, points[i])) k->ids[fresh++] = points[i];
    }
    graph_probe_scan(q, k->ids, fresh, k->keys);
    for (size_t i = 0; i < fresh; i++) {
        size_t at = insert(k, graph_entry(k->keys[i], k->ids[i]));
        first = VV_MIN(first, at);
    }
    return first;
}

varve_status graph_walk(graph_walker *k, uint32_t point, const uint32_t *starts, size_t n,
                        varve_error *err)
{
    graph_probe q;
    VV_TRY(graph_probe_init(&q, k->points, point, err));
    k->count = k->seen_count = 0;
    memset(k->seen, 0xff, (k->seen_mask + 1) * sizeof *k->seen);
    note(k, point);
    meet(k, &q, starts, n);
    for (size_t i = 0; i < k->count;) {
        if (k->walked[i]) {
            i++;
            continue;
        }
        k->walked[i] = true;
        const uint32_t *to = graph_edges_of(k->edges, graph_entry_point(k->beam[i]));
        size_t changed = meet(k, &q, to, k->edges->degree);
        i = VV_MIN(i, changed);
        if (k->seen_count + k->edges->degree > k->seen_mask * 3 / 4) break;
    }
    graph_probe_done(&q);
    return VARVE_OK;
}

/* ---- edges from walks ---------------------------------------------------------------------- */

typedef struct refine_job {
    const graph_edges_rule *rule;
    const graph_edges *from;
    graph_edges *ret;
    size_t breadth;
} refine_job;

static varve_status refine_part(void *context, size_t part, varve_error *err)
{
    const refine_job *j = context;
    uint32_t first = (uint32_t)part * PART_POINTS;
    uint32_t end = VV_MIN(j->ret->count, first + PART_POINTS);
    VV_CLEANUP(graph_walker_done) graph_walker k = {0};
    VV_CLEANUP(graph_pruner_done) graph_pruner u = {0};
    VV_TRY(graph_walker_init(&k, j->rule->points, j->from, j->breadth, err));
    VV_TRY(graph_pruner_init(&u, j->rule->points, j->rule->alpha, j->breadth, err));
    for (uint32_t i = first; i < end; i++) {
        uint32_t limit = graph_edges_limit(j->ret, j->rule->points, i);
        uint32_t *edges = graph_edges_of(j->ret, i);
        VV_TRY(graph_walk(&k, i, graph_edges_of(j->from, i), j->from->degree, err));
        VV_TRY(graph_prune(&u, k.beam, k.count, limit, edges, err));
        for (uint32_t e = limit; e < j->ret->degree; e++)
            edges[e] = GRAPH_NONE;
    }
    return VARVE_OK;
}

varve_status graph_refine(const graph_edges_rule *rule, const graph_edges *from, size_t breadth,
                          graph_work *w, uint64_t units, graph_edges *ret, varve_error *err)
{
    refine_job j = {rule, from, ret, breadth};
    size_t parts = (from->count + (size_t)PART_POINTS - 1) / PART_POINTS;
    return graph_work_run(w, parts, units, refine_part, &j, err);
}
