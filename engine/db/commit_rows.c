/* commit_rows.c — insert, upsert and change of fields in a group commit: new row versions. */
#include "base/bytes.h"
#include "db/field_rows.h"
#include "record/fields.h"

#include <stdlib.h>

static void count_id(commit_part *p, const uint8_t *key, size_t key_len)
{
    varve_id id;
    if (!id_key_get(key, key_len, &id) || id.kind != VARVE_ID_NUM) return;
    uint64_t next = id.num == UINT64_MAX ? UINT64_MAX : id.num + 1;
    if (next > p->counters.next_auto_id) p->counters.next_auto_id = next;
}

static varve_status stage_before(commit_part *p, store_batch *batch, const row_lookup *before,
                                 varve_error *err)
{
    uint8_t key[ROWVER_KEY_BYTES];
    const char kind = DEAD_SUPERSEDED;
    rowver_key_put(p->c->id, before->current.rowver, key);
    store_batch_put(batch, p->c->db->store, STORE_DEAD, key, sizeof key, &kind, 1);
    return part_change(p, before->place, true, false, err);
}

varve_status stage_version_at(commit_part *p, store_batch *batch, const uint8_t *key,
                              size_t key_len, const row_lookup *before, const row_content *content,
                              varve_error *err)
{
    store *s = p->c->db->store;
    varve_text fields = content->fields;
    row_current now = {.rowver = p->counters.next_rowver++, .ordinal = content->ordinal};
    p->counters.next_ordinal = VV_MAX(p->counters.next_ordinal, now.ordinal + 1);
    p->touched = true;

    uint8_t cid[4], value[ROW_VALUE_BYTES], rowver_key[ROWVER_KEY_BYTES], head[14];
    put_be32(cid, p->c->id);
    VV_CLEANUP(vv_freep) uint8_t *row_key = malloc(4 + key_len);
    if (!row_key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    memcpy(row_key, cid, 4);
    memcpy(row_key + 4, key, key_len);
    row_current_put(&now, value);
    store_batch_put(batch, s, STORE_ROWS, row_key, 4 + key_len, value, sizeof value);

    rowver_key_put(p->c->id, now.rowver, rowver_key);
    put_u64(head, now.ordinal);
    put_u16(head + 8, (uint16_t)key_len);
    put_u32(head + 10, (uint32_t)fields.len);
    const void *parts[] = {head, key, head + 10, fields.data, content->vector};
    const size_t lens[] = {10, key_len, 4, fields.len, content->vector_bytes};
    store_batch_put_parts(batch, s, STORE_FRESH, rowver_key, sizeof rowver_key, parts, lens,
                          VV_COUNT(parts));

    VV_TRY(memtable_add(p->c->active, now.rowver, now.ordinal, key, key_len, content->vector,
                        fields, err));
    p->sources[p->source_count - 1].rows = memtable_rows(p->c->active);
    if (before->exists) VV_TRY(stage_before(p, batch, before, err));
    if (!before->exists) p->rows++;
    count_id(p, key, key_len);
    return part_note(p, key, key_len, &now, err);
}

varve_status stage_version(commit_part *p, store_batch *batch, const uint8_t *key, size_t key_len,
                           const row_lookup *before, const void *vector, size_t vector_bytes,
                           varve_text fields, varve_error *err)
{
    uint64_t ordinal = before->exists ? before->current.ordinal : p->counters.next_ordinal;
    const row_content content = {ordinal, vector, vector_bytes, fields};
    return stage_version_at(p, batch, key, key_len, before, &content, err);
}

/* ---- insert, upsert */

static varve_status assign_ids(commit_part *p, write_request *w, varve_error *err)
{
    uint64_t first = VV_MAX(p->counters.next_auto_id, p->counters.next_ordinal);
    if (first >= UINT64_MAX - w->count)
        return vv_fail(err, VARVE_LIMIT,
                       "automatic ids are used up: the highest integer id is %llu",
                       (unsigned long long)(first - 1));
    for (size_t i = 0; i < w->count; i++) {
        varve_id id = {.kind = VARVE_ID_NUM, .num = first + i};
        id_key_put(id, w->keys + i * ID_KEY_NUM_BYTES);
    }
    w->receipt.first_id = first;
    return VARVE_OK;
}

varve_status check_vector_bytes(commit_part *p, uint64_t rows, size_t row_bytes, uint64_t more,
                                varve_error *err)
{
    uint64_t most = p->c->db->options.max_collection_vector_bytes;
    if (most == 0 || row_bytes == 0) return VARVE_OK;
    uint64_t named = cascade_vector_bytes(p) + more;
    if (named <= most && rows <= (most - named) / row_bytes) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "collection vector bytes %llu would exceed max_collection_vector_bytes %llu",
                   (unsigned long long)(rows * row_bytes + named), (unsigned long long)most);
}

