/* verb_search.c — `varve search`: the nearest rows to a vector given on the command line, taken
 * from a file, or that of a row. */
#include "http_client.h"
#include "out.h"
#include "place.h"
#include "reader.h"
#include "remote.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K_DEFAULT 10

static const flag flags[] = {
    PLACE_FLAGS,
    {"vector", FLAG_VECTOR, "[...]", "search for this vector"},
    {"vector-file", FLAG_VECTOR_FILE, "F.npy", "search for a row of this file"},
    {"row", FLAG_ROW, "N", "that row, counted from 0 (default: 0)"},
    {"like-id", FLAG_LIKE_ID, "ID", "search for the vector of this row, without the row itself"},
    {"top", 'k', "N", "how many (default: 10)"},
    {"metric", FLAG_METRIC, "NAME", "such as l2, in place of the collection's (folder only)"},
    {"range", FLAG_RANGE, "T", "only scores at least T (ip), or at most T (distances)"},
    {"fields", FLAG_FIELDS, NULL, "bring their fields"},
    {"ef", FLAG_EF, "N", "breadth: candidates of a graph or of codes, partitions opened"},
    {"nprobe", FLAG_NPROBE, "N", "the same under another name"},
    {"recall", FLAG_RECALL, "R", "find this share of the true nearest, such as 0.99"},
    {"exact", FLAG_EXACT, NULL, "pass over approximate indexes"},
    {"json", FLAG_JSON, NULL, "a JSON object per line"},
    {NULL, 0, NULL, NULL}};

typedef struct search {
    place at;
    const char *vector_text, *vector_file;
    uint64_t row;
    bool like, range, metric_given, fields, json, exact;
    uint32_t breadth;     /* 0: by recall_target */
    double recall_target; /* 0: that of the folder or server */
    varve_id like_id;
    uint64_t k;
    double threshold;
    varve_metric metric;
    float *vector; /* once known */
    size_t dim;
} search;

static void search_done(search *s) { free(s->vector); }

/* ---- command line ---- */

static int take_effort(const verb *self, search *s, int key, const char *value)
{
    uint64_t n;
    if (key == FLAG_EXACT) {
        s->exact = true;
        return VERB_OK;
    }
    if (key == FLAG_RECALL) {
        if (text_to_double(value, &s->recall_target) && s->recall_target > 0 &&
            s->recall_target <= 1)
            return VERB_OK;
        return verb_usage(self, "--recall is greater than 0 and at most 1, not '%s'", value);
    }
    if (!text_to_u64(value, strlen(value), &n) || n == 0 || n > UINT32_MAX)
        return verb_usage(self, "--%s is a number from 1 on, not '%s'",
                          key == FLAG_EF ? "ef" : "nprobe", value);
    s->breadth = (uint32_t)n;
    return VERB_OK;
}

static int take_flag(const verb *self, search *s, int key, const char *value)
{
    switch (key) {
    case FLAG_VECTOR: s->vector_text = value; return VERB_OK;
    case FLAG_VECTOR_FILE: s->vector_file = value; return VERB_OK;
    case FLAG_ROW:
        if (text_to_u64(value, strlen(value), &s->row)) return VERB_OK;
        return verb_usage(self, "--row is a number from 0 on, not '%s'", value);
    case FLAG_LIKE_ID:
        s->like = text_to_id(value, &s->like_id);
        return s->like ? VERB_OK : verb_usage(self, "'%s' is no id", value);
    case 'k':
        if (text_to_u64(value, strlen(value), &s->k) && s->k > 0) return VERB_OK;
        return verb_usage(self, "-k is a number from 1 on, not '%s'", value);
    case FLAG_METRIC:
        s->metric_given = text_to_metric(value, &s->metric);
        return s->metric_given ? VERB_OK : verb_usage(self, "there is no metric '%s'", value);
    case FLAG_RANGE:
        s->range = text_to_double(value, &s->threshold);
        return s->range ? VERB_OK : verb_usage(self, "--range is a number, not '%s'", value);
    case FLAG_EF:
    case FLAG_NPROBE:
    case FLAG_RECALL:
    case FLAG_EXACT: return take_effort(self, s, key, value);
    case FLAG_FIELDS: s->fields = true; return VERB_OK;
    case FLAG_JSON: s->json = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, search *s)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&s->at, key, value)) continue;
        int code = take_flag(self, s, key, value);
        if (code != VERB_OK) return code;
    }
    s->at.where = argv[flags_rest()];
    if ((s->vector_text != NULL) + (s->vector_file != NULL) + s->like != 1)
        return verb_usage(self, "give one of --vector, --vector-file and --like-id");
    int code = place_check(self, &s->at, true);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    if (code == VERB_OK && s->metric_given && place_is_url(&s->at))
        return verb_usage(self, "--metric works on a folder only");
    if (code == VERB_OK && s->range && s->fields && place_is_url(&s->at))
        return verb_usage(self, "--range brings no --fields from a URL");
    return code;
}

/* ---- what both ways share ---- */

static bool same_id(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == VARVE_ID_NUM) return a.num == b.num;
    return a.text.len == b.text.len && memcmp(a.text.data, b.text.data, a.text.len) == 0;
}

/* The vector as text or file give it; like_id is left to the folder or the server. */
static varve_status read_vector(search *s, varve_error *err)
{
    if (s->vector_text) return text_to_vector(s->vector_text, &s->vector, &s->dim, err);
    if (s->vector_file) return reader_npy_row(s->vector_file, s->row, &s->vector, &s->dim, err);
    return VARVE_OK;
}

