/* filter_json_field.c — conditions on a field: match, range, values_count, geo_*, is_empty and
 * is_null in their short form. */
#include "filter/filter_json_inner.h"

#include <string.h>

/* ---- match --------------------------------------------------------------------------------- */

typedef varve_status parse_match(filter *f, filter_node *leaf, const json_t *json,
                                 const json_place *at, varve_error *err);

static varve_status match_value(filter *f, filter_node *leaf, const json_t *json,
                                const json_place *at, varve_error *err)
{
    value v;
    void *memory;
    if (!json_read_scalar(json, &v) || v.kind == VALUE_NULL || v.kind == VALUE_DOUBLE)
        return json_expected(at, "a text, an integer or a boolean", err);
    VV_TRY(json_placed(at, arena_take(&f->memory, 1, sizeof(filter_value), &memory, err), err));
    filter_value *values = memory;
    VV_TRY(json_value_make(f, &v, at, values, err));
    leaf->values = values;
    leaf->value_count = 1;
    return VARVE_OK;
}

/* Texts, or integers. */
static varve_status match_any(filter *f, filter_node *leaf, const json_t *json,
                              const json_place *at, varve_error *err)
{
    size_t count = json_array_size(json);
    bool texts = false;
    void *memory;
    if (!json_is_array(json)) return json_expected(at, "a list of texts or of integers", err);
    VV_TRY(json_placed(at, arena_take(&f->memory, count, sizeof(filter_value), &memory, err), err));
    filter_value *values = memory;
    for (size_t i = 0; i < count; i++) {
        json_place place = place_index(at, i);
        value v;
        bool good = json_read_scalar(json_array_get(json, i), &v) &&
                    (v.kind == VALUE_TEXT || v.kind == VALUE_INT || v.kind == VALUE_UINT);
        if (!good) return json_expected(&place, "a text or an integer", err);
        if (i == 0) texts = v.kind == VALUE_TEXT;
        if (texts != (v.kind == VALUE_TEXT))
            return json_expected(&place,
                                 texts ? "a text, as before it" : "an integer, as before it", err);
        VV_TRY(json_value_make(f, &v, &place, &values[i], err));
    }
    leaf->values = values;
    leaf->value_count = count;
    return json_placed(at, filter_values_sort(f, leaf, err), err);
}

static varve_status match_pattern(filter *f, filter_node *leaf, const json_t *json,
                                  const json_place *at, varve_error *err)
{
    varve_text text;
    VV_TRY(json_read_text(json, at, &text, err));
    /* A phrase is tried at every token of a text. */
    if (leaf->op == FILTER_TOKENS && leaf->how == TOKENS_PHRASE && text.len > FILTER_PATTERN_MAX)
        return json_placed(
            at, vv_fail(err, VARVE_LIMIT, "a phrase is longer than %d bytes", FILTER_PATTERN_MAX),
            err);
    return json_text_keep(f, text, at, &leaf->pattern, err);
}

static const struct {
    filter_op op;
    filter_tokens_how how;
    parse_match *parse;
} matches[] = {
    {FILTER_EQUAL, 0, match_value},
    {FILTER_EQUAL, 0, match_any},
    {FILTER_EXCEPT, 0, match_any},
    {FILTER_TOKENS, TOKENS_ALL, match_pattern},
    {FILTER_TOKENS, TOKENS_ANY, match_pattern},
    {FILTER_TOKENS, TOKENS_PHRASE, match_pattern},
    {FILTER_PREFIX, 0, match_pattern},
};
static const char *const match_keys[] = {"value",    "any",    "except", "text",
                                         "text_any", "phrase", "prefix", NULL};

/* Which of the keys is there; exactly one must be. */
static varve_status find_one(const json_t *json, const json_place *at, const char *const *keys,
                             const char *what, size_t *ret, varve_error *err)
{
    size_t count = 0, found = 0;
    for (size_t i = 0; keys[i]; i++) {
        if (!json_member(json, keys[i])) continue;
        found = i;
        count++;
    }
    if (count != 1) return json_expected(at, what, err);
    *ret = found;
    return VARVE_OK;
}

static varve_status parse_match_object(filter *f, filter_node *leaf, const json_t *json,
                                       const json_place *at, varve_error *err)
{
    size_t which = 0;
    VV_TRY(json_check_keys(json, at, match_keys, err));
    VV_TRY(find_one(json, at, match_keys,
                    "one of value, any, except, text, text_any, phrase, prefix", &which, err));
    json_place place = place_key(at, match_keys[which]);
    leaf->op = matches[which].op;
    leaf->how = matches[which].how;
    return matches[which].parse(f, leaf, json_member(json, match_keys[which]), &place, err);
}

/* ---- range --------------------------------------------------------------------------------- */

typedef struct bound {
    filter_value literal;
    filter_range_kind kind;
} bound;

