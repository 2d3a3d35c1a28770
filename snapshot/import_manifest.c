/* import_manifest.c — a manifest is held against everything the import will rely on, before a row
 * is read. */
#include "import_inner.h"

#include "sums.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST_MAX ((size_t)16 << 20)
#define DIM_MAX      65536

void import_source_done(import_source *s) { json_decref(s->manifest); }

static varve_status bad(varve_error *err, const char *what)
{
    return vv_fail(err, VARVE_CORRUPT, "the export's manifest: %s", what);
}

static bool dtype_named(const char *name, varve_dtype *ret)
{
    for (int i = 0; name && i < VARVE_DTYPE_COUNT; i++)
        if (strcmp(name, varve_dtype_name((varve_dtype)i)) == 0) {
            *ret = (varve_dtype)i;
            return true;
        }
    return false;
}

static bool metric_named(const char *name, varve_metric *ret)
{
    for (int i = 0; name && i < VARVE_METRIC_COUNT; i++)
        if (strcmp(name, varve_metric_name((varve_metric)i)) == 0) {
            *ret = (varve_metric)i;
            return true;
        }
    return false;
}

static bool count_at(const json_t *object, const char *key, uint64_t most, uint64_t *ret)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *ret = (uint64_t)json_integer_value(v);
    return *ret <= most;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- files --------------------------------------------------------------------------------- */

/* A plain name: what is read lies in the export itself. */
static bool is_file_name(const char *name)
{
    return name[0] && strlen(name) < EXPORT_NAME_MAX && !strchr(name, '/') && name[0] != '.';
}

static varve_status check_file(const char *folder, const char *name, const json_t *entry,
                               varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    uint8_t wanted[SUMS_BYTES], found[SUMS_BYTES];
    uint64_t size, wanted_size;
    const char *hex = text_at(entry, "sha256");
    if (!is_file_name(name)) return bad(err, "a file's name is no plain name");
    if (!hex || !sums_parse_hex(hex, wanted) || !count_at(entry, "size", UINT64_MAX, &wanted_size))
        return vv_fail(err, VARVE_CORRUPT, "the export's manifest: %s lacks size or sha256", name);
    VV_TRY(file_join(path, sizeof path, folder, name, err));
    VV_TRY(sums_of_file(path, found, &size, err));
    if (size != wanted_size)
        return vv_fail(err, VARVE_CORRUPT, "%s has %llu bytes, its manifest says %llu", path,
                       (unsigned long long)size, (unsigned long long)wanted_size);
    if (!sums_equal(wanted, found))
        return vv_fail(err, VARVE_CORRUPT, "%s: its SHA-256 is not the one of the manifest", path);
    return VARVE_OK;
}

static varve_status check_files(const char *folder, const import_source *s, varve_error *err)
{
    json_t *files = json_object_get(s->manifest, "files"), *entry;
    const char *name;
    if (!json_is_object(files)) return bad(err, "there is no list of files");
    if (!json_object_get(files, EXPORT_ROWS) || !json_object_get(files, EXPORT_VECTORS))
        return bad(err, "the list of files lacks rows or vectors");
    json_object_foreach(files, name, entry) VV_TRY(check_file(folder, name, entry, err));
    return VARVE_OK;
}

/* ---- ours ---------------------------------------------------------------------------------- */

static bool read_kind(const char *word, varve_field_kind *ret)
{
    static const char *const kinds[] = {"dense", "sparse", "multi"};
    for (unsigned i = 0; word && i < VV_COUNT(kinds); i++)
        if (strcmp(word, kinds[i]) == 0) {
            *ret = (varve_field_kind)i;
            return true;
        }
    return false;
}

static bool read_field(const json_t *entry, uint64_t rows, import_field *f)
{
    const char *name = text_at(entry, "name"), *mode = text_at(entry, "index_mode");
    uint64_t dim;
    if (!name || !is_file_name(name) || strlen(name) >= sizeof f->info.name) return false;
    if (!mode || strlen(mode) >= sizeof f->info.index_mode) return false;
    if (!read_kind(text_at(entry, "kind"), &f->info.kind)) return false;
    if (!dtype_named(text_at(entry, "dtype"), &f->info.dtype)) return false;
    if (!metric_named(text_at(entry, "metric"), &f->info.metric)) return false;
    if (!count_at(entry, "dim", DIM_MAX, &dim) || !count_at(entry, "entries", rows, &f->entries))
        return false;
    strcpy(f->info.name, name);
    strcpy(f->info.index_mode, mode);
    f->info.dim = (size_t)dim;
    return dim > 0 || f->info.kind == VARVE_FIELD_SPARSE;
}

static varve_status read_fields(import_source *s, varve_error *err)
{
    const json_t *list = json_object_get(s->manifest, "vector_fields");
    if (!json_is_array(list) || json_array_size(list) > IMPORT_FIELDS_MAX)
        return bad(err, "vector_fields is no list of up to 64");
    for (size_t i = 0; i < json_array_size(list); i++, s->field_count++)
        if (!read_field(json_array_get(list, i), s->rows + s->deleted, &s->fields[i]))
            return vv_fail(err, VARVE_CORRUPT, "the export's manifest: vector_fields[%zu] is wrong",
                           i);
    return VARVE_OK;
}

