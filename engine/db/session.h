/* session.h — a session inside: rows that are gathered in memory while they are few, and go
 * straight into segment files when they are many.
 *
 *   add: GATHERING --too many--> SPILLING: segment writer + a run of (id, row version) per segment
 *   commit of GATHERING: an ordinary group commit.
 *   commit of SPILLING:
 *     files durable
 *     -> merge the runs with the row store: sorted files of new row records and of tombstones
 *     -> WriteBatch(sync) {the session is committed: its segments}         <- the commit point
 *     -> ingest the sorted files
 *     -> WriteBatch(sync) {manifest += segments, the session is done} -> view
 *
 * A crash before the commit point leaves files that the sweep removes; after it, the next open does
 * the rest again (session_recover.c). Ingesting a file twice is harmless.
 * Row versions are reserved when a segment is rolled; the active memtable is frozen then, so that
 * ranges stay disjoint. */
#ifndef VARVE_DB_SESSION_H
#define VARVE_DB_SESSION_H

#include "db/commit.h"

#define SESSION_ROLL_BYTES_MIN (UINT64_C(256) << 10) /* buffers alone take a part of that */
#define SESSION_AUTO_RESERVE   (UINT64_C(1) << 32)

typedef struct session_segment {
    segment_record record;
    bool has_index; /* a fresh one */
    index_record index;
} session_segment;

struct varve_session {
    varve_collection *c;
    bool upsert, failed, committed;
    uint64_t number; /* names its desk: work/session-<number> */
    uint64_t rows;
    size_t dim;
    bool automatic;           /* ids are assigned by us; either for all rows or for none */
    uint64_t first_automatic; /* known once spilling */

    /* rows gathered: all of them, or those of the segment being written (keys only) */
    buffer keys, vectors, fields;
    size_t *key_ends, *field_ends;
    size_t count, capacity;
    bool any_fields;

    /* spilling */
    segment_writer *writer;
    uint64_t writer_number;
    session_segment *segments; /* finished; runs are files run-<i> on the desk */
    size_t segment_count;
    uint64_t *own_dead; /* row versions of ours that a later row of ours replaces */
    size_t own_dead_count, own_dead_capacity;
    uint64_t next_auto_id; /* above every integer id of ours */
    uint64_t
        known_ids; /* when the segment was begun, no integer id at or above this one was used */
    uint64_t reserved_end; /* of the automatic ids kept free for us; 0: none */
    bool unsure;           /* the commit point was tried, and nobody knows whether it was reached */
};

/* What a merge found; the sorted files are rows.sst and dead.sst on the desk. */
typedef struct session_merged {
    uint64_t commits; /* of the collection when the merge began: still true later? */
    uint64_t rows_new, rows_replaced;
    uint64_t *dead; /* superseded row versions, ours and older ones, ascending */
    size_t dead_count, dead_capacity;
    /* Rows whose named vectors must follow: deleted ones that come back, and such as were inserted
     * by others meanwhile, and so had another ordinal. */
    write_request moved; /* keys alone */
    buffer moved_keys;
    uint64_t *moved_ordinals;
    size_t moved_capacity;
} session_merged;

VV_CHECKED varve_status session_desk(const varve *db, uint64_t number, const char *file,
                                     char ret[DB_PATH_MAX], varve_error *err);
/* session_spill.c */
VV_CHECKED varve_status session_spill_row(varve_session *s, const uint8_t *key, size_t key_len,
                                          const void *vector, varve_text fields, varve_error *err);
VV_CHECKED varve_status session_spill_gathered(varve_session *s, varve_error *err);
VV_CHECKED varve_status session_roll(varve_session *s, varve_error *err);
VV_CHECKED varve_status session_note_key(varve_session *s, const uint8_t *key, size_t key_len,
                                         varve_error *err);
/* session_merge.c */
VV_CHECKED varve_status session_merge(varve_session *s, uint64_t commits, session_merged *ret,
                                      varve_error *err);
void session_merged_done(session_merged *m); /* copes with zeros */
VV_CHECKED varve_status u64_list_add(uint64_t **list, size_t *count, size_t *capacity,
                                     uint64_t value, varve_error *err);
/* session_commit.c */
VV_CHECKED varve_status session_commit_spilled(varve_session *s, varve_receipt *ret,
                                               varve_error *err);
/* session_recover.c: the intent and what follows it */
#define SESSION_KEY_BYTES 9
void session_key(uint64_t number, uint8_t ret[SESSION_KEY_BYTES]);
VV_CHECKED varve_status session_intent_encode(const varve_session *s, bool has_dead,
                                              const collection_counters *counters, buffer *out,
                                              varve_error *err);
/* From a durable intent to a manifest that names the segments. Under writer_lock, or before anybody
 * else is there. *ret_rows_in: also when it fails, whether the row records are in the store. */
VV_CHECKED varve_status session_complete(varve *db, uint64_t number, const void *intent, size_t len,
                                         bool *ret_rows_in, varve_error *err);

#endif
