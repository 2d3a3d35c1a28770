/* ops_body.c — the JSON body of a route for those who run the server. */
#include "ops_body.h"

#include <strings.h>

/* A body that says it is something else than JSON is refused, and so is a request without one: a
 * page of another origin can send both without asking first. */
static varve_status check_type(const http_request *request, varve_error *err)
{
    static const char json[] = "application/json";
    const char *type = http_header(request, "Content-Type");
    if (!type || strncasecmp(type, json, sizeof json - 1) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Content type error: expected %s", json);
}

varve_status ops_body_parse(http_request *request, json_document *ret, varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    json_document d = {0};
    size_t len = 0;
    const char *text = http_body(request, &len);
    VV_TRY(check_type(request, err));
    if (!text || len == 0) return vv_fail(err, VARVE_INVALID, "the body is empty; send {}");
    varve_status status = json_parse(text, len, no_keys, 0, &d, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "Json deserialize error");
        return status;
    }
    if (!json_is_object(d.root)) {
        json_document_done(&d);
        return vv_fail(err, VARVE_INVALID, "the body is not a JSON object");
    }
    *ret = d;
    return VARVE_OK;
}

varve_status ops_body_text(const json_document *body, const char *key, const char **ret,
                           varve_error *err)
{
    const json_t *value = json_object_get(body->root, key);
    if (value && !json_is_null(value) && !json_is_string(value))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be a string", key);
    *ret = json_string_value(value);
    return VARVE_OK;
}

varve_status ops_body_switch(const json_document *body, const char *key, bool fallback, bool *ret,
                             varve_error *err)
{
    const json_t *value = json_object_get(body->root, key);
    bool absent = !value || json_is_null(value);
    if (!absent && !json_is_boolean(value))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be true or false", key);
    *ret = absent ? fallback : json_is_true(value);
    return VARVE_OK;
}
