/* graph_links.h — inside index/: the edges of a proximity graph over the rows of a segment, built
 * in batch: overlapping partitions by random leaders, all pairs inside each, the nearest kept,
 * then pruned so that edges go in all directions (RobustPrune of Vamana: Subramanya et al.,
 * NeurIPS 2019; batch construction as in PiPNN, arXiv 2602.21247), then refined. No insertion
 * order, no layers.
 *
 * Rows of metrics that have a Euclidean space (index/space.h) are compared there, by kernels over
 * pairs; other metrics by distance/.
 *
 * Ownership  links own their array.
 * Threads    uses c->pool; the result does not depend on it. */
#ifndef VARVE_INDEX_GRAPH_LINKS_H
#define VARVE_INDEX_GRAPH_LINKS_H

#include "index/index_type.h"
#include "index/space.h"

#define GRAPH_NONE       UINT32_MAX
#define GRAPH_DEGREE_MAX 64

typedef struct graph_links {
    uint32_t count, degree; /* degree: edges per row at most */
    uint32_t *edges;        /* count × degree; unused ones, at the end, are GRAPH_NONE */
    uint32_t entry;
} graph_links;

typedef struct graph_links_options {
    uint32_t degree;     /* 8..GRAPH_DEGREE_MAX */
    uint32_t candidates; /* looked at per row: the effort */
    float alpha;         /* >= 1 */
} graph_links_options;

/* space NULL: a metric without one (c->spec->mode.metric). Every row is reachable from row
 * graph_links_entry() by the edges. */
VV_CHECKED varve_status graph_links_build(const index_build_context *c, const space *s,
                                          const graph_links_options *options, graph_links *ret,
                                          varve_error *err);
void graph_links_done(graph_links *l);
/* A central row. */
uint32_t graph_links_entry(const graph_links *l);
/* Bytes that a build takes beside the rows. */
uint64_t graph_links_bytes(uint64_t rows, uint32_t width, const graph_links_options *options);

#endif
