/* lynse_examples.c — legs that go by examples: recommend, discover, context. An example is an id of
 * a row, or a vector. */
#include "lynse_legs.h"

#include "lynse_args.h"
#include "lynse_ids.h"
#include "lynse_search.h"

#include <string.h>

static varve_status read_example(lynse_legs *l, const json_t *value, varve_example *ret,
                                 varve_error *err)
{
    size_t dim;
    ret->by_id = !json_is_array(value);
    if (ret->by_id) return lynse_id_read(value, "example", &ret->id, err);
    VV_TRY(lynse_legs_floats(l, value, "example", &ret->vector, &dim, err));
    if (dim == l->example_dim) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %zu, got %zu", l->example_dim,
                   dim);
}

static varve_status read_list(lynse_legs *l, const json_t *list, const char *name,
                              const varve_example **ret, size_t *ret_count, varve_error *err)
{
    size_t count = json_array_size(list);
    void *examples;
    if (!list || json_is_null(list)) return VARVE_OK;
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be an array of examples",
                       name);
    VV_TRY(arena_take(&l->memory, count, sizeof(varve_example), &examples, err));
    for (size_t i = 0; i < count; i++)
        VV_TRY(read_example(l, json_array_get(list, i), (varve_example *)examples + i, err));
    *ret = examples;
    *ret_count = count;
    return VARVE_OK;
}

static varve_status read_strategy(const json_t *object, varve_recommend_strategy *ret,
                                  varve_error *err)
{
    static const char *const names[] = {"average_vector", "best_score", "sum_scores"};
    const json_t *value = json_object_get(object, "strategy");
    *ret = VARVE_RECOMMEND_AVERAGE;
    if (!value || json_is_null(value)) return VARVE_OK;
    for (size_t i = 0; json_is_string(value) && i < VV_COUNT(names); i++) {
        if (strcmp(json_string_value(value), names[i]) != 0) continue;
        *ret = (varve_recommend_strategy)i;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: strategy is average_vector, best_score or sum_scores");
}

static varve_status read_recommend(lynse_legs *l, const json_t *object, varve_leg *leg,
                                   varve_error *err)
{
    leg->kind = VARVE_LEG_RECOMMEND;
    VV_TRY(read_strategy(object, &leg->strategy, err));
    VV_TRY(read_list(l, json_object_get(object, "positive"), "positive", &leg->positive,
                     &leg->positive_count, err));
    return read_list(l, json_object_get(object, "negative"), "negative", &leg->negative,
                     &leg->negative_count, err);
}

static varve_status read_pairs(lynse_legs *l, const json_t *list, varve_leg *leg, varve_error *err)
{
    size_t count = json_array_size(list);
    void *positive, *negative;
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: context must be an array of pairs");
    VV_TRY(arena_take(&l->memory, count, sizeof(varve_example), &positive, err));
    VV_TRY(arena_take(&l->memory, count, sizeof(varve_example), &negative, err));
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        VV_TRY(
            read_example(l, json_object_get(pair, "positive"), (varve_example *)positive + i, err));
        VV_TRY(
            read_example(l, json_object_get(pair, "negative"), (varve_example *)negative + i, err));
    }
    leg->positive = positive;
    leg->negative = negative;
    leg->positive_count = leg->negative_count = count;
    return VARVE_OK;
}

static varve_status read_discover(lynse_legs *l, const json_t *object, varve_leg *leg,
                                  varve_error *err)
{
    void *target;
    leg->kind = VARVE_LEG_DISCOVER;
    VV_TRY(arena_take(&l->memory, 1, sizeof(varve_example), &target, err));
    VV_TRY(read_example(l, json_object_get(object, "target"), target, err));
    leg->target = target;
    return read_pairs(l, json_object_get(object, "context"), leg, err);
}

varve_status lynse_leg_examples(lynse_legs *l, const json_t *object, varve_leg *leg, bool *ret_is,
                                varve_error *err)
{
    const json_t *recommend = json_object_get(object, "recommend"),
                 *discover = json_object_get(object, "discover"),
                 *context = json_object_get(object, "context");
    varve_field_info field;
    *ret_is = recommend || discover || context;
    if (!*ret_is) return VARVE_OK;
    VV_TRY(lynse_field_find(l->call, leg->field, &field, err));
    l->example_dim = leg->dim = field.dim;
    if (recommend) return read_recommend(l, recommend, leg, err);
    if (discover) return read_discover(l, discover, leg, err);
    leg->kind = VARVE_LEG_CONTEXT;
    return read_pairs(l, context, leg, err);
}
