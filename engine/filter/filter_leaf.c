/* filter_leaf.c — one condition against one value. */
#include "filter/filter.h"
#include "filter/filter_text.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_SORTED_MIN 8

static truth truth_of(bool b) { return b ? TRUTH_TRUE : TRUTH_FALSE; }

/* ---- equal --------------------------------------------------------------------------------- */

/* Kinds in an order of their own; numbers are one kind, texts that are compared by their instant
 * another than texts. */
static int kind_rank(const filter_value *l)
{
    if (value_is_number(&l->v)) return VALUE_INT;
    return l->datetime ? VALUE_OBJECT + 1 : (int)l->v.kind;
}

static int compare_instants(int64_t a, int64_t b) { return (a > b) - (a < b); }

int filter_value_order(const filter_value *a, const filter_value *b)
{
    int x = kind_rank(a), y = kind_rank(b);
    if (x != y) return x < y ? -1 : 1;
    switch (x) {
    case VALUE_BOOL: return a->v.boolean - b->v.boolean;
    case VALUE_INT: return value_compare_numbers(&a->v, &b->v);
    case VALUE_NULL: return 0;
    case VALUE_OBJECT + 1: return compare_instants(a->instant, b->instant);
    default: return value_compare_texts(a->v.text, b->v.text);
    }
}

static int compare_at(const void *left, const void *right, void *context)
{
    const filter_value *values = context;
    uint32_t a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    int order = filter_value_order(&values[a], &values[b]);
    return order ? order : (a > b) - (a < b);
}

varve_status filter_values_sort(filter *f, filter_node *node, varve_error *err)
{
    void *memory;
    if (node->value_count < VALUES_SORTED_MIN) return VARVE_OK;
    VV_TRY(arena_take(&f->memory, node->value_count, sizeof(uint32_t), &memory, err));
    uint32_t *order = memory;
    for (size_t i = 0; i < node->value_count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, node->value_count, sizeof *order, compare_at, (void *)node->values);
    node->order = order;
    return VARVE_OK;
}

static bool among(const filter_node *leaf, const filter_value *wanted)
{
    size_t low = 0, high = leaf->value_count;
    while (leaf->order && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = filter_value_order(wanted, &leaf->values[leaf->order[middle]]);
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    for (size_t i = 0; !leaf->order && i < leaf->value_count; i++)
        if (filter_value_order(wanted, &leaf->values[i]) == 0) return true;
    return false;
}

static bool has_instant(const filter_node *leaf)
{
    /* In order, these are the last. */
    if (leaf->order) return leaf->values[leaf->order[leaf->value_count - 1]].datetime;
    for (size_t i = 0; i < leaf->value_count; i++)
        if (leaf->values[i].datetime) return true;
    return false;
}

/* Does it equal one of the values? */
static bool is_listed(const filter_node *leaf, const value *v)
{
    filter_value wanted = {.v = *v};
    if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) return false;
    if (among(leaf, &wanted)) return true;
    if (v->kind != VALUE_TEXT || !has_instant(leaf)) return false;
    wanted.datetime = value_datetime(v->text, &wanted.instant);
    return wanted.datetime && among(leaf, &wanted);
}

/* ---- range --------------------------------------------------------------------------------- */

static bool is_within(const filter_range *r, int to_low, int to_high)
{
    if (r->has_low && (to_low < 0 || (to_low == 0 && r->low_open))) return false;
    return !r->has_high || !(to_high > 0 || (to_high == 0 && r->high_open));
}

static bool number_within(const filter_range *r, const value *v)
{
    return is_within(r, r->has_low ? value_compare_numbers(v, &r->low.v) : 0,
                     r->has_high ? value_compare_numbers(v, &r->high.v) : 0);
}

static bool instant_within(const filter_range *r, int64_t instant)
{
    return is_within(r, compare_instants(instant, r->low.instant),
                     compare_instants(instant, r->high.instant));
}

static bool text_within(const filter_range *r, varve_text text)
{
    return is_within(r, r->has_low ? value_compare_texts(text, r->low.v.text) : 0,
                     r->has_high ? value_compare_texts(text, r->high.v.text) : 0);
}

static bool bounds_are_instants(const filter_range *r)
{
    return (r->has_low || r->has_high) && (!r->has_low || r->low.datetime) &&
           (!r->has_high || r->high.datetime);
}

