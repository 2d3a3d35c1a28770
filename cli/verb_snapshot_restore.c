/* verb_snapshot_restore.c — `varve snapshot restore`: collections of a snapshot back into a folder
 * or server, or all of it as a new folder. */
#include "server.h"
#include "snapshots_order.h"

#include <stdio.h>

static const flag flags[] = {
    SNAPSHOTS_FLAGS,
    {"database", 'd', "NAME", "only this database of the snapshot"},
    {"collection", 'c', "NAME", "only this collection of the snapshot"},
    {"as", FLAG_AS, "NAME", "under this name (of a collection)"},
    {"to-database", FLAG_TO_DATABASE, "NAME", "into this database"},
    {"to", FLAG_TO, "NEWFOLDER", "everything, as a data folder of its own"},
    {"overwrite", FLAG_OVERWRITE, NULL, "replace what has these names (default: refuse)"},
    {"unverified", FLAG_UNVERIFIED, NULL, "leave out reading every checksum first"},
    PLACE_KEY_FLAG,
    {NULL, 0, NULL, NULL}};

/* ---- folder ---- */

static varve_status restore_folder(const snapshots_order *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    char path[SNAPSHOTS_PATH_MAX];
    snapshot_info about, done;
    VV_TRY(snapshots_path(o, path, err));
    VV_TRY(snapshot_inspect(path, &about, err));
    snapshot_restore_request request = {.path = path,
                                        .from = {o->at.database, o->at.collection},
                                        .to = {o->to_database, o->as},
                                        .overwrite = o->overwrite,
                                        .unverified = o->unverified};
    bool of_database = o->at.database || about.kind == SNAPSHOT_DATABASE;
    request.whole = of_database && about.kind != SNAPSHOT_COLLECTION && !o->at.collection;
    varve_status status = folder_open(&o->at, FOLDER_WRITE, &folder, err);
    if (status != VARVE_OK) return snapshots_owned(status, "snapshot restore", err);
    VV_TRY(snapshot_restore(folder.db, &request, &done, err));
    VV_TRY(folder_close(&folder, err));
    printf("%llu collections, %llu rows restored\n", (unsigned long long)done.collections,
           (unsigned long long)done.rows);
    return VARVE_OK;
}

static varve_status restore_new_folder(const snapshots_order *o, varve_error *err)
{
    char path[SNAPSHOTS_PATH_MAX];
    VV_TRY(snapshots_path(o, path, err));
    if (!o->unverified) VV_TRY(snapshot_verify(path, err));
    return snapshot_restore_folder(path, o->to_folder, err);
}

/* ---- server ---- */

/* A server restores what the snapshot is of, under the names that are given. */
static varve_status restore_url(const snapshots_order *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    const place to = {.database = o->to_database ? o->to_database : o->at.database,
                      .collection = o->as ? o->as : o->at.collection};
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    json_t *body = server_body(&to);
    json_object_set_new(body, "snapshot_path", json_string(o->name));
    json_object_set_new(body, "overwrite", json_boolean(o->overwrite));
    const char *route = to.collection ? "/restore_collection" : "/restore_database";
    return http_call_long(http, route, body, &params, err);
}

/* ---- command line ---- */

static int check(const verb *self, snapshots_order *o)
{
    bool url = place_is_url(&o->at);
    if (url && (o->to_folder || o->root || o->unverified))
        return verb_usage(self, "--to, --root and --unverified are for a folder");
    if (o->to_folder && (o->at.database || o->at.collection || o->as || o->to_database))
        return verb_usage(self, "--to restores everything: no names go with it");
    bool one = o->at.collection || (url && o->as);
    if (one && !o->at.database) o->at.database = "default";
    if (url && !o->at.database && !o->to_database)
        return verb_usage(self, "of a URL, name a --database or a --collection");
    return VERB_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    snapshots_order o = {0};
    varve_error err = {0};
    int code = snapshots_read(self, argc, argv, &o, true);
    if (code == VERB_OK) code = check(self, &o);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&o.at) ? restore_url(&o, &err)
                          : o.to_folder       ? restore_new_folder(&o, &err)
                                              : restore_folder(&o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_snapshot_restore = {
    "snapshot restore",
    "Collections of a snapshot back into their folder, or all of it as a new one",
    "FOLDER|URL NAME [--database D] [--collection C]",
    "All or nothing: every checksum is read first, and collections appear in one commit. With\n"
    "--overwrite, what is replaced is there until then; a database is afterwards as the snapshot\n"
    "has it, without collections that came later. While a server owns the folder, give its URL.",
    flags,
    run};
