/* drill.c — see drill.h: the steps. */
#include "drill.h"

#include "base/clock.h"
#include "base/file.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct drill_job {
    repo *r;
    const drill_options *o;
    scratch scratch;
    char folder[SCRATCH_PATH_MAX];
    uint64_t begin_ns;
    remote_cancel cancel; /* of the caller, or because of the time */
    drill_report report;
} drill_job;

/* ---- findings ------------------------------------------------------------------------------ */

void drill_report_done(drill_report *report)
{
    for (size_t i = 0; i < report->kept; i++)
        free(report->findings[i]);
    free(report->findings);
    *report = (drill_report){0};
}

/* Counted in any case, kept while there is memory and room. */
static void add_finding(drill_report *r, const char *text)
{
    char *line = strdup(text);
    char **lines = line && r->kept < DRILL_FINDINGS_MAX
                       ? realloc(r->findings, (r->kept + 1) * sizeof *lines)
                       : NULL;
    r->count++;
    if (lines) r->findings = lines;
    if (lines)
        lines[r->kept++] = line;
    else
        free(line);
}

static void note_finding(void *arg, const char *text)
{
    add_finding(&((drill_job *)arg)->report, text);
}

/* ---- time ---------------------------------------------------------------------------------- */

static double seconds_since(uint64_t begin_ns) { return (double)(clock_now_ns() - begin_ns) / 1e9; }

static bool is_late(const drill_job *j)
{
    return j->o->time_limit_ms &&
           clock_now_ns() - j->begin_ns > j->o->time_limit_ms * (uint64_t)1000000;
}

static bool is_cancelled(const drill_job *j)
{
    return j->o->cancel.asked && j->o->cancel.asked(j->o->cancel.arg);
}

static bool ask_cancel(void *arg)
{
    const drill_job *j = arg;
    return is_late(j) || is_cancelled(j);
}

/* What a step ended with: a finding, unless the caller wanted it to end. */
static varve_status take_outcome(drill_job *j, varve_status status, const char *step,
                                 const varve_error *found, varve_error *err)
{
    char text[700];
    if (status == VARVE_OK) return VARVE_OK;
    if (status == VARVE_CANCELLED && is_cancelled(j)) return vv_fail(err, status, "cancelled");
    if (is_late(j)) return VARVE_OK; /* said at the end */
    snprintf(text, sizeof text, "%s: %s: %s", step, varve_status_name(status), found->message);
    add_finding(&j->report, text);
    return VARVE_OK;
}

/* ---- steps --------------------------------------------------------------------------------- */

/* A drill does not fill the disk that it shares with the data: what it needs is known before. Of a
 * moment, the newest snapshot stands for what it is between. */
static varve_status check_space(drill_job *j, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    object_name name;
    uint64_t needed = DRILL_SPACE_KEPT, free_bytes = 0;
    if (j->o->snap_id)
        VV_TRY(snapshots_find(j->r, j->o->snap_id, &name, err));
    else
        VV_TRY(snapshots_newest(j->r, UINT64_MAX, &name, err));
    VV_TRY(snapshots_load(j->r, &name, &m, err));
    for (size_t i = 0; i < m.file_count; i++)
        needed += m.files[i].size;
    VV_TRY(file_free_space(j->scratch.path, &free_bytes, err));
    if (free_bytes >= needed) return VARVE_OK;
    return vv_fail(err, VARVE_NO_SPACE, "%s has %llu bytes free; the drill needs %llu",
                   j->scratch.folder, (unsigned long long)free_bytes, (unsigned long long)needed);
}

static varve_status restore_snapshot(drill_job *j, varve_error *err)
{
    restore_result made = {0};
    const restore_options options = {.snap_id = j->o->snap_id,
                                     .folder = j->folder,
                                     .threads = j->o->threads,
                                     .no_contents = true, /* looked at below, all of it */
                                     .cancel = j->cancel,
                                     .progress = j->o->progress,
                                     .progress_arg = j->o->progress_arg};
    VV_TRY(restore_run(j->r, &options, &made, err));
    memcpy(j->report.snap_id, made.snapshot.id, sizeof j->report.snap_id);
    j->report.sequence = made.snapshot.lsn;
    j->report.files = made.files;
    j->report.bytes = made.bytes;
    return VARVE_OK;
}

static varve_status restore_moment(drill_job *j, varve_error *err)
{
    pitr_result made = {0};
    pitr_options options = *j->o->moment;
    options.folder = j->folder;
    options.threads = j->o->threads;
    options.cancel = j->cancel;
    options.progress = j->o->progress;
    options.progress_arg = j->o->progress_arg;
    VV_TRY(pitr_run(j->r, &options, &made, err));
    memcpy(j->report.snap_id, made.base.snapshot.id, sizeof j->report.snap_id);
    j->report.sequence = made.sequence;
    j->report.commit_ms = made.time_ms;
    j->report.files = made.base.files;
    j->report.bytes = made.base.bytes + made.bytes;
    j->report.batches = made.batches;
    return VARVE_OK;
}

