/* fields.c — see fields.h. */
#include "fields.h"

#include "sums.h"

#include <stdlib.h>
#include <string.h>

fields fields_begin(const json_t *object, const char *what, varve_error *err)
{
    fields f = {.object = object, .what = what, .err = err};
    if (!json_is_object(object)) (void)fields_fail(&f, NULL, "no object");
    return f;
}

varve_status fields_fail(fields *f, const char *name, const char *wrong)
{
    if (f->status != VARVE_OK) return f->status;
    f->status = VARVE_CORRUPT;
    if (name) return vv_fail(f->err, VARVE_CORRUPT, "%s: '%s' is %s", f->what, name, wrong);
    return vv_fail(f->err, VARVE_CORRUPT, "%s is %s", f->what, wrong);
}

bool fields_has(const fields *f, const char *name)
{
    return f->status == VARVE_OK && json_object_get(f->object, name);
}

static const json_t *member(fields *f, const char *name)
{
    if (f->status != VARVE_OK) return NULL;
    const json_t *value = json_object_get(f->object, name);
    f->seen += value != NULL;
    if (!value) (void)fields_fail(f, name, "missing");
    return value;
}

uint64_t fields_u64(fields *f, const char *name, uint64_t max)
{
    const json_t *value = member(f, name);
    if (!value) return 0;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && (uint64_t)number <= max) return (uint64_t)number;
    (void)fields_fail(f, name, "no number, or one beyond its limit");
    return 0;
}

bool fields_bool(fields *f, const char *name)
{
    const json_t *value = member(f, name);
    if (value && !json_is_boolean(value)) (void)fields_fail(f, name, "neither true nor false");
    return value && json_is_true(value);
}

const char *fields_text(fields *f, const char *name, size_t max_len)
{
    const json_t *value = member(f, name);
    if (!value) return "";
    if (json_is_string(value) && json_string_length(value) <= max_len)
        return json_string_value(value);
    (void)fields_fail(f, name, "no text, or too long");
    return "";
}

void fields_id(fields *f, const char *name, char ret[NAMES_ID_SIZE])
{
    const char *text = fields_text(f, name, NAMES_ID_SIZE - 1);
    if (f->status != VARVE_OK) return;
    if (names_is_id(text))
        memcpy(ret, text, NAMES_ID_SIZE);
    else
        (void)fields_fail(f, name, "no UUID");
}

void fields_sum(fields *f, const char *name, uint8_t ret[32])
{
    const char *text = fields_text(f, name, SUMS_HEX_SIZE - 1);
    if (f->status == VARVE_OK && !sums_parse_hex(text, ret))
        (void)fields_fail(f, name, "no SHA-256");
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t fields_hex(fields *f, const char *name, uint8_t *ret, size_t size)
{
    const char *text = fields_text(f, name, 2 * size);
    size_t len = strlen(text);
    if (len % 2) (void)fields_fail(f, name, "no hexadecimal");
    for (size_t i = 0; f->status == VARVE_OK && i < len / 2; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            (void)fields_fail(f, name, "no hexadecimal");
        else
            ret[i] = (uint8_t)(high << 4 | low);
    }
    return f->status == VARVE_OK ? len / 2 : 0;
}

const json_t *fields_array(fields *f, const char *name, size_t max)
{
    const json_t *value = member(f, name);
    if (!value) return NULL;
    if (json_is_array(value) && json_array_size(value) <= max) return value;
    (void)fields_fail(f, name, "no array, or too long");
    return NULL;
}

const json_t *fields_object(fields *f, const char *name)
{
    const json_t *value = member(f, name);
    if (value && !json_is_object(value)) (void)fields_fail(f, name, "no object");
    return f->status == VARVE_OK ? value : NULL;
}

void fields_format(fields *f, uint64_t version)
{
    uint64_t found = fields_u64(f, "format", INT64_MAX);
    if (f->status != VARVE_OK) return;
    if (found == 0) (void)fields_fail(f, "format", "zero");
    if (found <= version) return;
    f->status = VARVE_NEWER_FORMAT;
    vv_error_set(f->err, VARVE_NEWER_FORMAT,
                 "%s has format %llu; this version reads up to %llu: use a newer one", f->what,
                 (unsigned long long)found, (unsigned long long)version);
}

varve_status fields_end(fields *f)
{
    if (f->status == VARVE_OK && json_object_size(f->object) != f->seen)
        return fields_fail(f, NULL, "not understood: it has a field that is unknown here");
    return f->status;
}

/* ---- text ---------------------------------------------------------------------------------- */

varve_status fields_parse(const char *text, size_t len, const char *what, json_t **ret,
                          varve_error *err)
{
    json_error_t problem;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        return vv_fail(err, VARVE_CORRUPT, "%s is no JSON, at byte %d: %s", what, problem.position,
                       problem.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return vv_fail(err, VARVE_CORRUPT, "%s is no JSON object", what);
    }
    *ret = root;
    return VARVE_OK;
}

typedef struct dump_state {
    buffer *out;
    varve_error *err;
    varve_status status;
} dump_state;

static int dump_part(const char *text, size_t len, void *arg)
{
    dump_state *d = arg;
    d->status = buffer_add(d->out, text, len, d->err);
    return d->status == VARVE_OK ? 0 : -1;
}

varve_status fields_dump(const json_t *object, buffer *out, varve_error *err)
{
    dump_state d = {.out = out, .err = err};
    if (json_dump_callback(object, dump_part, &d, JSON_COMPACT | JSON_SORT_KEYS) == 0)
        return VARVE_OK;
    if (d.status != VARVE_OK) return d.status;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to write JSON");
}

void fields_decrefp(json_t **j) { json_decref(*j); }

varve_status fields_set(json_t *object, const char *name, json_t *value, varve_error *err)
{
    if (object && value && json_object_set_new(object, name, value) == 0) return VARVE_OK;
    if (!object && value) json_decref(value);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for JSON");
}

json_t *fields_new_sum(const uint8_t sum[32])
{
    char hex[SUMS_HEX_SIZE];
    sums_hex(sum, hex);
    return json_string(hex);
}

json_t *fields_new_u64(uint64_t value) { return json_integer((json_int_t)value); }