static void read_params(import_source *s)
{
    const json_t *o = json_object_get(s->manifest, "index_params");
    uint64_t n;
#define X(name, value, meaning)                                                                    \
    if (count_at(o, #name, UINT32_MAX, &n)) s->params.name = (uint32_t)n;
    VARVE_INDEX_PARAM_TABLE(X)
#undef X
    s->params.alpha = json_number_value(json_object_get(o, "alpha"));
}

static varve_status read_ours(import_source *s, varve_error *err)
{
    const json_t *m = s->manifest, *text = json_object_get(m, "text");
    uint64_t dim, version;
    s->layout = EXPORT_VARVE;
    if (!count_at(m, "version", UINT64_MAX, &version)) return bad(err, "version is missing");
    if (version > 1)
        return vv_fail(err, VARVE_NEWER_FORMAT, "the export has version %llu; this reads 1",
                       (unsigned long long)version);
    if (!count_at(m, "dim", DIM_MAX, &dim)) return bad(err, "dim is no number up to 65536");
    if (!dtype_named(text_at(m, "dtype"), &s->dtype)) return bad(err, "dtype is no vector type");
    if (!count_at(m, "rows", INT64_MAX, &s->rows) ||
        !count_at(m, "deleted", INT64_MAX, &s->deleted))
        return bad(err, "rows or deleted is no count");
    s->dim = (size_t)dim;
    s->index_mode = text_at(m, "index_mode");
    s->description = text_at(m, "description");
    s->text_language = text_at(text, "language");
    s->text_stem = is_true(text, "stem");
    s->text_stop_words = is_true(text, "stop_words");
    s->text_fold_accents = is_true(text, "fold_accents");
    read_params(s);
    return read_fields(s, err);
}

/* ---- LynseDB's ----------------------------------------------------------------------------- */

static varve_status read_lynse(import_source *s, varve_error *err)
{
    const json_t *m = s->manifest;
    const char *type = text_at(m, "export_type"), *dtype = text_at(m, "vector_dtype");
    const char *vectors = text_at(m, "vectors_file"), *lines = text_at(m, "metadata_file");
    uint64_t dim, version;
    s->layout = EXPORT_LYNSE;
    if (!type || strcmp(type, LYNSE_TYPE) != 0) return bad(err, "export_type is another one");
    if (!count_at(m, "export_version", UINT64_MAX, &version)) return bad(err, "no export_version");
    if (version > 2)
        return vv_fail(err, VARVE_NEWER_FORMAT, "export_version is %llu; this reads 1 and 2",
                       (unsigned long long)version);
    if (!vectors || strcmp(vectors, LYNSE_VECTORS) != 0 || !lines || strcmp(lines, LYNSE_ROWS) != 0)
        return bad(err, "vectors_file or metadata_file has another name");
    if (!count_at(m, "dimension", DIM_MAX, &dim)) return bad(err, "dimension is wrong");
    if (!count_at(m, "count", INT64_MAX, &s->rows)) return bad(err, "count is wrong");
    s->dtype = dtype && strcmp(dtype, "float16") == 0 ? VARVE_FLOAT16 : VARVE_FLOAT32;
    if (dtype && s->dtype == VARVE_FLOAT32 && strcmp(dtype, "float32") != 0)
        return bad(err, "vector_dtype is neither float32 nor float16");
    s->dim = (size_t)dim;
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status load(const char *folder, const char *name, json_t **ret, varve_error *err)
{
    char path[EXPORT_PATH_MAX];
    VV_CLEANUP(vv_freep) char *text = NULL;
    size_t len;
    json_error_t why;
    VV_TRY(file_join(path, sizeof path, folder, name, err));
    VV_TRY(file_read(path, MANIFEST_MAX, &text, &len, err));
    *ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(*ret))
        return vv_fail(err, VARVE_CORRUPT, "%s: not a JSON object (%s)", path,
                       *ret ? "another value" : why.text);
    return VARVE_OK;
}

varve_status import_read_manifest(const char *path, import_source *ret, varve_error *err)
{
    char manifest[EXPORT_PATH_MAX];
    VV_CLEANUP(import_source_done) import_source s = {.dim = 0};
    if (!file_exists(path)) return vv_fail(err, VARVE_NOT_FOUND, "there is no export at %s", path);
    VV_TRY(file_join(manifest, sizeof manifest, path, EXPORT_MANIFEST, err));
    bool ours = file_exists(manifest);
    VV_TRY(load(path, ours ? EXPORT_MANIFEST : LYNSE_MANIFEST, &s.manifest, err));
    if (ours && (!text_at(s.manifest, "format") ||
                 strcmp(text_at(s.manifest, "format"), EXPORT_FORMAT) != 0))
        return bad(err, "format is not " EXPORT_FORMAT);
    VV_TRY(ours ? read_ours(&s, err) : read_lynse(&s, err));
    if (s.dim == 0 && s.rows + s.deleted > 0) return bad(err, "rows without a dimension");
    if (ours) VV_TRY(check_files(path, &s, err));
    *ret = s;
    s.manifest = NULL;
    return VARVE_OK;
}
