/* lynse_named_reads.c — /get_named_vectors: vectors of rows in a field, null where is none. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_search.h"

#include <inttypes.h>

static void vectors_freep(varve_field_vectors **v) { varve_field_vectors_free(*v); }

static varve_status out_sparse(buffer *out, const varve_field_vectors *v, size_t i,
                               varve_error *err)
{
    const uint32_t *indices = varve_field_vectors_indices(v, i);
    size_t count = varve_field_vectors_count(v, i);
    VV_TRY(buffer_add_text(out, "{\"indices\":[", err));
    for (size_t n = 0; n < count; n++)
        VV_TRY(buffer_printf(out, err, n ? ",%" PRIu32 : "%" PRIu32, indices[n]));
    VV_TRY(buffer_add_text(out, "],\"values\":", err));
    VV_TRY(json_out_floats(out, varve_field_vectors_values(v, i), count, err));
    return buffer_add(out, "}", 1, err);
}

static varve_status out_multi(buffer *out, const varve_field_vectors *v, size_t i, size_t dim,
                              varve_error *err)
{
    const float *values = varve_field_vectors_values(v, i);
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t n = 0; n < varve_field_vectors_count(v, i); n++) {
        if (n) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(json_out_floats(out, values + n * dim, dim, err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status out_vectors(buffer *out, const varve_field_vectors *v,
                                const varve_field_info *info, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_field_vectors_rows(v); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        if (varve_field_vectors_count(v, i) == 0)
            VV_TRY(buffer_add(out, "null", 4, err));
        else if (info->kind == VARVE_FIELD_SPARSE)
            VV_TRY(out_sparse(out, v, i, err));
        else if (info->kind == VARVE_FIELD_MULTI)
            VV_TRY(out_multi(out, v, i, info->dim, err));
        else
            VV_TRY(json_out_floats(out, varve_field_vectors_values(v, i), info->dim, err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status get_named(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_ids_done) lynse_ids ids = {0};
    VV_CLEANUP(vectors_freep) varve_field_vectors *vectors = NULL;
    buffer *out = &c->reply->body;
    varve_field_info info;
    const char *name;
    json_t *list;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(lynse_need_member(c, "ids", &list, err));
    VV_TRY(lynse_ids_read(list, "ids", &ids, err));
    VV_TRY(LYNSE_LIMIT(c, "ids", ids.count, max_batch_vectors, err));
    VV_TRY(lynse_field_find_named(c, name, &info, err));
    varve_status status =
        varve_field_read(c->collection, name, ids.items, ids.count, &vectors, err);
    VV_TRY(lynse_of_rows(c, status, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"field_name\":", err));
    VV_TRY(lynse_out_text(out, name, err));
    VV_TRY(buffer_add_text(out, ",\"ids\":", err));
    VV_TRY(lynse_out_ids(out, ids.items, ids.count, err));
    VV_TRY(buffer_add_text(out, ",\"vectors\":", err));
    VV_TRY(out_vectors(out, vectors, &info, err));
    return lynse_reply_end(c, err);
}

void lynse_get_named_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, get_named);
}
