/* restore_open.c — is a folder what its manifest says? See restore.h. */
#include "restore.h"

#include "contents.h"

#include <stdlib.h>
#include <string.h>

static void close_dbp(varve **db)
{
    varve_status ignored = *db ? varve_close(*db, NULL) : VARVE_OK;
    (void)ignored;
}

static void release_collectionp(varve_collection **c) { varve_collection_release(*c); }
static void names_freep(varve_names **n) { varve_names_free(*n); }

static varve_status check_collection(varve *db, const manifest_collection *c, varve_error *err)
{
    VV_CLEANUP(release_collectionp) varve_collection *open = NULL;
    varve_collection_stats stats;
    varve_status status = varve_collection_open(db, c->database, c->name, &open, err);
    if (status == VARVE_NOT_FOUND)
        return vv_fail(err, VARVE_CORRUPT, "collection %s/%s is missing", c->database, c->name);
    VV_TRY(status);
    VV_TRY(varve_collection_get_stats(open, &stats, err));
    if (stats.id == c->id && stats.rows_live == c->rows && stats.rows_deleted == c->deleted)
        return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT,
                   "collection %s/%s has id %u, %llu rows and %llu deleted; the manifest says %u, "
                   "%llu and %llu",
                   c->database, c->name, stats.id, (unsigned long long)stats.rows_live,
                   (unsigned long long)stats.rows_deleted, c->id, (unsigned long long)c->rows,
                   (unsigned long long)c->deleted);
}

static varve_status count_collections(varve *db, size_t *ret, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    size_t count = 0;
    VV_TRY(varve_database_list(db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++) {
        VV_CLEANUP(names_freep) varve_names *names = NULL;
        VV_TRY(varve_collection_list(db, varve_names_get(databases, i), &names, err));
        count += varve_names_count(names);
    }
    *ret = count;
    return VARVE_OK;
}

static varve_status check_folder(varve *db, const manifest *m, varve_error *err)
{
    varve_folder_stats stats;
    size_t count = 0;
    varve_stats(db, &stats);
    if (stats.sequence != m->lsn)
        return vv_fail(err, VARVE_CORRUPT, "the folder is at sequence %llu; the manifest says %llu",
                       (unsigned long long)stats.sequence, (unsigned long long)m->lsn);
    VV_TRY(count_collections(db, &count, err));
    if (count != m->collection_count)
        return vv_fail(err, VARVE_CORRUPT, "the folder has %zu collections; the manifest says %zu",
                       count, m->collection_count);
    for (size_t i = 0; i < m->collection_count; i++)
        VV_TRY(check_collection(db, &m->collections[i], err));
    return VARVE_OK;
}

varve_status restore_open_check(const char *folder, const manifest *m, varve_error *err)
{
    VV_CLEANUP(close_dbp) varve *db = NULL;
    varve_options options;
    contents_reading(&options);
    VV_TRY(varve_open(folder, &options, &db, err));
    return check_folder(db, m, err);
}
