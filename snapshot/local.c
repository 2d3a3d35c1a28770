/* local.c — making, listing and deleting snapshots. */
#include "local_inner.h"

#include "base/clock.h"
#include "base/file.h"
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool snapshot_name_is_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(name);
    return len >= 1 && len <= 128 && name[0] != '.' && strspn(name, allowed) == len &&
           !strstr(name, LOCAL_SUFFIX) && !strstr(name, LOCAL_GONE);
}

/* ---- counts -------------------------------------------------------------------------------- */

static void release(varve_collection **c) { varve_collection_release(*c); }

static varve_status count_rows(varve *db, snapshot_info *info, varve_error *err)
{
    VV_CLEANUP(local_items_done) local_items items = {0};
    VV_TRY(local_items_find(db, (snapshot_scope){NULL, NULL}, (snapshot_scope){NULL, NULL}, &items,
                            err));
    for (size_t i = 0; i < items.count; i++) {
        VV_CLEANUP(release) varve_collection *c = NULL;
        varve_collection_stats s;
        VV_TRY(varve_collection_open(db, items.all[i].from_database, items.all[i].from_collection,
                                     &c, err));
        VV_TRY(varve_collection_get_stats(c, &s, err));
        info->rows += s.rows_live;
        info->deleted += s.rows_deleted;
    }
    info->collections = items.count;
    return VARVE_OK;
}

static varve_status count_folder(const char *folder, snapshot_info *info, varve_error *err)
{
    varve *db;
    varve_options options;
    varve_options_init(&options);
    options.read_only = true;
    VV_TRY(varve_open(folder, &options, &db, err));
    varve_status status = count_rows(db, info, err);
    (void)varve_close(db, NULL);
    return status;
}

/* ---- making -------------------------------------------------------------------------------- */

static varve_status make_all(varve *db, const char *folder, snapshot_info *info, varve_error *err)
{
    varve_checkpoint_info made;
    VV_TRY(varve_checkpoint_to(db, folder, &made, err));
    info->sequence = made.sequence;
    return VARVE_OK;
}

static varve_status copy_scope(varve *db, snapshot_scope scope, varve *to, varve_error *err)
{
    VV_CLEANUP(local_items_done) local_items items = {0};
    VV_TRY(local_items_find(db, scope, (snapshot_scope){NULL, NULL}, &items, err));
    if (items.count == 0) return VARVE_OK;
    return varve_copy(db, items.all, items.count, to, NULL, NULL, err);
}

/* A folder that has nothing but what is in scope. */
static varve_status make_scope(varve *db, snapshot_scope scope, const char *folder,
                               varve_error *err)
{
    varve *to;
    varve_status status;
    if (!varve_database_exists(db, scope.database))
        return vv_fail(err, VARVE_NOT_FOUND, "Database not found: %s", scope.database);
    VV_TRY(varve_open(folder, NULL, &to, err));
    status = strcmp(scope.database, "default") ? varve_database_create(to, scope.database, err)
                                               : VARVE_OK;
    if (status == VARVE_OK) status = copy_scope(db, scope, to, err);
    if (status == VARVE_OK) return varve_close(to, err);
    varve_abandon(to);
    return status;
}

static void remove_folder(char **folder) { publish_discard(*folder); }

varve_status snapshot_create(varve *db, snapshot_scope scope, const char *path, snapshot_info *ret,
                             varve_error *err)
{
    char folder[LOCAL_PATH_MAX];
    VV_CLEANUP(vv_closep) int root = -1;
    VV_CLEANUP(remove_folder) char *made = folder;
    snapshot_info info = {.created_ms = clock_wall_ms()};
    folder[0] = 0;
    if (file_exists(path))
        return vv_fail(err, VARVE_EXISTS, "snapshot path already exists: %s", path);
    if (strlen(path) + sizeof LOCAL_SUFFIX + 64 >= LOCAL_PATH_MAX)
        return vv_fail(err, VARVE_LIMIT, "the path of the snapshot is too long");
    VV_TRY(publish_make_above(path, err));
    VV_TRY(local_enter_root(path, &root, err));
    (void)snprintf(folder, sizeof folder, "%s" LOCAL_SUFFIX, path);
    VV_TRY(file_remove_tree(folder, err));
    VV_TRY(scope.database ? make_scope(db, scope, folder, err) : make_all(db, folder, &info, err));
    info.kind = !scope.database    ? SNAPSHOT_ALL
                : scope.collection ? SNAPSHOT_COLLECTION
                                   : SNAPSHOT_DATABASE;
    (void)snprintf(info.database, sizeof info.database, "%s", scope.database ? scope.database : "");
    (void)snprintf(info.collection, sizeof info.collection, "%s",
                   scope.collection ? scope.collection : "");
    VV_TRY(count_folder(folder, &info, err));
    VV_TRY(local_add_bytes(folder, &info.bytes, err));
    VV_TRY(local_write_note(folder, &info, err));
    VV_TRY(publish_folder(folder, path, err));
    folder[0] = 0;
    local_take_name(path, &info);
    *ret = info;
    return VARVE_OK;
}

varve_status snapshot_inspect(const char *path, snapshot_info *ret, varve_error *err)
{
    return local_read_note(path, ret, err);
}

/* ---- lists --------------------------------------------------------------------------------- */

void snapshot_list_done(snapshot_list *list) { free(list->all); }

static void free_file_names(file_names *names) { file_names_free(names); }

varve_status snapshot_list_read(const char *root, snapshot_list *ret, varve_error *err)
{
    VV_CLEANUP(free_file_names) file_names names = {0};
    snapshot_list list = {0};
    if (!file_exists(root)) {
        *ret = list;
        return VARVE_OK;
    }
    VV_TRY(file_list(root, &names, err));
    list.all = malloc(VV_MAX(names.count, (size_t)1) * sizeof *list.all);
    if (!list.all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of snapshots");
    for (size_t i = 0; i < names.count; i++) {
        char path[LOCAL_PATH_MAX];
        if (!snapshot_name_is_valid(names.names[i])) continue;
        if (file_join(path, sizeof path, root, names.names[i], NULL) != VARVE_OK) continue;
        if (local_read_note(path, &list.all[list.count], NULL) == VARVE_OK) list.count++;
    }
    *ret = list;
    return VARVE_OK;
}

/* Its name goes in one step, and its files after that: half a snapshot is none. */
varve_status snapshot_delete(const char *path, varve_error *err)
{
    VV_CLEANUP(vv_closep) int root = -1;
    char gone[LOCAL_PATH_MAX];
    snapshot_info info;
    int n = snprintf(gone, sizeof gone, "%s" LOCAL_GONE, path);
    if (n < 0 || (size_t)n >= sizeof gone)
        return vv_fail(err, VARVE_LIMIT, "the path of the snapshot is too long");
    VV_TRY(local_enter_root(path, &root, err));
    VV_TRY(local_read_note(path, &info, err));
    VV_TRY(file_remove_tree(gone, err));
    VV_TRY(publish_folder(path, gone, err));
    return file_remove_tree(gone, err);
}
