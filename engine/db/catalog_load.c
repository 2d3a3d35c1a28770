/* catalog_load.c — the catalogue at open: names in memory, collections as light entries that load
 * when first used. */
#include "db/catalog.h"
#include "db/children.h"

#include "base/bytes.h"

#include <stdlib.h>

varve_status catalog_add_database(varve *db, const char *name, uint64_t created, varve_error *err)
{
    database_entry *d = calloc(1, sizeof *d);
    if (d) d->name = strdup(name);
    if (d) d->created = created;
    if (!d || !d->name || !hashmap_put(&db->databases, name, strlen(name), d)) {
        if (d) free(d->name);
        free(d);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for database %s", name);
    }
    return VARVE_OK;
}

static varve_status load_database(varve *db, varve_text key, varve_text value, varve_error *err)
{
    char name[SCHEMA_NAME_MAX + 1];
    if (key.len < 2 || key.len - 1 > SCHEMA_NAME_MAX || value.len != 8)
        return vv_fail(err, VARVE_CORRUPT, "a database record is malformed");
    memcpy(name, key.data + 1, key.len - 1);
    name[key.len - 1] = 0;
    return catalog_add_database(db, name, get_u64(value.data), err);
}

static varve_status load_collection(varve *db, varve_text key, varve_text value, varve_error *err)
{
    char database[SCHEMA_NAME_MAX + 1], name[CATALOG_NAME_MAX + 1];
    if (!catalog_collection_key_get(key.data, key.len, database, name))
        return vv_fail(err, VARVE_CORRUPT, "a collection record has a malformed key");
    collection_schema schema;
    VV_TRY(schema_decode(value.data, value.len, &schema, err));
    varve_collection *c = NULL;
    VV_TRY(collection_new(db, database, name, &schema, &c, err));
    varve_status status = catalog_map_put(db, c, err);
    varve_collection_release(c);
    return status;
}

static varve_status load_record(varve *db, varve_text key, varve_text value, varve_error *err)
{
    switch (key.len ? key.data[0] : 0) {
    case 'c': return load_collection(db, key, value, err);
    case 'd': return load_database(db, key, value, err);
    case 's': {
        segment_record record;
        if (key.len != CATALOG_SEGMENT_KEY_BYTES)
            return vv_fail(err, VARVE_CORRUPT, "a segment record has a malformed key");
        VV_TRY(segment_record_get(value.data, value.len, get_be64(key.data + 5), &record, err));
        atomic_fetch_add(&db->segments, 1);
        atomic_fetch_add(&db->segment_bytes, record.file_bytes);
        return VARVE_OK;
    }
    case 'i': {
        index_record index;
        /* one that cannot be read is a leftover to replace, see indexes.h */
        if (index_record_get(value.data, value.len, &index, NULL) == VARVE_OK)
            atomic_fetch_add(&db->index_bytes, index.file_bytes);
        return VARVE_OK;
    }
    case 'u':
        if (value.len != 12)
            return vv_fail(err, VARVE_CORRUPT, "the catalogue's counters are malformed");
        db->next_collection_id = get_u32(value.data);
        db->next_database = get_u64(value.data + 4);
        return VARVE_OK;
    default: return vv_fail(err, VARVE_CORRUPT, "the catalogue has a record of an unknown kind");
    }
}

/* A new folder begins with the database "default". */
static varve_status create_default(varve *db, varve_error *err)
{
    if (db->options.read_only || hashmap_get(&db->databases, "default", 7)) return VARVE_OK;
    return varve_database_create(db, "default", err);
}

varve_status catalog_load(varve *db, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    varve_text key, value;
    VV_TRY(store_iter_new(db->store, STORE_CATALOG, NULL, 0, NULL, 0, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i))
        VV_TRY(load_record(db, key, value, err));
    VV_TRY(store_iter_check(i, err));
    VV_TRY(children_link(db, err));
    return create_default(db, err);
}

void catalog_done(varve *db)
{
    size_t at = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&db->collections, &at)))
        varve_collection_release(slot->value);
    hashmap_done(&db->collections);
    at = 0;
    while ((slot = hashmap_next(&db->databases, &at))) {
        database_entry *d = slot->value;
        free(d->name);
        free(d);
    }
    hashmap_done(&db->databases);
}
