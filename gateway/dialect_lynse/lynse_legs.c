/* lynse_legs.c — legs of a search out of JSON. */
#include "lynse_legs.h"

#include "lynse_args.h"
#include "lynse_effort.h"
#include "lynse_fields.h"
#include "lynse_filter.h"
#include "lynse_ids.h"
#include "lynse_search.h"

#include <string.h>
#include <strings.h>

#define LEGS_BYTES_MAX ((size_t)64 << 20)

varve_status lynse_start_from(arena *memory, const json_t *value, varve_text *ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text = {0};
    *ret = (varve_text){0};
    if (!value) return VARVE_OK;
    if (json_is_string(value))
        return arena_text(memory, json_string_value(value), json_string_length(value), ret, err);
    buffer_init(&text, 4096, "start_from");
    VV_TRY(lynse_out_value(&text, value, err));
    return arena_text(memory, text.data, text.len, ret, err);
}

/* Members of an object are read as those of a body are. */
static lynse_call members_of(const json_t *object)
{
    return (lynse_call){.document = {.root = (json_t *)object}};
}

void lynse_legs_init(lynse_legs *l, lynse_call *c)
{
    *l = (lynse_legs){.call = c, .limit_max = gateway_limits(c->gateway)->max_top_k};
    arena_init(&l->memory, LEGS_BYTES_MAX, "legs of one search");
}

void lynse_legs_done(lynse_legs *l)
{
    for (size_t i = 0; i < l->filter_count; i++)
        varve_filter_free(l->filters[i]);
    arena_done(&l->memory);
}

varve_fusion_kind lynse_fusion_read(const char *name)
{
    if (name && strcasecmp(name, "weighted") == 0) return VARVE_FUSION_WEIGHTED;
    if (name && strcasecmp(name, "dbsf") == 0) return VARVE_FUSION_DBSF;
    return VARVE_FUSION_RRF;
}

void lynse_leg_weigh(varve_leg *leg, double weight)
{
    leg->zero_weight = !(weight > 0);
    leg->weight = leg->zero_weight ? 0 : weight;
}

static varve_status add_floats(float *to, const json_t *array, const char *name, varve_error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        uint64_t big;
        if (json_is_number(value))
            to[i] = (float)json_number_value(value);
        else if (lynse_json_is_uint(value, &big))
            to[i] = (float)big;
        else
            return vv_fail(err, VARVE_INVALID, "Invalid argument: %s[%zu] is not a number", name,
                           i);
    }
    return VARVE_OK;
}

varve_status lynse_legs_floats(lynse_legs *l, const json_t *array, const char *name,
                               const float **ret, size_t *ret_count, varve_error *err)
{
    void *values;
    if (!json_is_array(array))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be an array of numbers",
                       name);
    VV_TRY(arena_take(&l->memory, json_array_size(array), sizeof(float), &values, err));
    VV_TRY(add_floats(values, array, name, err));
    *ret = values;
    *ret_count = json_array_size(array);
    return VARVE_OK;
}

/* Rows of one length, back to back. */
static varve_status read_several(lynse_legs *l, const json_t *array, varve_leg *leg,
                                 varve_error *err)
{
    size_t rows = json_array_size(array), dim = json_array_size(json_array_get(array, 0));
    void *values;
    if (dim && rows > SIZE_MAX / dim) return vv_fail(err, VARVE_LIMIT, "too many query vectors");
    VV_TRY(arena_take(&l->memory, rows * dim, sizeof(float), &values, err));
    for (size_t i = 0; i < rows; i++) {
        const json_t *row = json_array_get(array, i);
        if (!json_is_array(row) || json_array_size(row) != dim)
            return vv_fail(err, VARVE_INVALID,
                           "all query vectors must have the same dimension: vector[%zu] has not "
                           "the %zu values of vector[0]",
                           i, dim);
        VV_TRY(add_floats((float *)values + i * dim, row, "vector", err));
    }
    leg->vectors = values;
    leg->vector_count = rows;
    leg->dim = dim;
    return VARVE_OK;
}

static varve_status read_vector(lynse_legs *l, const json_t *value, varve_leg *leg,
                                varve_error *err)
{
    const float *values;
    leg->kind = VARVE_LEG_VECTOR;
    if (json_is_array(json_array_get(value, 0))) return read_several(l, value, leg, err);
    VV_TRY(lynse_legs_floats(l, value, "vector", &values, &leg->dim, err));
    leg->vectors = values;
    return VARVE_OK;
}

