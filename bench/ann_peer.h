/* ann_peer.h — hnswlib's graph over a set: built or taken from the cache, searched. Building 1M
 * rows takes many minutes, so a graph and what it took can be kept in a folder; figures from there
 * are of an earlier run and say so.
 *
 * Ownership  ann_peer_close() frees.
 * Threads    one.
 * Errors     VARVE_UNSUPPORTED without hnswlib at build time. */
#ifndef BENCH_ANN_PEER_H
#define BENCH_ANN_PEER_H

#include "ann_set.h"

#define ANN_PEER_THREADS_MAX 64

typedef struct ann_peer_build {
    double cpu_s, wall_s; /* 0: not built with so many threads */
    bool cached;
} ann_peer_build;

typedef struct ann_peer {
    void *graph;    /* NULL: not loaded */
    char path[600]; /* of the saved graph */
    uint64_t file_bytes;
    ann_peer_build builds[ANN_PEER_THREADS_MAX + 1]; /* by number of threads */
} ann_peer;

bool ann_peer_is_there(void);
/* Build with 1 thread and with `threads`, or read what an earlier run kept; the graph of one thread
 * lies in a file then. folder: the cache, or a work folder. */
VV_CHECKED varve_status ann_peer_build_all(const ann_set *s, const char *folder, size_t threads,
                                           ann_peer *ret, varve_error *err);
VV_CHECKED varve_status ann_peer_open(const ann_set *s, ann_peer *p, varve_error *err);
void ann_peer_close(ann_peer *p);
/* All queries, one at a time; processor time. ret_ids as of ann_ours_pass. */
VV_CHECKED varve_status ann_peer_pass(const ann_set *s, ann_peer *p, uint32_t ef, uint64_t *ret_ids,
                                      double *ret_cpu_s, varve_error *err);

#endif
