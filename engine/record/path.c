/* path.c — paths: reading, writing, walking. */
#include "record/path.h"
#include "base/bytes.h"
#include "record/utf8.h"

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct reader {
    const char *start, *at, *end;
    arena *memory;
    path_step steps[PATH_STEPS_MAX];
    size_t count;
} reader;

static varve_status fail_at(const reader *r, const char *at, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_INVALID, "path '%.*s', byte %zu: %s",
                   (int)utf8_cut(r->start, (size_t)(r->end - r->start), 100), r->start,
                   (size_t)(at - r->start) + 1, what);
}

static bool is_bare(char c)
{
    char lower = (char)(c | 0x20);
    return (unsigned char)c > 0x7f || (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

static varve_status add_step(reader *r, path_step step, varve_error *err)
{
    if (r->count == PATH_STEPS_MAX)
        return vv_fail(err, VARVE_LIMIT, "a path has more than %d steps", PATH_STEPS_MAX);
    r->steps[r->count++] = step;
    return VARVE_OK;
}

/* Between two quotes that are alike; doubled ones stand for one. */
static varve_status read_quoted(reader *r, varve_text *ret, varve_error *err)
{
    const char *open = r->at++;
    char quote = *open, plain[PATH_BYTES_MAX];
    size_t len = 0;
    for (;;) {
        if (r->at == r->end) return fail_at(r, open, "the quote is not closed", err);
        char c = *r->at++;
        if (c == quote) {
            if (r->at == r->end || *r->at != quote) break;
            r->at++;
        }
        plain[len++] = c; /* has room: the whole path is no longer */
    }
    return arena_text(r->memory, plain, len, ret, err);
}

static varve_status read_key(reader *r, varve_error *err)
{
    path_step step = {.kind = PATH_KEY};
    const char *from = r->at;
    if (from < r->end && (*from == '"' || *from == '`')) {
        VV_TRY(read_quoted(r, &step.key, err));
    } else {
        while (r->at < r->end && is_bare(*r->at))
            r->at++;
        if (r->at == from) return fail_at(r, from, "a key is expected", err);
        VV_TRY(arena_text(r->memory, from, (size_t)(r->at - from), &step.key, err));
    }
    return add_step(r, step, err);
}

static varve_status read_brackets(reader *r, varve_error *err)
{
    path_step step = {.kind = PATH_EACH};
    uint64_t n = 0;
    const char *digits = ++r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        n = n * 10 + (uint64_t)(*r->at - '0');
        if (n > UINT32_MAX) return fail_at(r, digits, "the array index is too large", err);
    }
    if (r->at == r->end || *r->at != ']')
        return fail_at(r, r->at,
                       r->at == digits ? "a number or ']' is expected" : "']' is expected", err);
    if (r->at++ > digits) step = (path_step){.kind = PATH_INDEX, .index = (uint32_t)n};
    return add_step(r, step, err);
}

static varve_status read_step(reader *r, varve_error *err)
{
    if (*r->at == '[') return read_brackets(r, err);
    if (*r->at != '.') return fail_at(r, r->at, "'.' or '[' is expected", err);
    r->at++;
    return read_key(r, err);
}

varve_status path_parse(varve_text text, arena *a, path *ret, varve_error *err)
{
    reader r = {.start = text.data, .at = text.data, .end = text.data + text.len, .memory = a};
    if (text.len > PATH_BYTES_MAX)
        return vv_fail(err, VARVE_LIMIT, "a path is longer than %d bytes", PATH_BYTES_MAX);
    if (text.len == 0) return vv_fail(err, VARVE_INVALID, "a path is empty");
    if (!utf8_valid(text.data, text.len)) return vv_fail(err, VARVE_INVALID, "a path is not UTF-8");
    VV_TRY(read_key(&r, err));
    while (r.at < r.end)
        VV_TRY(read_step(&r, err));
    return path_make(r.steps, r.count, a, ret, err);
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool is_bare_key(varve_text key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!is_bare(key.data[i])) return false;
    return key.len > 0;
}

static varve_status write_key(buffer *out, varve_text key, varve_error *err)
{
    if (is_bare_key(key)) return buffer_add(out, key.data, key.len, err);
    VV_TRY(buffer_add_text(out, "\"", err));
    for (size_t i = 0; i < key.len; i++)
        VV_TRY(buffer_add(out, key.data[i] == '"' ? "\"\"" : &key.data[i],
                          key.data[i] == '"' ? 2 : 1, err));
    return buffer_add_text(out, "\"", err);
}

static varve_status write_step(buffer *out, const path_step *step, bool first, varve_error *err)
{
    if (step->kind == PATH_EACH) return buffer_add_text(out, "[]", err);
    if (step->kind == PATH_INDEX) return buffer_printf(out, err, "[%u]", (unsigned)step->index);
    if (!first) VV_TRY(buffer_add_text(out, ".", err));
    return write_key(out, step->key, err);
}

static varve_status check_steps(const path_step *steps, size_t count, varve_error *err)
{
    size_t bytes = 0;
    if (count == 0 || steps[0].kind != PATH_KEY)
        return vv_fail(err, VARVE_INVALID, "a path begins with a key");
    if (count > PATH_STEPS_MAX)
        return vv_fail(err, VARVE_LIMIT, "a path has more than %d steps", PATH_STEPS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (steps[i].kind != PATH_KEY) continue;
        if (steps[i].key.len > PATH_BYTES_MAX - bytes)
            return vv_fail(err, VARVE_LIMIT, "a path is longer than %d bytes", PATH_BYTES_MAX);
        bytes += steps[i].key.len;
    }
    return VARVE_OK;
}

varve_status path_make(const path_step *steps, size_t count, arena *a, path *ret, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer out;
    void *memory;
    path p = {.count = (uint32_t)count};
    buffer_init(&out, SIZE_MAX, "a path");
    VV_TRY(check_steps(steps, count, err));
    VV_TRY(arena_take(a, count, sizeof *steps, &memory, err));
    path_step *copy = memory;
    for (size_t i = 0; i < count; i++) {
        copy[i] = steps[i];
        if (steps[i].kind == PATH_KEY)
            VV_TRY(arena_text(a, steps[i].key.data, steps[i].key.len, &copy[i].key, err));
        if (steps[i].kind == PATH_EACH) p.many = true;
        VV_TRY(write_step(&out, &steps[i], i == 0, err));
    }
    p.steps = copy;
    VV_TRY(arena_text(a, out.data, out.len, &p.text, err));
    *ret = p;
    return VARVE_OK;
}

/* ---- walking ------------------------------------------------------------------------------- */

typedef struct walk {
    const path_step *steps;
    size_t count;
    path_visit *visit;
    void *context;
} walk;

typedef struct member {
    varve_text key; /* raw */
    bool escapes;
    const char *value;
} member;

/* *at begins at the first key, behind the '{'. Its value is not passed yet. */
static bool next_key(const char **at, const char *end, member *ret)
{
    const char *p = *at;
    if (p >= end || *p != '"') return false;
    const char *close = value_string_end(p + 1, end, &ret->escapes);
    if (end - close < 3 || close[1] != ':') return false;
    ret->key = (varve_text){p + 1, (size_t)(close - p - 1)};
    ret->value = close + 2;
    return true;
}

/* The value of m is of no interest. */
static void pass_value(const char **at, const char *end, const member *m)
{
    const char *p = value_end(m->value, end);
    *at = p < end && *p == ',' ? p + 1 : end;
}

static bool same_text(varve_text key, const path_step *steps, size_t count)
{
    const char *at = key.data;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && *at++ != '.') return false;
        if (steps[i].key.len && memcmp(at, steps[i].key.data, steps[i].key.len) != 0) return false;
        at += steps[i].key.len;
    }
    return true;
}

