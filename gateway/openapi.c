/* openapi.c — one operation per route. Bodies are described by their media type only: the shapes of
 * JSON bodies belong to the dialects. */
#include "openapi.h"

#include "routes.h"

#include <ctype.h>
#include <string.h>

static const char *media_type(route_limit limit)
{
    switch (limit) {
    case LIMIT_JSON: return "application/json";
    case LIMIT_RAW: return "application/octet-stream";
    case LIMIT_STREAM: return "application/x-ndjson";
    case LIMIT_NONE: break;
    }
    return NULL;
}

/* Everything before the first underscore of a handler's name. */
static varve_status write_tag(buffer *out, const route *r, varve_error *err)
{
    VV_TRY(buffer_add_text(out, ",\"tags\":[", err));
    VV_TRY(json_out_string(out, r->name, strcspn(r->name, "_"), err));
    return buffer_add_text(out, "]", err);
}

static varve_status write_params(buffer *out, const route *r, varve_error *err)
{
    const char *at = strchr(r->path, '{');
    const char *comma = "";
    if (!at) return VARVE_OK;
    VV_TRY(buffer_add_text(out, ",\"parameters\":[", err));
    for (; at; at = strchr(at + 1, '{'), comma = ",") {
        VV_TRY(buffer_printf(out, err, "%s{\"name\":", comma));
        VV_TRY(json_out_string(out, at + 1, strcspn(at + 1, "}"), err));
        VV_TRY(buffer_add_text(
            out, ",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}", err));
    }
    return buffer_add_text(out, "]", err);
}

static varve_status write_body(buffer *out, const route *r, varve_error *err)
{
    const char *type = media_type(r->limit);
    const char *schema = r->limit == LIMIT_JSON
                             ? "{\"type\":\"object\",\"additionalProperties\":true}"
                             : "{\"type\":\"string\",\"format\":\"binary\"}";
    if (!type) return VARVE_OK;
    return buffer_printf(
        out, err, ",\"requestBody\":{\"required\":true,\"content\":{\"%s\":{\"schema\":%s}}}", type,
        schema);
}

static varve_status write_responses(buffer *out, const route *r, varve_error *err)
{
    VV_TRY(buffer_add_text(out, ",\"responses\":{\"200\":{\"description\":\"Success\"}", err));
    if (r->limit != LIMIT_NONE || strchr(r->path, '{'))
        VV_TRY(buffer_add_text(out,
                               ",\"400\":{\"$ref\":\"#/components/responses/Invalid\"}"
                               ",\"404\":{\"$ref\":\"#/components/responses/NotFound\"}",
                               err));
    if (r->limit != LIMIT_NONE)
        VV_TRY(buffer_add_text(out, ",\"413\":{\"description\":\"Body over the limit\"}", err));
    if (r->scope != SCOPE_OPEN)
        VV_TRY(buffer_add_text(out, ",\"401\":{\"$ref\":\"#/components/responses/Unauthorized\"}",
                               err));
    return buffer_add_text(out, ",\"500\":{\"$ref\":\"#/components/responses/Internal\"}}", err);
}

static varve_status write_operation(buffer *out, const route *r, varve_error *err)
{
    VV_TRY(buffer_add_text(out, "\"", err));
    for (const char *p = r->method; *p; p++) {
        char lower = (char)tolower((unsigned char)*p);
        VV_TRY(buffer_add(out, &lower, 1, err));
    }
    VV_TRY(buffer_add_text(out, "\":{\"operationId\":", err));
    VV_TRY(json_out_string(out, r->name, strlen(r->name), err));
    VV_TRY(buffer_add_text(out, ",\"summary\":", err));
    VV_TRY(json_out_string(out, r->summary, strlen(r->summary), err));
    VV_TRY(write_tag(out, r, err));
    if (r->scope == SCOPE_OPEN) VV_TRY(buffer_add_text(out, ",\"security\":[]", err));
    VV_TRY(write_params(out, r, err));
    VV_TRY(write_body(out, r, err));
    VV_TRY(write_responses(out, r, err));
    return buffer_add_text(out, "}", err);
}

static bool is_first_of_path(const route *r)
{
    for (const route *at = routes_table; at < r; at++) {
        if (strcmp(at->path, r->path) == 0) return false;
    }
    return true;
}

static varve_status write_path(buffer *out, const route *first, varve_error *err)
{
    const char *comma = "";
    VV_TRY(json_out_string(out, first->path, strlen(first->path), err));
    VV_TRY(buffer_add_text(out, ":{", err));
    for (const route *r = first; r < routes_table + routes_count; r++) {
        if (strcmp(r->path, first->path) != 0) continue;
        VV_TRY(buffer_add_text(out, comma, err));
        VV_TRY(write_operation(out, r, err));
        comma = ",";
    }
    return buffer_add_text(out, "}", err);
}

static varve_status write_components(buffer *out, varve_error *err)
{
    static const char *const responses[][2] = {
        {"Invalid", "The request itself is wrong"},
        {"Unauthorized", "The key is missing or wrong"},
        {"NotFound", "No such database, collection or row"},
        {"Internal", "The server failed; its log has the request id"},
    };
    VV_TRY(buffer_add_text(
        out,
        "\"components\":{\"securitySchemes\":{\"ApiKeyAuth\":{\"type\":\"http\","
        "\"scheme\":\"bearer\"}},\"schemas\":{\"Error\":{\"type\":\"object\",\"required\":"
        "[\"error\",\"code\"],\"properties\":{\"error\":{\"type\":\"string\"},\"code\":"
        "{\"type\":\"string\"}}}},\"responses\":{",
        err));
    for (size_t i = 0; i < VV_COUNT(responses); i++)
        VV_TRY(buffer_printf(out, err,
                             "%s\"%s\":{\"description\":\"%s\",\"content\":{\"application/json\":"
                             "{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}",
                             i ? "," : "", responses[i][0], responses[i][1]));
    return buffer_add_text(out, "}}", err);
}

varve_status openapi_write(buffer *out, varve_error *err)
{
    const char *comma = "";
    VV_TRY(buffer_printf(out, err,
                         "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Varve HTTP API\","
                         "\"version\":\"%s\"},\"servers\":[{\"url\":\"http://127.0.0.1:7637\"}],"
                         "\"security\":[{\"ApiKeyAuth\":[]}],\"paths\":{",
                         varve_version()));
    for (const route *r = routes_table; r < routes_table + routes_count; r++) {
        if (!is_first_of_path(r)) continue;
        VV_TRY(buffer_add_text(out, comma, err));
        VV_TRY(write_path(out, r, err));
        comma = ",";
    }
    VV_TRY(buffer_add_text(out, "},", err));
    VV_TRY(write_components(out, err));
    return buffer_add_text(out, "}", err);
}
