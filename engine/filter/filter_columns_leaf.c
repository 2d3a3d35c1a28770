/* filter_columns_leaf.c — a leaf against columns: which columns its path means, and what the values
 * there say together.
 *
 * Of several values in one row the greatest truth counts, so that a row has at least the truth
 * asked for if one of its values has it: unions of slots. Rows without any value follow, and
 * IS_EMPTY, which holds for all values. A flat member whose name is the keys of the path joined by
 * dots has its own column, which goes before the other one in the rows that have it. */
#include "filter/filter_columns_inner.h"

#include <stdlib.h>
#include <string.h>

typedef struct place { /* columns that a path leads to */
    bool there, each_there, into_arrays;
    bool unknown; /* there may be more: columns are incomplete */
    column at;    /* the values */
    column each;  /* into_arrays: the elements of arrays among them */
} place;

static bool is_geo(filter_op op)
{
    return op == FILTER_GEO_BOX || op == FILTER_GEO_RADIUS || op == FILTER_GEO_POLYGON;
}

static bool is_comparison(filter_op op) { return op >= FILTER_EQUAL && op <= FILTER_TOKENS; }

static bool looks_into_arrays(const filter_node *leaf)
{
    return is_geo(leaf->op) ||
           (leaf->expand && (is_comparison(leaf->op) || leaf->op == FILTER_IS_NULL));
}

/* ---- the values of one column -------------------------------------------------------------- */

/* Values of a kind that are all alike to the leaf; sample: one of them. */
static varve_status add_alike(leaf_question *q, const column *c, column_kind kind,
                              const value *sample, varve_error *err)
{
    if (c->kinds[kind].count == 0 || filter_leaf_value(q->leaf, sample) < q->threshold)
        return VARVE_OK;
    return question_kind(q, c, kind, q->sure, err);
}

static varve_status add_plain_kinds(leaf_question *q, const column *c, varve_error *err)
{
    value no = {.kind = VALUE_BOOL}, yes = {.kind = VALUE_BOOL, .boolean = true};
    value object = {.kind = VALUE_OBJECT, .text = {"{}", 2}};
    VV_TRY(add_alike(q, c, COLUMN_FALSE, &no, err));
    VV_TRY(add_alike(q, c, COLUMN_TRUE, &yes, err));
    return is_geo(q->leaf->op) ? points_rows(q, c, err)
                               : add_alike(q, c, COLUMN_OBJECT, &object, err);
}

/* A comparison or an area. arrays: count as values. */
static varve_status add_compared(leaf_question *q, const column *c, bool arrays, bool others,
                                 varve_error *err)
{
    value null = {.kind = VALUE_NULL}, array = {.kind = VALUE_ARRAY, .text = {"[]", 2}};
    VV_TRY(add_alike(q, c, COLUMN_NULL, &null, err));
    if (arrays) VV_TRY(add_alike(q, c, COLUMN_ARRAY, &array, err));
    if (!others) return VARVE_OK;
    VV_TRY(add_plain_kinds(q, c, err));
    VV_TRY(numbers_rows(q, c, err));
    return texts_rows(q, c, err);
}

static varve_status add_counted(leaf_question *q, const column *c, varve_error *err)
{
    static const column_kind ones[] = {COLUMN_FALSE, COLUMN_TRUE,     COLUMN_NUMBER,
                                       COLUMN_PLAIN, COLUMN_DATETIME, COLUMN_OBJECT};
    value none = {.kind = VALUE_NULL}, one = {.kind = VALUE_BOOL};
    VV_TRY(add_alike(q, c, COLUMN_NULL, &none, err));
    for (size_t i = 0; i < VV_COUNT(ones); i++)
        VV_TRY(add_alike(q, c, ones[i], &one, err));
    return lengths_rows(q, c, err);
}

static varve_status add_kinds(leaf_question *q, const column *c, bool arrays, uint64_t *bits,
                              varve_error *err)
{
    for (int kind = 0; kind < COLUMN_KINDS; kind++)
        if (kind != COLUMN_EMPTY && (arrays || kind != COLUMN_ARRAY))
            VV_TRY(question_kind(q, c, (column_kind)kind, bits, err));
    return VARVE_OK;
}

