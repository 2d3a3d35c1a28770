/* graph_refine.h — inside index/: walks over a graph of points towards one of them (beam search),
 * and edges chosen anew from what the walks met.
 *
 * Threads  a walker belongs to one thread; graph_refine uses those of the work. */
#ifndef VARVE_INDEX_GRAPH_REFINE_H
#define VARVE_INDEX_GRAPH_REFINE_H

#include "index/graph_links_edges.h"

typedef struct graph_walker {
    const graph_points *points;
    const graph_edges *edges;
    size_t breadth;
    /* After a walk: the nearest points met, ascending, at most `breadth`. */
    uint64_t *beam;
    bool *walked; /* of the beam: its edges have been followed */
    size_t count;
    uint32_t *seen; /* a table of points met */
    size_t seen_mask, seen_count;
    uint32_t *ids, *keys;
} graph_walker;

VV_CHECKED varve_status graph_walker_init(graph_walker *k, const graph_points *p,
                                          const graph_edges *e, size_t breadth, varve_error *err);
void graph_walker_done(graph_walker *k);
/* From the starts towards `point`, which is itself not met. */
VV_CHECKED varve_status graph_walk(graph_walker *k, uint32_t point, const uint32_t *starts,
                                   size_t n, varve_error *err);

/* A walk of this breadth for each point over `from`, from its edges; what it met and those edges
 * are the candidates. */
VV_CHECKED varve_status graph_refine(const graph_edges_rule *rule, const graph_edges *from,
                                     size_t breadth, graph_work *w, uint64_t units,
                                     graph_edges *ret, varve_error *err);

#endif
