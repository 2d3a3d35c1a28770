/* backup_store.c — files of a backup into the repository: skipped, or stored and looked at. See
 * backup.h, (2). */
#include "backup_inner.h"

#include "base/bytes.h"
#include "base/file.h"
#include "each.h"

#include <string.h>

#define PATH_SIZE     4096
#define CHECK_SHARE   0.01
#define SAMPLE_BUCKET 1000000u

void backup_stage(backup_job *b, const char *stage, uint64_t files, uint64_t bytes)
{
    b->progress = (backup_progress){.stage = stage, .files_all = files, .bytes_all = bytes};
    if (b->o->progress) b->o->progress(b->o->progress_arg, &b->progress);
}

static varve_status step_locked(backup_job *b, uint64_t bytes, varve_error *err)
{
    const remote_cancel *c = &b->o->cancel;
    b->progress.files++;
    b->progress.bytes += bytes;
    if (b->o->progress) b->o->progress(b->o->progress_arg, &b->progress);
    if (c->asked && c->asked(c->arg)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    VV_TRY(pin_keep(&b->pin, err));
    return lease_keep(b->lease, err);
}

varve_status backup_step(backup_job *b, uint64_t bytes, varve_error *err)
{
    (void)pthread_mutex_lock(&b->lock);
    varve_status status = step_locked(b, bytes, err);
    (void)pthread_mutex_unlock(&b->lock);
    return status;
}

/* ---- store --------------------------------------------------------------------------------- */

varve_status backup_store(backup_job *b, const blobs_source *source, manifest_file *f,
                          bool *ret_new, varve_error *err)
{
    return blobs_store(b->r, source, &b->doomed, f, &b->o->cancel, ret_new, err);
}

static varve_status store_file(backup_job *b, size_t i, varve_error *err)
{
    manifest_file *f = &b->files[i];
    char path[PATH_SIZE], key[NAMES_KEY_MAX];
    const manifest_file *known = hashmap_get(&b->known, f->blob, sizeof f->blob);
    if (known && known->size == f->size) {
        manifest_blob_key(known, key);
        if (!gc_set_has(&b->doomed, key)) {
            f->generation = known->generation;
            f->stored_size = known->stored_size;
            memcpy(f->stored_sha256, known->stored_sha256, SUMS_BYTES);
            return VARVE_OK;
        }
    }
    VV_TRY(file_join(path, sizeof path, b->o->folder, f->path, err));
    const blobs_source source = {.path = path, .scratch = b->o->state};
    VV_TRY(blobs_describe(b->r, &source, f, err));
    return backup_store(b, &source, f, &b->is_new[i], err);
}

static varve_status store_task(void *arg, size_t i, varve_error *err)
{
    backup_job *b = arg;
    VV_TRY(store_file(b, i, err));
    return backup_step(b, b->files[i].size, err);
}

varve_status backup_store_files(backup_job *b, varve_error *err)
{
    backup_stage(b, "store", b->scan.count, b->scan.bytes);
    VV_TRY(each_run(b->o->threads, b->scan.count, store_task, b, err));
    for (size_t i = 0; i < b->scan.count; i++) {
        b->files_new += b->is_new[i];
        b->bytes_new += b->is_new[i] ? b->files[i].stored_size : 0;
    }
    return VARVE_OK;
}

/* ---- check --------------------------------------------------------------------------------- */

/* Which ones are read whole follows from the snapshot's id, and so differs each time. */
static bool is_sampled(const backup_job *b, const manifest_file *f)
{
    uint8_t sum[SUMS_BYTES], both[NAMES_ID_SIZE + SUMS_BYTES];
    double share = b->o->check_share == 0 ? CHECK_SHARE : b->o->check_share;
    memcpy(both, b->manifest.snap_id, NAMES_ID_SIZE);
    memcpy(both + NAMES_ID_SIZE, f->blob, SUMS_BYTES);
    if (share <= 0 || sums_of_bytes(both, sizeof both, sum, NULL) != VARVE_OK) return false;
    return get_u64(sum) % SAMPLE_BUCKET < (uint64_t)(share * SAMPLE_BUCKET);
}

static varve_status check_task(void *arg, size_t i, varve_error *err)
{
    backup_job *b = arg;
    const manifest_file *f = &b->files[i];
    if (!b->is_new[i]) return VARVE_OK;
    varve_status status = is_sampled(b, f) ? blobs_get(b->r, f, NULL, NULL, &b->o->cancel, err)
                                           : blobs_stat(b->r, f, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "%s was stored, and is not there as it should be", f->path);
        return status;
    }
    return backup_step(b, f->stored_size, err);
}

varve_status backup_check_files(backup_job *b, varve_error *err)
{
    backup_stage(b, "check", b->files_new, b->bytes_new);
    return each_run(b->o->threads, b->scan.count, check_task, b, err);
}
