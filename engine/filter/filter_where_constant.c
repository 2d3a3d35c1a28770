/* filter_where_constant.c — conditions on literals: 1 = 1, NULL IS NULL. The condition
 * is built as for a field, and its truth for the literal stands in the tree instead. */
#include "filter/filter_where_inner.h"

static truth truth_of_node(const filter_node *node, const value *v);

/* Of any child, or of all. */
static truth truth_of_children(const filter_node *node, const value *v)
{
    truth found = node->op == FILTER_OR ? TRUTH_FALSE : TRUTH_TRUE;
    for (size_t i = 0; i < node->child_count; i++) {
        truth one = truth_of_node(node->children[i], v);
        found = node->op == FILTER_OR ? VV_MAX(found, one) : VV_MIN(found, one);
    }
    return found;
}

/* Such trees are no deeper than one condition makes them. */
static truth truth_of_node(const filter_node *node, const value *v)
{
    truth found;
    switch (node->op) {
    case FILTER_TRUE: return TRUTH_TRUE;
    case FILTER_FALSE: return TRUTH_FALSE;
    case FILTER_UNKNOWN: return TRUTH_UNKNOWN;
    case FILTER_AND:
    case FILTER_OR: return truth_of_children(node, v);
    case FILTER_NOT: return (truth)(TRUTH_TRUE - truth_of_node(node->children[0], v));
    default: found = filter_leaf_value(node, v);
    }
    return node->two_valued && found == TRUTH_UNKNOWN ? TRUTH_FALSE : found;
}

varve_status where_constant(where_parser *p, const where_literal *literal, filter_node **ret,
                            varve_error *err)
{
    static const filter_op ops[] = {FILTER_FALSE, FILTER_UNKNOWN, FILTER_TRUE};
    const where_operand none = {.at = literal->at};
    filter_node *node;
    VV_TRY(where_condition(p, &none, &node, err));
    return where_node(p, ops[truth_of_node(node, &literal->value.v)], literal->at, ret, err);
}
