/* metrics_searches.c — searches by kind as Prometheus text: how many, and how long they took. */
#include "metrics.h"
#include "metrics_lines.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const bound_texts[METRICS_SEARCH_BUCKETS] = {
#define X(seconds) #seconds,
    METRICS_SEARCH_BOUNDS_TABLE(X)
#undef X
        "+Inf"};
static const char *const kind_names[SEARCH_KINDS] = {
#define X(name, text) text,
    SEARCH_KIND_TABLE(X)
#undef X
};

static uint64_t get(atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* What never happened has no series. */
static void one(metrics_lines *t, search_metrics *of, const char *labels)
{
    const char *name = "search_duration_seconds";
    uint64_t counts[METRICS_SEARCH_BUCKETS], below = 0, all = 0;
    for (size_t i = 0; i < METRICS_SEARCH_BUCKETS; i++)
        all += counts[i] = get(&of->buckets[i]);
    if (all == 0) return;
    for (size_t i = 0; i < METRICS_SEARCH_BUCKETS; i++) {
        below += counts[i];
        lines_put(t, "%s%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", t->prefix, name, labels,
                  bound_texts[i], below);
    }
    lines_put(t, "%s%s_sum{%s} %.6f\n", t->prefix, name, labels, (double)get(&of->sum_us) * 1e-6);
    lines_put(t, "%s%s_count{%s} %" PRIu64 "\n", t->prefix, name, labels, below);
}

void metrics_searches(metrics_lines *t, metrics *m)
{
    lines_family(t, "search_duration_seconds", "histogram",
                 "Searches that succeeded, by kind, with a filter or without");
    for (size_t kind = 0; kind < SEARCH_KINDS; kind++)
        for (size_t filtered = 0; filtered < 2; filtered++) {
            char labels[64];
            (void)snprintf(labels, sizeof labels, "kind=\"%s\",filtered=\"%s\"", kind_names[kind],
                           filtered ? "true" : "false");
            one(t, &m->searches[kind][filtered], labels);
        }
    lines_single(t, "rerank_failures_total", "counter",
                 "Calls of rerankers that failed, also where the search went on",
                 get(&m->rerank_failures));
}
