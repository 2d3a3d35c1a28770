/* db.h — the face of db/: an open data folder, the only writer of its row store and manifest.
 *
 * Commit     The WriteBatch of the row store is the only commit point. Whatever can fail is done
 *            before it (checks, memory, appending to the memtable, building the next view); after
 *            it there is only a swap of pointers.
 * Views      A collection publishes a new view for each commit that touched it. Readers take a
 *            reference and never wait.
 *
 * Lock table, in the order in which they may be taken:
 *   seal_lock     collection  one seal, adoption or drop of the collection at a time; held over I/O
 *                             (a collection's before those of its vector fields' collections)
 *   writer_lock   folder      who holds it is the committer: group leader, end of a seal, session
 *                             commit, change of the catalogue; held over the commit's I/O
 *   catalog_lock  folder      names to collections, many readers; never held over I/O
 *   load_lock     collection  the first load of a collection; held over reads
 *   queue_lock    folder      the queue of writers; leaf
 *   publish_lock  folder      the swap of the views of one commit; never held over I/O
 *   lock          collection  view pointer, schema; leaf
 *   compaction.lock, loader.lock   folder   requests, jobs, wake-ups; leaves
 *   hold_lock     folder      files that wait to be removed (dropped.h); leaf
 *   tick_lock, seal_queue_lock, why_lock   folder   wake-ups and a sentence; leaves
 *   copy_lock     folder      before all others: the end of one varve_copy at a time */
#ifndef VARVE_DB_H
#define VARVE_DB_H

#include "base/hashmap.h"
#include "base/lock.h"
#include "base/thread_pool.h"
#include "db/floor.h"
#include "filter/filter_cache.h"
#include "record/row.h"
#include "record/schema.h"
#include "segment/view.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define DB_PATH_MAX 4096

/* Counters of a collection, kept in STORE_META under 'n' | cid and written by every commit that
 * moves them. */
typedef struct collection_counters {
    uint64_t next_rowver, next_ordinal, next_segment;
    uint64_t next_auto_id; /* above every integer id ever used; automatic ids come from here */
} collection_counters;

typedef struct rowver_range {
    const void *owner;
    uint64_t min, max;
} rowver_range;

struct varve_collection {
    varve *db;
    uint32_t id;
    char *database, *name;
    bool inner; /* keeps a named vector field of another collection: vector_fields.h */
    atomic_uint_fast32_t references; /* one is the catalogue's */
    atomic_bool dropped;

    pthread_mutex_t load_lock;
    atomic_bool loaded;

    pthread_mutex_t lock; /* guards: */
    view *view;           /*   NULL until loaded */
    collection_schema schema;
    int64_t max_ordinal; /*   of the published view's rows, and of all before it; -1: none */
    struct varve_collection **children; /* changed under writer_lock too: children.h */
    size_t child_count;

    /* owned by the holder of writer_lock, once loaded */
    atomic_uint_fast64_t active_rows; /* a hint for those without the lock */
    memtable
        *active; /* NULL: none yet; always the last source of the view when it has published rows */
    collection_counters counters;
    uint64_t commits; /* since it was loaded: did anything change? */

    rowver_range *reserved; /* of sessions that have not committed */
    size_t reserved_count, reserved_capacity;

    atomic_uint_fast64_t merge_rows_fit; /* of a merged segment, where one took too much memory; 0:
                                            none did */
    atomic_uint_fast64_t last_delete_ms; /* monotonic; at first, when it was loaded */
    atomic_uint_fast64_t published;      /* views so far */
    atomic_uint_fast64_t backlog_rows;   /* of the published view: waiting for their index */
    atomic_bool builds_full; /* the mode has an index of its own, and memory to build it */
    atomic_bool stuck;       /* jobs fail over and over: nobody should wait for them */

    /* owned by the compaction thread */
    uint64_t compact_idle;     /* `published`, when nothing was found to do */
    uint64_t compact_after_ms; /* monotonic: after a failure, nothing is tried before */
    unsigned compact_failures;
    bool compact_scheduled;    /* a request of the schedule is on its way */
    uint64_t versions_dropped; /* since it was loaded */
    uint64_t erased;           /* `published`, when the row store was last rid of old rows */

    pthread_mutex_t seal_lock;
    atomic_bool seal_wanted, seal_failed;
    atomic_uint_fast64_t frozen_bytes; /* memtables that wait for their seal */
    varve_collection *seal_next;       /* in the folder's seal queue; under seal_queue_lock */
};

typedef struct database_entry {
    char *name;
    uint64_t created; /* order of creation */
} database_entry;

