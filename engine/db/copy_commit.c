/* copy_commit.c — the two batches of a copy, and what undoes it between them; see copy.h. */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "db/compaction.h"
#include "db/copy.h"

#include <stdlib.h>

#define RECORD_VERSION 1
#define RECORD_BYTES   9
#define KEY_BYTES      9

static void record_key(uint64_t number, uint8_t ret[KEY_BYTES])
{
    ret[0] = 'k';
    put_be64(ret + 1, number);
}

/* ---- the numbers */

static varve_status reserve_locked(copy *k, varve_error *err)
{
    varve *db = k->to;
    uint8_t key[KEY_BYTES], record[RECORD_BYTES] = {RECORD_VERSION};
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    if (k->count > UINT32_MAX - 1 - db->next_collection_id)
        return vv_fail(err, VARVE_LIMIT, "no numbers are left for %zu collections", k->count);
    k->first_id = db->next_collection_id;
    db->next_collection_id += (uint32_t)k->count;
    record_key(k->number, key);
    put_u32(record + 1, k->first_id);
    put_u32(record + 5, (uint32_t)k->count);
    store_batch_put(batch, db->store, STORE_META, key, sizeof key, record, sizeof record);
    catalog_put_next(db, batch);
    k->begun = true;
    return catalog_write(db, batch, err);
}

/* A field's record names the collection of its vectors. */
static void give_numbers(copy *k)
{
    copied *parent = NULL;
    size_t field = 0;
    for (size_t i = 0; i < k->count; i++) {
        copied *c = &k->all[i];
        c->id = c->schema.id = k->first_id + (uint32_t)i;
        if (c->inner) {
            parent->schema.fields[++field].child = c->id;
            continue;
        }
        parent = c;
        field = 0;
    }
}

varve_status copy_begin(copy *k, varve_error *err)
{
    pthread_mutex_lock(&k->to->writer_lock);
    varve_status status = reserve_locked(k, err);
    pthread_mutex_unlock(&k->to->writer_lock);
    if (status == VARVE_OK) give_numbers(k);
    return status;
}

/* ---- undone */

static void stage_undo(varve *db, store_batch *batch, uint32_t first, uint32_t count)
{
    uint8_t from[4], to[4];
    put_be32(from, first);
    put_be32(to, first + count);
    for (size_t f = 0; f < COPY_FAMILIES; f++)
        store_batch_delete_range(batch, db->store, copy_families[f], from, 4, to, 4);
}

static void remove_folders(const copy *k)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < k->count; i++) {
        if (collection_dir(k->to, k->first_id + (uint32_t)i, path, &ignored) == VARVE_OK)
            status = file_remove_tree(path, &ignored);
    }
    (void)status; /* what stays, the sweep removes */
}

void copy_undo(copy *k)
{
    uint8_t key[KEY_BYTES];
    varve_error ignored;
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch || !k->begun || k->unsure) return;
    remove_folders(k);
    record_key(k->number, key);
    stage_undo(k->to, batch, k->first_id, (uint32_t)k->count);
    store_batch_delete(batch, k->to->store, STORE_META, key, sizeof key);
    pthread_mutex_lock(&k->to->writer_lock);
    varve_status status = catalog_write(k->to, batch, &ignored);
    pthread_mutex_unlock(&k->to->writer_lock);
    (void)status; /* the next open does it */
}

static varve_status undo_record(varve *db, varve_text key, varve_text value, store_batch *batch,
                                varve_error *err)
{
    const uint8_t *r = (const uint8_t *)value.data;
    if (value.len > 0 && r[0] > RECORD_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "a copy was begun by a newer version");
    if (key.len != KEY_BYTES || value.len != RECORD_BYTES || r[0] != RECORD_VERSION ||
        get_u32(r + 1) > UINT32_MAX - get_u32(r + 5))
        return vv_fail(err, VARVE_CORRUPT, "the record of a copy is malformed");
    stage_undo(db, batch, get_u32(r + 1), get_u32(r + 5));
    store_batch_delete(batch, db->store, STORE_META, key.data, key.len);
    return VARVE_OK;
}

