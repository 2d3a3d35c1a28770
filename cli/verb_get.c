/* verb_get.c — `varve get`, `varve head`, `varve tail`: rows as they are stored. */
#include "out.h"
#include "server.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 10

static const flag get_flags[] = {PLACE_FLAGS,
                                 {"vectors", FLAG_VECTORS, NULL, "bring their vectors"},
                                 {"json", FLAG_JSON, NULL, "a JSON object per line"},
                                 {NULL, 0, NULL, NULL}};

static const flag head_flags[] = {PLACE_FLAGS,
                                  {"rows", 'n', "N", "how many (default: 10)"},
                                  {"vectors", FLAG_VECTORS, NULL, "bring their vectors"},
                                  {"json", FLAG_JSON, NULL, "a JSON object per line"},
                                  {NULL, 0, NULL, NULL}};

typedef enum rows_wanted { ROWS_BY_ID, ROWS_FIRST, ROWS_LAST } rows_wanted;

typedef struct request {
    place at;
    rows_wanted which;
    uint64_t n;
    varve_id *ids;
    size_t id_count;
    bool vectors, json;
} request;

static void request_done(request *r) { free(r->ids); }

/* ---- folder ---- */

static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

static varve_status read_folder(const request *r, varve_collection *c, varve_rowset **ret,
                                varve_error *err)
{
    unsigned with = VARVE_WITH_FIELDS | (r->vectors ? VARVE_WITH_VECTORS : 0);
    switch (r->which) {
    case ROWS_FIRST: return varve_head(c, (size_t)r->n, with, ret, err);
    case ROWS_LAST: return varve_tail(c, (size_t)r->n, with, ret, err);
    default: return varve_get(c, r->ids, r->id_count, with, true, ret, err);
    }
}

static varve_status show_folder(const request *r, out *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    VV_TRY(folder_open_collection(&r->at, FOLDER_READ, &folder, err));
    VV_TRY(read_folder(r, folder.collection, &rows, err));
    for (size_t i = 0; i < varve_rowset_count(rows); i++) {
        out_row row = {.id = varve_rowset_id(rows, i),
                       .fields = varve_rowset_fields(rows, i),
                       .dim = varve_rowset_dim(rows),
                       .deleted = varve_rowset_state(rows, i) == VARVE_ROW_DELETED};
        if (r->vectors) row.vector = varve_rowset_vector(rows, i);
        VV_TRY(out_add(o, &row, err));
    }
    return VARVE_OK;
}

/* ---- server ---- */

static varve_status read_url(const request *r, http_client *http, json_t **ret_rows,
                             varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    if (r->which == ROWS_BY_ID) return server_get(http, &r->at, r->ids, r->id_count, ret_rows, err);
    const char *name = r->which == ROWS_FIRST ? "head" : "tail";
    json_t *body = server_body(&r->at);
    json_object_set_new(body, "n", json_integer((json_int_t)r->n));
    VV_TRY(http_call(http, r->which == ROWS_FIRST ? "/head" : "/tail", body, &params, err));
    *ret_rows = json_incref(json_object_get(params, name));
    return VARVE_OK;
}

static varve_status show_url(const request *r, out *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *rows = NULL;
    VV_TRY(http_open(r->at.where, r->at.api_key, &http, err));
    VV_TRY(read_url(r, http, &rows, err));
    const json_t *vectors = json_array_get(rows, 0), *ids = json_array_get(rows, 1);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *fields = json_array_get(json_array_get(rows, 2), i);
        VV_CLEANUP(vv_freep) char *text = json_dumps(fields, JSON_COMPACT);
        VV_CLEANUP(vv_freep) float *vector = NULL;
        out_row row = {.fields = {text, text ? strlen(text) : 0}};
        VV_TRY(server_id(json_array_get(ids, i), &row.id, err));
        if (r->vectors) VV_TRY(server_floats(json_array_get(vectors, i), &vector, &row.dim, err));
        row.vector = vector;
        VV_TRY(out_add(o, &row, err));
    }
    return VARVE_OK;
}

/* ---- command line ---- */

static int take_ids(const verb *self, request *r, int count, char **texts)
{
    if (count < 1) return verb_usage(self, "name an ID");
    r->ids = calloc((size_t)count, sizeof *r->ids);
    if (!r->ids) return verb_usage(self, "no memory for %d ids", count);
    for (int i = 0; i < count; i++)
        if (!text_to_id(texts[i], &r->ids[i])) return verb_usage(self, "'%s' is no id", texts[i]);
    r->id_count = (size_t)count;
    return VERB_OK;
}

static int read_line(const verb *self, int argc, char **argv, request *r)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&r->at, key, value)) continue;
        if (key == FLAG_BAD) return VERB_USAGE;
        if (key == FLAG_VECTORS) r->vectors = true;
        if (key == FLAG_JSON) r->json = true;
        if (key == 'n' && !text_to_u64(value, strlen(value), &r->n))
            return verb_usage(self, "-n is a number, not '%s'", value);
    }
    int at = flags_rest();
    r->at.where = argv[at];
    int code = place_check(self, &r->at, true);
    if (code != VERB_OK) return code;
    if (r->which == ROWS_BY_ID) return take_ids(self, r, argc - at - 1, argv + at + 1);
    return place_refuse_more(self, argc, argv, 1);
}

static int run(const verb *self, int argc, char **argv, rows_wanted which)
{
    VV_CLEANUP(request_done) request r = {.at = PLACE_START, .which = which, .n = ROWS_DEFAULT};
    VV_CLEANUP(out_done) out o;
    varve_error err = {0};
    out_start(&o, false);
    int code = read_line(self, argc, argv, &r);
    if (code != VERB_OK) return code;
    o.json = r.json;
    varve_status status = place_is_url(&r.at) ? show_url(&r, &o, &err) : show_folder(&r, &o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

static int run_get(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, ROWS_BY_ID);
}
static int run_head(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, ROWS_FIRST);
}
static int run_tail(const verb *self, int argc, char **argv)
{
    return run(self, argc, argv, ROWS_LAST);
}

const verb verb_get = {"get",
                       "Show rows by id",
                       "FOLDER|URL --collection C ID...",
                       "An ID of digits is a number; '\"17\"' is the string 17.",
                       get_flags,
                       run_get};
const verb verb_head = {"head",
                        "Show the first rows, in order of insertion",
                        "FOLDER|URL --collection C",
                        NULL,
                        head_flags,
                        run_head};
const verb verb_tail = {"tail",
                        "Show the last rows, in order of insertion",
                        "FOLDER|URL --collection C",
                        NULL,
                        head_flags,
                        run_tail};