struct write_request;

struct varve {
    char path[DB_PATH_MAX];
    varve_options options;
    lock_file lock;
    store *store;
    floor_file *floor;     /* NULL when read-only */
    uint64_t floor_found;  /* at open */
    thread_pool *pool;     /* lent to searches; NULL with one thread */
    filter_cache *filters; /* NULL: off */

    pthread_rwlock_t catalog_lock; /* guards: */
    hashmap databases;             /*   name -> database_entry */
    hashmap collections;           /*   database \0 name -> varve_collection */
    size_t inner_collections;      /*   of those, how many are inner ones */
    uint32_t next_collection_id;
    uint64_t next_database;

    pthread_mutex_t writer_lock;
    pthread_mutex_t queue_lock; /* guards: */
    struct write_request *queue_head, *queue_tail;
    bool has_leader;
    pthread_mutex_t publish_lock; /* see vector_fields.h */
    pthread_mutex_t copy_lock;    /* see copy.h */
    pthread_mutex_t hold_lock;    /* guards: */
    unsigned holds;
    struct dropped_file *dropped;

    pthread_mutex_t tick_lock;
    pthread_cond_t tick_wake;
    bool tick_stop;
    pthread_t ticker;
    pthread_mutex_t seal_queue_lock; /* guards: */
    pthread_cond_t seal_wake, seal_done;
    varve_collection *seal_queue;
    bool seal_stop;
    pthread_t sealer;
    atomic_bool threads_started;
    struct compaction *compaction; /* NULL when read-only */
    struct index_loader *loader;
    varve *older; /* of a reader, while it is opened: an earlier one of the folder, to share with */
    bool last_try;       /* of a reader: what cannot be loaded now is left for its use */
    bool *check_pending; /* set by fsck: an interrupted session is noted here, not refused */

    atomic_bool broken;                /* after an I/O error: no more writes until reopened */
    atomic_bool gone;                  /* the folder was renamed or removed under us */
    atomic_bool low_space;             /* free space is below the reserve, or a write found none */
    atomic_bool unsynced;              /* relaxed writes wait for an fsync */
    atomic_uint_fast64_t acknowledged; /* sequence known to be on stable storage */
    atomic_uint_fast64_t committed_ms; /* time of the last commit, since 1970; 0: none yet */
    atomic_uint_fast64_t segments, segment_bytes, index_bytes, disk_free;
    atomic_uint_fast64_t batches, batch_groups, seals, searches, rows_written, sessions;
    atomic_uint_fast64_t backlog_rows, writes_delayed, write_delay_ms;
    atomic_uint_fast64_t searched_ns; /* when the last search began; monotonic, 0: never */
    pthread_mutex_t why_lock;         /* guards: */
    char why[128];
};

/* ---- paths */
VV_CHECKED varve_status db_path(const varve *db, const char *name, char ret[DB_PATH_MAX],
                                varve_error *err);
VV_CHECKED varve_status collection_dir(const varve *db, uint32_t cid, char ret[DB_PATH_MAX],
                                       varve_error *err);
VV_CHECKED varve_status segment_file(const varve *db, uint32_t cid, uint64_t number,
                                     const char *suffix, char ret[DB_PATH_MAX], varve_error *err);

/* ---- open without LOCK, for reading, whatever state sessions are in (open.c) */
VV_CHECKED varve_status db_open_for_check(const char *path, varve **ret_db, bool *ret_pending,
                                          varve_error *err);

/* ---- reading, inside (read.c) */
/* varve_get without its checks: ids of any length. locked: the caller holds writer_lock. */
VV_CHECKED varve_status read_rows(varve_collection *c, const varve_id *ids, size_t count,
                                  unsigned with, bool locked, varve_rowset **ret_rows,
                                  varve_error *err);
/* For writers: append the fields of a row, if there is one. */
VV_CHECKED varve_status read_fields(varve_collection *c, varve_id id, buffer *out,
                                    varve_error *err);

/* ---- health (health.c) */
/* May this write go on? inserting: it needs space. */
VV_CHECKED varve_status db_check_writable(varve *db, bool inserting, varve_error *err);
/* Remember what a failed write means for later ones; returns status unchanged. */
varve_status db_note_failure(varve *db, varve_status status, const varve_error *err);
/* No write until the folder is reopened. */
void db_break(varve *db, const varve_error *err);
void db_watch_space(varve *db);

