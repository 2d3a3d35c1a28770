/* session.c — varve_session: gather, spill when large, commit or discard; see session.h. */
#include "db/session.h"
#include "db/compaction.h"
#include "db/indexes.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"

#include <stdlib.h>

varve_status session_desk(const varve *db, uint64_t number, const char *file, char ret[DB_PATH_MAX],
                          varve_error *err)
{
    char name[96];
    snprintf(name, sizeof name, "work/session-%llu%s%s", (unsigned long long)number,
             *file ? "/" : "", file);
    return db_path(db, name, ret, err);
}

varve_status varve_session_new(varve_collection *c, const varve_session_options *options,
                               varve_session **ret_session, varve_error *err)
{
    VV_TRY(db_check_writable(c->db, true, err));
    VV_TRY(collection_ready(c, err));
    varve_session *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    s->c = collection_ref(c);
    s->upsert = options && options->upsert;
    s->number = (clock_wall_ms() << 20) | (atomic_fetch_add(&c->db->sessions, 1) & 0xfffff);
    buffer_init(&s->keys, SIZE_MAX / 2, "ids of a session");
    buffer_init(&s->vectors, SIZE_MAX / 2, "vectors of a session");
    buffer_init(&s->fields, SIZE_MAX / 2, "fields of a session");
    *ret_session = s;
    return VARVE_OK;
}

uint64_t varve_session_rows(const varve_session *s) { return s->rows; }

static varve_status reserve_rows(varve_session *s, size_t more, varve_error *err)
{
    if (s->count + more <= s->capacity) return VARVE_OK;
    size_t capacity = VV_MAX(VV_MAX(2 * s->capacity, s->count + more), (size_t)64);
    size_t *key_ends = realloc(s->key_ends, capacity * sizeof *key_ends);
    if (key_ends) s->key_ends = key_ends;
    size_t *field_ends = realloc(s->field_ends, capacity * sizeof *field_ends);
    if (field_ends) s->field_ends = field_ends;
    if (!key_ends || !field_ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    s->capacity = capacity;
    return VARVE_OK;
}

varve_status session_note_key(varve_session *s, const uint8_t *key, size_t key_len,
                              varve_error *err)
{
    VV_TRY(reserve_rows(s, 1, err));
    VV_TRY(buffer_add(&s->keys, key, key_len, err));
    s->key_ends[s->count] = s->keys.len;
    s->field_ends[s->count++] = s->fields.len;
    return VARVE_OK;
}

/* All or nothing: room for everything is made before the first byte is added. */
static varve_status gather(varve_session *s, const write_request *w, varve_error *err)
{
    VV_TRY(reserve_rows(s, w->count, err));
    VV_TRY(buffer_reserve(&s->keys, w->key_ends[w->count - 1], err));
    VV_TRY(buffer_reserve(&s->vectors, w->count * w->row_bytes, err));
    VV_TRY(buffer_reserve(&s->fields, w->fields.len, err));
    size_t keys = s->keys.len, fields = s->fields.len;
    VV_TRY(buffer_add(&s->keys, w->keys, w->key_ends[w->count - 1], err));
    VV_TRY(buffer_add(&s->vectors, w->vectors, w->count * w->row_bytes, err));
    VV_TRY(buffer_add(&s->fields, w->fields.data, w->fields.len, err));
    for (size_t i = 0; i < w->count; i++) {
        s->key_ends[s->count + i] = keys + w->key_ends[i];
        s->field_ends[s->count + i] = fields + (w->field_ends ? w->field_ends[i] : 0);
    }
    s->any_fields |= w->field_ends != NULL;
    s->count += w->count;
    return VARVE_OK;
}

static varve_status spill(varve_session *s, const write_request *w, varve_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        uint8_t automatic[ID_KEY_NUM_BYTES];
        if (s->automatic) {
            id_key_put((varve_id){.kind = VARVE_ID_NUM, .num = s->first_automatic + s->rows + i},
                       automatic);
            key = automatic;
        }
        VV_TRY(
            session_spill_row(s, key, len, w->vectors + i * w->row_bytes, write_fields(w, i), err));
    }
    return VARVE_OK;
}

static varve_status check_same_kind(const varve_session *s, const write_request *w,
                                    varve_error *err)
{
    if (s->rows && s->automatic != w->automatic_ids)
        return vv_fail(err, VARVE_INVALID,
                       "ids: a session has either automatic ids for all rows or for none");
    if (s->rows && s->dim != w->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %zu, got %zu", s->dim,
                       w->dim);
    return VARVE_OK;
}

