/* compact_purge.c — deleted rows are given up for good, with their vectors in named fields: in one
 * WriteBatch the record of a row goes and its tombstone says superseded; then the view no longer
 * lists it. Before, a restore brings the row back; after, there is nothing to restore. In pieces,
 * so that writers wait for none of them long. */
#include "db/compaction_inner.h"
#include "db/field_rows.h"

#define PURGE_ROWS  4096
#define LOOKUP_ROWS 256

typedef struct purge_piece {
    varve_collection *c;
    segment *seg;
    uint64_t slots[PURGE_ROWS];
    size_t count;
    buffer keys; /* of rows, back to back */
    size_t key_ends[PURGE_ROWS];
    uint64_t rowvers[PURGE_ROWS];
    uint64_t next; /* slot */

    store_batch *batch;
    uint64_t rows;      /* whose record goes */
    write_request gone; /* their keys */
    buffer gone_keys;
    commit_part *parts; /* of the collection, and of its named fields */
} purge_piece;

static void piece_free(purge_piece **p)
{
    if (!*p) return;
    buffer_done(&(*p)->keys);
    buffer_done(&(*p)->gone_keys);
    free((*p)->gone.key_ends);
    store_batch_free((*p)->batch);
    free(*p);
}

/* The next deleted slots and the keys of their rows: all of it immutable but the set itself. */
static varve_status collect(purge_piece *p, const row_source *s, varve_error *err)
{
    p->count = 0;
    buffer_clear(&p->keys);
    uint8_t cid[4];
    put_be32(cid, p->c->id);
    for (uint64_t slot; p->count < PURGE_ROWS && tombstones_next(s->deleted, p->next, &slot);) {
        const uint8_t *key;
        size_t len;
        VV_TRY(segment_id_key(s->seg, slot, &key, &len, err));
        VV_TRY(segment_rowver(s->seg, slot, &p->rowvers[p->count], err));
        VV_TRY(buffer_add(&p->keys, cid, sizeof cid, err));
        VV_TRY(buffer_add(&p->keys, key, len, err));
        p->slots[p->count] = slot;
        p->key_ends[p->count++] = p->keys.len;
        p->next = slot + 1;
    }
    return VARVE_OK;
}

/* ---- under writer_lock */

static varve_status stage_row(purge_piece *p, size_t i, const void *key, size_t len, bool current,
                              varve_error *err)
{
    const char kind = DEAD_SUPERSEDED;
    uint8_t rowver_key[ROWVER_KEY_BYTES];
    store *s = p->c->db->store;
    rowver_key_put(p->c->id, p->rowvers[i], rowver_key);
    store_batch_put(p->batch, s, STORE_DEAD, rowver_key, sizeof rowver_key, &kind, 1);
    if (!current) return VARVE_OK;
    store_batch_delete(p->batch, s, STORE_ROWS, key, len);
    VV_TRY(buffer_add(&p->gone_keys, (const uint8_t *)key + 4, len - 4, err));
    p->gone.key_ends[p->rows++] = p->gone_keys.len;
    return VARVE_OK;
}

static varve_status stage_some(purge_piece *p, const size_t *which, size_t n, varve_error *err)
{
    const void *keys[LOOKUP_ROWS] = {0};
    size_t lens[LOOKUP_ROWS] = {0};
    store_value values[LOOKUP_ROWS];
    if (n == 0) return VARVE_OK;
    for (size_t i = 0; i < n; i++) {
        size_t from = which[i] ? p->key_ends[which[i] - 1] : 0;
        keys[i] = p->keys.data + from;
        lens[i] = p->key_ends[which[i]] - from;
    }
    VV_TRY(store_get_many(p->c->db->store, STORE_ROWS, n, keys, lens, values, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < n; i++) {
        row_current row;
        bool current = values[i].data && row_current_get(values[i].data, values[i].len, &row) &&
                       row.deleted && row.rowver == p->rowvers[which[i]];
        if (status == VARVE_OK) status = stage_row(p, which[i], keys[i], lens[i], current, err);
        store_value_done(&values[i]);
    }
    return status;
}

/* Those that are deleted still; slots becomes the list of them. */
static varve_status stage(purge_piece *p, const row_source *now, varve_error *err)
{
    size_t which[LOOKUP_ROWS], n = 0, kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (!tombstones_has(now->deleted, p->slots[i])) continue;
        p->slots[kept++] = p->slots[i];
        which[n++] = i;
        if (n < LOOKUP_ROWS) continue;
        VV_TRY(stage_some(p, which, n, err));
        n = 0;
    }
    p->count = kept;
    return stage_some(p, which, n, err);
}

