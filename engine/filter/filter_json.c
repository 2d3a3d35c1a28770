/* filter_json.c — Qdrant's filters: must, should, must_not, min_should, and conditions that are
 * not on a field. */
#include "filter/filter_json_inner.h"

#include "base/bytes.h"
#include "base/json.h"

#include <string.h>

static varve_status parse_condition(filter *f, const json_t *json, const json_place *at,
                                    size_t depth, filter_node **ret, varve_error *err);

/* ---- filters ------------------------------------------------------------------------------- */

/* One condition, or a list of them. */
static size_t condition_count(const json_t *json)
{
    return json_is_array(json) ? json_array_size(json) : 1;
}

static varve_status parse_conditions(filter *f, const json_t *json, const json_place *at,
                                     size_t depth, filter_node *parent, varve_error *err)
{
    if (!json_is_array(json)) return parse_condition(f, json, at, depth, parent->children, err);
    for (size_t i = 0; i < parent->child_count; i++) {
        json_place place = place_index(at, i);
        VV_TRY(
            parse_condition(f, json_array_get(json, i), &place, depth, &parent->children[i], err));
    }
    return VARVE_OK;
}

/* Any of none is false, so that "should": [] matches nothing. */
static varve_status parse_list(filter *f, filter_op op, const json_t *json, const json_place *at,
                               size_t depth, filter_node **ret, varve_error *err)
{
    VV_TRY(json_parent(f, op, condition_count(json), at, ret, err));
    return parse_conditions(f, json, at, depth + 1, *ret, err);
}

static varve_status parse_must_not(filter *f, const json_t *json, const json_place *at,
                                   size_t depth, filter_node **ret, varve_error *err)
{
    VV_TRY(parse_list(f, FILTER_OR, json, at, depth + 1, ret, err));
    return json_negate(f, at, ret, err);
}

static varve_status parse_min_should(filter *f, const json_t *json, const json_place *at,
                                     size_t depth, filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"conditions", "min_count", NULL};
    json_place conditions = place_key(at, keys[0]), min_count = place_key(at, keys[1]);
    uint64_t least;
    VV_TRY(json_check_keys(json, at, keys, err));
    if (!json_is_array(json_object_get(json, keys[0])))
        return json_expected(&conditions, "a list of conditions", err);
    VV_TRY(json_read_uint(json_object_get(json, keys[1]), &min_count, &least, err));
    VV_TRY(parse_list(f, FILTER_AT_LEAST, json_object_get(json, keys[0]), &conditions, depth, ret,
                      err));
    (*ret)->at_least = VV_MIN(least, SIZE_MAX);
    return VARVE_OK;
}

typedef varve_status parse_part(filter *f, const json_t *json, const json_place *at, size_t depth,
                                filter_node **ret, varve_error *err);

static varve_status parse_must(filter *f, const json_t *json, const json_place *at, size_t depth,
                               filter_node **ret, varve_error *err)
{
    return parse_list(f, FILTER_AND, json, at, depth, ret, err);
}

static varve_status parse_should(filter *f, const json_t *json, const json_place *at, size_t depth,
                                 filter_node **ret, varve_error *err)
{
    return parse_list(f, FILTER_OR, json, at, depth, ret, err);
}

varve_status json_filter_parse(filter *f, const json_t *json, const json_place *at, size_t depth,
                               filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"must", "should", "must_not", "min_should", NULL};
    static parse_part *const parts[] = {parse_must, parse_should, parse_must_not, parse_min_should};
    size_t count = 0;
    filter_node *all;
    VV_TRY(json_check_keys(json, at, keys, err));
    for (size_t i = 0; i < VV_COUNT(parts); i++)
        count += json_member(json, keys[i]) != NULL;
    VV_TRY(json_parent(f, count ? FILTER_AND : FILTER_TRUE, count, at, &all, err));
    for (size_t i = 0, child = 0; i < VV_COUNT(parts); i++) {
        json_place place = place_key(at, keys[i]);
        const json_t *part = json_member(json, keys[i]);
        if (part) VV_TRY(parts[i](f, part, &place, depth + 1, &all->children[child++], err));
    }
    *ret = count == 1 ? all->children[0] : all;
    return VARVE_OK;
}

/* ---- conditions ---------------------------------------------------------------------------- */

static varve_status parse_is_empty(filter *f, const json_t *json, const json_place *at,
                                   size_t depth, filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"key", NULL};
    json_place key = place_key(at, keys[0]);
    (void)depth;
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(json_node(f, FILTER_IS_EMPTY, at, ret, err));
    return json_path_parse(f, json_object_get(json, keys[0]), &key, &(*ret)->path, err);
}