varve_status lynse_leg_sparse(lynse_legs *l, const json_t *vector, varve_leg *leg, varve_error *err)
{
    const json_t *indices = json_object_get(vector, "indices");
    size_t count = json_array_size(indices), values;
    void *out;
    if (!json_is_object(vector) || !json_is_array(indices))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: a sparse vector is an object of indices and "
                       "values");
    VV_TRY(arena_take(&l->memory, count, sizeof(uint32_t), &out, err));
    for (size_t i = 0; i < count; i++) {
        uint64_t index;
        if (!lynse_json_is_uint(json_array_get(indices, i), &index) || index > UINT32_MAX)
            return vv_fail(err, VARVE_INVALID,
                           "Json deserialize error: indices[%zu] is no unsigned 32-bit integer", i);
        ((uint32_t *)out)[i] = (uint32_t)index;
    }
    VV_TRY(lynse_legs_floats(l, json_object_get(vector, "values"), "values", &leg->values, &values,
                             err));
    if (values != count)
        return vv_fail(err, VARVE_INVALID, "sparse vector indices length must match values length");
    leg->kind = VARVE_LEG_SPARSE;
    leg->indices = out;
    leg->nonzero = count;
    return VARVE_OK;
}

static varve_status read_paths(lynse_legs *l, const json_t *list, varve_leg *leg, varve_error *err)
{
    size_t count = json_array_size(list);
    void *out;
    if (!list) return VARVE_OK;
    if (!json_is_array(list))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: text_fields must be an array of strings");
    VV_TRY(arena_take(&l->memory, count, sizeof(varve_text), &out, err));
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(list, i);
        if (!json_is_string(name))
            return vv_fail(err, VARVE_INVALID,
                           "Json deserialize error: text_fields[%zu] must be a string", i);
        ((varve_text *)out)[i] = (varve_text){json_string_value(name), json_string_length(name)};
    }
    leg->paths = count ? out : NULL; /* an empty list names none: all, as null does */
    leg->path_count = count;
    return VARVE_OK;
}

varve_status lynse_leg_text(lynse_legs *l, const json_t *object, varve_leg *leg, varve_error *err)
{
    const lynse_call c = members_of(object);
    const char *text;
    VV_TRY(lynse_need_text(&c, "text", &text, err));
    VV_TRY(read_paths(l, lynse_member(&c, "text_fields"), leg, err));
    leg->kind = VARVE_LEG_TEXT;
    leg->text = (varve_text){text, strlen(text)};
    leg->b_given = lynse_member(&c, "k1") || lynse_member(&c, "b");
    VV_TRY(lynse_number(&c, "k1", 1.2, &leg->k1, err));
    VV_TRY(lynse_number(&c, "b", 0.75, &leg->b, err));
    if (leg->k1 >= 0 && leg->b >= 0 && leg->b <= 1) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: k1 must be at least 0, and b from 0 to 1");
}

static varve_status read_legs(lynse_legs *l, const json_t *array, const char *name, size_t depth,
                              const varve_leg **ret, size_t *ret_count, varve_error *err);

static varve_status read_like(const json_t *id, varve_leg *leg, varve_error *err)
{
    leg->kind = VARVE_LEG_VECTOR;
    leg->by_id = true;
    return lynse_id_read(id, "like", &leg->id, err);
}

static varve_status read_order(const lynse_call *c, lynse_legs *l, varve_leg *leg, varve_error *err)
{
    leg->kind = VARVE_LEG_ORDER;
    VV_TRY(lynse_text(c, "order_by", &leg->order_by, err));
    VV_TRY(lynse_bool(c, "descending", &leg->descending, err));
    return lynse_start_from(&l->memory, lynse_member(c, "start_from"), &leg->start_from, err);
}

/* What the leg looks for: the first member found decides. */
static varve_status read_kind(lynse_legs *l, const json_t *object, size_t depth, varve_leg *leg,
                              varve_error *err)
{
    const lynse_call c = members_of(object);
    bool examples;
    const json_t *value;
    if ((value = lynse_member(&c, "vector")) != NULL) return read_vector(l, value, leg, err);
    if ((value = lynse_member(&c, "like")) != NULL) return read_like(value, leg, err);
    if ((value = lynse_member(&c, "sparse_vector")) != NULL)
        return lynse_leg_sparse(l, value, leg, err);
    if (lynse_member(&c, "text")) return lynse_leg_text(l, object, leg, err);
    if (lynse_member(&c, "order_by")) return read_order(&c, l, leg, err);
    if ((value = lynse_member(&c, "legs")) != NULL) {
        const char *fusion;
        leg->kind = VARVE_LEG_FUSION;
        VV_TRY(lynse_text(&c, "fusion", &fusion, err));
        leg->fusion.kind = lynse_fusion_read(fusion);
        VV_TRY(lynse_number(&c, "rrf_k", 60, &leg->fusion.rrf_k, err));
        leg->fusion.zero_rrf_k = leg->fusion.rrf_k == 0;
        return read_legs(l, value, "legs", depth + 1, &leg->prefetch, &leg->prefetch_count, err);
    }
    if (lynse_member(&c, "sample")) {
        leg->kind = VARVE_LEG_SAMPLE;
        return lynse_uint(&c, "sample", 0, &leg->seed, err);
    }
    VV_TRY(lynse_leg_examples(l, object, leg, &examples, err));
    if (examples) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: a leg has one of vector, like, sparse_vector, text, legs, "
                   "recommend, discover, context, order_by, sample");
}

