/* graph_links_edges.h — inside index/: edges between points, made for all of them at once: from
 * lists of candidates, from edges and their reverse, from walks over an earlier graph.
 *
 * Ownership  edges own their array.
 * Threads    uses those of the work; the edges do not depend on them. */
#ifndef VARVE_INDEX_GRAPH_LINKS_EDGES_H
#define VARVE_INDEX_GRAPH_LINKS_EDGES_H

#include "index/graph_links_lists.h"

typedef struct graph_edges {
    uint32_t count, degree;
    uint32_t *to; /* count × degree; behind the last of a point GRAPH_NONE */
} graph_edges;

typedef struct graph_edges_rule {
    const graph_points *points;
    uint32_t degree;
    float alpha;
} graph_edges_rule;

VV_CHECKED varve_status graph_edges_init(graph_edges *e, uint32_t count, uint32_t degree,
                                         varve_error *err);
void graph_edges_done(graph_edges *e);
static inline uint32_t *graph_edges_of(const graph_edges *e, uint32_t point)
{
    return e->to + (size_t)point * e->degree;
}
/* How many a point has. */
uint32_t graph_edges_count(const graph_edges *e, uint32_t point);
/* Edges that a point may have: one less when its row has copies, for the way to them. */
uint32_t graph_edges_limit(const graph_edges *e, const graph_points *p, uint32_t point);

/* Into ret, which is there already. */
VV_CHECKED varve_status graph_edges_from_lists(const graph_edges_rule *rule, const graph_lists *l,
                                               graph_work *w, uint64_t units, graph_edges *ret,
                                               varve_error *err);
/* Each point chooses among its edges and those that come to it. */
VV_CHECKED varve_status graph_edges_both_ways(const graph_edges_rule *rule, const graph_edges *from,
                                              graph_work *w, uint64_t units, graph_edges *ret,
                                              varve_error *err);

#endif