static truth range_truth(const filter_range *r, const value *v)
{
    int64_t instant;
    if (r->kind == RANGE_NUMBER)
        return value_is_number(v) ? truth_of(number_within(r, v)) : TRUTH_UNKNOWN;
    if (v->kind != VALUE_TEXT) return TRUTH_UNKNOWN;
    bool by_instant = r->kind == RANGE_DATETIME || bounds_are_instants(r);
    if (by_instant && value_datetime(v->text, &instant))
        return truth_of(instant_within(r, instant));
    return r->kind == RANGE_TEXT ? truth_of(text_within(r, v->text)) : TRUTH_UNKNOWN;
}

/* ---- what is there ------------------------------------------------------------------------- */

static bool is_null(const filter_node *leaf, const value *v)
{
    if (v->kind != VALUE_ARRAY || !leaf->expand) return v->kind == VALUE_NULL;
    const char *at = v->text.data + 1, *end = v->text.data + v->text.len;
    varve_text raw;
    while (value_next_element(&at, end, &raw))
        if (*raw.data == 'n') return true;
    return false;
}

static bool is_empty(const value *v)
{
    return v->kind == VALUE_NULL || (v->kind == VALUE_ARRAY && v->text.len == 2);
}

static bool count_within(const filter_node *leaf, const value *v)
{
    value count = {.kind = VALUE_INT, .integer = v->kind != VALUE_NULL};
    if (v->kind == VALUE_ARRAY) {
        const char *at = v->text.data + 1, *end = v->text.data + v->text.len;
        varve_text raw;
        for (count.integer = 0; value_next_element(&at, end, &raw);)
            count.integer++;
    }
    return number_within(&leaf->range, &count);
}

/* ---- all ----------------------------------------------------------------------------------- */

static truth text_truth(const filter_node *leaf, varve_text text)
{
    switch (leaf->op) {
    case FILTER_LIKE:
        return truth_of(filter_like(leaf->pattern, leaf->escape, leaf->ignore_case, text));
    case FILTER_PREFIX: return truth_of(filter_begins(leaf->pattern, leaf->ignore_case, text));
    case FILTER_SUBSTRING: return truth_of(filter_contains(leaf->pattern, leaf->ignore_case, text));
    case FILTER_REGEX: return truth_of(filter_regex_found(leaf->regex, text));
    default: return TRUTH_UNKNOWN;
    }
}

static truth geo_truth(const filter_node *leaf, const value *v)
{
    geo_point p;
    if (v->kind != VALUE_OBJECT || !filter_geo_point(v->text, &p)) return TRUTH_UNKNOWN;
    return truth_of(filter_geo_contains(leaf, p));
}

truth filter_leaf_value(const filter_node *leaf, const value *v)
{
    switch (leaf->op) {
    case FILTER_IS_NULL: return truth_of(is_null(leaf, v));
    case FILTER_IS_EMPTY: return truth_of(is_empty(v));
    case FILTER_EXISTS: return TRUTH_TRUE;
    case FILTER_COUNT: return truth_of(count_within(leaf, v));
    default:
        if (v->kind == VALUE_NULL) return TRUTH_UNKNOWN;
    }
    switch (leaf->op) {
    case FILTER_EQUAL: return truth_of(is_listed(leaf, v));
    case FILTER_EXCEPT: return truth_of(!is_listed(leaf, v));
    case FILTER_RANGE: return range_truth(&leaf->range, v);
    case FILTER_GEO_BOX:
    case FILTER_GEO_RADIUS:
    case FILTER_GEO_POLYGON: return geo_truth(leaf, v);
    default: return v->kind == VALUE_TEXT ? text_truth(leaf, v->text) : TRUTH_UNKNOWN;
    }
}

truth filter_leaf_absent(const filter_node *leaf)
{
    value none = {.kind = VALUE_NULL};
    switch (leaf->op) {
    case FILTER_IS_NULL: return truth_of(leaf->missing_counts);
    case FILTER_IS_EMPTY: return TRUTH_TRUE;
    case FILTER_EXISTS:
    case FILTER_NESTED: return TRUTH_FALSE;
    case FILTER_COUNT: return truth_of(count_within(leaf, &none));
    default: return TRUTH_UNKNOWN;
    }
}