static varve_status parse_is_null(filter *f, const json_t *json, const json_place *at, size_t depth,
                                  filter_node **ret, varve_error *err)
{
    VV_TRY(parse_is_empty(f, json, at, depth, ret, err));
    (*ret)->op = FILTER_IS_NULL;
    (*ret)->expand = true;
    return VARVE_OK;
}

static varve_status parse_has_id(filter *f, const json_t *json, const json_place *at, size_t depth,
                                 filter_node **ret, varve_error *err)
{
    (void)depth;
    return json_has_id_parse(f, json, at, ret, err);
}

static varve_status parse_has_vector(filter *f, const json_t *json, const json_place *at,
                                     size_t depth, filter_node **ret, varve_error *err)
{
    varve_text name;
    (void)depth;
    VV_TRY(json_read_text(json, at, &name, err));
    VV_TRY(json_node(f, FILTER_HAS_VECTOR, at, ret, err));
    return json_text_keep(f, name, at, &(*ret)->pattern, err);
}

static varve_status parse_slice(filter *f, const json_t *json, const json_place *at, size_t depth,
                                filter_node **ret, varve_error *err)
{
    (void)depth;
    return json_slice_parse(f, json, at, ret, err);
}

static varve_status parse_nested(filter *f, const json_t *json, const json_place *at, size_t depth,
                                 filter_node **ret, varve_error *err)
{
    static const char *const keys[] = {"key", "filter", NULL};
    json_place key = place_key(at, keys[0]), inner = place_key(at, keys[1]);
    VV_TRY(json_check_keys(json, at, keys, err));
    VV_TRY(json_parent(f, FILTER_NESTED, 1, at, ret, err));
    VV_TRY(json_path_parse(f, json_object_get(json, keys[0]), &key, &(*ret)->path, err));
    return json_filter_parse(f, json_object_get(json, keys[1]), &inner, depth + 1,
                             &(*ret)->children[0], err);
}

static const struct {
    const char *key;
    parse_part *parse;
} conditions[] = {
    {"has_id", parse_has_id},   {"has_vector", parse_has_vector}, {"is_empty", parse_is_empty},
    {"is_null", parse_is_null}, {"nested", parse_nested},         {"slice", parse_slice},
};

static varve_status parse_condition(filter *f, const json_t *json, const json_place *at,
                                    size_t depth, filter_node **ret, varve_error *err)
{
    if (depth > FILTER_DEPTH_MAX)
        return json_placed(
            at, vv_fail(err, VARVE_LIMIT, "nested deeper than %d levels", FILTER_DEPTH_MAX), err);
    if (!json_is_object(json)) return json_expected(at, "a condition (an object)", err);
    if (json_member(json, "key")) return json_field_parse(f, json, at, ret, err);
    for (size_t i = 0; i < VV_COUNT(conditions); i++) {
        const json_t *condition = json_member(json, conditions[i].key);
        const char *const keys[] = {conditions[i].key, NULL};
        json_place place = place_key(at, conditions[i].key);
        if (!condition) continue;
        VV_TRY(json_check_keys(json, at, keys, err));
        return conditions[i].parse(f, condition, &place, depth, ret, err);
    }
    return json_filter_parse(f, json, at, depth, ret, err);
}

/* ---- entry --------------------------------------------------------------------------------- */

varve_status filter_parse_json(const json_t *json, filter **ret, varve_error *err)
{
    VV_CLEANUP(filter_freep) filter *f = NULL;
    json_place root = place_key(NULL, "filter");
    VV_TRY(filter_new(&f, err));
    VV_TRY(json_filter_parse(f, json, &root, 1, &f->root, err));
    *ret = f;
    f = NULL;
    return VARVE_OK;
}

varve_status filter_parse_json_text(varve_text text, filter **ret, varve_error *err)
{
    static const char *const no_keys[] = {NULL};
    static const char padding[JSON_TEXT_PADDING];
    VV_CLEANUP(buffer_done) buffer copy;
    json_document d;
    if (text.len > FILTER_TEXT_MAX)
        return vv_fail(err, VARVE_LIMIT, "a filter has more than %zu bytes", FILTER_TEXT_MAX);
    buffer_init(&copy, FILTER_TEXT_MAX + JSON_TEXT_PADDING, "a filter");
    VV_TRY(buffer_add(&copy, text.data, text.len, err));
    VV_TRY(buffer_add(&copy, padding, sizeof padding, err));
    varve_status status = json_parse(copy.data, text.len, no_keys, 0, &d, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "filter");
        return status;
    }
    status = filter_parse_json(d.root, ret, err);
    json_document_done(&d);
    return status;
}
