/* verb_checkpoint.c — `varve checkpoint`: seal rows in memory and trim the log, so that the next
 * open replays next to nothing. */
#include "place.h"
#include "server.h"

static const flag flags[] = {PLACE_FLAGS, {NULL, 0, NULL, NULL}};

static varve_status checkpoint_folder(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    if (!at->collection) {
        VV_TRY(folder_open(at, FOLDER_WRITE, &folder, err));
        VV_TRY(varve_checkpoint(folder.db, err));
    } else {
        VV_TRY(folder_open_collection(at, FOLDER_WRITE, &folder, err));
        VV_TRY(varve_collection_checkpoint(folder.collection, err));
    }
    return folder_close(&folder, err);
}

static varve_status checkpoint_url(const place *at, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    return http_call(http, "/checkpoint", server_body(at), &params, err);
}

static int run(const verb *self, int argc, char **argv)
{
    place at = PLACE_START;
    varve_error err = {0};
    int code = place_read(self, argc, argv, &at);
    if (code != VERB_OK) return code;
    code = place_check(self, &at, at.where && place_is_url(&at));
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    varve_status status =
        place_is_url(&at) ? checkpoint_url(&at, &err) : checkpoint_folder(&at, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_checkpoint = {"checkpoint",
                              "Seal rows in memory and trim the log",
                              "FOLDER|URL [--collection C]",
                              "Without a collection, all of a folder; a URL needs one.",
                              flags,
                              run};
