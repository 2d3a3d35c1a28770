/* filter_where_operand.c — paths, and the id. Path steps follow each other without blanks. */
#include "filter/filter_where_inner.h"

#include <string.h>

bool where_starts_operand(const where_parser *p)
{
    switch (p->token.kind) {
    case WHERE_NAME:
    case WHERE_BACKTICK:
    case WHERE_DOUBLE:
    case WHERE_CONTAINS:
    case WHERE_REGEXP:
    case WHERE_ANY:
    case WHERE_ALL:
    case WHERE_MISSING:
    case WHERE_ESCAPE:
    case WHERE_MATCH:
    case WHERE_DATE:
    case WHERE_TIMESTAMP: return true;
    default: return false;
    }
}

static char next_char(const where_parser *p)
{
    return p->at < p->text.len ? p->text.data[p->at] : 0;
}

/* The key that is the current token; path_make copies it. */
static varve_status key_of_token(where_parser *p, path_step *ret, varve_error *err)
{
    ret->kind = PATH_KEY;
    ret->key = where_raw(p, p->token);
    if (p->token.kind != WHERE_DOUBLE && p->token.kind != WHERE_BACKTICK) return VARVE_OK;
    return where_unquote(p, p->token, &ret->key, err);
}

/* Behind the '.': a quoted key is a token; a bare one may be a keyword or begin with a digit. */
static varve_status key_step(where_parser *p, path_step *ret, varve_error *err)
{
    size_t start = ++p->at;
    if (next_char(p) == '"' || next_char(p) == '`') {
        VV_TRY(where_next(p, err));
    } else {
        while (where_bare_char(p->text, p->at))
            p->at++;
        p->token = (where_token){.kind = WHERE_NAME, .at = start, .len = p->at - start};
        if (p->at == start)
            return where_fail(p, start, VARVE_INVALID, err, "expected a key after '.'");
    }
    return key_of_token(p, ret, err);
}

/* [n] or [] */
static varve_status index_step(where_parser *p, path_step *ret, varve_error *err)
{
    size_t start = p->at++;
    uint64_t index = 0;
    for (; next_char(p) >= '0' && next_char(p) <= '9'; p->at++) {
        index = index * 10 + (uint64_t)(next_char(p) - '0');
        if (index > UINT32_MAX)
            return where_fail(p, start, VARVE_INVALID, err, "the index of an array is below 2^32");
    }
    *ret =
        (path_step){.kind = p->at == start + 1 ? PATH_EACH : PATH_INDEX, .index = (uint32_t)index};
    if (next_char(p) != ']')
        return where_fail(p, p->at, VARVE_INVALID, err, "expected an index and ']' after '['");
    p->at++;
    return VARVE_OK;
}

static varve_status steps(where_parser *p, path_step all[PATH_STEPS_MAX], size_t *ret_count,
                          varve_error *err)
{
    size_t count = 1;
    VV_TRY(key_of_token(p, &all[0], err));
    while (next_char(p) == '.' || next_char(p) == '[') {
        if (count == PATH_STEPS_MAX)
            return where_fail(p, p->at, VARVE_LIMIT, err, "a path of more than %d steps",
                              PATH_STEPS_MAX);
        if (next_char(p) == '.')
            VV_TRY(key_step(p, &all[count++], err));
        else
            VV_TRY(index_step(p, &all[count++], err));
    }
    *ret_count = count;
    return VARVE_OK;
}

static bool is_id(const where_parser *p)
{
    varve_text raw = where_raw(p, p->token);
    return p->token.kind == WHERE_NAME && raw.len == 2 && memcmp(raw.data, "id", 2) == 0;
}

varve_status where_operand_parse(where_parser *p, where_operand *ret, varve_error *err)
{
    path_step all[PATH_STEPS_MAX] = {0};
    size_t count = 0;
    void *made;
    where_operand operand = {.at = p->token.at};
    where_token first = p->token;
    if (!where_starts_operand(p)) {
        if (where_bare_char(p->text, p->token.at) && p->token.kind != WHERE_NUMBER)
            return where_expected(p, "a field (keywords need \"quotes\")", err);
        return where_expected(p, "a field", err);
    }
    operand.is_id = is_id(p) && next_char(p) != '.' && next_char(p) != '[';
    if (!operand.is_id) {
        VV_TRY(steps(p, all, &count, err));
        VV_TRY(where_place(p, first.at, arena_take(&p->filter->memory, 1, sizeof(path), &made, err),
                           err));
        VV_TRY(where_place(p, first.at, path_make(all, count, &p->filter->memory, made, err), err));
        operand.path = made;
        if (first.kind == WHERE_DOUBLE && count == 1) operand.double_quoted = first;
    }
    /* The path as a whole is what messages call the previous token. */
    p->token = (where_token){.kind = WHERE_NAME, .at = first.at, .len = p->at - first.at};
    VV_TRY(where_next(p, err));
    *ret = operand;
    return VARVE_OK;
}
