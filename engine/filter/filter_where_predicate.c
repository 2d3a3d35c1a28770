/* filter_where_predicate.c — one condition of the where grammar. */
#include "filter/filter_where_inner.h"

#include <string.h>
#include <strings.h>

static bool is_comparison(where_kind kind) { return kind >= WHERE_EQ && kind <= WHERE_GE; }

/* 5 < a is a > 5. */
static where_kind turned_round(where_kind op)
{
    switch (op) {
    case WHERE_LT: return WHERE_GT;
    case WHERE_LE: return WHERE_GE;
    case WHERE_GT: return WHERE_LT;
    case WHERE_GE: return WHERE_LE;
    default: return op;
    }
}

static varve_status negate_if(where_parser *p, bool negated, filter_node *node, filter_node **ret,
                              varve_error *err)
{
    if (negated) return where_not(p, node, ret, err);
    *ret = node;
    return VARVE_OK;
}

static varve_status unknown(where_parser *p, size_t at, filter_node **ret, varve_error *err)
{
    return where_node(p, FILTER_UNKNOWN, at, ret, err);
}

/* ---- patterns -------------------------------------------------------------------------------- */

/* ESCAPE 'c': one ASCII character, with something behind it wherever it is in the pattern. */
static varve_status parse_escape(where_parser *p, varve_text pattern, char *ret, varve_error *err)
{
    varve_text escape;
    VV_TRY(where_next(p, err));
    size_t at = p->token.at;
    VV_TRY(where_text_parse(p, "one character in quotes", &escape, err));
    if (escape.len != 1 || (unsigned char)escape.data[0] >= 0x80)
        return where_fail(p, at, VARVE_INVALID, err, "expected one ASCII character after ESCAPE");
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] == escape.data[0] && ++i == pattern.len)
            return where_fail(p, at, VARVE_INVALID, err,
                              "the pattern ends with its escape character");
    *ret = escape.data[0];
    return VARVE_OK;
}

static varve_status parse_like(where_parser *p, const where_operand *operand, filter_node **ret,
                               varve_error *err)
{
    bool ignore_case = p->token.kind == WHERE_ILIKE;
    filter_node *leaf;
    varve_text pattern;
    char escape = 0;
    VV_TRY(where_next(p, err));
    size_t at = p->token.at;
    VV_TRY(where_text_parse(p, "a pattern in quotes", &pattern, err));
    if (pattern.len > FILTER_PATTERN_MAX)
        return where_fail(p, at, VARVE_LIMIT, err, "a pattern of more than %d bytes",
                          FILTER_PATTERN_MAX);
    if (p->token.kind == WHERE_ESCAPE) VV_TRY(parse_escape(p, pattern, &escape, err));
    if (!pattern.data) return unknown(p, operand->at, ret, err);
    VV_TRY(where_leaf(p, FILTER_LIKE, operand, &leaf, ret, err));
    leaf->pattern = pattern;
    leaf->escape = escape;
    leaf->ignore_case = ignore_case;
    return VARVE_OK;
}

static varve_status parse_regexp(where_parser *p, const where_operand *operand, filter_node **ret,
                                 varve_error *err)
{
    filter_node *leaf;
    varve_text pattern;
    VV_TRY(where_next(p, err));
    size_t at = p->token.at;
    VV_TRY(where_text_parse(p, "a regular expression in quotes", &pattern, err));
    if (!pattern.data) return unknown(p, operand->at, ret, err);
    VV_TRY(where_leaf(p, FILTER_REGEX, operand, &leaf, ret, err));
    leaf->pattern = pattern;
    return where_place(p, at, filter_regex_compile(p->filter, leaf, err), err);
}

static varve_status parse_how(where_parser *p, filter_tokens_how *ret, varve_error *err)
{
    static const char *const names[] = {"all", "any", "phrase", "prefix"}; /* as the enum is */
    varve_text name;
    VV_TRY(where_next(p, err));
    size_t at = p->token.at;
    VV_TRY(where_text_parse(p, "'all', 'any', 'phrase' or 'prefix'", &name, err));
    for (size_t i = 0; i < VV_COUNT(names); i++)
        if (name.len == strlen(names[i]) && strncasecmp(name.data, names[i], name.len) == 0) {
            *ret = (filter_tokens_how)i;
            return VARVE_OK;
        }
    return where_fail(p, at, VARVE_INVALID, err, "expected 'all', 'any', 'phrase' or 'prefix'");
}

