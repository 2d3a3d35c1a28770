/* verb_compact.c — `varve compact`: purge deleted rows, merge segments, build missing indexes. */
#include "place.h"
#include "server.h"
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const flag flags[] = {
    PLACE_FLAGS,
    {"keep-deleted", FLAG_KEEP_DELETED, NULL, "merge and index, but leave deleted rows restorable"},
    {"compactor-path", FLAG_COMPACTOR, "FILE", "the program varve-compactor (folder only)"},
    {"json", FLAG_JSON, NULL, "a JSON object per collection"},
    {NULL, 0, NULL, NULL}};

typedef struct order {
    place at;
    bool keep_deleted, json;
} order;

/* One line of the answer. */
typedef struct line {
    char database[132], collection[132];
    varve_compact_report report;
} line;

typedef struct result {
    line *lines;
    size_t count, capacity;
} result;

static void result_done(result *r) { free(r->lines); }

static varve_status add_line(result *r, const char *database, const char *collection,
                             const varve_compact_report *report, varve_error *err)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        line *more = reallocarray(r->lines, capacity, sizeof *more);
        if (!more) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a report");
        r->lines = more;
        r->capacity = capacity;
    }
    line *to = &r->lines[r->count++];
    snprintf(to->database, sizeof to->database, "%s", database);
    snprintf(to->collection, sizeof to->collection, "%s", collection);
    to->report = *report;
    return VARVE_OK;
}

/* ---- command line ---- */

static int read_line(const verb *self, int argc, char **argv, order *o)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&o->at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_KEEP_DELETED) o->keep_deleted = true;
        if (key == FLAG_COMPACTOR) o->at.compactor_path = value;
        if (key == FLAG_JSON) o->json = true;
    }
    o->at.where = argv[flags_rest()];
    int code = place_check(self, &o->at, false);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code == VERB_OK && o->at.compactor_path && place_is_url(&o->at))
        return verb_usage(self, "--compactor-path works on a folder only");
    if (o->at.collection && !o->at.database) o->at.database = "default";
    return code;
}

/* ---- folder ---- */

typedef struct folder_work {
    const order *order;
    varve *db;
    result *result;
} folder_work;

