/* filter.c — the tree of a filter: made, filled by parsers, freed. */
#include "filter/filter.h"

#include "filter/filter_regex.h"

#include <stdlib.h>

varve_status filter_new(filter **ret, varve_error *err)
{
    filter *f = calloc(1, sizeof *f);
    if (!f) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    arena_init(&f->memory, FILTER_BYTES_MAX, "filter");
    *ret = f;
    return VARVE_OK;
}

void filter_free(filter *f)
{
    if (!f) return;
    filter_regex_free(f->regexes);
    arena_done(&f->memory);
    free(f);
}

void filter_freep(filter **f) { filter_free(*f); }

varve_status filter_node_new(filter *f, filter_op op, filter_node **ret, varve_error *err)
{
    void *node;
    if (f->node_count == FILTER_NODES_MAX)
        return vv_fail(err, VARVE_LIMIT, "the filter has more than %d conditions",
                       FILTER_NODES_MAX);
    VV_TRY(arena_take(&f->memory, 1, sizeof(filter_node), &node, err));
    f->node_count++;
    *ret = node;
    (*ret)->op = op;
    return VARVE_OK;
}

varve_status filter_value_make(filter *f, const value *v, filter_value *ret, varve_error *err)
{
    filter_value made = {.v = *v};
    if (f->value_total == FILTER_VALUES_MAX)
        return vv_fail(err, VARVE_LIMIT, "the filter has more than %d values", FILTER_VALUES_MAX);
    if (v->kind == VALUE_DOUBLE && v->real == 0) made.v.real = 0; /* no -0 */
    if (v->kind >= VALUE_TEXT)
        VV_TRY(arena_text(&f->memory, v->text.data, v->text.len, &made.v.text, err));
    if (v->kind == VALUE_TEXT) made.datetime = value_datetime(made.v.text, &made.instant);
    f->value_total++;
    *ret = made;
    return VARVE_OK;
}

varve_status filter_regex_compile(filter *f, filter_node *node, varve_error *err)
{
    char reason[REGEX_REASON_BYTES] = "";
    if (f->regex_count == FILTER_REGEXES_MAX)
        return vv_fail(err, VARVE_LIMIT, "the filter has more than %d regular expressions",
                       FILTER_REGEXES_MAX);
    if (node->pattern.len > FILTER_PATTERN_MAX)
        return vv_fail(err, VARVE_LIMIT, "a regular expression of more than %d bytes",
                       FILTER_PATTERN_MAX);
    switch (filter_regex_new(node->pattern, f->regexes, &f->regexes, reason)) {
    case REGEX_OK: break;
    case REGEX_BAD:
        return vv_fail(err, VARVE_INVALID, "not a regular expression of RE2: %s", reason);
    case REGEX_NO_MEMORY:
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a regular expression");
    }
    f->regex_count++;
    node->regex = f->regexes;
    return VARVE_OK;
}
