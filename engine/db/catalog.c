/* catalog.c — databases and collections: create, drop, list. Every change is one durable
 * WriteBatch; the maps in memory follow it. */
#include "db/catalog.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "query/query.h"

#include <stdlib.h>

void catalog_note_time(varve *db, store_batch *batch)
{
    uint8_t note[CATALOG_TIME_BYTES] = {'V', 'T'};
    uint64_t now = clock_wall_ms();
    put_u64(note + 2, now);
    store_batch_log_data(batch, note, sizeof note);
    atomic_store(&db->committed_ms, now);
}

varve_status catalog_write(varve *db, store_batch *batch, varve_error *err)
{
    catalog_note_time(db, batch);
    VV_TRY(db_check_writable(db, false,
                             err)); /* again: it may have broken while the lock was awaited */
    VV_TRY(db_note_failure(db, store_write(db->store, batch, true, err), err));
    atomic_store(&db->acknowledged, store_sequence(db->store));
    return VARVE_OK;
}

void catalog_put_next(varve *db, store_batch *batch)
{
    uint8_t value[12];
    put_u32(value, db->next_collection_id);
    put_u64(value + 4, db->next_database);
    store_batch_put(batch, db->store, STORE_CATALOG, "u", 1, value, sizeof value);
}

varve_status catalog_put_schema(varve *db, store_batch *batch, const varve_collection *c,
                                const collection_schema *schema, varve_error *err)
{
    return catalog_put_record(db, batch, c->database, c->name, schema, err);
}

varve_status catalog_put_record(varve *db, store_batch *batch, const char *database,
                                const char *name, const collection_schema *schema, varve_error *err)
{
    uint8_t key[CATALOG_NAME_KEY_MAX];
    VV_CLEANUP(buffer_done) buffer value;
    buffer_init(&value, 1 << 20, "collection record");
    VV_TRY(schema_encode(schema, &value, err));
    store_batch_put(batch, db->store, STORE_CATALOG, key,
                    catalog_collection_key(database, name, key), value.data, value.len);
    return VARVE_OK;
}

varve_status catalog_put_field(varve *db, store_batch *batch, const varve_collection *c,
                               const vector_field *field, varve_error *err)
{
    VV_CLEANUP(schema_done) collection_schema next = {0};
    VV_TRY(schema_copy(&c->schema, &next, err));
    next.fields[0] = *field;
    return catalog_put_schema(db, batch, c, &next, err);
}

/* ---- databases */

varve_status catalog_check_database(varve *db, const char *database, varve_error *err)
{
    VV_TRY(schema_check_name(database, "database name", err));
    pthread_rwlock_rdlock(&db->catalog_lock);
    bool found = hashmap_get(&db->databases, database, strlen(database)) != NULL;
    pthread_rwlock_unlock(&db->catalog_lock);
    if (!found) return vv_fail(err, VARVE_NOT_FOUND, "Database not found: %s", database);
    return VARVE_OK;
}

bool varve_database_exists(varve *db, const char *name)
{
    return name && catalog_check_database(db, name, NULL) == VARVE_OK;
}

varve_status catalog_stage_database(varve *db, store_batch *batch, const char *name, size_t more,
                                    uint64_t *ret_created, varve_error *err)
{
    uint8_t key[1 + SCHEMA_NAME_MAX], value[8];
    size_t count = db->databases.count + more;
    if (count > db->options.databases_max)
        return vv_fail(err, VARVE_LIMIT, "databases %zu would exceed databases_max %llu", count,
                       (unsigned long long)db->options.databases_max);
    uint64_t created = db->next_database++;
    key[0] = 'd';
    memcpy(key + 1, name, strlen(name));
    put_u64(value, created);
    store_batch_put(batch, db->store, STORE_CATALOG, key, 1 + strlen(name), value, sizeof value);
    catalog_put_next(db, batch);
    *ret_created = created;
    return VARVE_OK;
}

static varve_status database_create_locked(varve *db, const char *name, varve_error *err)
{
    if (varve_database_exists(db, name))
        return vv_fail(err, VARVE_EXISTS, "database already exists: %s", name);
    uint64_t created;
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for database %s", name);
    VV_TRY(catalog_stage_database(db, batch, name, 1, &created, err));
    VV_TRY(catalog_write(db, batch, err));
    pthread_rwlock_wrlock(&db->catalog_lock);
    varve_status status = catalog_add_database(db, name, created, err);
    pthread_rwlock_unlock(&db->catalog_lock);
    return status;
}

