/* metrics_text.c — the counters as Prometheus text. What older dashboards know by lynsedb_ names is
 * written under both prefixes with the same values; only under varve_ the requests are split by
 * route. Nothing here touches the data folder. */
#include "metrics.h"

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

/* The first error sticks, and ends the text. */
typedef struct text {
    buffer *out;
    const char *prefix;
    varve_status status;
    varve_error *err;
} text;

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (t->status != VARVE_OK) return;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    t->status = buffer_add_text(t->out, line, t->err);
}

static void family(text *t, const char *name, const char *type, const char *help)
{
    put(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", t->prefix, name, help, t->prefix, name, type);
}

static void single(text *t, const char *name, const char *type, const char *help, uint64_t value)
{
    family(t, name, type, help);
    put(t, "%s%s %" PRIu64 "\n", t->prefix, name, value);
}

static void labelled(text *t, const char *name, const char *label, const char *label_value,
                     uint64_t value)
{
    put(t, "%s%s{%s=\"%s\"} %" PRIu64 "\n", t->prefix, name, label, label_value, value);
}

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

static void histogram(text *t, const char *labels, const uint64_t *buckets, uint64_t sum_us)
{
    const char *name = "http_request_duration_seconds";
    const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    uint64_t below = 0;
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        below += buckets[i];
        put(t, "%s%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", t->prefix, name, labels, comma,
            bound_texts[i], below);
    }
    put(t, "%s%s_sum%s%s%s %.6f\n", t->prefix, name, open, labels, close, (double)sum_us * 1e-6);
    put(t, "%s%s_count%s%s%s %" PRIu64 "\n", t->prefix, name, open, labels, close, below);
}

static void http_totals(text *t, metrics *m, const totals *all)
{
    static const struct {
        double share;
        const char *name;
    } quantiles[] = {{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}};
    family(t, "http_requests_by_status_total", "counter", "Requests by class of status");
    for (size_t i = 0; i < METRICS_CLASSES; i++)
        labelled(t, "http_requests_by_status_total", "status_class", class_names[i],
                 all->by_class[i]);
    single(t, "http_request_errors_total", "counter", "Requests answered with 4xx or 5xx",
           all->by_class[2] + all->by_class[3]);
    family(t, "http_request_errors_by_kind_total", "counter", "Failed requests by kind");
    labelled(t, "http_request_errors_by_kind_total", "kind", "client_4xx", all->by_class[2]);
    labelled(t, "http_request_errors_by_kind_total", "kind", "server_5xx", all->by_class[3]);
    labelled(t, "http_request_errors_by_kind_total", "kind", "unauthorized", get(&m->unauthorized));
    labelled(t, "http_request_errors_by_kind_total", "kind", "handler_failure",
             get(&m->handler_failures));
    family(t, "http_request_duration_seconds_quantile", "gauge", "Estimated from the histogram");
    for (size_t i = 0; i < VV_COUNT(quantiles); i++)
        put(t, "%shttp_request_duration_seconds_quantile{quantile=\"%s\"} %.6f\n", t->prefix,
            quantiles[i].name, quantile(all, quantiles[i].share));
}

/* The route that chooses an index mode stands for the builds. */
static void index_builds(text *t, metrics *m)
{
    totals of = {0};
    for (size_t i = 0; i < routes_count; i++) {
        if (strcmp(routes_table[i].path, "/build_index") == 0) add_route(&of, &m->routes[i]);
    }
    family(t, "index_builds_total", "counter", "Index builds by outcome");
    labelled(t, "index_builds_total", "status", "started", of.requests + of.running);
    labelled(t, "index_builds_total", "status", "completed", of.by_class[0]);
    labelled(t, "index_builds_total", "status", "failed", of.requests - of.by_class[0]);
    single(t, "index_builds_in_progress", "gauge", "Index builds that run now", of.running);
    family(t, "index_build_duration_seconds", "summary", "Duration of index builds");
    put(t, "%sindex_build_duration_seconds_sum %.6f\n", t->prefix, (double)of.sum_us * 1e-6);
    put(t, "%sindex_build_duration_seconds_count %" PRIu64 "\n", t->prefix, of.requests);
}

