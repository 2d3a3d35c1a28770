/* session_merge.c — the runs of a session, merged with each other and with the rows that are there,
 * in one pass in key order. Two sorted files come out: the new row records, and tombstones for
 * every version they replace. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/session.h"

#include <stdlib.h>

typedef struct run_cursor {
    file_map map;
    const uint8_t *at, *end;
    const uint8_t *key; /* of the row it stands on */
    size_t key_len;
    uint64_t rowver, ordinal;
    bool done;
} run_cursor;

typedef struct merging {
    varve_session *s;
    session_merged *m;
    run_cursor *runs;
    size_t run_count;
    store_iter *existing;
    bool no_more_existing;
    store_sst *rows;
    uint8_t *row_key; /* cid | id key */
} merging;

varve_status u64_list_add(uint64_t **list, size_t *count, size_t *capacity, uint64_t value,
                          varve_error *err)
{
    if (*count == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 256;
        uint64_t *bigger = realloc(*list, more * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu tombstones", more);
        *list = bigger;
        *capacity = more;
    }
    (*list)[(*count)++] = value;
    return VARVE_OK;
}

void session_merged_done(session_merged *m)
{
    free(m->dead);
    free(m->moved.key_ends);
    free(m->moved_ordinals);
    buffer_done(&m->moved_keys);
    *m = (session_merged){0};
}

static varve_status note_moved(session_merged *m, const uint8_t *key, size_t len, uint64_t ordinal,
                               varve_error *err)
{
    size_t i = m->moved.count;
    if (i == m->moved_capacity) {
        size_t more = i ? 2 * i : 64;
        size_t *ends = realloc(m->moved.key_ends, more * sizeof *ends);
        if (ends) m->moved.key_ends = ends;
        uint64_t *ordinals = realloc(m->moved_ordinals, more * sizeof *ordinals);
        if (ordinals) m->moved_ordinals = ordinals;
        if (!ends || !ordinals) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
        m->moved_capacity = more;
    }
    VV_TRY(buffer_add(&m->moved_keys, key, len, err));
    m->moved.keys = (uint8_t *)m->moved_keys.data;
    m->moved.key_ends[i] = m->moved_keys.len;
    m->moved_ordinals[i] = ordinal;
    m->moved.count++;
    return VARVE_OK;
}

/* ---- runs */

static varve_status run_next(run_cursor *r, varve_error *err)
{
    if (r->at == r->end) {
        r->done = true;
        return VARVE_OK;
    }
    if (r->end - r->at < 2 || (size_t)(r->end - r->at) < 18u + get_u16(r->at))
        return vv_fail(err, VARVE_CORRUPT, "a session's run is cut short");
    r->key_len = get_u16(r->at);
    r->key = r->at + 2;
    r->rowver = get_u64(r->key + r->key_len);
    r->ordinal = get_u64(r->key + r->key_len + 8);
    r->at = r->key + r->key_len + 16;
    return VARVE_OK;
}

static varve_status open_runs(merging *g, varve_error *err)
{
    for (size_t i = 0; i < g->run_count; i++) {
        char path[DB_PATH_MAX], name[32];
        run_cursor *r = &g->runs[i];
        snprintf(name, sizeof name, "run-%zu", i);
        VV_TRY(session_desk(g->s->c->db, g->s->number, name, path, err));
        VV_TRY(file_map_open(path, &r->map, err));
        r->at = r->map.data;
        r->end = r->map.data + r->map.size;
        VV_TRY(run_next(r, err));
    }
    return VARVE_OK;
}

/* The run with the smallest key; among equal keys the later run, whose row is the newer one. Runs
 * are few: a scan will do. */
static run_cursor *smallest(merging *g)
{
    run_cursor *best = NULL;
    for (size_t i = 0; i < g->run_count; i++) {
        run_cursor *r = &g->runs[i];
        if (r->done) continue;
        if (!best || id_key_compare(r->key, r->key_len, best->key, best->key_len) <= 0) best = r;
    }
    return best;
}

/* ---- rows that exist */

/* Stand on the first existing row at or after the key: a few steps, then a seek. */
static void reach_existing(merging *g, size_t key_len, varve_text *ret_key, varve_text *ret_value)
{
    for (int steps = 0;; steps++) {
        if (!store_iter_at(g->existing, ret_key, ret_value)) {
            g->no_more_existing = true;
            return;
        }
        int order =
            id_key_compare((const uint8_t *)ret_key->data, ret_key->len, g->row_key, key_len);
        if (order >= 0) return;
        if (steps < 8) {
            store_iter_next(g->existing);
        } else {
            store_iter_seek(g->existing, g->row_key, key_len);
        }
    }
}

static varve_status find_existing(merging *g, size_t key_len, bool *ret_found, row_current *ret,
                                  varve_error *err)
{
    varve_text key = {0}, value = {0};
    *ret_found = false;
    if (!g->no_more_existing) reach_existing(g, key_len, &key, &value);
    if (g->no_more_existing) return store_iter_check(g->existing, err);
    if (id_key_compare((const uint8_t *)key.data, key.len, g->row_key, key_len) != 0)
        return VARVE_OK;
    if (!row_current_get(value.data, value.len, ret))
        return vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed",
                       g->s->c->name);
    *ret_found = true;
    return VARVE_OK;
}

/* ---- one id */

static varve_status refuse(const merging *g, size_t key_len, varve_status status,
                           const char *format, varve_error *err)
{
    varve_id id;
    char text[ID_TEXT_MAX], sentence[256];
    if (!id_key_get(g->row_key + 4, key_len - 4, &id))
        return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
    snprintf(sentence, sizeof sentence, "%s", id_text(id, text));
    return vv_fail(err, status,
                   status == VARVE_EXISTS ? "external id %s already exists%s"
                                          : "duplicate external id %s%s",
                   sentence, format);
}

