/* lynse_search.c — search by JSON: one vector, several, or all rows within a threshold. */
#include "lynse_search.h"

#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_effort.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_vectors.h"

#include <inttypes.h>

typedef struct search_args {
    uint64_t k;
    bool with_fields, approx;
    double eps;
    lynse_effort effort;
} search_args;

static varve_status read_args(lynse_call *c, search_args *ret, varve_error *err)
{
    search_args a = {0};
    const char *field;
    VV_TRY(lynse_refuse_filter(lynse_member(c, "where") != NULL, err));
    VV_TRY(lynse_text(c, "vector_field", &field, err));
    VV_TRY(lynse_check_field(field, err));
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &a.k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", a.k, max_top_k, err));
    VV_TRY(lynse_bool(c, "return_fields", &a.with_fields, err));
    VV_TRY(lynse_bool(c, "approx", &a.approx, err));
    VV_TRY(lynse_number(c, "eps", LYNSE_EPS_DEFAULT, &a.eps, err));
    VV_TRY(lynse_effort_of_body(c, &a.effort, err));
    *ret = a;
    return VARVE_OK;
}

static varve_status out_hit_ids(buffer *out, const varve_hits *hits, size_t query, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_id(out, varve_hits_id(hits, query, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status out_hit_scores(buffer *out, const varve_hits *hits, size_t query,
                                   const lynse_scores *scores, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(json_out_float(out, lynse_score(scores, varve_hits_score(hits, query, i)), err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status out_hit_fields(buffer *out, const varve_hits *hits, size_t query,
                                   bool with_fields, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; with_fields && i < varve_hits_count(hits, query); i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(lynse_out_fields(out, varve_hits_fields(hits, query, i), err));
    }
    return buffer_add(out, "]", 1, err);
}

/* "ids":[…],"scores":[…],"fields":[…] of one query */
static varve_status out_hits(buffer *out, const varve_hits *hits, size_t query,
                             const lynse_scores *scores, bool with_fields, varve_error *err)
{
    VV_TRY(buffer_add_text(out, "\"ids\":", err));
    VV_TRY(out_hit_ids(out, hits, query, err));
    VV_TRY(buffer_add_text(out, ",\"scores\":", err));
    VV_TRY(out_hit_scores(out, hits, query, scores, err));
    VV_TRY(buffer_add_text(out, ",\"fields\":", err));
    return out_hit_fields(out, hits, query, with_fields, err);
}

static varve_status search(lynse_call *c, varve_error *err)
{
    lynse_matrix query;
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    buffer *out = &c->reply->body;
    search_args a;
    lynse_scores scores;
    VV_TRY(read_args(c, &a, err));
    VV_TRY(lynse_matrix_read(&c->document, "vector", false, &query, err));
    VV_TRY(lynse_scores_choose(c, a.approx, a.eps, &scores, err));
    varve_search_request request = {.vectors = query.values,
                                    .count = 1,
                                    .dim = query.dim,
                                    .k = a.k,
                                    .with = a.with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_effort_set(&a.effort, &request);
    VV_TRY(lynse_search_run(c, &request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"items\":{\"k\":", err));
    VV_TRY(json_out_u64(out, a.k, err));
    VV_TRY(buffer_add_text(out, ",\"vector_field\":\"default\",", err));
    VV_TRY(out_hits(out, hits, 0, &scores, a.with_fields, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, search);
}

static varve_status read_queries(lynse_call *c, lynse_matrix *ret, varve_error *err)
{
    VV_TRY(lynse_matrix_read(&c->document, "vectors", true, ret, err));
    VV_TRY(LYNSE_LIMIT(c, "queries", ret->rows, max_batch_vectors, err));
    if (!ret->ragged) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "all batch query vectors must have the same dimension: vectors[%zu] has not "
                   "the %zu values of vectors[0]",
                   ret->ragged_row, ret->dim);
}

static varve_status batch_search(lynse_call *c, varve_error *err)
{
    lynse_matrix queries;
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    buffer *out = &c->reply->body;
    search_args a;
    const lynse_scores scores = {0}; /* no approx here */
    VV_TRY(read_args(c, &a, err));
    VV_TRY(read_queries(c, &queries, err));
    varve_search_request request = {.vectors = queries.values,
                                    .count = queries.rows,
                                    .dim = queries.dim,
                                    .k = a.k,
                                    .with = a.with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_effort_set(&a.effort, &request);
    if (queries.rows) VV_TRY(lynse_search_run(c, &request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"results\":[", err));
    for (size_t i = 0; i < queries.rows; i++) {
        VV_TRY(buffer_add_text(out, i ? ",{" : "{", err));
        VV_TRY(out_hits(out, hits, i, &scores, a.with_fields, err));
        VV_TRY(buffer_add(out, "}", 1, err));
    }
    VV_TRY(buffer_add(out, "]", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_batch_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, batch_search);
}

/* The threshold is a float32 on the wire, as scores are: a score shown as 0.1 passes 0.1. */
static varve_status read_threshold(lynse_call *c, double *ret, varve_error *err)
{
    json_t *given;
    double value;
    VV_TRY(lynse_need_member(c, "threshold", &given, err));
    VV_TRY(lynse_number(c, "threshold", 0, &value, err));
    *ret = (double)(float)value;
    return VARVE_OK;
}

static varve_status search_range(lynse_call *c, varve_error *err)
{
    lynse_matrix query;
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    buffer *out = &c->reply->body;
    const lynse_scores scores = {0};
    uint64_t max_results;
    double threshold;
    VV_TRY(lynse_refuse_filter(lynse_member(c, "where") != NULL, err));
    VV_TRY(read_threshold(c, &threshold, err));
    VV_TRY(lynse_uint(c, "max_results", 1000, &max_results, err));
    VV_TRY(LYNSE_LIMIT(c, "max_results", max_results, max_top_k, err));
    VV_TRY(lynse_matrix_read(&c->document, "vector", false, &query, err));
    varve_search_request request = {.vectors = query.values,
                                    .count = 1,
                                    .dim = query.dim,
                                    .k = max_results,
                                    .range = true,
                                    .threshold = threshold};
    VV_TRY(lynse_search_run(c, &request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"result\":{\"ids\":", err));
    VV_TRY(out_hit_ids(out, hits, 0, err));
    VV_TRY(buffer_add_text(out, ",\"distances\":", err));
    VV_TRY(out_hit_scores(out, hits, 0, &scores, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_search_range(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, search_range);
}
