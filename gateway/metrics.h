/* metrics.h — what the gateway counts, and its text form for Prometheus.
 * Threads  counters are atomic and may be read at any time; a reader may see one counter of a
 *          request before the other. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "routes.h"

#include <stdatomic.h>

/* Upper bounds of the duration histogram, in seconds; one more bucket takes the rest. */
#define METRICS_BOUNDS_TABLE(X)                                                                    \
    X(0.005) X(0.01) X(0.025) X(0.05) X(0.1) X(0.25) X(0.5) X(1) X(2.5) X(5) X(10)
#define METRICS_BUCKETS 12
#define METRICS_CLASSES 5 /* 2xx, 3xx, 4xx, 5xx, other */

typedef struct route_metrics {
    atomic_uint_fast64_t by_class[METRICS_CLASSES];
    atomic_uint_fast64_t buckets[METRICS_BUCKETS];
    atomic_uint_fast64_t sum_us;
    atomic_uint_fast64_t running; /* begun, not ended */
} route_metrics;

/* Searches are quicker than requests: bounds of their own. */
#define METRICS_SEARCH_BOUNDS_TABLE(X)                                                             \
    X(0.0001)                                                                                      \
    X(0.00025) X(0.0005) X(0.001) X(0.0025) X(0.005) X(0.01) X(0.025) X(0.05) X(0.1) X(0.25)       \
        X(0.5) X(1) X(2.5) X(5) X(10)
#define METRICS_SEARCH_BUCKETS 17

typedef struct search_metrics {
    atomic_uint_fast64_t buckets[METRICS_SEARCH_BUCKETS];
    atomic_uint_fast64_t sum_us;
} search_metrics;

typedef struct metrics {
    route_metrics *routes; /* routes_count + 1: the last for requests without a route */
    search_metrics searches[SEARCH_KINDS][2]; /* without, with a filter */
    atomic_uint_fast64_t rerank_failures;
    atomic_uint_fast64_t unauthorized, handler_failures;
    atomic_uint_fast64_t connections_open, connections_total, connections_cut;
    atomic_uint_fast64_t received_bytes, sent_bytes; /* of bodies */
    atomic_uint_fast64_t body_memory_bytes;
    uint64_t started_wall_ms;
} metrics;

typedef enum http_outcome { OUTCOME_NORMAL, OUTCOME_UNAUTHORIZED, OUTCOME_FAILURE } http_outcome;

VV_CHECKED varve_status metrics_init(metrics *m, varve_error *err);
void metrics_done(metrics *m);
void metrics_count(metrics *m, const route *r, int status, uint64_t elapsed_ns,
                   http_outcome outcome);
void metrics_count_search(metrics *m, search_kind kind, bool filtered, uint64_t elapsed_ns);

/* Figures of the engine, as they are now. */
typedef struct metrics_engine {
    varve_folder_stats folder;
    varve_compaction_stats compaction;
    const varve_job *jobs; /* running and the last finished ones, newest first */
    size_t jobs_count;
    const struct backup_service_view *backup; /* NULL: no repository is configured */
    struct follower *follower; /* NULL: none */
} metrics_engine;

/* Everything. */
VV_CHECKED varve_status metrics_write(metrics *m, const metrics_engine *e, buffer *out,
                                      varve_error *err);

/* metrics_compaction.c, metrics_searches.c: parts of the above. */
struct metrics_lines;
void metrics_searches(struct metrics_lines *t, metrics *m);
void metrics_compaction(struct metrics_lines *t, const metrics_engine *e);
void metrics_index_builds(struct metrics_lines *t, const metrics_engine *e);
void metrics_backup(struct metrics_lines *t, const metrics_engine *e); /* metrics_backup.c */

#endif