/* Older rows of the same id, in other runs. */
static varve_status pass_repeats(merging *g, size_t key_len, varve_error *err)
{
    for (size_t i = 0; i < g->run_count; i++) {
        run_cursor *r = &g->runs[i];
        if (r->done || id_key_compare(r->key, r->key_len, g->row_key + 4, key_len - 4) != 0)
            continue;
        if (!g->s->upsert)
            return refuse(g, key_len, VARVE_INVALID, " within the same insert batch", err);
        VV_TRY(u64_list_add(&g->m->dead, &g->m->dead_count, &g->m->dead_capacity, r->rowver, err));
        VV_TRY(run_next(r, err));
    }
    return VARVE_OK;
}

static varve_status merge_one(merging *g, run_cursor *newest, varve_error *err)
{
    row_current now = {.rowver = newest->rowver, .ordinal = newest->ordinal}, before;
    uint8_t value[ROW_VALUE_BYTES];
    bool found;
    size_t key_len = 4 + newest->key_len;
    memcpy(g->row_key + 4, newest->key, newest->key_len);
    VV_TRY(run_next(newest, err));
    VV_TRY(pass_repeats(g, key_len, err));
    VV_TRY(find_existing(g, key_len, &found, &before, err));
    if (found && (!g->s->upsert || g->s->automatic)) /* an automatic id never replaces a row */
        return refuse(g, key_len, VARVE_EXISTS, "", err);
    if (found) {
        g->m->rows_replaced++;
        VV_TRY(
            u64_list_add(&g->m->dead, &g->m->dead_count, &g->m->dead_capacity, before.rowver, err));
        if (before.deleted || before.ordinal != now.ordinal)
            VV_TRY(note_moved(g->m, g->row_key + 4, key_len - 4, now.ordinal, err));
    } else {
        g->m->rows_new++;
    }
    row_current_put(&now, value);
    return store_sst_put(g->rows, g->row_key, key_len, value, sizeof value, err);
}

/* ---- the files */

static int by_number(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static varve_status write_dead(const merging *g, varve_error *err)
{
    char path[DB_PATH_MAX];
    store_sst *dead = NULL;
    const varve_collection *c = g->s->c;
    VV_TRY(session_desk(c->db, g->s->number, "dead.sst", path, err));
    VV_TRY(file_unlink(path, err));
    if (g->m->dead_count == 0) return VARVE_OK;
    qsort(g->m->dead, g->m->dead_count, sizeof *g->m->dead, by_number);
    VV_TRY(store_sst_new(c->db->store, STORE_DEAD, path, &dead, err));
    for (size_t i = 0; i < g->m->dead_count; i++) {
        uint8_t key[ROWVER_KEY_BYTES];
        const char kind = DEAD_SUPERSEDED;
        rowver_key_put(c->id, g->m->dead[i], key);
        varve_status status = store_sst_put(dead, key, sizeof key, &kind, 1, err);
        if (status != VARVE_OK) {
            store_sst_discard(dead);
            return status;
        }
    }
    return store_sst_finish(dead, err);
}

static varve_status sync_desk(const varve_session *s, varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(session_desk(s->c->db, s->number, "", path, err));
    VV_TRY(file_sync_dir(path, err));
    VV_TRY(db_path(s->c->db, "work", path, err));
    return file_sync_dir(path, err);
}

static varve_status merge_all(merging *g, varve_error *err)
{
    char path[DB_PATH_MAX];
    uint8_t from[4], to[4];
    const varve_collection *c = g->s->c;
    run_cursor *newest;
    VV_TRY(open_runs(g, err));
    put_be32(from, c->id);
    put_be32(to, c->id + 1);
    memcpy(g->row_key, from, 4);
    VV_TRY(store_iter_new(c->db->store, STORE_ROWS, from, 4, to, 4, &g->existing, err));
    VV_TRY(session_desk(c->db, g->s->number, "rows.sst", path, err));
    VV_TRY(file_unlink(path, err));
    VV_TRY(store_sst_new(c->db->store, STORE_ROWS, path, &g->rows, err));
    while ((newest = smallest(g)))
        VV_TRY(merge_one(g, newest, err));
    for (size_t i = 0; i < g->s->own_dead_count; i++) {
        VV_TRY(u64_list_add(&g->m->dead, &g->m->dead_count, &g->m->dead_capacity, g->s->own_dead[i],
                            err));
    }
    store_sst *rows = g->rows;
    g->rows = NULL;
    VV_TRY(store_sst_finish(rows, err));
    VV_TRY(write_dead(g, err));
    return sync_desk(g->s, err);
}

varve_status session_merge(varve_session *s, uint64_t commits, session_merged *ret,
                           varve_error *err)
{
    session_merged m = {.commits = commits};
    buffer_init(&m.moved_keys, SIZE_MAX / 2, "ids of a session");
    merging g = {.s = s, .m = &m, .run_count = s->segment_count};
    g.runs = calloc(g.run_count, sizeof *g.runs);
    g.row_key = malloc(ROW_KEY_MAX);
    varve_status status = VARVE_OK;
    if (!g.runs || !g.row_key) status = vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    if (status == VARVE_OK) status = merge_all(&g, err);
    if (g.rows) store_sst_discard(g.rows);
    store_iter_free(g.existing);
    for (size_t i = 0; g.runs && i < g.run_count; i++)
        file_unmap(&g.runs[i].map);
    free(g.runs);
    free(g.row_key);
    if (status != VARVE_OK) {
        session_merged_done(&m);
        return status;
    }
    *ret = m;
    return VARVE_OK;
}