/* Rows that have a value that is neither null nor []. */
static varve_status add_filled(leaf_question *q, const column *c, uint64_t *bits, varve_error *err)
{
    column_run run = {0, c->tables[COLUMN_LENGTHS].count};
    VV_TRY(column_seek(c, COLUMN_LENGTHS, (column_key){1, 0}, COLUMN_AT, &run.first, err));
    VV_TRY(question_run(q, c, COLUMN_LENGTHS, run, bits, err));
    for (int kind = COLUMN_FALSE; kind < COLUMN_KINDS; kind++)
        if (kind != COLUMN_EMPTY && kind != COLUMN_ARRAY)
            VV_TRY(question_kind(q, c, (column_kind)kind, bits, err));
    return VARVE_OK;
}

/* ---- the values of a place ----------------------------------------------------------------- */

static varve_status add_values(leaf_question *q, const place *p, varve_error *err)
{
    const filter_node *leaf = q->leaf;
    switch (leaf->op) {
    case FILTER_IS_NULL:
        if (p->each_there) VV_TRY(question_kind(q, &p->each, COLUMN_NULL, q->sure, err));
        return question_kind(q, &p->at, COLUMN_NULL, q->sure, err);
    case FILTER_EXISTS: return add_kinds(q, &p->at, true, q->sure, err);
    case FILTER_COUNT: return add_counted(q, &p->at, err);
    default: break;
    }
    VV_TRY(add_compared(q, &p->at, !p->into_arrays, !leaf->array_only, err));
    return p->each_there ? add_compared(q, &p->each, true, true, err) : VARVE_OK;
}

/* Rows in which the row evaluator meets a value. */
static varve_status add_present(leaf_question *q, const place *p, uint64_t *bits, varve_error *err)
{
    bool elements = p->into_arrays && q->leaf->op != FILTER_IS_NULL;
    VV_TRY(add_kinds(q, &p->at, !elements, bits, err));
    if (elements && q->leaf->array_only) VV_TRY(question_kind(q, &p->at, COLUMN_EMPTY, bits, err));
    return elements && p->each_there ? add_kinds(q, &p->each, true, bits, err) : VARVE_OK;
}

/* Counts of slots say it only where each has one array at most. */
static bool may_have_elements(const column *c)
{
    uint32_t arrays = c->kinds[COLUMN_ARRAY].count;
    return arrays && !(c->single && arrays == c->kinds[COLUMN_EMPTY].count);
}

static varve_status place_find(const evaluation *e, const filter_node *leaf, const path_step *steps,
                               size_t count, place *ret, varve_error *err)
{
    path_step more[2 * PATH_STEPS_MAX + 1];
    place p = {.into_arrays = looks_into_arrays(leaf)};
    VV_TRY(column_find(e->columns, steps, count, &p.at, &p.there, err));
    if (p.there && p.into_arrays && may_have_elements(&p.at) && count < VV_COUNT(more)) {
        memcpy(more, steps, count * sizeof *steps);
        more[count] = (path_step){.kind = PATH_EACH};
        VV_TRY(column_find(e->columns, more, count + 1, &p.each, &p.each_there, err));
        p.unknown = !p.each_there;
    }
    p.unknown = columns_incomplete(e->columns) && (!p.there || p.unknown);
    *ret = p;
    return VARVE_OK;
}

static void all_open(const leaf_question *q)
{
    filter_work *work = q->e->work;
    memset(q->sure, 0, q->e->words * 8);
    memset(q->open, 0, q->e->words * 8);
    bits_flip(q->e, q->open);
    if (!work->no_column) work->no_column_path = q->leaf->path->text;
    work->no_column = true;
}

/* Sure and open rows for a path of keys and []. */
static varve_status place_rows(leaf_question *q, const place *p, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *present = NULL;
    if (p->unknown) {
        all_open(q);
        return VARVE_OK;
    }
    bool empty = q->leaf->op == FILTER_IS_EMPTY,
         absent = filter_leaf_absent(q->leaf) >= q->threshold;
    if (p->there && !empty) VV_TRY(add_values(q, p, err));
    if (!absent && !empty) return VARVE_OK;
    VV_TRY(bits_new(q->e, &present, err));
    if (p->there)
        VV_TRY(empty ? add_filled(q, &p->at, present, err) : add_present(q, p, present, err));
    bits_flip(q->e, present);
    bits_or(q->e, q->sure, present);
    return VARVE_OK;
}

