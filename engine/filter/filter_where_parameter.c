/* filter_where_parameter.c — the values of :name and ?. They are JSON, read as fields of rows are,
 * and never text of the grammar. */
#include "filter/filter_where_inner.h"

#include "base/json.h"

#include <string.h>

/* {"v": [ … ]}: nothing deeper, and no second member. */
static const json_limits limits = {.bytes_max = FILTER_BYTES_MAX, .depth_max = 2, .keys_max = 1};

/* How messages name a parameter: ":name", or "?" and its number among those. */
static varve_status parameter_fail(const where_parser *p, size_t i, const char *what,
                                   varve_error *err)
{
    varve_text name = p->parameters[i].name;
    size_t number = 1;
    if (name.data)
        return vv_fail(err, VARVE_INVALID, "where, parameter :%.*s: %s",
                       (int)VV_MIN(name.len, (size_t)64), name.data, what);
    for (size_t j = 0; j < i; j++)
        number += !p->parameters[j].name.data;
    return vv_fail(err, VARVE_INVALID, "where, parameter ? number %zu: %s", number, what);
}

static bool same_text(varve_text a, varve_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Wrapped as the one member of an object, it is checked as fields are. */
static varve_status minify(where_parser *p, size_t i, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer wrapped, minified;
    varve_error reason = {0};
    varve_text json = p->parameters[i].json, key, inner;
    buffer_init(&wrapped, FILTER_BYTES_MAX, "parameter of a filter");
    buffer_init(&minified, FILTER_BYTES_MAX, "parameter of a filter");
    VV_TRY(buffer_add_text(&wrapped, "{\"v\":", err));
    VV_TRY(buffer_add(&wrapped, json.data, json.len, err));
    VV_TRY(buffer_add_text(&wrapped, "}", err));
    varve_status status =
        json_minify_object(wrapped.data, wrapped.len, &limits, &minified, &reason);
    if (status == VARVE_NO_MEMORY) return vv_fail(err, status, "%s", reason.message);
    const char *at = minified.data, *end = at + minified.len;
    if (status != VARVE_OK || !json_next_member(&at, end, &key, &inner) || inner.data[0] == '{')
        return parameter_fail(p, i, "expected a JSON scalar, or an array of them", err);
    return arena_text(&p->filter->memory, inner.data, inner.len, &p->minified[i], err);
}

varve_status where_parameters_init(where_parser *p, varve_error *err)
{
    void *minified, *used;
    if (p->parameter_count > FILTER_PARAMETERS_MAX)
        return vv_fail(err, VARVE_LIMIT, "where: more than %d parameters", FILTER_PARAMETERS_MAX);
    VV_TRY(arena_take(&p->filter->memory, p->parameter_count, sizeof *p->minified, &minified, err));
    VV_TRY(arena_take(&p->filter->memory, p->parameter_count, sizeof *p->used, &used, err));
    p->minified = minified;
    p->used = used;
    for (size_t i = 0; i < p->parameter_count; i++) {
        varve_text name = p->parameters[i].name;
        for (size_t j = 0; j < i; j++)
            if (name.data && p->parameters[j].name.data && same_text(name, p->parameters[j].name))
                return parameter_fail(p, i, "it is given twice", err);
        VV_TRY(minify(p, i, err));
    }
    return VARVE_OK;
}

static size_t find(where_parser *p)
{
    size_t i = 0;
    varve_text raw = where_raw(p, p->token), name = {raw.data + 1, raw.len - 1};
    if (p->token.kind == WHERE_POSITIONAL) {
        while (p->position_next < p->parameter_count && p->parameters[p->position_next].name.data)
            p->position_next++;
        return p->position_next < p->parameter_count ? p->position_next++ : p->parameter_count;
    }
    while (i < p->parameter_count &&
           !(p->parameters[i].name.data && same_text(p->parameters[i].name, name)))
        i++;
    return i;
}

varve_status where_parameter(where_parser *p, varve_text *ret_json, varve_error *err)
{
    size_t i = find(p);
    if (i == p->parameter_count) {
        varve_text raw = where_raw(p, p->token);
        return where_fail(p, p->token.at, VARVE_INVALID, err, "no value is given for %.*s",
                          (int)VV_MIN(raw.len, (size_t)64), raw.data);
    }
    p->used[i] = true;
    *ret_json = p->minified[i];
    return VARVE_OK;
}

varve_status where_parameter_value(where_parser *p, varve_text json, filter_value *ret,
                                   varve_error *err)
{
    value v;
    const char *at = json.data;
    bool number = at[0] == '-' || (at[0] >= '0' && at[0] <= '9');
    if (number ? !where_number(json, &v) : !value_read(&at, at + json.len, &p->scratch, &v))
        return where_fail(p, p->token.at, VARVE_INVALID, err,
                          "the number of this parameter is beyond double precision");
    return where_place(p, p->token.at, filter_value_make(p->filter, &v, ret, err), err);
}

varve_status where_parameters_check(const where_parser *p, varve_error *err)
{
    for (size_t i = 0; i < p->parameter_count; i++)
        if (!p->used[i]) return parameter_fail(p, i, "the text does not ask for it", err);
    return VARVE_OK;
}
