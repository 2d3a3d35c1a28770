/* manifest_collections.c — the part of a manifest that says what the collections hold: counts,
 * digests, and golden searches with what they found. */
#include "manifest_inner.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define DIM_MAX 65536
/* Numbers of ids that a JSON integer does not hold are objects of one member. */
#define BIG_ID "u64"

/* ---- float32 in base64 ---- */

static json_t *new_floats(const float *values, size_t count)
{
    size_t bytes = count * sizeof *values;
    unsigned char *text = malloc((bytes + 2) / 3 * 4 + 1);
    if (!text) return NULL;
    int len = EVP_EncodeBlock(text, (const unsigned char *)values, (int)bytes);
    json_t *j = json_stringn((const char *)text, (size_t)len);
    free(text);
    return j;
}

/* Strict: writing it again gives the same text. */
static const float *read_floats(fields *f, manifest *m, const char *name, size_t count_max,
                                size_t *ret_count)
{
    const char *text = fields_text(f, name, (count_max * sizeof(float) + 2) / 3 * 4);
    size_t len = strlen(text);
    unsigned char *bytes = manifest_take(f, m, len / 4 * 3 + 4, 1);
    if (!bytes) return NULL;
    size_t pad = len >= 2 ? (size_t)(text[len - 1] == '=') + (text[len - 2] == '=') : 0;
    int decoded = len ? EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) : 0;
    size_t count = decoded > 0 ? ((size_t)decoded - pad) / sizeof(float) : 0;
    const float *values = (const float *)(const void *)bytes;
    json_t *again = new_floats(values, count);
    bool same = decoded >= 0 && again && strcmp(json_string_value(again), text) == 0;
    json_decref(again);
    if (!same) (void)fields_fail(f, name, "no list of float32 in base64");
    *ret_count = count;
    return values;
}

/* ---- ids ---- */

static json_t *new_id(const varve_id *id)
{
    if (id->kind == VARVE_ID_STR) return json_stringn(id->text.data, id->text.len);
    if (id->num <= INT64_MAX) return fields_new_u64(id->num);
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)id->num);
    json_t *j = json_object();
    if (fields_set(j, BIG_ID, json_string(text), NULL) == VARVE_OK) return j;
    json_decref(j);
    return NULL;
}

static bool read_big_id(const json_t *j, uint64_t *ret)
{
    const char *text = json_string_value(json_object_get(j, BIG_ID));
    char again[24], *end = NULL;
    if (!text || json_object_size(j) != 1) return false;
    *ret = strtoull(text, &end, 10);
    snprintf(again, sizeof again, "%llu", (unsigned long long)*ret);
    return *ret > INT64_MAX && strcmp(again, text) == 0;
}

static void read_id(fields *f, manifest *m, const json_t *j, varve_id *ret)
{
    if (json_is_string(j) && json_string_length(j) > 0) {
        ret->kind = VARVE_ID_STR;
        ret->text.data = manifest_take_text(f, m, json_string_value(j));
        ret->text.len = json_string_length(j);
    } else if (json_is_integer(j) && json_integer_value(j) >= 0) {
        ret->num = (uint64_t)json_integer_value(j);
    } else if (!json_is_object(j) || !read_big_id(j, &ret->num)) {
        (void)fields_fail(f, "ids", "no list of ids");
    }
}

/* ---- write ---- */

