/* verb_query.c — `varve query`: the rows that match a filter. */
#include "filter_flags.h"
#include "out.h"
#include "place.h"
#include "server.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 10

static const flag flags[] = {
    PLACE_FLAGS,
    FILTER_FLAGS,
    {"rows", 'n', "N", "how many (default: 10)"},
    {"offset", FLAG_OFFSET, "N", "leave out that many first"},
    {"order-by", FLAG_ORDER_BY, "PATH", "by this field; rows without it are left out"},
    {"descending", FLAG_DESCENDING, NULL, "largest first"},
    {"vectors", FLAG_VECTORS, NULL, "bring their vectors"},
    {"json", FLAG_JSON, NULL, "a JSON object per line"},
    {NULL, 0, NULL, NULL}};

typedef struct query {
    place at;
    filter_flags filter;
    uint64_t n, offset;
    const char *order_by;
    bool descending, vectors, json;
} query;

static void query_done(query *q) { filter_flags_done(&q->filter); }

/* ---- command line ---- */

static int take_flag(const verb *self, query *q, int key, const char *value)
{
    switch (key) {
    case 'n':
        if (text_to_u64(value, strlen(value), &q->n) && q->n > 0) return VERB_OK;
        return verb_usage(self, "-n is a number from 1 on, not '%s'", value);
    case FLAG_OFFSET:
        if (text_to_u64(value, strlen(value), &q->offset)) return VERB_OK;
        return verb_usage(self, "--offset is a number, not '%s'", value);
    case FLAG_ORDER_BY: q->order_by = value; return VERB_OK;
    case FLAG_DESCENDING: q->descending = true; return VERB_OK;
    case FLAG_VECTORS: q->vectors = true; return VERB_OK;
    case FLAG_JSON: q->json = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, query *q)
{
    flag_reader flags_of_line;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&q->at, key, value)) continue;
        if (!filter_flag(&q->filter, self, key, value, &code))
            code = take_flag(self, q, key, value);
        if (code != VERB_OK) return code;
    }
    q->at.where = argv[flags_rest()];
    code = place_check(self, &q->at, true);
    if (code == VERB_OK) code = filter_flags_check(&q->filter, self);
    if (code == VERB_OK && q->descending && !q->order_by)
        return verb_usage(self, "--descending needs --order-by");
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

/* ---- folder ---- */

static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

static varve_status query_folder(const query *q, out *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(filter_flags_freep) varve_filter *filter = NULL;
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    VV_TRY(filter_flags_make(&q->filter, &filter, err));
    VV_TRY(folder_open_collection(&q->at, FOLDER_READ, &folder, err));
    const varve_rows_query request = {.filter = filter,
                                      .order_by = q->order_by,
                                      .descending = q->descending,
                                      .by_id = !q->order_by,
                                      .offset = q->offset,
                                      .n = q->n,
                                      .with = VARVE_WITH_FIELDS |
                                              (q->vectors ? VARVE_WITH_VECTORS : 0U)};
    VV_TRY(varve_query_rows(folder.collection, &request, &rows, err));
    for (size_t i = 0; i < varve_rowset_count(rows); i++) {
        out_row row = {.id = varve_rowset_id(rows, i),
                       .fields = varve_rowset_fields(rows, i),
                       .dim = varve_rowset_dim(rows)};
        if (q->vectors) row.vector = varve_rowset_vector(rows, i);
        VV_TRY(out_add(o, &row, err));
    }
    return VARVE_OK;
}

/* ---- server ---- */

static varve_status ask_server(const query *q, json_t **ret_params, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *body = server_body(&q->at);
    VV_TRY(filter_flags_to_body(&q->filter, body, err));
    json_object_set_new(body, "n", json_integer((json_int_t)q->n));
    json_object_set_new(body, "offset", json_integer((json_int_t)q->offset));
    if (q->order_by) json_object_set_new(body, "order_by", json_string(q->order_by));
    json_object_set_new(body, "descending", json_boolean(q->descending));
    json_object_set_new(body, "return_vectors", json_boolean(q->vectors));
    VV_TRY(http_open(q->at.where, q->at.api_key, &http, err));
    return http_call(http, "/scroll", json_incref(body), ret_params, err);
}

static varve_status query_url(const query *q, out *o, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    VV_TRY(ask_server(q, &params, err));
    const json_t *ids = json_object_get(params, "ids");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *fields = json_array_get(json_object_get(params, "fields"), i);
        VV_CLEANUP(vv_freep) char *text = json_dumps(fields, JSON_COMPACT);
        VV_CLEANUP(vv_freep) float *vector = NULL;
        out_row row = {.fields = {text, text ? strlen(text) : 0}};
        VV_TRY(server_id(json_array_get(ids, i), &row.id, err));
        if (q->vectors)
            VV_TRY(server_floats(json_array_get(json_object_get(params, "vectors"), i), &vector,
                                 &row.dim, err));
        row.vector = vector;
        VV_TRY(out_add(o, &row, err));
    }
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    VV_CLEANUP(query_done) query q = {.at = PLACE_START, .n = ROWS_DEFAULT};
    VV_CLEANUP(out_done) out o;
    varve_error err = {0};
    out_start(&o, false);
    int code = read_line(self, argc, argv, &q);
    if (code != VERB_OK) return code;
    o.json = q.json;
    varve_status status =
        place_is_url(&q.at) ? query_url(&q, &o, &err) : query_folder(&q, &o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_query = {"query",
                         "Show the rows that match a filter",
                         "FOLDER|URL --collection C --where TEXT",
                         "In id order, integers first, or by a field with --order-by.",
                         flags,
                         run};
