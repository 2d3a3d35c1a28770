/* copy.c — varve_copy; see copy.h. */
#include "db/copy.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "db/dropped.h"

#include <stdlib.h>

varve_status copy_point(const char *name, varve_error *err)
{
    fault_kind fault = VV_FAULT(name);
    (void)name;
    if (fault == VV_FAULT_NONE) return VARVE_OK;
    return vv_fail(err, fault == VV_FAULT_ENOSPC ? VARVE_NO_SPACE : VARVE_IO, "a fault at %s",
                   name);
}

varve_status copy_check_cancelled(const copy *k, varve_error *err)
{
    if (!k->options.cancelled || !k->options.cancelled(k->options.arg)) return VARVE_OK;
    return vv_fail(err, VARVE_CANCELLED, "the copy was cancelled");
}

varve_status copy_desk(const copy *k, const char *file, char ret[DB_PATH_MAX], varve_error *err)
{
    char name[96];
    snprintf(name, sizeof name, "work/copy-%llu%s%s", (unsigned long long)k->number,
             *file ? "/" : "", file);
    return db_path(k->to, name, ret, err);
}

static varve_status check_item(const varve_copy_item *i, hashmap *targets, varve_error *err)
{
    char key[CATALOG_NAME_KEY_MAX];
    const char *database = i->to_database ? i->to_database : i->from_database;
    const char *name = i->to_collection ? i->to_collection : i->from_collection;
    VV_TRY(schema_check_name(i->from_database, "database name", err));
    VV_TRY(schema_check_name(i->from_collection, "collection name", err));
    VV_TRY(schema_check_name(database, "database name", err));
    VV_TRY(schema_check_name(name, "collection name", err));
    size_t len = catalog_map_key(database, name, key);
    if (hashmap_get(targets, key, len))
        return vv_fail(err, VARVE_INVALID, "two collections cannot both become %s.%s", database,
                       name);
    if (!hashmap_put(targets, key, len, targets))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    return VARVE_OK;
}

static varve_status check_items(const varve_copy_item *items, size_t count, varve_error *err)
{
    hashmap targets;
    varve_status status = VARVE_OK;
    hashmap_init(&targets);
    for (size_t i = 0; i < count && status == VARVE_OK; i++)
        status = check_item(&items[i], &targets, err);
    hashmap_done(&targets);
    return status;
}

static varve_status take_snapshot(copy *k, varve_error *err)
{
    pthread_mutex_lock(&k->from->writer_lock);
    varve_status status =
        k->from->options.read_only ? VARVE_OK : db_check_writable(k->from, false, err);
    if (status == VARVE_OK) status = store_snapshot_new(k->from->store, &k->at, err);
    pthread_mutex_unlock(&k->from->writer_lock);
    return status;
}

static void drop_snapshot(copy *k)
{
    store_snapshot_free(k->at);
    k->at = NULL;
}

static varve_status gather(copy *k, const varve_copy_item *items, size_t count, varve_error *err)
{
    char desk[DB_PATH_MAX];
    VV_TRY(take_snapshot(k, err));
    VV_TRY(copy_list(k, items, count, err));
    VV_TRY(copy_goes_find(k, err));
    VV_TRY(copy_begin(k, err));
    VV_TRY(copy_point("copy.begun", err));
    VV_TRY(copy_desk(k, "", desk, err));
    VV_TRY(file_make_dir(desk, err));
    VV_TRY(copy_files(k, err));
    VV_TRY(copy_point("copy.linked", err));
    return copy_rows(k, err);
}

static void copied_done(copied *c)
{
    schema_done(&c->schema);
    varve_collection_release(c->made);
}

static void copy_done(copy *k)
{
    char desk[DB_PATH_MAX];
    varve_error ignored;
    varve_status status = VARVE_OK;
    if (k->begun && copy_desk(k, "", desk, &ignored) == VARVE_OK)
        status = file_remove_tree(desk, &ignored);
    (void)status; /* what stays, the sweep removes */
    for (size_t i = 0; i < k->count; i++)
        copied_done(&k->all[i]);
    free(k->all);
    copy_goes_done(&k->goes);
    hashmap_done(&k->databases);
    store_batch_free(k->batch);
}

varve_status varve_copy(varve *from, const varve_copy_item *items, size_t count, varve *to,
                        const varve_copy_options *options, varve_copy_info *ret_info,
                        varve_error *err)
{
    copy k = {.from = from, .to = to, .batch = store_batch_new()};
    hashmap_init(&k.databases);
    if (options) k.options = *options;
    k.number = (clock_wall_ms() << 20) | (atomic_fetch_add(&to->sessions, 1) & 0xfffff);
    varve_status status = k.batch ? check_items(items, count, err)
                                  : vv_fail(err, VARVE_NO_MEMORY, "no memory for a copy");
    if (status == VARVE_OK) status = db_check_writable(to, true, err);
    const char *whole = k.options.whole_database;
    if (status == VARVE_OK && whole) status = schema_check_name(whole, "database name", err);
    if (status == VARVE_OK && (count || whole)) {
        dropped_hold(from);
        status = gather(&k, items, count, err);
        drop_snapshot(&k);
        dropped_release(from);
        if (status == VARVE_OK) status = copy_commit(&k, err);
        if (!k.committed) copy_undo(&k);
    }
    copy_done(&k);
    if (status == VARVE_OK && ret_info) *ret_info = k.info;
    return status;
}
