/* verb_stats.c — `varve stats`: figures of a folder, or of one collection of a folder or server. */
#include "index_params.h"
#include "place.h"
#include "server.h"

#include <stdio.h>

static const flag flags[] = {PLACE_FLAGS, {NULL, 0, NULL, NULL}};

static void number(const char *name, uint64_t value)
{
    printf("%-20s %llu\n", name, (unsigned long long)value);
}

static void word(const char *name, const char *value) { printf("%-20s %s\n", name, value); }

static varve_status show_collection(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    varve_collection_stats s;
    varve_index_params params;
    char chosen[256];
    VV_TRY(folder_open_collection(at, FOLDER_READ, &folder, err));
    VV_TRY(varve_collection_get_stats(folder.collection, &s, err));
    word("database", s.database);
    word("collection", s.name);
    number("dim", s.dim);
    word("type", varve_dtype_name(s.dtype));
    word("metric", varve_metric_name(s.metric));
    word("index mode", s.index_mode[0] ? s.index_mode : "-");
    number("rows", s.rows_live);
    number("rows deleted", s.rows_deleted);
    number("rows in memory", s.rows_in_memory);
    number("memory bytes", s.memory_bytes);
    number("segments", s.segments);
    number("segment bytes", s.segment_bytes);
    number("index bytes", s.index_bytes);
    number("rows indexed", s.rows_indexed);
    number("rows hidden", s.rows_hidden);
    VV_TRY(varve_index_get_params(folder.collection, &params, err));
    index_params_print(&params, chosen, sizeof chosen);
    word("index parameters", chosen);
    return VARVE_OK;
}

static varve_status show_folder(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    varve_folder_stats s;
    VV_TRY(folder_open(at, FOLDER_READ, &folder, err));
    varve_compaction_stats c = {0};
    varve_stats(folder.db, &s);
    varve_compaction_get_stats(folder.db, &c);
    number("databases", s.databases);
    number("collections", s.collections);
    number("segments", s.segments);
    number("segment bytes", s.segment_bytes);
    number("index bytes", c.index_bytes);
    number("log bytes", s.log_bytes);
    number("row store bytes", s.row_store_bytes);
    number("disk bytes", s.disk_bytes);
    number("disk free bytes", s.disk_free_bytes);
    number("memory bytes", s.memory_bytes);
    number("sequence", s.sequence);
    number("floor", s.floor);
    return VARVE_OK;
}

static varve_status show_url(const place *at, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    const char *name;
    json_t *value;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    VV_TRY(server_stats(http, at, &params, err));
    json_object_foreach(json_object_get(params, "stats"), name, value)
    {
        if (json_is_string(value)) word(name, json_string_value(value));
        if (json_is_integer(value)) printf("%-20s %lld\n", name, json_integer_value(value));
    }
    return VARVE_OK;
}

static varve_status show(const place *at, varve_error *err)
{
    if (place_is_url(at)) return show_url(at, err);
    return at->collection ? show_collection(at, err) : show_folder(at, err);
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
    return show(&at, &err) == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_stats = {"stats",
                         "Show figures of a folder or of a collection",
                         "FOLDER|URL [--collection C]",
                         "A URL needs a collection; without one a folder shows its own figures.",
                         flags,
                         run};
