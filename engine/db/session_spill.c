/* session_spill.c — the rows of a large session on their way into segment files, with one sorted
 * run of ids per segment. Run: per row, ascending by id key:  u16 n + id key | u64 row version |
 * u64 ordinal */
#include "base/bytes.h"
#include "base/file.h"
#include "db/compaction.h"
#include "db/indexes.h"
#include "db/session.h"

#include <stdlib.h>

static varve_status open_writer(varve_session *s, varve_error *err)
{
    char directory[DB_PATH_MAX], temporary[DB_PATH_MAX];
    varve_collection *c = s->c;
    pthread_mutex_lock(&c->db->writer_lock);
    s->writer_number = c->counters.next_segment++;
    s->known_ids = c->counters.next_auto_id;
    pthread_mutex_unlock(&c->db->writer_lock);
    segment_spec spec = collection_segment_spec(c, s->writer_number, (uint32_t)s->dim);
    VV_TRY(collection_dir(c->db, c->id, directory, err));
    VV_TRY(file_make_dir(directory, err));
    VV_TRY(segment_file(c->db, c->id, s->writer_number, ".seg.tmp", temporary, err));
    VV_TRY(segment_writer_new(temporary, &spec, &s->writer, err));
    segment_writer_build_beside(s->writer);
    return VARVE_OK;
}

/* Absent fields of an upsert: those that the row has now. An id above all that were used has none.
 */
static varve_status keep_fields(const varve_session *s, const uint8_t *key, size_t key_len,
                                buffer *out, varve_error *err)
{
    varve_id id;
    if (!s->upsert || s->automatic || !id_key_get(key, key_len, &id)) return VARVE_OK;
    if (id.kind == VARVE_ID_NUM && id.num >= s->known_ids) return VARVE_OK;
    return read_fields(s->c, id, out, err);
}

varve_status session_spill_row(varve_session *s, const uint8_t *key, size_t key_len,
                               const void *vector, varve_text fields, varve_error *err)
{
    const varve_options *o = &s->c->db->options;
    if (!s->writer) VV_TRY(open_writer(s, err));
    VV_CLEANUP(buffer_done) buffer kept;
    buffer_init(&kept, SIZE_MAX, "fields");
    if (!fields.data) VV_TRY(keep_fields(s, key, key_len, &kept, err));
    if (!fields.data) fields = kept.len ? (varve_text){kept.data, kept.len} : (varve_text){"{}", 2};
    uint64_t row = segment_writer_rows(s->writer);
    VV_TRY(segment_writer_add(s->writer, row, row, key, key_len, vector, fields, err));
    VV_TRY(session_note_key(s, key, key_len, err));
    varve_id id;
    if (id_key_get(key, key_len, &id) && id.kind == VARVE_ID_NUM && id.num >= s->next_auto_id)
        s->next_auto_id = id.num == UINT64_MAX ? UINT64_MAX : id.num + 1;
    size_t memory =
        segment_writer_memory_bytes(s->writer) + s->keys.len + s->count * 2 * sizeof *s->key_ends;
    if (segment_writer_bytes(s->writer) < o->bulk_segment_bytes &&
        memory < VV_MAX(o->session_memory_max, SESSION_ROLL_BYTES_MIN))
        return VARVE_OK;
    return session_roll(s, err);
}

static void take_first_automatic(varve_session *s)
{
    varve *db = s->c->db;
    pthread_mutex_lock(&db->writer_lock);
    collection_counters *n = &s->c->counters;
    s->first_automatic = VV_MAX(n->next_auto_id, n->next_ordinal);
    s->reserved_end = s->first_automatic > UINT64_MAX - SESSION_AUTO_RESERVE
                          ? UINT64_MAX
                          : s->first_automatic + SESSION_AUTO_RESERVE;
    n->next_auto_id =
        s->reserved_end; /* others take theirs above; what is not used is given back */
    pthread_mutex_unlock(&db->writer_lock);
}

/* What was gathered moves to the segment writer, row by row; the buffers are then used for its
 * keys. */
