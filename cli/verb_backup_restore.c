/* verb_backup_restore.c — `varve backup restore`: a snapshot of a repository as a new data
 * folder. */
#include "backup_order.h"
#include "backup_show.h"

#include <stdio.h>

#define MIB 1048576.0

static const flag flags[] = {
    REPOSITORY_FLAGS,
    {"to", FLAG_TO, "NEWFOLDER", "the folder to make"},
    {"snapshot", FLAG_SNAPSHOT, "ID", "which (default: latest)"},
    {"reuse", FLAG_REUSE, "FOLDER", "a data folder of which to take the files that are right"},
    {"json", FLAG_JSON, NULL, "a JSON object"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    backup_order common;
    restore_options restore;
} order;

static int take_flag(void *arg, const verb *v, int key, const char *value)
{
    order *o = arg;
    (void)v;
    if (key == FLAG_TO) o->restore.folder = value;
    if (key == FLAG_REUSE) o->restore.reuse = value;
    return VERB_OK;
}

/* The folder goes on under the id of its database, as another writer. */
static varve_status restore(const order *o, restore_result *ret, varve_error *err)
{
    VV_CLEANUP(repository_done) repository_session session = {0};
    restore_options options = o->restore;
    backup_identity who;
    progress bar;
    VV_TRY(repository_open(&o->common.repository, &session, err));
    options.snap_id = o->common.snapshot;
    options.progress = backup_show_restore;
    options.progress_arg = &bar;
    progress_start(&bar);
    varve_status status = restore_run(session.repo, &options, ret, err);
    progress_end(&bar);
    VV_TRY(status);
    return backup_identity_make(options.folder, session.repo->db_id, &who, err);
}

static void show(const restore_result *r, bool json)
{
    if (json) {
        backup_show_json(json_pack("{s:s,s:I,s:I,s:I,s:I,s:f}", "snapshot", r->snapshot.id,
                                   "sequence", (json_int_t)r->snapshot.lsn, "files",
                                   (json_int_t)r->files, "bytes", (json_int_t)r->bytes,
                                   "bytes_kept", (json_int_t)r->bytes_kept, "seconds", r->seconds));
        return;
    }
    printf("snapshot %s restored and checked: %llu files, %.1f MiB in %.1f s\n", r->snapshot.id,
           (unsigned long long)r->files, (double)r->bytes / MIB, r->seconds);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {0};
    restore_result result;
    varve_error err = {0};
    int code = backup_order_read(self, argc, argv, &o.common, take_flag, &o);
    if (code != VERB_OK) return code;
    if (!o.restore.folder) return verb_usage(self, "say where --to");
    if (restore(&o, &result, &err) != VARVE_OK) return verb_fail(self, &err);
    show(&result, o.common.json);
    return VERB_OK;
}

const verb verb_backup_restore = {
    "backup restore",
    "A snapshot of a repository as a new data folder",
    "[FOLDER] --repo URL|PATH --to NEWFOLDER [--snapshot ID|latest]",
    "NEWFOLDER must not exist, and appears when all of it was fetched, checked against its sums,\n"
    "opened, and compared with its manifest. A restore that was interrupted goes on where it was.",
    flags,
    run};