static varve_status add_prepared(varve_session *s, const write_request *w, varve_error *err)
{
    VV_TRY(check_same_kind(s, w, err));
    if (s->rows == 0) s->automatic = w->automatic_ids;
    if (s->rows == 0) s->dim = w->dim;
    size_t most = s->c->db->options.session_memory_max / 4;
    size_t bytes =
        s->keys.len + s->vectors.len + s->fields.len + w->count * w->row_bytes + w->fields.len;
    if (!s->writer && s->segment_count == 0 && bytes <= most) {
        VV_TRY(gather(s, w, err));
        s->rows += w->count;
        return VARVE_OK;
    }
    s->failed = true; /* until all of it is in: half a batch must never be committed */
    if (!s->writer && s->segment_count == 0) VV_TRY(session_spill_gathered(s, err));
    VV_TRY(spill(s, w, err));
    s->rows += w->count;
    s->failed = false;
    return VARVE_OK;
}

static varve_status check_open(const varve_session *s, varve_error *err)
{
    if (s->committed) return vv_fail(err, VARVE_CLOSED, "the session is committed");
    if (atomic_load(&s->c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", s->c->name);
    if (s->failed)
        return vv_fail(err, VARVE_CLOSED, "the session failed before and can only be discarded");
    return VARVE_OK;
}

varve_status varve_session_add(varve_session *s, const varve_rows *rows, varve_error *err)
{
    VV_TRY(check_open(s, err));
    if (rows->count == 0) return VARVE_OK;
    write_request w = {0};
    varve_status status =
        write_prepare_rows(s->c, s->upsert ? WRITE_UPSERT : WRITE_INSERT, rows, NULL, &w, err);
    if (status == VARVE_OK) status = add_prepared(s, &w, err);
    write_request_done(&w);
    return status;
}

/* Rows that fit in memory go the way of any other write. The request borrows what the session
 * gathered. */
static varve_status commit_gathered(varve_session *s, varve_receipt *ret, varve_error *err)
{
    write_request w = {
        .collection = s->c, .kind = s->upsert ? WRITE_UPSERT : WRITE_INSERT, .count = s->count};
    w.dim = s->dim;
    w.automatic_ids = s->automatic;
    w.keys = (uint8_t *)s->keys.data;
    w.key_ends = s->key_ends;
    w.vectors = (uint8_t *)s->vectors.data;
    w.row_bytes = s->count ? s->vectors.len / s->count : 0;
    w.fields = s->fields;
    w.field_ends = s->any_fields ? s->field_ends : NULL;
    if (!s->automatic) VV_TRY(write_find_repeats(&w, !s->upsert, err));
    return write_submit(s->c->db, &w, ret, err);
}

varve_status varve_session_commit(varve_session *s, varve_receipt *ret_receipt, varve_error *err)
{
    varve_receipt receipt = {0};
    VV_TRY(check_open(s, err));
    VV_TRY(db_check_writable(s->c->db, true, err));
    bool spilled = s->writer || s->segment_count;
    varve_status status =
        spilled ? session_commit_spilled(s, &receipt, err) : commit_gathered(s, &receipt, err);
    if (status != VARVE_OK) {
        s->failed = true;
        return status;
    }
    s->committed = true;
    if (ret_receipt) *ret_receipt = receipt;
    return VARVE_OK;
}

static void give_back_numbers(varve_session *s)
{
    if (s->committed) return;
    pthread_mutex_lock(&s->c->db->writer_lock);
    if (s->reserved_end && s->c->counters.next_auto_id == s->reserved_end)
        s->c->counters.next_auto_id = s->first_automatic;
    collection_unreserve(s->c, s);
    pthread_mutex_unlock(&s->c->db->writer_lock);
}

static void discard_files(varve_session *s)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    varve_status status = VARVE_OK;
    segment_writer_discard(s->writer);
    if (s->committed || s->unsure || atomic_load(&s->c->db->broken))
        return; /* past the commit point, perhaps: the next open knows */
    for (size_t i = 0; i < s->segment_count; i++) {
        const session_segment *made = &s->segments[i];
        if (segment_file(s->c->db, s->c->id, made->record.number, ".seg", path, &ignored) ==
            VARVE_OK)
            status = file_unlink(path, &ignored);
        if (made->has_index) index_remove_file(s->c, made->record.number, made->index.generation);
    }
    if (session_desk(s->c->db, s->number, "", path, &ignored) == VARVE_OK)
        status = file_remove_tree(path, &ignored);
    (void)status; /* what stays, the sweep removes */
}

void varve_session_free(varve_session *s)
{
    if (!s) return;
    discard_files(s);
    give_back_numbers(s);
    buffer_done(&s->keys);
    buffer_done(&s->vectors);
    buffer_done(&s->fields);
    free(s->key_ends);
    free(s->field_ends);
    free(s->segments);
    free(s->own_dead);
    varve_collection_release(s->c);
    free(s);
}
