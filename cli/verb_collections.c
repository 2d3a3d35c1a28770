/* verb_collections.c — `varve collections`: what is in a folder or behind a URL. */
#include "place.h"
#include "server.h"

#include <stdio.h>

static const flag flags[] = {{"database", 'd', "NAME", "only this database (default: all)"},
                             PLACE_KEY_FLAG,
                             {NULL, 0, NULL, NULL}};

static void heading(void)
{
    printf("%-16s %-24s %12s %6s  %-8s %s\n", "database", "collection", "rows", "dim", "type",
           "index mode");
}

static void line(const char *database, const char *name, uint64_t rows, uint64_t dim,
                 const char *dtype, const char *index_mode)
{
    printf("%-16s %-24s %12llu %6llu  %-8s %s\n", database, name, (unsigned long long)rows,
           (unsigned long long)dim, dtype, index_mode);
}

/* ---- folder ---- */

static void names_freep(varve_names **names) { varve_names_free(*names); }
static void collection_freep(varve_collection **c) { varve_collection_release(*c); }

static varve_status show_collection(varve *db, const char *database, const char *name,
                                    varve_error *err)
{
    VV_CLEANUP(collection_freep) varve_collection *c = NULL;
    varve_collection_stats stats;
    VV_TRY(varve_collection_open(db, database, name, &c, err));
    VV_TRY(varve_collection_get_stats(c, &stats, err));
    line(database, name, stats.rows_live, stats.dim, varve_dtype_name(stats.dtype),
         stats.index_mode[0] ? stats.index_mode : "-");
    return VARVE_OK;
}

static varve_status show_database(varve *db, const char *database, varve_error *err)
{
    VV_CLEANUP(names_freep) varve_names *names = NULL;
    VV_TRY(varve_collection_list(db, database, &names, err));
    for (size_t i = 0; i < varve_names_count(names); i++)
        VV_TRY(show_collection(db, database, varve_names_get(names, i), err));
    return VARVE_OK;
}

static varve_status show_folder(const place *at, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(names_freep) varve_names *databases = NULL;
    VV_TRY(folder_open(at, FOLDER_READ, &folder, err));
    heading();
    if (at->database) return show_database(folder.db, at->database, err);
    VV_TRY(varve_database_list(folder.db, &databases, err));
    for (size_t i = 0; i < varve_names_count(databases); i++)
        VV_TRY(show_database(folder.db, varve_names_get(databases, i), err));
    return VARVE_OK;
}

/* ---- server ---- */

static varve_status show_remote(http_client *http, const char *database, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    const char *name;
    json_t *value;
    place at = {.database = database};
    VV_TRY(http_call(http, "/show_collections_details", server_body(&at), &params, err));
    json_object_foreach(json_object_get(params, "collections"), name, value)
    {
        const json_t *rows = json_array_get(json_object_get(value, "shape"), 0);
        const char *dtype = json_string_value(json_object_get(value, "dtypes"));
        const char *mode = json_string_value(json_object_get(value, "index_mode"));
        line(database, name, (uint64_t)json_integer_value(rows),
             (uint64_t)json_integer_value(json_object_get(value, "dim")), dtype ? dtype : "-",
             mode ? mode : "-");
    }
    return VARVE_OK;
}

static varve_status show_url(const place *at, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(http_open(at->where, at->api_key, &http, err));
    if (at->database) {
        heading();
        return show_remote(http, at->database, err);
    }
    VV_TRY(http_call(http, "/list_databases", NULL, &params, err));
    heading();
    const json_t *databases = json_object_get(params, "databases");
    for (size_t i = 0; i < json_array_size(databases); i++) {
        const char *name = json_string_value(json_array_get(databases, i));
        if (name) VV_TRY(show_remote(http, name, err));
    }
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    place at = {0};
    varve_error err = {0};
    int code = place_read(self, argc, argv, &at);
    if (code != VERB_OK) return code;
    code = place_check(self, &at, false);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code != VERB_OK) return code;
    varve_status status = place_is_url(&at) ? show_url(&at, &err) : show_folder(&at, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_collections = {
    "collections", "List databases and collections", "FOLDER|URL", NULL, flags, run};
