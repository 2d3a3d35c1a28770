/* json_walk.c — the pass of json_walk.h: a state, a stack of what is open, and the keys of it. */
#include "base/json_walk.h"
#include "base/bytes.h"
#include "base/json_string.h"

#include <stdlib.h>

#define KEYS_COMPARED_IN_PAIRS 12 /* up to this many keys, sorting would cost more */

typedef struct json_walk_level {
    bool object;
    size_t first_key; /* of an object */
} json_walk_level;

typedef struct json_walk_key {
    varve_text text;
    uint64_t start; /* its first bytes, zeros behind: tells most keys apart */
    bool escapes;
} json_walk_key;

void json_walk_init(json_walk *w, const char *text, size_t len, const json_limits *limits,
                    buffer *out)
{
    *w = (json_walk){.text = text,
                     .end = text + len,
                     .at = text,
                     .limits = *limits,
                     .out = out,
                     .out_start = out->len,
                     .run = text};
}

void json_walk_done(json_walk *w)
{
    free(w->levels);
    free(w->keys);
    w->levels = NULL;
    w->keys = NULL;
}

varve_status json_walk_fail(const json_walk *w, const char *at, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_INVALID, "at byte %zu: %s", (size_t)(at - w->text), what);
}

/* ---- output and white space ---------------------------------------------------------------- */

static inline varve_status write_out(json_walk *w, const char *text, size_t len, varve_error *err)
{
    size_t written = w->out->len - w->out_start;
    if (len == 0) return VARVE_OK;
    if (len > w->limits.bytes_max || written > w->limits.bytes_max - len)
        return vv_fail(err, VARVE_LIMIT, "more than %zu bytes", w->limits.bytes_max);
    return buffer_add(w->out, text, len, err);
}

varve_status json_walk_replace(json_walk *w, const char *from, const char *to, const char *instead,
                               size_t len, varve_error *err)
{
    VV_TRY(write_out(w, w->run, (size_t)(from - w->run), err));
    VV_TRY(write_out(w, instead, len, err));
    w->run = to;
    return VARVE_OK;
}

