/* filter_where.c — a text of the where grammar to a tree, by recursive descent. Only parentheses
 * nest; NOTs in a row are counted. */
#include "filter/filter_where_inner.h"

#include "base/json_string.h"

#include <string.h>

/* A child of the same kind gives its own children: AND and OR are flat. */
static varve_status add_child(buffer *children, filter_op op, filter_node *child, varve_error *err)
{
    if (child->op != op || child->child_count == 0)
        return buffer_add(children, &child, sizeof(filter_node *), err);
    return buffer_add(children, child->children, child->child_count * sizeof(filter_node *), err);
}

static varve_status join(where_parser *p, filter_op op, const buffer *children, size_t at,
                         filter_node **ret, varve_error *err)
{
    void *copy;
    filter_node *node;
    size_t count = children->len / sizeof(filter_node *);
    VV_TRY(where_node(p, op, at, &node, err));
    VV_TRY(where_place(
        p, at, arena_take(&p->filter->memory, count, sizeof(filter_node *), &copy, err), err));
    if (count) memcpy(copy, children->data, children->len);
    node->children = copy;
    node->child_count = count;
    *ret = node;
    return VARVE_OK;
}

static varve_status too_deep(const where_parser *p, size_t at, varve_error *err)
{
    return where_fail(p, at, VARVE_LIMIT, err, "parentheses nest more than %d deep",
                      FILTER_DEPTH_MAX);
}

/* Such a group may stand where no parentheses were, but needs them when printed. */
varve_status where_group(where_parser *p, filter_op op, const buffer *children, size_t at,
                         filter_node **ret, varve_error *err)
{
    if (p->depth == FILTER_DEPTH_MAX) return too_deep(p, at, err);
    return join(p, op, children, at, ret, err);
}

varve_status where_pair(where_parser *p, filter_op op, filter_node *a, filter_node *b,
                        filter_node **ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer children;
    buffer_init(&children, FILTER_BYTES_MAX, "filter");
    VV_TRY(add_child(&children, op, a, err));
    VV_TRY(add_child(&children, op, b, err));
    return where_group(p, op, &children, p->token.at, ret, err);
}

varve_status where_not(where_parser *p, filter_node *child, filter_node **ret, varve_error *err)
{
    static const struct pair {
        filter_op from, to;
    } opposites[] = {
        {FILTER_TRUE, FILTER_FALSE}, {FILTER_FALSE, FILTER_TRUE}, {FILTER_UNKNOWN, FILTER_UNKNOWN}};
    filter_node *node;
    if (child->op == FILTER_NOT) {
        *ret = child->children[0];
        return VARVE_OK;
    }
    for (size_t i = 0; i < VV_COUNT(opposites); i++)
        if (child->op == opposites[i].from)
            return where_node(p, opposites[i].to, p->token.at, ret, err);
    VV_CLEANUP(buffer_done) buffer children;
    buffer_init(&children, FILTER_BYTES_MAX, "filter");
    VV_TRY(buffer_add(&children, &child, sizeof(filter_node *), err));
    VV_TRY(join(p, FILTER_NOT, &children, p->token.at, &node, err));
    *ret = node;
    return VARVE_OK;
}

static varve_status parse_or(where_parser *p, filter_node **ret, varve_error *err);

static varve_status parse_parentheses(where_parser *p, filter_node **ret, varve_error *err)
{
    filter_node *inner;
    if (p->depth == FILTER_DEPTH_MAX) return too_deep(p, p->token.at, err);
    p->depth++;
    VV_TRY(where_next(p, err));
    VV_TRY(parse_or(p, &inner, err));
    if (p->token.kind != WHERE_CLOSE) return where_expected(p, "AND, OR or ')'", err);
    VV_TRY(where_next(p, err));
    p->depth--;
    *ret = inner;
    return VARVE_OK;
}

static varve_status parse_not(where_parser *p, filter_node **ret, varve_error *err)
{
    bool negated = false;
    filter_node *node;
    for (; p->token.kind == WHERE_NOT; negated = !negated)
        VV_TRY(where_next(p, err));
    if (p->token.kind == WHERE_OPEN)
        VV_TRY(parse_parentheses(p, &node, err));
    else
        VV_TRY(where_predicate(p, &node, err));
    if (negated) return where_not(p, node, ret, err);
    *ret = node;
    return VARVE_OK;
}

/* OR of ANDs of NOTs. */
static varve_status parse_chain(where_parser *p, filter_op op, where_kind word, filter_node **ret,
                                varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer children;
    filter_node *child;
    size_t at = p->token.at;
    buffer_init(&children, FILTER_BYTES_MAX, "filter");
    for (size_t count = 1;; count++) {
        if (op == FILTER_OR)
            VV_TRY(parse_chain(p, FILTER_AND, WHERE_AND, &child, err));
        else
            VV_TRY(parse_not(p, &child, err));
        if (p->token.kind != word && count == 1) {
            *ret = child;
            return VARVE_OK;
        }
        VV_TRY(add_child(&children, op, child, err));
        if (p->token.kind != word) return join(p, op, &children, at, ret, err);
        VV_TRY(where_next(p, err));
    }
}

static varve_status parse_or(where_parser *p, filter_node **ret, varve_error *err)
{
    return parse_chain(p, FILTER_OR, WHERE_OR, ret, err);
}

static varve_status check_text(const where_parser *p, varve_error *err)
{
    if (p->text.len > FILTER_TEXT_MAX)
        return vv_fail(err, VARVE_LIMIT, "where: a filter of more than %zu bytes of text",
                       FILTER_TEXT_MAX);
    for (size_t at = 0, step; at < p->text.len; at += step) {
        step = json_utf8_length(p->text.data + at, p->text.data + p->text.len);
        if (step == 0) {
            where_parser before = {.text = {p->text.data, at}};
            return where_fail(&before, at, VARVE_INVALID, err, "not valid UTF-8");
        }
    }
    return VARVE_OK;
}

static varve_status parse(where_parser *p, varve_error *err)
{
    VV_TRY(check_text(p, err));
    VV_TRY(where_parameters_init(p, err));
    VV_TRY(where_next(p, err));
    VV_TRY(parse_or(p, &p->filter->root, err));
    if (p->token.kind != WHERE_END) return where_expected(p, "AND, OR or the end", err);
    return where_parameters_check(p, err);
}

varve_status filter_parse_where(varve_text text, const filter_parameter *parameters,
                                size_t parameter_count, filter **ret, varve_error *err)
{
    VV_CLEANUP(filter_freep) filter *made = NULL;
    VV_TRY(filter_new(&made, err));
    where_parser p = {.text = {text.data ? text.data : "", text.len},
                      .filter = made,
                      .parameters = parameters,
                      .parameter_count = parameter_count};
    buffer_init(&p.scratch, FILTER_BYTES_MAX, "text of a parameter");
    varve_status status = parse(&p, err);
    buffer_done(&p.scratch);
    if (status != VARVE_OK) return status;
    *ret = made;
    made = NULL;
    return VARVE_OK;
}
