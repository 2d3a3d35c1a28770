/* restore.c — the steps of a restore, in the order that restore.h promises. */
#include "restore.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "contents.h"
#include "each.h"
#include "pins.h"
#include "publish.h"
#include "restore_files.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE       4096
#define THREADS_DEFAULT 4
#define CHOOSE_TRIES    3

typedef struct restore_job {
    repo *r;
    const restore_options *o;
    manifest manifest;
    object_name name;
    char temporary[PATH_SIZE];
    lock_file lock;
    uint8_t (*blobs)[SUMS_BYTES];
    bool pinned;
    pthread_mutex_t mutex; /* guards what is below; held over the renewal of the pin */
    pin_handle pin;
    restore_progress progress;
    uint64_t files_kept, bytes_kept;
} restore_job;

/* ---- before -------------------------------------------------------------------------------- */

/* Left by a restore that ended right behind its rename. */
static varve_status refuse(const restore_job *j, const char *path, varve_error *err)
{
    lock_file left = LOCK_FILE_NONE;
    varve_status ignored = VARVE_OK;
    if (file_exists(path)) ignored = lock_take(path, &left, NULL);
    if (left.fd >= 0) ignored = file_unlink(path, NULL);
    (void)ignored;
    lock_drop(&left);
    return vv_fail(err, VARVE_EXISTS, "%s is there already; nothing is overwritten", j->o->folder);
}

/* The lock lies beside the folder, whose files are all accounted for. */
static varve_status take_place(restore_job *j, varve_error *err)
{
    char path[PATH_SIZE];
    int n = snprintf(j->temporary, sizeof j->temporary, "%s.restore-tmp", j->o->folder);
    int l = snprintf(path, sizeof path, "%s.restore-lock", j->o->folder);
    if (n < 0 || l < 0 || n >= PATH_SIZE || l >= PATH_SIZE)
        return vv_fail(err, VARVE_LIMIT, "%s is too long", j->o->folder);
    if (n == (int)strlen(".restore-tmp") || j->o->folder[strlen(j->o->folder) - 1] == '/')
        return vv_fail(err, VARVE_INVALID, "the folder to restore to is empty, or ends in a slash");
    if (file_exists(j->o->folder)) return refuse(j, path, err);
    VV_TRY(lock_take(path, &j->lock, err));
    if (lock_names(&j->lock, path)) return VARVE_OK;
    return vv_fail(err, VARVE_LOCKED, "another restore to %s is just ending", j->o->folder);
}

static varve_status choose(restore_job *j, varve_error *err)
{
    uint64_t max = j->o->lsn_max ? j->o->lsn_max : UINT64_MAX;
    if (j->o->snap_id) return snapshots_find(j->r, j->o->snap_id, &j->name, err);
    return snapshots_newest(j->r, max, &j->name, err);
}

/* The pin needs the manifest's blobs, so the manifest is read first; that it is still there under
 * the pin says that no collection has gone for its blobs. */
