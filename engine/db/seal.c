/* seal.c — a frozen memtable becomes a segment, with a fresh index where the metric has one.
 *   frozen memtable --write--> N.seg.tmp --sync, rename, sync dir--> N.seg --WriteBatch{manifest +=
 * N and its index, fresh -= range}--> LIVE (1) Superseded rows are left out, and their tombstones
 * with them; soft-deleted rows stay, with theirs. (2) What is hidden between the copy and the
 * commit becomes a first tombstone of the segment. A crash before the batch leaves a file that no
 * manifest names; the sweep at open removes it and the rows are still in `fresh`. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/catalog.h"
#include "db/compaction.h"
#include "db/indexes.h"

#include <stdlib.h>

/* The first frozen memtable in the view; false: none. */
static bool find_frozen(const varve_collection *c, const view *v, size_t *ret)
{
    for (size_t i = 0; i < v->source_count; i++) {
        if (!v->sources[i].mem) continue;
        if (v->sources[i].mem == c->active) return false;
        *ret = i;
        return true;
    }
    return false;
}

static bool left_out(const row_source *s, uint64_t slot)
{
    return tombstones_has(s->hidden, slot) && !tombstones_has(s->deleted, slot);
}

static varve_status copy_rows(segment_writer *w, const row_source *s, varve_error *err)
{
    for (uint64_t slot = 0; slot < s->rows; slot++) {
        if (left_out(s, slot)) continue;
        uint64_t contiguous;
        size_t key_len;
        const uint8_t *key = memtable_id_key(s->mem, slot, &key_len);
        const uint8_t *vector = memtable_vectors(s->mem, slot, s->rows, &contiguous);
        VV_TRY(segment_writer_add(w, memtable_rowver(s->mem, slot), memtable_ordinal(s->mem, slot),
                                  key, key_len, vector, memtable_fields(s->mem, slot), err));
    }
    return VARVE_OK;
}

/* *ret stays NULL when every row was superseded: then there is no file. */
static varve_status write_segment(varve_collection *c, const row_source *s, uint64_t number,
                                  segment **ret, varve_error *err)
{
    char directory[DB_PATH_MAX], temporary[DB_PATH_MAX], path[DB_PATH_MAX];
    segment_spec spec = collection_segment_spec(c, number, collection_field(c).dim);
    segment_record record;
    segment_writer *w = NULL;
    VV_TRY(collection_dir(c->db, c->id, directory, err));
    VV_TRY(segment_file(c->db, c->id, number, ".seg.tmp", temporary, err));
    VV_TRY(segment_file(c->db, c->id, number, ".seg", path, err));
    VV_TRY(file_make_dir(directory, err));
    VV_TRY(segment_writer_new(temporary, &spec, &w, err));
    varve_status status = copy_rows(w, s, err);
    if (status != VARVE_OK || segment_writer_rows(w) == 0) {
        segment_writer_discard(w);
        return status;
    }
    VV_TRY(segment_writer_finish(w, path, &record, err));
    return segment_open(path, &spec, &record, ret, err);
}

/* ---- the commit */

typedef struct sealing {
    varve_collection *c;
    size_t at;           /* the source that is replaced */
    row_source replaced; /* of the newest view: more may be hidden than when the file was written */
    row_source sealed;
    store_batch *batch;
} sealing;

/* Carry the tombstones of the memtable over to the slots of the segment. */
static varve_status carry_tombstones(sealing *s, varve_error *err)
{
    uint64_t count = tombstones_count(s->replaced.hidden), slot = 0, hidden = 0, deleted = 0;
    if (count == 0) return VARVE_OK;
    VV_CLEANUP(vv_freep) uint64_t *slots = malloc(2 * count * sizeof *slots);
    if (!slots) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tombstones");
    for (; tombstones_next(s->replaced.hidden, slot, &slot); slot++) {
        uint64_t rowver = memtable_rowver(s->replaced.mem, slot), there;
        uint8_t key[ROWVER_KEY_BYTES];
        bool found = false;
        if (s->sealed.seg) VV_TRY(segment_find(s->sealed.seg, rowver, &found, &there, err));
        if (!found) { /* left out of the file: nothing is left for its tombstone to hide */
            rowver_key_put(s->c->id, rowver, key);
            store_batch_delete(s->batch, s->c->db->store, STORE_DEAD, key, sizeof key);
            continue;
        }
        slots[hidden++] = there;
        if (tombstones_has(s->replaced.deleted, slot)) slots[count + deleted++] = there;
    }
    VV_TRY(tombstones_change(NULL, slots, hidden, NULL, 0, &s->sealed.hidden, err));
    return tombstones_change(NULL, slots + count, deleted, NULL, 0, &s->sealed.deleted, err);
}

/* The mode may have changed since the index was built. */
static varve_status stage_index(sealing *s, varve_error *err)
{
    index_wants w;
    if (!s->sealed.index) return VARVE_OK;
    const index_record *r = index_get_record(s->sealed.index);
    index_wants_of(&s->c->schema.fields[0], &w);
    if (index_serves(&w, r->kind, r->spec_hash))
        return index_stage_put(s->c->db, s->batch, s->c->id,
                               segment_get_record(s->sealed.seg)->number, r, err);
    index_doom(s->sealed.index);
    index_unref(s->sealed.index);
    s->sealed.index = NULL;
    return VARVE_OK;
}

