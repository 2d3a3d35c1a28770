/* filter_print.c — a tree as text. What came from the where grammar is printed in it, and read back
 * gives the same text. Of JSON's conditions those that the grammar cannot say look like calls, such
 * as COUNT(tags) >= 2; that arrays are looked into and that unknown is false is not shown. */
#include "filter/filter.h"

#include "base/json_number.h"
#include "filter/filter_where_inner.h"

#include <string.h>

typedef enum binding { BINDS_OR = 1, BINDS_AND, BINDS_NOT, BINDS_MOST } binding;

static varve_status print_node(const filter_node *n, binding least, buffer *out, varve_error *err);

/* ---- words ----------------------------------------------------------------------------------- */

static varve_status quoted(varve_text text, char quote, buffer *out, varve_error *err)
{
    VV_TRY(buffer_add(out, &quote, 1, err));
    for (size_t from = 0, at = 0; at < text.len; from = at) {
        const char *found = memchr(text.data + at, quote, text.len - at);
        at = found ? (size_t)(found - text.data) + 1 : text.len;
        VV_TRY(buffer_add(out, text.data + from, at - from, err));
        if (found) VV_TRY(buffer_add(out, &quote, 1, err));
    }
    return buffer_add(out, &quote, 1, err);
}

static bool is_bare(varve_text key, bool first, bool only)
{
    for (size_t i = 0; i < key.len; i++)
        if (!where_bare_char(key, i)) return false;
    if (key.len == 0) return false;
    if (!first) return true;
    if (key.data[0] == '-' || (key.data[0] >= '0' && key.data[0] <= '9')) return false;
    if (only && key.len == 2 && memcmp(key.data, "id", 2) == 0) return false;
    return !where_reserved(key);
}

static varve_status print_path(const path *p, buffer *out, varve_error *err)
{
    if (!p) return buffer_add_text(out, "id", err);
    for (uint32_t i = 0; i < p->count; i++) {
        const path_step *s = &p->steps[i];
        if (s->kind == PATH_EACH) {
            VV_TRY(buffer_add_text(out, "[]", err));
        } else if (s->kind == PATH_INDEX) {
            VV_TRY(buffer_printf(out, err, "[%u]", s->index));
        } else {
            if (i > 0) VV_TRY(buffer_add_text(out, ".", err));
            if (is_bare(s->key, i == 0, p->count == 1))
                VV_TRY(buffer_add(out, s->key.data, s->key.len, err));
            else
                VV_TRY(quoted(s->key, '"', out, err));
        }
    }
    return VARVE_OK;
}

static varve_status print_number(double number, buffer *out, varve_error *err)
{
    char text[JSON_NUMBER_TEXT_BYTES];
    return buffer_add(out, text, json_double_text(number, text), err);
}

static varve_status print_value(const value *v, buffer *out, varve_error *err)
{
    switch (v->kind) {
    case VALUE_NULL: return buffer_add_text(out, "NULL", err);
    case VALUE_BOOL: return buffer_add_text(out, v->boolean ? "TRUE" : "FALSE", err);
    case VALUE_INT: return buffer_printf(out, err, "%lld", (long long)v->integer);
    case VALUE_UINT: return buffer_printf(out, err, "%llu", (unsigned long long)v->big);
    case VALUE_DOUBLE: return print_number(v->real, out, err);
    case VALUE_TEXT: return quoted(v->text, '\'', out, err);
    default: return buffer_add(out, v->text.data, v->text.len, err);
    }
}

static varve_status print_values(const filter_node *n, buffer *out, varve_error *err)
{
    for (size_t i = 0; i < n->value_count; i++) {
        VV_TRY(buffer_add_text(out, i ? ", " : " (", err));
        VV_TRY(print_value(&n->values[i].v, out, err));
    }
    return buffer_add_text(out, n->value_count ? ")" : " ()", err);
}

static varve_status print_id(varve_id id, buffer *out, varve_error *err)
{
    if (id.kind == VARVE_ID_NUM) return buffer_printf(out, err, "%llu", (unsigned long long)id.num);
    return quoted(id.text, '\'', out, err);
}