static varve_status append(json_t *list, json_t *value, varve_error *err)
{
    if (value && json_array_append_new(list, value) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for JSON");
}

static varve_status write_golden(const manifest_golden *g, json_t *into, varve_error *err)
{
    json_t *j = json_object(), *ids = json_array();
    VV_TRY(append(into, j, err));
    VV_TRY(fields_set(j, "ids", ids, err));
    for (size_t i = 0; i < g->count; i++)
        VV_TRY(append(ids, new_id(&g->ids[i]), err));
    VV_TRY(fields_set(j, "k", fields_new_u64(g->k), err));
    VV_TRY(fields_set(j, "q", new_floats(g->query, g->dim), err));
    return fields_set(j, "dist", new_floats(g->scores, g->count), err);
}

static varve_status write_collection(const manifest_collection *c, json_t *into, varve_error *err)
{
    json_t *j = json_object(), *golden = json_array();
    VV_TRY(append(into, j, err));
    VV_TRY(fields_set(j, "golden", golden, err));
    VV_TRY(fields_set(j, "id", fields_new_u64(c->id), err));
    VV_TRY(fields_set(j, "database", json_string(c->database), err));
    VV_TRY(fields_set(j, "name", json_string(c->name), err));
    VV_TRY(fields_set(j, "rows", fields_new_u64(c->rows), err));
    VV_TRY(fields_set(j, "deleted", fields_new_u64(c->deleted), err));
    if (c->has_digest) VV_TRY(fields_set(j, "digest", fields_new_sum(c->digest), err));
    if (c->has_schema)
        VV_TRY(fields_set(j, "schema_sha256", fields_new_sum(c->schema_sha256), err));
    for (size_t i = 0; i < c->golden_count; i++)
        VV_TRY(write_golden(&c->golden[i], golden, err));
    return VARVE_OK;
}

varve_status manifest_write_collections(const manifest *m, json_t *into, varve_error *err)
{
    json_t *list = json_array();
    VV_TRY(fields_set(into, "collections", list, err));
    for (size_t i = 0; i < m->collection_count; i++)
        VV_TRY(write_collection(&m->collections[i], list, err));
    return VARVE_OK;
}

/* ---- read ---- */

static varve_status read_golden(const json_t *j, manifest *m, const char *what,
                                manifest_golden *ret, varve_error *err)
{
    fields f = fields_begin(j, what, err);
    size_t scores = 0;
    ret->k = fields_u64(&f, "k", MANIFEST_GOLDEN_HITS_MAX);
    ret->query = read_floats(&f, m, "q", DIM_MAX, &ret->dim);
    ret->scores = read_floats(&f, m, "dist", MANIFEST_GOLDEN_HITS_MAX, &scores);
    const json_t *ids = fields_array(&f, "ids", ret->k);
    ret->count = json_array_size(ids);
    varve_id *list = manifest_take(&f, m, ret->count, sizeof *list);
    for (size_t i = 0; f.status == VARVE_OK && i < ret->count; i++)
        read_id(&f, m, json_array_get(ids, i), &list[i]);
    ret->ids = list;
    if (ret->dim == 0 || scores != ret->count) (void)fields_fail(&f, "dist", "not one for each id");
    return fields_end(&f);
}

static void read_name(fields *f, manifest *m, const char *name, const char **ret)
{
    const char *text = fields_text(f, name, MANIFEST_NAME_MAX);
    if (!*text) (void)fields_fail(f, name, "empty");
    *ret = manifest_take_text(f, m, text);
}

static varve_status read_collection(const json_t *j, manifest *m, const char *what,
                                    manifest_collection *ret, varve_error *err)
{
    fields f = fields_begin(j, what, err);
    ret->id = (uint32_t)fields_u64(&f, "id", UINT32_MAX);
    read_name(&f, m, "database", &ret->database);
    read_name(&f, m, "name", &ret->name);
    ret->rows = fields_u64(&f, "rows", INT64_MAX);
    ret->deleted = fields_u64(&f, "deleted", INT64_MAX);
    ret->has_digest = fields_has(&f, "digest");
    if (ret->has_digest) fields_sum(&f, "digest", ret->digest);
    ret->has_schema = fields_has(&f, "schema_sha256");
    if (ret->has_schema) fields_sum(&f, "schema_sha256", ret->schema_sha256);
    const json_t *golden = fields_array(&f, "golden", MANIFEST_GOLDEN_MAX);
    ret->golden_count = json_array_size(golden);
    manifest_golden *list = manifest_take(&f, m, ret->golden_count, sizeof *list);
    for (size_t i = 0; f.status == VARVE_OK && i < ret->golden_count; i++)
        f.status = read_golden(json_array_get(golden, i), m, what, &list[i], err);
    ret->golden = list;
    return fields_end(&f);
}

void manifest_read_collections(fields *f, manifest *m)
{
    const json_t *list = fields_array(f, "collections", MANIFEST_COLLECTIONS_MAX);
    size_t count = json_array_size(list);
    manifest_collection *c = manifest_take(f, m, count, sizeof *c);
    for (size_t i = 0; f->status == VARVE_OK && i < count; i++) {
        f->status = read_collection(json_array_get(list, i), m, f->what, &c[i], f->err);
        if (f->status == VARVE_OK && i && c[i - 1].id >= c[i].id)
            (void)fields_fail(f, "collections", "not in order, or has an id twice");
    }
    m->collections = c;
    m->collection_count = f->status == VARVE_OK ? count : 0;
}