/* Is the member called as these keys are, joined by dots? len: of that name. */
static bool is_named(const member *m, const path_step *steps, size_t count, size_t len)
{
    if (VV_LIKELY(!m->escapes)) return m->key.len == len && same_text(m->key, steps, count);
    char plain[PATH_BYTES_MAX + PATH_STEPS_MAX];
    size_t plain_len;
    return value_unescape(m->key, plain, sizeof plain, &plain_len) && plain_len == len &&
           same_text((varve_text){plain, plain_len}, steps, count);
}

static bool walk_from(const walk *w, const char *at, const char *end, size_t step);

static bool walk_key(const walk *w, const char *at, const char *end, size_t step)
{
    const path_step *wanted = &w->steps[step];
    member m;
    for (at++; next_key(&at, end, &m); pass_value(&at, end, &m))
        if (is_named(&m, wanted, 1, wanted->key.len)) return walk_from(w, m.value, end, step + 1);
    return true;
}

static bool walk_array(const walk *w, const char *at, const char *end, size_t step)
{
    const path_step *wanted = &w->steps[step];
    varve_text raw;
    at++;
    for (uint32_t i = 0; value_next_element(&at, end, &raw); i++) {
        if (wanted->kind == PATH_INDEX && i < wanted->index) continue;
        if (!walk_from(w, raw.data, end, step + 1)) return false;
        if (wanted->kind == PATH_INDEX) break;
    }
    return true;
}

/* The steps from `step` on, from the value at `at` (end: of all the text). */
static bool walk_from(const walk *w, const char *at, const char *end, size_t step)
{
    if (at >= end) return true;
    if (step == w->count) {
        varve_text raw = {at, (size_t)(value_end(at, end) - at)};
        return raw.len == 0 || w->visit(w->context, raw);
    }
    bool key = w->steps[step].kind == PATH_KEY;
    if (*at != (key ? '{' : '[')) return true;
    return key ? walk_key(w, at, end, step) : walk_array(w, at, end, step);
}

/* A path that begins with several keys: a member with the name of all of them goes before. */
static bool walk_flat(const walk *w, varve_text fields, size_t keys)
{
    const char *at = fields.data + 1, *end = fields.data + fields.len, *nested = NULL;
    const path_step *first = w->steps;
    size_t len = keys - 1;
    member m;
    for (size_t i = 0; i < keys; i++)
        len += first[i].key.len;
    for (; next_key(&at, end, &m); pass_value(&at, end, &m)) {
        if (is_named(&m, first, keys, len)) return walk_from(w, m.value, end, keys);
        if (!nested && is_named(&m, first, 1, first->key.len)) nested = m.value;
    }
    return !nested || walk_from(w, nested, end, 1);
}

bool path_walk(const path *p, varve_text fields, path_visit *visit, void *context)
{
    walk w = {p->steps, p->count, visit, context};
    size_t keys = 1;
    if (fields.len == 0 || *fields.data != '{') return true;
    while (keys < p->count && p->steps[keys].kind == PATH_KEY)
        keys++;
    return keys > 1 ? walk_flat(&w, fields, keys)
                    : walk_from(&w, fields.data, fields.data + fields.len, 0);
}