/* "path WORD", "path NOT WORD" */
static varve_status print_operator(const filter_node *n, bool negated, const char *word,
                                   buffer *out, varve_error *err)
{
    VV_TRY(print_path(n->path, out, err));
    return buffer_printf(out, err, " %s%s", negated ? "NOT " : "", word);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static varve_status print_bound(const filter_range *r, const filter_value *v, buffer *out,
                                varve_error *err)
{
    if (r->kind == RANGE_DATETIME) {
        bool date = v->v.text.len == strlen("YYYY-MM-DD");
        VV_TRY(buffer_add_text(out, date ? "DATE " : "TIMESTAMP ", err));
    }
    return print_value(&v->v, out, err);
}

static bool is_between(const filter_range *r)
{
    return r->has_low && r->has_high && !r->low_open && !r->high_open;
}

static varve_status print_half(const filter_node *n, bool low, buffer *out, varve_error *err)
{
    const filter_range *r = &n->range;
    static const char *const words[2][2] = {{"<=", "<"}, {">=", ">"}};
    if (n->op == FILTER_COUNT) VV_TRY(buffer_add_text(out, "COUNT(", err));
    VV_TRY(print_path(n->path, out, err));
    if (n->op == FILTER_COUNT) VV_TRY(buffer_add_text(out, ")", err));
    VV_TRY(buffer_printf(out, err, " %s ", words[low][low ? r->low_open : r->high_open]));
    return print_bound(r, low ? &r->low : &r->high, out, err);
}

static varve_status print_halves(const filter_node *n, buffer *out, varve_error *err)
{
    const filter_range *r = &n->range;
    if (r->has_low) VV_TRY(print_half(n, true, out, err));
    if (r->has_low && r->has_high) VV_TRY(buffer_add_text(out, " AND ", err));
    if (r->has_high) VV_TRY(print_half(n, false, out, err));
    return VARVE_OK;
}

static varve_status print_between(const filter_node *n, bool negated, buffer *out, varve_error *err)
{
    VV_TRY(print_operator(n, negated, "BETWEEN ", out, err));
    VV_TRY(print_bound(&n->range, &n->range.low, out, err));
    VV_TRY(buffer_add_text(out, " AND ", err));
    return print_bound(&n->range, &n->range.high, out, err);
}

/* ---- leaves that take NOT inside ------------------------------------------------------------- */

static varve_status print_like(const filter_node *n, bool negated, buffer *out, varve_error *err)
{
    VV_TRY(print_operator(n, negated, n->ignore_case ? "ILIKE " : "LIKE ", out, err));
    VV_TRY(quoted(n->pattern, '\'', out, err));
    if (!n->escape) return VARVE_OK;
    VV_TRY(buffer_add_text(out, " ESCAPE ", err));
    return quoted((varve_text){&n->escape, 1}, '\'', out, err);
}

/* PREFIX and SUBSTRING as LIKE. */
static varve_status print_part(const filter_node *n, bool negated, buffer *out, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer pattern;
    filter_node like = *n;
    buffer_init(&pattern, 2 * n->pattern.len + 2, "pattern");
    like.escape = 0;
    if (n->op == FILTER_SUBSTRING) VV_TRY(buffer_add_text(&pattern, "%", err));
    for (size_t i = 0; i < n->pattern.len; i++) {
        bool special = n->pattern.data[i] && strchr("%_\\", n->pattern.data[i]);
        if (special) {
            like.escape = '\\';
            VV_TRY(buffer_add_text(&pattern, "\\", err));
        }
        VV_TRY(buffer_add(&pattern, n->pattern.data + i, 1, err));
    }
    VV_TRY(buffer_add_text(&pattern, "%", err));
    like.pattern = (varve_text){pattern.data, pattern.len};
    return print_like(&like, negated, out, err);
}

static varve_status print_equal(const filter_node *n, bool negated, buffer *out, varve_error *err)
{
    bool one = n->value_count == 1;
    if (n->array_only) {
        VV_TRY(print_operator(n, negated, one ? "CONTAINS " : "CONTAINS ANY", out, err));
        return one ? print_value(&n->values[0].v, out, err) : print_values(n, out, err);
    }
    if (one && n->two_valued && n->values[0].v.kind == VALUE_BOOL) {
        VV_TRY(print_operator(n, false, negated ? "IS NOT " : "IS ", out, err));
        return print_value(&n->values[0].v, out, err);
    }
    VV_TRY(print_operator(n, negated && !one, one ? "= " : "IN", out, err));
    return one ? print_value(&n->values[0].v, out, err) : print_values(n, out, err);
}

static varve_status print_has_id(const filter_node *n, bool negated, buffer *out, varve_error *err)
{
    if (n->id_count == 0) return buffer_add_text(out, negated ? "TRUE" : "FALSE", err);
    if (n->id_count == 1) {
        VV_TRY(buffer_add_text(out, negated ? "id != " : "id = ", err));
        return print_id(n->ids[0], out, err);
    }
    VV_TRY(buffer_add_text(out, negated ? "id NOT IN" : "id IN", err));
    for (size_t i = 0; i < n->id_count; i++) {
        VV_TRY(buffer_add_text(out, i ? ", " : " (", err));
        VV_TRY(print_id(n->ids[i], out, err));
    }
    return buffer_add_text(out, ")", err);
}

/* Does the grammar put the NOT inside of this one? */
static bool takes_not(const filter_node *n)
{
    switch (n->op) {
    case FILTER_ID: return takes_not(n->children[0]);
    case FILTER_LIKE:
    case FILTER_PREFIX:
    case FILTER_SUBSTRING:
    case FILTER_REGEX:
    case FILTER_EXISTS:
    case FILTER_HAS_ID: return true;
    case FILTER_IS_NULL: return n->missing_counts;
    case FILTER_RANGE: return is_between(&n->range);
    case FILTER_EQUAL:
        return n->array_only || n->value_count != 1 ||
               (n->two_valued && n->values[0].v.kind == VALUE_BOOL);
    default: return false;
    }
}

static varve_status print_negatable(const filter_node *n, bool negated, buffer *out,
                                    varve_error *err)
{
    switch (n->op) {
    case FILTER_ID: return print_negatable(n->children[0], negated, out, err);
    case FILTER_LIKE: return print_like(n, negated, out, err);
    case FILTER_REGEX:
        VV_TRY(print_operator(n, negated, "REGEXP ", out, err));
        return quoted(n->pattern, '\'', out, err);
    case FILTER_EXISTS:
        return print_operator(n, false, negated ? "IS MISSING" : "IS NOT MISSING", out, err);
    case FILTER_HAS_ID: return print_has_id(n, negated, out, err);
    case FILTER_IS_NULL:
        return print_operator(n, false, negated ? "IS NOT NULL" : "IS NULL", out, err);
    case FILTER_RANGE: return print_between(n, negated, out, err);
    case FILTER_EQUAL: return print_equal(n, negated, out, err);
    default: return print_part(n, negated, out, err);
    }
}

/* ---- other leaves ---------------------------------------------------------------------------- */

static varve_status print_except(const filter_node *n, buffer *out, varve_error *err)
{
    VV_TRY(print_operator(n, false, n->value_count == 1 ? "!= " : "EXCEPT", out, err));
    if (n->value_count != 1) return print_values(n, out, err);
    return print_value(&n->values[0].v, out, err);
}

static varve_status print_match(const filter_node *n, buffer *out, varve_error *err)
{
    static const char *const how[] = {"", ", 'any'", ", 'phrase'", ", 'prefix'"};
    VV_TRY(buffer_add_text(out, "MATCH(", err));
    VV_TRY(print_path(n->path, out, err));
    VV_TRY(buffer_add_text(out, ", ", err));
    VV_TRY(quoted(n->pattern, '\'', out, err));
    return buffer_printf(out, err, "%s)", how[n->how]);
}

static varve_status print_point(geo_point at, buffer *out, varve_error *err)
{
    VV_TRY(buffer_add_text(out, ", (", err));
    VV_TRY(print_number(at.lon, out, err));
    VV_TRY(buffer_add_text(out, " ", err));
    VV_TRY(print_number(at.lat, out, err));
    return buffer_add_text(out, ")", err);
}

static varve_status print_geo(const filter_node *n, buffer *out, varve_error *err)
{
    const char *name = n->op == FILTER_GEO_BOX      ? "GEO_BOX("
                       : n->op == FILTER_GEO_RADIUS ? "GEO_RADIUS("
                                                    : "GEO_POLYGON(";
    VV_TRY(buffer_add_text(out, name, err));
    VV_TRY(print_path(n->path, out, err));
    if (n->op == FILTER_GEO_BOX) {
        VV_TRY(print_point(n->geo.low, out, err));
        VV_TRY(print_point(n->geo.high, out, err));
    } else if (n->op == FILTER_GEO_RADIUS) {
        VV_TRY(print_point(n->geo.center, out, err));
        VV_TRY(buffer_add_text(out, ", ", err));
        VV_TRY(print_number(n->geo.radius_m, out, err));
    }
    for (size_t i = 0; n->op == FILTER_GEO_POLYGON && i < n->geo.ring_count; i++)
        VV_TRY(buffer_printf(out, err, ", ring of %zu points", n->geo.rings[i].count));
    return buffer_add_text(out, ")", err);
}

static varve_status print_call(const filter_node *n, const char *name, buffer *out,
                               varve_error *err)
{
    VV_TRY(buffer_add_text(out, name, err));
    if (n->op == FILTER_SLICE)
        return buffer_printf(out, err, "(%llu, %llu)", (unsigned long long)n->slice_index,
                             (unsigned long long)n->slice_total);
    VV_TRY(buffer_add_text(out, "(", err));
    if (n->op == FILTER_HAS_VECTOR)
        VV_TRY(quoted(n->pattern, '\'', out, err));
    else if (n->op == FILTER_AT_LEAST)
        VV_TRY(buffer_printf(out, err, "%zu", n->at_least));
    else
        VV_TRY(print_path(n->path, out, err));
    for (size_t i = 0; i < n->child_count; i++) {
        VV_TRY(buffer_add_text(out, ", ", err));
        VV_TRY(print_node(n->children[i], BINDS_OR, out, err));
    }
    return buffer_add_text(out, ")", err);
}

static varve_status print_leaf(const filter_node *n, buffer *out, varve_error *err)
{
    switch (n->op) {
    case FILTER_TRUE: return buffer_add_text(out, "TRUE", err);
    case FILTER_FALSE: return buffer_add_text(out, "FALSE", err);
    case FILTER_UNKNOWN: return buffer_add_text(out, "NULL", err);
    case FILTER_EXCEPT: return print_except(n, out, err);
    case FILTER_TOKENS: return print_match(n, out, err);
    case FILTER_IS_NULL:
        if (n->missing_counts) return print_negatable(n, false, out, err);
        return print_call(n, "IS_NULL", out, err);
    case FILTER_IS_EMPTY: return print_call(n, "IS_EMPTY", out, err);
    case FILTER_GEO_BOX:
    case FILTER_GEO_RADIUS:
    case FILTER_GEO_POLYGON: return print_geo(n, out, err);
    case FILTER_NESTED: return print_call(n, "NESTED", out, err);
    case FILTER_AT_LEAST: return print_call(n, "AT_LEAST", out, err);
    case FILTER_HAS_VECTOR: return print_call(n, "HAS_VECTOR", out, err);
    case FILTER_SLICE: return print_call(n, "SLICE", out, err);
    default: return print_negatable(n, false, out, err);
    }
}

/* ---- the tree -------------------------------------------------------------------------------- */

static bool is_two_halves(const filter_node *n)
{
    return (n->op == FILTER_RANGE || n->op == FILTER_COUNT) && n->range.has_low &&
           n->range.has_high && !(n->op == FILTER_RANGE && is_between(&n->range));
}

static binding binding_of(const filter_node *n)
{
    if (n->op == FILTER_ID) return binding_of(n->children[0]);
    if (n->op == FILTER_AND || n->op == FILTER_OR)
        return n->child_count < 2 ? BINDS_MOST : n->op == FILTER_AND ? BINDS_AND : BINDS_OR;
    if (is_two_halves(n)) return BINDS_AND;
    return n->op == FILTER_NOT && !takes_not(n->children[0]) ? BINDS_NOT : BINDS_MOST;
}

static varve_status print_children(const filter_node *n, binding least, buffer *out,
                                   varve_error *err)
{
    bool all = n->op == FILTER_AND;
    if (n->child_count == 0) return buffer_add_text(out, all ? "TRUE" : "FALSE", err);
    if (n->child_count == 1) return print_node(n->children[0], least, out, err);
    for (size_t i = 0; i < n->child_count; i++) {
        if (i > 0) VV_TRY(buffer_add_text(out, all ? " AND " : " OR ", err));
        VV_TRY(print_node(n->children[i], all ? BINDS_AND : BINDS_OR, out, err));
    }
    return VARVE_OK;
}

static varve_status print_not(const filter_node *n, buffer *out, varve_error *err)
{
    const filter_node *child = n->children[0];
    if (takes_not(child)) return print_negatable(child, true, out, err);
    VV_TRY(buffer_add_text(out, "NOT ", err));
    return print_node(child, BINDS_NOT, out, err);
}

/* In parentheses if it binds less than what is around it. */
static varve_status print_node(const filter_node *n, binding least, buffer *out, varve_error *err)
{
    bool open = binding_of(n) < least;
    if (open) VV_TRY(buffer_add_text(out, "(", err));
    if (n->op == FILTER_AND || n->op == FILTER_OR)
        VV_TRY(print_children(n, least, out, err));
    else if (n->op == FILTER_NOT)
        VV_TRY(print_not(n, out, err));
    else if (n->op == FILTER_ID && !takes_not(n))
        VV_TRY(print_node(n->children[0], least, out, err));
    else if ((n->op == FILTER_RANGE && !is_between(&n->range)) || n->op == FILTER_COUNT)
        VV_TRY(print_halves(n, out, err));
    else
        VV_TRY(print_leaf(n, out, err));
    return open ? buffer_add_text(out, ")", err) : VARVE_OK;
}

varve_status filter_print(const filter *f, buffer *out, varve_error *err)
{
    return print_node(f->root, BINDS_OR, out, err);
}
