/* backup_order.c — see backup_order.h. */
#include "backup_order.h"

#include <string.h>

static const json_t *member(const json_t *order, const char *key)
{
    const json_t *value = json_object_get(order, key);
    return value && !json_is_null(value) ? value : NULL;
}

varve_status order_only(const json_t *order, const char *const *names, varve_error *err)
{
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)order, key, value)
    {
        bool known = false;
        for (size_t i = 0; names[i] && !known; i++)
            known = strcmp(names[i], key) == 0;
        if (!known)
            return vv_fail(err, VARVE_INVALID, "Invalid argument: '%.60s' is not known here", key);
    }
    return VARVE_OK;
}

varve_status order_text(const json_t *order, const char *key, const char **ret, varve_error *err)
{
    const json_t *value = member(order, key);
    if (value && !json_is_string(value))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be a string", key);
    *ret = json_string_value(value);
    return VARVE_OK;
}

varve_status order_switch(const json_t *order, const char *key, bool fallback, bool *ret,
                          varve_error *err)
{
    const json_t *value = member(order, key);
    if (value && !json_is_boolean(value))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be true or false", key);
    *ret = value ? json_is_true(value) : fallback;
    return VARVE_OK;
}

varve_status order_number(const json_t *order, const char *key, uint64_t most, uint64_t *ret,
                          varve_error *err)
{
    const json_t *value = member(order, key);
    json_int_t n = json_integer_value(value);
    if (!value) return VARVE_OK;
    if (!json_is_integer(value) || n < 0 || (uint64_t)n > most)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: %s must be a whole number from 0 to %llu", key,
                       (unsigned long long)most);
    *ret = (uint64_t)n;
    return VARVE_OK;
}

varve_status order_real(const json_t *order, const char *key, double most, double *ret,
                        varve_error *err)
{
    const json_t *value = member(order, key);
    double n = json_number_value(value);
    if (!value) return VARVE_OK;
    if (!json_is_number(value) || !(n > 0 && n <= most))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: %s must be a number above 0 and up to %g", key, most);
    *ret = n;
    return VARVE_OK;
}
