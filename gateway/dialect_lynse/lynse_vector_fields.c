/* lynse_vector_fields.c — fields of vectors beside the primary one: create, list, drop, their
 * indexes. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_dtype.h"
#include "lynse_fields.h"
#include "lynse_handlers.h"
#include "lynse_index.h"
#include "lynse_metric.h"
#include "lynse_search.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const kind_names[] = {"dense", "sparse", "multi"};

static varve_status read_kind(lynse_call *c, varve_field_kind *ret, varve_error *err)
{
    const char *text;
    VV_TRY(lynse_text(c, "kind", &text, err));
    for (size_t i = 0; i < VV_COUNT(kind_names); i++) {
        if (text && strcmp(text, kind_names[i]) != 0) continue;
        *ret = (varve_field_kind)i;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID, "Invalid argument: kind is dense, sparse or multi");
}

static varve_status read_dtype(lynse_call *c, varve_dtype *ret, varve_error *err)
{
    varve_collection_stats stats;
    const char *text;
    VV_TRY(lynse_text(c, "dtypes", &text, err));
    if (text) {
        if (lynse_dtype_read(text, ret)) return VARVE_OK;
        return vv_fail(err, VARVE_INVALID, "Invalid argument: unsupported vector dtype '%s'", text);
    }
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    *ret = stats.dtype;
    return VARVE_OK;
}

static varve_status read_metric(lynse_call *c, varve_metric *ret, varve_error *err)
{
    const char *text;
    VV_TRY(lynse_text(c, "metric", &text, err));
    if (lynse_metric_read(text ? text : "ip", ret)) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: unsupported metric '%s'", text);
}

static varve_status read_spec(lynse_call *c, varve_field_spec *ret, varve_error *err)
{
    varve_field_spec spec = {.metric = VARVE_METRIC_IP};
    uint64_t dim = 0;
    json_t *given;
    VV_TRY(read_kind(c, &spec.kind, err));
    if (spec.kind != VARVE_FIELD_SPARSE) {
        VV_TRY(lynse_need_member(c, "dim", &given, err));
        VV_TRY(lynse_uint(c, "dim", 0, &dim, err));
        VV_TRY(LYNSE_LIMIT(c, "dim", dim, dim_max, err));
        if (dim == 0)
            return vv_fail(err, VARVE_INVALID, "Invalid argument: dim must be greater than 0");
        VV_TRY(read_dtype(c, &spec.dtype, err));
        VV_TRY(read_metric(c, &spec.metric, err));
        VV_TRY(lynse_text(c, "index_mode", &spec.index_mode, err));
    }
    spec.dim = dim;
    *ret = spec;
    return VARVE_OK;
}

/* As LynseDB shows it: the primary field's as it was typed, those of others in capitals. */
static varve_status out_index_mode(buffer *out, const varve_field_info *info, bool primary,
                                   varve_error *err)
{
    char mode[sizeof info->index_mode];
    memcpy(mode, info->index_mode, sizeof mode);
    if (!mode[0]) return lynse_out_text(out, lynse_metric_flat(info->metric), err);
    for (char *p = mode; *p && !primary; p++)
        *p = (char)toupper((unsigned char)*p);
    return lynse_out_text(out, mode, err);
}

/* Dense fields have the members of LynseDB alone, unless details are asked for. */
static varve_status out_field(buffer *out, const varve_field_info *info, bool details,
                              varve_error *err)
{
    bool primary = strcmp(info->name, "default") == 0;
    VV_TRY(buffer_add_text(out, "{\"name\":", err));
    VV_TRY(lynse_out_text(out, info->name, err));
    VV_TRY(buffer_printf(out, err, ",\"dimension\":%zu,\"metric\":\"%s\",\"index_mode\":",
                         info->dim, varve_metric_name(info->metric)));
    VV_TRY(out_index_mode(out, info, primary, err));
    VV_TRY(buffer_printf(out, err, ",\"dtypes\":\"%s\"", varve_dtype_name(info->dtype)));
    if (details || info->kind != VARVE_FIELD_DENSE)
        VV_TRY(buffer_printf(out, err, ",\"kind\":\"%s\",\"rows\":%" PRIu64, kind_names[info->kind],
                             info->rows));
    return buffer_add(out, "}", 1, err);
}

