/* store_folder.c — what can be said of a row store's folder before RocksDB opens it. */
#include "base/file.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

bool store_has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

int store_folder_len(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return (int)len;
}

varve_status store_check_floor(const char *path, uint64_t sequence, const store_options *options,
                               varve_error *err)
{
    int len = store_folder_len(path);
    if (sequence >= options->floor || options->accept_loss) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT,
                   "the log of %s ends at sequence %" PRIu64 " but writes up to %" PRIu64
                   " were acknowledged; restore a backup, or give up the difference with: varve "
                   "fsck --accept-loss %.*s",
                   path, sequence, options->floor, len ? len : 1, len ? path : ".");
}

static varve_status list_if_there(const char *path, file_names *ret, varve_error *err)
{
    varve_error local = {0};
    varve_status status = file_list(path, ret, &local);
    if (status == VARVE_NOT_FOUND) return VARVE_OK; /* nothing in it */
    if (status != VARVE_OK) vv_error_set(err, status, "%s", local.message);
    return status;
}

/* A crash while a store is made may leave a manifest that CURRENT does not name yet, but no log and
 * no table. */
varve_status store_folder_state(const char *path, folder_state *ret, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    folder_state state = FOLDER_EMPTY;
    VV_TRY(list_if_there(path, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        if (strcmp(n.names[i], "CURRENT") == 0) {
            *ret = FOLDER_WHOLE;
            return VARVE_OK;
        }
        if (store_has_suffix(n.names[i], STORE_TABLE_SUFFIX) ||
            store_has_suffix(n.names[i], STORE_LOG_SUFFIX))
            state = FOLDER_BEHEADED;
    }
    *ret = state;
    return VARVE_OK;
}

/* ---- sync ---------------------------------------------------------------------------------- */

static varve_status sync_file(const char *path, varve_error *err)
{
    VV_CLEANUP(vv_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fdatasync(fd) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_IO, "cannot sync %s: %s", path, strerror(errno));
}

/* What a killed process had written without fsync is in the page cache and will be replayed, built
 * upon and acknowledged; the log that holds it is never written to again, hence never synced. */
varve_status store_sync_logs(const char *path, varve_error *err)
{
    char file[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names n = {0};
    VV_TRY(list_if_there(path, &n, err));
    for (size_t i = 0; i < n.count; i++) {
        if (!store_has_suffix(n.names[i], STORE_LOG_SUFFIX)) continue;
        VV_TRY(file_join(file, sizeof file, path, n.names[i], err));
        VV_TRY(sync_file(file, err));
    }
    return n.count ? file_sync_dir(path, err) : VARVE_OK;
}

/* The manifest first: an owner that runs beside us only makes it longer. */
varve_status store_look(const char *path, store_damage *ret)
{
    *ret = (store_damage){0};
    varve_status status = store_manifest_check(path, &ret->why);
    ret->manifest = status != VARVE_OK;
    if (status == VARVE_OK) status = store_find_hole(path, &ret->hole, &ret->why);
    /* A log that an owner removed meanwhile. */
    return status == VARVE_NOT_FOUND ? VARVE_CORRUPT : status;
}
