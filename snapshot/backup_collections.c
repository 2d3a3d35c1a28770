/* backup_collections.c — see backup_collections.h. */
#include "backup_collections.h"

#include <stdlib.h>
#include <string.h>

static void names_freep(varve_names **names) { varve_names_free(*names); }
static void abandonp(varve **db)
{
    if (*db) varve_abandon(*db);
}
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

void backup_collections_done(backup_collections *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free((char *)c->items[i].database);
        free((char *)c->items[i].name);
    }
    free(c->items);
    *c = (backup_collections){0};
}

static varve_status make_room(backup_collections *c, varve_error *err)
{
    if (c->count < c->room) return VARVE_OK;
    size_t room = c->room ? c->room * 2 : 16;
    manifest_collection *items = realloc(c->items, room * sizeof *items);
    if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the names of collections");
    c->items = items;
    c->room = room;
    return VARVE_OK;
}

static varve_status add(backup_collections *c, const varve_collection_stats *s, varve_error *err)
{
    VV_TRY(make_room(c, err));
    manifest_collection *m = &c->items[c->count];
    *m = (manifest_collection){.id = s->id,
                               .database = strdup(s->database),
                               .name = strdup(s->name),
                               .rows = s->rows_live,
                               .deleted = s->rows_deleted};
    c->count++;
    if (m->database && m->name) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for the name of a collection");
}

static varve_status read_database(varve *db, const char *database, backup_collections *c,
                                  varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *names = NULL;
    VV_TRY(varve_collection_list(db, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++) {
        VV_CLEANUP(collection_freep) varve_collection *handle = NULL;
        varve_collection_stats stats;
        VV_TRY(varve_collection_open(db, database, varve_names_get(names, i), &handle, err));
        VV_TRY(varve_collection_get_stats(handle, &stats, err));
        VV_TRY(add(c, &stats, err));
    }
    return VARVE_OK;
}

varve_status backup_collections_read(const char *folder, backup_collections *ret, varve_error *err)
{
    VV_CLEANUP(abandonp) varve *db = NULL;
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    VV_CLEANUP(backup_collections_done) backup_collections all = {0};
    varve_options options;
    varve_options_init(&options);
    options.read_only = options.must_exist = true;
    VV_TRY(varve_open(folder, &options, &db, err));
    VV_TRY(varve_database_list(db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++)
        VV_TRY(read_database(db, varve_names_get(databases, i), &all, err));
    *ret = all;
    all = (backup_collections){0};
    return VARVE_OK;
}
