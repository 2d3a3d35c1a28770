/* local_items.c — which collections a snapshot or a restore copies, and under which names. */
#include "local_inner.h"

#include <stdlib.h>
#include <string.h>

void local_items_done(local_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free((char *)items->all[i].from_database);
        free((char *)items->all[i].from_collection);
        free((char *)items->all[i].to_database);
        free((char *)items->all[i].to_collection);
    }
    free(items->all);
}

static varve_status add(local_items *items, const char *database, const char *collection,
                        snapshot_scope to, varve_error *err)
{
    if (items->count == items->room) {
        size_t room = VV_MAX((size_t)16, 2 * items->room);
        varve_copy_item *larger = realloc(items->all, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of collections");
        items->all = larger;
        items->room = room;
    }
    varve_copy_item item = {.from_database = strdup(database),
                            .from_collection = strdup(collection),
                            .to_database = strdup(to.database ? to.database : database),
                            .to_collection = strdup(to.collection ? to.collection : collection)};
    items->all[items->count++] = item;
    if (item.from_database && item.from_collection && item.to_database && item.to_collection)
        return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list of collections");
}

static void free_names(varve_names **names) { varve_names_free(*names); }

static varve_status add_database(local_items *items, varve *from, const char *database,
                                 snapshot_scope to, varve_error *err)
{
    VV_CLEANUP(free_names) varve_names *names = NULL;
    VV_TRY(varve_collection_list(from, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        VV_TRY(add(items, database, varve_names_get(names, i), to, err));
    return VARVE_OK;
}

static varve_status add_all(local_items *items, varve *from, varve_error *err)
{
    VV_CLEANUP(free_names) varve_names *names = NULL;
    VV_TRY(varve_database_list(from, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        VV_TRY(add_database(items, from, varve_names_get(names, i), (snapshot_scope){NULL, NULL},
                            err));
    return VARVE_OK;
}

varve_status local_items_find(varve *from, snapshot_scope scope, snapshot_scope to,
                              local_items *ret, varve_error *err)
{
    VV_CLEANUP(local_items_done) local_items items = {0};
    if (!scope.database)
        VV_TRY(add_all(&items, from, err));
    else if (!scope.collection)
        VV_TRY(add_database(&items, from, scope.database, to, err));
    else
        VV_TRY(add(&items, scope.database, scope.collection, to, err));
    *ret = items;
    items = (local_items){0};
    return VARVE_OK;
}
