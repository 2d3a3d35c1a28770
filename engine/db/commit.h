/* commit.h — one group of writes becomes durable and visible.
 * For each collection of the group a commit_part gathers what changes; every request is first
 * checked against the state that the requests before it leave (a request that fails leaves
 * nothing), then staged: into the one WriteBatch of the group and into the memtable, beyond the
 * length that any view publishes. Then the next views are built, the batch is written, and only
 * then the views are swapped. All of this under writer_lock.
 * (1) After the batch is written nothing can fail.
 * (2) A memtable that a failed write has touched takes no more rows: what the view publishes of it
 * stays, the rest was never seen, and its row versions are never used again. */
#ifndef VARVE_DB_COMMIT_H
#define VARVE_DB_COMMIT_H

#include "db/write.h"

/* What a slot is from now on. The last change of a slot counts. */
typedef struct slot_change {
    uint32_t source;
    uint32_t order;
    uint64_t slot;
    bool hidden, deleted;
} slot_change;

/* What an id is at this point of the group. */
typedef struct row_lookup {
    bool exists;
    row_current current;
    row_place place;   /* of current.rowver, in the part's sources */
    varve_text fields; /* of that version, when asked for */
} row_lookup;

#define ROWVER_NONE UINT64_MAX /* of an id that the group removed */

typedef struct commit_part {
    varve_collection *c;
    struct commit_part *next;
    struct commit_part **group; /* the list it is in */
    view *base;                 /* the published view; not a reference of ours */
    row_source
        *sources; /* base's, and the active memtable as the last one, whether published or not */
    size_t source_count;
    uint64_t published; /* rows of the active memtable that base publishes */
    collection_counters counters;
    vector_field field; /* with the dimension, once known */
    bool field_changed;
    uint64_t rows;   /* live and deleted, as the limits count them */
    hashmap overlay; /* id key -> row_current of this group; only when `overlaid` */
    bool overlaid;
    slot_change *changes;
    size_t change_count, change_capacity;
    bool touched; /* something was staged */
    bool spoiled; /* staging failed half-way: the whole group must fail */
    view *next_view;
    bool is_published;
    view *before; /* of the swap, while it is published */
} commit_part;

/* Commit the requests of the list; each gets its outcome. */
void commit_group(varve *db, write_request *first);

/* ---- the parts of a commit that is not of the queue: new ones come to *group by part_find;
 * finish adds to the batch what they changed and builds the next views; when the batch is written,
 * publish, else give up; then free. */
VV_CHECKED varve_status parts_finish(varve *db, commit_part *group, store_batch *batch,
                                     varve_error *err);
void parts_publish(varve *db, commit_part *group); /* all of them in one step */
void parts_give_up(commit_part *group);
void parts_free(commit_part **group);

/* ---- parts (commit_part.c) */
VV_CHECKED varve_status part_new(varve_collection *c, bool overlaid, commit_part **ret,
                                 varve_error *err);
/* The collection's part of the group, new if need be. overlaid: ids may come more than once. */
VV_CHECKED varve_status part_find(commit_part **group, varve_collection *c, bool overlaid,
                                  commit_part **ret, varve_error *err);
void part_free(commit_part *p);
/* Make sure there is an active memtable of this dimension. */
VV_CHECKED varve_status part_open_memtable(commit_part *p, store_batch *batch, size_t dim,
                                           varve_error *err);
VV_CHECKED varve_status part_change(commit_part *p, row_place place, bool hidden, bool deleted,
                                    varve_error *err);
VV_CHECKED varve_status part_build_view(commit_part *p, varve_error *err);
VV_CHECKED varve_status part_note(commit_part *p, const uint8_t *key, size_t key_len,
                                  const row_current *now, varve_error *err);
/* Look up the n ids of a request: in the group so far, then in the store. with_fields: bring the
 * old fields. */
VV_CHECKED varve_status part_lookup(commit_part *p, const write_request *w, size_t first, size_t n,
                                    bool with_fields, row_lookup *ret, varve_error *err);
VV_CHECKED varve_status part_place(commit_part *p, uint64_t rowver, row_place *ret,
                                   varve_error *err);

/* ---- requests (commit_rows.c, commit_marks.c): check, and stage only when all of it can be done
 */
VV_CHECKED varve_status commit_rows(commit_part *p, store_batch *batch, write_request *w,
                                    varve_error *err);
VV_CHECKED varve_status commit_marks(commit_part *p, store_batch *batch, write_request *w,
                                     varve_error *err);
VV_CHECKED varve_status commit_fields(commit_part *p, store_batch *batch, write_request *w,
                                      varve_error *err);

/* Deleted, or restored: of a row that is there. */
VV_CHECKED varve_status stage_mark(commit_part *p, store_batch *batch, const uint8_t *key,
                                   size_t key_len, const row_lookup *l, bool deleted,
                                   varve_error *err);
/* The id is gone, its version superseded: nothing brings it back. */
VV_CHECKED varve_status stage_removal(commit_part *p, store_batch *batch, const uint8_t *key,
                                      size_t key_len, const row_lookup *l, varve_error *err);

typedef struct row_content {
    uint64_t ordinal;
    const void *vector;
    size_t vector_bytes;
    varve_text fields;
} row_content;
VV_CHECKED varve_status stage_version_at(commit_part *p, store_batch *batch, const uint8_t *key,
                                         size_t key_len, const row_lookup *before,
                                         const row_content *content, varve_error *err);
/* max_collection_vector_bytes, with so many rows, and so many bytes more in named fields. */
VV_CHECKED varve_status check_vector_bytes(commit_part *p, uint64_t rows, size_t row_bytes,
                                           uint64_t more, varve_error *err);
/* One new row version: row store, memtable, tombstone of the one before. */
VV_CHECKED varve_status stage_version(commit_part *p, store_batch *batch, const uint8_t *key,
                                      size_t key_len, const row_lookup *before, const void *vector,
                                      size_t vector_bytes, varve_text fields, varve_error *err);

#endif
