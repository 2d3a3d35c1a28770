/* read.c — rows by id, by place in order, and searches. A read takes one view and keeps to it. Ids
 * are resolved by the row store, which may be ahead of a view by a commit that is being published:
 * such a read is done again, at last with the writer lock held. */
#include "base/bytes.h"
#include "db/catalog.h"
#include "query/query.h"

#include <stdlib.h>

/* ---- get */

typedef struct getting {
    varve_collection *c;
    const varve_id *ids;
    size_t count;
    unsigned with;
    bool missing_fails;
    view *v;
    row_current *current; /* rowver UINT64_MAX: no such id */
    row_place *places;
    size_t found;
    bool stale; /* store and view do not agree: take both again */
} getting;

static varve_status fail_missing(varve_id id, varve_error *err)
{
    char text[ID_TEXT_MAX];
    return vv_fail(err, VARVE_NOT_FOUND, "external id %s does not exist", id_text(id, text));
}

enum { GET_CHUNK = 256 };

static varve_status get_current(getting *g, size_t first, size_t n, varve_error *err)
{
    const void *keys[GET_CHUNK];
    size_t lens[GET_CHUNK], bytes = 0, at = 0;
    store_value values[GET_CHUNK];
    for (size_t i = 0; i < n; i++) {
        bytes += 4 + id_key_size(g->ids[first + i]);
    }
    VV_CLEANUP(vv_freep) uint8_t *all = malloc(bytes);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", n);
    for (size_t i = 0; i < n; i++) {
        keys[i] = all + at;
        lens[i] = row_key_put(g->c->id, g->ids[first + i], all + at);
        at += lens[i];
    }
    VV_TRY(store_get_many(g->c->db->store, STORE_ROWS, n, keys, lens, values, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < n; i++) {
        row_current *r = &g->current[first + i];
        r->rowver = UINT64_MAX;
        if (values[i].data && !row_current_get(values[i].data, values[i].len, r))
            status = vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed",
                             g->c->name);
        store_value_done(&values[i]);
    }
    return status;
}

/* Does the view hold this version, in the state that the store says? */
static varve_status agrees(const getting *g, const row_current *r, row_place *ret_place, bool *ret,
                           varve_error *err)
{
    bool found = false;
    VV_TRY(view_find(g->v, r->rowver, &found, ret_place, err));
    const row_source *s = found ? &g->v->sources[ret_place->source] : NULL;
    *ret = found && tombstones_has(s->deleted, ret_place->slot) == r->deleted &&
           tombstones_has(s->hidden, ret_place->slot) == r->deleted;
    return VARVE_OK;
}

static varve_status get_places(getting *g, varve_error *err)
{
    g->found = 0;
    g->stale = false;
    for (size_t i = 0; i < g->count; i++) {
        const row_current *r = &g->current[i];
        bool exists = r->rowver != UINT64_MAX, same = true;
        bool wanted_row = exists && (!r->deleted || (g->with & VARVE_WITH_DELETED));
        /* a row left out as deleted must be deleted in the view too, or half a batch is seen */
        if (exists) VV_TRY(agrees(g, r, &g->places[g->found], &same, err));
        if (!same) {
            g->stale = true;
            return VARVE_OK;
        }
        if (!wanted_row && g->missing_fails) return fail_missing(g->ids[i], err);
        if (wanted_row) g->found++;
    }
    return VARVE_OK;
}

/* More ids than the store answers at one moment: nothing may have been published in between. */
static varve_status get_once(getting *g, varve_error *err)
{
    view *before = g->count > GET_CHUNK ? collection_view(g->c) : NULL;
    varve_status status = VARVE_OK;
    for (size_t first = 0; first < g->count && status == VARVE_OK; first += GET_CHUNK) {
        status = get_current(g, first, VV_MIN((size_t)GET_CHUNK, g->count - first), err);
    }
    view_unref(g->v);
    g->v = collection_view(g->c);
    if (status == VARVE_OK) status = get_places(g, err);
    if (before && before != g->v) g->stale = true;
    view_unref(before);
    return status;
}

