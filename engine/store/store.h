/* store.h — RocksDB behind a few nouns: the only folder that includes rocksdb/c.h, used by db/
 * alone.
 *
 * The store is opened in log recovery mode 0: a torn tail (an unacknowledged last batch) is cut,
 * damage in the middle is an error; RocksDB's default mode opens silently with half of the rows
 * (reliability F1). What mode 0 still passes over is looked for before: a log file that is torn,
 * lost or zeroed while newer records follow (store_log.c), a manifest cut short (store_manifest.c,
 * with a file GUARD in the folder). When an open refuses, it is tried on a copy in mode 2, and the
 * copy is adopted only if it reaches the acknowledged floor given. An open that fails has changed
 * no row and no log. Info log level FATAL (a failed write of that log aborts the process
 * otherwise), XXH3 block checksums, no recycled logs, every column family handle destroyed before
 * close (Debian's build has assertions on).
 *
 * Threads    any, but for store_batch, store_iter, store_sst: one each.
 * Errors     VARVE_NO_SPACE, VARVE_LOCKED, VARVE_CORRUPT, VARVE_IO by RocksDB's message. After a
 * failed write the caller asks store_is_broken(): true when only a reopen helps (fsync or I/O
 * error), false when it heals (no space). */
#ifndef VARVE_STORE_H
#define VARVE_STORE_H

#include "base/status.h"

typedef struct store store;

typedef enum store_family {
    STORE_CATALOG,
    STORE_ROWS,
    STORE_FRESH,
    STORE_DEAD,
    STORE_BLOBS,
    STORE_META,
    STORE_FAMILIES
} store_family;

typedef struct store_options {
    bool read_only;
    uint64_t block_cache_bytes, row_buffer_bytes;
    uint64_t floor;   /* latest sequence must reach it, else VARVE_CORRUPT with both numbers and the
                         way out */
    bool accept_loss; /* … unless this is set */
    bool catalog_only; /* read_only: the catalogue and the counters alone, whatever the log holds */
    uint64_t log_keep_bytes, log_keep_ms; /* of logs that are no longer needed; both 0: none */
} store_options;

typedef struct store_opened { /* what the open found, for the log */
    bool repaired;            /* the copy was adopted: a damaged tail was cut */
    uint64_t sequence;
} store_opened;

/* path: the rocks/ folder; repair works in siblings "<path>.repair" and "<path>.damaged" (kept for
 * people to look at). With accept_loss all that can still be read is kept, although writes before
 * it may be missing. ret_opened may be NULL. VARVE_NOT_FOUND: read_only, and there is none. */
VV_CHECKED varve_status store_open(const char *path, const store_options *options, store **ret,
                                   store_opened *ret_opened, varve_error *err);
void store_close(store *s); /* NULL-safe */
uint64_t store_sequence(store *s);
bool store_is_broken(store *s);

/* Writes: one atomic batch. */
typedef struct store_batch store_batch;
store_batch *store_batch_new(void); /* NULL: no memory */
void store_batch_free(store_batch *b);
void store_batch_freep(store_batch **b);
void store_batch_clear(store_batch *b);
void store_batch_put(store_batch *b, store *s, store_family f, const void *key, size_t key_len,
                     const void *value, size_t value_len);
/* A value in two pieces, put together without a copy of ours. */
void store_batch_put_parts(store_batch *b, store *s, store_family f, const void *key,
                           size_t key_len, const void *const *parts, const size_t *part_lens,
                           size_t part_count);
void store_batch_delete(store_batch *b, store *s, store_family f, const void *key, size_t key_len);
void store_batch_delete_range(store_batch *b, store *s, store_family f, const void *from,
                              size_t from_len, const void *to, size_t to_len); /* [from, to) */
void store_batch_log_data(store_batch *b, const void *bytes,
                          size_t len); /* rides in the log: commit time */
size_t store_batch_bytes(const store_batch *b);
/* Bytes from somebody else's log, which log_batch_parse (db/log.h) has found to be whole. */
VV_CHECKED varve_status store_batch_new_from(const void *bytes, size_t len, store_batch **ret,
                                             varve_error *err);
VV_CHECKED varve_status store_write(store *s, store_batch *b, bool sync, varve_error *err);
VV_CHECKED varve_status store_sync_log(store *s,
                                       varve_error *err); /* fsync what was written without */

/* Reads: of the newest state. */
typedef struct store_value {
    const char *data;
    size_t len;
    void *pin;
} store_value;
/* Absent: VARVE_OK with data NULL. End with store_value_done. */
VV_CHECKED varve_status store_get(store *s, store_family f, const void *key, size_t key_len,
                                  store_value *ret, varve_error *err);
