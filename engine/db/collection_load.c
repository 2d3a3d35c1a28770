/* collection_load.c — a collection on its first use: counters, segments of the manifest with their
 * indexes, rows not yet sealed, tombstones, first view. Nothing is written. What does not fit
 * together is VARVE_CORRUPT, and the collection stays closed. */
#include "base/bytes.h"
#include "base/clock.h"
#include "db/children.h"
#include "db/indexes.h"

#include <stdlib.h>

typedef struct loading {
    varve_collection *c;
    vector_field field;
    index_wants wants;
    row_source *sources;
    size_t count, capacity, segments;
    collection_counters counters;
    memtable *mem; /* the last one; owned by sources */
    view *older;   /* of an earlier reader of the folder; NULL: none */
} loading;

static void loading_done(loading *l)
{
    for (size_t i = 0; i < l->count; i++) {
        segment_unref(l->sources[i].seg);
        memtable_unref(l->sources[i].mem);
        tombstones_unref(l->sources[i].hidden);
        tombstones_unref(l->sources[i].deleted);
        index_unref(l->sources[i].index);
    }
    free(l->sources);
    view_unref(l->older);
}

static varve_status add_source(loading *l, row_source source, varve_error *err)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 8;
        row_source *bigger = realloc(l->sources, capacity * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu segments", capacity);
        l->sources = bigger;
        l->capacity = capacity;
    }
    l->sources[l->count++] = source;
    return VARVE_OK;
}

/* ---- segments */

/* Segments never change, so what an earlier reader has open is as good as the file, and what was
 * verified and loaded of it stays so. */
static view *older_view(const varve_collection *c)
{
    varve_collection *same = NULL;
    view *v = NULL;
    if (!c->db->older || catalog_find(c->db->older, c->database, c->name, &same, NULL) != VARVE_OK)
        return NULL;
    if (same->id == c->id && atomic_load(&same->loaded)) v = collection_view(same);
    varve_collection_release(same);
    return v;
}

static const row_source *find_older(const loading *l, const segment_record *r)
{
    uint8_t wanted[SEGMENT_RECORD_BYTES], found[SEGMENT_RECORD_BYTES];
    for (size_t i = 0; l->older && i < l->older->source_count; i++) {
        const row_source *s = &l->older->sources[i];
        if (!s->seg || segment_get_record(s->seg)->number != r->number) continue;
        segment_record_put(r, wanted);
        segment_record_put(segment_get_record(s->seg), found);
        return memcmp(wanted, found, sizeof wanted) == 0 ? s : NULL;
    }
    return NULL;
}

static varve_status open_segment(loading *l, varve_text key, varve_text value, varve_error *err)
{
    varve_collection *c = l->c;
    const vector_field *f = &l->field;
    segment_record record;
    char path[DB_PATH_MAX];
    segment *seg = NULL;
    if (key.len != CATALOG_SEGMENT_KEY_BYTES)
        return vv_fail(err, VARVE_CORRUPT, "a segment record has a malformed key");
    VV_TRY(segment_record_get(value.data, value.len, get_be64(key.data + 5), &record, err));
    VV_TRY(segment_file(c->db, c->id, record.number, ".seg", path, err));
    segment_spec spec = collection_segment_spec(c, record.number, f->dim);
    const row_source *older = find_older(l, &record);
    varve_status status = VARVE_OK;
    if (older)
        seg = segment_ref(older->seg);
    else
        status = segment_open(path, &spec, &record, &seg, err);
    if (status == VARVE_NOT_FOUND)
        return vv_fail(err, VARVE_CORRUPT, "segment %llu of collection %s is missing",
                       (unsigned long long)record.number, c->name);
    if (status != VARVE_OK) return status;
    row_source source = {.seg = seg,
                         .rows = record.rows,
                         .rowver_min = record.rowver_min,
                         .rowver_max = record.rowver_max};
    status = index_attach(c, &l->wants, older ? older->index : NULL, &source, err);
    if (status == VARVE_OK) status = add_source(l, source, err);
    if (status != VARVE_OK) {
        index_unref(source.index);
        segment_unref(seg);
    }
    return status;
}

static varve_status load_segments(loading *l, varve_error *err)
{
    uint8_t from[CATALOG_SEGMENT_KEY_BYTES], to[CATALOG_SEGMENT_KEY_BYTES];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    catalog_segment_key(l->c->id, 0, from);
    catalog_segment_key(l->c->id + 1, 0, to);
    VV_TRY(store_iter_new(l->c->db->store, STORE_CATALOG, from, 5, to, 5, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i))
        VV_TRY(open_segment(l, key, value, err));
    return store_iter_check(i, err);
}