/* What the views no longer list. */
static varve_status stage_views(purge_piece *p, size_t at, varve_error *err)
{
    commit_part *part = NULL;
    VV_TRY(part_find(&p->parts, p->c, false, &part, err));
    for (size_t i = 0; i < p->count; i++)
        VV_TRY(part_change(part, (row_place){at, p->slots[i]}, true, false, err));
    part->touched = true;
    p->gone.keys = (uint8_t *)p->gone_keys.data;
    p->gone.count = p->rows;
    if (p->gone.count) VV_TRY(cascade_purge(part, p->batch, &p->gone, err));
    return parts_finish(p->c->db, p->parts, p->batch, err);
}

static varve_status write_piece(purge_piece *p, varve_error *err)
{
    VV_TRY(compact_point("purge.before_batch", err));
    return compact_write_relaxed_locked(p->c->db, p->batch, err);
}

static varve_status commit_locked(purge_piece *p, varve_error *err)
{
    varve_collection *c = p->c;
    size_t at = 0;
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_alive(c, err));
    while (at < c->view->source_count && c->view->sources[at].seg != p->seg)
        at++;
    if (at == c->view->source_count) return VARVE_OK; /* somebody compacted it */
    store_batch_clear(p->batch);
    buffer_clear(&p->gone_keys);
    p->rows = 0;
    VV_TRY(stage(p, &c->view->sources[at], err));
    if (p->count == 0) return VARVE_OK;
    VV_TRY(stage_views(p, at, err));
    VV_TRY(write_piece(p, err));
    (void)VV_FAULT("purge.after_batch");
    parts_publish(c->db, p->parts);
    return VARVE_OK;
}

/* ---- a segment, and all of them */

static varve_status purge_source(varve_collection *c, const row_source *s, uint64_t *rows,
                                 varve_error *err)
{
    VV_CLEANUP(piece_free) purge_piece *p = calloc(1, sizeof *p);
    if (!p) return vv_fail(err, VARVE_NO_MEMORY, "no memory to purge");
    buffer_init(&p->keys, SIZE_MAX / 2, "ids to purge");
    buffer_init(&p->gone_keys, SIZE_MAX / 2, "ids to purge");
    p->c = c;
    p->seg = s->seg;
    p->batch = store_batch_new();
    p->gone.key_ends = malloc(PURGE_ROWS * sizeof *p->gone.key_ends);
    if (!p->batch || !p->gone.key_ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory to purge");
    for (;;) {
        VV_TRY(collect(p, s, err));
        if (p->count == 0) return VARVE_OK;
        p->rows = 0;
        pthread_mutex_lock(&c->db->writer_lock);
        varve_status status = commit_locked(p, err);
        parts_free(&p->parts);
        pthread_mutex_unlock(&c->db->writer_lock);
        if (status != VARVE_OK) return status;
        *rows += p->rows;
    }
}

varve_status purge_segments(varve_collection *c, const view *v, size_t first, size_t count,
                            uint64_t *ret_rows, varve_error *err)
{
    varve_status status = VARVE_OK;
    *ret_rows = 0; /* also when it fails half-way: what was purged is purged */
    for (size_t i = first; i < first + count && status == VARVE_OK; i++) {
        if (v->sources[i].seg && v->sources[i].deleted)
            status = purge_source(c, &v->sources[i], ret_rows, err);
    }
    return status;
}
