/* lynse_named_vectors.c — vectors of rows in a named field: put in, read back, take out. They come
 * as "vectors", one per id; in a field of several per row as "multi_vectors", a list of them per
 * id; in a sparse field as objects of indices and values. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_legs.h"
#include "lynse_search.h"
#include "lynse_vectors.h"

#include <string.h>

#define VECTORS_BYTES_MAX ((size_t)1 << 30)

typedef struct vectors_in {
    lynse_legs set; /* memory of what is read */
    lynse_ids ids;
    varve_field_rows rows;
} vectors_in;

static void vectors_in_done(vectors_in *in)
{
    lynse_ids_done(&in->ids);
    lynse_legs_done(&in->set);
}

static varve_status read_ids(lynse_call *c, vectors_in *in, varve_error *err)
{
    json_t *list;
    lynse_legs_init(&in->set, c);
    in->set.memory.max_bytes = VECTORS_BYTES_MAX;
    VV_TRY(lynse_need_member(c, "ids", &list, err));
    VV_TRY(lynse_ids_read(list, "ids", &in->ids, err));
    VV_TRY(LYNSE_LIMIT(c, "ids", in->ids.count, max_batch_vectors, err));
    in->rows.ids = in->ids.items;
    in->rows.count = in->ids.count;
    return lynse_ids_check_once(in->ids.items, in->ids.count, err);
}

static varve_status check_count(const vectors_in *in, size_t vectors, varve_error *err)
{
    if (vectors == 0) return vv_fail(err, VARVE_INVALID, "No vectors provided");
    if (vectors == in->ids.count) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "ids length must match vectors length");
}

static varve_status read_dense(lynse_call *c, vectors_in *in, varve_error *err)
{
    lynse_matrix m;
    VV_TRY(lynse_matrix_read(&c->document, "vectors", true, &m, err));
    VV_TRY(check_count(in, m.rows, err));
    if (m.ragged)
        return vv_fail(err, VARVE_INVALID,
                       "all vectors in a batch must have the same dimension: vectors[%zu] has "
                       "not the %zu values of vectors[0]",
                       m.ragged_row, m.dim);
    in->rows.vectors = m.values;
    in->rows.dim = m.dim;
    return VARVE_OK;
}

/* The lengths of all lists, and one dimension for all vectors. */
static varve_status measure_multi(const json_t *list, size_t *counts, size_t *ret_total,
                                  size_t *ret_dim, varve_error *err)
{
    size_t total = 0, dim = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (!json_is_array(row))
            return vv_fail(err, VARVE_INVALID,
                           "Json deserialize error: multi_vectors[%zu] must be an array of "
                           "vectors",
                           i);
        counts[i] = json_array_size(row);
        for (size_t j = 0; j < counts[i]; j++) {
            size_t len = json_array_size(json_array_get(row, j));
            if (total + j == 0) dim = len;
            if (len == 0 || len != dim)
                return vv_fail(err, VARVE_INVALID,
                               "all vectors in a batch must have the same dimension: "
                               "multi_vectors[%zu][%zu] has not %zu values",
                               i, j, dim);
        }
        total += counts[i];
    }
    *ret_total = total;
    *ret_dim = dim;
    return VARVE_OK;
}

static varve_status read_multi(lynse_call *c, vectors_in *in, varve_error *err)
{
    json_t *list;
    size_t total, dim;
    void *counts, *values;
    VV_TRY(lynse_need_member(c, "multi_vectors", &list, err));
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: multi_vectors must be an array");
    VV_TRY(check_count(in, json_array_size(list), err));
    VV_TRY(arena_take(&in->set.memory, json_array_size(list), sizeof(size_t), &counts, err));
    VV_TRY(measure_multi(list, counts, &total, &dim, err));
    VV_TRY(arena_take(&in->set.memory, total, dim * sizeof(float), &values, err));
    float *at = values;
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t j = 0; j < ((size_t *)counts)[i]; j++, at += dim) {
            const float *one;
            size_t len;
            VV_TRY(lynse_legs_floats(&in->set, json_array_get(json_array_get(list, i), j),
                                     "multi_vectors", &one, &len, err));
            memcpy(at, one, len * sizeof *one);
        }
    }
    in->rows.vectors = values;
    in->rows.counts = counts;
    in->rows.dim = dim;
    return VARVE_OK;
}

static varve_status put_into(lynse_call *c, vectors_in *in, const char *name, bool replace,
                             varve_error *err)
{
    varve_status status = varve_field_put(c->collection, name, &in->rows, replace, NULL, NULL, err);
    return lynse_of_rows(c, status, err);
}

static varve_status reply_ids(lynse_call *c, const char *name, const lynse_ids *ids,
                              varve_error *err)
{
    buffer *out = &c->reply->body;
    VV_TRY(lynse_reply_begin(c, err));
    if (name) {
        VV_TRY(buffer_add_text(out, ",\"field_name\":", err));
        VV_TRY(lynse_out_text(out, name, err));
    }
    VV_TRY(buffer_add_text(out, ",\"ids\":", err));
    VV_TRY(lynse_out_ids(out, ids->items, ids->count, err));
    return lynse_reply_end(c, err);
}