varve_status varve_database_create(varve *db, const char *name, varve_error *err)
{
    VV_TRY(schema_check_name(name, "database name", err));
    VV_TRY(db_check_writable(db, true, err));
    pthread_mutex_lock(&db->writer_lock);
    varve_status status = database_create_locked(db, name, err);
    pthread_mutex_unlock(&db->writer_lock);
    return status;
}

static int by_creation(const void *left, const void *right)
{
    const database_entry *a = *(database_entry *const *)left, *b = *(database_entry *const *)right;
    return a->created < b->created ? -1 : a->created > b->created;
}

static varve_status list_databases_locked(varve *db, varve_names **ret, varve_error *err)
{
    size_t count = db->databases.count, n = 0, at = 0;
    VV_CLEANUP(vv_freep) database_entry **all = malloc((count + 1) * sizeof *all);
    VV_CLEANUP(vv_freep) const char **names = malloc((count + 1) * sizeof *names);
    if (!all || !names) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of databases");
    hashmap_slot *slot;
    while ((slot = hashmap_next(&db->databases, &at)))
        all[n++] = slot->value;
    qsort(all, n, sizeof *all, by_creation);
    for (size_t i = 0; i < n; i++)
        names[i] = all[i]->name;
    return names_new(names, n, ret, err);
}

varve_status varve_database_list(varve *db, varve_names **ret_names, varve_error *err)
{
    pthread_rwlock_rdlock(&db->catalog_lock);
    varve_status status = list_databases_locked(db, ret_names, err);
    pthread_rwlock_unlock(&db->catalog_lock);
    return status;
}

static varve_status drop_empty_locked(varve *db, const char *name, bool *ret_gone, varve_error *err)
{
    size_t at = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&db->collections, &at))) {
        if (strcmp(((varve_collection *)slot->value)->database, name) == 0) return VARVE_OK;
    }
    uint8_t key[1 + SCHEMA_NAME_MAX];
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory to drop database %s", name);
    key[0] = 'd';
    memcpy(key + 1, name, strlen(name));
    store_batch_delete(batch, db->store, STORE_CATALOG, key, 1 + strlen(name));
    VV_TRY(catalog_write(db, batch, err));
    pthread_rwlock_wrlock(&db->catalog_lock);
    database_entry *d = hashmap_remove(&db->databases, name, strlen(name));
    pthread_rwlock_unlock(&db->catalog_lock);
    if (d) free(d->name);
    free(d);
    *ret_gone = true;
    return VARVE_OK;
}

varve_status catalog_drop_empty_database(varve *db, const char *name, bool *ret_gone,
                                         varve_error *err)
{
    pthread_mutex_lock(&db->writer_lock);
    varve_status status = drop_empty_locked(db, name, ret_gone, err);
    pthread_mutex_unlock(&db->writer_lock);
    return status;
}

/* ---- collections */

varve_status catalog_find(varve *db, const char *database, const char *name, varve_collection **ret,
                          varve_error *err)
{
    char key[CATALOG_NAME_KEY_MAX];
    VV_TRY(schema_check_name(name, "collection name", err));
    VV_TRY(catalog_check_database(db, database, err));
    pthread_rwlock_rdlock(&db->catalog_lock);
    varve_collection *c = hashmap_get(&db->collections, key, catalog_map_key(database, name, key));
    if (c) collection_ref(c);
    pthread_rwlock_unlock(&db->catalog_lock);
    if (!c) return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", name);
    *ret = c;
    return VARVE_OK;
}

varve_status varve_collection_open(varve *db, const char *database, const char *name,
                                   varve_collection **ret_collection, varve_error *err)
{
    return catalog_find(db, database, name, ret_collection, err);
}

bool varve_collection_exists(varve *db, const char *database, const char *name)
{
    varve_collection *c = NULL;
    if (!database || !name || catalog_find(db, database, name, &c, NULL) != VARVE_OK) return false;
    varve_collection_release(c);
    return true;
}

bool catalog_map_put_locked(varve *db, varve_collection *c)
{
    char key[CATALOG_NAME_KEY_MAX];
    bool put = hashmap_put(&db->collections, key, catalog_map_key(c->database, c->name, key), c);
    if (put) collection_ref(c);
    db->inner_collections += put && c->inner;
    return put;
}

varve_status catalog_map_put(varve *db, varve_collection *c, varve_error *err)
{
    pthread_rwlock_wrlock(&db->catalog_lock);
    bool put = catalog_map_put_locked(db, c);
    pthread_rwlock_unlock(&db->catalog_lock);
    return put ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
}

varve_collection *catalog_map_take_locked(varve *db, const varve_collection *c)
{
    char key[CATALOG_NAME_KEY_MAX];
    varve_collection *mapped =
        hashmap_remove(&db->collections, key, catalog_map_key(c->database, c->name, key));
    db->inner_collections -= mapped && c->inner;
    return mapped;
}

