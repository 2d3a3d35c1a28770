/* graph_index.h — inside index/: an open graph, and the scratch of its searches.
 *
 * Ownership  a graph owns all it points to but the file. A scratch is taken for one search and
 *            given back, so that searches allocate only until there are enough of them.
 * Threads    read-only after open, but for what load publishes and the list of scratches.
 * Errors     VARVE_CORRUPT, VARVE_NO_MEMORY. */
#ifndef VARVE_INDEX_GRAPH_INDEX_H
#define VARVE_INDEX_GRAPH_INDEX_H

#include "base/topk.h"
#include "index/graph_frame.h"
#include "index/graph_kernels.h"
#include "index/index_bytes.h"
#include "quant/quant.h"

#include <pthread.h>

typedef struct graph_scratch graph_scratch;

typedef struct graph {
    index_file *file;
    uint32_t rows;
    varve_metric metric;
    graph_shape shape;
    graph_model model;
    graph_frame frame;   /* PLAIN: zero */
    index_bytes blocks;  /* PACKED, CODED */
    index_bytes edges;   /* COMPACT, PLAIN */
    index_bytes vectors; /* COMPACT */
    index_bytes codes;   /* CODED */
    uint8_t *entries;    /* model.entry_groups of shape.entry_bytes, aligned */
    quantiser *quantiser;
    const graph_kernels *kernels;
    pthread_mutex_t lock; /* guards idle; never held over I/O */
    graph_scratch *idle;
} graph;

/* What one search needs beside the graph. All arrays are aligned to 64 bytes. */
struct graph_scratch {
    graph_scratch *next;
    uint64_t *visited; /* a bit per row */
    uint32_t *touched; /* rows whose bits are set, while they fit */
    size_t touched_count, touched_max;
    graph_frontier frontier;
    graph_point point;
    float *values;   /* filled: the query in the frame */
    float *raw;      /* filled: the query in coordinates of rows */
    float *rotated;  /* padded */
    uint8_t *bytes;  /* filled */
    uint8_t *tables; /* padded × 4 */
    topk_entry *best;
    size_t best_max;
};

VV_CHECKED varve_status graph_scratch_take(graph *x, graph_scratch **ret, varve_error *err);
void graph_scratch_give(graph *x, graph_scratch *s);
void graph_scratch_free_all(graph *x);
/* Room for `count` rows and a group more; what it holds stays. */
VV_CHECKED varve_status graph_frontier_reserve(graph_frontier *f, size_t count, varve_error *err);
VV_CHECKED varve_status graph_scratch_keep(graph_scratch *s, size_t keep, varve_error *err);
uint64_t graph_scratch_bytes(const graph *x);

static inline bool graph_visited(const graph_scratch *s, uint32_t row)
{
    return s->visited[row / 64] >> (row % 64) & 1;
}

static inline void graph_visit(graph_scratch *s, uint32_t row)
{
    s->visited[row / 64] |= UINT64_C(1) << (row % 64);
    if (s->touched_count < s->touched_max) s->touched[s->touched_count] = row;
    s->touched_count++;
}
/* No row is visited. */
void graph_visit_none(const graph *x, graph_scratch *s);

/* index_type. */
VV_CHECKED varve_status graph_build(const index_build_context *c, varve_error *err);
uint64_t graph_build_bytes(const index_spec *spec, uint64_t rows);
VV_CHECKED varve_status graph_open(const index_spec *spec, index_file *f, void **ret_state,
                                   varve_error *err);
void graph_close(void *state);
size_t graph_hits_max(const void *state, const index_query *q, uint32_t breadth);
VV_CHECKED varve_status graph_search(void *state, const index_rows *rows, const index_query *q,
                                     uint32_t breadth, index_hit *ret, size_t *ret_count,
                                     index_work *work, varve_error *err);
uint64_t graph_load_bytes(const void *state);
VV_CHECKED varve_status graph_load(void *state, varve_error *err);
uint64_t graph_memory_bytes(const void *state);
VV_CHECKED varve_status graph_check(void *state, const index_rows *rows, varve_error *err);

#endif
