/* json_minify.c — stored objects: checked and written without white space, then walked. */
#include "base/json_string.h"
#include "base/json_walk.h"

#include <string.h>

static varve_status minify(json_walk *w, varve_error *err)
{
    json_token token;
    VV_TRY(json_walk_next(w, &token, err));
    if (token.kind != TOKEN_OBJECT) return vv_fail(err, VARVE_INVALID, "not a JSON object");
    while (token.kind != TOKEN_END)
        VV_TRY(json_walk_next(w, &token, err));
    return json_walk_finish(w, err);
}

varve_status json_minify_object(const char *text, size_t len, const json_limits *limits,
                                buffer *out, varve_error *err)
{
    VV_CLEANUP(json_walk_done) json_walk w;
    size_t before = out->len;
    json_walk_init(&w, text, len, limits, out);
    varve_status status = minify(&w, err);
    if (status != VARVE_OK) out->len = before;
    return status;
}

/* The closing quote of the string that opens at p, or end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\') p++;
    return VV_MIN(p, end);
}

/* The comma or bracket behind the value at p. */
static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;
    for (; p < end; p++) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- == 0) return p;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
    }
    return end;
}

bool json_next_member(const char **at, const char *end, varve_text *ret_key, varve_text *ret_value)
{
    const char *key = *at + 2, *key_end, *value, *value_end;
    if (end - *at < 2 || (**at != '{' && **at != ',') || key[-1] != '"') return false;
    key_end = skip_string(key - 1, end);
    if (end - key_end < 2) return false;
    value = key_end + 2;
    value_end = skip_value(value, end);
    *ret_key = (varve_text){key, (size_t)(key_end - key)};
    *ret_value = (varve_text){value, (size_t)(value_end - value)};
    *at = value_end;
    return true;
}
