/* checkpoint.c — a folder of its own with the state of one moment, beside the folder.
 *
 *   path.making/LOCK taken, rest removed -> files held -> rocks/ (store_checkpoint) -> its
 *   catalogue read -> segments/ linked as it says -> ACKED, FORMAT -> all synced -> renamed to path
 *
 * (1) What is linked is what the checkpoint's own catalogue names; the hold (dropped.h) begins
 *     before it is made, so no such file is gone when it is linked.
 * (2) No session is past its commit point and not at its end: its rows would be in files of its
 *     desk, and a folder that needs them could not be opened for reading. Such a session holds
 *     writer_lock; when the checkpoint has met one it is made again under that lock, which is
 *     awaited as a writer would. Without sessions no lock is taken.
 * (3) A copy that is under way (copy.c) may be in it half: the next open undoes it. */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "db/dropped.h"
#include "db/format.h"
#include "db/indexes.h"
#include "db/manifest_files.h"
#include "db/session.h"
#include "varve_snapshot.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct checkpoint {
    varve *db;
    char path[DB_PATH_MAX], temporary[DB_PATH_MAX], parent[DB_PATH_MAX];
    lock_file lock;  /* of temporary */
    store *made;     /* its row store, for reading */
    uint32_t folder; /* the last collection that has one */
    varve_checkpoint_info info;
} checkpoint;

static varve_status point(const char *name, varve_error *err)
{
    fault_kind fault = VV_FAULT(name);
    (void)name;
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    return vv_fail(err, fault == VV_FAULT_ENOSPC ? VARVE_NO_SPACE : VARVE_IO, "a fault at %s",
                   name);
}

/* ---- names and the temporary folder */

static varve_status set_paths(checkpoint *k, const char *path, varve_error *err)
{
    size_t len = path ? strlen(path) : 0;
    if (len == 0) return vv_fail(err, VARVE_INVALID, "path: the name of a new folder is expected");
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len > DB_PATH_MAX / 2)
        return vv_fail(err, VARVE_LIMIT, "path: more than %d bytes", DB_PATH_MAX / 2);
    snprintf(k->path, sizeof k->path, "%.*s", (int)len, path);
    snprintf(k->temporary, sizeof k->temporary, "%.*s.making", (int)len, path);
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    snprintf(k->parent, sizeof k->parent, "%.*s", len ? (int)len : 1, len ? path : ".");
    return VARVE_OK;
}

static varve_status check_place(const checkpoint *k, varve_error *err)
{
    struct stat ours, theirs;
    if (file_exists(k->path)) return vv_fail(err, VARVE_EXISTS, "%s exists already", k->path);
    if (stat(k->db->path, &ours) != 0 || stat(k->parent, &theirs) != 0)
        return vv_fail(err, errno == ENOENT ? VARVE_NOT_FOUND : VARVE_IO, "cannot look at %s: %s",
                       k->parent, strerror(errno));
    if (ours.st_dev == theirs.st_dev) return VARVE_OK;
    return vv_fail(err, VARVE_UNSUPPORTED,
                   "%s is on another file system than the folder: files cannot be linked there",
                   k->parent);
}

