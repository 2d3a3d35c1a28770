/* lynse_filter.c — the filter of a request, in either grammar. */
#include "lynse_filter.h"

#include "lynse_fields.h"

#include <stdlib.h>
#include <string.h>

#define FILTER_BYTES_MAX ((size_t)16 << 20)

void lynse_filter_freep(varve_filter **filter) { varve_filter_free(*filter); }

static varve_text text_of(const char *text) { return (varve_text){text, strlen(text)}; }

/* Named from an object, in turn from an array. Values go one after the other into `text`, which may
 * move while it grows: they are pointed at afterwards. */
static varve_status read_parameters(const json_t *given, buffer *text, varve_parameter **ret,
                                    size_t *ret_count, varve_error *err)
{
    size_t count = json_is_object(given) ? json_object_size(given) : json_array_size(given), i = 0;
    const char *name;
    json_t *value;
    if (given && !json_is_object(given) && !json_is_array(given))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: where_params must be an object or an array");
    VV_CLEANUP(vv_freep) varve_parameter *all = calloc(count ? count : 1, sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for where_params");
    json_object_foreach((json_t *)given, name, value)
    {
        size_t start = text->len;
        all[i].name = text_of(name);
        VV_TRY(lynse_out_value(text, value, err));
        all[i++].json.len = text->len - start;
    }
    for (size_t n = json_array_size(given); i < n; i++) {
        size_t start = text->len;
        VV_TRY(lynse_out_value(text, json_array_get(given, i), err));
        all[i].json.len = text->len - start;
    }
    size_t at = 0;
    for (i = 0; i < count; at += all[i++].json.len)
        all[i].json.data = text->data + at;
    *ret = all;
    *ret_count = count;
    all = NULL;
    return VARVE_OK;
}

static varve_status parse_where(const char *where, const json_t *params, varve_filter **ret,
                                varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text;
    VV_CLEANUP(vv_freep) varve_parameter *all = NULL;
    size_t count = 0;
    buffer_init(&text, FILTER_BYTES_MAX, "where_params");
    VV_TRY(read_parameters(params, &text, &all, &count, err));
    return lynse_of_engine(varve_filter_where(text_of(where), all, count, ret, err), err);
}

static varve_status parse_json(const json_t *filter, varve_filter **ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text;
    buffer_init(&text, FILTER_BYTES_MAX, "filter");
    if (!json_is_object(filter))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: filter must be an object");
    VV_TRY(lynse_out_value(&text, filter, err));
    varve_status status = varve_filter_json((varve_text){text.data, text.len}, ret, err);
    return lynse_of_engine(status, err);
}

static const json_t *given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

varve_status lynse_filter_of_object(const json_t *object, varve_filter **ret, varve_error *err)
{
    const json_t *where = given(object, "where"), *params = given(object, "where_params"),
                 *filter = given(object, "filter");
    *ret = NULL;
    if (where && filter)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: give where or filter, not both");
    if (params && !where)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: where_params needs where");
    if (where && !json_is_string(where))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: where must be a string");
    if (where) return parse_where(json_string_value(where), params, ret, err);
    return filter ? parse_json(filter, ret, err) : VARVE_OK;
}

varve_status lynse_filter_of_body(const lynse_call *c, varve_filter **ret, varve_error *err)
{
    return lynse_filter_of_object(c->document.root, ret, err);
}

/* A JSON text of the query string; all zero when it is absent or empty. */
static varve_status parse_argument(const lynse_call *c, const char *key, json_document *ret,
                                   varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    const char *text = http_query(c->request, key);
    *ret = (json_document){0};
    if (!text || !*text) return VARVE_OK;
    VV_CLEANUP(buffer_done) buffer padded;
    buffer_init(&padded, FILTER_BYTES_MAX, key);
    VV_TRY(buffer_add(&padded, text, strlen(text), err));
    VV_TRY(buffer_add(&padded, (char[JSON_TEXT_PADDING]){0}, JSON_TEXT_PADDING, err));
    varve_status status = json_parse(padded.data, strlen(text), no_keys, 0, ret, err);
    if (status == VARVE_INVALID) vv_error_prefix(err, "Query deserialize error: %s", key);
    return status;
}

varve_status lynse_filter_of_query(const lynse_call *c, varve_filter **ret, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document params = {0}, filter = {0};
    const char *where = http_query(c->request, "where");
    *ret = NULL;
    VV_TRY(parse_argument(c, "where_params", &params, err));
    VV_TRY(parse_argument(c, "filter", &filter, err));
    if (where && filter.root)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: give where or filter, not both");
    if (params.root && !where)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: where_params needs where");
    if (where) return parse_where(where, params.root, ret, err);
    return filter.root ? parse_json(filter.root, ret, err) : VARVE_OK;
}