void store_value_done(store_value *v);
/* n keys of one family at once; each ret[i] as store_get. On failure none needs store_value_done.
 */
VV_CHECKED varve_status store_get_many(store *s, store_family f, size_t n, const void *const *keys,
                                       const size_t *key_lens, store_value *ret, varve_error *err);

/* Ascending over [from, to); NULL bounds are open. The state is the one when the iterator was made.
 */
typedef struct store_iter store_iter;
VV_CHECKED varve_status store_iter_new(store *s, store_family f, const void *from, size_t from_len,
                                       const void *to, size_t to_len, store_iter **ret,
                                       varve_error *err);
/* The same at the moment of a snapshot; NULL: now. */
typedef struct store_snapshot store_snapshot;
VV_CHECKED varve_status store_snapshot_new(store *s, store_snapshot **ret, varve_error *err);
void store_snapshot_free(store_snapshot *n); /* NULL-safe; before the store is closed */
VV_CHECKED varve_status store_iter_new_at(store *s, const store_snapshot *at, store_family f,
                                          const void *from, size_t from_len, const void *to,
                                          size_t to_len, store_iter **ret, varve_error *err);
void store_iter_free(store_iter *i);
void store_iter_freep(store_iter **i);
void store_iter_seek(store_iter *i, const void *key, size_t key_len); /* first at or after key */
void store_iter_seek_last(store_iter *i);
void store_iter_next(store_iter *i);
void store_iter_prev(store_iter *i);
bool store_iter_at(const store_iter *i, varve_text *ret_key,
                   varve_text *ret_value); /* false: past the end */
VV_CHECKED varve_status store_iter_check(const store_iter *i, varve_error *err); /* why it ended */

/* Sorted files built aside and taken in at once. Keys strictly ascending (VARVE_INTERNAL
 * otherwise). */
typedef struct store_sst store_sst;
VV_CHECKED varve_status store_sst_new(store *s, store_family f, const char *path, store_sst **ret,
                                      varve_error *err);
VV_CHECKED varve_status store_sst_put(store_sst *w, const void *key, size_t key_len,
                                      const void *value, size_t value_len, varve_error *err);
VV_CHECKED varve_status
store_sst_finish(store_sst *w, varve_error *err); /* frees; an empty file is removed and fine */
void store_sst_discard(store_sst *w);             /* frees, removes the file */
/* Take copies of files in; durable when it returns. The files stay as and where they are, so that
 * doing it twice is harmless. What they hold is newer than all that was written before; of one key
 * in two files the later file's value. */
VV_CHECKED varve_status store_ingest(store *s, store_family f, const char *const *paths,
                                     size_t count, varve_error *err);

VV_CHECKED varve_status store_flush(store *s,
                                    varve_error *err); /* memtables to files; trims the log */
/* A store of its own at path, which must not exist: tables and closed logs are hard links. The log
 * is closed first, so that next to none of it is copied and no large buffer is written to a table.
 * Durable but for its own name. Of a read-only store files are taken as they lie: VARVE_CONFLICT
 * when an owner changed them meanwhile. */
VV_CHECKED varve_status store_checkpoint(store *s, const char *path, varve_error *err);
VV_CHECKED varve_status store_verify(store *s,
                                     varve_error *err); /* read everything, checking sums */
/* What was deleted or replaced in [from, to) before the call is in no file any more when it is back
 * (readers of an older state keep their files). Call store_flush first: it frees the log. VARVE_IO:
 * a file could not be written, and all of it may still be there. */
VV_CHECKED varve_status store_erase(store *s, store_family f, const void *from, size_t from_len,
                                    const void *to, size_t to_len, varve_error *err);
/* The log (store_updates.c), of a store open for writing. Batches as they were written, from that
 * which holds `from` on; each returns false to end the walk. VARVE_NOT_FOUND: the log does not hold
 * them any more, or has a gap; the message has both numbers. from is at most one above the last. */
typedef struct store_update {
    uint64_t first, last; /* sequence numbers */
    const void *bytes;    /* borrowed for the call */
    size_t len;
} store_update;
typedef bool (*store_update_each)(void *arg, const store_update *update);
VV_CHECKED varve_status store_updates(store *s, uint64_t from, store_update_each each, void *arg,
                                      varve_error *err);
/* Batches name a family by the order of its making: that is the order of store_family. */
VV_CHECKED varve_status store_check_families(store *s, varve_error *err);
/* The first sequence number of the oldest log kept; UINT64_MAX: there is none. */
VV_CHECKED varve_status store_log_oldest(store *s, uint64_t *ret, varve_error *err);

uint64_t store_property(store *s,
                        const char *name); /* RocksDB's, summed over families; 0 unknown */
uint64_t store_log_bytes(store *s);
uint64_t store_memory_bytes(store *s);

#endif
