/* write_prepare.c — everything about a write that needs no lock: checks against limits, ids to
 * keys, vectors to their stored type, fields minified, repeated ids found. */
#include "base/bytes.h"
#include "base/hash.h"
#include "db/write.h"
#include "record/fields.h"
#include "record/vector.h"

#include <stdlib.h>

static varve_status init_request(varve_collection *c, write_kind kind, size_t count,
                                 const varve_write_options *options, write_request *w,
                                 varve_error *err)
{
    const varve_options *limits = &c->db->options;
    memset(w, 0, sizeof *w);
    w->collection = c;
    w->kind = kind;
    w->count = count;
    w->relaxed = options && options->durability == VARVE_DURABILITY_RELAXED;
    buffer_init(&w->fields, limits->batch_bytes_max, "fields of the write (batch_bytes_max)");
    if (options && options->durability == VARVE_DURABILITY_REMOTE)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "durability: remote needs a backup to be configured");
    if (options && (unsigned)options->durability > VARVE_DURABILITY_REMOTE)
        return vv_fail(err, VARVE_INVALID, "durability: unknown value %d",
                       (int)options->durability);
    if (limits->max_batch_vectors && count > limits->max_batch_vectors)
        return vv_fail(err, VARVE_LIMIT, "ids %zu exceeds max_batch_vectors %llu", count,
                       (unsigned long long)limits->max_batch_vectors);
    return VARVE_OK;
}

static varve_status allocate_keys(write_request *w, size_t key_bytes, varve_error *err)
{
    w->keys = malloc(key_bytes ? key_bytes : 1);
    w->key_ends = malloc((w->count ? w->count : 1) * sizeof *w->key_ends);
    if (!w->keys || !w->key_ends)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", w->count);
    return VARVE_OK;
}

static varve_status keys_from_ids(write_request *w, const varve_id *ids, varve_error *err)
{
    uint64_t bytes_max = w->collection->db->options.id_bytes_max;
    size_t total = 0;
    for (size_t i = 0; i < w->count; i++) {
        VV_TRY(id_check(ids[i], bytes_max, err));
        total += id_key_size(ids[i]);
    }
    VV_TRY(allocate_keys(w, total, err));
    size_t at = 0;
    for (size_t i = 0; i < w->count; i++) {
        id_key_put(ids[i], w->keys + at);
        w->key_ends[i] = at += id_key_size(ids[i]);
    }
    return VARVE_OK;
}

static varve_status keys_from_first(write_request *w, uint64_t first, varve_error *err)
{
    if (w->count && first > UINT64_MAX - (w->count - 1))
        return vv_fail(err, VARVE_INVALID, "ids from %llu on do not fit 64 bits",
                       (unsigned long long)first);
    VV_TRY(allocate_keys(w, w->count * ID_KEY_NUM_BYTES, err));
    for (size_t i = 0; i < w->count; i++) {
        varve_id id = {.kind = VARVE_ID_NUM, .num = first + i};
        id_key_put(id, w->keys + i * ID_KEY_NUM_BYTES);
        w->key_ends[i] = (i + 1) * ID_KEY_NUM_BYTES;
    }
    return VARVE_OK;
}

/* An open table of row numbers + 1, by hash of the key. On a repeat: refused, or remembered where
 * the last one wins. */
varve_status write_find_repeats(write_request *w, bool refuse, varve_error *err)
{
    if (w->count < 2) return VARVE_OK;
    size_t capacity = 4;
    while (capacity < 2 * w->count)
        capacity *= 2;
    VV_CLEANUP(vv_freep) uint32_t *table = calloc(capacity, sizeof *table);
    if (!table) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", w->count);
    for (size_t i = 0; i < w->count; i++) {
        size_t len, other_len;
        const uint8_t *key = write_key(w, i, &len);
        size_t at = hash_bytes(key, len) & (capacity - 1);
        for (; table[at]; at = (at + 1) & (capacity - 1)) {
            const uint8_t *other = write_key(w, table[at] - 1, &other_len);
            if (other_len != len || memcmp(other, key, len) != 0) continue;
            varve_id id;
            char text[ID_TEXT_MAX];
            if (refuse && id_key_get(key, len, &id))
                return vv_fail(err, VARVE_INVALID,
                               "duplicate external id %s within the same insert batch",
                               id_text(id, text));
            w->repeats = true;
            break;
        }
        if (!table[at]) table[at] = (uint32_t)(i + 1);
    }
    return VARVE_OK;
}