static varve_status create_vector_field(lynse_call *c, varve_error *err)
{
    varve_field_spec spec;
    varve_field_info info;
    const char *name;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(read_spec(c, &spec, err));
    VV_TRY(lynse_of_rows(c, varve_field_create(c->collection, name, &spec, err), err));
    VV_TRY(lynse_field_find(c, name, &info, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"field\":", err));
    VV_TRY(out_field(&c->reply->body, &info, false, err));
    return lynse_reply_end(c, err);
}

void lynse_create_vector_field(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, create_vector_field);
}

static varve_status list_vector_fields(lynse_call *c, varve_error *err)
{
    buffer *out = &c->reply->body;
    varve_field_info info;
    bool details;
    VV_TRY(lynse_bool(c, "details", &details, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"fields\":[", err));
    for (size_t i = 0;; i++) {
        varve_status status = varve_field_get(c->collection, i, &info, err);
        if (status == VARVE_NOT_FOUND) break;
        VV_TRY(lynse_of_engine(status, err));
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(out_field(out, &info, details, err));
    }
    VV_TRY(buffer_add(out, "]", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_list_vector_fields(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, list_vector_fields);
}

static varve_status reply_field(lynse_call *c, const char *name, varve_error *err)
{
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"field_name\":", err));
    return lynse_out_text(&c->reply->body, name, err);
}

static varve_status drop_vector_field(lynse_call *c, varve_error *err)
{
    varve_field_info info;
    const char *name;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(lynse_field_find_named(c, name, &info, err));
    VV_TRY(lynse_of_rows(c, varve_field_drop(c->collection, name, err), err));
    VV_TRY(reply_field(c, name, err));
    return lynse_reply_end(c, err);
}

void lynse_drop_vector_field(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, drop_vector_field);
}

/* mode NULL: flat of the metric that the field has; of the primary vector FLAT-IP, as /build_index
 * has it. *ret_mode: as it is to be shown; borrowed from mode, or from info. */
static varve_status build_index(lynse_call *c, const char *name, const char *mode,
                                varve_field_info *info, const char **ret_mode, varve_error *err)
{
    varve_index_params params = {0};
    bool wait;
    VV_TRY(lynse_field_find(c, name, info, err));
    VV_TRY(lynse_bool_or(c, "wait", true, &wait, err));
    VV_TRY(lynse_index_params_read(c, &params, err));
    c->asks_compactor = true;
    if (!mode && lynse_field_is_primary(name)) mode = "FLAT-IP";
    *ret_mode = mode ? mode : info->index_mode;
    if (lynse_field_is_primary(name))
        return lynse_of_engine(varve_index_build(c->collection, mode, &params, !wait, err), err);
    varve_status status = varve_field_index_build(c->collection, name, mode, &params, !wait, err);
    VV_TRY(lynse_of_rows(c, status, err));
    return mode ? VARVE_OK : lynse_field_find(c, name, info, err);
}

static varve_status build_vector_field_index(lynse_call *c, varve_error *err)
{
    varve_field_info info;
    const char *name, *mode;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(lynse_text(c, "index_mode", &mode, err));
    VV_TRY(build_index(c, name, mode, &info, &mode, err));
    VV_TRY(reply_field(c, name, err));
    return lynse_index_reply_end(c, mode, err);
}

void lynse_build_vector_field_index(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, build_vector_field_index);
}

static varve_status remove_vector_field_index(lynse_call *c, varve_error *err)
{
    varve_field_info info;
    varve_status status;
    const char *name;
    VV_TRY(lynse_need_text(c, "field_name", &name, err));
    VV_TRY(lynse_field_find(c, name, &info, err));
    status = lynse_field_is_primary(name)
                 ? varve_index_mode_set(c->collection, NULL, err)
                 : varve_field_index_set(c->collection, name, NULL, NULL, err);
    VV_TRY(lynse_of_rows(c, status, err));
    VV_TRY(reply_field(c, name, err));
    return lynse_reply_end(c, err);
}

void lynse_remove_vector_field_index(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, remove_vector_field_index);
}