static varve_status read_mmr(const lynse_call *c, varve_leg *leg, varve_error *err)
{
    const json_t *given = lynse_member(c, "mmr");
    const lynse_call mmr = members_of(given);
    uint64_t candidates;
    if (!given) return VARVE_OK;
    VV_TRY(lynse_number(&mmr, "diversity", 0.5, &leg->mmr_diversity, err));
    VV_TRY(lynse_uint(&mmr, "candidates", 0, &candidates, err));
    leg->mmr_candidates = candidates;
    if (leg->mmr_diversity >= 0 && leg->mmr_diversity <= 1) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: diversity must be from 0 to 1");
}

static varve_status read_common(lynse_legs *l, const json_t *object, varve_leg *leg,
                                varve_error *err)
{
    const lynse_call c = members_of(object);
    lynse_effort effort;
    double weight;
    uint64_t limit;
    VV_TRY(lynse_text(&c, "vector_field", &leg->field, err));
    if (leg->field && strcmp(leg->field, "default") == 0) leg->field = NULL;
    VV_TRY(lynse_uint(&c, "limit", 0, &limit, err));
    VV_TRY(lynse_limit("limit", limit, "max_top_k", l->limit_max, err));
    leg->limit = limit ? limit : l->limit_of_others;
    VV_TRY(lynse_number(&c, "weight", 1, &weight, err));
    lynse_leg_weigh(leg, weight);
    leg->threshold_given = lynse_member(&c, "score_threshold") != NULL;
    VV_TRY(lynse_number(&c, "score_threshold", 0, &leg->threshold, err));
    VV_TRY(lynse_effort_of_body(&c, &effort, err));
    lynse_effort_set_leg(&effort, leg);
    VV_TRY(read_mmr(&c, leg, err));
    VV_TRY(lynse_filter_of_object(object, &l->filters[l->filter_count], err));
    leg->filter = l->filters[l->filter_count++];
    return VARVE_OK;
}

/* A score is shown as float32, and handed back in the fewest digits that say which; an order has
 * values of its own. */
static void round_threshold(varve_leg *leg)
{
    if (leg->kind != VARVE_LEG_ORDER) leg->threshold = (double)(float)leg->threshold;
}

static varve_status read_leg(lynse_legs *l, const json_t *object, size_t depth, varve_leg *leg,
                             varve_error *err)
{
    const json_t *prefetch = json_object_get(object, "prefetch");
    if (!json_is_object(object))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: a leg is an object");
    if (l->leg_count++ == LYNSE_LEGS_MAX)
        return vv_fail(err, VARVE_LIMIT, "Invalid argument: more than %d legs", LYNSE_LEGS_MAX);
    VV_TRY(read_common(l, object, leg, err));
    VV_TRY(read_kind(l, object, depth, leg, err));
    if (leg->kind == VARVE_LEG_SPARSE && !leg->field) leg->field = LYNSE_SPARSE_FIELD;
    if (leg->threshold_given) round_threshold(leg);
    if (!prefetch || json_is_null(prefetch) || leg->kind == VARVE_LEG_FUSION) return VARVE_OK;
    return read_legs(l, prefetch, "prefetch", depth + 1, &leg->prefetch, &leg->prefetch_count, err);
}

static varve_status read_legs(lynse_legs *l, const json_t *array, const char *name, size_t depth,
                              const varve_leg **ret, size_t *ret_count, varve_error *err)
{
    size_t count = json_array_size(array);
    void *legs;
    if (!json_is_array(array) || count == 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be an array of legs", name);
    if (depth > LYNSE_LEG_DEPTH_MAX)
        return vv_fail(err, VARVE_LIMIT, "Invalid argument: legs nest deeper than %d",
                       LYNSE_LEG_DEPTH_MAX);
    VV_TRY(arena_take(&l->memory, count, sizeof(varve_leg), &legs, err));
    for (size_t i = 0; i < count; i++) {
        varve_status status =
            read_leg(l, json_array_get(array, i), depth, (varve_leg *)legs + i, err);
        if (status != VARVE_OK) vv_error_prefix(err, "%s[%zu]", name, i);
        VV_TRY(status);
    }
    *ret = legs;
    *ret_count = count;
    return VARVE_OK;
}

varve_status lynse_legs_read(lynse_legs *l, const json_t *array, const varve_leg **ret,
                             size_t *ret_count, varve_error *err)
{
    return read_legs(l, array, "legs", 0, ret, ret_count, err);
}
