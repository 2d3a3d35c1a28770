/* graph_prune.h — inside index/: which of a point's candidates become its edges: RobustPrune of
 * Vamana (Subramanya et al., NeurIPS 2019). The nearest is taken; a candidate to which it is
 * `alpha` times nearer than the point is dropped, for a search gets there over it; and so on.
 * First with alpha 1, then, while there is room, up to the alpha asked for; what room is left
 * goes to the nearest that were dropped.
 *
 * Threads  a pruner belongs to one thread. */
#ifndef VARVE_INDEX_GRAPH_PRUNE_H
#define VARVE_INDEX_GRAPH_PRUNE_H

#include "index/graph_links_lists.h"

typedef struct graph_pruner {
    const graph_points *points;
    size_t room; /* candidates at most */
    float limit; /* alpha, as a factor of keys */
    graph_tile tile;
    uint32_t *ids, *keys;
    float *distances, *factors;
    bool *taken;
} graph_pruner;

VV_CHECKED varve_status graph_pruner_init(graph_pruner *u, const graph_points *p, float alpha,
                                          size_t room, varve_error *err);
void graph_pruner_done(graph_pruner *u);
/* candidates: ascending, n <= room, without the point itself. At most `degree` edges, GRAPH_NONE
 * behind them. */
VV_CHECKED varve_status graph_prune(graph_pruner *u, const uint64_t *candidates, size_t n,
                                    uint32_t degree, uint32_t *ret_edges, varve_error *err);

#endif
