/* fsck.c — read a closed folder whole and verify every checksum and promise; nothing is changed.
 * Findings are sentences in a report. */
#include "base/bytes.h"
#include "base/file.h"
#include "db/children.h"
#include "db/field_rows.h"
#include "db/format.h"
#include "db/indexes.h"
#include "db/session.h"
#include "db/vector_fields.h"

#include <stdlib.h>

#define FINDINGS_MAX 1000

struct varve_report {
    char **lines;
    size_t count;
    uint64_t collections, segments, indexes, rows, deleted;
    bool session_pending;
    char summary[256];
};

static void find(varve_report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void find(varve_report *r, const char *format, ...)
{
    if (r->count >= FINDINGS_MAX) return;
    char **bigger = realloc(r->lines, (r->count + 1) * sizeof *bigger);
    if (!bigger) return;
    r->lines = bigger;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&r->lines[r->count], format, arguments) >= 0) r->count++;
    va_end(arguments);
}

/* ---- a collection: every row record leads to exactly one slot, and every visible slot has its
 * record */

static void check_slot(varve_report *r, const varve_collection *c, view *v, const row_current *row,
                       const uint8_t *key, size_t key_len)
{
    row_place place;
    bool found = false;
    varve_error err = {0};
    const uint8_t *stored_key = NULL;
    size_t stored_len = 0;
    uint64_t ordinal = 0;
    unsigned long long version = row->rowver;
    if (view_find(v, row->rowver, &found, &place, &err) != VARVE_OK) {
        find(r, "%s.%s: %s", c->database, c->name, err.message);
        return;
    }
    if (!found) {
        find(r, "%s.%s: row version %llu is in no segment", c->database, c->name, version);
        return;
    }
    const row_source *s = &v->sources[place.source];
    if (source_id_key(s, place.slot, &stored_key, &stored_len, &err) != VARVE_OK ||
        source_ordinal(s, place.slot, &ordinal, &err) != VARVE_OK) {
        find(r, "%s.%s: %s", c->database, c->name, err.message);
    } else if (stored_len != key_len || memcmp(stored_key, key, key_len) != 0) {
        find(r, "%s.%s: row version %llu belongs to another id", c->database, c->name, version);
    } else if (ordinal != row->ordinal) {
        find(r, "%s.%s: row version %llu has another ordinal in its segment", c->database, c->name,
             version);
    } else if (tombstones_has(s->deleted, place.slot) != row->deleted ||
               tombstones_has(s->hidden, place.slot) != row->deleted) {
        find(r, "%s.%s: row version %llu and its tombstone do not agree", c->database, c->name,
             version);
    }
}

/* Counters must be above everything they have given out: else a number is used twice. */
static void check_counters(varve_report *r, const varve_collection *c, const view *v,
                           const collection_counters *used)
{
    const collection_counters *n = &c->counters;
    uint64_t next_segment = 0;
    for (size_t i = 0; i < v->source_count; i++) {
        if (!v->sources[i].seg) continue;
        next_segment = VV_MAX(next_segment, segment_get_record(v->sources[i].seg)->number + 1);
    }
    if (n->next_auto_id < used->next_auto_id || n->next_ordinal < used->next_ordinal ||
        n->next_segment < next_segment)
        find(r, "%s.%s: its counters are behind its rows or segments", c->database, c->name);
}

static void note_used(collection_counters *used, const row_current *row, varve_id id)
{
    uint64_t next_id = id.kind == VARVE_ID_NUM ? id.num + (id.num < UINT64_MAX) : 0;
    used->next_auto_id = VV_MAX(used->next_auto_id, next_id);
    used->next_ordinal = VV_MAX(used->next_ordinal, row->ordinal + 1);
}

