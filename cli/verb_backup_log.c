/* verb_backup_log.c — `varve backup log`: which moments of a database can be restored from its
 * repository, and where its log has gaps. */
#include "backup_order.h"
#include "backup_show.h"

#include "base/clock.h"

#include <stdio.h>

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"full", FLAG_FULL, NULL, "read every object of the log, and look for the files it names"},
    {"json", FLAG_JSON, NULL, "a JSON object per timeline, then one of the whole"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    pitr_log_options log;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    (void)v, (void)value;
    if (key == FLAG_FULL) o->log.full = true;
    return VERB_OK;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *stretches(const pitr_stretch *list, size_t count, bool gaps)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_pack("{s:I,s:I}", "first", (json_int_t)list[i].first, "last",
                                (json_int_t)list[i].last);
        if (gaps) json_object_set_new(one, "bridged", json_boolean(list[i].bridged));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *moment(uint64_t lsn, uint64_t ms)
{
    return json_pack("{s:I,s:I}", "sequence", (json_int_t)lsn, "time_unix_ms", (json_int_t)ms);
}

static void show_line_json(const pitr_log_line *l)
{
    json_t *j = json_pack("{s:i,s:b,s:I,s:I,s:I,s:o,s:o}", "timeline", (int)l->timeline, "present",
                          l->is_present, "snapshots", (json_int_t)l->snapshots, "objects",
                          (json_int_t)l->objects, "bytes", (json_int_t)l->bytes, "ranges",
                          stretches(l->ranges, l->range_count, false), "gaps",
                          stretches(l->gaps, l->gap_count, true));
    if (l->parent) {
        json_object_set_new(j, "parent", json_integer((json_int_t)l->parent));
        json_object_set_new(j, "parent_sequence", json_integer((json_int_t)l->parent_lsn));
    }
    if (l->snapshots) {
        json_object_set_new(j, "oldest", moment(l->oldest_lsn, l->oldest_ms));
        json_object_set_new(j, "newest", moment(l->newest_lsn, l->newest_ms));
    }
    backup_show_json(j);
}

static void show_json(const pitr_log *log)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < log->count; i++)
        show_line_json(&log->lines[i]);
    for (size_t i = 0; i < log->kept; i++)
        json_array_append_new(findings, json_string(log->findings[i]));
    backup_show_json(json_pack("{s:I,s:I,s:I,s:o}", "objects_read", (json_int_t)log->objects_read,
                               "bytes_read", (json_int_t)log->bytes_read, "findings",
                               (json_int_t)log->finding_count, "messages", findings));
}

/* ---- text ---------------------------------------------------------------------------------- */

static void show_moment(const char *what, uint64_t lsn, uint64_t ms)
{
    char time[32];
    clock_wall_text(ms, time, sizeof time);
    printf("  %s that can be restored: sequence %llu, %s\n", what, (unsigned long long)lsn,
           ms ? time : "its time is not known");
}

static void show_line(const pitr_log_line *l)
{
    printf("timeline %u%s", l->timeline, l->is_present ? ", the present one" : "");
    if (l->parent)
        printf(", from timeline %u at sequence %llu", l->parent, (unsigned long long)l->parent_lsn);
    printf(": %zu snapshots along it, %llu objects of the log (%llu bytes)\n", l->snapshots,
           (unsigned long long)l->objects, (unsigned long long)l->bytes);
    for (size_t i = 0; i < l->range_count; i++)
        printf("  log %llu to %llu\n", (unsigned long long)l->ranges[i].first,
               (unsigned long long)l->ranges[i].last);
    for (size_t i = 0; i < l->gap_count; i++)
        printf("  gap %llu to %llu, %s\n", (unsigned long long)l->gaps[i].first,
               (unsigned long long)l->gaps[i].last,
               l->gaps[i].bridged ? "a snapshot lies behind it" : "which no snapshot bridges");
    if (!l->snapshots) return;
    show_moment("oldest", l->oldest_lsn, l->oldest_ms);
    show_moment("newest", l->newest_lsn, l->newest_ms);
}

static void show(const pitr_log *log, bool full)
{
    for (size_t i = 0; i < log->count; i++)
        show_line(&log->lines[i]);
    for (size_t i = 0; i < log->kept; i++)
        puts(log->findings[i]);
    if (full)
        printf("%llu objects read, %llu bytes\n", (unsigned long long)log->objects_read,
               (unsigned long long)log->bytes_read);
}

/* ---- the verb ------------------------------------------------------------------------------ */

static varve_status look(const order *o, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    VV_CLEANUP(pitr_log_done) pitr_log log = {0};
    VV_TRY(repository_open(&o->common.repository, &session, err));
    VV_TRY(pitr_log_read(session.repo, &o->log, &log, err));
    if (o->common.json)
        show_json(&log);
    else
        show(&log, o->log.full);
    if (log.finding_count == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "%zu findings", log.finding_count);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    return look(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_backup_log = {
    "backup log",
    "Which moments can be restored, and where the log has gaps",
    "[FOLDER] --repo URL|PATH [--full]",
    "For each timeline: the log along it, its gaps, the oldest and the newest moment. Exit code 1\n"
    "for a gap of the present timeline that no snapshot bridges, and for what --full finds wrong.",
    flags,
    run};
