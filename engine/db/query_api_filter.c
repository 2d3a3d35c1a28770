/* query_api_filter.c — filters of the public face: the parsers and the evaluator by row. */
#include "base/bytes.h"
#include "base/json.h"
#include "filter/filter_json.h"
#include "filter/filter_row.h"
#include "filter/filter_where.h"
#include "record/id.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_BYTES_MAX ((uint64_t)1 << 20)

varve_status varve_filter_where(varve_text where, const varve_parameter *parameters,
                                size_t parameter_count, varve_filter **ret_filter, varve_error *err)
{
    if (parameter_count > FILTER_PARAMETERS_MAX)
        return vv_fail(err, VARVE_LIMIT, "parameters %zu exceeds the limit of %d", parameter_count,
                       FILTER_PARAMETERS_MAX);
    VV_CLEANUP(vv_freep)
    filter_parameter *list = calloc(parameter_count + 1, sizeof *list);
    if (!list) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    for (size_t i = 0; i < parameter_count; i++)
        list[i] = (filter_parameter){parameters[i].name, parameters[i].json};
    return filter_parse_where(where, list, parameter_count, ret_filter, err);
}

/* The parser wants JSON_TEXT_PADDING bytes behind the text. */
static varve_status parse(varve_text text, json_document *ret, varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    if (text.len > FILTER_TEXT_MAX)
        return vv_fail(err, VARVE_LIMIT, "a filter of %zu bytes exceeds the limit of %zu", text.len,
                       FILTER_TEXT_MAX);
    VV_CLEANUP(vv_freep) char *copy = calloc(1, text.len + JSON_TEXT_PADDING);
    if (!copy) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    if (text.len > 0) memcpy(copy, text.data, text.len);
    return json_parse(copy, text.len, no_keys, 0, ret, err);
}

varve_status varve_filter_json(varve_text json, varve_filter **ret_filter, varve_error *err)
{
    json_document document = {0};
    VV_TRY(parse(json, &document, err));
    varve_status status = filter_parse_json(document.root, ret_filter, err);
    json_document_done(&document);
    return status;
}

varve_status varve_filter_govector(varve_text json, varve_filter **ret_filter, varve_error *err)
{
    json_document document = {0};
    VV_TRY(parse(json, &document, err));
    varve_status status = filter_parse_govector(document.root, ret_filter, err);
    json_document_done(&document);
    return status;
}

void varve_filter_free(varve_filter *filter) { filter_free(filter); }

varve_status varve_filter_text(const varve_filter *filter, char *ret_text, size_t size,
                               varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text;
    buffer_init(&text, FILTER_BYTES_MAX, "filter as text");
    VV_TRY(filter_print(filter, &text, err));
    if (size > 0) snprintf(ret_text, size, "%.*s", (int)VV_MIN(text.len, size), text.data);
    return VARVE_OK;
}

varve_status varve_filter_matches(const varve_filter *filter, varve_id id, varve_text fields,
                                  bool *ret_matches, varve_error *err)
{
    const json_limits limits = {FILTER_BYTES_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX};
    filter_row row = {.id = id};
    truth answer;
    VV_CLEANUP(buffer_done) buffer minified;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&minified, FILTER_BYTES_MAX, "fields");
    buffer_init(&scratch, FILTER_BYTES_MAX, "text of a field");
    VV_TRY(id_check(id, ID_BYTES_MAX, err));
    if (fields.data)
        VV_TRY(json_minify_object(fields.data, fields.len, &limits, &minified, err));
    else
        VV_TRY(buffer_add_text(&minified, "{}", err));
    row.fields = (varve_text){minified.data, minified.len};
    VV_TRY(filter_row_truth(filter, &row, &scratch, &answer, err));
    *ret_matches = answer == TRUTH_TRUE;
    return VARVE_OK;
}
