/* verb_count.c — `varve count`: how many live rows match a filter. */
#include "filter_flags.h"
#include "place.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

static const flag flags[] = {PLACE_FLAGS, FILTER_FLAGS, {NULL, 0, NULL, NULL}};

static varve_status count_folder(const place *at, const filter_flags *f, uint64_t *ret,
                                 varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(filter_flags_freep) varve_filter *filter = NULL;
    VV_TRY(filter_flags_make(f, &filter, err));
    VV_TRY(folder_open_collection(at, FOLDER_READ, &folder, err));
    if (!filter) return varve_count(folder.collection, ret, err);
    return varve_count_matching(folder.collection, filter, ret, err);
}

static varve_status count_url(const place *at, const filter_flags *f, uint64_t *ret,
                              varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(at);
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(filter_flags_to_body(f, body, err));
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(http_call(http, "/count", json_incref(body), &params, err));
    *ret = (uint64_t)json_integer_value(json_object_get(params, "count"));
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    VV_CLEANUP(filter_flags_done) filter_flags filter = {0};
    place at = PLACE_START;
    varve_error err = {0};
    uint64_t count = 0;
    int code = filter_flags_read(&filter, self, argc, argv, &at);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&at) ? count_url(&at, &filter, &count, &err)
                                            : count_folder(&at, &filter, &count, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    printf("%" PRIu64 "\n", count);
    return VERB_OK;
}

const verb verb_count = {"count",
                         "Count the live rows that match",
                         "FOLDER|URL --collection C [--where TEXT]",
                         "Without a filter it counts all live rows.",
                         flags,
                         run};
