/* import_lines.c — lines of the rows' file: where they are, in which order their rows were
 * inserted, and what they say. */
#include "import_inner.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const json_limits limits = {
    .bytes_max = (size_t)1 << 30, .depth_max = JSON_DEPTH_MAX + 2, .keys_max = JSON_KEYS_MAX};

typedef struct line_parts {
    varve_text id, fields;
    uint64_t ordinal;
    bool deleted, has_ordinal;
} line_parts;

static varve_status wrong(const import_job *j, const import_line *line, const char *what,
                          varve_error *err)
{
    const char *file = j->source.layout == EXPORT_LYNSE ? LYNSE_ROWS : EXPORT_ROWS;
    return vv_fail(err, VARVE_CORRUPT, "%s: line %llu: %s", file, (unsigned long long)line->row + 1,
                   what);
}

static bool key_is(varve_text key, const char *name)
{
    return key.len == strlen(name) && memcmp(key.data, name, key.len) == 0;
}

static bool to_u64(varve_text text, uint64_t *ret)
{
    uint64_t n = 0;
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(text.data[i] - '0'), &n))
            return false;
    }
    *ret = n;
    return true;
}

/* The members of a minified line. */
static bool take_parts(const import_job *j, const char *at, const char *end, line_parts *p)
{
    bool lynse = j->source.layout == EXPORT_LYNSE;
    varve_text key, value;
    *p = (line_parts){.ordinal = 0};
    while (json_next_member(&at, end, &key, &value)) {
        if (key_is(key, lynse ? "external_id" : "id"))
            p->id = value;
        else if (key_is(key, lynse ? "field" : "fields"))
            p->fields = value;
        else if (key_is(key, lynse ? "id" : "ordinal"))
            p->has_ordinal = to_u64(value, &p->ordinal);
        else if (key_is(key, "deleted") && !lynse)
            p->deleted = key_is(value, "true");
    }
    return p->id.len > 0 && (!p->fields.data || *p->fields.data == '{');
}

static varve_status read_line(const import_job *j, const import_line *line, buffer *text,
                              line_parts *ret, varve_error *err)
{
    size_t start = text->len;
    const char *raw = (const char *)j->text.data + line->offset;
    varve_status status = json_minify_object(raw, line->bytes, &limits, text, err);
    if (status == VARVE_INVALID || status == VARVE_LIMIT) {
        vv_error_prefix(err, "line %llu of the rows", (unsigned long long)line->row + 1);
        return VARVE_CORRUPT;
    }
    if (status != VARVE_OK) return status;
    if (!take_parts(j, text->data + start, text->data + text->len, ret))
        return wrong(j, line, "not a row with an id and an object of fields", err);
    return VARVE_OK;
}

/* ---- ids ----------------------------------------------------------------------------------- */

static varve_status unescape(const import_job *j, const import_line *line, varve_text quoted,
                             buffer *ids, varve_text *ret, varve_error *err)
{
    size_t start = ids->len;
    json_t *string = json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY, NULL);
    varve_status status = json_is_string(string) ? buffer_add(ids, json_string_value(string),
                                                              json_string_length(string), err)
                                                 : wrong(j, line, "the id is no string", err);
    if (status == VARVE_OK) *ret = (varve_text){ids->data + start, ids->len - start};
    json_decref(string);
    return status;
}

static varve_status take_id(const import_job *j, const import_line *line, varve_text raw,
                            buffer *ids, varve_id *ret, varve_error *err)
{
    *ret = (varve_id){.kind = VARVE_ID_NUM};
    if (*raw.data != '"')
        return to_u64(raw, &ret->num)
                   ? VARVE_OK
                   : wrong(j, line, "the id is neither an unsigned integer nor a string", err);
    ret->kind = VARVE_ID_STR;
    ret->text = (varve_text){raw.data + 1, raw.len - 2};
    if (!memchr(raw.data, '\\', raw.len)) return VARVE_OK;
    return unescape(j, line, raw, ids, &ret->text, err);
}

varve_status import_parse_line(const import_job *j, const import_line *line, buffer *text,
                               buffer *ids, varve_id *ret_id, varve_text *ret_fields,
                               varve_error *err)
{
    line_parts parts;
    VV_TRY(read_line(j, line, text, &parts, err));
    VV_TRY(take_id(j, line, parts.id, ids, ret_id, err));
    *ret_fields = parts.fields;
    return VARVE_OK;
}

/* ---- where they are ------------------------------------------------------------------------ */

static int by_ordinal(const void *a, const void *b)
{
    const import_line *x = a, *y = b;
    if (x->ordinal != y->ordinal) return x->ordinal < y->ordinal ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* false: no line is left. The last one may lack its newline. */
static bool next_line(const file_map *m, uint64_t *at, import_line *ret)
{
    if (*at >= m->size) return false;
    const uint8_t *end = memchr(m->data + *at, '\n', m->size - *at);
    uint64_t stop = end ? (uint64_t)(end - m->data) : m->size;
    ret->offset = *at;
    ret->bytes = (uint32_t)VV_MIN(stop - *at, (uint64_t)UINT32_MAX);
    *at = stop + 1;
    return true;
}

static varve_status check_count(const import_job *j, uint64_t found, varve_error *err)
{
    if (found == j->line_count) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "the rows' file has %s lines than the %llu of its manifest",
                   found > j->line_count ? "more" : "fewer", (unsigned long long)j->line_count);
}

static varve_status read_one(import_job *j, uint64_t row, uint64_t *deleted, buffer *text,
                             varve_error *err)
{
    import_line *line = &j->lines[row];
    line_parts parts;
    line->row = row;
    buffer_clear(text);
    VV_TRY(read_line(j, line, text, &parts, err));
    line->ordinal = parts.has_ordinal ? parts.ordinal : row;
    line->deleted = parts.deleted;
    *deleted += parts.deleted;
    return VARVE_OK;
}

varve_status import_find_lines(import_job *j, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer text;
    uint64_t at = 0, row = 0, deleted = 0, bytes;
    import_line found;
    buffer_init(&text, limits.bytes_max, "a line of an export");
    j->line_count = j->source.rows + j->source.deleted;
    /* A line has at least 8 bytes: what a manifest claims is not believed beyond that. */
    if (j->line_count > j->text.size / 8)
        return vv_fail(err, VARVE_CORRUPT, "the rows' file has fewer lines than its manifest says");
    if (__builtin_mul_overflow(j->line_count + 1, sizeof *j->lines, &bytes) ||
        !(j->lines = malloc(bytes)))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %llu lines",
                       (unsigned long long)j->line_count);
    while (next_line(&j->text, &at, &found)) {
        if (row == j->line_count) return check_count(j, row + 1, err);
        j->lines[row] = found;
        VV_TRY(read_one(j, row++, &deleted, &text, err));
    }
    VV_TRY(check_count(j, row, err));
    if (deleted != j->source.deleted)
        return vv_fail(err, VARVE_CORRUPT, "%llu rows are deleted, the manifest says %llu",
                       (unsigned long long)deleted, (unsigned long long)j->source.deleted);
    qsort(j->lines, j->line_count, sizeof *j->lines, by_ordinal);
    return VARVE_OK;
}
