/* verb_index.c — `varve index`: choose an index mode and build its indexes. */
#include "index_params.h"
#include "place.h"
#include "server.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>

static const flag flags[] = {
    PLACE_FLAGS,
    {"index-mode", FLAG_INDEX_MODE, "MODE", "such as HNSW-L2 or IVF-IP-SQ8; none: no index"},
    {"param", FLAG_PARAM, "K=V", "a parameter of the mode, such as m=24; may come several times"},
    {"no-wait", FLAG_NO_WAIT, NULL, "only choose; a running compactor builds"},
    {"compactor-path", FLAG_COMPACTOR, "FILE", "the program varve-compactor (folder only)"},
    {"json", FLAG_JSON, NULL, "a JSON object instead of a line"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    place at;
    const char *index_mode; /* NULL: none */
    varve_index_params params;
    bool mode_given, params_given, no_wait, json;
} order;

typedef struct result {
    uint64_t rows, rows_indexed, index_bytes;
    double seconds;
} result;

static int take_flag(const verb *self, order *o, int key, const char *value)
{
    varve_error err = {0};
    switch (key) {
    case FLAG_INDEX_MODE:
        o->mode_given = true;
        o->index_mode = strcmp(value, "none") == 0 ? NULL : value;
        return VERB_OK;
    case FLAG_PARAM:
        o->params_given = true;
        if (index_params_take(value, &o->params, &err) == VARVE_OK) return VERB_OK;
        return verb_usage(self, "--param: %s", err.message);
    case FLAG_NO_WAIT: o->no_wait = true; return VERB_OK;
    case FLAG_COMPACTOR: o->at.compactor_path = value; return VERB_OK;
    case FLAG_JSON: o->json = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&o->at, key, value)) continue;
        int code = take_flag(self, o, key, value);
        if (code != VERB_OK) return code;
    }
    o->at.where = argv[flags_rest()];
    int code = place_check(self, &o->at, true);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code == VERB_OK && !o->mode_given) return verb_usage(self, "name an --index-mode");
    if (code == VERB_OK && o->params_given && !o->index_mode)
        return verb_usage(self, "--param needs an --index-mode other than none");
    if (code == VERB_OK && o->at.compactor_path && place_is_url(&o->at))
        return verb_usage(self, "--compactor-path works on a folder only");
    return code;
}

/* ---- folder ---- */

typedef struct folder_work {
    const order *order;
    varve_collection *collection;
} folder_work;

static varve_status build_in_folder(void *context, varve_error *err)
{
    const folder_work *w = context;
    const order *o = w->order;
    if (!o->index_mode) return varve_index_mode_set(w->collection, NULL, err);
    return varve_index_build(w->collection, o->index_mode, &o->params, o->no_wait, err);
}

static varve_status index_folder(const order *o, result *ret, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    varve_collection_stats stats;
    VV_TRY(folder_open_collection(&o->at, FOLDER_WRITE, &folder, err));
    folder_work work = {o, folder.collection};
    VV_TRY(watch_run(build_in_folder, &work, watch_folder, folder.db, &ret->seconds, err));
    VV_TRY(varve_collection_get_stats(folder.collection, &stats, err));
    ret->rows = stats.rows_live;
    ret->rows_indexed = stats.rows_indexed;
    ret->index_bytes = stats.index_bytes;
    return folder_close(&folder, err);
}

/* ---- server ---- */

typedef struct server_work {
    const order *order;
    http_client *http;
} server_work;

static varve_status build_on_server(void *context, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    const server_work *w = context;
    const order *o = w->order;
    json_t *body = server_body(&o->at), *build_params = index_params_to_json(&o->params);
    if (!o->index_mode) return http_call(w->http, "/remove_index", body, &params, err);
    json_object_set_new(body, "index_mode", json_string(o->index_mode));
    json_object_set_new(body, "wait", json_boolean(!o->no_wait));
    if (build_params) json_object_set_new(body, "params", build_params);
    return http_call_long(w->http, "/build_index", body, &params, err);
}

static uint64_t figure(const json_t *stats, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(stats, key));
    return value > 0 ? (uint64_t)value : 0;
}

static varve_status index_url(const order *o, result *ret, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL, *other = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    VV_TRY(http_open(o->at.where, o->at.api_key, &other, err));
    server_work work = {o, http};
    VV_TRY(watch_run(build_on_server, &work, watch_server, other, &ret->seconds, err));
    VV_TRY(server_stats(other, &o->at, &params, err));
    const json_t *stats = json_object_get(params, "stats");
    ret->rows = figure(stats, "n_live");
    ret->rows_indexed = figure(stats, "rows_indexed");
    ret->index_bytes = figure(stats, "index_bytes");
    return VARVE_OK;
}

static void print(const order *o, const result *r)
{
    if (o->json)
        printf("{\"index_mode\":%s%s%s,\"rows\":%llu,\"rows_indexed\":%llu,\"index_bytes\":%llu,"
               "\"seconds\":%.3f}\n",
               o->index_mode ? "\"" : "", o->index_mode ? o->index_mode : "null",
               o->index_mode ? "\"" : "", (unsigned long long)r->rows,
               (unsigned long long)r->rows_indexed, (unsigned long long)r->index_bytes, r->seconds);
    else if (!o->index_mode)
        printf("no index mode\n");
    else
        printf("%s: %llu of %llu rows indexed, %llu bytes of indexes, in %.1f s\n", o->index_mode,
               (unsigned long long)r->rows_indexed, (unsigned long long)r->rows,
               (unsigned long long)r->index_bytes, r->seconds);
}

static int run(const verb *self, int argc, char **argv)
{
    order o = {.at = PLACE_START};
    result r = {0};
    varve_error err = {0};
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    varve_status status =
        place_is_url(&o.at) ? index_url(&o, &r, &err) : index_folder(&o, &r, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    print(&o, &r);
    return VERB_OK;
}

const verb verb_index = {"index",
                         "Choose an index mode and build its indexes",
                         "FOLDER|URL --collection C --index-mode MODE [--param K=V]...",
                         "Searches go on meanwhile, and are exact where the index is not there "
                         "yet. Rows that come later\n"
                         "are indexed by the compactor of the server, or by 'varve compact'.",
                         flags,
                         run};