/* ---- rows not yet sealed */

static int by_rowver(const void *left, const void *right)
{
    const row_source *a = left, *b = right;
    return a->rowver_min < b->rowver_min ? -1 : a->rowver_min > b->rowver_min;
}

static void sort_sources(loading *l)
{
    if (l->count) qsort(l->sources, l->count, sizeof *l->sources, by_rowver);
}

/* A memtable may not span a segment's range (view.h, invariant 2): sessions number their rows
 * between unsealed ones. */
static varve_status table_for(loading *l, uint64_t rowver, size_t *next_segment, varve_error *err)
{
    const vector_field *f = &l->field;
    bool crossed = l->mem == NULL;
    while (*next_segment < l->segments && l->sources[*next_segment].rowver_min < rowver) {
        crossed = true;
        (*next_segment)++;
    }
    if (!crossed) return VARVE_OK;
    memtable *m = NULL;
    VV_TRY(collection_new_memtable(l->c, f, &m, err));
    varve_status status = add_source(l, (row_source){.mem = m}, err);
    if (status != VARVE_OK) {
        memtable_unref(m);
        return status;
    }
    l->mem = m;
    return VARVE_OK;
}

static bool sound_content(const loading *l, varve_text content)
{
    sparse_vector vector;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, SIZE_MAX / 2, "sparse vector");
    if (l->c->schema.content == SEGMENT_SPARSE_VECTOR)
        return sparse_decode(content, &scratch, &vector);
    return content.data[0] == '{' && content.data[content.len - 1] == '}';
}

static varve_status add_fresh(loading *l, varve_text key, varve_text value, size_t *next_segment,
                              varve_error *err)
{
    const vector_field *f = &l->field;
    uint32_t cid;
    uint64_t rowver;
    row_fresh row;
    if (!rowver_key_get(key.data, key.len, &cid, &rowver) ||
        !row_fresh_get(value.data, value.len, &row) || !sound_content(l, row.fields) ||
        f->dim == 0 || row.vector_bytes != varve_dtype_row_bytes(f->dtype, f->dim))
        return vv_fail(err, VARVE_CORRUPT, "an unsealed row of collection %s is malformed",
                       l->c->name);
    VV_TRY(table_for(l, rowver, next_segment, err));
    VV_TRY(memtable_add(l->mem, rowver, row.ordinal, row.id_key, row.id_key_len, row.vector,
                        row.fields, err));
    row_source *source = &l->sources[l->count - 1];
    if (source->rows++ == 0) source->rowver_min = rowver;
    source->rowver_max = rowver;
    return VARVE_OK;
}

static varve_status load_fresh(loading *l, varve_error *err)
{
    uint8_t from[4], to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    size_t next_segment = 0;
    l->segments = l->count;
    sort_sources(l);
    put_be32(from, l->c->id);
    put_be32(to, l->c->id + 1);
    VV_TRY(store_iter_new(l->c->db->store, STORE_FRESH, from, 4, to, 4, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        VV_TRY(add_fresh(l, key, value, &next_segment, err));
    }
    return store_iter_check(i, err);
}

/* ---- order: sources by rowver, ranges disjoint */

static varve_status check_order(loading *l, varve_error *err)
{
    sort_sources(l);
    for (size_t i = 1; i < l->count; i++) {
        if (l->sources[i - 1].rowver_max >= l->sources[i].rowver_min)
            return vv_fail(err, VARVE_CORRUPT,
                           "two segments of collection %s overlap in row versions", l->c->name);
    }
    if (l->count && l->sources[l->count - 1].rowver_max >= l->counters.next_rowver)
        return vv_fail(err, VARVE_CORRUPT, "row versions of collection %s pass its counter",
                       l->c->name);
    return VARVE_OK;
}

/* ---- tombstones */

typedef struct dead_slots { /* of one source */
    uint64_t *hidden, *deleted;
    size_t hidden_count, deleted_count, capacity;
} dead_slots;

static varve_status slots_add(dead_slots *d, uint64_t slot, bool deleted, varve_error *err)
{
    if (d->hidden_count == d->capacity) {
        size_t capacity = d->capacity ? 2 * d->capacity : 64;
        uint64_t *hidden = realloc(d->hidden, capacity * sizeof *hidden);
        if (hidden) d->hidden = hidden;
        uint64_t *gone = realloc(d->deleted, capacity * sizeof *gone);
        if (gone) d->deleted = gone;
        if (!hidden || !gone) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tombstones");
        d->capacity = capacity;
    }
    d->hidden[d->hidden_count++] = slot;
    if (deleted) d->deleted[d->deleted_count++] = slot;
    return VARVE_OK;
}

static varve_status find_slot(const row_source *s, uint64_t rowver, bool *ret_found,
                              uint64_t *ret_slot, varve_error *err)
{
    if (s->seg) return segment_find(s->seg, rowver, ret_found, ret_slot, err);
    *ret_found = memtable_find(s->mem, s->rows, rowver, ret_slot);
    return VARVE_OK;
}

/* Dead versions come in rowver order, as the sources do: one pass over both. A version that is in
 * no source is a leftover of a seal that dropped it, and means nothing. */
static varve_status collect_dead(loading *l, store_iter *i, dead_slots *all, varve_error *err)
{
    varve_text key, value;
    size_t at = 0;
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        uint32_t cid;
        uint64_t rowver, slot;
        if (!rowver_key_get(key.data, key.len, &cid, &rowver) || value.len != 1 ||
            (value.data[0] != DEAD_SUPERSEDED && value.data[0] != DEAD_DELETED))
            return vv_fail(err, VARVE_CORRUPT, "a tombstone of collection %s is malformed",
                           l->c->name);
        while (at < l->count && l->sources[at].rowver_max < rowver)
            at++;
        if (at == l->count) break;
        bool found = false;
        if (l->sources[at].rowver_min <= rowver)
            VV_TRY(find_slot(&l->sources[at], rowver, &found, &slot, err));
        if (found) VV_TRY(slots_add(&all[at], slot, value.data[0] == DEAD_DELETED, err));
    }
    return store_iter_check(i, err);
}