varve_status write_take_fields(write_request *w, const varve_text *fields, varve_error *err)
{
    if (!fields) return VARVE_OK;
    const varve_options *o = &w->collection->db->options;
    json_limits limits = {o->fields_bytes_max, o->fields_depth_max, o->fields_keys_max};
    w->field_ends = malloc((w->count ? w->count : 1) * sizeof *w->field_ends);
    if (!w->field_ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for fields");
    for (size_t i = 0; i < w->count; i++) {
        if (fields[i].data) VV_TRY(fields_check(fields[i], &limits, i, &w->fields, err));
        w->field_ends[i] = w->fields.len;
    }
    return VARVE_OK;
}

varve_status write_take_vectors(write_request *w, varve_collection *of, const void *vectors,
                                varve_dtype type, size_t dim, size_t count, varve_error *err)
{
    const varve_options *limits = &of->db->options;
    vector_field f = collection_field(of);
    if (dim == 0) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    if (dim > limits->dim_max)
        return vv_fail(err, VARVE_LIMIT, "dim %zu exceeds dim_max %llu", dim,
                       (unsigned long long)limits->dim_max);
    if (f.dim && f.dim != dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", f.dim, dim);
    if ((unsigned)type >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "vectors_type: unknown value %d", (int)type);
    w->dim = dim;
    w->row_bytes = varve_dtype_row_bytes(f.dtype, dim);
    size_t total;
    if (!size_mul(w->row_bytes, count, &total) || total > limits->batch_bytes_max)
        return vv_fail(err, VARVE_LIMIT,
                       "vectors: %zu rows of %zu bytes exceed batch_bytes_max %llu", count,
                       w->row_bytes, (unsigned long long)limits->batch_bytes_max);
    w->vectors = malloc(total ? total : 1);
    if (!w->vectors) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", count);
    return vector_convert(type, vectors, f.dtype, w->vectors, count, dim, 0, err);
}

varve_status write_prepare_rows(varve_collection *c, write_kind kind, const varve_rows *rows,
                                const varve_write_options *options, write_request *ret,
                                varve_error *err)
{
    VV_TRY(init_request(c, kind, rows->count, options, ret, err));
    if (rows->count == 0) return VARVE_OK;
    if (!rows->vectors) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    if (rows->ids) {
        VV_TRY(keys_from_ids(ret, rows->ids, err));
        VV_TRY(write_find_repeats(ret, kind == WRITE_INSERT, err));
    } else if (rows->ids_from_first) {
        VV_TRY(keys_from_first(ret, rows->first_id, err));
    } else {
        ret->automatic_ids = true;
        VV_TRY(keys_from_first(ret, 0, err));
    }
    VV_TRY(
        write_take_vectors(ret, c, rows->vectors, rows->vectors_type, rows->dim, rows->count, err));
    return write_take_fields(ret, rows->fields, err);
}

varve_status write_prepare_ids(varve_collection *c, write_kind kind, const varve_id *ids,
                               size_t count, const varve_write_options *options, write_request *ret,
                               varve_error *err)
{
    VV_TRY(init_request(c, kind, count, options, ret, err));
    if (count == 0) return VARVE_OK;
    if (!ids) return vv_fail(err, VARVE_INVALID, "ids cannot be empty");
    VV_TRY(keys_from_ids(ret, ids, err));
    return write_find_repeats(ret, kind == WRITE_FIELDS || kind == WRITE_FIELD_PUT, err);
}

void write_request_done(write_request *w)
{
    free(w->keys);
    free(w->key_ends);
    free(w->vectors);
    free(w->field_ends);
    free(w->vector_ends);
    varve_collection_release(w->child);
    buffer_done(&w->fields);
}