static void stage_manifest(sealing *s)
{
    varve_collection *c = s->c;
    uint8_t from[ROWVER_KEY_BYTES], to[ROWVER_KEY_BYTES], key[CATALOG_SEGMENT_KEY_BYTES],
        value[SEGMENT_RECORD_BYTES];
    rowver_key_put(c->id, s->replaced.rowver_min, from);
    rowver_key_put(c->id, s->replaced.rowver_max + 1, to);
    store_batch_delete_range(s->batch, c->db->store, STORE_FRESH, from, sizeof from, to, sizeof to);
    counters_add_to_batch(c->db, s->batch, c->id, &c->counters);
    if (!s->sealed.seg) return;
    const segment_record *record = segment_get_record(s->sealed.seg);
    catalog_segment_key(c->id, record->number, key);
    segment_record_put(record, value);
    store_batch_put(s->batch, c->db->store, STORE_CATALOG, key, sizeof key, value, sizeof value);
}

static varve_status next_view(const sealing *s, view **ret, varve_error *err)
{
    const view *v = s->c->view;
    VV_CLEANUP(vv_freep) row_source *sources = malloc((v->source_count + 1) * sizeof *sources);
    if (!sources) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    memcpy(sources, v->sources, v->source_count * sizeof *sources);
    sources[s->at] = s->sealed; /* without rows when all were superseded: view_new leaves it out */
    return view_new(&s->c->schema.fields[0], sources, v->source_count, ret, err);
}

static varve_status commit_seal_locked(sealing *s, const memtable *m, varve_error *err)
{
    varve_collection *c = s->c;
    view *v = NULL;
    VV_TRY(db_check_writable(c->db, false, err));
    if (atomic_load(&c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    for (s->at = 0; s->at < c->view->source_count && c->view->sources[s->at].mem != m;)
        s->at++;
    if (s->at == c->view->source_count)
        return vv_fail(err, VARVE_INTERNAL, "a frozen memtable left the view");
    s->replaced = c->view->sources[s->at];
    VV_TRY(carry_tombstones(s, err));
    stage_manifest(s);
    VV_TRY(stage_index(s, err));
    VV_TRY(next_view(s, &v, err));
    varve_status status = catalog_write(c->db, s->batch, err);
    if (status != VARVE_OK) {
        view_unref(v);
        return status;
    }
    collection_publish(c, v);
    return VARVE_OK;
}

/* *sealed may lose its index. */
static varve_status commit_seal(varve_collection *c, const memtable *m, row_source *sealed,
                                varve_error *err)
{
    sealing s = {.c = c, .batch = store_batch_new(), .sealed = *sealed};
    if (!s.batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a seal");
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = commit_seal_locked(&s, m, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    tombstones_unref(s.sealed.hidden);
    tombstones_unref(s.sealed.deleted);
    store_batch_free(s.batch);
    sealed->index = s.sealed.index;
    return status;
}

/* Segment and index; both NULL when every row was superseded. */
static varve_status write_files(varve_collection *c, const row_source *s, row_source *ret,
                                varve_error *err)
{
    index_record record;
    bool built = false;
    pthread_mutex_lock(&c->db->writer_lock);
    uint64_t number = c->counters.next_segment++;
    pthread_mutex_unlock(&c->db->writer_lock);
    VV_TRY(write_segment(c, s, number, &ret->seg, err));
    if (!ret->seg) return VARVE_OK;
    const segment_record *r = segment_get_record(ret->seg);
    ret->rows = r->rows;
    ret->rowver_min = r->rowver_min;
    ret->rowver_max = r->rowver_max;
    VV_TRY(index_build_fresh(c, ret->seg, &built, &record, err));
    if (!built) return VARVE_OK;
    varve_status status = index_open_built(c, &record, ret, err);
    if (status != VARVE_OK) index_remove_file(c, number, record.generation);
    return status;
}

static varve_status seal_source(varve_collection *c, const row_source *s, varve_error *err)
{
    row_source sealed = {0};
    varve_status written = write_files(c, s, &sealed, err), status = written;
    if (status == VARVE_OK) status = commit_seal(c, s->mem, &sealed, err);
    if (status == VARVE_OK) {
        atomic_fetch_sub(&c->frozen_bytes, memtable_bytes(s->mem));
        atomic_fetch_add(&c->db->seals, 1);
        compaction_wake(c->db);
    } else if (written != VARVE_OK || (status != VARVE_IO && status != VARVE_NO_SPACE)) {
        /* No manifest names them; after a failed write of the batch nobody knows, so they stay for
         * the sweep. */
        if (sealed.seg) segment_doom(sealed.seg);
        if (sealed.index) index_doom(sealed.index);
    }
    index_unref(sealed.index);
    segment_unref(sealed.seg);
    return status;
}

varve_status seal_collection(varve_collection *c, varve_error *err)
{
    varve_status status = VARVE_OK;
    size_t at;
    pthread_mutex_lock(&c->seal_lock);
    while (status == VARVE_OK && !atomic_load(&c->dropped)) {
        pthread_mutex_lock(&c->db->writer_lock);
        view *v = view_ref(c->view);
        bool found = find_frozen(c, v, &at);
        pthread_mutex_unlock(&c->db->writer_lock);
        if (found) status = seal_source(c, &v->sources[at], err);
        view_unref(v);
        if (!found) break;
    }
    pthread_mutex_unlock(&c->seal_lock);
    return status;
}
