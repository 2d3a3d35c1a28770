/* metrics_backup.c — how backups stand, as Prometheus text. Absent where no repository is
 * configured. */
#include "backup/backup_service.h"
#include "metrics.h"
#include "metrics_lines.h"

static void last_backup(metrics_lines *t, const backup_state *s)
{
    lines_single_real(t, "backup_last_ok_timestamp_seconds", "gauge",
                      "Begin of the last backup that succeeded, since 1970; 0: none yet",
                      (double)s->last_ok.ms * 1e-3);
    lines_single_real(t, "backup_last_duration_seconds", "gauge",
                      "Duration of the last backup that stored anything",
                      (double)s->last_ok.took_ms * 1e-3);
    lines_single_real(t, "backup_last_failure_timestamp_seconds", "gauge",
                      "End of the last backup that failed, since 1970; 0: none yet",
                      (double)s->last_failure.ms * 1e-3);
}

static void counters(metrics_lines *t, const backup_service_view *v)
{
    const backup_state *s = &v->state;
    lines_single(t, "backup_bytes_uploaded_total", "counter",
                 "Bytes that backups stored in this repository", s->bytes_stored);
    lines_single(t, "backup_snapshots_total", "counter", "Snapshots made in this repository",
                 s->backups);
    lines_single(t, "backup_failures_total", "counter", "Backups that failed", s->failures);
    lines_single(t, "backup_consecutive_failures", "gauge", "Failures since the last success",
                 s->consecutive_failures);
    lines_single(t, "backup_deltas_since_full", "gauge",
                 "Incremental snapshots since the last full one", s->deltas_since_full);
    lines_family(t, "backup_jobs_total", "counter", "Jobs on the repository by outcome");
    lines_labelled(t, "backup_jobs_total", "outcome", "done", v->jobs_done);
    lines_labelled(t, "backup_jobs_total", "outcome", "failed", v->jobs_failed);
    lines_labelled(t, "backup_jobs_total", "outcome", "cancelled", v->jobs_cancelled);
}

static void drills(metrics_lines *t, const backup_drills_view *d)
{
    lines_single_real(t, "drill_last_ok_timestamp", "gauge",
                      "Begin of the last drill that passed, seconds since 1970; 0: none yet",
                      (double)d->last_ok_ms * 1e-3);
    lines_single_real(t, "drill_last_seconds", "gauge", "Duration of the last drill",
                      d->last_seconds);
    lines_single(t, "drills_total", "counter", "Drills of the backups of this folder", d->drills);
    lines_single(t, "drill_failures_total", "counter", "Drills that failed", d->failures);
}

void metrics_backup(metrics_lines *t, const metrics_engine *e)
{
    const backup_service_view *v = e->backup;
    if (!v) return;
    uint64_t last = v->state.last_ok.lsn;
    last_backup(t, &v->state);
    counters(t, v);
    drills(t, &v->drills);
    lines_single(t, "backup_lag_writes", "gauge", "Sequence numbers written since the last backup",
                 v->sequence > last ? v->sequence - last : 0);
    lines_single(t, "backup_repository_reachable", "gauge",
                 "1 if the store answered when it was last asked", v->home.reachable);
    lines_single(t, "backup_lease_held", "gauge", "1 while this server is the repository's writer",
                 v->home.stage == BACKUP_HOME_HELD);
    lines_single(t, "backup_scheduler_enabled", "gauge", "1 unless automatic backups are off",
                 v->state.scheduler);
    lines_single(t, "backup_jobs_waiting", "gauge", "Jobs on the repository that run or wait",
                 v->queued + (v->running != 0));
}
