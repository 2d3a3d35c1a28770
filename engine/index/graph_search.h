/* graph_search.h — inside index/: the parts of one search over a graph.
 *
 *   graph_point_prepare ──> graph_walk_run ──> hits
 *                                          └──> graph_scan_all ──> hits
 *           too few rows reached, or a scan of the live rows takes less
 *
 * Ownership  a walk borrows all it points to, but for the prepared queries, which it owns.
 * Threads    a walk belongs to one thread. */
#ifndef VARVE_INDEX_GRAPH_SEARCH_H
#define VARVE_INDEX_GRAPH_SEARCH_H

#include "distance/distance.h"
#include "index/graph_index.h"

#define GRAPH_FLIGHT_MAX   8 /* rows asked for and not yet looked at */
#define GRAPH_ENTRIES_USED 8 /* best of the sample */

typedef struct graph_walk {
    graph *x;
    graph_scratch *s;
    const index_rows *rows;
    const index_query *q;
    index_work *work;
    graph_frame_query placed;
    distance_query *plain; /* PLAIN */
    quant_query *coded;    /* CODED */
    topk best;             /* live rows by distance */
    size_t breadth, room;
    float limit;  /* rows whose estimates are not below it cannot matter */
    bool limited; /* rows were left out for that */
    uint32_t flight[GRAPH_FLIGHT_MAX];
    size_t flying, depth;
    /* Rows are hidden: */
    bool filtered;
    bool two_edges;   /* rows met at a hidden row join only if they are live */
    bool from_live;   /* the row that the walk is at is live */
    bool gave_up;     /* a scan takes less, or not enough can be reached */
    uint64_t live;    /* rows */
    size_t nodes_max; /* to go to, at most */
} graph_walk;

void graph_walk_done(graph_walk *w); /* fine on a zeroed one */

/* The query in s->point, and w->placed. */
VV_CHECKED varve_status graph_point_prepare(graph_walk *w, varve_error *err);

/* Walk with this breadth; w->best has what was found. */
VV_CHECKED varve_status graph_walk_run(graph_walk *w, size_t breadth, varve_error *err);
/* 32 rows (u32, GRAPH_NONE behind the last) that do not come from an edge join the frontier. */
VV_CHECKED varve_status graph_walk_meet(graph_walk *w, const uint8_t *rows, varve_error *err);
/* graph_search_filter.c: what w->q hides, into w. */
void graph_filter_init(graph_walk *w);
/* The frontier holds the sample: choose entries, and the breadth if it was not asked for; perhaps
 * give up. */
VV_CHECKED varve_status graph_filter_begin(graph_walk *w, size_t *breadth, varve_error *err);
/* Distances of all live rows into w->best. */
VV_CHECKED varve_status graph_scan_all(graph_walk *w, varve_error *err);

/* Squared distance in the frame, or by the metric, of rows[i] for each bit i of the mask: all but
 * PACKED. Rows are within range. */
VV_CHECKED varve_status graph_score(graph_walk *w, const uint32_t *rows, uint32_t mask,
                                    float *ret_keys, varve_error *err);
/* A block, or the edges of a row where there are no blocks: ask for it, and get it. */
void graph_ask(const graph *x, uint32_t row);
VV_CHECKED varve_status graph_get(const graph *x, uint32_t row, const uint8_t **ret,
                                  varve_error *err);

static inline bool graph_is_live(const graph_walk *w, uint32_t row)
{
    return row != w->q->skip && !(w->q->hidden && tombstones_has(w->q->hidden, row));
}

#endif
