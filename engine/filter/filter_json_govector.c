/* filter_json_govector.c — GoVector's filters: must and must_not, lists of {key, type: exact |
 * range | prefix | contains | regex, match: {value}, range: {gt, gte, lt, lte}}. A key is the name
 * of a top-level member, whatever characters it has. */
#include "filter/filter_json_inner.h"

#include <string.h>

typedef enum condition_type { EXACT, RANGE, PREFIX, CONTAINS, REGEX } condition_type;
static const char *const type_names[] = {"exact", "range", "prefix", "contains", "regex"};

static varve_status parse_type(const json_t *json, const json_place *at, condition_type *ret,
                               varve_error *err)
{
    varve_text name = {"exact", 5};
    if (json) VV_TRY(json_read_text(json, at, &name, err));
    for (size_t i = 0; i < VV_COUNT(type_names); i++) {
        if (name.len != strlen(type_names[i]) || memcmp(name.data, type_names[i], name.len) != 0)
            continue;
        *ret = (condition_type)i;
        return VARVE_OK;
    }
    return json_expected(at, "exact, range, prefix, contains or regex", err);
}

static varve_status parse_key(filter *f, const json_t *json, const json_place *at,
                              filter_node *leaf, varve_error *err)
{
    path_step step = {.kind = PATH_KEY};
    void *memory;
    VV_TRY(json_read_text(json, at, &step.key, err));
    VV_TRY(json_placed(at, arena_take(&f->memory, 1, sizeof(path), &memory, err), err));
    VV_TRY(json_placed(at, path_make(&step, 1, &f->memory, memory, err), err));
    leaf->path = memory;
    return VARVE_OK;
}

/* Nothing is equal to an array or an object; null is what a null is. */
static varve_status parse_exact(filter *f, const json_t *json, const json_place *at,
                                filter_node *leaf, varve_error *err)
{
    void *memory;
    value v;
    if (!json_read_scalar(json, &v)) return VARVE_OK;
    if (v.kind == VALUE_NULL) {
        leaf->op = FILTER_IS_NULL;
        leaf->expand = false;
        return VARVE_OK;
    }
    VV_TRY(json_placed(at, arena_take(&f->memory, 1, sizeof(filter_value), &memory, err), err));
    filter_value *values = memory;
    VV_TRY(json_value_make(f, &v, at, values, err));
    leaf->values = values;
    leaf->value_count = 1;
    return VARVE_OK;
}

static varve_status parse_pattern(filter *f, const json_t *json, const json_place *at,
                                  filter_node *leaf, varve_error *err)
{
    varve_text text;
    VV_TRY(json_read_text(json, at, &text, err));
    VV_TRY(json_text_keep(f, text, at, &leaf->pattern, err));
    return leaf->op == FILTER_REGEX ? json_placed(at, filter_regex_compile(f, leaf, err), err)
                                    : VARVE_OK;
}

static varve_status parse_match(filter *f, const json_t *json, const json_place *at,
                                filter_node *leaf, varve_error *err)
{
    static const char *const keys[] = {"value", NULL};
    json_place place = place_key(at, keys[0]);
    VV_TRY(json_check_keys(json, at, keys, err));
    const json_t *wanted = json_object_get(json, keys[0]);
    if (!wanted) return json_expected(&place, "a value", err);
    return leaf->op == FILTER_EQUAL ? parse_exact(f, wanted, &place, leaf, err)
                                    : parse_pattern(f, wanted, &place, leaf, err);
}

static varve_status parse_condition(filter *f, const json_t *json, const json_place *at,
                                    filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"key", "type", "match", "range", NULL};
    static const filter_op ops[] = {FILTER_EQUAL, FILTER_RANGE, FILTER_PREFIX, FILTER_SUBSTRING,
                                    FILTER_REGEX};
    json_place key = place_key(at, keys[0]), type_place = place_key(at, keys[1]);
    json_place match = place_key(at, keys[2]), range = place_key(at, keys[3]);
    condition_type type = EXACT;
    filter_node *leaf;
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(parse_type(json_member(json, keys[1]), &type_place, &type, err));
    VV_TRY(json_node(f, ops[type], at, &leaf, err));
    leaf->expand = true;
    VV_TRY(parse_key(f, json_object_get(json, keys[0]), &key, leaf, err));
    *ret = leaf;
    if (type == RANGE)
        return json_range_parse(f, json_member(json, keys[3]), &range, &leaf->range, err);
    return parse_match(f, json_member(json, keys[2]), &match, leaf, err);
}

static varve_status parse_list(filter *f, filter_op op, const json_t *json, const json_place *at,
                               filter_node **ret, varve_error *err)
{
    size_t count = json_array_size(json);
    if (json && !json_is_array(json)) return json_expected(at, "a list of conditions", err);
    VV_TRY(json_parent(f, op, count, at, ret, err));
    for (size_t i = 0; i < count; i++) {
        json_place place = place_index(at, i);
        VV_TRY(parse_condition(f, json_array_get(json, i), &place, &(*ret)->children[i], err));
    }
    return VARVE_OK;
}

static varve_status parse_filter(filter *f, const json_t *json, varve_error *err)
{
    static const char *const keys[] = {"must", "must_not", NULL};
    json_place root = place_key(NULL, "filter");
    json_place must = place_key(&root, keys[0]), must_not = place_key(&root, keys[1]);
    filter_node *none;
    VV_TRY(json_check_keys(json, &root, keys, err));
    VV_TRY(json_parent(f, FILTER_AND, 2, &root, &f->root, err));
    VV_TRY(
        parse_list(f, FILTER_AND, json_member(json, keys[0]), &must, &f->root->children[0], err));
    VV_TRY(parse_list(f, FILTER_OR, json_member(json, keys[1]), &must_not, &none, err));
    VV_TRY(json_negate(f, &root, &none, err));
    f->root->children[1] = none;
    return VARVE_OK;
}

varve_status filter_parse_govector(const json_t *json, filter **ret, varve_error *err)
{
    VV_CLEANUP(filter_freep) filter *f = NULL;
    VV_TRY(filter_new(&f, err));
    VV_TRY(parse_filter(f, json, err));
    *ret = f;
    f = NULL;
    return VARVE_OK;
}
