/* compact_erase.c — after rows were purged: what the row store still has of them in old files and
 * in its log goes as well. One trace stays until the folder is reopened: RocksDB's manifest names,
 * of each file that there was, the first and the last key, and a key may be an id. */
#include "db/compaction_inner.h"

varve_status erase_collection(varve_collection *c, varve_error *err)
{
    static const store_family families[] = {STORE_ROWS, STORE_FRESH, STORE_DEAD};
    varve *db = c->db;
    uint8_t from[4], to[4];
    uint64_t published = atomic_load(&c->published);
    if (c->erased == published) return VARVE_OK; /* nothing was written since */
    VV_TRY(db_check_writable(db, false, err));
    VV_TRY(compact_point("compact.erasing", err));
    put_be32(from, c->id);
    put_be32(to, c->id + 1);
    VV_TRY(db_note_failure(db, store_flush(db->store, err), err));
    for (size_t i = 0; i < VV_COUNT(families); i++)
        VV_TRY(store_erase(db->store, families[i], from, sizeof from, to, sizeof to, err));
    c->erased = published;
    return VARVE_OK;
}
