/* text.c — see text.h. */
#include "text.h"

#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool text_to_u64(const char *text, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    }
    *ret = value;
    return len > 0;
}

bool text_to_double(const char *text, double *ret)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value)) return false;
    *ret = value;
    return true;
}

bool text_to_dtype(const char *text, varve_dtype *ret)
{
    for (int i = 0; i < VARVE_DTYPE_COUNT; i++) {
        if (strcmp(varve_dtype_name((varve_dtype)i), text) != 0) continue;
        *ret = (varve_dtype)i;
        return true;
    }
    return false;
}

bool text_to_metric(const char *text, varve_metric *ret)
{
    for (int i = 0; i < VARVE_METRIC_COUNT; i++) {
        if (strcmp(varve_metric_name((varve_metric)i), text) != 0) continue;
        *ret = (varve_metric)i;
        return true;
    }
    return false;
}

bool text_to_id(const char *text, varve_id *ret)
{
    size_t len = strlen(text);
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    if (text_to_u64(text, len, &ret->num)) return true;
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    *ret = (varve_id){.kind = VARVE_ID_STR, .text = {text, len}};
    return len > 0;
}

varve_status text_add_id(buffer *out, varve_id id, varve_error *err)
{
    if (id.kind == VARVE_ID_NUM) return json_out_u64(out, id.num, err);
    return json_out_string(out, id.text.data, id.text.len, err);
}

/* json_scan_float wants numbers without white space around them: walk it here. */
static const char *skip(const char *at) { return at + strspn(at, " \t\r\n"); }

static varve_status scan_vector(const char *at, const char *end, float *ret, size_t *ret_dim,
                                varve_error *err)
{
    size_t dim = 0;
    bool more = *at == '[';
    while (more) {
        at = json_scan_float(skip(at + 1), end, &ret[dim]);
        if (!at || !isfinite(ret[dim]))
            return vv_fail(err, VARVE_INVALID, "value %zu of the vector is not a number", dim);
        dim++;
        at = skip(at);
        more = *at == ',';
    }
    if (dim == 0 || *at != ']' || *skip(at + 1))
        return vv_fail(err, VARVE_INVALID, "a vector is written as [0.5, 0.25, 1]");
    *ret_dim = dim;
    return VARVE_OK;
}

varve_status text_to_vector(const char *text, float **ret_vector, size_t *ret_dim, varve_error *err)
{
    size_t len = strlen(text);
    VV_CLEANUP(vv_freep) char *copy = calloc(1, len + 1 + JSON_TEXT_PADDING);
    VV_CLEANUP(vv_freep) float *vector = calloc(len / 2 + 1, sizeof *vector);
    if (!copy || !vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    memcpy(copy, text, len);
    VV_TRY(scan_vector(skip(copy), copy + len, vector, ret_dim, err));
    *ret_vector = vector;
    vector = NULL;
    return VARVE_OK;
}

varve_status text_unescape(varve_text quoted, buffer *out, varve_error *err)
{
    json_error_t why;
    json_t *string = json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!json_is_string(string)) {
        json_decref(string);
        return vv_fail(err, VARVE_INVALID, "not a JSON string");
    }
    varve_status status =
        buffer_add(out, json_string_value(string), json_string_length(string), err);
    json_decref(string);
    return status;
}