static void common(text *t, metrics *m, const totals *all, const varve_folder_stats *f)
{
    single(t, "up", "gauge", "1 while the server runs", 1);
    family(t, "server_start_time_seconds", "gauge", "Start, in seconds since 1970");
    put(t, "%sserver_start_time_seconds %.3f\n", t->prefix, (double)m->started_wall_ms * 1e-3);
    single(t, "databases_total", "gauge", "Databases", f->databases);
    single(t, "collections_total", "gauge", "Collections", f->collections);
    single(t, "open_databases_total", "gauge", "Databases ready for use", f->databases);
    single(t, "open_collections_total", "gauge", "Collections in memory", f->collections_open);
    single(t, "storage_disk_bytes", "gauge", "Bytes on disk", f->disk_bytes);
    single(t, "storage_wal_bytes", "gauge", "Bytes of the log", f->log_bytes);
    single(t, "process_resident_memory_bytes", "gauge", "Resident memory", resident_bytes());
    http_totals(t, m, all);
    index_builds(t, m);
}

static void by_route(text *t, metrics *m)
{
    family(t, "http_requests_total", "counter", "Requests by route and class of status");
    for (size_t i = 0; i <= routes_count; i++) {
        const char *path = i < routes_count ? routes_table[i].path : "none";
        const char *method = i < routes_count ? routes_table[i].method : "any";
        for (size_t c = 0; c < METRICS_CLASSES; c++) {
            uint64_t n = get(&m->routes[i].by_class[c]);
            if (n)
                put(t,
                    "%shttp_requests_total{route=\"%s\",method=\"%s\",status_class=\"%s\"} %" PRIu64
                    "\n",
                    t->prefix, path, method, class_names[c], n);
        }
    }
    family(t, "http_request_duration_seconds", "histogram", "Duration of requests by route");
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

static void folder(text *t, const varve_folder_stats *f)
{
    family(t, "rows", "gauge", "Rows of the collections in memory, by state");
    labelled(t, "rows", "state", "live", f->rows_live);
    labelled(t, "rows", "state", "deleted", f->rows_deleted);
    single(t, "segments", "gauge", "Segment files", f->segments);
    single(t, "segment_bytes", "gauge", "Bytes of the segment files", f->segment_bytes);
    single(t, "row_store_bytes", "gauge", "Bytes of the row store", f->row_store_bytes);
    single(t, "disk_free_bytes", "gauge", "Free bytes of the disk", f->disk_free_bytes);
    single(t, "engine_memory_bytes", "gauge", "Rows in memory, buffers and caches",
           f->memory_bytes);
    single(t, "log_sequence", "gauge", "Last sequence number written", f->sequence);
    single(t, "log_floor", "gauge", "Highest sequence number known to be on disk", f->floor);
    single(t, "write_batches_total", "counter", "Writes", f->batches);
    single(t, "write_groups_total", "counter", "Groups of writes that shared one sync",
           f->batch_groups);
    single(t, "rows_written_total", "counter", "Rows written", f->rows_written);
    single(t, "seals_total", "counter", "Times that rows in memory became a segment", f->seals);
    single(t, "searches_total", "counter", "Searches", f->searches);
    single(t, "writable", "gauge", "1 while writes are taken", f->writable);
}

static void server(text *t, metrics *m, const totals *all)
{
    single(t, "http_requests_running", "gauge", "Requests being handled", all->running);
    single(t, "http_connections", "gauge", "Open connections", get(&m->connections_open));
    single(t, "http_connections_total", "counter", "Connections accepted",
           get(&m->connections_total));
    single(t, "http_connections_cut_total", "counter", "Connections ended for being too slow",
           get(&m->connections_cut));
    single(t, "http_received_bytes_total", "counter", "Bytes of request bodies",
           get(&m->received_bytes));
    single(t, "http_sent_bytes_total", "counter", "Bytes of replies without their heads",
           get(&m->sent_bytes));
    single(t, "http_body_memory_bytes", "gauge", "Memory of request bodies",
           get(&m->body_memory_bytes));
}

varve_status metrics_write(metrics *m, const varve_folder_stats *f, buffer *out, varve_error *err)
{
    text t = {.out = out, .prefix = "lynsedb_", .err = err};
    totals all = {0};
    for (size_t i = 0; i <= routes_count; i++)
        add_route(&all, &m->routes[i]);
    common(&t, m, &all, f);
    single(&t, "http_requests_total", "counter", "Requests", all.requests);
    family(&t, "http_request_duration_seconds", "histogram", "Duration of requests");
    histogram(&t, "", all.buckets, all.sum_us);
    t.prefix = "varve_";
    common(&t, m, &all, f);
    by_route(&t, m);
    folder(&t, f);
    server(&t, m, &all);
    return t.status;
}
