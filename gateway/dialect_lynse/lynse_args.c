/* lynse_args.c — typed arguments of a lynse request. */
#include "lynse_args.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *lynse_member(const lynse_call *c, const char *key)
{
    json_t *value = json_object_get(c->document.root, key);
    return json_is_null(value) ? NULL : value;
}

varve_status lynse_need_member(const lynse_call *c, const char *key, json_t **ret, varve_error *err)
{
    json_t *value = lynse_member(c, key);
    if (!value)
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: missing field `%s`", key);
    *ret = value;
    return VARVE_OK;
}

bool lynse_json_is_uint(const json_t *value, uint64_t *ret)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = (uint64_t)json_integer_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    size_t prefix = sizeof JSON_BIG_PREFIX - 1;
    return text && strncmp(text, JSON_BIG_PREFIX, prefix) == 0 &&
           lynse_parse_uint(text + prefix, ret);
}

varve_status lynse_uint(const lynse_call *c, const char *key, uint64_t fallback, uint64_t *ret,
                        varve_error *err)
{
    const json_t *value = lynse_member(c, key);
    uint64_t n = fallback;
    if (value && !lynse_json_is_uint(value, &n))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: %s must be a non-negative integer", key);
    *ret = n;
    return VARVE_OK;
}

varve_status lynse_bool_or(const lynse_call *c, const char *key, bool fallback, bool *ret,
                           varve_error *err)
{
    const json_t *value = lynse_member(c, key);
    if (value && !json_is_boolean(value))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: %s must be true or false", key);
    *ret = value ? json_is_true(value) : fallback;
    return VARVE_OK;
}

varve_status lynse_bool(const lynse_call *c, const char *key, bool *ret, varve_error *err)
{
    return lynse_bool_or(c, key, false, ret, err);
}

varve_status lynse_number(const lynse_call *c, const char *key, double fallback, double *ret,
                          varve_error *err)
{
    const json_t *value = lynse_member(c, key);
    uint64_t big;
    if (value && !json_is_number(value) && lynse_json_is_uint(value, &big)) {
        *ret = (double)big;
        return VARVE_OK;
    }
    if (value && !json_is_number(value))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: %s must be a number", key);
    *ret = value ? json_number_value(value) : fallback;
    return VARVE_OK;
}

varve_status lynse_text(const lynse_call *c, const char *key, const char **ret, varve_error *err)
{
    const json_t *value = lynse_member(c, key);
    uint64_t big; /* an integer too large for JSON_INTEGER arrives as a marked string */
    if (value && (!json_is_string(value) || lynse_json_is_uint(value, &big)))
        return vv_fail(err, VARVE_INVALID, "Json deserialize error: %s must be a string", key);
    *ret = json_string_value(value);
    return VARVE_OK;
}

varve_status lynse_need_text(const lynse_call *c, const char *key, const char **ret,
                             varve_error *err)
{
    json_t *value;
    VV_TRY(lynse_need_member(c, key, &value, err));
    return lynse_text(c, key, ret, err);
}

bool lynse_parse_uint(const char *text, uint64_t *ret)
{
    uint64_t n = 0;
    if (*text == 0) return false;
    for (; *text; text++) {
        unsigned digit = (unsigned char)*text - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *ret = n;
    return true;
}

varve_status lynse_query_uint(const lynse_call *c, const char *key, uint64_t fallback,
                              uint64_t *ret, varve_error *err)
{
    const char *text = http_query(c->request, key);
    uint64_t n = fallback;
    if (text && !lynse_parse_uint(text, &n))
        return vv_fail(err, VARVE_INVALID,
                       "Query deserialize error: %s must be a non-negative integer", key);
    *ret = n;
    return VARVE_OK;
}

varve_status lynse_query_need_uint(const lynse_call *c, const char *key, uint64_t *ret,
                                   varve_error *err)
{
    if (!http_query(c->request, key))
        return vv_fail(err, VARVE_INVALID, "Query deserialize error: missing field `%s`", key);
    return lynse_query_uint(c, key, 0, ret, err);
}

varve_status lynse_query_bool(const lynse_call *c, const char *key, bool *ret, varve_error *err)
{
    const char *text = http_query(c->request, key);
    bool yes = text && strcmp(text, "true") == 0;
    if (text && !yes && strcmp(text, "false") != 0)
        return vv_fail(err, VARVE_INVALID, "Query deserialize error: %s must be true or false",
                       key);
    *ret = yes;
    return VARVE_OK;
}

varve_status lynse_query_number(const lynse_call *c, const char *key, double fallback, double *ret,
                                varve_error *err)
{
    const char *text = http_query(c->request, key);
    char *end = NULL;
    double value = text ? strtod(text, &end) : fallback;
    if (text && (end == text || *end))
        return vv_fail(err, VARVE_INVALID, "Query deserialize error: %s must be a number", key);
    *ret = value;
    return VARVE_OK;
}

varve_status lynse_limit(const char *field, uint64_t n, const char *limit, uint64_t max,
                         varve_error *err)
{
    if (max == 0 || n <= max) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "Invalid argument: %s %" PRIu64 " exceeds server %s %" PRIu64,
                   field, n, limit, max);
}