static varve_status check_limits(commit_part *p, const write_request *w, uint64_t rows_new,
                                 varve_error *err)
{
    const varve_options *o = &p->c->db->options;
    unsigned long long rows = p->rows + rows_new;
    if (o->max_collection_vectors && rows > o->max_collection_vectors)
        return vv_fail(err, VARVE_LIMIT,
                       "collection vector count %llu would exceed max_collection_vectors %llu",
                       rows, (unsigned long long)o->max_collection_vectors);
    return check_vector_bytes(p, rows, w->row_bytes, 0, err);
}

/* New ids, each once, where a request may hold an id twice. */
static varve_status count_new_ids(const write_request *w, const row_lookup *lookups, uint64_t *ret,
                                  varve_error *err)
{
    hashmap seen;
    varve_status status = VARVE_OK;
    hashmap_init(&seen);
    for (size_t i = 0; i < w->count && status == VARVE_OK; i++) {
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        if (lookups[i].exists || hashmap_get(&seen, key, len)) continue;
        if (!hashmap_put(&seen, key, len, &seen))
            status = vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", w->count);
    }
    *ret = seen.count;
    hashmap_done(&seen);
    return status;
}

static varve_status check_rows(commit_part *p, write_request *w, row_lookup *lookups,
                               varve_error *err)
{
    uint64_t rows_new = 0;
    if (p->field.dim && p->field.dim != w->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", p->field.dim,
                       w->dim);
    if (p->field.metric == VARVE_METRIC_HAVERSINE && w->dim != 2)
        return vv_fail(err, VARVE_INVALID, "haversine requires dimension 2, got %zu", w->dim);
    VV_TRY(index_dim_buildable(&p->field, w->dim, err));
    if (w->automatic_ids) VV_TRY(assign_ids(p, w, err));
    VV_TRY(part_lookup(p, w, 0, w->count, w->kind == WRITE_UPSERT, lookups, err));
    for (size_t i = 0; i < w->count; i++) {
        if (!lookups[i].exists) rows_new++;
        if (!lookups[i].exists || w->kind != WRITE_INSERT) continue;
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        varve_id id;
        char text[ID_TEXT_MAX];
        if (!id_key_get(key, len, &id))
            return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
        return vv_fail(err, VARVE_EXISTS, "external id %s already exists", id_text(id, text));
    }
    if (w->repeats) VV_TRY(count_new_ids(w, lookups, &rows_new, err));
    return check_limits(p, w, rows_new, err);
}

/* Deleted rows that come back, with their named vectors. */
static varve_status find_revived(const commit_part *p, const write_request *w,
                                 const row_lookup *lookups, write_request *ret, varve_error *err)
{
    size_t count = 0, bytes = 0, len;
    for (size_t i = 0; i < w->count; i++)
        count += lookups[i].exists && lookups[i].current.deleted;
    if (count == 0 || p->c->child_count == 0) return VARVE_OK;
    ret->keys = malloc(w->key_ends[w->count - 1]);
    ret->key_ends = malloc(count * sizeof *ret->key_ends);
    ret->repeats = w->repeats;
    if (!ret->keys || !ret->key_ends)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", count);
    for (size_t i = 0; i < w->count; i++) {
        if (!lookups[i].exists || !lookups[i].current.deleted) continue;
        const uint8_t *key = write_key(w, i, &len);
        memcpy(ret->keys + bytes, key, len);
        ret->key_ends[ret->count++] = bytes += len;
    }
    return VARVE_OK;
}

