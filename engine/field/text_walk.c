/* text_walk.c — see text_walk.h. One pass, each byte once. */
#include "field/text_walk.h"

#include "base/bytes.h"
#include "base/json.h"
#include "record/path.h"
#include "record/value.h"

#define SCRATCH_BYTES_MAX ((size_t)1 << 31)
#define ARENA_BYTES_MAX   ((size_t)1 << 20)

typedef struct walk {
    text_walk *w;
    text_visit *visit;
    void *context;
    const char *end; /* of the fields */
} walk;

typedef struct place { /* where in the fields the walk is */
    unsigned depth;
    bool plain;
} place;

void text_walk_init(text_walk *w)
{
    w->dots = false;
    buffer_init(&w->path, SCRATCH_BYTES_MAX, "path in fields");
    buffer_init(&w->scratch, SCRATCH_BYTES_MAX, "text in fields");
}

void text_walk_done(text_walk *w)
{
    buffer_done(&w->path);
    buffer_done(&w->scratch);
}

static varve_status corrupt(varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "the fields of a row are not minified JSON");
}

/* ---- spelling ------------------------------------------------------------------------------- */

static bool is_bare(char c)
{
    char lower = (char)(c | 0x20);
    return (unsigned char)c > 0x7f || (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

/* Bare parts with single dots between them. */
static bool spelled_bare(varve_text key, bool *ret_dots)
{
    bool part = false;
    *ret_dots = false;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '.' && part) {
            *ret_dots = true;
            part = false;
        } else if (is_bare(key.data[i])) {
            part = true;
        } else {
            return false;
        }
    }
    return part;
}

static varve_status spell_key(varve_text key, buffer *out, bool *ret_dots, varve_error *err)
{
    if (out->len) VV_TRY(buffer_add(out, ".", 1, err));
    if (spelled_bare(key, ret_dots)) return buffer_add(out, key.data, key.len, err);
    *ret_dots = false;
    VV_TRY(buffer_add(out, "\"", 1, err));
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '"') VV_TRY(buffer_add(out, "\"", 1, err));
        VV_TRY(buffer_add(out, &key.data[i], 1, err));
    }
    return buffer_add(out, "\"", 1, err);
}

varve_status text_walk_spell(varve_text text, buffer *out, varve_error *err)
{
    VV_CLEANUP(arena_done) arena memory;
    VV_CLEANUP(buffer_done) buffer spelled;
    path p;
    bool dots;
    arena_init(&memory, ARENA_BYTES_MAX, "path");
    buffer_init(&spelled, ARENA_BYTES_MAX, "path");
    VV_TRY(path_parse(text, &memory, &p, err));
    for (uint32_t i = 0; i < p.count; i++)
        if (p.steps[i].kind == PATH_KEY) VV_TRY(spell_key(p.steps[i].key, &spelled, &dots, err));
    return buffer_add(out, spelled.data, spelled.len, err);
}

/* ---- walking -------------------------------------------------------------------------------- */

/* The string whose opening quote is at *at; *at is moved behind it. */
static varve_status read_string(const walk *k, const char **at, varve_text *ret, varve_error *err)
{
    buffer *scratch = &k->w->scratch;
    bool escapes;
    const char *open = *at + 1, *close = value_string_end(open, k->end, &escapes);
    if (close >= k->end) return corrupt(err);
    varve_text raw = {open, (size_t)(close - open)};
    *at = close + 1;
    if (escapes) {
        buffer_clear(scratch);
        VV_TRY(buffer_reserve(scratch, raw.len, err));
        if (!value_unescape(raw, scratch->data, raw.len, &scratch->len)) return corrupt(err);
        raw = (varve_text){scratch->data, scratch->len};
    }
    *ret = raw;
    return VARVE_OK;
}

static varve_status walk_value(const walk *k, const char **at, place here, varve_error *err);

static varve_status walk_member(const walk *k, const char **at, place here, varve_error *err)
{
    varve_text key;
    bool dots;
    if (*at >= k->end || **at != '"') return corrupt(err);
    VV_TRY(read_string(k, at, &key, err));
    if (*at >= k->end || *(*at)++ != ':') return corrupt(err);
    VV_TRY(spell_key(key, &k->w->path, &dots, err));
    if (dots) {
        here.plain = false;
        k->w->dots = true;
    }
    return walk_value(k, at, here, err);
}

/* Objects and arrays; *at is at the bracket. */
static varve_status walk_inside(const walk *k, const char **at, place here, varve_error *err)
{
    bool object = **at == '{';
    char close = object ? '}' : ']';
    size_t path_len = k->w->path.len;
    if (++here.depth > JSON_DEPTH_MAX + 1) return corrupt(err);
    if (!object) here.plain = false;
    if (++*at < k->end && **at == close) {
        ++*at;
        return VARVE_OK;
    }
    for (;;) {
        VV_TRY(object ? walk_member(k, at, here, err) : walk_value(k, at, here, err));
        k->w->path.len = path_len;
        if (*at >= k->end) return corrupt(err);
        char c = *(*at)++;
        if (c == close) return VARVE_OK;
        if (c != ',') return corrupt(err);
    }
}

static varve_status walk_value(const walk *k, const char **at, place here, varve_error *err)
{
    varve_text text, name = {k->w->path.data, k->w->path.len};
    if (*at >= k->end) return corrupt(err);
    if (**at == '{' || **at == '[') return walk_inside(k, at, here, err);
    if (**at != '"') {
        const char *behind = value_end(*at, k->end);
        if (behind == *at) return corrupt(err);
        *at = behind;
        return VARVE_OK;
    }
    VV_TRY(read_string(k, at, &text, err));
    if (name.len > PATH_BYTES_MAX) name = (varve_text){0};
    return k->visit(k->context, name, here.plain, text, err);
}

varve_status text_walk_run(text_walk *w, varve_text fields, text_visit *visit, void *context,
                           varve_error *err)
{
    const char *at = fields.data;
    walk k = {w, visit, context, fields.data + fields.len};
    if (fields.len == 0) return VARVE_OK;
    if (*at != '{') return corrupt(err);
    buffer_clear(&w->path);
    VV_TRY(walk_inside(&k, &at, (place){.plain = true}, err));
    return at == k.end ? VARVE_OK : corrupt(err);
}
