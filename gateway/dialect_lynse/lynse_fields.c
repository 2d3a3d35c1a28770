/* lynse_fields.c — the fields of rows on their way in. */
#include "lynse_fields.h"

#include "lynse_args.h"

#include <stdlib.h>
#include <string.h>

void lynse_fields_init(lynse_fields *f, uint64_t bytes_max)
{
    *f = (lynse_fields){0};
    buffer_init(&f->text, bytes_max, "fields of one write");
}

void lynse_fields_done(lynse_fields *f)
{
    buffer_done(&f->text);
    free(f->ends);
    free(f->present);
    free(f->texts);
}

void lynse_fields_clear(lynse_fields *f)
{
    buffer_clear(&f->text);
    f->count = 0;
}

static varve_status reserve_row(lynse_fields *f, varve_error *err)
{
    if (f->count < f->capacity) return VARVE_OK;
    size_t capacity = f->capacity ? f->capacity * 2 : 64;
    size_t *ends = reallocarray(f->ends, capacity, sizeof *ends);
    if (ends) f->ends = ends;
    bool *present = reallocarray(f->present, capacity, sizeof *present);
    if (present) f->present = present;
    varve_text *texts = reallocarray(f->texts, capacity, sizeof *texts);
    if (texts) f->texts = texts;
    if (!ends || !present || !texts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for fields");
    f->capacity = capacity;
    return VARVE_OK;
}

varve_status lynse_fields_end_row(lynse_fields *f, bool present, varve_error *err)
{
    VV_TRY(reserve_row(f, err));
    f->ends[f->count] = f->text.len;
    f->present[f->count++] = present;
    return VARVE_OK;
}

varve_status lynse_fields_add(lynse_fields *f, const json_t *object, varve_error *err)
{
    bool present = object && !json_is_null(object);
    if (present && !json_is_object(object))
        return vv_fail(err, VARVE_INVALID, "fields[%zu] is not an object", f->count);
    if (present) VV_TRY(lynse_out_value(&f->text, object, err));
    return lynse_fields_end_row(f, present, err);
}

const varve_text *lynse_fields_texts(lynse_fields *f)
{
    size_t at = 0;
    bool any = false;
    for (size_t i = 0; i < f->count; i++) {
        f->texts[i] = f->present[i] ? (varve_text){f->text.data + at, f->ends[i] - at}
                                    : (varve_text){NULL, 0};
        any |= f->present[i];
        at = f->ends[i];
    }
    return any ? f->texts : NULL;
}

varve_status lynse_out_real(buffer *out, double value, varve_error *err)
{
    size_t start = out->len;
    VV_TRY(json_out_double(out, value, err));
    for (size_t i = start; i < out->len; i++)
        if (strchr(".eEn", out->data[i])) return VARVE_OK; /* n: null */
    return buffer_add(out, ".0", 2, err);
}

static varve_status out_object(buffer *out, const json_t *object, varve_error *err)
{
    const char *key, *separator = "{";
    json_t *member;
    if (json_object_size(object) == 0) return buffer_add(out, "{}", 2, err);
    json_object_foreach((json_t *)object, key, member)
    {
        VV_TRY(buffer_add(out, separator, 1, err));
        VV_TRY(json_out_string(out, key, strlen(key), err));
        VV_TRY(buffer_add(out, ":", 1, err));
        VV_TRY(lynse_out_value(out, member, err));
        separator = ",";
    }
    return buffer_add(out, "}", 1, err);
}

static varve_status out_array(buffer *out, const json_t *array, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_value(out, json_array_get(array, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status out_integer(buffer *out, json_int_t value, varve_error *err)
{
    return buffer_printf(out, err, "%" JSON_INTEGER_FORMAT, value);
}

varve_status lynse_out_value(buffer *out, const json_t *value, varve_error *err)
{
    uint64_t big;
    if (!value) return buffer_add(out, "null", 4, err);
    switch (json_typeof(value)) {
    case JSON_OBJECT: return out_object(out, value, err);
    case JSON_ARRAY: return out_array(out, value, err);
    case JSON_INTEGER: return out_integer(out, json_integer_value(value), err);
    case JSON_REAL: return lynse_out_real(out, json_real_value(value), err);
    case JSON_TRUE: return buffer_add(out, "true", 4, err);
    case JSON_FALSE: return buffer_add(out, "false", 5, err);
    case JSON_NULL: return buffer_add(out, "null", 4, err);
    case JSON_STRING: break;
    }
    if (lynse_json_is_uint(value, &big)) return json_out_u64(out, big, err);
    return json_out_string(out, json_string_value(value), json_string_length(value), err);
}
