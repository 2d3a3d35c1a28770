/* follow_make.c — the folder of a follower: made beside its place from the newest snapshot and the
 * log behind it, marked as a follower's, and moved into its place; see follow.h.
 *
 *   FOLDER.follow-new: pitr_run -> FOLLOW -> exchange with FOLDER (or rename) -> remove the old one
 *
 * FOLDER.follow-new without a note is a make that did not come to its end. With one and without
 * FOLDER it is complete and lacks only its name. Otherwise it is the folder of before. */
#include "follow_inner.h"

#include "base/file.h"
#include "pitr.h"
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the replica --------------------------------------------------------------------------- */

varve_status follow_open_replica(follow_handle *f, varve_error *err)
{
    if (f->replica) return VARVE_OK;
    VV_TRY(varve_replica_open(f->folder, &f->replica, err));
    f->sequence = varve_replica_sequence(f->replica);
    f->sure = false;
    f->foot_timeline = 0;
    return VARVE_OK;
}

/* What a close cannot sync is applied again after the next open. */
void follow_close_replica(follow_handle *f)
{
    varve_status ignored = varve_replica_close(f->replica, NULL);
    (void)ignored;
    f->replica = NULL;
}

/* ---- into its place ------------------------------------------------------------------------ */

static varve_status sync_above(const char *folder, varve_error *err)
{
    char above[FOLLOW_PATH_SIZE];
    const char *slash = strrchr(folder, '/');
    (void)snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - folder) : 0, folder);
    return file_sync_dir(slash == folder ? "/" : above[0] ? above : ".", err);
}

static varve_status move(const follow_handle *f, bool exchange, varve_error *err)
{
    int flags = exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (renameat2(AT_FDCWD, f->fresh, AT_FDCWD, f->folder, flags) != 0)
        return vv_fail(err, VARVE_IO, "%s cannot take the place of %s: %s", f->fresh, f->folder,
                       strerror(errno));
    return sync_above(f->folder, err);
}

varve_status follow_resume(follow_handle *f, varve_error *err)
{
    follow_note note;
    follow_kind kind;
    char db_id[NAMES_ID_SIZE];
    VV_TRY(follow_look(f->folder, &kind, db_id, err));
    if (kind == FOLLOW_PROMOTED)
        return vv_fail(err, VARVE_CONFLICT, "%s was promoted: it is a writer's now", f->folder);
    bool whole = follow_note_read(f->fresh, &note, NULL) == VARVE_OK;
    if (kind == FOLLOW_NOTHING && whole) {
        if (file_exists(f->folder) && rmdir(f->folder) != 0)
            return vv_fail(err, VARVE_IO, "%s cannot be removed: %s", f->folder, strerror(errno));
        VV_TRY(move(f, false, err));
        kind = FOLLOW_FOLLOWER;
    }
    f->there = kind == FOLLOW_FOLLOWER;
    VV_TRY(file_remove_tree(f->fresh, err));
    if (f->there) VV_TRY(follow_note_read(f->folder, &f->note, err));
    return VARVE_OK;
}

/* ---- make ---------------------------------------------------------------------------------- */

/* As far as the log goes without a gap: what follows is the next steps'. */
static varve_status restore(follow_handle *f, pitr_result *ret, varve_error *err)
{
    pitr_range range;
    VV_TRY(pitr_find_range(f->r, f->writer, &range, err));
    const pitr_options options = {.target = PITR_LSN,
                                  .lsn = range.last_lsn,
                                  .timeline = f->writer,
                                  .folder = f->fresh,
                                  .reuse = f->there ? f->folder : NULL,
                                  .threads = f->o.threads,
                                  .pin_life_ms = f->o.pin_life_ms,
                                  .cancel = f->o.cancel,
                                  .progress = f->o.progress,
                                  .progress_arg = f->o.progress_arg};
    return pitr_run(f->r, &options, ret, err);
}

static varve_status mark(follow_handle *f, varve_error *err)
{
    follow_note n = {.timeline = f->writer};
    memcpy(n.repo_id, f->r->repo_id, sizeof n.repo_id);
    memcpy(n.db_id, f->r->db_id, sizeof n.db_id);
    memcpy(n.pin, f->note.pin, sizeof n.pin);
    VV_TRY(follow_note_write(f->fresh, &n, err));
    f->note = n;
    return VARVE_OK;
}

static varve_status take_place(follow_handle *f, varve_error *err)
{
    if (!f->there && file_exists(f->folder) && rmdir(f->folder) != 0)
        return vv_fail(err, VARVE_IO, "%s cannot be removed: %s", f->folder, strerror(errno));
    VV_TRY(move(f, f->there, err));
    if (f->there) publish_discard(f->fresh);
    f->there = true;
    return VARVE_OK;
}

varve_status follow_make(follow_handle *f, varve_error *err)
{
    pitr_result made = {0};
    VV_TRY(file_remove_tree(f->fresh, err));
    VV_TRY(publish_make_above(f->folder, err));
    VV_TRY(restore(f, &made, err));
    VV_TRY(mark(f, err));
    follow_close_replica(f);
    VV_TRY(take_place(f, err));
    f->anew = false;
    f->time_ms = VV_MAX(f->time_ms, made.time_ms);
    return follow_open_replica(f, err);
}
