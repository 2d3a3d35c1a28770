/* pitr.c — the steps of a restore to a point in time, in the order that pitr.h promises. */
#include "pitr.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "pitr_inner.h"
#include "publish.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 4096

typedef struct pitr_job {
    repo *r;
    pitr_options o; /* its target made a sequence number, with files of an earlier try to reuse */
    pitr_plan plan;
    char temporary[PATH_SIZE], old[PATH_SIZE], lock_path[PATH_SIZE];
    lock_file lock;
    pitr_result result;
} pitr_job;

/* ---- the place ----------------------------------------------------------------------------- */

static varve_status name_paths(pitr_job *j, varve_error *err)
{
    const char *folder = j->o.folder;
    if (!folder || !*folder || folder[strlen(folder) - 1] == '/')
        return vv_fail(err, VARVE_INVALID, "the folder to restore to is empty, or ends in a slash");
    if (strlen(folder) > PATH_SIZE / 2) return vv_fail(err, VARVE_LIMIT, "%s is too long", folder);
    (void)snprintf(j->temporary, PATH_SIZE, "%.*s.pitr-tmp", PATH_SIZE / 2, folder);
    (void)snprintf(j->old, PATH_SIZE, "%.*s.pitr-old", PATH_SIZE / 2, folder);
    (void)snprintf(j->lock_path, PATH_SIZE, "%.*s.restore-lock", PATH_SIZE / 2, folder);
    return VARVE_OK;
}

/* The lock is that of restore.h: one restore of any kind to a folder. */
static varve_status take_place(pitr_job *j, varve_error *err)
{
    VV_TRY(name_paths(j, err));
    if (file_exists(j->o.folder))
        return vv_fail(err, VARVE_EXISTS, "%s is there already; nothing is overwritten",
                       j->o.folder);
    VV_TRY(lock_take(j->lock_path, &j->lock, err));
    if (lock_names(&j->lock, j->lock_path)) return VARVE_OK;
    return vv_fail(err, VARVE_LOCKED, "another restore to %s is just ending", j->o.folder);
}

/* What is left of an earlier try serves as a place to take files from; batches were applied to it,
 * so as a folder it is of no use. */
static varve_status set_aside(pitr_job *j, varve_error *err)
{
    if (file_exists(j->temporary)) {
        VV_TRY(file_remove_tree(j->old, err));
        if (rename(j->temporary, j->old) != 0)
            return vv_fail(err, VARVE_IO, "%s cannot be renamed", j->temporary);
    }
    if (!j->o.reuse && file_exists(j->old)) j->o.reuse = j->old;
    return VARVE_OK;
}

/* ---- pins ---------------------------------------------------------------------------------- */

/* The log of every timeline of the line behind the snapshot: from here on it stays. */
static varve_status take_pins(pitr_job *j, varve_error *err)
{
    uint64_t life = j->o.pin_life_ms ? j->o.pin_life_ms : PIN_LIFE_MS;
    for (size_t i = 0; i < j->plan.line_count; i++) {
        pitr_line *line = &j->plan.lines[i];
        const pin what = {.kind = PIN_RESTORE,
                          .has_wal = true,
                          .timeline = line->timeline,
                          .wal_from = j->plan.snapshot.lsn + 1};
        if (line->limit <= j->plan.snapshot.lsn) continue;
        VV_TRY(pin_take(j->r, &what, life, &line->pin, err));
        line->pinned = true;
    }
    return VARVE_OK;
}

static void drop_pins(pitr_job *j)
{
    varve_status ignored = VARVE_OK;
    for (size_t i = 0; i < j->plan.line_count; i++)
        if (j->plan.lines[i].pinned) ignored = pin_drop(&j->plan.lines[i].pin, NULL);
    (void)ignored; /* what stays expires by itself */
}

/* ---- the steps ----------------------------------------------------------------------------- */

static varve_status restore_snapshot(pitr_job *j, varve_error *err)
{
    const restore_options options = {.snap_id = j->plan.snapshot.id,
                                     .folder = j->temporary,
                                     .reuse = j->o.reuse,
                                     .threads = j->o.threads,
                                     .pin_life_ms = j->o.pin_life_ms,
                                     .cancel = j->o.cancel,
                                     .progress = j->o.progress,
                                     .progress_arg = j->o.progress_arg};
    return restore_run(j->r, &options, &j->result.base, err);
}

static void report_freep(varve_report **r) { varve_report_free(*r); }

static varve_status check(const pitr_job *j, varve_error *err)
{
    VV_CLEANUP(report_freep) varve_report *report = NULL;
    VV_TRY(varve_fsck(j->temporary, &report, err));
    if (varve_report_count(report) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the folder is not sound at sequence %llu: %s",
                   (unsigned long long)j->result.sequence, varve_report_line(report, 0));
}

static varve_status run(pitr_job *j, varve_error *err)
{
    VV_TRY(take_place(j, err));
    VV_TRY(pitr_plan_lines(j->r, j->o.timeline, &j->plan, err));
    VV_TRY(pitr_plan_drop(j->r, &j->o, &j->plan, &j->result, err));
    VV_TRY(pitr_plan_snapshot(j->r, &j->o, &j->plan, err));
    VV_TRY(take_pins(j, err));
    VV_TRY(pitr_plan_objects(j->r, &j->o, &j->plan, err));
    VV_TRY(set_aside(j, err));
    VV_TRY(restore_snapshot(j, err));
    VV_TRY(pitr_apply(j->r, &j->o, &j->plan, j->temporary, &j->result, err));
    VV_TRY(check(j, err));
    VV_TRY(publish_folder(j->temporary, j->o.folder, err));
    publish_discard(j->old);
    return VARVE_OK;
}

static void let_go(pitr_job *j)
{
    varve_status ignored = VARVE_OK;
    drop_pins(j);
    if (j->lock.fd >= 0) ignored = file_unlink(j->lock_path, NULL);
    (void)ignored;
    lock_drop(&j->lock);
    pitr_plan_done(&j->plan);
}

varve_status pitr_run(repo *r, const pitr_options *options, pitr_result *ret, varve_error *err)
{
    pitr_job j = {.r = r, .o = *options, .lock = LOCK_FILE_NONE};
    uint64_t begin = clock_now_ns();
    varve_status status = run(&j, err);
    let_go(&j);
    j.result.seconds = (double)(clock_now_ns() - begin) / 1e9;
    if (status == VARVE_OK) *ret = j.result;
    return status;
}

varve_status pitr_find_range(repo *r, uint32_t timeline, pitr_range *ret, varve_error *err)
{
    VV_CLEANUP(pitr_plan_done) pitr_plan plan = {0};
    pitr_options o = {.target = PITR_LATEST};
    VV_TRY(pitr_plan_lines(r, timeline, &plan, err));
    VV_TRY(pitr_plan_snapshot(r, &o, &plan, err));
    o.target = PITR_LSN; /* which is within reach, gap or not */
    o.lsn = plan.snapshot.lsn;
    VV_TRY(pitr_plan_objects(r, &o, &plan, err));
    *ret = (pitr_range){.first_lsn = plan.snapshot.lsn, .last_lsn = plan.reach};
    return VARVE_OK;
}