static varve_status check_rows(varve_report *r, varve_collection *c, view *v, varve_error *err)
{
    uint8_t from[4], to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    uint64_t live = 0, deleted = 0;
    collection_counters used = {0};
    put_be32(from, c->id);
    put_be32(to, c->id + 1);
    VV_TRY(store_iter_new(c->db->store, STORE_ROWS, from, 4, to, 4, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        row_current row;
        varve_id id;
        const uint8_t *id_key = (const uint8_t *)key.data + 4;
        if (!row_current_get(value.data, value.len, &row) ||
            !id_key_get(id_key, key.len - 4, &id)) {
            find(r, "%s.%s: a row record is malformed", c->database, c->name);
            continue;
        }
        live += !row.deleted;
        deleted += row.deleted;
        note_used(&used, &row, id);
        check_slot(r, c, v, &row, id_key, key.len - 4);
    }
    if (live != v->rows_live || deleted != v->rows_deleted)
        find(r, "%s.%s: %llu live and %llu deleted row records, but %llu and %llu rows in segments",
             c->database, c->name, (unsigned long long)live, (unsigned long long)deleted,
             (unsigned long long)v->rows_live, (unsigned long long)v->rows_deleted);
    check_counters(r, c, v, &used);
    r->rows += c->inner ? 0 : live;
    r->deleted += c->inner ? 0 : deleted;
    return store_iter_check(i, err);
}

/* ---- vector fields: each row has the row of its collection, in the same state and place */

static void check_parent(varve_report *r, const varve_collection *c, const varve_collection *child,
                         const row_current *row, varve_id id)
{
    store_value value = {0};
    row_current parent = {0};
    varve_error err = {0};
    char text[ID_TEXT_MAX];
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(4 + id_key_size(id));
    if (!key) return;
    size_t len = row_key_put(c->id, id, key);
    if (store_get(c->db->store, STORE_ROWS, key, len, &value, &err) != VARVE_OK) {
        find(r, "%s.%s: %s", child->database, child->name, err.message);
    } else if (!value.data || !row_current_get(value.data, value.len, &parent)) {
        find(r, "%s.%s: a vector of %s, which is no row", child->database, child->name,
             id_text(id, text));
    } else if (parent.deleted != row->deleted) {
        find(r, "%s.%s: the vector of %s is %s, but the row is not", child->database, child->name,
             id_text(id, text), row->deleted ? "deleted" : "live");
    } else if (parent.ordinal != row->ordinal) {
        find(r, "%s.%s: the vector of %s has another ordinal than its row", child->database,
             child->name, id_text(id, text));
    }
    store_value_done(&value);
}

/* ---- several vectors per row: the first one says how many there are, and all of them are there,
 * and no more. Keys of one row need not follow each other: those of "a" and "a0" mix. */

typedef struct vector_of { /* a row with several */
    const varve_collection *child;
    varve_id id;
} vector_of;

static varve_status has_vector(const vector_of *of, size_t index, bool *ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer key;
    VV_CLEANUP(vv_freep) uint8_t *id_key = malloc(id_key_size(of->id));
    uint8_t head[4];
    store_value value = {0};
    buffer_init(&key, ROW_KEY_MAX + 8, "key of a vector");
    if (!id_key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a key");
    id_key_put(of->id, id_key);
    put_be32(head, of->child->id);
    VV_TRY(buffer_add(&key, head, sizeof head, err));
    VV_TRY(field_key(id_key, id_key_size(of->id), (uint32_t)index, &key, err));
    VV_TRY(store_get(of->child->db->store, STORE_ROWS, key.data, key.len, &value, err));
    *ret = value.data != NULL;
    store_value_done(&value);
    return VARVE_OK;
}

static varve_status count_put(view *v, const row_current *row, size_t *ret, varve_error *err)
{
    row_place place;
    bool found = false;
    varve_text fields;
    VV_TRY(view_find(v, row->rowver, &found, &place, err));
    if (found) VV_TRY(source_fields(&v->sources[place.source], place.slot, &fields, err));
    if (!found || !field_count_get(fields, ret))
        return vv_fail(err, VARVE_CORRUPT, "how many vectors a row has is malformed");
    return VARVE_OK;
}

static varve_status check_several(varve_report *r, const vector_of *of, view *v,
                                  const row_current *row, uint32_t index, varve_error *err)
{
    const varve_collection *child = of->child;
    char text[ID_TEXT_MAX];
    size_t count = 0;
    bool there = true, more = false;
    if (index == 0) {
        VV_TRY(count_put(v, row, &count, err));
        VV_TRY(has_vector(of, count - 1, &there, err));
        if (count < FIELD_MULTI_MAX) VV_TRY(has_vector(of, count, &more, err));
    } else {
        VV_TRY(has_vector(of, index - 1, &there, err));
    }
    if (!there)
        find(r, "%s.%s: a vector of %s is missing", child->database, child->name,
             id_text(of->id, text));
    if (more)
        find(r, "%s.%s: %s has more vectors than the %zu that were put", child->database,
             child->name, id_text(of->id, text), count);
    return VARVE_OK;
}

static varve_status check_field(varve_report *r, const varve_collection *c, varve_collection *child,
                                vector_kind kind, varve_error *err)
{
    uint8_t from[4], to[4];
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    VV_CLEANUP(view_unrefp) view *v = collection_view(child);
    varve_text key, value;
    put_be32(from, child->id);
    put_be32(to, child->id + 1);
    VV_TRY(store_iter_new(c->db->store, STORE_ROWS, from, 4, to, 4, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i)) {
        row_current row;
        vector_of of = {.child = child};
        varve_error why = {0};
        uint32_t index;
        if (!row_current_get(value.data, value.len, &row) ||
            !field_key_get(kind, (const uint8_t *)key.data + 4, key.len - 4, &of.id, &index)) {
            find(r, "%s.%s: the record of a vector is malformed", child->database, child->name);
            continue;
        }
        if (kind == VECTOR_MULTI && check_several(r, &of, v, &row, index, &why) != VARVE_OK)
            find(r, "%s.%s: %s", child->database, child->name, why.message);
        check_parent(r, c, child, &row, of.id);
    }
    return store_iter_check(i, err);
}

/* What the collection says of the field, and what the field says of itself. */
static void check_definition(varve_report *r, const varve_collection *child, const vector_field *f)
{
    const collection_schema *own = &child->schema;
    bool sparse = f->kind == VECTOR_SPARSE;
    if (own->fields[0].dim != f->dim || own->fields[0].dtype != f->dtype ||
        (own->content == SEGMENT_SPARSE_VECTOR) != sparse ||
        (!sparse && own->fields[0].metric != f->metric))
        find(r, "%s.%s: it is another field than its collection says", child->database,
             child->name);
}

static void check_fields(varve_report *r, varve_collection *c)
{
    varve_error err = {0};
    for (size_t i = 0; i < c->child_count; i++) {
        varve_collection *child = c->children[i];
        check_definition(r, child, &c->schema.fields[1 + i]);
        if (collection_ready(child, &err) != VARVE_OK)
            continue; /* said when it is checked itself */
        if (check_field(r, c, child, c->schema.fields[1 + i].kind, &err) != VARVE_OK)
            find(r, "%s.%s: %s", child->database, child->name, err.message);
    }
}

/* Of what the manifest names, whether it serves the mode or not. */
static varve_status check_index(varve_report *r, const varve_collection *c, const row_source *s,
                                varve_error *err)
{
    index_record record;
    index_rows rows;
    row_source opened = *s;
    bool found = false;
    VV_TRY(
        index_read_record(c->db, c->id, segment_get_record(s->seg)->number, &found, &record, err));
    if (!found) return VARVE_OK;
    VV_TRY(index_open_built(c, &record, &opened, err));
    source_index_rows(s, &rows);
    varve_status status = index_check(opened.index, &rows, err);
    index_unref(opened.index);
    r->indexes += status == VARVE_OK;
    return status;
}

static void check_collection(varve_report *r, varve_collection *c)
{
    varve_error err = {0};
    r->collections += !c->inner;
    if (collection_ready(c, &err) != VARVE_OK) {
        find(r, "%s.%s: %s", c->database, c->name, err.message);
        return;
    }
    view *v = collection_view(c);
    for (size_t i = 0; i < v->source_count; i++) {
        if (!v->sources[i].seg) continue;
        r->segments++;
        if (segment_check(v->sources[i].seg, &err) != VARVE_OK)
            find(r, "%s.%s: %s", c->database, c->name, err.message);
        if (check_index(r, c, &v->sources[i], &err) != VARVE_OK)
            find(r, "%s.%s: %s", c->database, c->name, err.message);
    }
    if (!r->session_pending && check_rows(r, c, v, &err) != VARVE_OK)
        find(r, "%s.%s: %s", c->database, c->name, err.message);
    if (!r->session_pending) check_fields(r, c);
    view_unref(v);
}

/* ---- the folder */

static void check_floor(varve_report *r, const char *folder)
{
    char path[DB_PATH_MAX];
    floor_state state = {0};
    varve_error err = {0};
    if (file_join(path, sizeof path, folder, "ACKED", &err) != VARVE_OK ||
        floor_read(path, &state, &err) != VARVE_OK) {
        find(r, "%s", err.message);
    } else if (state.slots_good < 2) {
        find(r, "ACKED: one of its two slots is damaged; the next open mends it");
    }
}

static void check_folder(varve_report *r, const char *folder)
{
    varve *db = NULL;
    varve_error err = {0};
    varve_collection **all = NULL;
    size_t count = 0;
    check_floor(r, folder);
    if (db_open_for_check(folder, &db, &r->session_pending, &err) != VARVE_OK) {
        find(r, "%s", err.message);
        return;
    }
    if (store_verify(db->store, &err) != VARVE_OK) find(r, "row store: %s", err.message);
    if (catalog_all(db, &all, &count, &err) != VARVE_OK) find(r, "%s", err.message);
    for (size_t i = 0; i < count; i++) {
        check_collection(r, all[i]);
        varve_collection_release(all[i]);
    }
    free(all);
    varve_abandon(db);
}

varve_status varve_fsck(const char *path, varve_report **ret_report, varve_error *err)
{
    char lock_path[DB_PATH_MAX];
    unsigned version;
    lock_file lock = LOCK_FILE_NONE;
    if (!path || !file_exists(path))
        return vv_fail(err, VARVE_NOT_FOUND, "there is no folder %s", path ? path : "");
    varve_report *r = calloc(1, sizeof *r);
    if (!r) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a report");
    varve_status status = file_join(lock_path, sizeof lock_path, path, "LOCK", err);
    if (status == VARVE_OK && file_exists(lock_path)) status = lock_take(lock_path, &lock, err);
    if (status != VARVE_OK) {
        varve_report_free(r);
        return status;
    }
    varve_error found = {0};
    if (format_read(path, &version, &found) == VARVE_OK) {
        check_folder(r, path);
    } else {
        find(r, "%s", found.message);
    }
    lock_drop(&lock);
    snprintf(r->summary, sizeof r->summary,
             "%llu collections, %llu segments, %llu indexes, %llu rows, %llu deleted rows: %s%s",
             (unsigned long long)r->collections, (unsigned long long)r->segments,
             (unsigned long long)r->indexes, (unsigned long long)r->rows,
             (unsigned long long)r->deleted, r->count ? "damaged" : "sound",
             r->session_pending
                 ? " (a session waits to be completed by the next open; rows were not compared)"
                 : "");
    *ret_report = r;
    return VARVE_OK;
}

size_t varve_report_count(const varve_report *report) { return report->count; }
const char *varve_report_line(const varve_report *report, size_t i) { return report->lines[i]; }
const char *varve_report_summary(const varve_report *report) { return report->summary; }

void varve_report_free(varve_report *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->count; i++)
        free(r->lines[i]);
    free(r->lines);
    free(r);
}
