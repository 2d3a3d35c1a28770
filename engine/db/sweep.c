/* sweep.c — at open, whatever the manifest does not name is a leftover of a crash: temporary files,
 * whole segments and indexes whose batch was never written, files of dropped collections, the desks
 * of sessions that never came to their commit point and of compaction jobs. */
#include "base/file.h"
#include "db/manifest_files.h"

#include <stdlib.h>

/* What the manifest names: "<collection>/<file>" of segments/. */
typedef struct live_files {
    hashmap names;
} live_files;

/* An index record that cannot be read names nothing: its file goes, and is built anew. */
static varve_status live_add(void *arg, const manifest_file *file, varve_error *err)
{
    live_files *l = arg;
    char name[MANIFEST_PATH_MAX];
    int len = snprintf(name, sizeof name, "%u/%s", file->cid, file->name);
    if (!hashmap_put(&l->names, name, (size_t)len, l))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the manifest");
    return VARVE_OK;
}

/* directory: that of the collection; its name in segments/ is cid. */
static varve_status sweep_collection(const char *directory, const char *cid, const live_files *l,
                                     size_t *ret_kept, varve_error *err)
{
    file_names names = {0};
    VV_TRY(file_list(directory, &names, err));
    varve_status status = VARVE_OK;
    *ret_kept = 0;
    for (size_t i = 0; i < names.count && status == VARVE_OK; i++) {
        char path[DB_PATH_MAX];
        status = file_join(path, sizeof path, cid, names.names[i], err);
        if (status == VARVE_OK && hashmap_get(&l->names, path, strlen(path))) {
            ++*ret_kept;
            continue;
        }
        if (status == VARVE_OK)
            status = file_join(path, sizeof path, directory, names.names[i], err);
        if (status == VARVE_OK) status = file_unlink(path, err);
    }
    file_names_free(&names);
    return status;
}

static varve_status sweep_segments(varve *db, const live_files *l, varve_error *err)
{
    char root[DB_PATH_MAX], path[DB_PATH_MAX], again[32];
    file_names names = {0};
    VV_TRY(db_path(db, "segments", root, err));
    VV_TRY(file_list(root, &names, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < names.count && status == VARVE_OK; i++) {
        size_t kept = 0;
        snprintf(again, sizeof again, "%lu", strtoul(names.names[i], NULL, 10));
        status = file_join(path, sizeof path, root, names.names[i], err);
        if (status == VARVE_OK && strcmp(again, names.names[i]) == 0)
            status = sweep_collection(path, again, l, &kept, err);
        if (status == VARVE_OK && kept == 0) status = file_remove_tree(path, err);
    }
    file_names_free(&names);
    return status;
}

varve_status sweep_files(varve *db, varve_error *err)
{
    char work[DB_PATH_MAX];
    live_files l;
    hashmap_init(&l.names);
    varve_status status = manifest_files_each(db->store, live_add, &l, err);
    if (status == VARVE_OK) status = sweep_segments(db, &l, err);
    hashmap_done(&l.names);
    VV_TRY(status);
    VV_TRY(db_path(db, "work", work, err));
    VV_TRY(file_remove_tree(work, err));
    return file_make_dir(work, err);
}