static varve_status parse_bound(filter *f, const json_t *json, const json_place *at, bound *ret,
                                varve_error *err)
{
    value v;
    if (!json_read_scalar(json, &v)) v.kind = VALUE_NULL;
    bool text = v.kind == VALUE_TEXT;
    int64_t instant = 0;
    if (text ? !value_datetime(v.text, &instant) : !value_is_number(&v))
        return json_expected(at, "a number or a date-time", err);
    VV_TRY(json_placed(at, filter_value_make(f, &v, &ret->literal, err), err));
    ret->kind = text ? RANGE_DATETIME : RANGE_NUMBER;
    return VARVE_OK;
}

static int compare_bounds(const bound *a, const filter_value *b)
{
    if (a->kind == RANGE_NUMBER) return value_compare_numbers(&a->literal.v, &b->v);
    return (a->literal.instant > b->instant) - (a->literal.instant < b->instant);
}

/* All bounds hold: of two on one side the tighter one is kept. */
static void add_bound(filter_range *r, const bound *b, bool low, bool open)
{
    bool *has = low ? &r->has_low : &r->has_high;
    bool *is_open = low ? &r->low_open : &r->high_open;
    filter_value *literal = low ? &r->low : &r->high;
    int order = *has ? compare_bounds(b, literal) * (low ? 1 : -1) : 1;
    if (order > 0) *literal = b->literal;
    if (order >= 0) *is_open = open || (order == 0 && *is_open);
    *has = true;
}

varve_status json_range_parse(filter *f, const json_t *json, const json_place *at,
                              filter_range *ret, varve_error *err)
{
    static const char *const keys[] = {"gt", "gte", "lt", "lte", NULL};
    filter_range range = {.kind = RANGE_NUMBER};
    VV_TRY(json_check_keys(json, at, keys, err));
    for (size_t i = 0; keys[i]; i++) {
        json_place place = place_key(at, keys[i]);
        const json_t *member = json_member(json, keys[i]);
        bound b;
        if (!member) continue;
        VV_TRY(parse_bound(f, member, &place, &b, err));
        bool first = !range.has_low && !range.has_high;
        if (!first && b.kind != range.kind)
            return json_fail(&place, err, "numbers and date-times cannot bound one range");
        range.kind = b.kind;
        add_bound(&range, &b, *keys[i] == 'g', strlen(keys[i]) == 2);
    }
    *ret = range;
    return VARVE_OK;
}

static varve_status parse_range(filter *f, filter_node *leaf, const json_t *json,
                                const json_place *at, varve_error *err)
{
    return json_range_parse(f, json, at, &leaf->range, err);
}

static varve_status parse_count(filter *f, filter_node *leaf, const json_t *json,
                                const json_place *at, varve_error *err)
{
    VV_TRY(json_range_parse(f, json, at, &leaf->range, err));
    if (leaf->range.kind != RANGE_NUMBER) return json_expected(at, "numbers", err);
    leaf->expand = false;
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

/* A condition that is false is turned round by the caller. */
static varve_status parse_flag(filter *f, filter_node *leaf, const json_t *json,
                               const json_place *at, varve_error *err)
{
    bool wanted;
    (void)f;
    (void)leaf;
    return json_read_bool(json, at, &wanted, err);
}

static const struct {
    filter_op op;
    parse_match *parse;
} conditions[] = {
    {FILTER_EQUAL, parse_match_object},  {FILTER_RANGE, parse_range},
    {FILTER_COUNT, parse_count},         {FILTER_GEO_BOX, json_geo_parse},
    {FILTER_GEO_RADIUS, json_geo_parse}, {FILTER_GEO_POLYGON, json_geo_parse},
    {FILTER_IS_EMPTY, parse_flag},       {FILTER_IS_NULL, parse_flag},
};
static const char *const condition_keys[] = {
    "match",   "range", "values_count", "geo_bounding_box", "geo_radius", "geo_polygon", "is_empty",
    "is_null", NULL};
static const char *const all_keys[] = {
    "key",        "match",       "range",    "values_count", "geo_bounding_box",
    "geo_radius", "geo_polygon", "is_empty", "is_null",      NULL};

varve_status json_field_parse(filter *f, const json_t *json, const json_place *at,
                              filter_node **ret, varve_error *err)
{
    json_place key = place_key(at, "key");
    size_t which = 0;
    filter_node *leaf;
    VV_TRY(json_check_keys(json, at, all_keys, err));
    VV_TRY(find_one(json, at, condition_keys,
                    "one condition: match, range, values_count, geo_bounding_box, geo_radius, "
                    "geo_polygon, is_empty or is_null",
                    &which, err));
    const json_t *condition = json_member(json, condition_keys[which]);
    json_place place = place_key(at, condition_keys[which]);
    VV_TRY(json_node(f, conditions[which].op, at, &leaf, err));
    leaf->expand = true;
    VV_TRY(json_path_parse(f, json_member(json, "key"), &key, &leaf->path, err));
    VV_TRY(conditions[which].parse(f, leaf, condition, &place, err));
    if (json_is_false(condition)) VV_TRY(json_negate(f, at, &leaf, err));
    *ret = leaf;
    return VARVE_OK;
}
