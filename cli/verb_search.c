/* verb_search.c — `varve search`: the nearest rows to a vector given on the command line, taken
 * from a file, or that of a row; by words; by a sparse vector; or by several of them together. */
#include "reader.h"
#include "search_order.h"
#include "text.h"

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
    {"field", FLAG_FIELD, "NAME", "search this field of vectors, not the primary one"},
    {"text", FLAG_TEXT, "WORDS", "search by words (BM25)"},
    {"text-field", FLAG_TEXT_FIELD, "PATH", "in this field only; may come several times"},
    {"sparse", FLAG_SPARSE, "I:V,...", "search by this sparse vector, such as 7:0.5,12:1"},
    {"sparse-field", FLAG_SPARSE_FIELD, "NAME", "of this field (default: sparse)"},
    {"fusion", FLAG_FUSION, "HOW", "of several searches: rrf (default), weighted, dbsf"},
    FILTER_FLAGS,
    {"explain", FLAG_EXPLAIN, NULL, "say what was done, on standard error"},
    {"json", FLAG_JSON, NULL, "a JSON object per line"},
    {NULL, 0, NULL, NULL}};

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

/* "7:0.5,12:1" */
static json_t *read_sparse(const char *text)
{
    json_t *indices = json_array(), *values = json_array();
    bool good = *text != 0;
    for (const char *at = text; good && *at;) {
        char *end;
        size_t digits = strspn(at, "0123456789");
        uint64_t index = 0;
        good = text_to_u64(at, digits, &index) && index <= UINT32_MAX && at[digits] == ':';
        if (!good) break;
        double value = strtod(at + digits + 1, &end);
        good = end > at + digits + 1 && (*end == 0 || (*end == ',' && end[1]));
        json_array_append_new(indices, json_integer((json_int_t)index));
        json_array_append_new(values, json_real(value));
        at = *end == ',' ? end + 1 : end;
    }
    json_t *sparse = json_pack("{s:o,s:o}", "indices", indices, "values", values);
    if (good) return sparse;
    json_decref(sparse);
    return NULL;
}

static int take_leg_flag(const verb *self, search *s, int key, const char *value)
{
    switch (key) {
    case FLAG_FIELD: s->field = strcmp(value, "default") ? value : NULL; return VERB_OK;
    case FLAG_TEXT: s->text = value; return VERB_OK;
    case FLAG_TEXT_FIELD:
        if (s->text_field_count == SEARCH_TEXT_FIELDS_MAX)
            return verb_usage(self, "more than %d --text-field", SEARCH_TEXT_FIELDS_MAX);
        s->text_fields[s->text_field_count++] = (varve_text){value, strlen(value)};
        return VERB_OK;
    case FLAG_SPARSE:
        json_decref(s->sparse);
        s->sparse = read_sparse(value);
        return s->sparse ? VERB_OK
                         : verb_usage(self, "--sparse is written I:V,I:V, not '%s'", value);
    case FLAG_SPARSE_FIELD: s->sparse_field = value; return VERB_OK;
    case FLAG_FUSION:
        s->fusion = value;
        if (!strcmp(value, "rrf") || !strcmp(value, "weighted") || !strcmp(value, "dbsf"))
            return VERB_OK;
        return verb_usage(self, "--fusion is rrf, weighted or dbsf, not '%s'", value);
    case FLAG_EXPLAIN: s->explain = true; return VERB_OK;
    default: return VERB_USAGE; /* FLAG_BAD */
    }
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
    default: return take_leg_flag(self, s, key, value);
    }
}

/* What does not go together. */
static int check_order(const verb *self, const search *s)
{
    int vectors = (s->vector_text != NULL) + (s->vector_file != NULL) + s->like;
    bool query = search_is_query(s);
    if (vectors > 1 || (vectors == 0 && !query))
        return verb_usage(self, "give one of --vector, --vector-file and --like-id, or --text, or "
                                "--sparse");
    if (query && (s->range || s->metric_given))
        return verb_usage(self, "--range and --metric go with a vector alone");
    if (s->text_field_count && !s->text) return verb_usage(self, "--text-field needs --text");
    if (s->metric_given && place_is_url(&s->at))
        return verb_usage(self, "--metric works on a folder only");
    if (s->explain && s->range) return verb_usage(self, "--range has no --explain");
    return filter_flags_check(&s->filter, self);
}

static int read_line(const verb *self, int argc, char **argv, search *s)
{
    flag_reader flags_of_line;
    const char *value;
    int key;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        int code = VERB_OK;
        if (place_flag(&s->at, key, value)) continue;
        if (!filter_flag(&s->filter, self, key, value, &code))
            code = take_flag(self, s, key, value);
        if (code != VERB_OK) return code;
    }
    s->at.where = argv[flags_rest()];
    int code = place_check(self, &s->at, true);
    if (code == VERB_OK) code = check_order(self, s);
    if (code == VERB_OK) code = place_refuse_more(self, argc, argv, 1);
    return code;
}

/* The vector as text or file give it; like_id is left to the folder or the server. */
static varve_status read_vector(search *s, varve_error *err)
{
    if (s->vector_text) return text_to_vector(s->vector_text, &s->vector, &s->dim, err);
    if (s->vector_file) return reader_npy_row(s->vector_file, s->row, &s->vector, &s->dim, err);
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
    "Find the rows nearest to a vector, or by words",
    "FOLDER|URL --collection C --vector '[...]'|--vector-file F.npy|--like-id ID|--text WORDS|"
    "--sparse I:V,...",
    "An ID of digits is a number; '\"17\"' is the string 17. Best hits come first.",
    flags,
    run};
