/* metrics.c — counting. */
#include "metrics.h"

#include "base/clock.h"

#include <stdlib.h>

static const double bounds[] = {
#define X(seconds) seconds,
    METRICS_BOUNDS_TABLE(X)
#undef X
};
_Static_assert(VV_COUNT(bounds) + 1 == METRICS_BUCKETS, "one bucket for the rest");
static const double search_bounds[] = {
#define X(seconds) seconds,
    METRICS_SEARCH_BOUNDS_TABLE(X)
#undef X
};
_Static_assert(VV_COUNT(search_bounds) + 1 == METRICS_SEARCH_BUCKETS, "one bucket for the rest");

varve_status metrics_init(metrics *m, varve_error *err)
{
    route_metrics *routes = calloc(routes_count + 1, sizeof *routes);
    if (!routes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the metrics");
    m->routes = routes;
    m->started_wall_ms = clock_wall_ms();
    return VARVE_OK;
}

void metrics_done(metrics *m)
{
    free(m->routes);
    m->routes = NULL;
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static size_t bucket_of(const double *bound, size_t count, uint64_t elapsed_ns)
{
    double seconds = (double)elapsed_ns * 1e-9;
    size_t i = 0;
    while (i < count && seconds > bound[i])
        i++;
    return i;
}

void metrics_count(metrics *m, const route *r, int status, uint64_t elapsed_ns,
                   http_outcome outcome)
{
    route_metrics *at = &m->routes[route_index(r)];
    size_t class = status >= 200 && status < 600 ? (size_t)status / 100 - 2 : METRICS_CLASSES - 1;
    add(&at->by_class[class], 1);
    add(&at->buckets[bucket_of(bounds, VV_COUNT(bounds), elapsed_ns)], 1);
    add(&at->sum_us, elapsed_ns / 1000);
    if (outcome == OUTCOME_UNAUTHORIZED) add(&m->unauthorized, 1);
    if (outcome == OUTCOME_FAILURE) add(&m->handler_failures, 1);
}

void metrics_count_search(metrics *m, search_kind kind, bool filtered, uint64_t elapsed_ns)
{
    search_metrics *at = &m->searches[kind][filtered];
    add(&at->buckets[bucket_of(search_bounds, VV_COUNT(search_bounds), elapsed_ns)], 1);
    add(&at->sum_us, elapsed_ns / 1000);
}
