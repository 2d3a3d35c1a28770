/* verb_delete.c — `varve delete` and `varve restore`: rows by id, softly and back. */
#include "place.h"
#include "remote.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

static const flag flags[] = {PLACE_FLAGS, {NULL, 0, NULL, NULL}};

typedef varve_status id_change(varve_collection *collection, const varve_id *ids, size_t count,
                               const varve_write_options *options, varve_receipt *ret_receipt,
                               varve_error *err);

static varve_status change_folder(const place *at, id_change *change, const varve_id *ids,
                                  size_t count, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    varve_receipt receipt;
    VV_TRY(folder_open_collection(at, FOLDER_WRITE, &folder, err));
    VV_TRY(change(folder.collection, ids, count, NULL, &receipt, err));
    VV_TRY(folder_close(&folder, err));
    printf("%llu rows changed\n", (unsigned long long)receipt.rows_changed);
    return VARVE_OK;
}

static varve_status change_url(const place *at, const char *path, const varve_id *ids, size_t count,
                               varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *body = remote_body(at);
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(remote_add_ids(body, "ids", ids, count, err));
    return http_call(http, path, json_incref(body), &params, err);
}

static int run(const verb *self, int argc, char **argv, id_change *change, const char *path)
{
    place at = PLACE_START;
    varve_error err = {0};
    int code = place_read(self, argc, argv, &at);
    if (code != VERB_OK) return code;
    int first = flags_rest() + 1;
    code = place_check(self, &at, true);
    if (code != VERB_OK) return code;
    if (argc <= first) return verb_usage(self, "name an ID");
    size_t count = (size_t)(argc - first);
    VV_CLEANUP(vv_freep) varve_id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; ids && i < count; i++)
        if (!text_to_id(argv[first + (int)i], &ids[i]))
            return verb_usage(self, "'%s' is no id", argv[first + (int)i]);
    varve_status status = !ids                ? vv_fail(&err, VARVE_NO_MEMORY, "no memory for ids")
                          : place_is_url(&at) ? change_url(&at, path, ids, count, &err)
                                              : change_folder(&at, change, ids, count, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

static int run_delete(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, varve_delete, "/delete");
}

static int run_restore(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, varve_restore, "/restore");
}

const verb verb_delete = {
    "delete",
    "Delete rows by id",
    "FOLDER|URL --collection C ID...",
    "Deleted rows can be restored until compaction purges them. Ids that do not exist are passed "
    "over.",
    flags,
    run_delete};
const verb verb_restore = {"restore",
                           "Bring deleted rows back",
                           "FOLDER|URL --collection C ID...",
                           "Ids that are not deleted are passed over.",
                           flags,
                           run_restore};
