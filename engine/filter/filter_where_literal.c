/* filter_where_literal.c — literals, and lists of them. */
#include "filter/filter_where_inner.h"

#include "base/json.h"

#include <string.h>

static bool is_parameter(where_kind kind)
{
    return kind == WHERE_NAMED || kind == WHERE_POSITIONAL;
}

bool where_starts_literal(const where_parser *p)
{
    switch (p->token.kind) {
    case WHERE_TEXT:
    case WHERE_NUMBER:
    case WHERE_NAMED:
    case WHERE_POSITIONAL:
    case WHERE_TRUE:
    case WHERE_FALSE:
    case WHERE_NULL: return true;
    case WHERE_DATE:
    case WHERE_TIMESTAMP: return where_followed_by(p, '\'');
    default: return false;
    }
}

static varve_status make(where_parser *p, const value *v, where_literal *ret, varve_error *err)
{
    filter_value made;
    VV_TRY(where_place(p, ret->at, filter_value_make(p->filter, v, &made, err), err));
    ret->value = made;
    return VARVE_OK;
}

static varve_status make_text(where_parser *p, where_token token, where_literal *ret,
                              varve_error *err)
{
    value v = {.kind = VALUE_TEXT};
    VV_TRY(where_unquote(p, token, &v.text, err));
    return make(p, &v, ret, err);
}

static varve_status make_number(where_parser *p, where_literal *ret, varve_error *err)
{
    value v;
    if (!where_number(where_raw(p, p->token), &v))
        return where_fail(p, p->token.at, VARVE_INVALID, err,
                          "a number beyond double precision, or of more than %d characters",
                          JSON_NUMBER_CHARS_MAX);
    return make(p, &v, ret, err);
}

/* The token is DATE or TIMESTAMP; a text follows. */
static varve_status make_datetime(where_parser *p, where_literal *ret, varve_error *err)
{
    bool date = p->token.kind == WHERE_DATE;
    VV_TRY(where_next(p, err));
    VV_TRY(make_text(p, p->token, ret, err));
    if (!ret->value.datetime || (date && ret->value.v.text.len != strlen("YYYY-MM-DD")))
        return where_fail(p, p->token.at, VARVE_INVALID, err, "expected a %s",
                          date ? "date YYYY-MM-DD" : "date-time YYYY-MM-DDTHH:MM:SS");
    ret->strict = true;
    return VARVE_OK;
}

static varve_status make_parameter(where_parser *p, where_literal *ret, varve_error *err)
{
    varve_text json;
    VV_TRY(where_parameter(p, &json, err));
    if (json.data[0] == '[')
        return where_fail(p, p->token.at, VARVE_INVALID, err,
                          "a list can stand behind IN and CONTAINS ANY or ALL only");
    return where_parameter_value(p, json, &ret->value, err);
}

static varve_status not_a_literal(where_parser *p, varve_error *err)
{
    where_kind kind = p->token.kind;
    if (kind == WHERE_NAME || kind == WHERE_BACKTICK || where_bare_char(p->text, p->token.at))
        return where_expected(p, "a value (texts stand in single quotes)", err);
    return where_expected(p, "a value", err);
}

varve_status where_literal_parse(where_parser *p, where_literal *ret, varve_error *err)
{
    where_literal made = {.at = p->token.at};
    where_kind kind = p->token.kind;
    if (kind != WHERE_DOUBLE && !where_starts_literal(p)) return not_a_literal(p, err);
    if (kind == WHERE_TEXT || kind == WHERE_DOUBLE)
        VV_TRY(make_text(p, p->token, &made, err));
    else if (kind == WHERE_NUMBER)
        VV_TRY(make_number(p, &made, err));
    else if (kind == WHERE_DATE || kind == WHERE_TIMESTAMP)
        VV_TRY(make_datetime(p, &made, err));
    else if (is_parameter(kind))
        VV_TRY(make_parameter(p, &made, err));
    else if (kind == WHERE_NULL)
        VV_TRY(make(p, &(value){.kind = VALUE_NULL}, &made, err));
    else
        VV_TRY(make(p, &(value){.kind = VALUE_BOOL, .boolean = kind == WHERE_TRUE}, &made, err));
    VV_TRY(where_next(p, err));
    *ret = made;
    return VARVE_OK;
}