varve_status copies_undo(varve *db, varve_error *err)
{
    VV_CLEANUP(store_iter_freep) store_iter *i = NULL;
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    varve_text key, value;
    bool any = false;
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory to undo a copy");
    VV_TRY(store_iter_new(db->store, STORE_META, "k", 1, "l", 1, &i, err));
    for (; store_iter_at(i, &key, &value); store_iter_next(i), any = true)
        VV_TRY(undo_record(db, key, value, batch, err));
    VV_TRY(store_iter_check(i, err));
    return any ? catalog_write(db, batch, err) : VARVE_OK;
}

/* ---- what goes */

static void lock_going(const copy *k, bool lock)
{
    for (size_t i = 0; i < k->goes.count; i++) {
        const copy_going *g = &k->goes.all[i];
        if (lock)
            collection_lock_seals(g->c, &g->fields);
        else
            collection_unlock_seals(g->c, &g->fields);
    }
}

/* ---- the commit point */

static varve_status check_limits(const copy *k, varve_error *err)
{
    const varve *db = k->to;
    size_t count = db->collections.count - db->inner_collections;
    for (size_t i = 0; i < k->count; i++)
        count += !k->all[i].inner;
    count -= k->goes.count;
    if (count <= db->options.collections_max) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "collections %zu would exceed collections_max %llu", count,
                   (unsigned long long)db->options.collections_max);
}

/* The collection as it will be in memory; its parent's list of fields gets it. */
static varve_status make_one(copy *k, copied *c, varve_collection *parent, varve_error *err)
{
    size_t fields = c->schema.field_count - 1;
    VV_TRY(catalog_put_record(k->to, k->batch, c->database, c->name, &c->schema, err));
    counters_add_to_batch(k->to, k->batch, c->id, &c->counters);
    VV_TRY(collection_new(k->to, c->database, c->name, &c->schema, &c->made, err));
    if (!c->inner && fields) {
        c->made->children = calloc(fields, sizeof(varve_collection *));
        if (!c->made->children) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    }
    if (c->inner) parent->children[parent->child_count++] = collection_ref(c->made);
    return VARVE_OK;
}

static varve_status make_all(copy *k, varve_error *err)
{
    varve_collection *parent = NULL;
    for (size_t i = 0; i < k->count; i++) {
        VV_TRY(make_one(k, &k->all[i], parent, err));
        if (!k->all[i].inner) parent = k->all[i].made;
    }
    return VARVE_OK;
}

static void stage_drops(copy *k)
{
    for (size_t i = 0; i < k->goes.count; i++) {
        const copy_going *g = &k->goes.all[i];
        catalog_stage_drop(g->c, k->batch);
        for (size_t f = 0; f < g->fields.count; f++)
            catalog_stage_drop(g->fields.all[f], k->batch);
    }
}

static varve_status stage_database(copy *k, copied *c, varve_error *err)
{
    size_t len = strlen(c->database);
    if (hashmap_get(&k->to->databases, c->database, len) ||
        hashmap_get(&k->databases, c->database, len))
        return VARVE_OK;
    if (!hashmap_put(&k->databases, c->database, len, c))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    return catalog_stage_database(k->to, k->batch, c->database, k->databases.count,
                                  &c->database_created, err);
}

static varve_status stage(copy *k, varve_error *err)
{
    uint8_t key[KEY_BYTES];
    stage_drops(k); /* first: it deletes records by name */
    VV_TRY(make_all(k, err));
    for (size_t i = 0; i < k->count; i++)
        VV_TRY(stage_database(k, &k->all[i], err));
    if (k->options.whole_database) {
        snprintf(k->whole.database, sizeof k->whole.database, "%s", k->options.whole_database);
        VV_TRY(stage_database(k, &k->whole, err));
    }
    record_key(k->number, key);
    store_batch_delete(k->batch, k->to->store, STORE_META, key, sizeof key);
    catalog_put_next(k->to, k->batch);
    return VARVE_OK;
}

