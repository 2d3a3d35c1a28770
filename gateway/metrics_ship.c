/* metrics_ship.c — figures of the shipping of the log, while a server does it. */
#include "metrics_ship.h"

#include "metrics_lines.h"
#include "ship/shipper.h"

#include <inttypes.h>

static const char *const bound_texts[SHIP_BUCKETS] = {
#define X(seconds) #seconds,
    SHIP_BOUNDS_TABLE(X)
#undef X
        "+Inf"};

static void histogram(metrics_lines *t, const char *name, const char *help, const ship_histogram *h)
{
    uint64_t below = 0;
    lines_family(t, name, "histogram", help);
    for (size_t i = 0; i < SHIP_BUCKETS; i++) {
        below += h->buckets[i];
        lines_put(t, "%s%s_bucket{le=\"%s\"} %" PRIu64 "\n", t->prefix, name, bound_texts[i],
                  below);
    }
    lines_put(t, "%s%s_sum %.6f\n", t->prefix, name, (double)h->sum_ns * 1e-9);
    lines_put(t, "%s%s_count %" PRIu64 "\n", t->prefix, name, below);
}

static void lag(metrics_lines *t, const shipper_view *v)
{
    lines_single_real(t, "remote_lag_seconds", "gauge",
                      "Age of the oldest write that is not in the repository", v->lag.seconds);
    lines_family(t, "remote_lag_seconds_quantile", "gauge",
                 "Of the last 512 objects: age of the oldest write in it when it was stored");
    lines_put(t, "%sremote_lag_seconds_quantile{quantile=\"0.5\"} %.6f\n", t->prefix, v->lag.p50);
    lines_put(t, "%sremote_lag_seconds_quantile{quantile=\"0.99\"} %.6f\n", t->prefix, v->lag.p99);
    lines_single(t, "remote_lag_lsn", "gauge", "Sequence numbers not in the repository",
                 v->written_lsn > v->shipped_lsn ? v->written_lsn - v->shipped_lsn : 0);
    lines_single(t, "shipped_lsn", "gauge", "Sequence number up to which the log is shipped",
                 v->shipped_lsn);
    histogram(t, "ship_delay_seconds", "Age of the oldest write of an object when it was stored",
              &v->lag.delays);
}

static void work(metrics_lines *t, const shipper_view *v)
{
    lines_single(t, "shipped_bytes_total", "counter", "Bytes of the log that were shipped",
                 v->bytes);
    lines_single(t, "shipped_objects_total", "counter", "Objects of the log that were stored",
                 v->objects);
    lines_single(t, "shipped_files_total", "counter", "Segments and indexes stored with them",
                 v->files);
    lines_single(t, "ship_failures_total", "counter", "Steps that failed", v->failures);
    lines_single(t, "ship_gaps_total", "counter", "Gaps of the log that only a snapshot bridges",
                 v->gaps);
    lines_family(t, "ship_phase", "gauge", "1 for the phase in which the shipper is");
    for (int i = 0; i < SHIP_PHASES; i++)
        lines_labelled(t, "ship_phase", "phase", ship_phase_word((ship_phase)i),
                       v->phase == (ship_phase)i);
    lines_single(t, "ship_fenced", "gauge", "1 while another server may have the lease", v->fenced);
    lines_single(t, "ship_diverged", "gauge", "1 while the repository holds another history",
                 v->phase == SHIP_DIVERGED);
}

static void writes(metrics_lines *t, const shipper_view *v)
{
    lines_single(t, "remote_writes_waiting", "gauge", "Writes that wait for the repository",
                 v->waiting);
    lines_single(t, "remote_writes_total", "counter", "Writes that waited, and are stored",
                 v->stored);
    lines_single(t, "remote_timeouts_total", "counter", "Writes that waited in vain", v->timeouts);
    lines_single(t, "fenced_writes_total", "counter", "Writes refused behind the fence",
                 v->refused);
    histogram(t, "remote_wait_seconds", "Time for which writes waited for the repository",
              &v->lag.waits);
}

void metrics_ship(metrics_lines *t, struct shipper *s)
{
    shipper_view v;
    if (!s) return;
    shipper_look(s, &v);
    lag(t, &v);
    work(t, &v);
    writes(t, &v);
}
