/* metrics_compaction.c — the compactor's counters, its running jobs and the indexes as Prometheus
 * text. Finished jobs are counted only: a series for each of them would never end. */
#include "metrics.h"
#include "metrics_lines.h"

#include <inttypes.h>

enum { REASON_CHARS = 48, NAME_CHARS = 200 };

/* A running job is told from others by its labels; their order is the same in every family. */
static void job_sample(metrics_lines *t, const char *name, const varve_job *j, double value)
{
    char database[LINES_LABEL_MAX], collection[LINES_LABEL_MAX], kind[LINES_LABEL_MAX];
    char reason[LINES_LABEL_MAX];
    lines_label(j->database, NAME_CHARS, database);
    lines_label(j->collection, NAME_CHARS, collection);
    lines_label(j->kind, NAME_CHARS, kind);
    lines_label(j->reason, REASON_CHARS, reason);
    lines_put(t,
              "%s%s{job_id=\"%" PRIu64 "\",database=\"%s\",collection=\"%s\",kind=\"%s\","
              "reason=\"%s\"} %.6f\n",
              t->prefix, name, j->id, database, collection, kind, reason, value);
}

static double progress_of(const varve_job *j) { return j->share; }
static double rate_of(const varve_job *j) { return j->rows_per_s; }
static double eta_of(const varve_job *j) { return (double)j->eta_ms * 1e-3; }
static double rows_of(const varve_job *j) { return (double)j->rows; }

static void running_jobs(metrics_lines *t, const metrics_engine *e)
{
    static const struct {
        const char *name, *help;
        double (*value)(const varve_job *);
    } gauges[] = {
        {"compaction_job_progress_ratio", "Done share of a running job", progress_of},
        {"compaction_job_rows_per_second", "Speed of a running job", rate_of},
        {"compaction_job_eta_seconds", "Estimated rest of a running job; 0: unknown", eta_of},
        {"compaction_job_rows", "Rows of the inputs of a running job", rows_of},
    };
    for (size_t g = 0; g < VV_COUNT(gauges); g++) {
        lines_family(t, gauges[g].name, "gauge", gauges[g].help);
        for (size_t i = 0; i < e->jobs_count; i++)
            if (e->jobs[i].state == VARVE_JOB_RUNNING)
                job_sample(t, gauges[g].name, &e->jobs[i], gauges[g].value(&e->jobs[i]));
    }
}

static void work_done(metrics_lines *t, const varve_compaction_stats *s)
{
    const char *jobs = "compaction_jobs_total";
    lines_family(t, jobs, "counter", "Jobs of the compactor by outcome");
    lines_labelled(t, jobs, "outcome", "done", s->jobs_done);
    lines_labelled(t, jobs, "outcome", "refused", s->jobs_refused);
    lines_labelled(t, jobs, "outcome", "failed", s->jobs_failed);
    lines_labelled(t, jobs, "outcome", "cancelled", s->jobs_cancelled);
    lines_single(t, "compaction_rows_removed_total", "counter", "Deleted rows that were purged",
                 s->rows_removed);
    lines_single(t, "compaction_bytes_written_total", "counter",
                 "Bytes of segments and indexes that jobs wrote", s->bytes_written);
    lines_single(t, "compaction_bytes_removed_total", "counter",
                 "Bytes of segments and indexes that jobs made superfluous", s->bytes_removed);
}

static void state_now(metrics_lines *t, const varve_compaction_stats *s)
{
    lines_single(t, "compactor_connected", "gauge", "1 while a compactor is connected",
                 s->pid != 0);
    lines_single(t, "compactor_supervised", "gauge", "1 while this process keeps one running",
                 s->supervised);
    lines_single(t, "compactor_restarts_total", "counter", "Times the supervised one was restarted",
                 s->restarts);
    lines_single(t, "compaction_backlog_rows", "gauge",
                 "Rows waiting for their index, of open collections", s->backlog_rows);
    lines_single(t, "compaction_backlog_segments", "gauge",
                 "Segments waiting for their index, of open collections", s->backlog_segments);
    lines_single(t, "compaction_writes_delayed_total", "counter",
                 "Writes slowed down because of the backlog", s->writes_delayed);
    lines_single_real(t, "compaction_write_delay_seconds_total", "counter",
                      "Time for which writes were slowed down", (double)s->write_delay_ms * 1e-3);
    lines_single(t, "index_memory_bytes", "gauge", "Bytes of indexes held in memory",
                 s->index_memory_bytes);
}

void metrics_compaction(metrics_lines *t, const metrics_engine *e)
{
    work_done(t, &e->compaction);
    state_now(t, &e->compaction);
    running_jobs(t, e);
}

static const varve_job *newest(const metrics_engine *e, bool running)
{
    for (size_t i = 0; i < e->jobs_count; i++)
        if ((e->jobs[i].state == VARVE_JOB_RUNNING) == running) return &e->jobs[i];
    return NULL;
}

void metrics_index_builds(metrics_lines *t, const metrics_engine *e)
{
    const varve_compaction_stats *s = &e->compaction;
    const varve_job *current = newest(e, true), *last = newest(e, false);
    uint64_t failed = s->jobs_refused + s->jobs_failed + s->jobs_cancelled, running = 0;
    for (size_t i = 0; i < e->jobs_count; i++)
        running += e->jobs[i].state == VARVE_JOB_RUNNING;
    lines_family(t, "index_builds_total", "counter", "Jobs that build indexes, by outcome");
    lines_labelled(t, "index_builds_total", "status", "started", s->jobs_done + failed + running);
    lines_labelled(t, "index_builds_total", "status", "completed", s->jobs_done);
    lines_labelled(t, "index_builds_total", "status", "failed", failed);
    lines_single(t, "index_builds_in_progress", "gauge", "Jobs that run now", running);
    lines_single(t, "index_build_current_vectors", "gauge", "Rows of the running job",
                 current ? current->rows : 0);
    lines_single(t, "index_build_last_vectors", "gauge", "Rows of the last finished job",
                 last ? last->rows : 0);
    lines_family(t, "index_build_progress_ratio", "gauge", "Done share of a job");
    lines_put(t, "%sindex_build_progress_ratio{scope=\"current\"} %.6f\n", t->prefix,
              current ? current->share : 0);
    lines_put(t, "%sindex_build_progress_ratio{scope=\"last\"} %.6f\n", t->prefix,
              last ? last->share : 0);
    lines_single_real(t, "index_build_last_duration_seconds", "gauge",
                      "Duration of the last finished job",
                      last ? (double)(last->ended_ms - last->started_ms) * 1e-3 : 0);
    lines_single(t, "storage_index_bytes", "gauge", "Bytes of index files", s->index_bytes);
}