/* MATCH ( operand, text [, how] ) */
static varve_status parse_match(where_parser *p, filter_node **ret, varve_error *err)
{
    where_operand operand;
    varve_text text;
    filter_tokens_how how = TOKENS_ALL;
    filter_node *leaf;
    VV_TRY(where_next(p, err)); /* ( */
    VV_TRY(where_next(p, err));
    VV_TRY(where_operand_parse(p, &operand, err));
    if (operand.is_id)
        return where_fail(p, operand.at, VARVE_INVALID, err, "MATCH looks at fields, not at ids");
    if (p->token.kind != WHERE_COMMA) return where_expected(p, "','", err);
    VV_TRY(where_next(p, err));
    VV_TRY(where_text_parse(p, "a text in quotes", &text, err));
    if (p->token.kind == WHERE_COMMA) VV_TRY(parse_how(p, &how, err));
    if (p->token.kind != WHERE_CLOSE) return where_expected(p, "')'", err);
    VV_TRY(where_next(p, err));
    if (!text.data) return unknown(p, operand.at, ret, err);
    VV_TRY(where_leaf(p, FILTER_TOKENS, &operand, &leaf, ret, err));
    leaf->pattern = text;
    leaf->how = how;
    return VARVE_OK;
}

/* ---- lists and arrays ------------------------------------------------------------------------ */

static varve_status contains_one(where_parser *p, const where_operand *operand,
                                 const where_literal *literal, filter_node **ret, varve_error *err)
{
    if (literal->value.v.kind == VALUE_NULL) return unknown(p, operand->at, ret, err);
    return where_contains(p, operand, &literal->value, 1, ret, err);
}

static varve_status contains_any(where_parser *p, const where_operand *operand,
                                 const where_list *list, filter_node **ret, varve_error *err)
{
    filter_node *found, *null;
    const void *values = list->values.data;
    size_t count = list->values.len / sizeof(filter_value);
    if (count == 0)
        return where_node(p, list->has_null ? FILTER_UNKNOWN : FILTER_FALSE, operand->at, ret, err);
    VV_TRY(where_contains(p, operand, values, count, &found, err));
    if (!list->has_null) {
        *ret = found;
        return VARVE_OK;
    }
    VV_TRY(unknown(p, operand->at, &null, err));
    return where_pair(p, FILTER_OR, found, null, ret, err);
}

static varve_status contains_all(where_parser *p, const where_operand *operand,
                                 const where_list *list, filter_node **ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer children;
    filter_node *node = NULL;
    filter_value v;
    buffer_init(&children, FILTER_BYTES_MAX, "filter");
    for (size_t at = 0; at < list->values.len; at += sizeof v) {
        memcpy(&v, list->values.data + at, sizeof v);
        VV_TRY(where_contains(p, operand, &v, 1, &node, err));
        VV_TRY(buffer_add(&children, &node, sizeof(filter_node *), err));
    }
    if (list->has_null) {
        VV_TRY(unknown(p, operand->at, &node, err));
        VV_TRY(buffer_add(&children, &node, sizeof(filter_node *), err));
    }
    if (children.len == 0) return where_node(p, FILTER_TRUE, operand->at, ret, err);
    if (children.len == sizeof(filter_node *)) {
        *ret = node;
        return VARVE_OK;
    }
    return where_group(p, FILTER_AND, &children, operand->at, ret, err);
}

static varve_status parse_contains(where_parser *p, const where_operand *operand, filter_node **ret,
                                   varve_error *err)
{
    where_literal literal;
    if (!operand->path && !operand->is_id)
        return where_fail(p, p->token.at, VARVE_INVALID, err, "a value is no array");
    VV_TRY(where_next(p, err));
    where_kind kind = p->token.kind;
    if (kind != WHERE_ANY && kind != WHERE_ALL) {
        VV_TRY(where_literal_parse(p, &literal, err));
        return contains_one(p, operand, &literal, ret, err);
    }
    VV_CLEANUP(where_list_done) where_list list = {0};
    VV_TRY(where_next(p, err));
    VV_TRY(where_list_parse(p, &list, err));
    if (kind == WHERE_ANY) return contains_any(p, operand, &list, ret, err);
    return contains_all(p, operand, &list, ret, err);
}