varve_status json_walk_finish(json_walk *w, varve_error *err)
{
    return json_walk_replace(w, w->at, w->at, NULL, 0, err);
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static varve_status drop_space(json_walk *w, varve_error *err)
{
    const char *from = w->at, *p = from;
    while (p < w->end && is_space(*p))
        p++;
    w->at = p;
    return p == from ? VARVE_OK : json_walk_replace(w, from, p, NULL, 0, err);
}

static inline varve_status skip_space(json_walk *w, varve_error *err)
{
    if (VV_LIKELY(w->at<w->end && * w->at> ' ')) return VARVE_OK;
    return drop_space(w, err);
}

/* ---- what is open -------------------------------------------------------------------------- */

static varve_status grow(void *array, size_t *room, size_t first, size_t size, varve_error *err)
{
    void *old, *bigger;
    size_t wanted = *room ? *room * 2 : first;
    memcpy(&old, array, sizeof old);
    bigger = reallocarray(old, wanted, size);
    if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read JSON");
    memcpy(array, &bigger, sizeof bigger);
    *room = wanted;
    return VARVE_OK;
}

static varve_status open_level(json_walk *w, bool object, varve_error *err)
{
    if (w->depth >= w->limits.depth_max)
        return vv_fail(err, VARVE_LIMIT, "at byte %zu: nested deeper than %zu",
                       (size_t)(w->at - w->text), w->limits.depth_max);
    if (w->depth == w->levels_room)
        VV_TRY(grow(&w->levels, &w->levels_room, 16, sizeof *w->levels, err));
    w->levels[w->depth++] = (json_walk_level){object, w->key_count};
    w->state = object ? WALK_OBJECT_FIRST : WALK_ARRAY_FIRST;
    return VARVE_OK;
}

static json_walk_key make_key(const json_token *token)
{
    json_walk_key key = {{token->data, token->len}, 0, token->flags & JSON_STRING_ESCAPES};
    memcpy(&key.start, token->data, VV_MIN(token->len, sizeof key.start));
    return key;
}

static int compare_keys(const void *left, const void *right)
{
    const json_walk_key *a = left, *b = right;
    if (a->escapes || b->escapes) return json_string_compare(a->text, b->text);
    int order = memcmp(a->text.data, b->text.data, VV_MIN(a->text.len, b->text.len));
    return order ? order : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

static inline bool same_key(const json_walk_key *a, const json_walk_key *b)
{
    if (VV_LIKELY(!a->escapes && !b->escapes) &&
        (a->text.len != b->text.len || a->start != b->start))
        return false;
    return compare_keys(a, b) == 0;
}

static varve_status fail_duplicate(const json_walk *w, const json_walk_key *a,
                                   const json_walk_key *b, varve_error *err)
{
    const json_walk_key *later = a->text.data > b->text.data ? a : b;
    return vv_fail(err, VARVE_INVALID, "at byte %zu: the key \"%.*s\" comes twice",
                   (size_t)(later->text.data - 1 - w->text), (int)VV_MIN(later->text.len, 100u),
                   later->text.data);
}

/* Forget the keys of an object that ends, once they are known to differ. */
static varve_status check_keys(json_walk *w, size_t first, varve_error *err)
{
    size_t count = w->key_count - first;
    w->key_count = first;
    if (count < 2) return VARVE_OK;
    json_walk_key *keys = w->keys + first;
    if (count > KEYS_COMPARED_IN_PAIRS) {
        qsort(keys, count, sizeof *keys, compare_keys);
        for (size_t i = 1; i < count; i++)
            if (same_key(&keys[i - 1], &keys[i]))
                return fail_duplicate(w, &keys[i - 1], &keys[i], err);
        return VARVE_OK;
    }
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (same_key(&keys[i], &keys[j])) return fail_duplicate(w, &keys[i], &keys[j], err);
    return VARVE_OK;
}

static varve_status close_level(json_walk *w, json_token *ret, varve_error *err)
{
    const json_walk_level *level = &w->levels[--w->depth];
    *ret = (json_token){
        .kind = level->object ? TOKEN_OBJECT_END : TOKEN_ARRAY_END, .data = w->at++, .len = 1};
    w->state = WALK_AFTER_VALUE;
    return level->object ? check_keys(w, level->first_key, err) : VARVE_OK;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static varve_status read_string(json_walk *w, json_token_kind kind, json_token *ret,
                                varve_error *err)
{
    const char *start = ++w->at;
    unsigned flags = 0;
    const char *wrong = json_string_check(&w->at, w->end, &flags);
    if (wrong) return json_walk_fail(w, w->at, wrong, err);
    *ret = (json_token){kind, start, (size_t)(w->at++ - start), flags, false};
    return VARVE_OK;
}

static varve_status read_key(json_walk *w, json_token *ret, varve_error *err)
{
    size_t first = w->levels[w->depth - 1].first_key;
    if (w->at == w->end || *w->at != '"')
        return json_walk_fail(w, w->at, "a key in quotes is expected", err);
    VV_TRY(read_string(w, TOKEN_KEY, ret, err));
    VV_TRY(skip_space(w, err));
    if (w->at == w->end || *w->at != ':')
        return json_walk_fail(w, w->at, "a colon is expected", err);
    w->at++;
    VV_TRY(skip_space(w, err));
    if (w->key_count - first >= w->limits.keys_max)
        return vv_fail(err, VARVE_LIMIT, "at byte %zu: more than %zu keys in an object",
                       (size_t)(ret->data - w->text), w->limits.keys_max);
    if (w->key_count == w->keys_room)
        VV_TRY(grow(&w->keys, &w->keys_room, 32, sizeof *w->keys, err));
    w->keys[w->key_count++] = make_key(ret);
    w->state = WALK_VALUE;
    return VARVE_OK;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static varve_status read_number(json_walk *w, json_token *ret, varve_error *err)
{
    const char *start = w->at, *end = w->end, *p = start + (*start == '-'), *digits = p;
    bool real = false;
    p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
    if (p == digits) {
        bool word = p < end && (*p == 'I' || *p == 'N');
        return json_walk_fail(w, p, word ? "NaN and Infinity are no JSON" : "a digit is expected",
                              err);
    }
    if (p < end && is_digit(*p)) return json_walk_fail(w, digits, "a number begins with 0", err);
    if (p < end && *p == '.') {
        digits = p + 1;
        real = true;
        if ((p = skip_digits(digits, end)) == digits)
            return json_walk_fail(w, p, "a digit is expected", err);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        digits = p + 1 + (p + 1 < end && (p[1] == '+' || p[1] == '-'));
        real = true;
        if ((p = skip_digits(digits, end)) == digits)
            return json_walk_fail(w, p, "a digit is expected", err);
    }
    if (p - start > JSON_NUMBER_CHARS_MAX)
        return vv_fail(err, VARVE_LIMIT, "at byte %zu: a number has more than %d characters",
                       (size_t)(start - w->text), JSON_NUMBER_CHARS_MAX);
    w->at = p;
    *ret = (json_token){TOKEN_NUMBER, start, (size_t)(p - start), 0, real};
    return VARVE_OK;
}

static varve_status read_word(json_walk *w, json_token *ret, varve_error *err)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < VV_COUNT(words); i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(w->end - w->at) < len || memcmp(w->at, words[i], len) != 0) continue;
        *ret = (json_token){.kind = TOKEN_WORD, .data = w->at, .len = len};
        w->at += len;
        return VARVE_OK;
    }
    if (*w->at == 'N' || *w->at == 'I')
        return json_walk_fail(w, w->at, "NaN and Infinity are no JSON", err);
    if (w->at == w->text && w->end - w->at >= 3 && memcmp(w->at, "\xef\xbb\xbf", 3) == 0)
        return json_walk_fail(w, w->at, "the text begins with a byte order mark", err);
    return json_walk_fail(w, w->at, "a value is expected", err);
}

static varve_status read_value(json_walk *w, json_token *ret, varve_error *err)
{
    char c = w->at < w->end ? *w->at : '\0';
    if (c == '{' || c == '[') {
        VV_TRY(open_level(w, c == '{', err));
        *ret =
            (json_token){.kind = c == '{' ? TOKEN_OBJECT : TOKEN_ARRAY, .data = w->at++, .len = 1};
        return VARVE_OK;
    }
    w->state = WALK_AFTER_VALUE;
    if (c == '"') return read_string(w, TOKEN_STRING, ret, err);
    if (c == '-' || is_digit(c)) return read_number(w, ret, err);
    if (w->at == w->end) return json_walk_fail(w, w->at, "the text ends too early", err);
    return read_word(w, ret, err);
}

/* What follows a value: the end of the text, the end of what is open, or a comma and the next. */
static varve_status read_after_value(json_walk *w, json_token *ret, varve_error *err)
{
    bool at_end = w->at == w->end;
    if (w->depth == 0) {
        if (!at_end) return json_walk_fail(w, w->at, "something follows the value", err);
        *ret = (json_token){.kind = TOKEN_END, .data = w->at};
        return VARVE_OK;
    }
    bool object = w->levels[w->depth - 1].object;
    if (at_end) return json_walk_fail(w, w->at, "the text ends too early", err);
    if (*w->at == (object ? '}' : ']')) return close_level(w, ret, err);
    if (*w->at != ',')
        return json_walk_fail(w, w->at,
                              object ? "',' or '}' is expected" : "',' or ']' is expected", err);
    w->at++;
    VV_TRY(skip_space(w, err));
    return object ? read_key(w, ret, err) : read_value(w, ret, err);
}

varve_status json_walk_next(json_walk *w, json_token *ret, varve_error *err)
{
    VV_TRY(skip_space(w, err));
    switch (w->state) {
    case WALK_AFTER_VALUE: return read_after_value(w, ret, err);
    case WALK_VALUE: return read_value(w, ret, err);
    case WALK_OBJECT_FIRST:
        if (w->at < w->end && *w->at == '}') return close_level(w, ret, err);
        return read_key(w, ret, err);
    case WALK_ARRAY_FIRST:
        if (w->at < w->end && *w->at == ']') return close_level(w, ret, err);
        return read_value(w, ret, err);
    }
    return vv_fail(err, VARVE_INTERNAL, "JSON reader in no state");
}

void json_walk_value_passed(json_walk *w, const char *at)
{
    w->at = at;
    w->state = WALK_AFTER_VALUE;
}