static varve_status apply_dead(loading *l, const dead_slots *all, varve_error *err)
{
    for (size_t s = 0; s < l->count; s++) {
        VV_TRY(tombstones_change(NULL, all[s].hidden, all[s].hidden_count, NULL, 0,
                                 &l->sources[s].hidden, err));
        VV_TRY(tombstones_change(NULL, all[s].deleted, all[s].deleted_count, NULL, 0,
                                 &l->sources[s].deleted, err));
    }
    return VARVE_OK;
}

static varve_status load_dead(loading *l, varve_error *err)
{
    uint8_t from[4], to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    put_be32(from, l->c->id);
    put_be32(to, l->c->id + 1);
    VV_TRY(store_iter_new(l->c->db->store, STORE_DEAD, from, 4, to, 4, &i, err));
    dead_slots *all = calloc(l->count + 1, sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for tombstones");
    varve_status status = collect_dead(l, i, all, err);
    if (status == VARVE_OK) status = apply_dead(l, all, err);
    for (size_t s = 0; s < l->count; s++) {
        free(all[s].hidden);
        free(all[s].deleted);
    }
    free(all);
    return status;
}

/* ---- all of it */

static varve_status load_all(loading *l, varve_error *err)
{
    varve_collection *c = l->c;
    VV_TRY(counters_read(c->db, c->id, &l->counters, err));
    index_wants_of(&l->field, &l->wants);
    VV_TRY(load_segments(l, err));
    VV_TRY(load_fresh(l, err));
    VV_TRY(check_order(l, err));
    VV_TRY(load_dead(l, err));
    view *v = NULL;
    VV_TRY(view_new(&l->field, l->sources, l->count, &v, err));
    c->counters = l->counters;
    collection_note_field(c);
    atomic_store(&c->last_delete_ms, clock_now_ns() / 1000000);
    bool last = l->mem && l->count && l->sources[l->count - 1].mem == l->mem;
    c->active = last ? memtable_ref(l->mem) : NULL;
    atomic_store(&c->active_rows, last ? memtable_rows(l->mem) : 0);
    for (size_t s = 0; s < l->count; s++) {
        const memtable *m = l->sources[s].mem;
        if (m && m != c->active) atomic_fetch_add(&c->frozen_bytes, memtable_bytes(m));
    }
    collection_publish(c, v);
    return VARVE_OK;
}

varve_status collection_ready(varve_collection *c, varve_error *err)
{
    if (atomic_load(&c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    if (atomic_load(&c->loaded)) return VARVE_OK;
    pthread_mutex_lock(&c->load_lock);
    varve_status status = VARVE_OK;
    if (!atomic_load(&c->loaded)) {
        loading l = {.c = c, .field = collection_field(c), .older = older_view(c)};
        status = children_ready(c, err); /* first: a commit of the parent's may need them */
        if (status == VARVE_OK) status = load_all(&l, err);
        loading_done(&l);
        if (status == VARVE_OK) atomic_store(&c->loaded, true);
    }
    pthread_mutex_unlock(&c->load_lock);
    if (status == VARVE_OK && atomic_load(&c->frozen_bytes) && !c->db->options.read_only)
        seal_ask(c);
    return status;
}