/* locked: the caller holds writer_lock, and what does not fit together now never will. */
static varve_status get_settled(getting *g, bool locked, varve_error *err)
{
    varve_status status = get_once(g, err);
    if (!g->stale && (status == VARVE_OK || locked)) return status;
    if (!locked) {
        pthread_mutex_lock(&g->c->db->writer_lock);
        status = get_once(g, err);
        pthread_mutex_unlock(&g->c->db->writer_lock);
    }
    if (status == VARVE_OK && g->stale)
        return vv_fail(err, VARVE_CORRUPT, "a row of collection %s is in no segment", g->c->name);
    return status;
}

static varve_status check_many(const varve *db, size_t n, const char *what, varve_error *err)
{
    uint64_t most = db->options.max_top_k;
    if (most && n > most)
        return vv_fail(err, VARVE_LIMIT, "%s %zu exceeds max_top_k %llu", what, n,
                       (unsigned long long)most);
    return VARVE_OK;
}

static varve_status get_rows(varve_collection *c, const varve_id *ids, size_t count, unsigned with,
                             bool missing_fails, bool locked, varve_rowset **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) row_current *current = malloc((count + 1) * sizeof *current);
    VV_CLEANUP(vv_freep) row_place *places = malloc((count + 1) * sizeof *places);
    if (!current || !places) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", count);
    getting g = {c, ids, count, with, missing_fails, NULL, current, places, 0, false};
    varve_status status = get_settled(&g, locked, err);
    if (status == VARVE_OK)
        status = query_fetch(g.v, places, g.found, with, &c->db->options, ret, err);
    view_unref(g.v);
    return status;
}

varve_status read_rows(varve_collection *c, const varve_id *ids, size_t count, unsigned with,
                       bool locked, varve_rowset **ret_rows, varve_error *err)
{
    return get_rows(c, ids, count, with, false, locked, ret_rows, err);
}

varve_status varve_get(varve_collection *c, const varve_id *ids, size_t count, unsigned with,
                       bool missing_fails, varve_rowset **ret_rows, varve_error *err)
{
    uint64_t most = c->db->options.max_batch_vectors;
    if (most && count > most)
        return vv_fail(err, VARVE_LIMIT, "ids %zu exceeds max_batch_vectors %llu", count,
                       (unsigned long long)most);
    for (size_t i = 0; i < count; i++)
        VV_TRY(id_check(ids[i], c->db->options.id_bytes_max, err));
    VV_TRY(collection_ready(c, err));
    return get_rows(c, ids, count, with, missing_fails, false, ret_rows, err);
}

varve_status varve_exists(varve_collection *c, varve_id id, varve_row_state *ret_state,
                          varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_TRY(id_check(id, c->db->options.id_bytes_max, err));
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(4 + id_key_size(id));
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
    store_value v = {0};
    row_current current;
    VV_TRY(store_get(c->db->store, STORE_ROWS, key, row_key_put(c->id, id, key), &v, err));
    varve_status status = VARVE_OK;
    if (!v.data) {
        *ret_state = VARVE_ROW_ABSENT;
    } else if (row_current_get(v.data, v.len, &current)) {
        *ret_state = current.deleted ? VARVE_ROW_DELETED : VARVE_ROW_LIVE;
    } else {
        status = vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed", c->name);
    }
    store_value_done(&v);
    return status;
}

/* ---- scroll */

static bool wanted(varve_text value, unsigned with, bool *ret_malformed)
{
    row_current r;
    *ret_malformed = !row_current_get(value.data, value.len, &r);
    return !*ret_malformed && (!r.deleted || (with & VARVE_WITH_DELETED));
}

/* Ids of one page and, as the last, the one after it. */
static varve_status page_collect(varve_collection *c, const varve_id *from, size_t n, unsigned with,
                                 buffer *keys, size_t *ends, size_t *ret_count, varve_error *err)
{
    uint8_t to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    VV_CLEANUP(vv_freep) uint8_t *low = malloc(4 + (from ? id_key_size(*from) : 0));
    varve_text key, value;
    if (!low) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a page");
    put_be32(low, c->id);
    put_be32(to, c->id + 1);
    size_t low_len = from ? row_key_put(c->id, *from, low) : 4, count = 0;
    VV_TRY(store_iter_new(c->db->store, STORE_ROWS, low, low_len, to, 4, &i, err));
    for (; count <= n && store_iter_at(i, &key, &value); store_iter_next(i)) {
        bool malformed;
        if (wanted(value, with, &malformed)) {
            VV_TRY(buffer_add(keys, key.data + 4, key.len - 4, err));
            ends[count++] = keys->len;
        }
        if (malformed)
            return vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed",
                           c->name);
    }
    *ret_count = count;
    return store_iter_check(i, err);
}

