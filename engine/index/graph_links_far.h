/* graph_links_far.h — inside index/: edges that lead far. The nearest points of a point say
 * little of the way to it from elsewhere, and nothing when rows lie in clusters. So a sample of
 * the points gets a graph of its own, a sample of that one another, and so on; their edges take
 * the place of the last edges of these points. What HNSW has in layers is flattened here.
 *
 * Threads  uses those of the work. */
#ifndef VARVE_INDEX_GRAPH_LINKS_FAR_H
#define VARVE_INDEX_GRAPH_LINKS_FAR_H

#include "index/graph_links_edges.h"
#include "index/graph_partition.h"

/* The near points of every point by all pairs of the leaves, and edges both ways out of them;
 * `list` of them are kept, `near` out of one leaf at most. */
typedef struct graph_near {
    graph_partition_options partition;
    uint32_t list, near;
} graph_near;
VV_CHECKED varve_status graph_near_edges(const graph_edges_rule *rule, const graph_near *near,
                                         graph_work *w, uint64_t units, graph_edges *ret,
                                         varve_error *err);

/* The entry is in every sample. */
VV_CHECKED varve_status graph_far_edges(const graph_edges_rule *rule, const graph_near *near,
                                        uint32_t entry, graph_work *w, uint64_t units,
                                        graph_edges *e, varve_error *err);

#endif