void catalog_map_remove(varve *db, const varve_collection *c)
{
    pthread_rwlock_wrlock(&db->catalog_lock);
    varve_collection *mapped = catalog_map_take_locked(db, c);
    pthread_rwlock_unlock(&db->catalog_lock);
    varve_collection_release(mapped);
}

static varve_status check_text(const collection_schema *s, varve_error *err)
{
    const text_options options = schema_text_options(s);
    analyzer *a = NULL;
    VV_TRY(analyzer_new(&options, &a, err));
    analyzer_free(a);
    return VARVE_OK;
}

static varve_status write_new_collection(varve *db, const varve_collection *c, varve_error *err)
{
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
    VV_TRY(catalog_put_schema(db, batch, c, &c->schema, err));
    collection_counters zero = {0, 0, 1, 0};
    counters_add_to_batch(db, batch, c->id, &zero);
    catalog_put_next(db, batch);
    return catalog_write(db, batch, err);
}

static varve_status collection_create_locked(varve *db, const char *database, const char *name,
                                             const varve_collection_spec *spec,
                                             varve_collection **ret, varve_error *err)
{
    VV_TRY(catalog_check_database(db, database, err));
    if (varve_collection_exists(db, database, name))
        return vv_fail(err, VARVE_EXISTS, "Collection already exists: %s", name);
    size_t count = db->collections.count - db->inner_collections;
    if (count >= db->options.collections_max)
        return vv_fail(err, VARVE_LIMIT, "collections %zu would exceed collections_max %llu",
                       count + 1, (unsigned long long)db->options.collections_max);
    collection_schema schema;
    VV_TRY(schema_init(&schema, db->next_collection_id, spec, db->options.dim_max,
                       db->options.description_bytes_max, err));
    varve_collection *c = NULL;
    varve_status status = check_text(&schema, err);
    if (status == VARVE_OK) status = index_field_buildable(&schema.fields[0], err);
    if (status != VARVE_OK) {
        schema_done(&schema);
        return status;
    }
    VV_TRY(collection_new(db, database, name, &schema, &c, err));
    db->next_collection_id++;
    status = write_new_collection(db, c, err);
    if (status == VARVE_OK) status = catalog_map_put(db, c, err);
    if (status != VARVE_OK) {
        varve_collection_release(c);
        return status;
    }
    *ret = c;
    return VARVE_OK;
}

varve_status varve_collection_create(varve *db, const char *database, const char *name,
                                     const varve_collection_spec *spec,
                                     varve_collection **ret_collection, varve_error *err)
{
    static const varve_collection_spec plain = {0};
    VV_TRY(schema_check_name(name, "collection name", err));
    VV_TRY(db_check_writable(db, true, err));
    pthread_mutex_lock(&db->writer_lock);
    varve_status status =
        collection_create_locked(db, database, name, spec ? spec : &plain, ret_collection, err);
    pthread_mutex_unlock(&db->writer_lock);
    return status;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static varve_status list_collections_locked(varve *db, const char *database, varve_names **ret,
                                            varve_error *err)
{
    VV_CLEANUP(vv_freep) const char **names = malloc((db->collections.count + 1) * sizeof *names);
    if (!names) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of collections");
    size_t n = 0, at = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&db->collections, &at))) {
        const varve_collection *c = slot->value;
        if (!c->inner && strcmp(c->database, database) == 0) names[n++] = c->name;
    }
    qsort(names, n, sizeof *names, by_name);
    return names_new(names, n, ret, err);
}

varve_status varve_collection_list(varve *db, const char *database, varve_names **ret_names,
                                   varve_error *err)
{
    VV_TRY(catalog_check_database(db, database, err));
    pthread_rwlock_rdlock(&db->catalog_lock);
    varve_status status = list_collections_locked(db, database, ret_names, err);
    pthread_rwlock_unlock(&db->catalog_lock);
    return status;
}

varve_status catalog_all(varve *db, varve_collection ***ret, size_t *ret_count, varve_error *err)
{
    pthread_rwlock_rdlock(&db->catalog_lock);
    varve_collection **all = malloc((db->collections.count + 1) * sizeof *all);
    size_t n = 0, at = 0;
    hashmap_slot *slot;
    while (all && (slot = hashmap_next(&db->collections, &at)))
        all[n++] = collection_ref(slot->value);
    pthread_rwlock_unlock(&db->catalog_lock);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of collections");
    *ret = all;
    *ret_count = n;
    return VARVE_OK;
}
