/* verb_delete.c — `varve delete` and `varve restore`: rows by id, softly and back; delete also by a
 * filter. */
#include "filter_flags.h"
#include "place.h"
#include "server.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

static const flag flags[] = {PLACE_FLAGS, {NULL, 0, NULL, NULL}};
static const flag delete_flags[] = {PLACE_FLAGS, FILTER_FLAGS, {NULL, 0, NULL, NULL}};

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
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(at);
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(server_add_ids(body, "ids", ids, count, err));
    return http_call(http, path, json_incref(body), &params, err);
}

/* ---- by filter ---- */

static varve_status delete_matching(const place *at, const filter_flags *f, uint64_t *ret,
                                    varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(filter_flags_freep) varve_filter *filter = NULL;
    varve_receipt receipt = {0};
    VV_TRY(filter_flags_make(f, &filter, err));
    VV_TRY(folder_open_collection(at, FOLDER_WRITE, &folder, err));
    VV_TRY(varve_delete_matching(folder.collection, filter, NULL, &receipt, err));
    *ret = receipt.rows_changed;
    return folder_close(&folder, err);
}

static varve_status delete_matching_url(const place *at, const filter_flags *f, uint64_t *ret,
                                        varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(at);
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(filter_flags_to_body(f, body, err));
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(http_call(http, "/delete", json_incref(body), &params, err));
    *ret = (uint64_t)json_integer_value(json_object_get(params, "rows_deleted"));
    return VARVE_OK;
}

static int run_filter(const verb *self, const place *at, const filter_flags *f)
{
    varve_error err = {0};
    uint64_t rows = 0;
    varve_status status = place_is_url(at) ? delete_matching_url(at, f, &rows, &err)
                                           : delete_matching(at, f, &rows, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    printf("%llu rows changed\n", (unsigned long long)rows);
    return VERB_OK;
}

/* ---- command line ---- */

static int run_ids(const verb *self, const place *at, char **texts, size_t count, id_change *change,
                   const char *path)
{
    varve_error err = {0};
    VV_CLEANUP(vv_freep) varve_id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; ids && i < count; i++)
        if (!text_to_id(texts[i], &ids[i])) return verb_usage(self, "'%s' is no id", texts[i]);
    varve_status status = !ids               ? vv_fail(&err, VARVE_NO_MEMORY, "no memory for ids")
                          : place_is_url(at) ? change_url(at, path, ids, count, &err)
                                             : change_folder(at, change, ids, count, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

static int run(const verb *self, int argc, char **argv, id_change *change, const char *path)
{
    VV_CLEANUP(filter_flags_done) filter_flags filter = {0};
    place at = PLACE_START;
    int code = filter_flags_read(&filter, self, argc, argv, &at);
    if (code != VERB_OK) return code;
    int first = flags_rest() + 1;
    if (filter_flags_given(&filter) && argc > first)
        return verb_usage(self, "name an ID or give a filter, not both");
    if (filter_flags_given(&filter)) return run_filter(self, &at, &filter);
    if (argc <= first) return verb_usage(self, "name an ID");
    return run_ids(self, &at, argv + first, (size_t)(argc - first), change, path);
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
    "Delete rows by id or filter",
    "FOLDER|URL --collection C ID...|--where TEXT",
    "Deleted rows can be restored until compaction purges them. Ids that do not exist are passed "
    "over.",
    delete_flags,
    run_delete};
const verb verb_restore = {"restore",
                           "Bring deleted rows back",
                           "FOLDER|URL --collection C ID...",
                           "Ids that are not deleted are passed over. With --repo: see 'varve "
                           "help backup restore'.",
                           flags,
                           run_restore};
