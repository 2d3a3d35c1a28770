/* metrics_text.c — the counters as Prometheus text. What older dashboards know by lynsedb_ names is
 * written under both prefixes with the same values; only under varve_ the requests are split by
 * route. Nothing here touches the data folder. */
#include "follow/metrics_follow.h"
#include "metrics.h"
#include "metrics_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const bound_texts[METRICS_BUCKETS] = {
#define X(seconds) #seconds,
    METRICS_BOUNDS_TABLE(X)
#undef X
        "+Inf"};
static const double bounds[] = {
#define X(seconds) seconds,
    METRICS_BOUNDS_TABLE(X)
#undef X
};
static const char *const class_names[METRICS_CLASSES] = {"2xx", "3xx", "4xx", "5xx", "other"};

static uint64_t get(atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* All routes taken together. */
typedef struct totals {
    uint64_t by_class[METRICS_CLASSES], buckets[METRICS_BUCKETS], sum_us, requests, running;
} totals;

static void add_route(totals *t, route_metrics *r)
{
    for (size_t i = 0; i < METRICS_CLASSES; i++)
        t->by_class[i] += get(&r->by_class[i]);
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        uint64_t n = get(&r->buckets[i]);
        t->buckets[i] += n;
        t->requests += n; /* so that the buckets add up to the count */
    }
    t->sum_us += get(&r->sum_us);
    t->running += get(&r->running);
}

static uint64_t resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%*u %" SCNu64, &pages) != 1) pages = 0;
    (void)fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Straight line within the bucket that the quantile falls into, as Prometheus does. */
static double quantile(const totals *t, double share)
{
    double wanted = share * (double)t->requests, below = 0;
    for (size_t i = 0; i < VV_COUNT(bounds); i++) {
        double n = (double)t->buckets[i], from = i ? bounds[i - 1] : 0;
        if (n > 0 && below + n >= wanted) return from + (bounds[i] - from) * (wanted - below) / n;
        below += n;
    }
    return t->requests ? bounds[VV_COUNT(bounds) - 1] : 0;
}

static void histogram(metrics_lines *t, const char *labels, const uint64_t *buckets,
                      uint64_t sum_us)
{
    const char *name = "http_request_duration_seconds";
    const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    uint64_t below = 0;
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        below += buckets[i];
        lines_put(t, "%s%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", t->prefix, name, labels, comma,
                  bound_texts[i], below);
    }
    lines_put(t, "%s%s_sum%s%s%s %.6f\n", t->prefix, name, open, labels, close,
              (double)sum_us * 1e-6);
    lines_put(t, "%s%s_count%s%s%s %" PRIu64 "\n", t->prefix, name, open, labels, close, below);
}

static void http_totals(metrics_lines *t, metrics *m, const totals *all)
{
    static const struct {
        double share;
        const char *name;
    } quantiles[] = {{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}};
    lines_family(t, "http_requests_by_status_total", "counter", "Requests by class of status");
    for (size_t i = 0; i < METRICS_CLASSES; i++)
        lines_labelled(t, "http_requests_by_status_total", "status_class", class_names[i],
                       all->by_class[i]);
    lines_single(t, "http_request_errors_total", "counter", "Requests answered with 4xx or 5xx",
                 all->by_class[2] + all->by_class[3]);
    lines_family(t, "http_request_errors_by_kind_total", "counter", "Failed requests by kind");
    lines_labelled(t, "http_request_errors_by_kind_total", "kind", "client_4xx", all->by_class[2]);
    lines_labelled(t, "http_request_errors_by_kind_total", "kind", "server_5xx", all->by_class[3]);
    lines_labelled(t, "http_request_errors_by_kind_total", "kind", "unauthorized",
                   get(&m->unauthorized));
    lines_labelled(t, "http_request_errors_by_kind_total", "kind", "handler_failure",
                   get(&m->handler_failures));
    lines_family(t, "http_request_duration_seconds_quantile", "gauge",
                 "Estimated from the histogram");
    for (size_t i = 0; i < VV_COUNT(quantiles); i++)
        lines_put(t, "%shttp_request_duration_seconds_quantile{quantile=\"%s\"} %.6f\n", t->prefix,
                  quantiles[i].name, quantile(all, quantiles[i].share));
}

/* What clients waited for it; the jobs themselves have their own figures. */
static void build_requests(metrics_lines *t, metrics *m)
{
    totals of = {0};
    for (size_t i = 0; i < routes_count; i++) {
        if (strcmp(routes_table[i].path, "/build_index") == 0) add_route(&of, &m->routes[i]);
    }
    lines_family(t, "index_build_duration_seconds", "summary", "Duration of /build_index");
    lines_put(t, "%sindex_build_duration_seconds_sum %.6f\n", t->prefix, (double)of.sum_us * 1e-6);
    lines_put(t, "%sindex_build_duration_seconds_count %" PRIu64 "\n", t->prefix, of.requests);
}

