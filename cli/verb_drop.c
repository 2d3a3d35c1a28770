/* verb_drop.c — `varve drop`: a collection goes, with all its rows. */
#include "place.h"
#include "server.h"

static const flag flags[] = {PLACE_FLAGS, {NULL, 0, NULL, NULL}};

static varve_status drop_from_folder(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_TRY(folder_open(at, FOLDER_WRITE, &folder, err));
    VV_TRY(varve_collection_drop(folder.db, at->database, at->collection, err));
    return folder_close(&folder, err);
}

static varve_status drop_at_url(const place *at, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    bool exists;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(server_exists(http, at, &exists, err));
    if (!exists)
        return vv_fail(err, VARVE_NOT_FOUND, "there is no collection '%s'", at->collection);
    return server_drop(http, at, err);
}

static int run(const verb *self, int argc, char **argv)
{
    place at = PLACE_START;
    varve_error err = {0};
    int code = place_read(self, argc, argv, &at);
    if (code != VERB_OK) return code;
    code = place_check(self, &at, true);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&at) ? drop_at_url(&at, &err) : drop_from_folder(&at, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_drop = {
    "drop", "Remove a collection with all its rows", "FOLDER|URL --collection C", NULL, flags, run};