static varve_status pin_snapshot(restore_job *j, varve_error *err)
{
    char key[NAMES_KEY_MAX];
    remote_stat_result found;
    const manifest *m = &j->manifest;
    j->blobs = calloc(m->file_count + 1, sizeof *j->blobs);
    if (!j->blobs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a pin");
    for (size_t i = 0; i < m->file_count; i++)
        memcpy(j->blobs[i], m->files[i].blob, SUMS_BYTES);
    memcpy(j->blobs[m->file_count], m->list.blob, SUMS_BYTES);
    const pin what = {.kind = PIN_RESTORE,
                      .blobs = (const uint8_t(*)[SUMS_BYTES])j->blobs,
                      .blob_count = m->file_count + m->listed};
    uint64_t life = j->o->pin_life_ms ? j->o->pin_life_ms : PIN_LIFE_MS;
    VV_TRY(pin_take(j->r, &what, life, &j->pin, err));
    j->pinned = true;
    names_build(&j->name, key);
    return remote_stat(j->r->remote, key, &found, err);
}

static varve_status load(restore_job *j, varve_error *err)
{
    manifest *m = &j->manifest;
    size_t count = 0;
    void *list;
    VV_TRY(snapshots_load(j->r, &j->name, m, err));
    if (!j->o->wanted) return VARVE_OK;
    VV_TRY(arena_take(&m->memory, m->file_count, sizeof *m->files, &list, err));
    for (size_t i = 0; i < m->file_count; i++)
        if (j->o->wanted(j->o->wanted_arg, &m->files[i]))
            ((manifest_file *)list)[count++] = m->files[i];
    m->files = list;
    m->file_count = count;
    return VARVE_OK;
}

/* Without a name it is the newest that is wanted: if retention took it meanwhile, the next one. */
static varve_status settle(restore_job *j, varve_error *err)
{
    varve_status status = VARVE_NOT_FOUND;
    for (int i = 0; i < CHOOSE_TRIES && status == VARVE_NOT_FOUND; i++) {
        if (j->pinned) VV_TRY(pin_drop(&j->pin, err));
        j->pinned = false;
        manifest_done(&j->manifest);
        free(j->blobs);
        j->blobs = NULL;
        VV_TRY(choose(j, err));
        status = load(j, err);
        if (status == VARVE_OK) status = pin_snapshot(j, err);
        if (j->o->snap_id) break;
    }
    return status;
}

/* ---- files --------------------------------------------------------------------------------- */

static void tell(restore_job *j)
{
    if (j->o->progress) j->o->progress(j->o->progress_arg, &j->progress);
}

static varve_status note(restore_job *j, const manifest_file *f, bool kept, varve_error *err)
{
    const remote_cancel *c = &j->o->cancel;
    j->files_kept += kept;
    j->bytes_kept += kept ? f->size : 0;
    j->progress.files++;
    j->progress.bytes += f->size;
    tell(j);
    if (c->asked && c->asked(c->arg)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    return pin_keep(&j->pin, err);
}

static varve_status fetch_task(void *arg, size_t i, varve_error *err)
{
    restore_job *j = arg;
    const manifest_file *f = &j->manifest.files[i];
    bool kept = false;
    VV_TRY(restore_file(j->r, j->temporary, j->o->reuse, f, &j->o->cancel, &kept, err));
    (void)pthread_mutex_lock(&j->mutex);
    varve_status status = note(j, f, kept, err);
    (void)pthread_mutex_unlock(&j->mutex);
    return status;
}

static varve_status fetch(restore_job *j, varve_error *err)
{
    size_t threads = j->o->threads ? j->o->threads : THREADS_DEFAULT;
    j->progress = (restore_progress){.stage = "fetch", .files_all = j->manifest.file_count};
    for (size_t i = 0; i < j->manifest.file_count; i++)
        j->progress.bytes_all += j->manifest.files[i].size;
    VV_TRY(file_make_dir(j->temporary, err));
    VV_TRY(restore_make_folders(j->temporary, &j->manifest, err));
    return each_run(threads, j->manifest.file_count, fetch_task, j, err);
}

/* ---- after --------------------------------------------------------------------------------- */

/* Every row, and of the golden searches of each collection one. */
static varve_status check_contents(const restore_job *j, varve_error *err)
{
    const contents_check_options options = {.golden_max = 1, .cancel = j->o->cancel};
    contents_checked checked;
    if (j->o->no_contents || !contents_are_known(&j->manifest)) return VARVE_OK;
    return contents_check(j->temporary, &j->manifest, &options, &checked, err);
}

static varve_status check(restore_job *j, varve_error *err)
{
    j->progress.stage = "open";
    tell(j);
    if (!j->o->no_open) VV_TRY(restore_open_check(j->temporary, &j->manifest, err));
    if (!j->o->no_open) VV_TRY(check_contents(j, err));
    if (j->o->check) VV_TRY(j->o->check(j->o->check_arg, j->temporary, &j->manifest, err));
    return VARVE_OK;
}

static varve_status run(restore_job *j, varve_error *err)
{
    VV_TRY(take_place(j, err));
    VV_TRY(settle(j, err));
    VV_TRY(fetch(j, err));
    VV_TRY(check(j, err));
    j->progress.stage = "sync";
    tell(j);
    /* What the check may have left (logs of the row store) goes again. */
    VV_TRY(restore_make_folders(j->temporary, &j->manifest, err));
    VV_TRY(restore_sync_folders(j->temporary, &j->manifest, err));
    return publish_folder(j->temporary, j->o->folder, err);
}

static void let_go(restore_job *j)
{
    char path[PATH_SIZE];
    varve_status ignored = VARVE_OK;
    if (j->pinned) ignored = pin_drop(&j->pin, NULL);
    snprintf(path, sizeof path, "%.4000s.restore-lock", j->o->folder);
    if (j->lock.fd >= 0) ignored = file_unlink(path, NULL);
    (void)ignored;
    lock_drop(&j->lock);
    manifest_done(&j->manifest);
    free(j->blobs);
    (void)pthread_mutex_destroy(&j->mutex);
}

varve_status restore_run(repo *r, const restore_options *options, restore_result *ret,
                         varve_error *err)
{
    restore_job j = {
        .r = r, .o = options, .lock = LOCK_FILE_NONE, .mutex = PTHREAD_MUTEX_INITIALIZER};
    uint64_t begin = clock_now_ns();
    varve_status status = run(&j, err);
    const restore_result result = {.snapshot = j.name,
                                   .files = j.progress.files_all,
                                   .bytes = j.progress.bytes_all,
                                   .files_kept = j.files_kept,
                                   .bytes_kept = j.bytes_kept,
                                   .seconds = (double)(clock_now_ns() - begin) / 1e9};
    let_go(&j);
    if (status == VARVE_OK) *ret = result;
    return status;
}
