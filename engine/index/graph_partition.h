/* graph_partition.h — inside index/: overlapping sets of near points. Some points of a set are
 * drawn as leaders, each point joins the sets of its nearest few, and sets that are still large
 * are split in the same way, until they are leaves: small enough to compare all pairs.
 *
 * Threads  uses those of the work; leaves come in any order, several at once. What they are depends
 *          on points and seed only. */
#ifndef VARVE_INDEX_GRAPH_PARTITION_H
#define VARVE_INDEX_GRAPH_PARTITION_H

#include "index/graph_links_lists.h"

#define GRAPH_FAN_MAX 16

typedef struct graph_partition_options {
    uint32_t leaf;     /* points of a leaf at most */
    uint32_t leaders;  /* of one split at most */
    uint32_t fan;      /* sets that a point joins at the first split */
    uint32_t fan_next; /* and at those below */
    uint64_t seed;
} graph_partition_options;

/* A leaf: points ascending, each once. */
typedef varve_status graph_leaf(void *context, const uint32_t *points, size_t n, varve_error *err);

/* All leaves of the points given. units: what they count for in the work's total. */
VV_CHECKED varve_status graph_partition(const graph_points *p, const uint32_t *points, uint32_t n,
                                        const graph_partition_options *options, graph_work *w,
                                        uint64_t units, graph_leaf *leaf, void *context,
                                        varve_error *err);

#endif