/* With an index in the path the columns hold more than is meant: what they find is open. */
static varve_status indexed_rows(leaf_question *q, const place *p, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *present = NULL;
    if (p->unknown) {
        all_open(q);
        return VARVE_OK;
    }
    if (filter_leaf_absent(q->leaf) < q->threshold) {
        if (p->there) VV_TRY(add_values(q, p, err));
        bits_or(q->e, q->open, q->sure);
        memset(q->sure, 0, q->e->words * 8);
        return VARVE_OK;
    }
    VV_TRY(bits_new(q->e, &present, err));
    if (p->there) VV_TRY(add_kinds(q, &p->at, true, present, err));
    bits_or(q->e, q->open, present);
    bits_flip(q->e, present);
    bits_or(q->e, q->sure, present);
    return VARVE_OK;
}

varve_status value_rows(leaf_question *q, const path_step *steps, size_t count, varve_error *err)
{
    place p;
    VV_TRY(place_find(q->e, q->leaf, steps, count, &p, err));
    if (p.unknown)
        all_open(q);
    else if (p.there)
        VV_TRY(add_values(q, &p, err));
    return VARVE_OK;
}

static bool has_index(const path_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].kind == PATH_INDEX) return true;
    return false;
}

static varve_status steps_rows(leaf_question *q, const path_step *steps, size_t count,
                               varve_error *err)
{
    place p;
    VV_TRY(place_find(q->e, q->leaf, steps, count, &p, err));
    return has_index(steps, count) ? indexed_rows(q, &p, err) : place_rows(q, &p, err);
}

/* ---- flat members -------------------------------------------------------------------------- */

bool flat_path_make(const path_step *steps, size_t count, flat_path *ret)
{
    size_t keys = 0, len = 0;
    for (; keys < count && steps[keys].kind == PATH_KEY; keys++) {
        varve_text key = steps[keys].key;
        if (len + 1 + key.len > sizeof ret->name) return false;
        if (keys > 0) ret->name[len++] = '.';
        if (key.len) memcpy(ret->name + len, key.data, key.len);
        len += key.len;
    }
    if (keys < 2 || count > PATH_STEPS_MAX) return false;
    ret->steps[0] = (path_step){.kind = PATH_KEY, .key = {ret->name, len}};
    memcpy(ret->steps + 1, steps + keys, (count - keys) * sizeof *steps);
    ret->count = 1 + count - keys;
    return true;
}

/* In the rows of `flat` what the flat member says, in others what is there already. */
static varve_status add_flat(leaf_question *q, const flat_path *flat, const column *member,
                             varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *present = NULL;
    VV_CLEANUP(vv_freep) uint64_t *sure = NULL;
    VV_CLEANUP(vv_freep) uint64_t *open = NULL;
    VV_TRY(bits_new(q->e, &present, err));
    VV_TRY(bits_new(q->e, &sure, err));
    VV_TRY(bits_new(q->e, &open, err));
    leaf_question inner = {q->e, q->leaf, q->threshold, sure, open};
    VV_TRY(add_kinds(q, member, true, present, err));
    VV_TRY(steps_rows(&inner, flat->steps, flat->count, err));
    bits_and_not(q->e, q->sure, present);
    bits_and_not(q->e, q->open, present);
    bits_and(q->e, sure, present);
    bits_and(q->e, open, present);
    bits_or(q->e, q->sure, sure);
    bits_or(q->e, q->open, open);
    return VARVE_OK;
}

static varve_status path_rows(leaf_question *q, const path_step *steps, size_t count,
                              varve_error *err)
{
    flat_path flat;
    column member;
    bool found;
    VV_TRY(steps_rows(q, steps, count, err));
    if (!flat_path_make(steps, count, &flat)) return VARVE_OK;
    VV_TRY(column_find(q->e->columns, flat.steps, 1, &member, &found, err));
    if (found) return add_flat(q, &flat, &member, err);
    if (columns_incomplete(q->e->columns)) all_open(q);
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

varve_status leaf_rows(evaluation *e, const filter_node *leaf, truth threshold, row_set *ret,
                       varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *sure = NULL;
    VV_CLEANUP(vv_freep) uint64_t *open = NULL;
    VV_TRY(bits_new(e, &sure, err));
    VV_TRY(bits_new(e, &open, err));
    leaf_question q = {e, leaf, threshold, sure, open};
    bool odd = leaf->array_only && !is_comparison(leaf->op);
    if (!e->columns || odd)
        all_open(&q);
    else
        VV_TRY(path_rows(&q, leaf->path->steps, leaf->path->count, err));
    *ret = (row_set){.sure = sure};
    sure = NULL;
    if (!bits_any(e, open)) return VARVE_OK;
    bits_or(e, open, ret->sure);
    ret->may = open;
    open = NULL;
    return VARVE_OK;
}