/* Old names out and new ones in, in one step. */
static bool swap_names(copy *k)
{
    varve *db = k->to;
    bool done = true;
    size_t at = 0;
    hashmap_slot *slot;
    pthread_rwlock_wrlock(&db->catalog_lock);
    while ((slot = hashmap_next(&k->databases, &at))) {
        const copied *c = slot->value;
        done &= catalog_add_database(db, c->database, c->database_created, NULL) == VARVE_OK;
    }
    for (size_t i = 0; i < k->goes.count; i++) {
        const copy_going *g = &k->goes.all[i];
        varve_collection_release(catalog_map_take_locked(db, g->c));
        for (size_t f = 0; f < g->fields.count; f++)
            varve_collection_release(catalog_map_take_locked(db, g->fields.all[f]));
    }
    for (size_t i = 0; i < k->count; i++)
        done &= catalog_map_put_locked(db, k->all[i].made);
    pthread_rwlock_unlock(&db->catalog_lock);
    return done;
}

/* As the catalogue does at open: a collection that is loaded later is not counted again. */
static void count_disk_use(const copy *k)
{
    atomic_fetch_add(&k->to->segments, k->info.segments);
    atomic_fetch_add(&k->to->segment_bytes, k->segment_bytes);
    atomic_fetch_add(&k->to->index_bytes, k->index_bytes);
}

static varve_status publish(copy *k, varve_error *err)
{
    varve_error why = {0};
    bool named = swap_names(k);
    count_disk_use(k);
    for (size_t i = 0; i < k->goes.count; i++) {
        const copy_going *g = &k->goes.all[i];
        collection_forgotten(g->c);
        for (size_t f = 0; f < g->fields.count; f++)
            collection_forgotten(g->fields.all[f]);
    }
    if (named) return VARVE_OK;
    varve_status status = vv_fail(&why, VARVE_NO_MEMORY, "no memory for the names of a copy");
    db_break(k->to, &why); /* what is on disk is right */
    return vv_fail(err, status, "%s", why.message);
}

static void remove_gone(const copy *k)
{
    for (size_t i = 0; i < k->goes.count; i++) {
        const copy_going *g = &k->goes.all[i];
        collection_remove_files(g->c);
        for (size_t f = 0; f < g->fields.count; f++)
            collection_remove_files(g->fields.all[f]);
    }
}

/* *ret_again: a name or a field has come or gone meanwhile. */
static varve_status commit_locked(copy *k, bool *ret_again, varve_error *err)
{
    bool same = false;
    *ret_again = false;
    VV_TRY(copy_goes_check(k, &same, err));
    *ret_again = !same;
    if (*ret_again) return VARVE_OK;
    VV_TRY(check_limits(k, err));
    VV_TRY(stage(k, err));
    VV_TRY(copy_point("copy.staged", err));
    varve_status status = catalog_write(k->to, k->batch, err);
    k->unsure = status == VARVE_IO || status == VARVE_NO_SPACE;
    if (status != VARVE_OK) return status;
    k->committed = true;
    return publish(k, err);
}

static varve_status commit_once(copy *k, bool *ret_again, varve_error *err)
{
    *ret_again = false;
    VV_TRY(copy_goes_find(k, err));
    lock_going(k, true);
    pthread_mutex_lock(&k->to->writer_lock);
    varve_status status = commit_locked(k, ret_again, err);
    pthread_mutex_unlock(&k->to->writer_lock);
    if (k->committed) remove_gone(k);
    lock_going(k, false);
    return status;
}

varve_status copy_commit(copy *k, varve_error *err)
{
    bool again = true;
    varve_status status = VARVE_OK;
    pthread_mutex_lock(&k->to->copy_lock);
    while (again && status == VARVE_OK)
        status = commit_once(k, &again, err);
    pthread_mutex_unlock(&k->to->copy_lock);
    if (k->committed) compaction_wake(k->to);
    (void)VV_FAULT("copy.committed");
    return status;
}