/* One more than asked for when the row itself will be left out. */
static uint64_t hits_to_ask(const search *s) { return s->k + (s->like ? 1 : 0); }

/* Print a hit unless it is the row itself, or one too many. */
static varve_status show(const search *s, out *o, uint64_t *shown, const out_row *row,
                         varve_error *err)
{
    if (*shown == s->k || (s->like && same_id(row->id, s->like_id))) return VARVE_OK;
    ++*shown;
    return out_add(o, row, err);
}

/* ---- folder ---- */

static void hits_freep(varve_hits **h) { varve_hits_free(*h); }
static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

static varve_status folder_vector(search *s, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    if (!s->like) return VARVE_OK;
    VV_TRY(varve_get(c, &s->like_id, 1, VARVE_WITH_VECTORS, true, &rows, err));
    s->dim = varve_rowset_dim(rows);
    s->vector = malloc(s->dim * sizeof *s->vector);
    if (!s->vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    memcpy(s->vector, varve_rowset_vector(rows, 0), s->dim * sizeof *s->vector);
    return VARVE_OK;
}

static varve_status search_folder(search *s, out *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(hits_freep) varve_hits *hits = NULL;
    uint64_t shown = 0;
    VV_TRY(folder_open_collection(&s->at, FOLDER_READ, &folder, err));
    VV_TRY(folder_vector(s, folder.collection, err));
    varve_search_request request = {.vectors = s->vector,
                                    .count = 1,
                                    .dim = s->dim,
                                    .k = hits_to_ask(s),
                                    .range = s->range,
                                    .threshold = s->threshold,
                                    .metric_given = s->metric_given,
                                    .metric = s->metric,
                                    .with = s->fields ? VARVE_WITH_FIELDS : 0,
                                    .exact = s->exact,
                                    .breadth = s->breadth,
                                    .recall_target = s->recall_target};
    VV_TRY(varve_search(folder.collection, &request, &hits, err));
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        out_row row = {.id = varve_hits_id(hits, 0, i),
                       .has_score = true,
                       .score = varve_hits_score(hits, 0, i)};
        if (s->fields) row.fields = varve_hits_fields(hits, 0, i);
        VV_TRY(show(s, o, &shown, &row, err));
    }
    return VARVE_OK;
}

/* ---- server ---- */

static varve_status remote_vector(search *s, http_client *http, varve_error *err)
{
    VV_CLEANUP(http_answer_freep) json_t *rows = NULL;
    if (!s->like) return VARVE_OK;
    VV_TRY(remote_get(http, &s->at, &s->like_id, 1, &rows, err));
    return remote_floats(json_array_get(json_array_get(rows, 0), 0), &s->vector, &s->dim, err);
}

static varve_status remote_search(search *s, http_client *http, json_t **ret_params,
                                  varve_error *err)
{
    json_t *body = remote_body(&s->at), *vector = json_array();
    for (size_t i = 0; i < s->dim; i++)
        json_array_append_new(vector, json_real((double)s->vector[i]));
    json_object_set_new(body, "vector", vector);
    json_int_t k = (json_int_t)hits_to_ask(s);
    if (s->range) {
        json_object_set_new(body, "threshold", json_real(s->threshold));
        json_object_set_new(body, "max_results", json_integer(k));
        return http_call(http, "/search_range", body, ret_params, err);
    }
    json_object_set_new(body, "k", json_integer(k));
    json_object_set_new(body, "return_fields", json_boolean(s->fields));
    json_object_set_new(body, "exact", json_boolean(s->exact));
    if (s->breadth) json_object_set_new(body, "ef", json_integer(s->breadth));
    if (s->recall_target > 0)
        json_object_set_new(body, "recall_target", json_real(s->recall_target));
    return http_call(http, "/search", body, ret_params, err);
}

static varve_status search_url(search *s, out *o, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    uint64_t shown = 0;
    VV_TRY(http_open(s->at.where, s->at.api_key, &http, err));
    VV_TRY(remote_vector(s, http, err));
    VV_TRY(remote_search(s, http, &params, err));
    const json_t *items = json_object_get(params, s->range ? "result" : "items");
    const json_t *ids = json_object_get(items, "ids");
    const json_t *scores = json_object_get(items, s->range ? "distances" : "scores");
    const json_t *fields = s->fields ? json_object_get(items, "fields") : NULL;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        VV_CLEANUP(vv_freep) char *text = json_dumps(json_array_get(fields, i), JSON_COMPACT);
        out_row row = {.has_score = true,
                       .score = (float)json_number_value(json_array_get(scores, i)),
                       .fields = {text, text ? strlen(text) : 0}};
        VV_TRY(remote_id(json_array_get(ids, i), &row.id, err));
        VV_TRY(show(s, o, &shown, &row, err));
    }
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    VV_CLEANUP(search_done) search s = {.at = PLACE_START, .k = K_DEFAULT};
    VV_CLEANUP(out_done) out o;
    varve_error err = {0};
    out_start(&o, false);
    int code = read_line(self, argc, argv, &s);
    if (code != VERB_OK) return code;
    o.json = s.json;
    varve_status status = read_vector(&s, &err);
    if (status == VARVE_OK)
        status = place_is_url(&s.at) ? search_url(&s, &o, &err) : search_folder(&s, &o, &err);
    return status == VARVE_OK ? VERB_OK : verb_fail(self, &err);
}

const verb verb_search = {
    "search",
    "Find the rows nearest to a vector",
    "FOLDER|URL --collection C --vector '[...]'|--vector-file F.npy|--like-id ID",
    "An ID of digits is a number; '\"17\"' is the string 17. Best hits come first.",
    flags,
    run};
