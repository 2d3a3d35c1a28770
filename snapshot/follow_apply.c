/* follow_apply.c — one object of the log into the folder; see follow.h, (1). */
#include "follow_inner.h"

#include "base/file.h"
#include "restore_files.h"

#include <string.h>

static varve_status other_history(const follow_handle *f, const wal_object *o, uint64_t first,
                                  varve_error *err)
{
    return vv_fail(err, VARVE_CONFLICT,
                   "batch %llu of timeline %u is of another history than the folder, which is at "
                   "sequence %llu",
                   (unsigned long long)first, o->timeline, (unsigned long long)f->sequence);
}

static varve_status check_chain(const follow_handle *f, const wal_object *o, varve_error *err)
{
    static const uint8_t none[SUMS_BYTES];
    bool follows = f->foot_timeline == o->timeline && o->first == f->sequence + 1;
    if (!follows || sums_equal(o->before, none) || sums_equal(o->before, f->foot)) return VARVE_OK;
    return other_history(f, o, o->first, err);
}

static varve_status fetch_files(const follow_handle *f, const wal_batch *b, varve_error *err)
{
    char folder[FOLLOW_PATH_SIZE];
    bool kept;
    for (size_t i = 0; i < b->file_count; i++) {
        const manifest_file *file = &b->files[i];
        VV_TRY(file_join(folder, sizeof folder, f->folder, file->path, err));
        *strrchr(folder, '/') = 0;
        VV_TRY(file_make_dir(folder, err));
        VV_TRY(restore_file(f->r, f->folder, NULL, file, &f->o.cancel, &kept, err));
    }
    return VARVE_OK;
}

/* After a write that failed nobody knows what is there: the next step opens it anew. */
static varve_status apply_batch(follow_handle *f, const wal_object *o, const wal_batch *b,
                                uint64_t end, follow_result *result, varve_error *err)
{
    const varve_log_batch batch = {.bytes = b->bytes, .len = b->len};
    if (b->last <= f->sequence) return VARVE_OK;
    if (b->first != f->sequence + 1 || b->last > end) return other_history(f, o, b->first, err);
    VV_TRY(follow_check_cancel(f, err));
    VV_TRY(fetch_files(f, b, err));
    varve_status status = varve_replica_apply(f->replica, &batch, err);
    if (status != VARVE_OK) {
        follow_close_replica(f);
        return status;
    }
    f->sequence = b->last;
    if (b->time_ms) f->time_ms = b->time_ms;
    result->batches++;
    result->bytes += b->len;
    return VARVE_OK;
}

varve_status follow_apply(follow_handle *f, const object_name *name, uint64_t end,
                          follow_result *result, varve_error *err)
{
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    VV_TRY(wal_object_read(f->r, name, &o, err));
    VV_TRY(check_chain(f, &o, err));
    f->sure = false; /* until all of it is there */
    f->foot_timeline = 0;
    for (size_t i = 0; i < o.batch_count && f->sequence < end; i++)
        VV_TRY(apply_batch(f, &o, &o.batches[i], end, result, err));
    if (f->sequence < end) return other_history(f, &o, o.first, err);
    f->sure = true;
    if (end == o.last) {
        f->foot_timeline = o.timeline;
        memcpy(f->foot, o.foot, SUMS_BYTES);
    }
    result->objects++;
    return VARVE_OK;
}