static void report_freep(varve_report **r) { varve_report_free(*r); }

static varve_status check_folder(drill_job *j, varve_error *err)
{
    VV_CLEANUP(report_freep) varve_report *report = NULL;
    char text[700];
    VV_TRY(varve_fsck(j->folder, &report, err));
    for (size_t i = 0; i < varve_report_count(report); i++) {
        snprintf(text, sizeof text, "fsck: %s", varve_report_line(report, i));
        add_finding(&j->report, text);
    }
    return VARVE_OK;
}

/* At another moment than the snapshot's, what the folder holds is only read through. */
static varve_status check_rows(drill_job *j, varve_error *err)
{
    VV_CLEANUP(manifest_done) manifest m = {0};
    VV_CLEANUP(contents_done) contents here = {0};
    object_name name;
    const contents_check_options options = {.golden_max = SIZE_MAX,
                                            .recall_samples = DRILL_RECALL_SAMPLES,
                                            .cancel = j->cancel,
                                            .finding = note_finding,
                                            .arg = j};
    const contents_options reading = {.no_golden = true, .cancel = j->cancel};
    contents_checked *checked = &j->report.checked;
    VV_TRY(snapshots_find(j->r, j->report.snap_id, &name, err));
    VV_TRY(snapshots_load(j->r, &name, &m, err));
    if (name.lsn == j->report.sequence) {
        j->report.commit_ms = m.commit_ms;
        return contents_check(j->folder, &m, &options, checked, err);
    }
    VV_TRY(contents_read(j->folder, &reading, &here, err));
    checked->collections = here.count;
    for (size_t i = 0; i < here.count; i++)
        checked->rows += here.items[i].rows;
    return VARVE_OK;
}

typedef varve_status drill_step(drill_job *j, varve_error *err);

/* ret_went: there was nothing against it. */
static varve_status do_step(drill_job *j, drill_step *step, const char *name, double *ret_seconds,
                            bool *ret_went, varve_error *err)
{
    varve_error found = {0};
    uint64_t begin = clock_now_ns();
    varve_status status = step(j, &found);
    *ret_seconds = seconds_since(begin);
    *ret_went = status == VARVE_OK && !is_late(j);
    return take_outcome(j, status, name, &found, err);
}

static varve_status run(drill_job *j, varve_error *err)
{
    drill_report *r = &j->report;
    double ignored;
    bool went = false;
    VV_TRY(do_step(j, check_space, "open", &ignored, &went, err));
    if (!went) return VARVE_OK;
    VV_TRY(do_step(j, j->o->moment ? restore_moment : restore_snapshot, "restore",
                   &r->restore_seconds, &went, err));
    if (went) VV_TRY(do_step(j, check_folder, "fsck", &r->fsck_seconds, &went, err));
    if (went) VV_TRY(do_step(j, check_rows, "rows", &r->check_seconds, &went, err));
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static const char *target_word(const drill_options *o)
{
    static const char *const words[] = {[PITR_LATEST] = "latest",
                                        [PITR_LSN] = "lsn",
                                        [PITR_TIME] = "time",
                                        [PITR_BEFORE_DROP] = "before_drop"};
    return o->moment ? words[o->moment->target] : "snapshot";
}

varve_status drill_run(repo *r, const drill_options *options, drill_report *ret, varve_error *err)
{
    drill_job j = {.r = r, .o = options, .begin_ns = clock_now_ns(), .scratch = SCRATCH_NONE};
    j.cancel = (remote_cancel){ask_cancel, &j};
    j.report.started_ms = env_now_ms(&r->env);
    j.report.target = target_word(options);
    VV_TRY(scratch_take(options->folder, "varve-drill", &j.scratch, err));
    varve_status status = file_join(j.folder, sizeof j.folder, j.scratch.path, "data", err);
    if (status == VARVE_OK) status = run(&j, err);
    if (status == VARVE_OK && is_late(&j)) add_finding(&j.report, "the time limit is over");
    scratch_drop(&j.scratch);
    j.report.seconds = seconds_since(j.begin_ns);
    j.report.sound = j.report.count == 0;
    if (status == VARVE_OK)
        *ret = j.report;
    else
        drill_report_done(&j.report);
    return status;
}

varve_status drill_fail(varve_status status, const char *why, drill_report *ret, varve_error *err)
{
    drill_report r = {.target = "snapshot", .started_ms = clock_wall_ms()};
    char text[700];
    snprintf(text, sizeof text, "open: %s: %s", varve_status_name(status), why);
    add_finding(&r, text);
    if (r.kept == 0) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a finding");
    *ret = r;
    return VARVE_OK;
}
