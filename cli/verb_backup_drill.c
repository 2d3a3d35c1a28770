/* verb_backup_drill.c — `varve backup drill`: would a restore work? See drill.h. */
#include "backup_order.h"
#include "backup_show.h"
#include "backup_target.h"
#include "text.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB             1048576.0
#define SECONDS_MAX     ((uint64_t)366 * 86400)
#define REPORT_PATH_MAX 4096

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"snapshot", FLAG_SNAPSHOT, "ID", "which (default: latest)"},
    BACKUP_TARGET_FLAGS,
    {"to", FLAG_TO, "DIR", "where the scratch folder is made (default: $TMPDIR)"},
    {"time-limit", FLAG_TIME_LIMIT, "SECONDS", "taking longer is a finding"},
    {"threads", FLAG_THREADS, "N", "at work at once (default: 4)"},
    {"report", FLAG_REPORT, "FILE",
     "the report as JSON, signed with the repository's key, also there"},
    {"json", FLAG_JSON, NULL, "the report as JSON"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    backup_target target;
    drill_options drill;
    const char *report_path;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    uint64_t n;
    switch (key) {
    case FLAG_TO: o->drill.folder = value; return VERB_OK;
    case FLAG_REPORT: o->report_path = value; return VERB_OK;
    case FLAG_TIME_LIMIT:
        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > SECONDS_MAX)
            return verb_usage(v, "--time-limit is a number of seconds, not '%s'", value);
        o->drill.time_limit_ms = n * 1000;
        return VERB_OK;
    case FLAG_THREADS:
        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > 64)
            return verb_usage(v, "--threads is 1 to 64, not '%s'", value);
        o->drill.threads = (size_t)n;
        return VERB_OK;
    default: return backup_target_flag(&o->target, v, key, value);
    }
}

/* ---- the report ---- */

static void show(const drill_report *r)
{
    const contents_checked *c = &r->checked;
    for (size_t i = 0; i < r->kept; i++)
        printf("%s\n", r->findings[i]);
    if (r->snap_id[0])
        printf("snapshot %s, sequence %llu: %llu files, %.1f MiB restored in %.1f s\n", r->snap_id,
               (unsigned long long)r->sequence, (unsigned long long)r->files,
               (double)r->bytes / MIB, r->restore_seconds);
    if (c->collections)
        printf("%llu collections, %llu rows; %llu digests and %llu golden searches compared\n",
               (unsigned long long)c->collections, (unsigned long long)c->rows,
               (unsigned long long)c->digests, (unsigned long long)c->golden);
    if (c->recalls)
        printf("recall@10 of %llu indexes: %.4f, at least %.4f\n", (unsigned long long)c->recalls,
               c->recall, c->recall_min);
    printf("%s in %.1f s\n", r->sound ? "the drill passed" : "THE DRILL FAILED", r->seconds);
}

static varve_status write_report(const char *path, const json_t *report, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = json_dumps(report, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a report");
    return file_replace(path, text, strlen(text), err);
}

/* A folder that was named remembers it, for `varve doctor` and the metrics of its server. */
static varve_status publish(const order *o, const repo *r, const drill_report *report,
                            varve_error *err)
{
    json_t *json = NULL;
    const char *folder = o->common.repository.folder;
    VV_TRY(drill_report_json(r, report, &json, err));
    varve_status status = VARVE_OK;
    if (o->report_path) status = write_report(o->report_path, json, err);
    if (status == VARVE_OK && folder) status = drill_note_add(folder, json, err);
    if (!o->common.json) show(report);
    if (o->common.json)
        backup_show_json(json);
    else
        json_decref(json);
    return status;
}

/* ---- drill ---- */

static varve_status run_drill(const order *o, repo *r, drill_report *ret, varve_error *err)
{
    drill_options options = o->drill;
    char folder[REPORT_PATH_MAX];
    const char *temporary = getenv("TMPDIR");
    const pitr_options moment = backup_target_moment(&o->target);
    progress bar;
    if (!options.folder) {
        const char *below = temporary && *temporary ? temporary : P_tmpdir;
        VV_TRY(file_join(folder, sizeof folder, below, "varve-drill", err));
        options.folder = folder;
    }
    options.snap_id = o->common.snapshot;
    options.moment = o->target.given ? &moment : NULL;
    options.progress = backup_show_restore;
    options.progress_arg = &bar;
    progress_start(&bar);
    varve_status status = drill_run(r, &options, ret, err);
    progress_end(&bar);
    return status;
}

/* A repository that cannot be opened is a drill that failed. */
static varve_status drill(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(drill_report_done) drill_report report = {0};
    varve_error found = {0};
    varve_status status = repository_open(&o->common.repository, &session, &found);
    bool opened = status == VARVE_OK;
    if (opened)
        VV_TRY(run_drill(o, session.repo, &report, err));
    else
        VV_TRY(drill_fail(status, found.message, &report, err));
    VV_TRY(publish(o, opened ? session.repo : NULL, &report, err));
    if (report.sound) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the drill failed: %.400s",
                   report.kept ? report.findings[0] : "no memory to say why");
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    if (o.target.given + (o.common.snapshot != NULL) > 1)
        return verb_usage(self, "a snapshot, or one moment");
    return drill(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_drill = {
    "backup drill",
    "Would a restore work? Try it in a scratch folder",
    "[FOLDER] --repo URL|PATH [--to DIR] [--snapshot ID|--to-lsn N|--to-time TIME]",
    "Restores, reads everything as fsck does, compares counts, digests and golden searches with "
    "the\n"
    "manifest, measures the recall of indexes, and removes the scratch folder again. Exit code 1,\n"
    "and a line for each finding, when anything is not as it should be.",
    flags,
    run};
