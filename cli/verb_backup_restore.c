/* verb_backup_restore.c — `varve backup restore`: a snapshot of a repository as a new data folder,
 * with the log up to some moment behind it if one is named. */
#include "backup_order.h"
#include "backup_show.h"
#include "backup_target.h"

#include "base/clock.h"

#include <stdio.h>

#define MIB 1048576.0

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"to", FLAG_TO, "NEWFOLDER", "the folder to make"},
    {"snapshot", FLAG_SNAPSHOT, "ID", "this one as it is (default: the newest)"},
    BACKUP_TARGET_FLAGS,
    {"reuse", FLAG_REUSE, "FOLDER", "a data folder of which to take the files that are right"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    restore_options restore;
    backup_target target;
} order;

typedef struct outcome {
    pitr_result r;   /* of a snapshot as it is: base alone */
    pitr_range more; /* of a snapshot that nobody named: how far the log goes from there */
} outcome;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    if (key == FLAG_TO) o->restore.folder = value;
    if (key == FLAG_REUSE) o->restore.reuse = value;
    return backup_target_flag(&o->target, v, key, value);
}

static varve_status restore_snapshot(const order *o, repo *r, progress *bar, outcome *ret,
                                     varve_error *err)
{
    restore_options options = o->restore;
    options.snap_id = o->common.snapshot;
    options.progress = backup_show_restore;
    options.progress_arg = bar;
    return restore_run(r, &options, &ret->r.base, err);
}

static varve_status restore_moment(const order *o, repo *r, progress *bar, outcome *ret,
                                   varve_error *err)
{
    const pitr_options options = {.target = o->target.target,
                                  .lsn = o->target.lsn,
                                  .time_ms = o->target.time_ms,
                                  .database = o->target.database,
                                  .collection = o->target.collection,
                                  .folder = o->restore.folder,
                                  .reuse = o->restore.reuse,
                                  .progress = backup_show_restore,
                                  .progress_arg = bar};
    return pitr_run(r, &options, &ret->r, err);
}

/* The folder goes on under the id of its database, as another writer. */
static varve_status restore(const order *o, outcome *ret, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    progress bar;
    VV_TRY(repository_open(&o->common.repository, &session, err));
    progress_start(&bar);
    varve_status status = o->target.given ? restore_moment(o, session.repo, &bar, ret, err)
                                          : restore_snapshot(o, session.repo, &bar, ret, err);
    progress_end(&bar);
    VV_TRY(status);
    bool named = o->target.given || o->common.snapshot;
    if (!named && pitr_find_range(session.repo, 0, &ret->more, NULL) != VARVE_OK)
        ret->more = (pitr_range){0}; /* a hint was to be made of it, no more */
    uint64_t origin = o->target.given ? ret->r.sequence : ret->r.base.snapshot.lsn;
    return backup_identity_restored(o->restore.folder, session.repo->db_id, origin, err);
}

/* ---- what was done ------------------------------------------------------------------------- */

static void show_json(const pitr_result *r, bool moment)
{
    const restore_result *b = &r->base;
    json_t *j = json_pack("{s:s,s:I,s:I,s:I,s:I,s:f}", "snapshot", b->snapshot.id, "sequence",
                          (json_int_t)(moment ? r->sequence : b->snapshot.lsn), "files",
                          (json_int_t)b->files, "bytes", (json_int_t)b->bytes, "bytes_kept",
                          (json_int_t)b->bytes_kept, "seconds", moment ? r->seconds : b->seconds);
    if (moment) {
        json_object_set_new(j, "time_unix_ms", json_integer((json_int_t)r->time_ms));
        json_object_set_new(j, "objects", json_integer((json_int_t)r->objects));
        json_object_set_new(j, "batches", json_integer((json_int_t)r->batches));
        json_object_set_new(j, "log_bytes", json_integer((json_int_t)r->bytes));
    }
    if (r->drop_lsn) json_object_set_new(j, "dropped_at", json_integer((json_int_t)r->drop_lsn));
    backup_show_json(j);
}

static void show_moment(const backup_target *t, const pitr_result *r)
{
    char time[32] = "";
    if (r->drop_lsn) {
        clock_wall_text(r->drop_ms, time, sizeof time);
        printf("collection %s of %s was dropped at sequence %llu, %s\n", t->collection, t->database,
               (unsigned long long)r->drop_lsn, r->drop_ms ? time : "at an unknown time");
    }
    clock_wall_text(r->time_ms, time, sizeof time);
    printf("restored and checked: sequence %llu%s%s; snapshot %s and %llu batches of the log, "
           "%.1f MiB in %.1f s\n",
           (unsigned long long)r->sequence, r->time_ms ? ", " : "", r->time_ms ? time : "",
           r->base.snapshot.id, (unsigned long long)r->batches,
           (double)(r->base.bytes + r->bytes) / MIB, r->seconds);
}

static void show(const order *o, const outcome *done)
{
    const restore_result *b = &done->r.base;
    if (o->common.json)
        show_json(&done->r, o->target.given);
    else if (o->target.given)
        show_moment(&o->target, &done->r);
    else
        printf("snapshot %s restored and checked: %llu files, %.1f MiB in %.1f s\n", b->snapshot.id,
               (unsigned long long)b->files, (double)b->bytes / MIB, b->seconds);
    if (!o->common.json && done->more.last_lsn > b->snapshot.lsn)
        printf("the log goes on from sequence %llu to %llu: --latest restores that too\n",
               (unsigned long long)b->snapshot.lsn, (unsigned long long)done->more.last_lsn);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    outcome done = {0};
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    if (!o.restore.folder) return verb_usage(self, "say where --to");
    if (o.target.given && o.common.snapshot)
        return verb_usage(self, "--snapshot is a moment of its own");
    if (restore(&o, &done, &err) != VARVE_OK) return verb_fail(self, &err);
    show(&o, &done);
    return VERB_OK;
}

const verb verb_backup_restore = {
    "backup restore",
    "A snapshot of a repository, or any moment of its log, as a new data folder",
    "[FOLDER] --repo URL|PATH --to NEWFOLDER [--latest|--to-lsn N|--to-time T|--before-drop D.C|\n"
    "  --snapshot ID]",
    "NEWFOLDER must not exist, and appears when all of it was fetched, checked against its sums,\n"
    "opened, and compared with its manifest. A restore that was interrupted goes on where it was.\n"
    "Without a moment it is the newest snapshot. For another one the newest snapshot before it is\n"
    "taken, and batches of the log (varve backup ship) are applied whole, in order, up to it.",
    flags,
    run};
