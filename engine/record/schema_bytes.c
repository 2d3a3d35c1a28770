/* schema_bytes.c — a schema in bytes and back; the byte table is in schema.h. */
#include "base/bytes.h"
#include "record/schema.h"
#include "record/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { VERSION = 3, VERSION_WITHOUT_PARAMS = 1, VERSION_WITHOUT_KINDS = 2, CONTENT_MAX = 1 };
enum { TEXT_STEM = 1, TEXT_STOP_WORDS = 2, TEXT_FOLD_ACCENTS = 4, TEXT_KNOWN = 7 };
enum { FIELD_BYTES_MIN = 2 + 1 + 4 + 1 + 1 + 1 };

/* ---- write --------------------------------------------------------------------------------- */

static varve_status add_u16(buffer *out, uint64_t value, varve_error *err)
{
    uint8_t bytes[2];
    put_u16(bytes, (uint16_t)value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

static varve_status add_u32(buffer *out, uint64_t value, varve_error *err)
{
    uint8_t bytes[4];
    put_u32(bytes, (uint32_t)value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

static varve_status add_short_text(buffer *out, const char *text, varve_error *err)
{
    size_t len = strlen(text);
    uint8_t byte = (uint8_t)len;
    assert(len <= UINT8_MAX);
    VV_TRY(buffer_add(out, &byte, 1, err));
    return buffer_add(out, text, len, err);
}

static varve_status add_params(buffer *out, const varve_index_params *p, varve_error *err)
{
    uint8_t alpha[8];
#define X(name, value, meaning) VV_TRY(add_u32(out, p->name, err));
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    memcpy(alpha, &p->alpha, sizeof alpha);
    return buffer_add(out, alpha, sizeof alpha, err);
}

static varve_status add_field(buffer *out, const vector_field *f, varve_error *err)
{
    uint8_t types[2] = {(uint8_t)f->dtype, (uint8_t)f->metric};
    VV_TRY(add_u16(out, f->id, err));
    VV_TRY(add_short_text(out, f->name, err));
    VV_TRY(add_u32(out, f->dim, err));
    VV_TRY(buffer_add(out, types, sizeof types, err));
    VV_TRY(add_short_text(out, f->index_mode, err));
    VV_TRY(add_params(out, &f->params, err));
    types[0] = (uint8_t)f->kind;
    VV_TRY(buffer_add(out, types, 1, err));
    return add_u32(out, f->child, err);
}

static varve_status add_content(buffer *out, const collection_schema *s, varve_error *err)
{
    uint8_t bytes[2] = {s->content, (uint8_t)((s->text_stem ? TEXT_STEM : 0) |
                                              (s->text_stop_words ? TEXT_STOP_WORDS : 0) |
                                              (s->text_fold_accents ? TEXT_FOLD_ACCENTS : 0))};
    VV_TRY(buffer_add(out, bytes, sizeof bytes, err));
    return add_short_text(out, s->text_language, err);
}

static varve_status add_schema(const collection_schema *s, buffer *out, varve_error *err)
{
    size_t description = s->description ? strlen(s->description) : 0;
    uint8_t head[13] = {VERSION};
    assert(s->field_count >= 1 && s->field_count <= UINT16_MAX && description <= UINT32_MAX);
    put_u32(head + 1, s->id);
    put_u64(head + 5, s->created_ms);
    VV_TRY(buffer_add(out, head, sizeof head, err));
    VV_TRY(add_u32(out, description, err));
    VV_TRY(buffer_add(out, s->description, description, err));
    VV_TRY(add_content(out, s, err));
    VV_TRY(add_u16(out, s->field_count, err));
    for (size_t i = 0; i < s->field_count; i++)
        VV_TRY(add_field(out, &s->fields[i], err));
    return VARVE_OK;
}

varve_status schema_encode(const collection_schema *s, buffer *out, varve_error *err)
{
    size_t len = out->len;
    varve_status status = add_schema(s, out, err);
    if (status != VARVE_OK) out->len = len;
    return status;
}

/* ---- read ---------------------------------------------------------------------------------- */

/* Takes bytes from the front; the first take that does not fit makes all later ones give zeros. */
typedef struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
} reader;

static const uint8_t *take(reader *r, size_t len)
{
    const uint8_t *p = r->at;
    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    r->left -= len;
    return p;
}

static uint64_t take_uint(reader *r, size_t len)
{
    uint64_t value = 0;
    const uint8_t *p = take(r, len);
    if (p) memcpy(&value, p, len);
    return value;
}

static void take_short_text(reader *r, char *ret, size_t max)
{
    size_t len = take_uint(r, 1);
    const uint8_t *p = take(r, len);
    if (!p || len > max || memchr(p, '\0', len)) {
        r->failed = true;
        return;
    }
    memcpy(ret, p, len);
    ret[len] = '\0';
}

static void take_params(reader *r, varve_index_params *p)
{
#define X(name, value, meaning) p->name = (uint32_t)take_uint(r, 4);
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    uint64_t alpha = take_uint(r, 8);
    p->alpha = get_f64(&alpha);
    if (!isfinite(p->alpha) || p->alpha < 0) r->failed = true;
}

static void take_field(reader *r, vector_field *f, unsigned version, bool primary)
{
    f->id = (uint16_t)take_uint(r, 2);
    take_short_text(r, f->name, SCHEMA_NAME_MAX);
    f->dim = (uint32_t)take_uint(r, 4);
    f->dtype = (varve_dtype)take_uint(r, 1);
    f->metric = (varve_metric)take_uint(r, 1);
    take_short_text(r, f->index_mode, SCHEMA_INDEX_MODE_MAX);
    if (version > VERSION_WITHOUT_PARAMS) take_params(r, &f->params);
    if (version > VERSION_WITHOUT_KINDS) {
        f->kind = (vector_kind)take_uint(r, 1);
        f->child = (uint32_t)take_uint(r, 4);
    }
    bool named = schema_check_name(f->name, "field", NULL) == VARVE_OK;
    if ((unsigned)f->dtype >= VARVE_DTYPE_COUNT || (unsigned)f->metric >= VARVE_METRIC_COUNT ||
        (unsigned)f->kind > VECTOR_MULTI || primary != (f->id == 0) ||
        (primary ? f->name[0] != '\0' : !named))
        r->failed = true;
}

static varve_status take_description(reader *r, collection_schema *s, varve_error *err)
{
    size_t len = take_uint(r, 4);
    const char *p = (const char *)take(r, len);
    if (!p || len == 0) return VARVE_OK;
    if (memchr(p, '\0', len) || !utf8_valid(p, len)) {
        r->failed = true;
        return VARVE_OK;
    }
    s->description = strndup(p, len);
    return s->description ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a description");
}

static void take_content(reader *r, unsigned version, collection_schema *s)
{
    unsigned text;
    if (version <= VERSION_WITHOUT_KINDS) return;
    s->content = (uint8_t)take_uint(r, 1);
    text = (unsigned)take_uint(r, 1);
    s->text_stem = text & TEXT_STEM;
    s->text_stop_words = text & TEXT_STOP_WORDS;
    s->text_fold_accents = text & TEXT_FOLD_ACCENTS;
    take_short_text(r, s->text_language, SCHEMA_LANGUAGE_MAX);
    if (s->content > CONTENT_MAX || text & ~(unsigned)TEXT_KNOWN) r->failed = true;
}

static varve_status take_fields(reader *r, unsigned version, collection_schema *s, varve_error *err)
{
    size_t count = take_uint(r, 2);
    if (count == 0 || count > r->left / FIELD_BYTES_MIN) r->failed = true;
    if (r->failed) return VARVE_OK;
    s->fields = calloc(count, sizeof *s->fields);
    if (!s->fields) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a collection");
    s->field_count = count;
    for (size_t i = 0; i < count; i++)
        take_field(r, &s->fields[i], version, i == 0);
    return VARVE_OK;
}

varve_status schema_decode(const void *bytes, size_t len, collection_schema *ret, varve_error *err)
{
    reader r = {.at = bytes, .left = len};
    VV_CLEANUP(schema_done) collection_schema s = {0};
    unsigned version = (unsigned)take_uint(&r, 1);
    if (version > VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT,
                       "collection record of version %u: this program reads up to %d", version,
                       VERSION);
    s.id = (uint32_t)take_uint(&r, 4);
    s.created_ms = take_uint(&r, 8);
    VV_TRY(take_description(&r, &s, err));
    take_content(&r, version, &s);
    VV_TRY(take_fields(&r, version, &s, err));
    if (version == 0 || r.failed || r.left)
        return vv_fail(err, VARVE_CORRUPT, "malformed collection record of %zu bytes", len);
    *ret = s;
    s = (collection_schema){0};
    return VARVE_OK;
}
