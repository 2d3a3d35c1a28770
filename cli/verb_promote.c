/* verb_promote.c — `varve promote`: make a replica the writer. */
#include "place.h"
#include "server.h"

#include <stdio.h>

enum { FLAG_FORCE = 'f' };

static const flag flags[] = {
    PLACE_KEY_FLAG,
    {"force", FLAG_FORCE, NULL, "although another writer's lease has not ended; see below"},
    {NULL, 0, NULL, NULL}};

static varve_status promote(const place *at, bool force, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(
        http_call_long(http, "/admin/promote", json_pack("{s:b}", "force", force), &params, err));
    printf("promoted: timeline %lld, from sequence %lld on\n",
           (long long)json_integer_value(json_object_get(params, "timeline")),
           (long long)json_integer_value(json_object_get(params, "lsn")));
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    flag_reader flags_of_line;
    const char *value;
    varve_error err = {0};
    place at = {0};
    bool force = false;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_FORCE) force = true;
    }
    at.where = argv[flags_rest()];
    int code = place_check(self, &at, false);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    if (!place_is_url(&at)) return verb_usage(self, "a replica is a server: name its URL");
    return promote(&at, force, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_promote = {
    "promote",
    "Make a replica the writer",
    "URL",
    "What the old writer has shipped is applied first. As long as the lease of the old writer has\n"
    "not ended, he may still write, and a promotion is refused with the time to wait until. Force\n"
    "it when he is surely gone: what he ships later is not part of the database any more.",
    flags,
    run};
