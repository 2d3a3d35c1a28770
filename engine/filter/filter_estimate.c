/* filter_estimate.c — about how many rows a filter matches, for plans: counts of columns, no
 * postings. Conditions are taken as independent; what cannot be read counts as a fixed share. */
#include "filter/filter_columns_inner.h"

#include <string.h>

#define SHARE_OF_PATTERN 0.1 /* of texts that match one */
#define SHARE_OF_AREA    0.1
#define SHARE_UNKNOWN    0.3 /* of rows, where nothing is known */
#define LITERALS_READ    64  /* of a longer list the first ones stand for all */

static double share(double slots, const columns *cols)
{
    double rows = columns_rows(cols);
    return rows > 0 ? VV_MIN(slots / rows, 1) : 0;
}

static double present_slots(const column *c)
{
    double slots = 0;
    for (int kind = 0; kind < COLUMN_KINDS; kind++)
        if (kind != COLUMN_EMPTY) slots += c->kinds[kind].count;
    return slots;
}

static double text_slots(const column *c)
{
    return (double)c->kinds[COLUMN_PLAIN].count + c->kinds[COLUMN_DATETIME].count;
}

/* ---- leaves -------------------------------------------------------------------------------- */

static double run_slots(const column *c, column_table table, column_run run)
{
    uint64_t slots;
    return column_run_slots(c, table, run, &slots, NULL) == VARVE_OK ? (double)slots : 0;
}

static double literal_slots(const column *c, const filter_value *l)
{
    column_run run = {0, 0}, open = {0, 0};
    if (l->v.kind == VALUE_BOOL) return c->kinds[l->v.boolean ? COLUMN_TRUE : COLUMN_FALSE].count;
    if (value_is_number(&l->v))
        return number_run(c, &l->v, &run, NULL) == VARVE_OK ? run_slots(c, COLUMN_NUMBERS, run) : 0;
    if (l->v.kind != VALUE_TEXT) return 0;
    if (l->datetime)
        return instant_run(c, l->instant, &run, NULL) == VARVE_OK
                   ? run_slots(c, COLUMN_INSTANTS, run)
                   : 0;
    if (text_run(c, l->v.text, &run, &open, NULL) != VARVE_OK) return 0;
    return run_slots(c, COLUMN_KEYWORDS, run) + run_slots(c, COLUMN_KEYWORDS, open);
}

static double listed_slots(const column *c, const filter_node *leaf)
{
    size_t count = VV_MIN(leaf->value_count, (size_t)LITERALS_READ);
    double slots = 0;
    for (size_t i = 0; i < count; i++)
        slots += literal_slots(c, &leaf->values[i]);
    return count ? slots * (double)leaf->value_count / (double)count : 0;
}

static double range_slots(const column *c, const filter_range *r)
{
    column_run run = {0, 0}, open[2];
    if (r->kind == RANGE_NUMBER)
        return number_range_run(c, r, &run, NULL) == VARVE_OK ? run_slots(c, COLUMN_NUMBERS, run)
                                                              : 0;
    if (range_is_of_instants(r))
        return instant_range_run(c, r, &run, NULL) == VARVE_OK ? run_slots(c, COLUMN_INSTANTS, run)
                                                               : 0;
    return text_range_run(c, r, &run, open, NULL) == VARVE_OK ? run_slots(c, COLUMN_KEYWORDS, run)
                                                              : 0;
}

static double prefix_slots(const column *c, const filter_node *leaf)
{
    column_run run, open;
    if (leaf->ignore_case) return text_slots(c) * SHARE_OF_PATTERN;
    return prefix_run(c, leaf->pattern, &run, &open, NULL) == VARVE_OK
               ? run_slots(c, COLUMN_KEYWORDS, run)
               : 0;
}

/* Of the values of one column; `there`: rows that have any. */
static double column_slots(const column *c, const filter_node *leaf)
{
    switch (leaf->op) {
    case FILTER_EQUAL: return listed_slots(c, leaf);
    case FILTER_EXCEPT: return VV_MAX(present_slots(c) - listed_slots(c, leaf), 0);
    case FILTER_RANGE: return range_slots(c, &leaf->range);
    case FILTER_PREFIX: return prefix_slots(c, leaf);
    case FILTER_IS_NULL: return c->kinds[COLUMN_NULL].count;
    case FILTER_GEO_BOX:
    case FILTER_GEO_RADIUS:
    case FILTER_GEO_POLYGON: return c->points.count * SHARE_OF_AREA;
    case FILTER_COUNT:
    case FILTER_NESTED: return present_slots(c) / 2;
    default: return text_slots(c) * SHARE_OF_PATTERN;
    }
}

