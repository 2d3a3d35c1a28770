/* digest_schema.c — the part of digest.h about what a collection is, apart from its rows: the
 * SHA-256 of one canonical JSON text. */
#include "digest.h"

#include "fields.h"

#include <stdlib.h>

#define TEXT_BYTES_MAX        ((size_t)4 << 20)
#define DESCRIPTION_BYTES_MAX ((size_t)1 << 20)

static varve_status put_texts(json_t *j, const varve_collection_stats *s, varve_error *err)
{
    json_t *texts = json_object();
    VV_TRY(fields_set(j, "texts", texts, err));
    VV_TRY(fields_set(texts, "language", json_string(s->text_language), err));
    VV_TRY(fields_set(texts, "stem", json_boolean(s->text_stem), err));
    VV_TRY(fields_set(texts, "stop_words", json_boolean(s->text_stop_words), err));
    return fields_set(texts, "fold_accents", json_boolean(s->text_fold_accents), err);
}

static varve_status put_description(json_t *j, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) char *text = malloc(DESCRIPTION_BYTES_MAX);
    if (!text) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a description");
    VV_TRY(varve_collection_get_description(c, text, DESCRIPTION_BYTES_MAX, err));
    return fields_set(j, "description", json_string(text), err);
}

static varve_status put_field(json_t *list, const varve_field_info *f, varve_error *err)
{
    json_t *j = json_object();
    if (!j || json_array_append_new(list, j) != 0)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a schema");
    VV_TRY(fields_set(j, "name", json_string(f->name), err));
    VV_TRY(fields_set(j, "kind", fields_new_u64(f->kind), err));
    VV_TRY(fields_set(j, "dim", fields_new_u64(f->dim), err));
    VV_TRY(fields_set(j, "dtype", json_string(varve_dtype_name(f->dtype)), err));
    VV_TRY(fields_set(j, "metric", json_string(varve_metric_name(f->metric)), err));
    return fields_set(j, "index_mode", json_string(f->index_mode), err);
}

/* The primary one comes first, the others by name. */
static varve_status put_fields(json_t *j, varve_collection *c, varve_error *err)
{
    json_t *list = json_array();
    varve_field_info f;
    varve_status status = VARVE_OK;
    VV_TRY(fields_set(j, "fields", list, err));
    for (size_t i = 0; status == VARVE_OK; i++) {
        status = varve_field_get(c, i, &f, err);
        if (status == VARVE_OK) VV_TRY(put_field(list, &f, err));
    }
    return status == VARVE_NOT_FOUND ? VARVE_OK : status;
}

varve_status digest_schema(varve_collection *c, uint8_t ret[SUMS_BYTES], varve_error *err)
{
    VV_CLEANUP(fields_decrefp) json_t *j = json_object();
    VV_CLEANUP(buffer_done) buffer text;
    varve_collection_stats stats;
    buffer_init(&text, TEXT_BYTES_MAX, "a schema");
    VV_TRY(varve_collection_get_stats(c, &stats, err));
    VV_TRY(put_texts(j, &stats, err));
    VV_TRY(put_description(j, c, err));
    VV_TRY(put_fields(j, c, err));
    VV_TRY(fields_dump(j, &text, err));
    return sums_of_bytes(text.data, text.len, ret, err);
}