static varve_status put_named(lynse_call *c, bool replace, varve_error *err)
{
    VV_CLEANUP(vectors_in_done) vectors_in in = {0};
    varve_field_info info;
    const char *name;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(read_ids(c, &in, err));
    VV_TRY(lynse_field_find_named(c, name, &info, err));
    if (info.kind == VARVE_FIELD_SPARSE)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: vector field '%s' is sparse: use /add_sparse_vectors",
                       name);
    if (info.kind == VARVE_FIELD_MULTI)
        VV_TRY(read_multi(c, &in, err));
    else
        VV_TRY(read_dense(c, &in, err));
    VV_TRY(put_into(c, &in, name, replace, err));
    return reply_ids(c, name, &in.ids, err);
}

static varve_status add_named(lynse_call *c, varve_error *err) { return put_named(c, false, err); }

void lynse_add_named_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, add_named);
}

static varve_status update_named(lynse_call *c, varve_error *err)
{
    return put_named(c, true, err);
}

void lynse_update_named_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, update_named);
}

static varve_status remove_named(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(vectors_in_done) vectors_in in = {0};
    varve_field_info info;
    const char *name;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(read_ids(c, &in, err));
    VV_TRY(lynse_field_find_named(c, name, &info, err));
    if (in.ids.count)
        VV_TRY(lynse_of_rows(
            c, varve_field_remove(c->collection, name, in.ids.items, in.ids.count, NULL, NULL, err),
            err));
    return reply_ids(c, name, &in.ids, err);
}

void lynse_delete_named_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, remove_named);
}

/* ---- sparse ---- */

/* Pairs of all rows back to back, first counted, then copied. */
static varve_status read_sparse(lynse_call *c, vectors_in *in, varve_error *err)
{
    size_t count, total = 0;
    void *legs, *nonzero, *indices, *values;
    json_t *list;
    VV_TRY(lynse_need_member(c, "vectors", &list, err));
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: vectors must be an array");
    count = json_array_size(list);
    VV_TRY(check_count(in, count, err));
    VV_TRY(arena_take(&in->set.memory, count, sizeof(varve_leg), &legs, err));
    VV_TRY(arena_take(&in->set.memory, count, sizeof(size_t), &nonzero, err));
    for (size_t i = 0; i < count; i++) {
        varve_leg *leg = (varve_leg *)legs + i;
        varve_status status = lynse_leg_sparse(&in->set, json_array_get(list, i), leg, err);
        if (status != VARVE_OK) vv_error_prefix(err, "vectors[%zu]", i);
        VV_TRY(status);
        ((size_t *)nonzero)[i] = leg->nonzero;
        total += leg->nonzero;
    }
    VV_TRY(arena_take(&in->set.memory, total, sizeof(uint32_t), &indices, err));
    VV_TRY(arena_take(&in->set.memory, total, sizeof(float), &values, err));
    in->rows.indices = indices;
    in->rows.values = values;
    in->rows.nonzero = nonzero;
    for (size_t i = 0, at = 0; i < count; at += ((size_t *)nonzero)[i++]) {
        const varve_leg *leg = (varve_leg *)legs + i;
        if (!leg->nonzero) continue;
        memcpy((uint32_t *)indices + at, leg->indices, leg->nonzero * sizeof *leg->indices);
        memcpy((float *)values + at, leg->values, leg->nonzero * sizeof *leg->values);
    }
    return VARVE_OK;
}

/* The field of that name is made when the first vectors come. */
static varve_status need_sparse_field(lynse_call *c, const char *name, varve_error *err)
{
    varve_field_info info;
    bool found;
    VV_TRY(lynse_field_look(c, name, &found, &info, err));
    if (found && info.kind != VARVE_FIELD_SPARSE)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' is not sparse",
                       name);
    if (found) return VARVE_OK;
    const varve_field_spec spec = {.kind = VARVE_FIELD_SPARSE, .metric = VARVE_METRIC_IP};
    return lynse_of_rows(c, varve_field_create(c->collection, name, &spec, err), err);
}

static varve_status add_sparse(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(vectors_in_done) vectors_in in = {0};
    const char *name;
    VV_TRY(lynse_text(c, "field_name", &name, err));
    VV_TRY(read_ids(c, &in, err));
    VV_TRY(read_sparse(c, &in, err));
    VV_TRY(need_sparse_field(c, name ? name : LYNSE_SPARSE_FIELD, err));
    VV_TRY(put_into(c, &in, name ? name : LYNSE_SPARSE_FIELD, true, err));
    return reply_ids(c, NULL, &in.ids, err);
}

void lynse_add_sparse_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_plain(g, request, reply, add_sparse);
}
