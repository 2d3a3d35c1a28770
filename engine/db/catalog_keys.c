/* catalog_keys.c — keys of the catalogue; see catalog.h. */
#include "db/catalog.h"

#include "base/bytes.h"

size_t catalog_map_key(const char *database, const char *name, char ret[CATALOG_NAME_KEY_MAX])
{
    size_t d = strlen(database), n = strlen(name);
    memcpy(ret, database, d + 1);
    memcpy(ret + d + 1, name, n);
    return d + 1 + n;
}

size_t catalog_collection_key(const char *database, const char *name,
                              uint8_t ret[CATALOG_NAME_KEY_MAX])
{
    size_t d = strlen(database), n = strlen(name);
    ret[0] = 'c';
    ret[1] = (uint8_t)d;
    memcpy(ret + 2, database, d);
    memcpy(ret + 2 + d, name, n);
    return 2 + d + n;
}

bool catalog_collection_key_get(const void *key, size_t len, char ret_database[SCHEMA_NAME_MAX + 1],
                                char ret_name[CATALOG_NAME_MAX + 1])
{
    const uint8_t *k = key;
    if (len < 3 || k[0] != 'c') return false;
    size_t d = k[1];
    if (d == 0 || d > SCHEMA_NAME_MAX || len <= 2 + d || len - 2 - d > CATALOG_NAME_MAX)
        return false;
    memcpy(ret_database, k + 2, d);
    ret_database[d] = 0;
    memcpy(ret_name, k + 2 + d, len - 2 - d);
    ret_name[len - 2 - d] = 0;
    return true;
}

void catalog_segment_key(uint32_t cid, uint64_t number, uint8_t ret[CATALOG_SEGMENT_KEY_BYTES])
{
    ret[0] = 's';
    put_be32(ret + 1, cid);
    put_be64(ret + 5, number);
}

void counters_key(uint32_t cid, uint8_t ret[5])
{
    ret[0] = 'n';
    put_be32(ret + 1, cid);
}

void counters_add_to_batch(varve *db, store_batch *batch, uint32_t cid,
                           const collection_counters *n)
{
    uint8_t key[5], value[32];
    counters_key(cid, key);
    put_u64(value, n->next_rowver);
    put_u64(value + 8, n->next_ordinal);
    put_u64(value + 16, n->next_segment);
    put_u64(value + 24, n->next_auto_id);
    store_batch_put(batch, db->store, STORE_META, key, sizeof key, value, sizeof value);
}

varve_status counters_decode(const void *bytes, size_t len, uint32_t cid, collection_counters *ret,
                             varve_error *err)
{
    const uint8_t *v = bytes;
    if (len != 32)
        return vv_fail(err, VARVE_CORRUPT, "the counters of collection %u are missing or malformed",
                       cid);
    *ret = (collection_counters){get_u64(v), get_u64(v + 8), get_u64(v + 16), get_u64(v + 24)};
    return VARVE_OK;
}

varve_status counters_read(varve *db, uint32_t cid, collection_counters *ret, varve_error *err)
{
    uint8_t key[5];
    VV_CLEANUP(store_value_done) store_value v = {0};
    counters_key(cid, key);
    VV_TRY(store_get(db->store, STORE_META, key, sizeof key, &v, err));
    return counters_decode(v.data, v.data ? v.len : 0, cid, ret, err);
}