/* IN ( … ); or "text" IN array. */
static varve_status parse_in(where_parser *p, const where_operand *operand, filter_node **ret,
                             varve_error *err)
{
    VV_CLEANUP(where_list_done) where_list list = {0};
    VV_TRY(where_next(p, err));
    if (operand->double_quoted.len > 0 && where_starts_operand(p)) {
        where_literal literal;
        where_operand array;
        VV_TRY(where_literal_of(p, operand, &literal, err));
        VV_TRY(where_operand_parse(p, &array, err));
        return contains_one(p, &array, &literal, ret, err);
    }
    VV_TRY(where_list_parse(p, &list, err));
    return where_in(p, operand, &list, ret, err);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static varve_status parse_between(where_parser *p, const where_operand *operand, filter_node **ret,
                                  varve_error *err)
{
    where_literal low, high;
    VV_TRY(where_next(p, err));
    VV_TRY(where_literal_parse(p, &low, err));
    if (p->token.kind != WHERE_AND) return where_expected(p, "AND", err);
    VV_TRY(where_next(p, err));
    VV_TRY(where_literal_parse(p, &high, err));
    return where_between(p, operand, &low, &high, ret, err);
}

/* An id is no boolean. */
static varve_status parse_is_boolean(where_parser *p, const where_operand *operand, bool wanted,
                                     filter_node **ret, varve_error *err)
{
    where_literal literal = {.at = operand->at};
    value v = {.kind = VALUE_BOOL, .boolean = wanted};
    if (operand->is_id) return where_node(p, FILTER_FALSE, operand->at, ret, err);
    VV_TRY(where_place(p, operand->at, filter_value_make(p->filter, &v, &literal.value, err), err));
    VV_TRY(where_compare(p, WHERE_EQ, operand, &literal, ret, err));
    (*ret)->two_valued = true;
    return VARVE_OK;
}

/* NULL and MISSING; an id is there always. */
static varve_status parse_is_absent(where_parser *p, const where_operand *operand, bool null,
                                    filter_node **ret, varve_error *err)
{
    filter_node *leaf;
    if (operand->is_id) return where_node(p, FILTER_FALSE, operand->at, ret, err);
    VV_TRY(where_leaf(p, null ? FILTER_IS_NULL : FILTER_EXISTS, operand, &leaf, ret, err));
    leaf->missing_counts = null;
    return null ? VARVE_OK : where_not(p, leaf, ret, err);
}

static varve_status parse_is(where_parser *p, const where_operand *operand, filter_node **ret,
                             varve_error *err)
{
    filter_node *node;
    VV_TRY(where_next(p, err));
    bool negated = p->token.kind == WHERE_NOT;
    if (negated) VV_TRY(where_next(p, err));
    where_kind kind = p->token.kind;
    if (kind == WHERE_TRUE || kind == WHERE_FALSE)
        VV_TRY(parse_is_boolean(p, operand, kind == WHERE_TRUE, &node, err));
    else if (kind == WHERE_NULL || kind == WHERE_MISSING)
        VV_TRY(parse_is_absent(p, operand, kind == WHERE_NULL, &node, err));
    else
        return where_expected(p, "NULL, TRUE, FALSE or MISSING", err);
    VV_TRY(where_next(p, err));
    return negate_if(p, negated, node, ret, err);
}

/* What NOT may stand before. */
static varve_status parse_negatable(where_parser *p, const where_operand *operand,
                                    filter_node **ret, varve_error *err)
{
    switch (p->token.kind) {
    case WHERE_IN: return parse_in(p, operand, ret, err);
    case WHERE_BETWEEN: return parse_between(p, operand, ret, err);
    case WHERE_LIKE:
    case WHERE_ILIKE: return parse_like(p, operand, ret, err);
    case WHERE_CONTAINS: return parse_contains(p, operand, ret, err);
    case WHERE_REGEXP: return parse_regexp(p, operand, ret, err);
    default: return where_expected(p, "IN, BETWEEN, LIKE, ILIKE, CONTAINS or REGEXP", err);
    }
}

static bool ends_condition(where_kind kind)
{
    return kind == WHERE_AND || kind == WHERE_OR || kind == WHERE_CLOSE || kind == WHERE_END;
}

static varve_status parse_boolean_field(where_parser *p, const where_operand *operand,
                                        filter_node **ret, varve_error *err)
{
    where_literal literal = {.at = operand->at};
    value v = {.kind = VALUE_BOOL, .boolean = true};
    if (p->token.kind == WHERE_OPEN)
        return where_fail(p, operand->at, VARVE_INVALID, err,
                          "there is no such function; MATCH( … ) is the only one");
    if (!ends_condition(p->token.kind) || operand->is_id)
        return where_expected(p, "a comparison", err);
    VV_TRY(where_place(p, operand->at, filter_value_make(p->filter, &v, &literal.value, err), err));
    return where_compare(p, WHERE_EQ, operand, &literal, ret, err);
}

varve_status where_condition(where_parser *p, const where_operand *operand, filter_node **ret,
                             varve_error *err)
{
    where_kind kind = p->token.kind;
    if (is_comparison(kind)) {
        where_literal literal;
        VV_TRY(where_next(p, err));
        VV_TRY(where_literal_parse(p, &literal, err));
        return where_compare(p, kind, operand, &literal, ret, err);
    }
    if (kind == WHERE_NOT) {
        filter_node *node;
        VV_TRY(where_next(p, err));
        VV_TRY(parse_negatable(p, operand, &node, err));
        return where_not(p, node, ret, err);
    }
    if (kind == WHERE_IS) return parse_is(p, operand, ret, err);
    if (kind == WHERE_IN || kind == WHERE_BETWEEN || kind == WHERE_LIKE || kind == WHERE_ILIKE ||
        kind == WHERE_CONTAINS || kind == WHERE_REGEXP)
        return parse_negatable(p, operand, ret, err);
    return parse_boolean_field(p, operand, ret, err);
}

static varve_status parse_turned(where_parser *p, const where_literal *literal, filter_node **ret,
                                 varve_error *err)
{
    where_kind kind = p->token.kind;
    where_operand operand;
    VV_TRY(where_next(p, err));
    VV_TRY(where_operand_parse(p, &operand, err));
    return where_compare(p, turned_round(kind), &operand, literal, ret, err);
}

/* IN, or NOT IN. */
static varve_status parse_literal_in(where_parser *p, const where_literal *literal,
                                     filter_node **ret, varve_error *err)
{
    bool negated = p->token.kind == WHERE_NOT;
    where_operand operand;
    filter_node *node;
    if (negated) VV_TRY(where_next(p, err));
    if (p->token.kind != WHERE_IN) return where_expected(p, "IN", err);
    VV_TRY(where_next(p, err));
    VV_TRY(where_operand_parse(p, &operand, err));
    VV_TRY(contains_one(p, &operand, literal, &node, err));
    return negate_if(p, negated, node, ret, err);
}

/* May a condition on a literal go on so? CONTAINS may not: a literal is no array. */
static bool goes_on(where_kind kind)
{
    return is_comparison(kind) || kind == WHERE_IN || kind == WHERE_NOT || kind == WHERE_BETWEEN ||
           kind == WHERE_LIKE || kind == WHERE_ILIKE || kind == WHERE_REGEXP || kind == WHERE_IS;
}

/* What follows a comparison, IN or NOT IN behind a literal: a field? The parser stays where it is.
 */
static varve_status field_follows(where_parser *p, bool *ret, varve_error *err)
{
    where_parser ahead = *p;
    for (bool more = true; more;) {
        more = ahead.token.kind == WHERE_NOT;
        VV_TRY(where_next(&ahead, err));
    }
    *ret =
        !where_starts_literal(&ahead) && !where_starts_list(&ahead) && where_starts_operand(&ahead);
    return VARVE_OK;
}

/* literal op operand; literal [NOT] IN operand; TRUE, FALSE and NULL by themselves; the rest is of
 * literals alone. */
static varve_status parse_literal_first(where_parser *p, filter_node **ret, varve_error *err)
{
    where_literal literal;
    VV_TRY(where_literal_parse(p, &literal, err));
    where_kind kind = p->token.kind;
    value_kind of = literal.value.v.kind;
    bool field = false;
    if (is_comparison(kind) || kind == WHERE_IN || kind == WHERE_NOT)
        VV_TRY(field_follows(p, &field, err));
    if (field && is_comparison(kind)) return parse_turned(p, &literal, ret, err);
    if (field) return parse_literal_in(p, &literal, ret, err);
    if (goes_on(kind)) return where_constant(p, &literal, ret, err);
    if (of == VALUE_NULL) return unknown(p, literal.at, ret, err);
    if (of != VALUE_BOOL) return where_expected(p, "a comparison", err);
    return where_node(p, literal.value.v.boolean ? FILTER_TRUE : FILTER_FALSE, literal.at, ret,
                      err);
}

varve_status where_predicate(where_parser *p, filter_node **ret, varve_error *err)
{
    where_operand operand;
    if (p->token.kind == WHERE_MATCH && where_followed_by(p, '(')) return parse_match(p, ret, err);
    if (where_starts_literal(p)) return parse_literal_first(p, ret, err);
    if (!where_starts_operand(p)) {
        if (where_bare_char(p->text, p->token.at))
            return where_expected(p, "a condition (keywords are fields only in \"quotes\")", err);
        return where_expected(p, "a condition", err);
    }
    VV_TRY(where_operand_parse(p, &operand, err));
    return where_condition(p, &operand, ret, err);
}
