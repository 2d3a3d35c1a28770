/* graph_links_near.c — all pairs of each leaf, the lists they fill, and the edges of those; see
 * graph_links_far.h. */
#include "index/graph_links_far.h"

#include "base/bytes.h"

#include <stdlib.h>

typedef struct leaf_job {
    const graph_points *p;
    graph_lists *lists;
    uint32_t near;
} leaf_job;

typedef struct leaf_scratch {
    graph_tile tile;
    uint32_t *keys, *positions;
    uint64_t *found;
} leaf_scratch;

static void leaf_scratch_done(leaf_scratch *s)
{
    graph_tile_done(&s->tile);
    free(s->keys);
    free(s->positions);
    free(s->found);
}

static varve_status leaf_scratch_init(leaf_scratch *s, const graph_points *p, size_t n,
                                      varve_error *err)
{
    VV_TRY(graph_tile_init(&s->tile, p, n, err));
    size_t padded = size_align(n, GRAPH_PAIRS_GROUP);
    s->keys = aligned_alloc(64, GRAPH_PAIRS_ROWS * padded * sizeof *s->keys);
    s->positions = malloc((padded + GRAPH_PAIRS_GROUP) * sizeof *s->positions);
    s->found = malloc(padded * sizeof *s->found);
    if (s->keys && s->positions && s->found) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a leaf of %zu points", n);
}

/* The nearest of a leaf join the list of one of its points. */
static void add_near(const leaf_job *j, leaf_scratch *s, const uint32_t *points, size_t at,
                     uint32_t *keys)
{
    uint32_t bound = graph_lists_bound(j->lists, points[at]);
    keys[at] = UINT32_MAX;
    size_t n =
        graph_nearest(j->p->pairs, keys, s->tile.padded, j->near, bound, s->positions, s->found);
    for (size_t i = 0; i < n; i++) {
        uint64_t x = s->found[i];
        s->found[i] = graph_entry(graph_entry_key(x), points[graph_entry_point(x)]);
    }
    graph_lists_merge(j->lists, points[at], s->found, n);
}

static varve_status add_leaf(void *context, const uint32_t *points, size_t n, varve_error *err)
{
    leaf_job *j = context;
    VV_CLEANUP(leaf_scratch_done) leaf_scratch s = {0};
    VV_TRY(leaf_scratch_init(&s, j->p, n, err));
    graph_tile_fill(&s.tile, points, n);
    for (size_t i = 0, m; i < n; i += m) {
        m = VV_MIN(n - i, (size_t)GRAPH_PAIRS_ROWS);
        for (size_t k = 0; k < m; k++)
            graph_lists_ask(j->lists, points[i + k]);
        VV_TRY(graph_tile_compare(&s.tile, points + i, m, s.keys, err));
        for (size_t k = 0; k < m; k++)
            add_near(j, &s, points, i + k, s.keys + k * s.tile.padded);
    }
    return VARVE_OK;
}

static varve_status fill_lists(const graph_points *p, const graph_near *r, graph_work *w,
                               uint64_t units, graph_lists *l, varve_error *err)
{
    leaf_job j = {p, l, r->near};
    VV_CLEANUP(vv_freep) uint32_t *all = malloc(p->count * sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u points", p->count);
    for (uint32_t i = 0; i < p->count; i++)
        all[i] = i;
    return graph_partition(p, all, p->count, &r->partition, w, units, add_leaf, &j, err);
}

varve_status graph_near_edges(const graph_edges_rule *rule, const graph_near *near, graph_work *w,
                              uint64_t units, graph_edges *ret, varve_error *err)
{
    const graph_points *p = rule->points;
    VV_CLEANUP(graph_lists_done) graph_lists l = {0};
    VV_CLEANUP(graph_edges_done) graph_edges one_way = {0};
    VV_TRY(graph_lists_init(&l, p->count, near->list, err));
    VV_TRY(fill_lists(p, near, w, units / 2, &l, err));
    VV_TRY(graph_edges_init(&one_way, p->count, rule->degree, err));
    VV_TRY(graph_edges_from_lists(rule, &l, w, units / 4, &one_way, err));
    graph_lists_done(&l);
    return graph_edges_both_ways(rule, &one_way, w, units - units / 2 - units / 4, ret, err);
}