/* What a crash has left goes, but for LOCK, which says that nobody else is at work there. */
static varve_status clear_temporary(const checkpoint *k, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    char path[DB_PATH_MAX];
    VV_TRY(file_list(k->temporary, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        if (strcmp(n.names[i], "LOCK") == 0) continue;
        VV_TRY(file_join(path, sizeof path, k->temporary, n.names[i], err));
        VV_TRY(file_remove_tree(path, err));
    }
    return VARVE_OK;
}

static varve_status in_temporary(const checkpoint *k, const char *name, char ret[DB_PATH_MAX],
                                 varve_error *err)
{
    return file_join(ret, DB_PATH_MAX, k->temporary, name, err);
}

static varve_status begin(checkpoint *k, varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(file_make_dir(k->temporary, err));
    VV_TRY(in_temporary(k, "LOCK", path, err));
    VV_TRY(lock_take(path, &k->lock, err));
    VV_TRY(clear_temporary(k, err));
    return point("checkpoint.begun", err);
}

/* ---- the row store */

static void unmake_store(checkpoint *k)
{
    store_close(k->made);
    k->made = NULL;
}

static varve_status make_store(checkpoint *k, bool *ret_pending, varve_error *err)
{
    char path[DB_PATH_MAX];
    const store_options options = {
        .read_only = true, .catalog_only = true, .block_cache_bytes = 1 << 20};
    VV_TRY(in_temporary(k, "rocks", path, err));
    VV_TRY(file_remove_tree(path, err));
    VV_TRY(store_checkpoint(k->db->store, path, err));
    VV_TRY(point("checkpoint.store", err));
    VV_TRY(store_open(path, &options, &k->made, NULL, err));
    k->info.sequence = store_sequence(k->made);
    return sessions_pending(k->made, ret_pending, err);
}

static varve_status make_store_alone(checkpoint *k, varve_error *err)
{
    bool pending = false;
    unmake_store(k);
    pthread_mutex_lock(&k->db->writer_lock);
    varve_status status = make_store(k, &pending, err);
    pthread_mutex_unlock(&k->db->writer_lock);
    if (status == VARVE_OK && pending)
        return vv_fail(err, VARVE_CONFLICT, "a session waits to be completed by the next open");
    return status;
}

/* The time is asked for last: it may be that of a later commit, but never of an earlier one. */
static varve_status make_row_store(checkpoint *k, varve_error *err)
{
    bool pending = false;
    VV_TRY(make_store(k, &pending, err));
    if (pending) VV_TRY(make_store_alone(k, err));
    k->info.time_ms = atomic_load(&k->db->committed_ms);
    return VARVE_OK;
}

/* ---- segments */

static varve_status make_folder(checkpoint *k, uint32_t cid, varve_error *err)
{
    char name[32], path[DB_PATH_MAX];
    if (k->folder == cid) return VARVE_OK;
    if (k->folder) {
        snprintf(name, sizeof name, "segments/%u", k->folder);
        VV_TRY(in_temporary(k, name, path, err));
        VV_TRY(file_sync_dir(path, err));
    }
    k->folder = cid;
    if (cid == 0) return VARVE_OK;
    snprintf(name, sizeof name, "segments/%u", cid);
    VV_TRY(in_temporary(k, name, path, err));
    return file_make_dir(path, err);
}

static varve_status count_file(checkpoint *k, const char *path, varve_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return vv_fail(err, VARVE_IO, "cannot look at %s: %s", path, strerror(errno));
    k->info.files++;
    k->info.bytes += (uint64_t)st.st_size;
    return VARVE_OK;
}

static varve_status link_one(void *arg, const manifest_file *file, varve_error *err)
{
    checkpoint *k = arg;
    char from[DB_PATH_MAX], to[DB_PATH_MAX];
    VV_TRY(make_folder(k, file->cid, err));
    VV_TRY(db_path(k->db, file->path, from, err));
    VV_TRY(in_temporary(k, file->path, to, err));
    bool missing = false;
    varve_status status = manifest_file_link(from, to, &missing, err);
    if (missing && k->db->options.read_only)
        return vv_fail(err, VARVE_CONFLICT, "%s is gone: the owner of the folder removed it", from);
    if (missing && file->is_index) return VARVE_OK; /* lost: searches do without it */
    if (status != VARVE_OK) return status;
    return count_file(k, to, err);
}

/* ---- the rest */

static varve_status count_rocks(checkpoint *k, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    char rocks[DB_PATH_MAX], path[DB_PATH_MAX];
    VV_TRY(in_temporary(k, "rocks", rocks, err));
    VV_TRY(file_list(rocks, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        VV_TRY(file_join(path, sizeof path, rocks, n.names[i], err));
        VV_TRY(count_file(k, path, err));
    }
    return VARVE_OK;
}

/* FORMAT last: a folder that has it is whole. */
static varve_status finish(checkpoint *k, varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(make_folder(k, 0, err));
    VV_TRY(count_rocks(k, err));
    VV_TRY(in_temporary(k, "ACKED", path, err));
    VV_TRY(floor_reset_at(path, k->info.sequence, k->info.time_ms, err));
    VV_TRY(format_write(k->temporary, FORMAT_VERSION, err));
    VV_TRY(format_make_dirs(k->temporary, err));
    VV_TRY(count_file(k, path, err));
    VV_TRY(in_temporary(k, "FORMAT", path, err));
    VV_TRY(count_file(k, path, err));
    return point("checkpoint.filled", err);
}

static varve_status fill(checkpoint *k, varve_error *err)
{
    VV_TRY(begin(k, err));
    dropped_hold(k->db);
    varve_status status = make_row_store(k, err);
    if (status == VARVE_OK) status = manifest_files_each(k->made, link_one, k, err);
    dropped_release(k->db);
    unmake_store(k);
    return status == VARVE_OK ? finish(k, err) : status;
}

static varve_status publish(const checkpoint *k, varve_error *err)
{
    if (file_exists(k->path)) return vv_fail(err, VARVE_EXISTS, "%s exists already", k->path);
    if (rename(k->temporary, k->path) != 0)
        return vv_fail(err, VARVE_IO, "cannot rename %s to %s: %s", k->temporary, k->path,
                       strerror(errno));
    varve_status status = file_sync_dir(k->parent, err);
    if (status == VARVE_OK) status = point("checkpoint.renamed", err);
    varve_error second = {0};
    if (status != VARVE_OK && file_remove_tree(k->path, &second) != VARVE_OK)
        vv_error_prefix(err, "%s", second.message);
    return status;
}

varve_status varve_checkpoint_to(varve *db, const char *path, varve_checkpoint_info *ret_info,
                                 varve_error *err)
{
    checkpoint k = {.db = db, .lock = LOCK_FILE_NONE};
    VV_TRY(set_paths(&k, path, err));
    if (!db->options.read_only) VV_TRY(db_check_writable(db, false, err));
    VV_TRY(check_place(&k, err));
    varve_status status = fill(&k, err);
    if (status == VARVE_OK) status = publish(&k, err);
    unmake_store(&k);
    if (status != VARVE_OK && store_is_broken(db->store)) db_break(db, err);
    varve_error second = {0};
    bool ours = k.lock.fd >= 0;
    if (status != VARVE_OK && ours && file_remove_tree(k.temporary, &second) != VARVE_OK)
        vv_error_prefix(err, "%s", second.message); /* the next call removes it */
    lock_drop(&k.lock);
    if (status == VARVE_OK && ret_info) *ret_info = k.info;
    return status;
}
