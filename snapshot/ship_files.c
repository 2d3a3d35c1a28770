/* ship_files.c — the files that a batch names into the repository, before the batch; see ship.h
 * (1). As in a backup: pin, then gc/, then look, then store (backup.h, (2)). */
#include "base/file.h"
#include "blobs.h"
#include "ship_inner.h"

#include <stdlib.h>
#include <string.h>

static varve_status make_room(ship_job *j, size_t files, varve_error *err)
{
    if (files > j->file_room) {
        manifest_file *list = realloc(j->files, files * sizeof *list);
        if (!list) return vv_fail(err, VARVE_NO_MEMORY, "no memory for files of the log");
        j->files = list;
        j->file_room = files;
    }
    void *blobs = realloc(j->blobs, (j->blob_count + files) * SUMS_BYTES);
    if (!blobs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a pin");
    j->blobs = blobs;
    return VARVE_OK;
}

static varve_status describe(ship_job *j, const char *file, manifest_file *f, varve_error *err)
{
    const ship *s = j->s;
    char path[SHIP_PATH_SIZE];
    *f = (manifest_file){.path = file};
    if (!folder_path_parse(file, &f->role, &f->collection))
        return vv_fail(err, VARVE_INTERNAL, "the log names %s, which is no file of a folder", file);
    VV_TRY(file_join(path, sizeof path, s->o.folder, file, err));
    VV_TRY(sums_of_file(path, f->sha256, &f->size, err));
    VV_TRY(secret_blob_name(s->r->secret, f->sha256, f->blob, err));
    const blobs_source source = {.path = path, .scratch = s->o.state};
    return blobs_describe(s->r, &source, f, err);
}

static varve_status pin_blobs(ship_job *j, varve_error *err)
{
    const ship *s = j->s;
    pin what = {.kind = PIN_BACKUP,
                .blobs = (const uint8_t(*)[SUMS_BYTES])j->blobs,
                .blob_count = j->blob_count};
    uint64_t life = s->o.pin_life_ms ? s->o.pin_life_ms : PIN_LIFE_MS;
    if (!j->pinned) {
        VV_TRY(pin_take(s->r, &what, life, &j->pin, err));
        j->pinned = true;
        return VARVE_OK;
    }
    j->pin.pin.blobs = what.blobs;
    j->pin.pin.blob_count = what.blob_count;
    return pin_renew(&j->pin, err);
}

/* What was put is looked at: the object of the log that names it is not written otherwise. */
static varve_status store(ship_job *j, const gc_set *doomed, manifest_file *f, varve_error *err)
{
    const ship *s = j->s;
    char path[SHIP_PATH_SIZE];
    bool is_new = false;
    VV_TRY(file_join(path, sizeof path, s->o.folder, f->path, err));
    const blobs_source source = {.path = path, .scratch = s->o.state};
    VV_TRY(blobs_store(s->r, &source, doomed, f, &s->o.cancel, &is_new, err));
    j->files_new += is_new;
    return is_new ? blobs_stat(s->r, f, err) : VARVE_OK;
}

static void doomed_done(gc_set *set) { gc_set_done(set); }

varve_status ship_store_files(ship_job *j, const varve_log_batch *batch, varve_error *err)
{
    VV_CLEANUP(doomed_done) gc_set doomed;
    gc_set_init(&doomed);
    if (batch->file_count == 0) return VARVE_OK;
    VV_TRY(make_room(j, batch->file_count, err));
    for (size_t i = 0; i < batch->file_count; i++) {
        VV_TRY(describe(j, batch->files[i], &j->files[i], err));
        memcpy(j->blobs[j->blob_count++], j->files[i].blob, SUMS_BYTES);
    }
    VV_TRY(pin_blobs(j, err));
    VV_TRY(gc_record_read_all(j->s->r, &doomed, err));
    for (size_t i = 0; i < batch->file_count; i++)
        VV_TRY(store(j, &doomed, &j->files[i], err));
    return VARVE_OK;
}
