/* store_repair.c — cut a damaged log at its first damage, in a copy, and adopt the copy if nothing
 * acknowledged is lost by it.
 *
 *   path                    path                       (none)                  path
 *   (damaged)   copy, cut   (damaged)      rename      path.repair   rename    (repaired)
 *              ---------->  path.repair  ----------->  path.damaged ---------> path.damaged
 *                           (whole)
 *
 * A crash left of the first rename leaves path as it was; the next open begins again. A crash
 * between the renames is the only moment when path is missing while both others are there:
 * store_repair_resume() does the second rename. Files that RocksDB never writes to again (sorted
 * tables) are hard links in the copy, all others are copies. */
#include "base/fault.h"
#include "base/file.h"
#include "store/store_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct repair_paths {
    char path[PATH_MAX], repair[PATH_MAX], damaged[PATH_MAX], parent[PATH_MAX];
} repair_paths;

static varve_status make_paths(const char *path, repair_paths *ret, varve_error *err)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len + sizeof ".damaged" > PATH_MAX)
        return vv_fail(err, VARVE_LIMIT, "path too long: %s", path);
    memcpy(ret->path, path, len);
    ret->path[len] = '\0';
    (void)snprintf(ret->repair, PATH_MAX, "%.*s.repair", (int)len, path);
    (void)snprintf(ret->damaged, PATH_MAX, "%.*s.damaged", (int)len, path);
    const char *slash = strrchr(ret->path, '/');
    if (slash)
        (void)snprintf(ret->parent, PATH_MAX, "%.*s",
                       slash == ret->path ? 1 : (int)(slash - ret->path), ret->path);
    else
        memcpy(ret->parent, ".", 2);
    return VARVE_OK;
}

/* ---- renames ------------------------------------------------------------------------------- */

static varve_status rename_folder(const char *from, const char *to, varve_error *err)
{
    int error = 0;
    if (VV_FAULT("store.rename") != VV_FAULT_NONE)
        error = EIO;
    else if (rename(from, to) != 0)
        error = errno;
    return error ? vv_fail(err, error == ENOSPC ? VARVE_NO_SPACE : VARVE_IO,
                           "cannot rename %s to %s: %s", from, to, strerror(error))
                 : VARVE_OK;
}

/* Undone if the second rename fails, so that path is never left missing while we live. */
static varve_status swap_in(const repair_paths *p, varve_error *err)
{
    VV_TRY(file_remove_tree(p->damaged, err));
    VV_TRY(file_sync_dir(p->parent, err));
    VV_TRY(rename_folder(p->path, p->damaged, err));
    varve_status status = rename_folder(p->repair, p->path, err);
    if (status != VARVE_OK) {
        varve_error undo = {0};
        if (rename_folder(p->damaged, p->path, &undo) != VARVE_OK)
            vv_error_prefix(err, "%s", undo.message);
        return status;
    }
    return file_sync_dir(p->parent, err);
}

varve_status store_repair_resume(const char *path, varve_error *err)
{
    repair_paths p;
    VV_TRY(make_paths(path, &p, err));
    if (file_exists(p.path) || !file_exists(p.repair) || !file_exists(p.damaged)) return VARVE_OK;
    VV_TRY(rename_folder(p.repair, p.path, err));
    return file_sync_dir(p.parent, err);
}

/* ---- repair -------------------------------------------------------------------------------- */

static void free_names(const char ***names) { free((void *)*names); }

static varve_status copy_folder(const repair_paths *p, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names n = {0};
    VV_CLEANUP(free_names) const char **copied = NULL;
    size_t count = 0;
    VV_TRY(file_list(p->path, &n, err));
    copied = calloc(n.count + 1, sizeof *copied);
    if (!copied) return vv_fail(err, VARVE_NO_MEMORY, "no memory to copy %s", p->path);
    for (size_t i = 0; i < n.count; i++) /* a whole name is a suffix too */
        if (!store_has_suffix(n.names[i], STORE_TABLE_SUFFIX)) copied[count++] = n.names[i];
    VV_TRY(file_remove_tree(p->repair, err));
    return file_link_tree(p->path, p->repair, copied, err);
}

