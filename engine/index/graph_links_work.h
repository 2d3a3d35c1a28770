/* graph_links_work.h — inside index/: a graph build as many small parts, run by all threads in
 * waves; between waves progress is told and the wish to stop is heard.
 *
 * Threads  graph_work_run is called by the thread that builds; parts by any. */
#ifndef VARVE_INDEX_GRAPH_LINKS_WORK_H
#define VARVE_INDEX_GRAPH_LINKS_WORK_H

#include "index/index_type.h"

typedef struct graph_work {
    const index_build_context *c;
    uint64_t done, total;
} graph_work;

/* A part allocates what it needs itself; a few milliseconds at most. */
typedef varve_status graph_part(void *context, size_t part, varve_error *err);

/* Run parts 0..n-1, which together are `units` of the total. The failure of the lowest part comes
 * back. */
VV_CHECKED varve_status graph_work_run(graph_work *w, size_t n, uint64_t units, graph_part *part,
                                       void *context, varve_error *err);
/* Count units done and report. */
VV_CHECKED varve_status graph_work_step(graph_work *w, uint64_t units, varve_error *err);

#endif
