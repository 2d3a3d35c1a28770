/* index_params.c — see index_params.h. */
#include "index_params.h"

#include "text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset; /* in varve_index_params */
} integers[] = {
#define X(name, value, meaning) {#name, offsetof(varve_index_params, name)},
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
};
#define X(name, value, meaning) #name ", "
static const char all_names[] = VARVE_INDEX_PARAM_TABLE(X) "alpha";
#undef X

static uint32_t *integer_at(varve_index_params *params, size_t i)
{
    return (uint32_t *)(void *)((char *)params + integers[i].offset);
}

static uint32_t integer_of(const varve_index_params *params, size_t i)
{
    return *(const uint32_t *)(const void *)((const char *)params + integers[i].offset);
}

static varve_status take_integer(const char *name, const char *value, uint32_t *ret,
                                 varve_error *err)
{
    uint64_t n;
    if (!text_to_u64(value, strlen(value), &n) || n == 0 || n > UINT32_MAX)
        return vv_fail(err, VARVE_INVALID, "%s is a number from 1 on, not '%s'", name, value);
    *ret = (uint32_t)n;
    return VARVE_OK;
}

varve_status index_params_take(const char *text, varve_index_params *params, varve_error *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;
    if (!equals)
        return vv_fail(err, VARVE_INVALID, "a parameter is written name=value, not '%s'", text);
    for (size_t i = 0; i < VV_COUNT(integers); i++) {
        const char *name = integers[i].name;
        if (strlen(name) == len && memcmp(name, text, len) == 0)
            return take_integer(name, equals + 1, integer_at(params, i), err);
    }
    if (len != 5 || memcmp(text, "alpha", len) != 0)
        return vv_fail(err, VARVE_INVALID, "there is no parameter '%.*s'; there are: %s", (int)len,
                       text, all_names);
    if (!text_to_double(equals + 1, &params->alpha) || params->alpha < 1)
        return vv_fail(err, VARVE_INVALID, "alpha is a number from 1.0 on, not '%s'", equals + 1);
    return VARVE_OK;
}

json_t *index_params_to_json(const varve_index_params *params)
{
    json_t *object = json_object();
    for (size_t i = 0; i < VV_COUNT(integers); i++) {
        uint32_t value = integer_of(params, i);
        if (value) json_object_set_new(object, integers[i].name, json_integer(value));
    }
    if (params->alpha != 0) json_object_set_new(object, "alpha", json_real(params->alpha));
    if (json_object_size(object) > 0) return object;
    json_decref(object);
    return NULL;
}

void index_params_print(const varve_index_params *params, char *ret, size_t size)
{
    size_t len = 0;
    snprintf(ret, size, "-");
    for (size_t i = 0; i < VV_COUNT(integers) && len < size; i++) {
        uint32_t value = integer_of(params, i);
        if (value)
            len += (size_t)snprintf(ret + len, size - len, "%s%s=%u", len ? " " : "",
                                    integers[i].name, value);
    }
    if (params->alpha != 0 && len < size)
        snprintf(ret + len, size - len, "%salpha=%g", len ? " " : "", params->alpha);
}