/* ---- catalogue (catalog.c, catalog_load.c) */
VV_CHECKED varve_status catalog_load(varve *db, varve_error *err);
void catalog_done(varve *db);
VV_CHECKED varve_status catalog_find(varve *db, const char *database, const char *name,
                                     varve_collection **ret,
                                     varve_error *err); /* a new reference */
/* References to all collections; free() the array after releasing each. */
VV_CHECKED varve_status catalog_all(varve *db, varve_collection ***ret, size_t *ret_count,
                                    varve_error *err);
VV_CHECKED varve_status catalog_put_schema(varve *db, store_batch *batch, const varve_collection *c,
                                           const collection_schema *schema, varve_error *err);
/* The collection's record with this primary vector in place of its own. */
VV_CHECKED varve_status catalog_put_field(varve *db, store_batch *batch, const varve_collection *c,
                                          const vector_field *field, varve_error *err);
void catalog_segment_key(uint32_t cid, uint64_t number, uint8_t ret[13]);
#define CATALOG_SEGMENT_KEY_BYTES 13

/* ---- a collection (collection.c, collection_load.c) */
VV_CHECKED varve_status collection_new(varve *db, const char *database, const char *name,
                                       collection_schema *take_schema, varve_collection **ret,
                                       varve_error *err);
varve_collection *collection_ref(varve_collection *c);
/* Load if needed; VARVE_NOT_FOUND when it was dropped. */
VV_CHECKED varve_status collection_ready(varve_collection *c, varve_error *err);
view *collection_view(varve_collection *c); /* a new reference; only when ready */
/* A copy of the primary vector's description: the schema may be replaced by another thread. */
vector_field collection_field(varve_collection *c);
VV_CHECKED varve_status collection_alive(const varve_collection *c, varve_error *err);
/* Write the batch with this record of the collection, then swap it with the one in use. Under
 * writer_lock; *next is the caller's, before and after. */
VV_CHECKED varve_status collection_swap_schema(varve_collection *c, store_batch *batch,
                                               collection_schema *next, varve_error *err);
/* Swap in; takes over the caller's reference, and keeps the folder's totals. Under writer_lock. */
void collection_publish(varve_collection *c, view *next);
/* The same in two steps, for several collections at once: the swaps under publish_lock, the rest
 * afterwards, with what the swap returned. */
view *collection_swap_view(varve_collection *c, view *next);
void collection_swapped(varve_collection *c, view *before);
void counters_key(uint32_t cid, uint8_t ret[5]);
void counters_add_to_batch(varve *db, store_batch *batch, uint32_t cid,
                           const collection_counters *n);
VV_CHECKED varve_status counters_decode(const void *bytes, size_t len, uint32_t cid,
                                        collection_counters *ret, varve_error *err);
VV_CHECKED varve_status counters_read(varve *db, uint32_t cid, collection_counters *ret,
                                      varve_error *err);
/* The schema's primary vector is another one now, or was just read. */
void collection_note_field(varve_collection *c);
/* Into the folder's totals; after NULL: nothing. */
void collection_count_disk_use(varve *db, const view *before, const view *after);
void collection_count_backlog(varve_collection *c, uint64_t rows);
/* Close the active memtable, so that the next row goes to a new one. Under writer_lock. */
void collection_freeze(varve_collection *c);

/* ---- what rows hold (content.c) */
text_options schema_text_options(const collection_schema *s);
segment_spec collection_segment_spec(varve_collection *c, uint64_t number, uint32_t dim);
VV_CHECKED varve_status collection_new_memtable(varve_collection *c, const vector_field *f,
                                                memtable **ret, varve_error *err);

/* ---- sealing (seal.c, sealer.c) */
/* Turn every frozen memtable into a segment. Takes seal_lock. */
VV_CHECKED varve_status seal_collection(varve_collection *c, varve_error *err);
void seal_ask(varve_collection *c);
VV_CHECKED varve_status background_start(varve *db, varve_error *err);
void background_stop(varve *db);
/* Writers wait here while sealing is far behind; an error when it fails. */
VV_CHECKED varve_status seal_wait_room(varve_collection *c, varve_error *err);

/* ---- sessions that were interrupted after their commit point (session_recover.c) */
VV_CHECKED varve_status sessions_recover(varve *db, varve_error *err);
VV_CHECKED varve_status sessions_pending(store *s, bool *ret_pending, varve_error *err);

/* ---- copies that did not come to their commit point (copy_commit.c) */
VV_CHECKED varve_status copies_undo(varve *db, varve_error *err);

/* ---- leftovers of crashes (sweep.c): files that the manifest does not name */
VV_CHECKED varve_status sweep_files(varve *db, varve_error *err);

#endif
