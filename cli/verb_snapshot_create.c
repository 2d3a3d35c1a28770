/* verb_snapshot_create.c — `varve snapshot create`: everything, a database or a collection as it is
 * now, by hard links beside the data. */
#include "server.h"
#include "snapshots_order.h"

static const flag flags[] = {SNAPSHOTS_FLAGS,
                             {"database", 'd', "NAME", "only this database"},
                             {"collection", 'c', "NAME", "only this collection"},
                             PLACE_KEY_FLAG,
                             {NULL, 0, NULL, NULL}};

static varve_status create_folder(const snapshots_order *o, snapshot_info *ret, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    char path[SNAPSHOTS_PATH_MAX];
    snapshot_scope scope = {o->at.database, o->at.collection};
    VV_TRY(snapshots_path(o, path, err));
    varve_status status = folder_open(&o->at, FOLDER_WRITE, &folder, err);
    if (status != VARVE_OK) return snapshots_owned(status, "snapshot create", err);
    VV_TRY(snapshot_create(folder.db, scope, path, ret, err));
    return folder_close(&folder, err);
}

static varve_status create_url(const snapshots_order *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    json_t *body = server_body(&o->at);
    json_object_set_new(body, "snapshot_path", json_string(o->name));
    const char *route = o->at.collection ? "/snapshot_collection" : "/snapshot_database";
    return http_call_long(http, route, body, &params, err);
}

static int run(const verb *self, int argc, char **argv)
{
    snapshots_order o = {0};
    snapshot_info info;
    varve_error err = {0};
    int code = snapshots_read(self, argc, argv, &o, true);
    if (code != VERB_OK) return code;
    if (o.at.collection && !o.at.database) o.at.database = "default";
    if (!place_is_url(&o.at)) {
        if (create_folder(&o, &info, &err) != VARVE_OK) return verb_fail(self, &err);
        snapshots_show(&info, o.json);
        return VERB_OK;
    }
    if (!o.at.database) return verb_usage(self, "of a URL, name a --database or a --collection");
    return create_url(&o, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_snapshot_create = {"snapshot create",
                                   "Everything, a database or a collection as it is now",
                                   "FOLDER|URL NAME [--database D] [--collection C]",
                                   "Files are linked, not copied: it takes next to no time and "
                                   "space, and nobody waits. It lies in\n"
                                   "FOLDER/snapshots/NAME, is a data folder itself, and stays "
                                   "until it is deleted. While a server\n"
                                   "owns the folder, give its URL; NAME is then below the server's "
                                   "snapshot_dir, and a database or\n"
                                   "collection has to be named.",
                                   flags,
                                   run};
