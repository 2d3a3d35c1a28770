/* copy_list.c — the collections of a copy, with those of their vector fields, as the snapshot of
 * the source has them; see copy.h. */
#include "base/bytes.h"
#include "db/copy.h"

#include <stdlib.h>

/* The one record with this key; *ret_found false: there is none. */
static varve_status read_at(const copy *k, store_family family, const void *key, size_t len,
                            bool *ret_found, buffer *out, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text found = {0}, value = {0};
    VV_TRY(store_iter_new_at(k->from->store, k->at, family, key, len, NULL, 0, &i, err));
    *ret_found =
        store_iter_at(i, &found, &value) && found.len == len && memcmp(found.data, key, len) == 0;
    buffer_clear(out);
    if (*ret_found) VV_TRY(buffer_add(out, value.data, value.len, err));
    return store_iter_check(i, err);
}

static varve_status read_schema(const copy *k, const char *database, const char *name,
                                collection_schema *ret, varve_error *err)
{
    uint8_t key[CATALOG_NAME_KEY_MAX];
    bool found = false;
    VV_CLEANUP(buffer_done) buffer record;
    buffer_init(&record, SIZE_MAX / 2, "collection record");
    size_t len = catalog_collection_key(database, name, key);
    VV_TRY(read_at(k, STORE_CATALOG, key, len, &found, &record, err));
    if (!found) return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", name);
    return schema_decode(record.data, record.len, ret, err);
}

static varve_status read_counters(const copy *k, uint32_t cid, collection_counters *ret,
                                  varve_error *err)
{
    uint8_t key[5];
    bool found = false;
    VV_CLEANUP(buffer_done) buffer record;
    buffer_init(&record, SIZE_MAX / 2, "counters");
    counters_key(cid, key);
    VV_TRY(read_at(k, STORE_META, key, sizeof key, &found, &record, err));
    return counters_decode(record.data, found ? record.len : 0, cid, ret, err);
}

static varve_status add(copy *k, copied **ret, varve_error *err)
{
    if (k->count == k->capacity) {
        size_t capacity = k->capacity ? 2 * k->capacity : 8;
        copied *bigger = realloc(k->all, capacity * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
        k->all = bigger;
        k->capacity = capacity;
    }
    *ret = &k->all[k->count++];
    **ret = (copied){0};
    return VARVE_OK;
}

/* name: in the source. */
static varve_status add_collection(copy *k, const char *database, const char *name,
                                   const char *to_database, const char *to_name, varve_error *err)
{
    copied *c;
    VV_TRY(add(k, &c, err));
    VV_TRY(read_schema(k, database, name, &c->schema, err));
    c->from = c->schema.id;
    c->inner = strchr(name, '/') != NULL;
    snprintf(c->database, sizeof c->database, "%s", to_database);
    snprintf(c->name, sizeof c->name, "%s", to_name);
    return read_counters(k, c->from, &c->counters, err);
}

static varve_status add_fields(copy *k, const char *database, const char *name, varve_error *err)
{
    size_t parent = k->count - 1;
    char from[CATALOG_NAME_MAX + 1], to[CATALOG_NAME_MAX + 1];
    for (size_t i = 1; i < k->all[parent].schema.field_count; i++) {
        const vector_field f = k->all[parent].schema.fields[i];
        snprintf(from, sizeof from, "%.*s/%s", SCHEMA_NAME_MAX, name, f.name);
        snprintf(to, sizeof to, "%.*s/%s", SCHEMA_NAME_MAX, k->all[parent].name, f.name);
        VV_TRY(add_collection(k, database, from, k->all[parent].database, to, err));
        if (k->all[k->count - 1].from != f.child)
            return vv_fail(err, VARVE_CORRUPT,
                           "the vector field %s of collection %s is not in the catalogue", f.name,
                           name);
    }
    return VARVE_OK;
}

varve_status copy_list(copy *k, const varve_copy_item *items, size_t count, varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const varve_copy_item *item = &items[i];
        VV_TRY(add_collection(k, item->from_database, item->from_collection,
                              item->to_database ? item->to_database : item->from_database,
                              item->to_collection ? item->to_collection : item->from_collection,
                              err));
        VV_TRY(add_fields(k, item->from_database, item->from_collection, err));
    }
    k->info.collections = count;
    return VARVE_OK;
}
