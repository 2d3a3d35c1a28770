/* filter_where_build.c — conditions to nodes: what NULL makes of them, which kind of bounds a range
 * has, and which ids are meant. The id of a row is never missing, so that equality with ids is
 * HAS_ID; values that no id can equal are left out of it. */
#include "filter/filter_where_inner.h"

#include "record/id.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

varve_status where_node(where_parser *p, filter_op op, size_t at, filter_node **ret,
                        varve_error *err)
{
    return where_place(p, at, filter_node_new(p->filter, op, ret, err), err);
}

varve_status where_leaf(where_parser *p, filter_op op, const where_operand *operand,
                        filter_node **ret_leaf, filter_node **ret, varve_error *err)
{
    filter_node *leaf, *above;
    void *children;
    VV_TRY(where_node(p, op, operand->at, &leaf, err));
    leaf->path = operand->path;
    above = leaf;
    if (operand->is_id) {
        VV_TRY(where_node(p, FILTER_ID, operand->at, &above, err));
        VV_TRY(where_place(p, operand->at,
                           arena_take(&p->filter->memory, 1, sizeof(filter_node *), &children, err),
                           err));
        above->children = children;
        above->children[0] = leaf;
        above->child_count = 1;
    }
    *ret_leaf = leaf;
    *ret = above;
    return VARVE_OK;
}

static varve_status set_values(where_parser *p, filter_node *leaf, size_t at,
                               const filter_value *values, size_t count, varve_error *err)
{
    void *copy;
    VV_TRY(where_place(
        p, at, arena_take(&p->filter->memory, count, sizeof(filter_value), &copy, err), err));
    memcpy(copy, values, count * sizeof(filter_value));
    leaf->values = copy;
    leaf->value_count = count;
    return where_place(p, at, filter_values_sort(p->filter, leaf, err), err);
}

/* ---- ids ------------------------------------------------------------------------------------- */

static bool id_of_value(const value *v, varve_id *ret)
{
    if (v->kind == VALUE_TEXT) {
        *ret = (varve_id){.kind = VARVE_ID_STR, .text = v->text};
        return v->text.len > 0;
    }
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    if (v->kind == VALUE_INT) {
        ret->num = (uint64_t)v->integer;
        return v->integer >= 0;
    }
    if (v->kind == VALUE_UINT) {
        ret->num = v->big;
        return true;
    }
    if (v->kind != VALUE_DOUBLE || v->real < 0 || v->real >= 0x1p64 || v->real != floor(v->real))
        return false;
    ret->num = (uint64_t)v->real;
    return true;
}

static int by_id(const void *a, const void *b)
{
    return id_compare(*(const varve_id *)a, *(const varve_id *)b);
}

static varve_status has_id(where_parser *p, size_t at, const filter_value *values, size_t count,
                           filter_node **ret, varve_error *err)
{
    void *taken;
    size_t found = 0, different = 0;
    VV_TRY(where_place(p, at, arena_take(&p->filter->memory, count, sizeof(varve_id), &taken, err),
                       err));
    varve_id *ids = taken;
    for (size_t i = 0; i < count; i++)
        found += id_of_value(&values[i].v, &ids[found]);
    qsort(ids, found, sizeof *ids, by_id);
    for (size_t i = 0; i < found; i++)
        if (i == 0 || id_compare(ids[i], ids[different - 1]) != 0) ids[different++] = ids[i];
    VV_TRY(where_node(p, different ? FILTER_HAS_ID : FILTER_FALSE, at, ret, err));
    (*ret)->ids = ids;
    (*ret)->id_count = different;
    return VARVE_OK;
}

/* ---- equality -------------------------------------------------------------------------------- */

/* One of the values, at least one. */
static varve_status equal(where_parser *p, const where_operand *operand, const filter_value *values,
                          size_t count, filter_node **ret, varve_error *err)
{
    filter_node *leaf;
    if (operand->is_id) return has_id(p, operand->at, values, count, ret, err);
    VV_TRY(where_leaf(p, FILTER_EQUAL, operand, &leaf, ret, err));
    return set_values(p, leaf, operand->at, values, count, err);
}

static varve_status except(where_parser *p, const where_operand *operand, const filter_value *v,
                           filter_node **ret, varve_error *err)
{
    filter_node *leaf;
    if (operand->is_id) {
        VV_TRY(has_id(p, operand->at, v, 1, &leaf, err));
        return where_not(p, leaf, ret, err);
    }
    VV_TRY(where_leaf(p, FILTER_EXCEPT, operand, &leaf, ret, err));
    return set_values(p, leaf, operand->at, v, 1, err);
}

varve_status where_in(where_parser *p, const where_operand *operand, const where_list *list,
                      filter_node **ret, varve_error *err)
{
    filter_node *found, *unknown;
    const void *values = list->values.data;
    size_t count = list->values.len / sizeof(filter_value);
    if (count == 0)
        return where_node(p, list->has_null ? FILTER_UNKNOWN : FILTER_FALSE, operand->at, ret, err);
    VV_TRY(equal(p, operand, values, count, &found, err));
    if (!list->has_null) {
        *ret = found;
        return VARVE_OK;
    }
    VV_TRY(where_node(p, FILTER_UNKNOWN, operand->at, &unknown, err));
    return where_pair(p, FILTER_OR, found, unknown, ret, err);
}