static double missing_slots(const columns *cols, const column *c)
{
    return VV_MAX(columns_rows(cols) - present_slots(c), 0);
}

static double leaf_slots(const columns *cols, const filter_node *leaf, const column *at,
                         const column *each)
{
    double slots;
    if (leaf->op == FILTER_EXISTS) return present_slots(at);
    if (leaf->op == FILTER_IS_EMPTY)
        return missing_slots(cols, at) + at->kinds[COLUMN_NULL].count +
               at->kinds[COLUMN_EMPTY].count;
    slots = column_slots(at, leaf);
    if (each) slots += column_slots(each, leaf);
    if (filter_leaf_absent(leaf) == TRUTH_TRUE) slots += missing_slots(cols, at);
    return slots;
}

static double leaf_share(const columns *cols, const filter_node *leaf)
{
    path_step steps[PATH_STEPS_MAX + 1];
    uint32_t count = leaf->path->count;
    column at, each;
    bool there, each_there = false;
    if (!cols || count > PATH_STEPS_MAX) return SHARE_UNKNOWN;
    if (column_find(cols, leaf->path->steps, count, &at, &there, NULL) != VARVE_OK)
        return SHARE_UNKNOWN;
    if (!there && columns_incomplete(cols)) return SHARE_UNKNOWN;
    if (!there) return filter_leaf_absent(leaf) == TRUTH_TRUE;
    if (at.kinds[COLUMN_ARRAY].count) {
        memcpy(steps, leaf->path->steps, count * sizeof *steps);
        steps[count] = (path_step){.kind = PATH_EACH};
        if (column_find(cols, steps, count + (size_t)1, &each, &each_there, NULL) != VARVE_OK)
            return SHARE_UNKNOWN;
    }
    return share(leaf_slots(cols, leaf, &at, each_there ? &each : NULL), cols);
}

/* ---- the tree ------------------------------------------------------------------------------ */

static double node_share(const columns *cols, const filter_node *node);

static double all_share(const columns *cols, const filter_node *node)
{
    double result = 1;
    for (size_t i = 0; i < node->child_count; i++)
        result *= node_share(cols, node->children[i]);
    return result;
}

static double any_share(const columns *cols, const filter_node *node)
{
    double none = 1;
    for (size_t i = 0; i < node->child_count; i++)
        none *= 1 - node_share(cols, node->children[i]);
    return 1 - none;
}

/* The expected number of children that hold against the number asked for, as a plain ratio. */
static double at_least_share(const columns *cols, const filter_node *node)
{
    double sum = 0;
    if (node->at_least == 0) return 1;
    for (size_t i = 0; i < node->child_count; i++)
        sum += node_share(cols, node->children[i]);
    return VV_MIN(sum / (double)node->at_least, 1);
}

static double ids_share(const columns *cols, const filter_node *node)
{
    return cols ? share((double)node->id_count, cols) : SHARE_UNKNOWN;
}

static double node_share(const columns *cols, const filter_node *node)
{
    switch (node->op) {
    case FILTER_TRUE:
    case FILTER_HAS_VECTOR: return 1;
    case FILTER_FALSE:
    case FILTER_UNKNOWN: return 0;
    case FILTER_AND: return all_share(cols, node);
    case FILTER_OR: return any_share(cols, node);
    case FILTER_NOT: return 1 - node_share(cols, node->children[0]);
    case FILTER_AT_LEAST: return at_least_share(cols, node);
    case FILTER_HAS_ID: return ids_share(cols, node);
    case FILTER_ID: return SHARE_UNKNOWN;
    case FILTER_SLICE: return node->slice_total ? 1 / (double)node->slice_total : 0;
    default: return leaf_share(cols, node);
    }
}

double filter_estimate(const filter *f, const columns *cols) { return node_share(cols, f->root); }
