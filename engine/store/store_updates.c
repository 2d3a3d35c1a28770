/* store_updates.c — the log as the batches that were written.
 *
 * RocksDB's iterator has silent gaps (reliability F3): asked for a batch of a log that was removed
 * it begins with a later one, or with none, and says nothing. So the first batch must hold the
 * number asked for, each next one must follow, and an end before the last sequence is a gap.
 *
 * While a log is being written it may also say "Try again": a new iterator sees what this one
 * cannot. */
#include "base/bytes.h"
#include "base/fault.h"
#include "store/store_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ARCHIVE            "archive"
#define LOG_HEADER_BYTES   7 /* of a record's first fragment: store_log.c */
#define BATCH_HEADER_BYTES 12
#define TRIES_MAX          100 /* without a batch between */

static varve_status gap(const store *s, uint64_t wanted, uint64_t found, varve_error *err)
{
    if (found)
        return vv_fail(err, VARVE_NOT_FOUND,
                       "the log of %s does not hold sequence %" PRIu64
                       " any more: it goes on at %" PRIu64,
                       s->path, wanted, found);
    return vv_fail(err, VARVE_NOT_FOUND,
                   "the log of %s does not hold sequence %" PRIu64 " any more, of %" PRIu64
                   " that were written",
                   s->path, wanted, (uint64_t)rocksdb_get_latest_sequence_number(s->db));
}

/* false: no more are wanted. *next: the number that the next batch must begin with, or hold. */
static varve_status take(const store *s, rocksdb_wal_iterator_t *i, bool first, uint64_t *next,
                         store_update_each each, void *arg, bool *ret_more, varve_error *err)
{
    uint64_t sequence = 0;
    store_update u = {0};
    rocksdb_writebatch_t *batch = rocksdb_wal_iter_get_batch(i, &sequence);
    u.bytes = rocksdb_writebatch_data(batch, &u.len);
    uint64_t count = u.len >= BATCH_HEADER_BYTES ? get_u32((const uint8_t *)u.bytes + 8) : 0;
    u.first = sequence;
    u.last = sequence + count - (count > 0);
    varve_status status = VARVE_OK;
    bool follows = first ? sequence <= *next && *next - sequence < count : sequence == *next;
    if (count == 0) { /* a note alone */
        *ret_more = true;
    } else if (!follows) {
        status = gap(s, *next, sequence, err);
    } else {
        *next = u.last + 1;
        *ret_more = each(arg, &u);
    }
    rocksdb_writebatch_destroy(batch);
    return status;
}

static bool is_passing(const char *message) { return strstr(message, "Try again") != NULL; }

/* *ret_again: with a new iterator. */
static varve_status end_status(store *s, rocksdb_wal_iterator_t *i, uint64_t next, uint64_t latest,
                               bool *ret_again, varve_error *err)
{
    char *message = NULL;
    rocksdb_wal_iter_status(i, &message);
    if (message && is_passing(message)) {
        *ret_again = next <= latest;
        rocksdb_free(message);
        return VARVE_OK;
    }
    bool is_gap = message && strstr(message, "NotFound") != NULL;
    if (message && !is_gap) return store_fail_open(message, "read the log", err);
    rocksdb_free(message);
    return next <= latest ? gap(s, next, 0, err) : VARVE_OK;
}

static varve_status walk(store *s, rocksdb_wal_iterator_t *i, uint64_t *next, uint64_t latest,
                         store_update_each each, void *arg, bool *ret_again, varve_error *err)
{
    bool more = true, first = true;
    for (; more && *next <= latest && rocksdb_wal_iter_valid(i); rocksdb_wal_iter_next(i)) {
        uint64_t before = *next;
        VV_TRY(take(s, i, first, next, each, arg, &more, err));
        first = first && *next == before;
        *ret_again =
            more && *next <= latest && VV_FAULT_NAMED("store.updates.again") != VV_FAULT_NONE;
        if (*ret_again) return VARVE_OK;
    }
    return more ? end_status(s, i, *next, latest, ret_again, err) : VARVE_OK;
}

varve_status store_check_families(store *s, varve_error *err)
{
    for (size_t f = 0; f < STORE_FAMILIES; f++) {
        uint32_t id = rocksdb_column_family_handle_get_id(s->families[f]);
        if (id != f + 1)
            return vv_fail(err, VARVE_UNSUPPORTED, "family %s of %s has number %u, not %zu",
                           store_family_names[f + 1], s->path, id, f + 1);
    }
    return VARVE_OK;
}

/* As far as one iterator goes. */
static varve_status walk_once(store *s, uint64_t *next, uint64_t latest, store_update_each each,
                              void *arg, bool *ret_again, varve_error *err)
{
    char *message = NULL;
    rocksdb_wal_iterator_t *i = rocksdb_get_updates_since(s->db, *next, NULL, &message);
    if (message && strstr(message, "NotFound")) {
        rocksdb_free(message);
        return gap(s, *next, 0, err);
    }
    if (message) return store_fail_open(message, "read the log", err);
    varve_status status = walk(s, i, next, latest, each, arg, ret_again, err);
    rocksdb_wal_iter_destroy(i);
    return status;
}

varve_status store_updates(store *s, uint64_t from, store_update_each each, void *arg,
                           varve_error *err)
{
    if (s->read_only)
        return vv_fail(err, VARVE_READ_ONLY, "%s is open for reading only: its owner has the log",
                       s->path);
    VV_TRY(store_check_families(s, err));
    uint64_t next = from, latest = store_sequence(s);
    if (from > latest) return VARVE_OK;
    VV_TRY(store_fault(s, VV_FAULT("store.updates"), "read the log", err));
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        bool again = false;
        uint64_t before = next;
        VV_TRY(walk_once(s, &next, latest, each, arg, &again, err));
        if (!again) return VARVE_OK;
        if (next != before) tries = 0;
    }
    return vv_fail(err, VARVE_IO, "the log of %s cannot be read at sequence %" PRIu64, s->path,
                   next);
}

/* ---- the oldest ---------------------------------------------------------------------------- */

/* 0: the file has no whole record yet. */
static uint64_t first_of(const char *directory, const char *name)
{
    char file[PATH_MAX];
    VV_CLEANUP(file_unmap) file_map map = {0};
    if (file_join(file, sizeof file, directory, name, NULL) != VARVE_OK) return 0;
    if (file_map_open(file, &map, NULL) != VARVE_OK) return 0;
    return map.size < LOG_HEADER_BYTES + BATCH_HEADER_BYTES ? 0
                                                            : get_u64(map.data + LOG_HEADER_BYTES);
}

static varve_status oldest_in(const char *directory, uint64_t *oldest, varve_error *err)
{
    VV_CLEANUP(file_names_free) file_names logs = {0};
    VV_TRY(store_list_logs(directory, &logs, err));
    for (size_t i = 0; i < logs.count && *oldest == UINT64_MAX; i++) {
        uint64_t first = first_of(directory, logs.names[i]);
        if (first) *oldest = first;
    }
    return VARVE_OK;
}

varve_status store_log_oldest(store *s, uint64_t *ret, varve_error *err)
{
    char archive[PATH_MAX];
    uint64_t oldest = UINT64_MAX;
    VV_TRY(file_join(archive, sizeof archive, s->path, ARCHIVE, err));
    if (file_exists(archive)) VV_TRY(oldest_in(archive, &oldest, err));
    if (oldest == UINT64_MAX) VV_TRY(oldest_in(s->path, &oldest, err));
    *ret = oldest;
    return VARVE_OK;
}
