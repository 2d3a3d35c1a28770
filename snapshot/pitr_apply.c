/* pitr_apply.c — batches of the log into a folder; see pitr.h (2). */
#include "base/file.h"
#include "pitr_inner.h"
#include "restore_files.h"

#include <string.h>

#define PATH_SIZE 4096

typedef struct applying {
    repo *r;
    const pitr_options *o;
    pitr_plan *p;
    const char *folder;
    varve_replica *replica;
    wal_object before; /* the object that was applied last */
    bool reached;      /* the target */
    pitr_result *result;
} applying;

static uint64_t at(const applying *a) { return varve_replica_sequence(a->replica); }

static varve_status two_histories(const applying *a, const wal_object *o, uint64_t first,
                                  varve_error *err)
{
    return vv_fail(err, VARVE_CONFLICT,
                   "the log holds two histories: batch %llu of timeline %u does not follow on "
                   "sequence %llu",
                   (unsigned long long)first, o->timeline, (unsigned long long)at(a));
}

/* ---- does it fit? -------------------------------------------------------------------------- */

static bool has_before(const wal_object *o)
{
    static const uint8_t none[SUMS_BYTES];
    return !sums_equal(o->before, none);
}

static varve_status check_chain(const applying *a, const wal_object *o, varve_error *err)
{
    const wal_object *b = &a->before;
    bool follows = b->batch_count && b->timeline == o->timeline && b->last + 1 == o->first;
    if (!follows || !has_before(o) || sums_equal(o->before, b->foot)) return VARVE_OK;
    return two_histories(a, o, o->first, err);
}

/* A batch that was applied already: it must be the same. */
static varve_status check_overlap(const applying *a, const wal_object *o, const wal_batch *b,
                                  varve_error *err)
{
    for (size_t i = 0; i < a->before.batch_count; i++) {
        const wal_batch *other = &a->before.batches[i];
        if (other->last < b->first || other->first > b->last) continue;
        if (other->len != b->len || memcmp(other->bytes, b->bytes, b->len) != 0)
            return two_histories(a, o, b->first, err);
    }
    return VARVE_OK;
}

/* ---- one batch ----------------------------------------------------------------------------- */

static varve_status fetch_files(const applying *a, const wal_batch *b, varve_error *err)
{
    char folder[PATH_SIZE];
    bool kept;
    for (size_t i = 0; i < b->file_count; i++) {
        const manifest_file *f = &b->files[i];
        VV_TRY(file_join(folder, sizeof folder, a->folder, f->path, err));
        *strrchr(folder, '/') = 0;
        VV_TRY(file_make_dir(folder, err));
        VV_TRY(restore_file(a->r, a->folder, a->o->reuse, f, &a->o->cancel, &kept, err));
    }
    return VARVE_OK;
}

static bool is_beyond(const applying *a, const wal_batch *b)
{
    return b->last > a->p->stop ||
           (a->o->target == PITR_TIME && b->time_ms && b->time_ms > a->o->time_ms);
}

static varve_status apply_batch(applying *a, const pitr_object *place, const wal_object *o,
                                const wal_batch *b, varve_error *err)
{
    const varve_log_batch batch = {.bytes = b->bytes, .len = b->len};
    if (b->last <= at(a)) return check_overlap(a, o, b, err);
    a->reached = is_beyond(a, b);
    if (a->reached) return VARVE_OK;
    if (b->first != at(a) + 1 || b->last > place->end) return two_histories(a, o, b->first, err);
    VV_TRY(fetch_files(a, b, err));
    VV_TRY(varve_replica_apply(a->replica, &batch, err));
    a->result->batches++;
    a->result->bytes += b->len;
    if (b->time_ms) a->result->time_ms = b->time_ms;
    return VARVE_OK;
}

/* ---- all of them --------------------------------------------------------------------------- */

static varve_status step(applying *a, varve_error *err)
{
    const remote_cancel *c = &a->o->cancel;
    if (c->asked && c->asked(c->arg)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    for (size_t i = 0; i < a->p->line_count; i++)
        if (a->p->lines[i].pinned) VV_TRY(pin_keep(&a->p->lines[i].pin, err));
    if (!a->o->progress) return VARVE_OK;
    const restore_progress progress = {.stage = "apply",
                                       .files = a->result->objects,
                                       .files_all = a->p->object_count,
                                       .bytes = a->result->bytes};
    a->o->progress(a->o->progress_arg, &progress);
    return VARVE_OK;
}

static varve_status read_object(applying *a, const pitr_object *place, wal_object *ret,
                                varve_error *err)
{
    char key[NAMES_KEY_MAX];
    names_build(&place->name, key);
    varve_status status = wal_object_read(a->r, &place->name, ret, err);
    if (status == VARVE_NOT_FOUND) return vv_fail(err, VARVE_CORRUPT, "'%s' is missing", key);
    return status;
}

static varve_status apply_object(applying *a, const pitr_object *place, varve_error *err)
{
    VV_CLEANUP(wal_object_done) wal_object o = {0};
    uint64_t begin = at(a);
    VV_TRY(step(a, err));
    VV_TRY(read_object(a, place, &o, err));
    VV_TRY(check_chain(a, &o, err));
    for (size_t i = 0; i < o.batch_count && !a->reached; i++) {
        if (at(a) >= place->end) break; /* the rest is not part of the line */
        VV_TRY(apply_batch(a, place, &o, &o.batches[i], err));
    }
    if (!a->reached && at(a) == begin) return two_histories(a, &o, o.first, err);
    a->result->objects++;
    wal_object_done(&a->before);
    a->before = o;
    o = (wal_object){0};
    return VARVE_OK;
}

static varve_status apply_all(applying *a, varve_error *err)
{
    if (at(a) != a->p->snapshot.lsn)
        return vv_fail(err, VARVE_CORRUPT, "the snapshot's folder is at sequence %llu, not %llu",
                       (unsigned long long)at(a), (unsigned long long)a->p->snapshot.lsn);
    while (!a->reached && at(a) < a->p->stop) {
        const pitr_object *place = pitr_plan_find(a->p, at(a) + 1);
        if (!place) break; /* the plan said how far it goes */
        VV_TRY(apply_object(a, place, err));
    }
    return VARVE_OK;
}

varve_status pitr_apply(repo *r, const pitr_options *o, pitr_plan *p, const char *folder,
                        pitr_result *result, varve_error *err)
{
    applying a = {.r = r, .o = o, .p = p, .folder = folder, .result = result};
    VV_TRY(varve_replica_open(folder, &a.replica, err));
    varve_status status = apply_all(&a, err);
    result->sequence = at(&a);
    wal_object_done(&a.before);
    varve_status closed = varve_replica_close(a.replica, status == VARVE_OK ? err : NULL);
    return status == VARVE_OK ? closed : status;
}
