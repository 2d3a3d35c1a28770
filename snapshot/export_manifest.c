/* export_manifest.c — what an export says of itself, in either layout. */
#include "export_inner.h"

#include "sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_MAX ((size_t)1 << 20)

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a manifest");
}

static varve_status take_over(json_t *to, json_t *from, varve_error *err)
{
    int bad = !from || json_object_update(to, from) != 0;
    json_decref(from);
    return bad ? no_memory(err) : VARVE_OK;
}

/* ---- ours ---------------------------------------------------------------------------------- */

static varve_status add_index(const export_job *j, varve_error *err)
{
    varve_index_params params;
    json_t *o = json_object();
    VV_TRY(varve_index_get_params(j->stage.c, &params, err));
    int bad = !o || json_object_set_new(j->manifest, "index_params", o) != 0;
#define X(name, value, meaning)                                                                    \
    bad |= json_object_set_new(o, #name, json_integer(params.name)) != 0;
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    bad |= json_object_set_new(o, "alpha", json_real(params.alpha)) != 0;
    return bad ? no_memory(err) : VARVE_OK;
}

static varve_status add_texts(const export_job *j, varve_error *err)
{
    const varve_collection_stats *s = &j->stage.stats;
    VV_CLEANUP(vv_freep) char *description = malloc(DESCRIPTION_MAX);
    if (!description) return no_memory(err);
    VV_TRY(varve_collection_get_description(j->stage.c, description, DESCRIPTION_MAX, err));
    return take_over(j->manifest,
                     json_pack("{s:s, s:{s:s, s:b, s:b, s:b}}", "description", description, "text",
                               "language", s->text_language, "stem", s->text_stem, "stop_words",
                               s->text_stop_words, "fold_accents", s->text_fold_accents),
                     err);
}

/* Name -> size and SHA-256, of every file there is. */
static varve_status add_files(const export_job *j, varve_error *err)
{
    file_names names = {0};
    json_t *files = json_object();
    varve_status status = files ? file_list(j->folder, &names, err) : no_memory(err);
    for (size_t i = 0; status == VARVE_OK && i < names.count; i++) {
        char path[EXPORT_PATH_MAX], hex[SUMS_HEX_SIZE];
        uint8_t sum[SUMS_BYTES];
        uint64_t size;
        status = file_join(path, sizeof path, j->folder, names.names[i], err);
        if (status == VARVE_OK) status = sums_of_file(path, sum, &size, err);
        if (status != VARVE_OK) break;
        sums_hex(sum, hex);
        json_t *entry = json_pack("{s:I, s:s}", "size", (json_int_t)size, "sha256", hex);
        if (!entry || json_object_set_new(files, names.names[i], entry) != 0)
            status = no_memory(err);
    }
    file_names_free(&names);
    if (status == VARVE_OK && json_object_set(j->manifest, "files", files) != 0)
        status = no_memory(err);
    json_decref(files);
    return status;
}

static varve_status fill_ours(export_job *j, varve_error *err)
{
    const varve_collection_stats *s = &j->stage.stats;
    VV_TRY(take_over(j->manifest,
                     json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I}", "format",
                               EXPORT_FORMAT, "version", 1, "database", j->place->database,
                               "collection", j->place->collection, "byte_order", "little-endian",
                               "dim", (json_int_t)s->dim, "dtype", varve_dtype_name(s->dtype),
                               "metric", varve_metric_name(s->metric), "index_mode", s->index_mode,
                               "rows", (json_int_t)j->info.rows, "deleted",
                               (json_int_t)j->info.deleted),
                     err));
    VV_TRY(add_index(j, err));
    VV_TRY(add_texts(j, err));
    return add_files(j, err);
}

/* ---- LynseDB's ----------------------------------------------------------------------------- */

static varve_status fill_lynse(export_job *j, varve_error *err)
{
    const varve_collection_stats *s = &j->stage.stats;
    bool half = s->dtype == VARVE_FLOAT16;
    return take_over(j->manifest,
                     json_pack("{s:s, s:s, s:s, s:i, s:I, s:i, s:I, s:s, s:s, s:s, s:s}",
                               "export_type", LYNSE_TYPE, "collection_name", j->place->collection,
                               "export_format", LYNSE_FORMAT, "export_version", half ? 2 : 1,
                               "dimension", (json_int_t)s->dim, "chunk_size", 100000, "count",
                               (json_int_t)j->info.rows, "vector_dtype",
                               half ? "float16" : "float32", "byte_order", "little-endian",
                               "vectors_file", LYNSE_VECTORS, "metadata_file", LYNSE_ROWS),
                     err);
}

varve_status export_write_manifest(export_job *j, varve_error *err)
{
    bool lynse = j->layout == EXPORT_LYNSE;
    char path[EXPORT_PATH_MAX];
    VV_TRY(lynse ? fill_lynse(j, err) : fill_ours(j, err));
    VV_CLEANUP(vv_freep) char *text = json_dumps(j->manifest, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text) return no_memory(err);
    j->info.bytes += strlen(text);
    VV_TRY(file_join(path, sizeof path, j->folder, lynse ? LYNSE_MANIFEST : EXPORT_MANIFEST, err));
    return file_replace(path, text, strlen(text), err);
}
