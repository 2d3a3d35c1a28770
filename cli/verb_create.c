/* verb_create.c — `varve create`: an empty collection. */
#include "place.h"
#include "server.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static const flag flags[] = {
    PLACE_FLAGS,
    {"dim", FLAG_DIM, "N", "dimensions (default: those of the first rows)"},
    {"dtype", FLAG_DTYPE, "TYPE", "float32, float16, uint8, int8 or binary (default: float32)"},
    {"index-mode", FLAG_INDEX_MODE, "MODE", "such as FLAT-L2 (default: none, inner product)"},
    {"description", FLAG_DESCRIPTION, "TEXT", "words for people"},
    {NULL, 0, NULL, NULL}};

typedef struct request {
    place at;
    varve_collection_spec spec;
} request;

static varve_status create_in_folder(const request *r, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_TRY(folder_open(&r->at, FOLDER_CREATE, &folder, err));
    if (!varve_database_exists(folder.db, r->at.database))
        VV_TRY(varve_database_create(folder.db, r->at.database, err));
    VV_TRY(varve_collection_create(folder.db, r->at.database, r->at.collection, &r->spec,
                                   &folder.collection, err));
    return folder_close(&folder, err);
}

static varve_status create_at_url(const request *r, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    bool exists;
    VV_TRY(http_open(r->at.where, r->at.api_key, &http, err));
    VV_TRY(server_exists(http, &r->at, &exists, err));
    if (exists)
        return vv_fail(err, VARVE_EXISTS, "collection '%s' exists already", r->at.collection);
    return server_create(http, &r->at, &r->spec, err);
}

static int read_create(const verb *self, int argc, char **argv, request *r)
{
    flag_reader flags_of_line;
    const char *value;
    uint64_t dim;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&r->at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_INDEX_MODE) r->spec.index_mode = value;
        if (key == FLAG_DESCRIPTION) r->spec.description = value;
        if (key == FLAG_DTYPE && !text_to_dtype(value, &r->spec.dtype))
            return verb_usage(self, "there is no vector type '%s'", value);
        if (key != FLAG_DIM) continue;
        if (!text_to_u64(value, strlen(value), &dim))
            return verb_usage(self, "--dim is a number, not '%s'", value);
        r->spec.dim = (size_t)dim;
    }
    r->at.where = argv[flags_rest()];
    int code = place_check(self, &r->at, true);
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

static int run(const verb *self, int argc, char **argv)
{
    request r = {.at = PLACE_START};
    varve_error err = {0};
    int code = read_create(self, argc, argv, &r);
    if (code != VERB_OK) return code;
    varve_status status =
        place_is_url(&r.at) ? create_at_url(&r, &err) : create_in_folder(&r, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_create = {"create",
                          "Make an empty collection",
                          "FOLDER|URL --collection C",
                          "A database that is missing is made.",
                          flags,
                          run};
