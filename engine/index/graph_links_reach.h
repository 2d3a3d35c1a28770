/* graph_links_reach.h — inside index/: every point is made reachable from one of them.
 * Threads  one. */
#ifndef VARVE_INDEX_GRAPH_LINKS_REACH_H
#define VARVE_INDEX_GRAPH_LINKS_REACH_H

#include "index/graph_links_edges.h"

/* A central point: of a few, that which is nearest to many others. */
VV_CHECKED varve_status graph_center(const graph_points *p, uint32_t *ret, varve_error *err);
/* Points that cannot be reached from the entry get an edge to them, at a point near by: in a free
 * place, or in that of an edge that nothing depends on. */
VV_CHECKED varve_status graph_reach(const graph_points *p, uint32_t entry, graph_work *w,
                                    graph_edges *e, varve_error *err);

#endif