varve_status where_contains(where_parser *p, const where_operand *operand,
                            const filter_value *values, size_t count, filter_node **ret,
                            varve_error *err)
{
    filter_node *leaf;
    if (operand->is_id)
        return where_fail(p, operand->at, VARVE_INVALID, err,
                          "the id is no array (quote \"id\" for a field of that name)");
    VV_TRY(where_leaf(p, FILTER_EQUAL, operand, &leaf, ret, err));
    leaf->expand = true;
    leaf->array_only = true;
    return set_values(p, leaf, operand->at, values, count, err);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static varve_status range_kind(where_parser *p, const where_literal *literal,
                               filter_range_kind *ret, varve_error *err)
{
    const value *v = &literal->value.v;
    if (value_is_number(v))
        *ret = RANGE_NUMBER;
    else if (v->kind == VALUE_TEXT)
        *ret = literal->strict ? RANGE_DATETIME : RANGE_TEXT;
    else
        return where_fail(p, literal->at, VARVE_INVALID, err,
                          "only numbers, texts and date-times have an order");
    return VARVE_OK;
}

/* DATE or TIMESTAMP beside a text makes both date-times. */
static varve_status range_kind_of_both(where_parser *p, const where_literal *low,
                                       const where_literal *high, filter_range_kind *ret,
                                       varve_error *err)
{
    filter_range_kind low_kind = RANGE_NUMBER, high_kind = RANGE_NUMBER;
    VV_TRY(range_kind(p, low, &low_kind, err));
    VV_TRY(range_kind(p, high, &high_kind, err));
    if ((low_kind == RANGE_NUMBER) != (high_kind == RANGE_NUMBER))
        return where_fail(
            p, high->at, VARVE_INVALID, err,
            "the bounds of BETWEEN are of one kind: numbers, or texts and date-times");
    *ret = VV_MAX(low_kind, high_kind);
    if (*ret != RANGE_DATETIME || (low->value.datetime && high->value.datetime)) return VARVE_OK;
    return where_fail(p, low->value.datetime ? high->at : low->at, VARVE_INVALID, err,
                      "expected a date-time, as the other bound is");
}

static void forget_instants(filter_range *range)
{
    range->low.datetime = range->high.datetime = false;
    range->low.instant = range->high.instant = 0;
}

/* Texts that are ids are compared by bytes; so are texts of which one has no instant. */
static varve_status set_range(where_parser *p, const where_operand *operand, filter_range range,
                              filter_node **ret, varve_error *err)
{
    filter_node *leaf;
    bool one_without =
        (range.has_low && !range.low.datetime) || (range.has_high && !range.high.datetime);
    if (range.kind == RANGE_TEXT && (operand->is_id || one_without)) forget_instants(&range);
    VV_TRY(where_leaf(p, FILTER_RANGE, operand, &leaf, ret, err));
    leaf->range = range;
    return VARVE_OK;
}

static varve_status half_range(where_parser *p, where_kind op, const where_operand *operand,
                               const where_literal *literal, filter_node **ret, varve_error *err)
{
    filter_range range = {.low_open = op == WHERE_GT, .high_open = op == WHERE_LT};
    VV_TRY(range_kind(p, literal, &range.kind, err));
    if (op == WHERE_GT || op == WHERE_GE) {
        range.has_low = true;
        range.low = literal->value;
    } else {
        range.has_high = true;
        range.high = literal->value;
    }
    return set_range(p, operand, range, ret, err);
}

varve_status where_compare(where_parser *p, where_kind op, const where_operand *operand,
                           const where_literal *literal, filter_node **ret, varve_error *err)
{
    if (literal->value.v.kind == VALUE_NULL)
        return where_node(p, FILTER_UNKNOWN, operand->at, ret, err);
    if (op == WHERE_EQ) return equal(p, operand, &literal->value, 1, ret, err);
    if (op == WHERE_NE) return except(p, operand, &literal->value, ret, err);
    return half_range(p, op, operand, literal, ret, err);
}

varve_status where_between(where_parser *p, const where_operand *operand, const where_literal *low,
                           const where_literal *high, filter_node **ret, varve_error *err)
{
    filter_node *a, *b;
    filter_range range = {
        .has_low = true, .has_high = true, .low = low->value, .high = high->value};
    if (low->value.v.kind == VALUE_NULL || high->value.v.kind == VALUE_NULL) {
        /* Still FALSE for what is beyond the other bound. */
        VV_TRY(where_compare(p, WHERE_GE, operand, low, &a, err));
        VV_TRY(where_compare(p, WHERE_LE, operand, high, &b, err));
        return where_pair(p, FILTER_AND, a, b, ret, err);
    }
    VV_TRY(range_kind_of_both(p, low, high, &range.kind, err));
    return set_range(p, operand, range, ret, err);
}
