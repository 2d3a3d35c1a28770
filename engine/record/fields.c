/* fields.c — check, merge and cut down the JSON object of a row. Keys are compared by what they
 * mean: "a" and "\u0061" are the same one. */
#include "record/fields.h"
#include "base/json_string.h"

static bool find(varve_text object, varve_text key, varve_text *ret_value)
{
    const char *at = object.data, *end = object.data + object.len;
    varve_text other, value;
    while (json_next_member(&at, end, &other, &value)) {
        if (json_string_compare(other, key) != 0) continue;
        *ret_value = value;
        return true;
    }
    return false;
}

static varve_status add_member(varve_text key, varve_text value, bool *first, buffer *out,
                               varve_error *err)
{
    VV_TRY(buffer_add(out, *first ? "\"" : ",\"", *first ? 1 : 2, err));
    *first = false;
    VV_TRY(buffer_add(out, key.data, key.len, err));
    VV_TRY(buffer_add(out, "\":", 2, err));
    return buffer_add(out, value.data, value.len, err);
}

static varve_status add_merged(varve_text old, varve_text change, buffer *out, varve_error *err)
{
    const char *at = old.data, *end = old.data + old.len;
    varve_text key, value, ignored;
    bool first = true;
    VV_TRY(buffer_add(out, "{", 1, err));
    while (json_next_member(&at, end, &key, &value)) {
        (void)find(change, key, &value);
        VV_TRY(add_member(key, value, &first, out, err));
    }
    at = change.data;
    end = change.data + change.len;
    while (json_next_member(&at, end, &key, &value))
        if (!find(old, key, &ignored)) VV_TRY(add_member(key, value, &first, out, err));
    return buffer_add(out, "}", 1, err);
}

static varve_status add_without(varve_text old, varve_text keys, buffer *out, varve_error *err)
{
    const char *at = old.data, *end = old.data + old.len;
    varve_text key, value, ignored;
    bool first = true;
    VV_TRY(buffer_add(out, "{", 1, err));
    while (json_next_member(&at, end, &key, &value))
        if (!find(keys, key, &ignored)) VV_TRY(add_member(key, value, &first, out, err));
    return buffer_add(out, "}", 1, err);
}

/* What was appended before a failure is taken back. */
static varve_status ended(varve_status status, buffer *out, size_t len)
{
    if (status != VARVE_OK) out->len = len;
    return status;
}

varve_status fields_check(varve_text text, const json_limits *limits, size_t row, buffer *out,
                          varve_error *err)
{
    size_t len = out->len;
    if (!text.data) return VARVE_OK;
    varve_status status = json_minify_object(text.data, text.len, limits, out, err);
    if (status != VARVE_OK) vv_error_prefix(err, "fields[%zu]", row);
    return ended(status, out, len);
}

varve_status fields_merge(varve_text old, varve_text change, buffer *out, varve_error *err)
{
    size_t len = out->len;
    return ended(add_merged(old, change, out, err), out, len);
}

varve_status fields_without(varve_text old, varve_text keys, buffer *out, varve_error *err)
{
    size_t len = out->len;
    return ended(add_without(old, keys, out, err), out, len);
}
