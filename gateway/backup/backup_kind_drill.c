/* backup_kind_drill.c — the job "drill": would a restore work? See drill.h. Findings make it fail,
 * and stand in its result, which is the signed report.
 *
 *   order  {time_limit_s, and a moment: backup_moment.h} */
#include "backup_drills.h"
#include "backup_moment.h"
#include "backup_service_inner.h"

#define SECONDS_MAX ((uint64_t)366 * 86400)

typedef struct drill_order {
    backup_moment moment;
    uint64_t time_limit_s;
} drill_order;

static varve_status read_order(const config *c, const json_t *j, drill_order *ret, varve_error *err)
{
    static const char *const names[] = {BACKUP_MOMENT_NAMES, "time_limit_s", NULL};
    drill_order o = {.time_limit_s = c->backup_drill_time_limit_s};
    VV_TRY(order_only(j, names, err));
    VV_TRY(backup_moment_read(j, NULL, NULL, &o.moment, err));
    VV_TRY(order_number(j, "time_limit_s", SECONDS_MAX, &o.time_limit_s, err));
    *ret = o;
    return VARVE_OK;
}

varve_status drill_kind_check(gateway *g, const json_t *order, varve_error *err)
{
    drill_order ignored;
    return read_order(&g->config, order, &ignored, err);
}

static void show(void *job, const restore_progress *p)
{
    const backup_progress same = {.stage = p->stage,
                                  .files = p->files,
                                  .files_all = p->files_all,
                                  .bytes = p->bytes,
                                  .bytes_all = p->bytes_all};
    backup_job_progress(job, &same);
}

static varve_status drill(backup_service *s, backup_job *job, repo *r, const drill_order *o,
                          drill_report *ret, varve_error *err)
{
    char scratch[4096];
    const char *dir = s->g->config.backup_drill_dir;
    VV_TRY(backup_path(s->g->root_path, NULL, scratch, sizeof scratch, err));
    const drill_options options = {.snap_id = o->moment.snap_id,
                                   .moment = o->moment.between ? &o->moment.pitr : NULL,
                                   .folder = *dir ? dir : scratch,
                                   .threads = (size_t)s->g->config.backup_threads,
                                   .time_limit_ms = o->time_limit_s * 1000,
                                   .cancel = backup_job_cancel(job),
                                   .progress = show,
                                   .progress_arg = job};
    backup_job_stage(job, "drill");
    return drill_run(r, &options, ret, err);
}

/* A repository that does not answer is a drill that failed. r stays NULL then. */
static varve_status run_or_fail(backup_service *s, backup_job *job, repo **r, drill_report *ret,
                                varve_error *err)
{
    drill_order o;
    varve_error found = {0};
    VV_TRY(read_order(&s->g->config, backup_job_order(job), &o, err));
    backup_job_stage(job, "connect");
    varve_status status = backup_home_repo(s->home, r, &found);
    if (status != VARVE_OK) {
        *r = NULL;
        return drill_fail(status, found.message, ret, err);
    }
    return drill(s, job, *r, &o, ret, err);
}

varve_status drill_kind_run(backup_service *s, backup_job *job, json_t *result, varve_error *err)
{
    VV_CLEANUP(drill_report_done) drill_report report = {0};
    json_t *json = NULL;
    repo *r = NULL;
    varve_error kept = {0};
    VV_TRY(run_or_fail(s, job, &r, &report, err));
    VV_TRY(drill_report_json(r, &report, &json, err));
    if (drill_note_add(s->g->root_path, json, &kept) != VARVE_OK)
        log_message(&s->g->log, LOG_ERROR, "drill_not_kept", "%s", kept.message);
    int code = json_object_update(result, json);
    json_decref(json);
    if (code != 0) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the answer");
    if (report.sound) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the drill failed with %zu findings; the first: %.400s",
                   report.count, report.kept ? report.findings[0] : "");
}

void drill_kind_after(backup_service *s, backup_job *job, const json_t *result,
                      const varve_error *err)
{
    (void)job, (void)result, (void)err;
    backup_drills_load(s);
}
