/* lynse_records.c — rows in by JSON: add, upsert, delete, restore. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_fields.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_vectors.h"

#include "base/bytes.h"

#include <inttypes.h>

typedef struct rows_in {
    lynse_ids ids;
    lynse_matrix vectors;
    lynse_fields fields;
} rows_in;

static void rows_in_done(rows_in *in)
{
    lynse_ids_done(&in->ids);
    lynse_fields_done(&in->fields);
}

/* The checks of /add and /upsert, in the order in which LynseDB makes them. */
static varve_status check_shape(lynse_call *c, const rows_in *in, varve_error *err)
{
    const lynse_matrix *v = &in->vectors;
    size_t bytes;
    if (in->ids.count == 0) return vv_fail(err, VARVE_INVALID, "ids cannot be empty");
    if (v->rows == 0) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    if (in->ids.count != v->rows)
        return vv_fail(err, VARVE_INVALID, "ids length must match vectors length");
    if (v->dim == 0) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    VV_TRY(LYNSE_LIMIT(c, "vectors", v->rows, max_batch_vectors, err));
    if (!size_mul(v->rows, v->dim * sizeof(float), &bytes)) bytes = SIZE_MAX;
    VV_TRY(LYNSE_LIMIT(c, "vector bytes", bytes, max_collection_vector_bytes, err));
    if (v->ragged)
        return vv_fail(err, VARVE_INVALID,
                       "all vectors in a batch must have the same dimension: vectors[%zu] has "
                       "not the %zu values of vectors[0]",
                       v->ragged_row, v->dim);
    return VARVE_OK;
}

static varve_status read_fields(lynse_call *c, rows_in *in, varve_error *err)
{
    const json_t *list = lynse_member(c, "fields");
    if (!list) return VARVE_OK;
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: fields must be an array of objects");
    if (json_array_size(list) != in->vectors.rows)
        return vv_fail(err, VARVE_INVALID, "fields length must match vectors length");
    for (size_t i = 0; i < json_array_size(list); i++)
        VV_TRY(lynse_fields_add(&in->fields, json_array_get(list, i), err));
    return VARVE_OK;
}

static varve_status read_rows(lynse_call *c, rows_in *in, varve_error *err)
{
    json_t *ids;
    VV_TRY(lynse_need_member(c, "ids", &ids, err));
    VV_TRY(lynse_ids_read(ids, "ids", &in->ids, err));
    VV_TRY(lynse_matrix_read(&c->document, "vectors", true, &in->vectors, err));
    VV_TRY(check_shape(c, in, err));
    lynse_fields_init(&in->fields, gateway_limits(c->gateway)->batch_bytes_max);
    return read_fields(c, in, err);
}

typedef varve_status write_rows(varve_collection *, const varve_rows *, const varve_write_options *,
                                varve_receipt *, varve_error *);

/* Of several rows with one id, the engine's upsert would take the last; the dialect refuses them.
 */
static varve_status write(lynse_call *c, write_rows *how, varve_error *err)
{
    VV_CLEANUP(rows_in_done) rows_in in = {0};
    VV_TRY(read_rows(c, &in, err));
    if (how == varve_upsert) VV_TRY(lynse_ids_check_once(in.ids.items, in.ids.count, err));
    varve_rows rows = {.count = in.ids.count,
                       .dim = in.vectors.dim,
                       .ids = in.ids.items,
                       .vectors = in.vectors.values,
                       .fields = lynse_fields_texts(&in.fields)};
    VV_TRY(lynse_of_rows(c, how(c->collection, &rows, NULL, NULL, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"ids\":", err));
    VV_TRY(lynse_out_ids(&c->reply->body, in.ids.items, in.ids.count, err));
    return lynse_reply_end(c, err);
}

static varve_status add(lynse_call *c, varve_error *err) { return write(c, varve_insert, err); }

void lynse_add(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, add);
}

static varve_status upsert(lynse_call *c, varve_error *err) { return write(c, varve_upsert, err); }

void lynse_upsert(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, upsert);
}

typedef varve_status mark_rows(varve_collection *, const varve_id *, size_t,
                               const varve_write_options *, varve_receipt *, varve_error *);

static varve_status mark(lynse_call *c, mark_rows *how, varve_error *err)
{
    VV_CLEANUP(lynse_ids_done) lynse_ids ids = {0};
    json_t *list;
    VV_TRY(lynse_need_member(c, "ids", &list, err));
    VV_TRY(lynse_ids_read(list, "ids", &ids, err));
    VV_TRY(LYNSE_LIMIT(c, "ids", ids.count, max_batch_vectors, err));
    if (ids.count)
        VV_TRY(lynse_of_rows(c, how(c->collection, ids.items, ids.count, NULL, NULL, err), err));
    return lynse_reply_with(c, err, ",\"status\":\"ok\"");
}

/* By a filter: the rows that match now, and how many they were. */
static varve_status delete_matching(lynse_call *c, const varve_filter *filter, varve_error *err)
{
    varve_receipt receipt = {0};
    if (lynse_member(c, "ids"))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: give ids or a filter, not both");
    varve_status status = varve_delete_matching(c->collection, filter, NULL, &receipt, err);
    VV_TRY(lynse_of_rows(c, status, err));
    return lynse_reply_with(c, err, ",\"status\":\"ok\",\"rows_deleted\":%" PRIu64,
                            receipt.rows_changed);
}

static varve_status delete_rows(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_filter_freep) varve_filter *filter = NULL;
    VV_TRY(lynse_filter_of_body(c, &filter, err));
    return filter ? delete_matching(c, filter, err) : mark(c, varve_delete, err);
}

void lynse_delete(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, delete_rows);
}

static varve_status restore_rows(lynse_call *c, varve_error *err)
{
    return mark(c, varve_restore, err);
}

void lynse_restore(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, restore_rows);
}
