/* drop.c — the end of a collection with all its vector fields, of one field, and of a database.
 * One WriteBatch takes everything out of the store; the files go afterwards. Seal locks are held
 * meanwhile, so that no seal is under way: the collection's first, then those of its fields. */
#include "db/children.h"
#include "db/compaction.h"
#include "db/dropped.h"

#include <stdlib.h>

void catalog_stage_drop(varve_collection *c, store_batch *batch)
{
    store *s = c->db->store;
    uint8_t key[CATALOG_NAME_KEY_MAX], from[CATALOG_SEGMENT_KEY_BYTES],
        to[CATALOG_SEGMENT_KEY_BYTES];
    store_batch_delete(batch, s, STORE_CATALOG, key,
                       catalog_collection_key(c->database, c->name, key));
    static const char kinds[] = {'s', 'i'}; /* segments and their indexes */
    catalog_segment_key(c->id, 0, from);
    catalog_segment_key(c->id + 1, 0, to);
    for (size_t i = 0; i < sizeof kinds; i++) {
        from[0] = to[0] = (uint8_t)kinds[i];
        store_batch_delete_range(batch, s, STORE_CATALOG, from, 5, to, 5);
    }
    const store_family families[] = {STORE_ROWS, STORE_FRESH, STORE_DEAD, STORE_BLOBS};
    for (size_t i = 0; i < VV_COUNT(families); i++)
        store_batch_delete_range(batch, s, families[i], from + 1, 4, to + 1, 4);
    counters_key(c->id, key);
    store_batch_delete(batch, s, STORE_META, key, 5);
}

void collection_forgotten(varve_collection *c)
{
    varve *db = c->db;
    pthread_mutex_lock(&db->seal_queue_lock); /* writers that wait for room learn of it */
    atomic_store(&c->dropped, true);
    pthread_cond_broadcast(&db->seal_done);
    pthread_mutex_unlock(&db->seal_queue_lock);
    if (atomic_load(&c->loaded)) collection_count_disk_use(db, c->view, NULL);
    collection_count_backlog(c, 0);
    compaction_wake(db); /* a job on it ends */
}

/* It is no longer in the store. */
static void forget(varve_collection *c)
{
    catalog_map_remove(c->db, c);
    collection_forgotten(c);
}

/* Mapped files stay readable for the searches that run; what a crash leaves, the sweep at open
 * removes. */
void collection_remove_files(varve_collection *c)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    if (collection_dir(c->db, c->id, path, &ignored) == VARVE_OK) dropped_path(c->db, path);
}

static varve_status new_batch(const varve_collection *c, store_batch **ret, varve_error *err)
{
    *ret = store_batch_new();
    return *ret ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory to drop %s", c->name);
}

/* ---- a collection */

void collection_lock_seals(varve_collection *c, const child_list *l)
{
    pthread_mutex_lock(&c->seal_lock);
    for (size_t i = 0; i < l->count; i++)
        pthread_mutex_lock(&l->all[i]->seal_lock);
}

void collection_unlock_seals(varve_collection *c, const child_list *l)
{
    for (size_t i = l->count; i > 0; i--)
        pthread_mutex_unlock(&l->all[i - 1]->seal_lock);
    pthread_mutex_unlock(&c->seal_lock);
}

static varve_status drop_locked(varve_collection *c, const child_list *l, bool *ret_done,
                                varve_error *err)
{
    VV_CLEANUP(store_batch_freep) store_batch *batch = NULL;
    VV_TRY(collection_alive(c, err));
    if (!children_are(c, l)) return VARVE_OK;
    VV_TRY(new_batch(c, &batch, err));
    catalog_stage_drop(c, batch);
    for (size_t i = 0; i < l->count; i++)
        catalog_stage_drop(l->all[i], batch);
    VV_TRY(catalog_write(c->db, batch, err));
    forget(c);
    for (size_t i = 0; i < l->count; i++)
        forget(l->all[i]);
    *ret_done = true;
    return VARVE_OK;
}

