/* json_lift.c — checks the whole text, reads arrays of numbers under the chosen keys into one block
 * of floats, and puts null in their place; integers above INT64_MAX become strings. */
#include "base/json_lift.h"
#include "base/bytes.h"
#include "base/json_scan.h"
#include "base/json_string.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUES_ROOM_FIRST  1024
#define INTEGER_CHARS_SURE 18 /* so many digits always fit 64 bits */
#define NOT_A_KEY          SIZE_MAX

/* ---- the block of values ------------------------------------------------------------------- */

static varve_status fail_values_max(const json_lift *l, const char *key, varve_error *err)
{
    return vv_fail(err, VARVE_LIMIT, "%s: more than %zu numbers in all", key, l->values_max);
}

static varve_status grow_values(json_lift *l, const char *key, varve_error *err)
{
    size_t room = l->values_room ? l->values_room * 2 : VALUES_ROOM_FIRST;
    if (l->value_count == l->values_max) return fail_values_max(l, key, err);
    room = VV_MIN(room, l->values_max);
    float *values = reallocarray(l->values, room, sizeof *values);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the numbers of %s", key);
    l->values = values;
    l->values_room = room;
    return VARVE_OK;
}

static varve_status add_lifted(json_lift *l, const json_lifted *lifted, varve_error *err)
{
    if (l->lifted_count == l->lifted_room) {
        size_t room = l->lifted_room ? l->lifted_room * 2 : 8;
        json_lifted *bigger = reallocarray(l->lifted, room, sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read JSON");
        l->lifted = bigger;
        l->lifted_room = room;
    }
    l->lifted[l->lifted_count++] = *lifted;
    return VARVE_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static const char *skip_space(const json_lift *l, const char *p)
{
    while (p < l->walk.end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static bool is_at(const json_lift *l, const char *p, char c) { return p < l->walk.end && *p == c; }

/* "vectors[3][17]: what (at byte 99)" */
static varve_status fail_element(const json_lift *l, const json_lifted *a, size_t element,
                                 const char *at, const char *what, varve_error *err)
{
    size_t byte = (size_t)(at - l->walk.text);
    if (a->nested)
        return vv_fail(err, VARVE_INVALID, "%s[%zu][%zu]: %s (at byte %zu)", a->key, a->rows,
                       element, what, byte);
    return vv_fail(err, VARVE_INVALID, "%s[%zu]: %s (at byte %zu)", a->key, element, what, byte);
}

static varve_status fail_stop(const json_lift *l, const json_lifted *a, size_t element,
                              const char *at, json_scan_stop stop, varve_error *err)
{
    if (at >= l->walk.end)
        return json_walk_fail(&l->walk, l->walk.end, "the text ends too early", err);
    if (stop == SCAN_OVERFLOW)
        return fail_element(l, a, element, at, "number too large for float32", err);
    if (stop == SCAN_NO_SEPARATOR)
        return fail_element(l, a, element - 1, at, "',' or ']' expected behind the number", err);
    return fail_element(l, a, element, at, "expected a number", err);
}

/* Numbers from behind a '[' to behind its ']'. */
static varve_status lift_row(json_lift *l, const json_lifted *a, const char **at, size_t *ret_dim,
                             varve_error *err)
{
    size_t first = l->value_count, count;
    json_scan_stop stop = SCAN_FULL;
    const char *p = skip_space(l, *at);
    if (is_at(l, p, ']')) {
        *at = p + 1;
        *ret_dim = 0;
        return VARVE_OK;
    }
    while (stop == SCAN_FULL) {
        if (l->value_count == l->values_room) VV_TRY(grow_values(l, a->key, err));
        p = json_scan_row(p, l->walk.end, l->values + l->value_count,
                          l->values_room - l->value_count, &count, &stop);
        l->value_count += count;
    }
    if (stop != SCAN_CLOSED) return fail_stop(l, a, l->value_count - first, p, stop, err);
    *at = p;
    *ret_dim = l->value_count - first;
    return VARVE_OK;
}

static void note_dim(json_lifted *a, size_t dim)
{
    if (a->rows == 0) a->dim = dim;
    if (dim != a->dim && !a->ragged) {
        a->ragged = true;
        a->ragged_row = a->rows;
    }
    a->rows++;
}

/* Rows from the first inner '[' to behind the outer ']'. */
static varve_status lift_rows(json_lift *l, json_lifted *a, const char **at, varve_error *err)
{
    const char *p = *at;
    size_t dim;
    for (;;) {
        if (!is_at(l, p, '['))
            return p < l->walk.end ? vv_fail(err, VARVE_INVALID,
                                             "%s[%zu]: expected an array of numbers (at byte %zu)",
                                             a->key, a->rows, (size_t)(p - l->walk.text))
                                   : json_walk_fail(&l->walk, p, "the text ends too early", err);
        p++;
        VV_TRY(lift_row(l, a, &p, &dim, err));
        note_dim(a, dim);
        p = skip_space(l, p);
        if (is_at(l, p, ']')) break;
        if (!is_at(l, p, ','))
            return json_walk_fail(&l->walk, p, "',' or ']' is expected behind a row", err);
        p = skip_space(l, p + 1);
    }
    *at = p + 1;
    return VARVE_OK;
}

/* The array at the pass's position, value of the key that was just passed. */
static varve_status lift_array(json_lift *l, const char *key, uint32_t occurrence, varve_error *err)
{
    const char *start = l->walk.at, *p = skip_space(l, start + 1);
    json_lifted a = {.key = key, .occurrence = occurrence, .first = l->value_count};
    a.nested = is_at(l, p, '[');
    if (a.nested) {
        VV_TRY(lift_rows(l, &a, &p, err));
    } else {
        VV_TRY(lift_row(l, &a, &p, &a.dim, err));
        a.rows = 1;
    }
    VV_TRY(add_lifted(l, &a, err));
    VV_TRY(json_walk_replace(&l->walk, start, p, "null", 4, err));
    json_walk_value_passed(&l->walk, p);
    return VARVE_OK;
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* Which of the keys the token spells, where it stands. */
static size_t find_key(const json_lift *l, const json_token *token)
{
    for (size_t i = 0; l->keys[i]; i++) {
        const char *name = l->keys[i];
        if (*name == '/') {
            if (l->walk.depth != 1) continue;
            name++;
        }
        size_t len = strlen(name);
        bool same = token->flags & JSON_STRING_ESCAPES
                        ? json_string_compare((varve_text){token->data, token->len},
                                              (varve_text){name, len}) == 0
                        : token->len == len && memcmp(token->data, name, len) == 0;
        if (same) return i;
    }
    return NOT_A_KEY;
}

static varve_status pass_key(json_lift *l, const json_token *token, varve_error *err)
{
    size_t i = find_key(l, token);
    if (i == NOT_A_KEY) return VARVE_OK;
    uint32_t occurrence = l->seen[i]++;
    if (!is_at(l, l->walk.at, '[')) return VARVE_OK;
    return lift_array(l, l->keys[i] + (*l->keys[i] == '/'), occurrence, err);
}

/* ---- what jansson cannot hold -------------------------------------------------------------- */

/* jansson keeps integers in 64 bits with a sign, and refuses others. */
static varve_status pass_integer(json_lift *l, const json_token *token, varve_error *err)
{
    bool negative = *token->data == '-';
    unsigned __int128 value = 0;
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : UINT64_MAX;
    char text[JSON_NUMBER_CHARS_MAX + 16];
    if (token->len <= INTEGER_CHARS_SURE) return VARVE_OK;
    for (size_t i = negative; i < token->len && value <= most; i++)
        value = value * 10 + (unsigned)(token->data[i] - '0');
    if (value > most)
        return json_walk_fail(&l->walk, token->data, "integer outside -2^63 to 2^64-1", err);
    if (negative || value <= INT64_MAX) return VARVE_OK;
    int len = snprintf(text, sizeof text, "\"\\u0001u64:%.*s\"", (int)token->len, token->data);
    return json_walk_replace(&l->walk, token->data, token->data + token->len, text, (size_t)len,
                             err);
}

static varve_status pass_real(json_lift *l, const json_token *token, varve_error *err)
{
    char text[JSON_NUMBER_CHARS_MAX + 1];
    memcpy(text, token->data, token->len);
    text[token->len] = '\0';
    if (isinf(strtod(text, NULL)))
        return json_walk_fail(&l->walk, token->data, "number too large", err);
    return VARVE_OK;
}

static varve_status pass_string(json_lift *l, const json_token *token, varve_error *err)
{
    const char *at = token->data;
    if (token->flags & JSON_STRING_NUL)
        return json_walk_fail(&l->walk, at, "\\u0000 in a string is not supported", err);
    if (token->kind == TOKEN_STRING && token->flags & JSON_STRING_ESCAPES &&
        json_string_next(&at, at + token->len) == (unsigned char)JSON_BIG_PREFIX[0])
        return json_walk_fail(&l->walk, token->data, "a string must not begin with \\u0001", err);
    return VARVE_OK;
}

/* ---- the pass ------------------------------------------------------------------------------ */

static varve_status pass_token(json_lift *l, const json_token *token, varve_error *err)
{
    if (token->kind == TOKEN_NUMBER)
        return token->real ? pass_real(l, token, err) : pass_integer(l, token, err);
    if (token->kind == TOKEN_STRING || token->kind == TOKEN_KEY) VV_TRY(pass_string(l, token, err));
    return token->kind == TOKEN_KEY ? pass_key(l, token, err) : VARVE_OK;
}

varve_status json_lift_text(json_lift *l, const char *text, size_t len, const char *const *keys,
                            size_t values_max, varve_error *err)
{
    static const json_limits limits = {SIZE_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX};
    size_t key_count = 0;
    json_token token = {.kind = TOKEN_WORD};
    while (keys[key_count])
        key_count++;
    *l = (json_lift){.keys = keys, .values_max = values_max};
    buffer_init(&l->rest, SIZE_MAX, "JSON");
    json_walk_init(&l->walk, text, len, &limits, &l->rest);
    l->seen = calloc(key_count + 1, sizeof *l->seen);
    if (!l->seen) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read JSON");
    while (token.kind != TOKEN_END) {
        VV_TRY(json_walk_next(&l->walk, &token, err));
        VV_TRY(pass_token(l, &token, err));
    }
    /* Mostly a small body with nothing lifted: no copy then. */
    return l->walk.run == text ? VARVE_OK : json_walk_finish(&l->walk, err);
}

varve_text json_lift_rest(const json_lift *l)
{
    if (l->walk.run == l->walk.text)
        return (varve_text){l->walk.text, (size_t)(l->walk.end - l->walk.text)};
    return (varve_text){l->rest.data, l->rest.len};
}

void json_lift_done(json_lift *l)
{
    json_walk_done(&l->walk);
    buffer_done(&l->rest);
    free(l->seen);
    free(l->values);
    free(l->lifted);
}
