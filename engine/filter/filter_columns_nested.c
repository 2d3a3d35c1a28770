/* filter_columns_nested.c — NESTED against columns: which rows have objects there, and in any of
 * them, not always the same one, what the child asks for. Only an upper bound, decided by row.
 *
 * That an object makes the child TRUE means for AND that all its children are TRUE for it, for OR
 * that one is; so the unions over all objects of a row contain what is sought. NOT and counting
 * promise nothing of the kind. */
#include "filter/filter_columns_inner.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 4 /* the path, its flat member, and the elements of both */

typedef struct nesting {
    evaluation *e;
    struct {
        path_step steps[2 * PATH_STEPS_MAX];
        size_t count;
    } places[PLACES_MAX];
    size_t place_count;
    flat_path flat;
} nesting;

static void add_place(nesting *n, const path_step *steps, size_t count, bool each)
{
    size_t at = n->place_count++;
    memcpy(n->places[at].steps, steps, count * sizeof *steps);
    n->places[at].count = count;
    if (each) n->places[at].steps[n->places[at].count++] = (path_step){.kind = PATH_EACH};
}

static void add_places(nesting *n, const path *p)
{
    for (int each = 0; each < 2; each++) {
        add_place(n, p->steps, p->count, each);
        if (flat_path_make(p->steps, p->count, &n->flat))
            add_place(n, n->flat.steps, n->flat.count, each);
    }
}

/* ---- children ------------------------------------------------------------------------------ */

/* Chains beyond the limits of paths have no column, though rows may have values there. */
static bool is_too_long(const path_step *steps, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += steps[i].kind == PATH_KEY ? steps[i].key.len : 0;
    return count > PATH_STEPS_MAX || bytes > PATH_BYTES_MAX;
}

static varve_status joined_rows(leaf_question *q, const nesting *n, size_t place,
                                const path_step *steps, size_t count, varve_error *err)
{
    path_step all[3 * PATH_STEPS_MAX];
    size_t before = n->places[place].count;
    memcpy(all, n->places[place].steps, before * sizeof *all);
    memcpy(all + before, steps, count * sizeof *all);
    if (!is_too_long(all, before + count)) return value_rows(q, all, before + count, err);
    memset(q->open, 0, q->e->words * 8);
    bits_flip(q->e, q->open);
    return VARVE_OK;
}

/* In what any of the objects says. */
static varve_status leaf_may(const nesting *n, const filter_node *leaf, uint64_t *bits,
                             varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *open = NULL;
    VV_CLEANUP(vv_freep) flat_path *flat = calloc(1, sizeof *flat);
    if (!flat) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    VV_TRY(bits_new(n->e, &open, err));
    leaf_question q = {n->e, leaf, TRUTH_TRUE, bits, open};
    bool is_flat = flat_path_make(leaf->path->steps, leaf->path->count, flat);
    for (size_t i = 0; i < n->place_count; i++) {
        VV_TRY(joined_rows(&q, n, i, leaf->path->steps, leaf->path->count, err));
        if (is_flat) VV_TRY(joined_rows(&q, n, i, flat->steps, flat->count, err));
    }
    bits_or(n->e, bits, open);
    return VARVE_OK;
}

static varve_status child_may(const nesting *n, const filter_node *node, uint64_t *bits,
                              varve_error *err);

static varve_status or_may(const nesting *n, const filter_node *node, uint64_t *bits,
                           varve_error *err)
{
    for (size_t i = 0; i < node->child_count; i++)
        VV_TRY(child_may(n, node->children[i], bits, err));
    return VARVE_OK;
}

static varve_status and_may(const nesting *n, const filter_node *node, uint64_t *bits,
                            varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *all = NULL;
    VV_CLEANUP(vv_freep) uint64_t *one = NULL;
    VV_TRY(bits_new(n->e, &all, err));
    VV_TRY(bits_new(n->e, &one, err));
    bits_flip(n->e, all);
    for (size_t i = 0; i < node->child_count; i++) {
        memset(one, 0, n->e->words * 8);
        VV_TRY(child_may(n, node->children[i], one, err));
        bits_and(n->e, all, one);
    }
    bits_or(n->e, bits, all);
    return VARVE_OK;
}

static bool is_bounded_leaf(const filter_node *node)
{
    return node->op >= FILTER_EQUAL && node->op <= FILTER_GEO_POLYGON &&
           node->op != FILTER_IS_EMPTY && filter_leaf_absent(node) != TRUTH_TRUE &&
           (!node->array_only || node->op <= FILTER_TOKENS);
}

/* OR the rows into bits in which the child may be TRUE for an object. */
static varve_status child_may(const nesting *n, const filter_node *node, uint64_t *bits,
                              varve_error *err)
{
    VV_TRY(evaluation_late(n->e, err));
    if (node->op == FILTER_AND) return and_may(n, node, bits, err);
    if (node->op == FILTER_OR) return or_may(n, node, bits, err);
    if (node->op == FILTER_FALSE || node->op == FILTER_UNKNOWN) return VARVE_OK;
    if (is_bounded_leaf(node)) return leaf_may(n, node, bits, err);
    memset(bits, 0, n->e->words * 8);
    bits_flip(n->e, bits);
    return VARVE_OK;
}

/* ---- the node ------------------------------------------------------------------------------ */

/* Rows with an object at any of the places. */
static varve_status object_rows(const nesting *n, uint64_t *bits, varve_error *err)
{
    column c;
    bool found;
    for (size_t i = 0; i < n->place_count; i++) {
        VV_TRY(column_find(n->e->columns, n->places[i].steps, n->places[i].count, &c, &found, err));
        if (found) VV_TRY(column_or_kind(&c, COLUMN_OBJECT, bits, &n->e->work->postings, err));
        if (found || !columns_incomplete(n->e->columns)) continue;
        memset(bits, 0, n->e->words * 8);
        bits_flip(n->e, bits);
        return VARVE_OK;
    }
    return VARVE_OK;
}

static varve_status bound_rows(evaluation *e, const filter_node *node, uint64_t *bits,
                               varve_error *err)
{
    VV_CLEANUP(vv_freep) nesting *n = calloc(1, sizeof *n);
    VV_CLEANUP(vv_freep) uint64_t *child = NULL;
    if (!n) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    n->e = e;
    add_places(n, node->path);
    VV_TRY(bits_new(e, &child, err));
    VV_TRY(object_rows(n, bits, err));
    VV_TRY(child_may(n, node->children[0], child, err));
    bits_and(e, bits, child);
    return VARVE_OK;
}

varve_status nested_rows(evaluation *e, const filter_node *node, row_set *ret, varve_error *err)
{
    VV_TRY(bits_new(e, &ret->sure, err));
    VV_TRY(bits_new(e, &ret->may, err));
    if (e->columns && node->path->count <= PATH_STEPS_MAX)
        return bound_rows(e, node, ret->may, err);
    bits_flip(e, ret->may);
    return VARVE_OK;
}