static varve_status page_fetch(varve_collection *c, const varve_id *from, size_t n, unsigned with,
                               bool locked, varve_rowset **ret_rows, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer keys;
    buffer_init(&keys, SIZE_MAX, "page of ids");
    VV_CLEANUP(vv_freep) size_t *ends = malloc((n + 1) * sizeof *ends);
    VV_CLEANUP(vv_freep) varve_id *ids = malloc((n + 1) * sizeof *ids);
    if (!ends || !ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a page");
    size_t count = 0;
    VV_TRY(page_collect(c, from, n, with, &keys, ends, &count, err));
    for (size_t i = 0; i < count; i++) {
        size_t at = i ? ends[i - 1] : 0;
        if (!id_key_get((const uint8_t *)keys.data + at, ends[i] - at, &ids[i]))
            return vv_fail(err, VARVE_CORRUPT, "a row key of collection %s is malformed", c->name);
    }
    varve_rowset *rows = NULL;
    VV_TRY(get_rows(c, ids, VV_MIN(count, n), with, false, locked, &rows, err));
    varve_status status = count > n ? rowset_set_next(rows, ids[n], err) : VARVE_OK;
    if (status == VARVE_OK) {
        *ret_rows = rows;
    } else {
        varve_rowset_free(rows);
    }
    return status;
}

/* A page is of one view: done again when a commit came in between, at last with the lock held. */
varve_status varve_scroll(varve_collection *c, const varve_id *from, size_t n, unsigned with,
                          varve_rowset **ret_rows, varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_TRY(check_many(c->db, n, "n", err));
    if (from) VV_TRY(id_check(*from, c->db->options.id_bytes_max, err));
    VV_CLEANUP(view_unrefp) view *before = collection_view(c);
    varve_rowset *rows = NULL;
    VV_TRY(page_fetch(c, from, n, with, false, &rows, err));
    VV_CLEANUP(view_unrefp) view *after = collection_view(c);
    if (before != after) {
        varve_rowset_free(rows);
        pthread_mutex_lock(&c->db->writer_lock);
        varve_status status = page_fetch(c, from, n, with, true, &rows, err);
        pthread_mutex_unlock(&c->db->writer_lock);
        if (status != VARVE_OK) return status;
    }
    *ret_rows = rows;
    return VARVE_OK;
}

/* ---- the rest asks the view alone */

varve_status varve_head(varve_collection *c, size_t n, unsigned with, varve_rowset **ret_rows,
                        varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_TRY(check_many(c->db, n, "n", err));
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    return query_ends(v, false, n, with, ret_rows, err);
}

varve_status varve_tail(varve_collection *c, size_t n, unsigned with, varve_rowset **ret_rows,
                        varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_TRY(check_many(c->db, n, "n", err));
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    return query_ends(v, true, n, with, ret_rows, err);
}

varve_status varve_list_deleted(varve_collection *c, size_t n, varve_rowset **ret_rows,
                                varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    return query_deleted(v, n, ret_rows, err);
}

varve_status varve_count(varve_collection *c, uint64_t *ret_live, varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    *ret_live = v->rows_live;
    return VARVE_OK;
}

varve_status varve_list_fields(varve_collection *c, varve_names **ret_names, varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    VV_CLEANUP(view_unrefp) view *v = collection_view(c);
    return query_field_names(v, c->db->pool, ret_names, err);
}

/* ---- for sessions */

varve_status read_fields(varve_collection *c, varve_id id, buffer *out, varve_error *err)
{
    varve_rowset *rows = NULL;
    VV_TRY(get_rows(c, &id, 1, VARVE_WITH_FIELDS | VARVE_WITH_DELETED, false, false, &rows, err));
    varve_status status = VARVE_OK;
    if (varve_rowset_count(rows)) {
        varve_text fields = varve_rowset_fields(rows, 0);
        status = buffer_add(out, fields.data, fields.len, err);
    }
    varve_rowset_free(rows);
    return status;
}
