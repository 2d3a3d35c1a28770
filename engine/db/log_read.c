/* log_read.c — varve_log_read: the log handed over, as far as it is durable and whole.
 *
 * Three things end it before the end of the log, with VARVE_NOT_FOUND when they come first:
 *   a gap of the row store's log (store_updates);
 *   a batch that belongs to rows which went past the log (log_batch.h). Their sequence numbers show
 *     it only if RocksDB gave the file that was taken in one of its own, and it does not if nothing
 *     in the store overlapped with it: so the records of sessions and copies are what tells;
 *   a batch that names a file which is gone, because compaction has replaced it since. */
#include "base/file.h"
#include "db/dropped.h"
#include "db/log_batch.h"
#include "index/index.h"

typedef struct log_reading {
    varve *db;
    uint64_t durable, bytes_max, bytes;
    uint64_t next; /* where to go on */
    bool any;      /* something was handed over */
    varve_log_each each;
    void *arg;
    varve_status status;
    varve_error *err;
} log_reading;

/* Why the log cannot be read on here: of no matter when something was handed over before. */
static varve_status stop(log_reading *l, const char *why)
{
    if (l->any) return VARVE_OK;
    return vv_fail(l->err, VARVE_NOT_FOUND,
                   "the log does not hold all of sequence %llu, of %llu that were written: %s",
                   (unsigned long long)l->next, (unsigned long long)store_sequence(l->db->store),
                   why);
}

/* An index that was dropped, in a folder that was opened again, may have left its name to a later
 * one. Numbers of segments are never used twice. */
static bool is_the_file(const char *path, const log_file *f)
{
    index_record record;
    VV_CLEANUP(index_unrefp) vector_index *x = NULL;
    if (!f->is_index) return file_exists(path);
    return index_record_get(f->record.data, f->record.len, &record, NULL) == VARVE_OK &&
           index_open(path, &record, &x, NULL) == VARVE_OK;
}

static bool has_files(const log_reading *l, const log_meaning *m, const char **ret_missing)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    for (size_t i = 0; i < m->file_count; i++) {
        *ret_missing = m->files[i];
        if (db_path(l->db, m->files[i], path, &ignored) != VARVE_OK ||
            !is_the_file(path, &m->records[i]))
            return false;
    }
    return true;
}

static bool hand_over(log_reading *l, const store_update *u, const log_meaning *m)
{
    const varve_log_batch batch = {.first = m->head.first,
                                   .last = m->head.last,
                                   .time_ms = m->head.time_ms,
                                   .bytes = u->bytes,
                                   .len = u->len,
                                   .files = (const char *const *)m->files,
                                   .file_count = m->file_count};
    l->status = l->each(l->arg, &batch, l->err);
    if (l->status != VARVE_OK) return false;
    l->any = true;
    l->next = u->last + 1;
    l->bytes += u->len;
    return l->bytes < l->bytes_max;
}

static bool take_update(void *arg, const store_update *u)
{
    log_reading *l = arg;
    const char *missing = NULL;
    char why[2 * DB_PATH_MAX];
    VV_CLEANUP(log_meaning_done) log_meaning m = {0};
    if (u->last > l->durable) return false;
    l->status = log_batch_read(u->bytes, u->len, &m, l->err);
    if (l->status != VARVE_OK) return false;
    if (m.past_log) {
        l->status = stop(l, "a large session or a copy went past it");
        return false;
    }
    if (!has_files(l, &m, &missing)) {
        snprintf(why, sizeof why, "%s has been replaced since", missing);
        l->status = stop(l, why);
        return false;
    }
    return hand_over(l, u, &m);
}

static varve_status read_log(log_reading *l, uint64_t from)
{
    varve_error why = {0};
    varve_status status = store_updates(l->db->store, from, take_update, l, &why);
    if (l->status != VARVE_OK) return l->status;
    if (status == VARVE_OK || (status == VARVE_NOT_FOUND && l->any)) return VARVE_OK;
    return vv_fail(l->err, status, "%s", why.message);
}

uint64_t varve_sequence(varve *db) { return atomic_load(&db->acknowledged); }

varve_status varve_log_read(varve *db, uint64_t from, uint64_t bytes_max, varve_log_each each,
                            void *arg, uint64_t *ret_next, varve_error *err)
{
    if (from == 0) return vv_fail(err, VARVE_INVALID, "from: sequence numbers begin with 1");
    if (!each) return vv_fail(err, VARVE_INVALID, "each: a function is expected");
    if (db->options.read_only)
        return vv_fail(err, VARVE_READ_ONLY, "the log is read from the owner of the folder");
    uint64_t written = store_sequence(db->store);
    if (from > written + 1)
        return vv_fail(err, VARVE_NOT_FOUND,
                       "sequence %llu was never written: the log ends at %llu",
                       (unsigned long long)from, (unsigned long long)written);
    log_reading l = {.db = db,
                     .durable = atomic_load(&db->acknowledged),
                     .bytes_max = bytes_max,
                     .next = from,
                     .each = each,
                     .arg = arg,
                     .err = err};
    dropped_hold(db);
    varve_status status = read_log(&l, from);
    dropped_release(db);
    if (status == VARVE_OK && ret_next) *ret_next = l.next;
    return status;
}