varve_status store_cut_log(const char *path, const log_hole *hole, varve_error *err)
{
    char file[PATH_MAX];
    VV_CLEANUP(file_names_free) file_names logs = {0};
    bool behind = false;
    VV_TRY(store_list_logs(path, &logs, err));
    for (size_t i = 0; i < logs.count; i++) {
        VV_TRY(file_join(file, sizeof file, path, logs.names[i], err));
        if (behind) VV_TRY(file_unlink(file, err));
        if (strcmp(logs.names[i], hole->file) != 0) continue;
        behind = true;
        if (truncate(file, (off_t)hole->offset) != 0)
            return vv_fail(err, VARVE_IO, "cannot shorten %s: %s", file, strerror(errno));
    }
    return VARVE_OK;
}

/* Ends with the copy closed, on stable storage, with an empty log. hole: cut there, or NULL. */
static varve_status make_copy(const repair_paths *p, const store_options *options, log_mode mode,
                              const log_hole *hole, uint64_t *ret_sequence, varve_error *err)
{
    store *s = NULL;
    VV_TRY(copy_folder(p, err));
    if (hole) VV_TRY(store_cut_log(p->repair, hole, err));
    VV_TRY(store_open_mode(p->repair, options, mode, &s, err));
    varve_status status = store_flush(s, err);
    if (status == VARVE_OK) *ret_sequence = store_sequence(s);
    store_close(s);
    return status == VARVE_OK ? file_sync_dir(p->repair, err) : status;
}

/* A log file that is gone, or shorter than it was when it was closed, leaves a hole that the last
 * sequence does not show: the newer logs may well reach the floor. */
static bool tracked_log_lost(const char *message)
{
    return strstr(message, "Missing WAL") != NULL || strstr(message, "Size mismatch: WAL") != NULL;
}

bool store_can_cut(const store_damage *d, uint64_t floor)
{
    if (d->hole.file[0] && d->hole.last < floor) return false;
    return !d->manifest && !tracked_log_lost(d->why.message);
}

static varve_status fail_lost(const repair_paths *p, const store_damage *d, varve_error *err)
{
    return vv_fail(
        err, VARVE_CORRUPT,
        "%s; restore a backup, or give up what is lost with: varve fsck --accept-loss %s",
        d->why.message, p->parent);
}

/* Families are written to tables at different times, so after damage in an older log one of them
 * may be ahead of the point where the others would end: then there is no such point, and only who
 * accepts a loss gets all that can still be read. */
static varve_status try_repair(const repair_paths *p, const store_options *options,
                               const store_damage *d, varve_error *err)
{
    uint64_t sequence = 0;
    varve_error local = {0};
    bool cut = d->hole.file[0] && d->hole.last >= options->floor;
    if (!store_can_cut(d, options->floor) && !options->accept_loss) return fail_lost(p, d, err);
    varve_status status =
        make_copy(p, options, LOG_POINT_IN_TIME, cut ? &d->hole : NULL, &sequence, &local);
    if (status == VARVE_CORRUPT && !options->accept_loss) return fail_lost(p, d, err);
    if (status == VARVE_CORRUPT)
        status = make_copy(p, options, LOG_SKIP_DAMAGE, NULL, &sequence, &local);
    if (status == VARVE_CORRUPT)
        return vv_fail(err, VARVE_CORRUPT, "%s; restore a backup", d->why.message);
    if (status != VARVE_OK) return vv_fail(err, status, "%s", local.message);
    VV_TRY(store_check_floor(p->path, sequence, options, err));
    return swap_in(p, err);
}

varve_status store_repair(const char *path, const store_options *options, const store_damage *d,
                          varve_error *err)
{
    repair_paths p;
    VV_TRY(make_paths(path, &p, err));
    varve_status status = try_repair(&p, options, d, err);
    /* Only a copy that was good enough may be there when path is missing. */
    varve_error second = {0};
    if (status != VARVE_OK && file_exists(p.path) &&
        file_remove_tree(p.repair, &second) != VARVE_OK)
        vv_error_prefix(err, "%s", second.message);
    return status;
}