static void common(metrics_lines *t, metrics *m, const totals *all, const metrics_engine *e)
{
    const varve_folder_stats *f = &e->folder;
    lines_single(t, "up", "gauge", "1 while the server runs", 1);
    lines_family(t, "server_start_time_seconds", "gauge", "Start, in seconds since 1970");
    lines_put(t, "%sserver_start_time_seconds %.3f\n", t->prefix,
              (double)m->started_wall_ms * 1e-3);
    lines_single(t, "databases_total", "gauge", "Databases", f->databases);
    lines_single(t, "collections_total", "gauge", "Collections", f->collections);
    lines_single(t, "open_databases_total", "gauge", "Databases ready for use", f->databases);
    lines_single(t, "open_collections_total", "gauge", "Collections in memory",
                 f->collections_open);
    lines_single(t, "storage_disk_bytes", "gauge", "Bytes on disk", f->disk_bytes);
    lines_single(t, "storage_wal_bytes", "gauge", "Bytes of the log", f->log_bytes);
    lines_single(t, "process_resident_memory_bytes", "gauge", "Resident memory", resident_bytes());
    http_totals(t, m, all);
    build_requests(t, m);
    metrics_index_builds(t, e);
}

static void by_route(metrics_lines *t, metrics *m)
{
    lines_family(t, "http_requests_total", "counter", "Requests by route and class of status");
    for (size_t i = 0; i <= routes_count; i++) {
        const char *path = i < routes_count ? routes_table[i].path : "none";
        const char *method = i < routes_count ? routes_table[i].method : "any";
        for (size_t c = 0; c < METRICS_CLASSES; c++) {
            uint64_t n = get(&m->routes[i].by_class[c]);
            if (n)
                lines_put(
                    t,
                    "%shttp_requests_total{route=\"%s\",method=\"%s\",status_class=\"%s\"} %" PRIu64
                    "\n",
                    t->prefix, path, method, class_names[c], n);
        }
    }
    lines_family(t, "http_request_duration_seconds", "histogram", "Duration of requests by route");
    for (size_t i = 0; i <= routes_count; i++) {
        char labels[160];
        totals of = {0};
        add_route(&of, &m->routes[i]);
        if (of.requests == 0) continue;
        (void)snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"",
                       i < routes_count ? routes_table[i].path : "none",
                       i < routes_count ? routes_table[i].method : "any");
        histogram(t, labels, of.buckets, of.sum_us);
    }
}

static void folder(metrics_lines *t, const varve_folder_stats *f)
{
    lines_family(t, "rows", "gauge", "Rows of the collections in memory, by state");
    lines_labelled(t, "rows", "state", "live", f->rows_live);
    lines_labelled(t, "rows", "state", "deleted", f->rows_deleted);
    lines_single(t, "segments", "gauge", "Segment files", f->segments);
    lines_single(t, "segment_bytes", "gauge", "Bytes of the segment files", f->segment_bytes);
    lines_single(t, "row_store_bytes", "gauge", "Bytes of the row store", f->row_store_bytes);
    lines_single(t, "disk_free_bytes", "gauge", "Free bytes of the disk", f->disk_free_bytes);
    lines_single(t, "engine_memory_bytes", "gauge", "Rows in memory, buffers and caches",
                 f->memory_bytes);
    lines_single(t, "log_sequence", "gauge", "Last sequence number written", f->sequence);
    lines_single(t, "log_floor", "gauge", "Highest sequence number known to be on disk", f->floor);
    lines_single(t, "write_batches_total", "counter", "Writes", f->batches);
    lines_single(t, "write_groups_total", "counter", "Groups of writes that shared one sync",
                 f->batch_groups);
    lines_single(t, "rows_written_total", "counter", "Rows written", f->rows_written);
    lines_single(t, "seals_total", "counter", "Times that rows in memory became a segment",
                 f->seals);
    lines_single(t, "searches_total", "counter", "Searches", f->searches);
    lines_single(t, "writable", "gauge", "1 while writes are taken", f->writable);
}

static void server(metrics_lines *t, metrics *m, const totals *all)
{
    lines_single(t, "http_requests_running", "gauge", "Requests being handled", all->running);
    lines_single(t, "http_connections", "gauge", "Open connections", get(&m->connections_open));
    lines_single(t, "http_connections_total", "counter", "Connections accepted",
                 get(&m->connections_total));
    lines_single(t, "http_connections_cut_total", "counter", "Connections ended for being too slow",
                 get(&m->connections_cut));
    lines_single(t, "http_received_bytes_total", "counter", "Bytes of request bodies",
                 get(&m->received_bytes));
    lines_single(t, "http_sent_bytes_total", "counter", "Bytes of replies without their heads",
                 get(&m->sent_bytes));
    lines_single(t, "http_body_memory_bytes", "gauge", "Memory of request bodies",
                 get(&m->body_memory_bytes));
}

varve_status metrics_write(metrics *m, const metrics_engine *e, buffer *out, varve_error *err)
{
    metrics_lines t = {.out = out, .prefix = "lynsedb_", .err = err};
    totals all = {0};
    for (size_t i = 0; i <= routes_count; i++)
        add_route(&all, &m->routes[i]);
    common(&t, m, &all, e);
    lines_single(&t, "http_requests_total", "counter", "Requests", all.requests);
    lines_family(&t, "http_request_duration_seconds", "histogram", "Duration of requests");
    histogram(&t, "", all.buckets, all.sum_us);
    t.prefix = "varve_";
    common(&t, m, &all, e);
    by_route(&t, m);
    metrics_searches(&t, m);
    folder(&t, &e->folder);
    metrics_compaction(&t, e);
    metrics_backup(&t, e);
    metrics_follow(&t, e->follower);
    server(&t, m, &all);
    return t.status;
}
