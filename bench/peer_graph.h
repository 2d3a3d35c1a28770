/* peer_graph.h — hnswlib's HNSW graph (HierarchicalNSW, M 16, efConstruction 200, float32), the
 * unit in which approximate search is measured. Only when Debian's libhnswlib-dev was there at
 * build time (BENCH_HNSWLIB).
 *
 * Ownership  peer_graph_free() ends it (NULL-safe). The rows are copied.
 * Threads    searches of one graph: one at a time (the beam is a field of the graph). */
#ifndef BENCH_PEER_GRAPH_H
#define BENCH_PEER_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum peer_space { PEER_SPACE_L2, PEER_SPACE_IP, PEER_SPACE_COSINE } peer_space;

typedef struct peer_graph peer_graph;

/* NULL: no memory. Rows are added by so many threads. */
peer_graph *peer_graph_build(peer_space space, size_t dim, const float *rows, size_t count,
                             size_t threads);
int peer_graph_save(peer_graph *g, const char *path); /* 0: done */
peer_graph *peer_graph_load(peer_space space, size_t dim, const char *path);
/* Row numbers, best first; how many, or -1. */
int peer_graph_search(peer_graph *g, const float *query, size_t k, size_t ef, uint64_t *ret_rows);
void peer_graph_free(peer_graph *g);

#ifdef __cplusplus
}
#endif
#endif