varve_status session_spill_gathered(varve_session *s, varve_error *err)
{
    buffer keys = s->keys, vectors = s->vectors, fields = s->fields;
    size_t *key_ends = s->key_ends, *field_ends = s->field_ends, count = s->count;
    size_t row_bytes = count ? vectors.len / count : 0;
    buffer_init(&s->keys, SIZE_MAX / 2, "ids of a session");
    buffer_init(&s->vectors, SIZE_MAX / 2, "vectors of a session");
    buffer_init(&s->fields, SIZE_MAX / 2, "fields of a session");
    s->key_ends = s->field_ends = NULL;
    s->count = s->capacity = 0;
    if (s->automatic) take_first_automatic(s);
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < count && status == VARVE_OK; i++) {
        size_t from = i ? key_ends[i - 1] : 0, fields_from = i ? field_ends[i - 1] : 0;
        size_t fields_len = field_ends[i] - fields_from;
        varve_text text = {fields_len ? fields.data + fields_from : NULL, fields_len};
        uint8_t automatic[ID_KEY_NUM_BYTES];
        if (s->automatic)
            id_key_put((varve_id){.kind = VARVE_ID_NUM, .num = s->first_automatic + i}, automatic);
        const uint8_t *key = s->automatic ? automatic : (const uint8_t *)keys.data + from;
        status =
            session_spill_row(s, key, key_ends[i] - from, vectors.data + i * row_bytes, text, err);
    }
    buffer_done(&keys);
    buffer_done(&vectors);
    buffer_done(&fields);
    free(key_ends);
    free(field_ends);
    return status;
}

/* ---- roll */

typedef struct run_row { /* a row of the segment, for sorting */
    const uint8_t *key;
    size_t len;
    uint64_t slot;
} run_row;

static int by_key(const void *left, const void *right)
{
    const run_row *a = left, *b = right;
    int order = id_key_compare(a->key, a->len, b->key, b->len);
    return order ? order : a->slot < b->slot ? -1 : a->slot > b->slot;
}

/* The ordinal that a row has already; only an upsert can meet one. What changes until the commit,
 * the merge sees. */
static varve_status keep_ordinal(const varve_session *s, const run_row *row, uint8_t *scratch,
                                 uint64_t *ordinal, varve_error *err)
{
    store_value v = {0};
    row_current current;
    put_be32(scratch, s->c->id);
    memcpy(scratch + 4, row->key, row->len);
    VV_TRY(store_get(s->c->db->store, STORE_ROWS, scratch, 4 + row->len, &v, err));
    if (v.data && row_current_get(v.data, v.len, &current)) *ordinal = current.ordinal;
    store_value_done(&v);
    return VARVE_OK;
}

static varve_status keep_ordinals(const varve_session *s, const run_row *rows, uint64_t *ordinals,
                                  varve_error *err)
{
    if (!s->upsert || s->automatic) return VARVE_OK;
    VV_CLEANUP(vv_freep) uint8_t *scratch = malloc(ROW_KEY_MAX);
    if (!scratch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    for (size_t i = 0; i < s->count; i++)
        VV_TRY(keep_ordinal(s, &rows[i], scratch, &ordinals[rows[i].slot], err));
    return VARVE_OK;
}

/* Numbers for the rows of the segment. Sealed ranges must stay disjoint: what is in memory ends
 * here. */
static varve_status reserve_numbers(varve_session *s, uint64_t *ret_rowver, uint64_t *ret_ordinal,
                                    varve_error *err)
{
    varve_collection *c = s->c;
    collection_counters *n = &c->counters;
    pthread_mutex_lock(&c->db->writer_lock);
    bool frozen = c->active != NULL;
    collection_freeze(c);
    varve_status status =
        collection_reserve(c, s, n->next_rowver, n->next_rowver + s->count - 1, err);
    if (status == VARVE_OK) {
        *ret_rowver = n->next_rowver;
        *ret_ordinal = n->next_ordinal;
        n->next_rowver += s->count;
        n->next_ordinal += s->count;
    }
    pthread_mutex_unlock(&c->db->writer_lock);
    if (frozen) seal_ask(c);
    return status;
}

static varve_status put_run_row(file_writer *w, const run_row *row, uint64_t rowver,
                                uint64_t ordinal, varve_error *err)
{
    uint8_t head[2], tail[16];
    put_u16(head, (uint16_t)row->len);
    put_u64(tail, rowver);
    put_u64(tail + 8, ordinal);
    VV_TRY(file_write(w, head, sizeof head, err));
    VV_TRY(file_write(w, row->key, row->len, err));
    return file_write(w, tail, sizeof tail, err);
}

static varve_status write_run_rows(varve_session *s, const run_row *rows, uint64_t rowver,
                                   const uint64_t *ordinals, file_writer *w, varve_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        bool replaced = i + 1 < s->count && id_key_compare(rows[i].key, rows[i].len,
                                                           rows[i + 1].key, rows[i + 1].len) == 0;
        if (replaced && !s->upsert) {
            varve_id id;
            char text[ID_TEXT_MAX];
            if (!id_key_get(rows[i].key, rows[i].len, &id))
                return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
            return vv_fail(err, VARVE_INVALID,
                           "duplicate external id %s within the same insert batch",
                           id_text(id, text));
        }
        if (replaced) {
            VV_TRY(u64_list_add(&s->own_dead, &s->own_dead_count, &s->own_dead_capacity,
                                rowver + rows[i].slot, err));
        } else {
            VV_TRY(put_run_row(w, &rows[i], rowver + rows[i].slot, ordinals[rows[i].slot], err));
        }
    }
    return VARVE_OK;
}

