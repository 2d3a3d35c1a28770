/* filter_json_read.c — see filter_json_inner.h. */
#include "filter/filter_json_inner.h"

#include "base/json.h"
#include "record/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- places -------------------------------------------------------------------------------- */

#define PLACE_BYTES 200

/* The end of the place, if all of it is too long. */
static void write_place(const json_place *at, char ret[PLACE_BYTES])
{
    char *start = ret + PLACE_BYTES - 1;
    *start = '\0';
    for (; at; at = at->up) {
        char part[64];
        int len = at->key ? snprintf(part, sizeof part, "%s%.40s", at->up ? "." : "", at->key)
                          : snprintf(part, sizeof part, "[%zu]", at->index);
        if (len < 0 || len > start - ret) break;
        start -= len;
        memcpy(start, part, (size_t)len);
    }
    memmove(ret, start, (size_t)(ret + PLACE_BYTES - start));
}

varve_status json_placed(const json_place *at, varve_status status, varve_error *err)
{
    char place[PLACE_BYTES];
    if (status == VARVE_OK || !err) return status;
    write_place(at, place);
    vv_error_prefix(err, "%s", place);
    return status;
}

varve_status json_fail(const json_place *at, varve_error *err, const char *format, ...)
{
    char message[300];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return json_placed(at, vv_fail(err, VARVE_INVALID, "%s", message), err);
}

varve_status json_expected(const json_place *at, const char *what, varve_error *err)
{
    return json_fail(at, err, "expected %s", what);
}

/* ---- members ------------------------------------------------------------------------------- */

static bool is_one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0) return true;
    return false;
}

varve_status json_check_keys(const json_t *json, const json_place *at, const char *const *keys,
                             varve_error *err)
{
    const char *key;
    json_t *member;
    if (!json_is_object(json)) return json_expected(at, "an object", err);
    json_object_foreach((json_t *)json, key, member)
    {
        if (is_one_of(key, keys)) continue;
        return json_fail(at, err, "unknown key '%.*s'", (int)utf8_cut(key, strlen(key), 60), key);
    }
    return VARVE_OK;
}

const json_t *json_member(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return member && !json_is_null(member) ? member : NULL;
}

/* ---- values -------------------------------------------------------------------------------- */

static bool is_big(const json_t *json, uint64_t *ret)
{
    size_t prefix = strlen(JSON_BIG_PREFIX);
    if (!json_is_string(json)) return false;
    const char *text = json_string_value(json);
    if (strncmp(text, JSON_BIG_PREFIX, prefix) != 0) return false;
    *ret = strtoull(text + prefix, NULL, 10);
    return true;
}

bool json_read_scalar(const json_t *json, value *ret)
{
    value v = {.kind = VALUE_NULL};
    if (json_is_boolean(json)) {
        v = (value){.kind = VALUE_BOOL, .boolean = json_is_true(json)};
    } else if (json_is_integer(json)) {
        v = (value){.kind = VALUE_INT, .integer = json_integer_value(json)};
    } else if (json_is_real(json)) {
        v = (value){.kind = VALUE_DOUBLE, .real = json_real_value(json)};
    } else if (is_big(json, &v.big)) {
        v.kind = VALUE_UINT;
    } else if (json_is_string(json)) {
        v = (value){.kind = VALUE_TEXT,
                    .text = {json_string_value(json), json_string_length(json)}};
    } else if (!json_is_null(json)) {
        return false;
    }
    *ret = v;
    return true;
}

varve_status json_read_text(const json_t *json, const json_place *at, varve_text *ret,
                            varve_error *err)
{
    value v;
    if (!json_read_scalar(json, &v) || v.kind != VALUE_TEXT)
        return json_expected(at, "a text", err);
    *ret = v.text;
    return VARVE_OK;
}

varve_status json_read_bool(const json_t *json, const json_place *at, bool *ret, varve_error *err)
{
    if (!json_is_boolean(json)) return json_expected(at, "true or false", err);
    *ret = json_is_true(json);
    return VARVE_OK;
}

varve_status json_read_uint(const json_t *json, const json_place *at, uint64_t *ret,
                            varve_error *err)
{
    value v;
    bool good = json_read_scalar(json, &v);
    if (good && v.kind == VALUE_UINT)
        *ret = v.big;
    else if (good && v.kind == VALUE_INT && v.integer >= 0)
        *ret = (uint64_t)v.integer;
    else
        return json_expected(at, "an integer from 0 on", err);
    return VARVE_OK;
}

varve_status json_read_double(const json_t *json, const json_place *at, double *ret,
                              varve_error *err)
{
    value v;
    if (!json_read_scalar(json, &v) || !value_is_number(&v))
        return json_expected(at, "a number", err);
    *ret = v.kind == VALUE_INT ? (double)v.integer : v.kind == VALUE_UINT ? (double)v.big : v.real;
    return VARVE_OK;
}

/* ---- the tree ------------------------------------------------------------------------------ */

varve_status json_node(filter *f, filter_op op, const json_place *at, filter_node **ret,
                       varve_error *err)
{
    VV_TRY(json_placed(at, filter_node_new(f, op, ret, err), err));
    (*ret)->two_valued = true;
    return VARVE_OK;
}

varve_status json_parent(filter *f, filter_op op, size_t children, const json_place *at,
                         filter_node **ret, varve_error *err)
{
    filter_node *node;
    void *memory;
    VV_TRY(json_node(f, op, at, &node, err));
    VV_TRY(json_placed(at, arena_take(&f->memory, children, sizeof *node->children, &memory, err),
                       err));
    node->children = memory;
    node->child_count = children;
    *ret = node;
    return VARVE_OK;
}

varve_status json_negate(filter *f, const json_place *at, filter_node **node, varve_error *err)
{
    filter_node * not ;
    VV_TRY(json_parent(f, FILTER_NOT, 1, at, &not, err));
    not ->children[0] = *node;
    *node = not ;
    return VARVE_OK;
}

varve_status json_path_parse(filter *f, const json_t *json, const json_place *at, const path **ret,
                             varve_error *err)
{
    varve_text text;
    void *memory;
    path *p;
    VV_TRY(json_read_text(json, at, &text, err));
    VV_TRY(json_placed(at, arena_take(&f->memory, 1, sizeof *p, &memory, err), err));
    p = memory;
    VV_TRY(json_placed(at, path_parse(text, &f->memory, p, err), err));
    *ret = p;
    return VARVE_OK;
}

varve_status json_value_make(filter *f, const value *v, const json_place *at, filter_value *ret,
                             varve_error *err)
{
    VV_TRY(json_placed(at, filter_value_make(f, v, ret, err), err));
    ret->datetime = false;
    return VARVE_OK;
}

varve_status json_text_keep(filter *f, varve_text text, const json_place *at, varve_text *ret,
                            varve_error *err)
{
    return json_placed(at, arena_text(&f->memory, text.data, text.len, ret, err), err);
}