varve_status where_literal_of(where_parser *p, const where_operand *operand, where_literal *ret,
                              varve_error *err)
{
    where_literal made = {.at = operand->at};
    VV_TRY(make_text(p, operand->double_quoted, &made, err));
    *ret = made;
    return VARVE_OK;
}

varve_status where_text_parse(where_parser *p, const char *what, varve_text *ret, varve_error *err)
{
    where_literal literal;
    where_kind kind = p->token.kind;
    size_t at = p->token.at;
    if (kind != WHERE_TEXT && kind != WHERE_DOUBLE && kind != WHERE_NULL && !is_parameter(kind))
        return where_expected(p, what, err);
    VV_TRY(where_literal_parse(p, &literal, err));
    if (literal.value.v.kind != VALUE_TEXT && literal.value.v.kind != VALUE_NULL)
        return where_fail(p, at, VARVE_INVALID, err, "expected %s", what);
    *ret = literal.value.v.kind == VALUE_TEXT ? literal.value.v.text : (varve_text){0};
    return VARVE_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

void where_list_done(where_list *list) { buffer_done(&list->values); }

static varve_status list_add(where_list *list, const filter_value *v, varve_error *err)
{
    if (v->v.kind != VALUE_NULL) return buffer_add(&list->values, v, sizeof *v, err);
    list->has_null = true;
    return VARVE_OK;
}

static varve_status list_add_parameter(where_parser *p, varve_text json, where_list *list,
                                       varve_error *err)
{
    filter_value v;
    varve_text element;
    const char *at = json.data + 1;
    while (value_next_element(&at, json.data + json.len, &element)) {
        VV_TRY(where_parameter_value(p, element, &v, err));
        VV_TRY(list_add(list, &v, err));
    }
    return where_next(p, err);
}

static varve_status list_add_next(where_parser *p, where_list *list, varve_error *err)
{
    where_literal literal;
    if (is_parameter(p->token.kind)) {
        varve_text json;
        size_t position = p->position_next;
        VV_TRY(where_parameter(p, &json, err));
        if (json.data[0] == '[') return list_add_parameter(p, json, list, err);
        p->position_next = position;
    }
    VV_TRY(where_literal_parse(p, &literal, err));
    return list_add(list, &literal.value, err);
}

/* IN :list */
static varve_status parse_bare_list(where_parser *p, where_list *ret, varve_error *err)
{
    varve_text json;
    size_t at = p->token.at;
    VV_TRY(where_parameter(p, &json, err));
    if (json.data[0] == '[') return list_add_parameter(p, json, ret, err);
    return where_fail(p, at, VARVE_INVALID, err,
                      "this parameter is no list: without parentheses it must be one");
}

bool where_starts_list(const where_parser *p)
{
    return p->token.kind == WHERE_OPEN || is_parameter(p->token.kind);
}

varve_status where_list_parse(where_parser *p, where_list *ret, varve_error *err)
{
    *ret = (where_list){0};
    buffer_init(&ret->values, FILTER_BYTES_MAX, "list of a filter");
    if (is_parameter(p->token.kind)) return parse_bare_list(p, ret, err);
    if (p->token.kind != WHERE_OPEN) return where_expected(p, "'('", err);
    VV_TRY(where_next(p, err));
    while (p->token.kind != WHERE_CLOSE) {
        VV_TRY(list_add_next(p, ret, err));
        if (p->token.kind == WHERE_CLOSE) break;
        if (p->token.kind != WHERE_COMMA) return where_expected(p, "',' or ')'", err);
        VV_TRY(where_next(p, err));
        if (p->token.kind == WHERE_CLOSE) return not_a_literal(p, err);
    }
    return where_next(p, err);
}
