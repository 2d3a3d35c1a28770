/* ann_ours.h — a set in a folder of ours: written by a session, indexed by the compactor process,
 * searched through varve.h.
 *
 * Threads    one. A build runs in a child, so that this process has no threads of the row store
 *            when it forks again.
 * Errors     those of varve.h; VARVE_INTERNAL when an index that should be there is not. */
#ifndef BENCH_ANN_OURS_H
#define BENCH_ANN_OURS_H

#include "ann_set.h"

typedef struct ann_build { /* what it took, and what is there now */
    double load_s;         /* clock: the session */
    double cpu_s, wall_s;  /* of the build: processor time of the compactor; clock */
    uint64_t memory_bytes; /* greatest resident size of the compactor */
    uint64_t segments, segment_bytes, index_bytes;
} ann_build;

#define ANN_COLLECTION "rows" /* in the database "default"; ids are row numbers */

/* One segment holds all rows where the engine allows it, as hnswlib has one graph. */
VV_CHECKED varve_status ann_ours_build(const ann_set *s, const char *mode, size_t threads,
                                       const char *path, ann_build *ret, varve_error *err);

typedef struct ann_ours {
    varve *db;
    varve_collection *c;
} ann_ours;

/* To search with one thread. index_memory_max 0: the default of varve.h. */
VV_CHECKED varve_status ann_ours_open(const char *path, uint64_t index_memory_max, ann_ours *ret,
                                      varve_error *err);
void ann_ours_close(ann_ours *o);

typedef struct ann_pass { /* all queries, one at a time */
    double cpu_s, wall_s;
    varve_search_work work;
} ann_pass;

/* How a search is asked. breadth 0: by recall_target. */
typedef struct ann_effort {
    uint32_t breadth;
    double recall_target;
} ann_effort;

/* One query; ret_ids: ANN_K, missing ones are UINT64_MAX. What it did is added to *sum. */
VV_CHECKED varve_status ann_ours_query(const ann_set *s, varve_collection *c, size_t query,
                                       ann_effort effort, uint64_t *ret_ids, varve_search_work *sum,
                                       varve_error *err);
/* ret_ids: query_count × ANN_K. */
VV_CHECKED varve_status ann_ours_pass(const ann_set *s, varve_collection *c, ann_effort effort,
                                      uint64_t *ret_ids, ann_pass *ret, varve_error *err);

/* Mean recall of a pass. */
double ann_pass_recall(const ann_set *s, const uint64_t *ids);

#endif