static void names_freep(varve_names **names) { varve_names_free(*names); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static varve_status compact_collection(const folder_work *w, const char *database, const char *name,
                                       varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    const varve_compact_options options = {.keep_deleted = w->order->keep_deleted};
    varve_compact_report report = {0};
    VV_TRY(varve_collection_open(w->db, database, name, &c, err));
    varve_status status = varve_compact(c, &options, &report, err);
    if (status == VARVE_OK) return add_line(w->result, database, name, &report, err);
    vv_error_prefix(err, "collection %s/%s", database, name);
    return status;
}

static varve_status compact_database(const folder_work *w, const char *database, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *names = NULL;
    VV_TRY(varve_collection_list(w->db, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        VV_TRY(compact_collection(w, database, varve_names_get(names, i), err));
    return VARVE_OK;
}

static varve_status compact_in_folder(void *context, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    const folder_work *w = context;
    const place *at = &w->order->at;
    if (at->collection) return compact_collection(w, at->database, at->collection, err);
    if (at->database) return compact_database(w, at->database, err);
    VV_TRY(varve_database_list(w->db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++)
        VV_TRY(compact_database(w, varve_names_get(databases, i), err));
    return VARVE_OK;
}

static varve_status compact_folder(const order *o, result *ret, double *ret_seconds,
                                   varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_TRY(folder_open(&o->at, FOLDER_WRITE, &folder, err));
    folder_work work = {o, folder.db, ret};
    VV_TRY(watch_run(compact_in_folder, &work, watch_folder, folder.db, ret_seconds, err));
    return folder_close(&folder, err);
}

/* ---- server ---- */

typedef struct server_work {
    const order *order;
    http_client *http;
    result *result;
} server_work;

static varve_status take_line(result *r, const json_t *from, varve_error *err)
{
    varve_compact_report report = {0};
    const struct {
        const char *key;
        uint64_t *value;
    } figures[] = {
        {"rows_removed", &report.rows_removed},
        {"versions_removed", &report.versions_removed},
        {"segments_before", &report.segments_before},
        {"segments_after", &report.segments_after},
        {"bytes_before", &report.bytes_before},
        {"bytes_after", &report.bytes_after},
        {"jobs", &report.jobs},
        {"elapsed_ms", &report.elapsed_ms},
    };
    const char *database = json_string_value(json_object_get(from, "database_name"));
    const char *collection = json_string_value(json_object_get(from, "collection_name"));
    if (!database || !collection)
        return vv_fail(err, VARVE_INTERNAL, "the server sent a report that is none");
    for (size_t i = 0; i < VV_COUNT(figures); i++) {
        json_int_t value = json_integer_value(json_object_get(from, figures[i].key));
        *figures[i].value = value > 0 ? (uint64_t)value : 0;
    }
    return add_line(r, database, collection, &report, err);
}

static varve_status compact_on_server(void *context, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    const server_work *w = context;
    const place *at = &w->order->at;
    json_t *body = json_object();
    if (at->database) json_object_set_new(body, "database_name", json_string(at->database));
    if (at->collection) json_object_set_new(body, "collection_name", json_string(at->collection));
    json_object_set_new(body, "keep_deleted", json_boolean(w->order->keep_deleted));
    VV_TRY(http_call_long(w->http, "/compaction/run", body, &params, err));
    const json_t *collections = json_object_get(params, "collections");
    for (size_t i = 0; i < json_array_size(collections); i++)
        VV_TRY(take_line(w->result, json_array_get(collections, i), err));
    return VARVE_OK;
}

static varve_status compact_url(const order *o, result *ret, double *ret_seconds, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_closep) http_client *other = NULL;
    VV_TRY(http_open(o->at.where, o->at.api_key, &http, err));
    VV_TRY(http_open(o->at.where, o->at.api_key, &other, err));
    server_work work = {o, http, ret};
    return watch_run(compact_on_server, &work, watch_server, other, ret_seconds, err);
}

/* ---- answer ---- */

static void print_json(const line *l)
{
    const varve_compact_report *r = &l->report;
    printf("{\"database_name\":\"%s\",\"collection_name\":\"%s\",\"rows_removed\":%llu,"
           "\"versions_removed\":%llu,\"segments_before\":%llu,\"segments_after\":%llu,"
           "\"bytes_before\":%llu,\"bytes_after\":%llu,\"jobs\":%llu,\"elapsed_ms\":%llu}\n",
           l->database, l->collection, (unsigned long long)r->rows_removed,
           (unsigned long long)r->versions_removed, (unsigned long long)r->segments_before,
           (unsigned long long)r->segments_after, (unsigned long long)r->bytes_before,
           (unsigned long long)r->bytes_after, (unsigned long long)r->jobs,
           (unsigned long long)r->elapsed_ms);
}

static void print_row(const line *l)
{
    const varve_compact_report *r = &l->report;
    printf("%-16s %-24s %12llu %6llu -> %-6llu %14llu -> %-14llu %9.1f\n", l->database,
           l->collection, (unsigned long long)r->rows_removed,
           (unsigned long long)r->segments_before, (unsigned long long)r->segments_after,
           (unsigned long long)r->bytes_before, (unsigned long long)r->bytes_after,
           (double)r->elapsed_ms / 1000);
}

static void print(const order *o, const result *r, double seconds)
{
    uint64_t rows = 0;
    if (!o->json)
        printf("%-16s %-24s %12s %16s %32s %9s\n", "database", "collection", "rows removed",
               "segments", "bytes", "seconds");
    for (size_t i = 0; i < r->count; i++) {
        if (o->json)
            print_json(&r->lines[i]);
        else
            print_row(&r->lines[i]);
        rows += r->lines[i].report.rows_removed;
    }
    if (!o->json)
        printf("%llu rows removed from %zu collections in %.1f s\n", (unsigned long long)rows,
               r->count, seconds);
}

static int run(const verb *self, int argc, char **argv)
{
    VV_CLEANUP(result_done) result r = {0};
    order o = {0};
    varve_error err = {0};
    double seconds = 0;
    int code = read_line(self, argc, argv, &o);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&o.at) ? compact_url(&o, &r, &seconds, &err)
                                              : compact_folder(&o, &r, &seconds, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    print(&o, &r, seconds);
    return VERB_OK;
}

const verb verb_compact = {
    "compact",
    "Purge deleted rows, merge segments, build missing indexes",
    "FOLDER|URL [--database D] [--collection C]",
    "Without a collection all of the database, without a database all there are. Rows that were\n"
    "deleted can no longer be restored. A folder must not be in use; a server goes on serving.",
    flags,
    run};