static varve_status write_run(varve_session *s, const run_row *rows, uint64_t rowver,
                              const uint64_t *ordinals, varve_error *err)
{
    char path[DB_PATH_MAX], name[32];
    file_writer *w = NULL;
    VV_TRY(session_desk(s->c->db, s->number, "", path, err));
    VV_TRY(file_make_dir(path, err));
    snprintf(name, sizeof name, "run-%zu", s->segment_count);
    VV_TRY(session_desk(s->c->db, s->number, name, path, err));
    VV_TRY(file_create(path, &w, err));
    varve_status status = write_run_rows(s, rows, rowver, ordinals, w, err);
    if (status != VARVE_OK) {
        file_discard(w);
        return status;
    }
    return file_close_scratch(w, err);
}

static varve_status index_finished(const varve_session *s, const char *path, session_segment *made,
                                   varve_error *err)
{
    segment *seg = NULL;
    segment_spec spec = collection_segment_spec(s->c, made->record.number, (uint32_t)s->dim);
    VV_TRY(segment_open(path, &spec, &made->record, &seg, err));
    varve_status status = index_build_fresh(s->c, seg, &made->has_index, &made->index, err);
    segment_unref(seg);
    return status;
}

static varve_status finish_segment(varve_session *s, uint64_t rowver, const uint64_t *ordinals,
                                   varve_error *err)
{
    char path[DB_PATH_MAX];
    session_segment *bigger = realloc(s->segments, (s->segment_count + 1) * sizeof *bigger);
    if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    s->segments = bigger;
    VV_TRY(segment_file(s->c->db, s->c->id, s->writer_number, ".seg", path, err));
    segment_writer_renumber(s->writer, rowver, ordinals[0]);
    if (s->upsert && !s->automatic) VV_TRY(segment_writer_set_ordinals(s->writer, ordinals, err));
    segment_writer *w = s->writer;
    s->writer = NULL; /* finish frees it, also when it fails */
    session_segment *made = &s->segments[s->segment_count];
    *made = (session_segment){0};
    VV_TRY(segment_writer_finish(w, path, &made->record, err));
    s->segment_count++;
    return index_finished(s, path, made, err);
}

varve_status session_roll(varve_session *s, varve_error *err)
{
    if (!s->writer) return VARVE_OK;
    compaction_delay_writer(s->c->db);
    VV_CLEANUP(vv_freep) run_row *rows = malloc(s->count * sizeof *rows);
    VV_CLEANUP(vv_freep) uint64_t *ordinals = malloc(s->count * sizeof *ordinals);
    if (!rows || !ordinals) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    for (size_t i = 0; i < s->count; i++) {
        size_t from = i ? s->key_ends[i - 1] : 0;
        rows[i] = (run_row){(const uint8_t *)s->keys.data + from, s->key_ends[i] - from, i};
    }
    uint64_t rowver, ordinal;
    VV_TRY(reserve_numbers(s, &rowver, &ordinal, err));
    for (size_t i = 0; i < s->count; i++)
        ordinals[i] = ordinal + i;
    if (!s->automatic)
        qsort(rows, s->count, sizeof *rows, by_key); /* automatic ids ascend already */
    VV_TRY(keep_ordinals(s, rows, ordinals, err));
    VV_TRY(write_run(s, rows, rowver, ordinals, err));
    VV_TRY(finish_segment(s, rowver, ordinals, err));
    buffer_clear(&s->keys);
    s->count = 0;
    return VARVE_OK;
}