varve_status commit_rows(commit_part *p, store_batch *batch, write_request *w, varve_error *err)
{
    VV_CLEANUP(vv_freep) row_lookup *lookups = malloc(w->count * sizeof *lookups);
    VV_CLEANUP(write_request_done) write_request revived = {0};
    if (!lookups) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", w->count);
    VV_TRY(check_rows(p, w, lookups, err));
    VV_TRY(part_open_memtable(p, batch, w->dim, err));
    VV_TRY(find_revived(p, w, lookups, &revived, err));
    w->receipt = (varve_receipt){.first_id = w->receipt.first_id};
    p->spoiled = true; /* until all rows are staged */
    for (size_t i = 0; i < w->count; i++) {
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        /* an id that comes again in the same request meets the version staged a moment ago */
        if (w->repeats) VV_TRY(part_lookup(p, w, i, 1, true, &lookups[i], err));
        varve_text fields = write_fields(w, i);
        if (!fields.data) fields = lookups[i].exists ? lookups[i].fields : (varve_text){"{}", 2};
        VV_TRY(stage_version(p, batch, key, len, &lookups[i], w->vectors + i * w->row_bytes,
                             w->row_bytes, fields, err));
        w->receipt.rows_new += !lookups[i].exists;
        w->receipt.rows_changed += lookups[i].exists;
    }
    if (revived.count) VV_TRY(cascade_marks(p, batch, &revived, false, err));
    p->spoiled = false;
    return VARVE_OK;
}

/* ---- fields alone */

static varve_status changed_fields(const write_request *w, size_t i, varve_text old, buffer *out,
                                   varve_error *err)
{
    varve_text change = write_fields(w, i);
    if (!change.data) return vv_fail(err, VARVE_INVALID, "fields[%zu]: an object is expected", i);
    buffer_clear(out);
    switch (w->fields_mode) {
    case VARVE_FIELDS_SET: return buffer_add(out, change.data, change.len, err);
    case VARVE_FIELDS_MERGE: return fields_merge(old, change, out, err);
    case VARVE_FIELDS_REMOVE: return fields_without(old, change, out, err);
    }
    return vv_fail(err, VARVE_INVALID, "fields mode: unknown value %d", (int)w->fields_mode);
}

static varve_status check_fields(commit_part *p, write_request *w, row_lookup *lookups, buffer *all,
                                 size_t *ends, varve_error *err)
{
    const varve_options *o = &p->c->db->options;
    json_limits limits = {o->fields_bytes_max, o->fields_depth_max, o->fields_keys_max};
    VV_CLEANUP(buffer_done) buffer one;
    buffer_init(&one, SIZE_MAX, "fields");
    VV_TRY(part_lookup(p, w, 0, w->count, true, lookups, err));
    for (size_t i = 0; i < w->count; i++) {
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        varve_id id;
        char text[ID_TEXT_MAX];
        if (!lookups[i].exists || lookups[i].current.deleted) {
            if (!id_key_get(key, len, &id))
                return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
            return vv_fail(err, VARVE_NOT_FOUND, "external id %s does not exist",
                           id_text(id, text));
        }
        VV_TRY(changed_fields(w, i, lookups[i].fields, &one, err));
        VV_TRY(fields_check((varve_text){one.data, one.len}, &limits, i, all, err));
        const uint8_t *vector; /* read now, so that damage is met before anything is staged */
        uint64_t contiguous;
        VV_TRY(source_vectors(&p->sources[lookups[i].place.source], lookups[i].place.slot, 1,
                              &vector, &contiguous, err));
        ends[i] = all->len;
    }
    return VARVE_OK;
}

varve_status commit_fields(commit_part *p, store_batch *batch, write_request *w, varve_error *err)
{
    VV_CLEANUP(vv_freep) row_lookup *lookups = malloc(w->count * sizeof *lookups);
    VV_CLEANUP(vv_freep) size_t *ends = malloc(w->count * sizeof *ends);
    VV_CLEANUP(buffer_done) buffer all;
    buffer_init(&all, p->c->db->options.batch_bytes_max, "fields of the write (batch_bytes_max)");
    if (!lookups || !ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", w->count);
    VV_TRY(check_fields(p, w, lookups, &all, ends, err));
    VV_TRY(part_open_memtable(p, batch, p->field.dim, err));
    size_t row_bytes = varve_dtype_row_bytes(p->field.dtype, p->field.dim);
    p->spoiled = true; /* until all rows are staged */
    for (size_t i = 0; i < w->count; i++) {
        const uint8_t *vector;
        uint64_t contiguous;
        size_t len, from = i ? ends[i - 1] : 0;
        const uint8_t *key = write_key(w, i, &len);
        VV_TRY(source_vectors(&p->sources[lookups[i].place.source], lookups[i].place.slot, 1,
                              &vector, &contiguous, err));
        VV_TRY(stage_version(p, batch, key, len, &lookups[i], vector, row_bytes,
                             (varve_text){all.data + from, ends[i] - from}, err));
    }
    p->spoiled = false;
    w->receipt.rows_changed = w->count;
    return VARVE_OK;
}
