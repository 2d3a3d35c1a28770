/* replica.c — a folder that grows by batches of another one's log, and by nothing else, so that its
 * sequence numbers are those of the other.
 *
 * Applied batches are synced every SYNC_BYTES and at close; the floor follows them. A crash in
 * between loses the last ones, which can be applied again: the sequence number says from where.
 * Files that batches make needless go when these are synced; at close what no record names is
 * swept. */
#include "base/file.h"
#include "db/format.h"
#include "db/obsolete.h"
#include "db/session.h"

#include <stdlib.h>

#define SYNC_BYTES ((uint64_t)4 << 20)

struct varve_replica {
    varve db; /* path, lock, options, row store, floor; no threads, no catalogue */
    uint64_t sequence, unsynced_bytes;
    obsolete_files obsolete;
    bool failed; /* a write or a sync: nobody knows what is there until it is opened again */
};

static void replica_free(varve_replica *r)
{
    obsolete_done(&r->obsolete);
    store_close(r->db.store);
    floor_close(r->db.floor);
    lock_drop(&r->db.lock);
    free(r);
}

static void replica_freep(varve_replica **r)
{
    if (*r) replica_free(*r);
}

/* ---- open */

static varve_status open_folder(varve_replica *r, uint64_t *ret_floor, varve_error *err)
{
    char path[DB_PATH_MAX];
    varve *db = &r->db;
    VV_TRY(db_path(db, "FORMAT", path, err));
    if (!file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "%s is not a data folder", db->path);
    VV_TRY(db_path(db, "LOCK", path, err));
    VV_TRY(lock_take(path, &db->lock, err));
    VV_TRY(format_open(db->path, false, true, err));
    return floor_for_open(db, ret_floor, err);
}

static varve_status open_store(varve_replica *r, uint64_t floor, varve_error *err)
{
    char path[DB_PATH_MAX];
    varve *db = &r->db;
    bool pending = false;
    const store_options options = {.block_cache_bytes = db->options.block_cache_bytes,
                                   .row_buffer_bytes = db->options.row_buffer_bytes,
                                   .floor = floor};
    VV_TRY(db_path(db, "rocks", path, err));
    VV_TRY(store_open(path, &options, &db->store, NULL, err));
    VV_TRY(store_check_families(db->store, err));
    VV_TRY(sessions_pending(db->store, &pending, err));
    if (pending)
        return vv_fail(err, VARVE_CONFLICT,
                       "a session was interrupted in %s: it can be completed by opening the folder "
                       "for writing, but then it takes no batches any more",
                       db->path);
    r->sequence = store_sequence(db->store);
    VV_TRY(db_path(db, "ACKED", path, err));
    return floor_open(path, &db->floor, err);
}

varve_status varve_replica_open(const char *path, varve_replica **ret, varve_error *err)
{
    uint64_t floor = 0;
    if (!path || !*path) return vv_fail(err, VARVE_INVALID, "path: a folder is expected");
    if (strlen(path) > DB_PATH_MAX / 2)
        return vv_fail(err, VARVE_LIMIT, "path: more than %d bytes", DB_PATH_MAX / 2);
    VV_CLEANUP(replica_freep) varve_replica *r = calloc(1, sizeof *r);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a replica");
    snprintf(r->db.path, sizeof r->db.path, "%s", path);
    varve_options_init(&r->db.options);
    r->db.lock = LOCK_FILE_NONE;
    VV_TRY(open_folder(r, &floor, err));
    VV_TRY(open_store(r, floor, err));
    *ret = r;
    r = NULL;
    return VARVE_OK;
}

uint64_t varve_replica_sequence(const varve_replica *replica) { return replica->sequence; }

/* ---- apply */

static varve_status sync(varve_replica *r, varve_error *err)
{
    VV_TRY(store_sync_log(r->db.store, err));
    VV_TRY(floor_write(r->db.floor, r->sequence, err));
    r->unsynced_bytes = 0;
    return obsolete_remove(&r->obsolete, &r->db, err);
}

static varve_status check_files(const varve_replica *r, const log_meaning *m, varve_error *err)
{
    char path[DB_PATH_MAX];
    for (size_t i = 0; i < m->file_count; i++) {
        VV_TRY(db_path(&r->db, m->files[i], path, err));
        if (!file_exists(path))
            return vv_fail(err, VARVE_CONFLICT, "%s must be there before batch %llu is applied",
                           path, (unsigned long long)m->head.first);
    }
    return VARVE_OK;
}

static varve_status check_batch(const varve_replica *r, const varve_log_batch *b, log_meaning *m,
                                varve_error *err)
{
    VV_TRY(log_batch_read(b->bytes, b->len, m, err));
    if (m->head.first != r->sequence + 1)
        return vv_fail(err, VARVE_CONFLICT,
                       "the batch begins with sequence %llu, but %llu was applied last",
                       (unsigned long long)m->head.first, (unsigned long long)r->sequence);
    if (m->past_log)
        return vv_fail(err, VARVE_CONFLICT,
                       "rows of the batch %llu went past the log: it needs a new checkpoint",
                       (unsigned long long)m->head.first);
    return check_files(r, m, err);
}

static varve_status write_batch(varve_replica *r, const varve_log_batch *b, const log_head *head,
                                varve_error *err)
{
    VV_CLEANUP(store_batch_freep) store_batch *batch = NULL;
    VV_TRY(store_batch_new_from(b->bytes, b->len, &batch, err));
    VV_TRY(obsolete_note(&r->obsolete, r->db.store, b->bytes, b->len, err));
    r->failed = true; /* until all of it is right */
    VV_TRY(store_write(r->db.store, batch, false, err));
    if (store_sequence(r->db.store) != head->last)
        return vv_fail(err, VARVE_INTERNAL, "sequence %llu was expected after a batch, not %llu",
                       (unsigned long long)head->last,
                       (unsigned long long)store_sequence(r->db.store));
    r->sequence = head->last;
    r->unsynced_bytes += b->len;
    if (r->unsynced_bytes >= SYNC_BYTES) VV_TRY(sync(r, err));
    r->failed = false;
    return VARVE_OK;
}

varve_status varve_replica_apply(varve_replica *r, const varve_log_batch *batch, varve_error *err)
{
    VV_CLEANUP(log_meaning_done) log_meaning m = {0};
    if (r->failed)
        return vv_fail(err, VARVE_IO, "the replica failed before: it must be opened again");
    if (!batch || !batch->bytes) return vv_fail(err, VARVE_INVALID, "a batch is expected");
    VV_TRY(check_batch(r, batch, &m, err));
    return write_batch(r, batch, &m.head, err);
}

varve_status varve_replica_close(varve_replica *r, varve_error *err)
{
    if (!r) return VARVE_OK;
    varve_status status =
        r->failed ? vv_fail(err, VARVE_IO, "the replica failed: what is in it, the next open says")
                  : sync(r, err);
    if (status == VARVE_OK) status = sweep_files(&r->db, err);
    replica_free(r);
    return status;
}
