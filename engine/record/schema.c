/* schema.c — what a collection is: made from a request, copied, described. */
#include "record/schema.h"
#include "base/clock.h"
#include "record/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

varve_status schema_check_name(const char *name, const char *what, varve_error *err)
{
    size_t len = name ? strlen(name) : 0;
    if (len == 0) return vv_fail(err, VARVE_INVALID, "%s must not be empty", what);
    if (len > SCHEMA_NAME_MAX)
        return vv_fail(err, VARVE_INVALID, "%s of %zu bytes: at most %d are allowed", what, len,
                       SCHEMA_NAME_MAX);
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(name[i]))
            return vv_fail(err, VARVE_INVALID,
                           "%s: only A-Z a-z 0-9 . _ - are allowed, not byte 0x%02x at %zu", what,
                           (unsigned)(unsigned char)name[i], i);
    if (name[0] == '.' || strstr(name, ".."))
        return vv_fail(err, VARVE_INVALID, "%s '%s': it must not begin with '.' or have '..' in it",
                       what, name);
    return VARVE_OK;
}

/* ---- make ---------------------------------------------------------------------------------- */

static varve_status set_index_mode(vector_field *f, const char *text, varve_error *err)
{
    index_mode m;
    if (!text) return VARVE_OK;
    VV_TRY(index_mode_parse(text, &m, err));
    if (m.metric == VARVE_METRIC_HAVERSINE && f->dim && f->dim != 2)
        return vv_fail(err, VARVE_INVALID, "index mode %s requires dimension 2, not %" PRIu32, text,
                       f->dim);
    f->metric = m.metric;
    memcpy(f->index_mode, text, strlen(text) + 1);
    return VARVE_OK;
}

static varve_status set_primary(vector_field *f, const varve_collection_spec *spec,
                                uint64_t dim_max, varve_error *err)
{
    uint64_t max = VV_MIN(dim_max, UINT32_MAX);
    if (spec->dim > max)
        return vv_fail(err, VARVE_LIMIT, "dim %zu exceeds dim_max %" PRIu64, spec->dim, max);
    if ((unsigned)spec->dtype >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "dtype: unknown value %d", (int)spec->dtype);
    f->dim = (uint32_t)spec->dim;
    f->dtype = spec->dtype;
    f->metric = VARVE_METRIC_IP;
    return set_index_mode(f, spec->index_mode, err);
}

static varve_status set_text(collection_schema *s, const varve_collection_spec *spec,
                             varve_error *err)
{
    size_t len = spec->text_language ? strlen(spec->text_language) : 0;
    if (len > SCHEMA_LANGUAGE_MAX)
        return vv_fail(err, VARVE_INVALID, "text_language of %zu bytes: at most %d are allowed",
                       len, SCHEMA_LANGUAGE_MAX);
    if (len == 0 && (spec->text_stem || spec->text_stop_words))
        return vv_fail(err, VARVE_INVALID,
                       "text_language: stems and stop words are those of a language");
    if (len) memcpy(s->text_language, spec->text_language, len + 1);
    s->text_stem = spec->text_stem;
    s->text_stop_words = spec->text_stop_words;
    s->text_fold_accents = spec->text_fold_accents;
    return VARVE_OK;
}

varve_status schema_init(collection_schema *s, uint32_t id, const varve_collection_spec *spec,
                         uint64_t dim_max, uint64_t description_bytes_max, varve_error *err)
{
    static const varve_collection_spec plain = {0};
    VV_CLEANUP(schema_done) collection_schema made = {.id = id, .created_ms = clock_wall_ms()};
    if (!spec) spec = &plain;
    made.fields = calloc(1, sizeof *made.fields);
    if (!made.fields) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a collection");
    made.field_count = 1;
    VV_TRY(set_primary(&made.fields[0], spec, dim_max, err));
    VV_TRY(set_text(&made, spec, err));
    VV_TRY(schema_set_description(&made, spec->description, description_bytes_max, err));
    *s = made;
    made = (collection_schema){0};
    return VARVE_OK;
}

varve_status schema_set_description(collection_schema *s, const char *text, uint64_t bytes_max,
                                    varve_error *err)
{
    size_t len = text ? strlen(text) : 0;
    uint64_t max = VV_MIN(bytes_max, UINT32_MAX);
    char *copy = NULL;
    if (len > max)
        return vv_fail(err, VARVE_LIMIT,
                       "description of %zu bytes exceeds description_bytes_max %" PRIu64, len, max);
    if (len && !utf8_valid(text, len))
        return vv_fail(err, VARVE_INVALID, "the description is not valid UTF-8");
    if (len && !(copy = strdup(text)))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a description");
    free(s->description);
    s->description = copy;
    return VARVE_OK;
}

varve_status schema_copy(const collection_schema *from, collection_schema *ret, varve_error *err)
{
    VV_CLEANUP(schema_done) collection_schema copy = *from;
    copy.description = from->description ? strdup(from->description) : NULL;
    copy.fields = malloc(from->field_count * sizeof *copy.fields);
    if (!copy.fields || (from->description && !copy.description))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a collection");
    memcpy(copy.fields, from->fields, from->field_count * sizeof *copy.fields);
    *ret = copy;
    copy = (collection_schema){0};
    return VARVE_OK;
}

void schema_done(collection_schema *s)
{
    free(s->description);
    free(s->fields);
    *s = (collection_schema){0};
}
