/* verb_recall.c — `varve recall`: how many of the true nearest rows the index finds. */
#include "place.h"
#include "server.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { K_DEFAULT = 10, SAMPLES_DEFAULT = 100, SEED = 1 };

static const flag flags[] = {
    PLACE_FLAGS,
    {"field", FLAG_FIELD, "NAME", "of this field of vectors, not the primary one"},
    {"top", 'k', "N", "of that many nearest (default: 10)"},
    {"samples", FLAG_SAMPLES, "N", "stored vectors taken as queries (default: 100)"},
    {"recall", FLAG_RECALL, "R", "search as for this recall target"},
    {NULL, 0, NULL, NULL}};

typedef struct measure {
    place at;
    const char *field; /* NULL: the primary one */
    uint64_t k, samples;
    double target; /* 0: that of the folder or server */
} measure;

static int take_flag(const verb *self, measure *m, int key, const char *value)
{
    switch (key) {
    case FLAG_FIELD: m->field = value; return VERB_OK;
    case 'k':
        if (text_to_u64(value, strlen(value), &m->k) && m->k > 0) return VERB_OK;
        return verb_usage(self, "-k is a number from 1 on, not '%s'", value);
    case FLAG_SAMPLES:
        if (text_to_u64(value, strlen(value), &m->samples) && m->samples > 0) return VERB_OK;
        return verb_usage(self, "--samples is a number from 1 on, not '%s'", value);
    case FLAG_RECALL:
        if (text_to_double(value, &m->target) && m->target > 0 && m->target <= 1) return VERB_OK;
        return verb_usage(self, "--recall is greater than 0 and at most 1, not '%s'", value);
    default: return VERB_USAGE; /* FLAG_BAD */
    }
}

static int read_line(const verb *self, int argc, char **argv, measure *m)
{
    flag_reader flags_of_line;
    const char *value;
    int key, code = VERB_OK;
    flags_start(&flags_of_line, self, argc, argv);
    while ((key = flags_next(&flags_of_line, &value)) >= 0) {
        if (place_flag(&m->at, key, value)) continue;
        code = take_flag(self, m, key, value);
        if (code != VERB_OK) return code;
    }
    m->at.where = argv[flags_rest()];
    code = place_check(self, &m->at, true);
    return code == VERB_OK ? place_refuse_more(self, argc, argv, 1) : code;
}

static varve_status measure_folder(const measure *m, varve_recall *ret, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_TRY(folder_open_collection(&m->at, FOLDER_READ, &folder, err));
    return varve_recall_measure(folder.collection, m->field, m->k, m->samples, SEED, m->target, 0,
                                ret, err);
}

static uint64_t figure(const json_t *params, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(params, key));
}

static varve_status measure_url(const measure *m, varve_recall *ret, varve_error *err)
{
    VV_CLEANUP(http_closep) http_client *http = NULL;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    json_t *body = server_body(&m->at);
    if (m->field) json_object_set_new(body, "vector_field", json_string(m->field));
    json_object_set_new(body, "k", json_integer((json_int_t)m->k));
    json_object_set_new(body, "samples", json_integer((json_int_t)m->samples));
    json_object_set_new(body, "timeout_ms", json_integer(0));
    if (m->target > 0) json_object_set_new(body, "recall_target", json_real(m->target));
    varve_status status = http_open(m->at.where, m->at.api_key, &http, err);
    if (status != VARVE_OK) json_decref(body);
    VV_TRY(status);
    VV_TRY(http_call_long(http, "/recall", body, &params, err));
    *ret = (varve_recall){.recall = json_number_value(json_object_get(params, "recall")),
                          .recall_min = json_number_value(json_object_get(params, "recall_min")),
                          .samples = figure(params, "samples"),
                          .search_us = figure(params, "search_us"),
                          .exact_us = figure(params, "exact_us")};
    return VARVE_OK;
}

static int run(const verb *self, int argc, char **argv)
{
    measure m = {.at = PLACE_START, .k = K_DEFAULT, .samples = SAMPLES_DEFAULT};
    varve_error err = {0};
    varve_recall r;
    int code = read_line(self, argc, argv, &m);
    if (code != VERB_OK) return code;
    varve_status status =
        place_is_url(&m.at) ? measure_url(&m, &r, &err) : measure_folder(&m, &r, &err);
    if (status != VARVE_OK) return verb_fail(self, &err);
    printf("recall@%" PRIu64 " %.4f, least %.4f, of %zu queries; %" PRIu64
           " us each, exact %" PRIu64 " us\n",
           m.k, r.recall, r.recall_min, r.samples, r.search_us, r.exact_us);
    return VERB_OK;
}

const verb verb_recall = {"recall",
                          "Measure how many of the true nearest the index finds",
                          "FOLDER|URL --collection C",
                          "Stored vectors are taken as queries, each without itself, and searched "
                          "for with the index and exactly.",
                          flags,
                          run};
