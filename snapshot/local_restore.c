/* local_restore.c — verifying and restoring snapshots. */
#include "local_inner.h"

#include <string.h>

static void free_report(varve_report **r) { varve_report_free(*r); }

varve_status snapshot_verify(const char *path, varve_error *err)
{
    VV_CLEANUP(free_report) varve_report *report = NULL;
    snapshot_info info;
    VV_TRY(local_read_note(path, &info, err));
    VV_TRY(local_check_tree(path, err));
    VV_TRY(varve_fsck(path, &report, err));
    if (varve_report_count(report) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "snapshot %s is damaged: %s", path,
                   varve_report_line(report, 0));
}

/* Without names of its own, a restore takes what the snapshot is of. */
static snapshot_scope scope_of(const snapshot_info *info, snapshot_scope from)
{
    if (!from.database && info->database[0]) from.database = info->database;
    if (!from.collection && info->collection[0]) from.collection = info->collection;
    return from;
}

static varve_status check_names(snapshot_scope from, snapshot_scope to, varve_error *err)
{
    if (to.database && !from.database)
        return vv_fail(err, VARVE_INVALID,
                       "another database name needs a database of the snapshot to be named");
    if (to.collection && !from.collection)
        return vv_fail(err, VARVE_INVALID,
                       "another collection name needs a collection of the snapshot to be named");
    return VARVE_OK;
}

static varve_status add_counts(varve *db, const local_items *items, snapshot_info *info,
                               varve_error *err)
{
    info->rows = info->deleted = 0;
    info->collections = items->count;
    for (size_t i = 0; i < items->count; i++) {
        varve_collection *c;
        varve_collection_stats s;
        VV_TRY(varve_collection_open(db, items->all[i].from_database, items->all[i].from_collection,
                                     &c, err));
        varve_status status = varve_collection_get_stats(c, &s, err);
        varve_collection_release(c);
        if (status != VARVE_OK) return status;
        info->rows += s.rows_live;
        info->deleted += s.rows_deleted;
    }
    return VARVE_OK;
}

/* ---- a database as a whole ----------------------------------------------------------------- */

static varve_status check_whole(varve *db, const char *database, bool overwrite, varve_error *err)
{
    if (overwrite || !varve_database_exists(db, database)) return VARVE_OK;
    return vv_fail(err, VARVE_EXISTS, "database already exists: %s", database);
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status copy_items(varve *from, varve *to, const snapshot_restore_request *r,
                               snapshot_info *info, varve_error *err)
{
    VV_CLEANUP(local_items_done) local_items items = {0};
    varve_copy_options options = {.overwrite = r->overwrite};
    snapshot_scope scope = scope_of(info, r->from);
    const char *database = r->to.database ? r->to.database : scope.database;
    bool whole = r->whole && database && !scope.collection;
    if (whole) VV_TRY(check_whole(to, database, r->overwrite, err));
    VV_TRY(local_items_find(from, scope, r->to, &items, err));
    VV_TRY(add_counts(from, &items, info, err));
    if (whole) options.whole_database = database;
    return varve_copy(from, items.all, items.count, to, &options, NULL, err);
}

varve_status snapshot_restore(varve *db, const snapshot_restore_request *r, snapshot_info *ret,
                              varve_error *err)
{
    snapshot_info info;
    varve *from;
    varve_options options;
    VV_TRY(local_read_note(r->path, &info, err));
    VV_TRY(check_names(scope_of(&info, r->from), r->to, err));
    VV_TRY(r->unverified ? local_check_tree(r->path, err) : snapshot_verify(r->path, err));
    varve_options_init(&options);
    options.read_only = true;
    VV_TRY(varve_open(r->path, &options, &from, err));
    varve_status status = copy_items(from, db, r, &info, err);
    (void)varve_close(from, NULL);
    if (status == VARVE_OK) *ret = info;
    return status;
}

varve_status snapshot_restore_folder(const char *path, const char *folder, varve_error *err)
{
    varve *from;
    varve_options options;
    varve_checkpoint_info info;
    VV_TRY(snapshot_verify(path, err));
    varve_options_init(&options);
    options.read_only = true;
    VV_TRY(varve_open(path, &options, &from, err));
    varve_status status = varve_checkpoint_to(from, folder, &info, err);
    (void)varve_close(from, NULL);
    return status;
}