/* *ret_done false: a field came or went meanwhile. */
static varve_status drop_once(varve_collection *c, bool *ret_done, varve_error *err)
{
    VV_CLEANUP(child_list_done) child_list l = {0};
    VV_TRY(children_take(c, &l, err));
    collection_lock_seals(c, &l);
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = drop_locked(c, &l, ret_done, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    if (*ret_done) collection_remove_files(c);
    for (size_t i = 0; *ret_done && i < l.count; i++)
        collection_remove_files(l.all[i]);
    collection_unlock_seals(c, &l);
    return status;
}

varve_status varve_collection_drop(varve *db, const char *database, const char *name,
                                   varve_error *err)
{
    varve_collection *c = NULL;
    VV_TRY(db_check_writable(db, false, err));
    VV_TRY(catalog_find(db, database, name, &c, err));
    /* Loaded first, so that the folder's totals stay right; one that cannot be loaded can still be
     * dropped. */
    varve_error ignored;
    varve_status status = collection_ready(c, &ignored);
    bool done = false;
    do {
        status = drop_once(c, &done, err);
    } while (status == VARVE_OK && !done);
    varve_collection_release(c);
    return status;
}

/* ---- a field */

/* The collection's record without the field, and its place among the children; under writer_lock.
 * NOT_FOUND: somebody else dropped it. */
static varve_status without_field(const varve_collection *c, const varve_collection *child,
                                  collection_schema *next, size_t *ret_at, varve_error *err)
{
    size_t at = 0;
    while (at < c->child_count && c->children[at] != child)
        at++;
    if (at == c->child_count)
        return vv_fail(err, VARVE_NOT_FOUND, "collection %s has no vector field '%s'", c->name,
                       child_field_name(child));
    VV_TRY(schema_copy(&c->schema, next, err));
    memmove(&next->fields[1 + at], &next->fields[2 + at],
            (next->field_count - 2 - at) * sizeof *next->fields);
    next->field_count--;
    *ret_at = at;
    return VARVE_OK;
}

static varve_status drop_field_locked(varve_collection *c, varve_collection *child,
                                      varve_error *err)
{
    VV_CLEANUP(store_batch_freep) store_batch *batch = NULL;
    VV_CLEANUP(schema_done) collection_schema next = {0};
    size_t at;
    VV_TRY(collection_alive(c, err));
    VV_TRY(without_field(c, child, &next, &at, err));
    VV_TRY(new_batch(c, &batch, err));
    catalog_stage_drop(child, batch);
    VV_TRY(catalog_put_schema(c->db, batch, c, &next, err));
    VV_TRY(catalog_write(c->db, batch, err));
    pthread_mutex_lock(&c->lock);
    collection_schema before = c->schema;
    c->schema = next;
    memmove(&c->children[at], &c->children[at + 1],
            (c->child_count - 1 - at) * sizeof(varve_collection *));
    c->child_count--;
    pthread_mutex_unlock(&c->lock);
    next = before;
    forget(child);
    varve_collection_release(child); /* the parent's reference */
    return VARVE_OK;
}

varve_status varve_field_drop(varve_collection *c, const char *name, varve_error *err)
{
    varve_collection *child = NULL;
    vector_kind kind;
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_ready(c, err));
    VV_TRY(children_need(c, name, &child, &kind, err));
    pthread_mutex_lock(&child->seal_lock);
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = drop_field_locked(c, child, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    if (status == VARVE_OK) collection_remove_files(child);
    pthread_mutex_unlock(&child->seal_lock);
    varve_collection_release(child);
    return status;
}

/* ---- a database */

varve_status varve_database_drop(varve *db, const char *name, varve_error *err)
{
    VV_TRY(db_check_writable(db, false, err));
    VV_TRY(catalog_check_database(db, name, err));
    for (;;) { /* collections that others create meanwhile are dropped too */
        varve_names *names = NULL;
        VV_TRY(varve_collection_list(db, name, &names, err));
        size_t count = varve_names_count(names);
        varve_status status = VARVE_OK;
        for (size_t i = 0; i < count && status == VARVE_OK; i++) {
            status = varve_collection_drop(db, name, varve_names_get(names, i), err);
            if (status == VARVE_NOT_FOUND) status = VARVE_OK;
        }
        varve_names_free(names);
        if (status != VARVE_OK) return status;
        if (strcmp(name, "default") == 0) return VARVE_OK; /* emptied; it always exists */
        bool gone = false;
        VV_TRY(catalog_drop_empty_database(db, name, &gone, err));
        if (gone) return VARVE_OK;
    }
}
