/* lynse_search.c — search by JSON: one vector, several, or all rows within a threshold. */
#include "lynse_search.h"

#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_effort.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_hits.h"
#include "lynse_rerank.h"
#include "lynse_vectors.h"

typedef struct search_args {
    uint64_t k, offset;
    bool with_fields, threshold_given;
    double threshold;
    const char *field; /* NULL: the primary one */
    varve_filter *filter;
    lynse_scores scores;
    lynse_effort effort;
    lynse_rerank rerank;
} search_args;

static void args_done(search_args *a)
{
    varve_filter_free(a->filter);
    lynse_rerank_done(&a->rerank);
}

/* A score is shown as float32, and handed back in the fewest digits that say which. */
static varve_status read_threshold(lynse_call *c, const char *key, search_args *a, varve_error *err)
{
    double given;
    VV_TRY(lynse_number(c, key, 0, &given, err));
    a->threshold = (double)(float)given;
    return VARVE_OK;
}

static varve_status read_scores(lynse_call *c, search_args *a, varve_error *err)
{
    bool approx;
    double eps;
    VV_TRY(lynse_bool(c, "approx", &approx, err));
    VV_TRY(lynse_number(c, "eps", LYNSE_EPS_DEFAULT, &eps, err));
    return lynse_scores_choose(c, a->field, a->filter != NULL, approx, eps, &a->scores, err);
}

/* Also after a failure `a` is to be freed. */
static varve_status read_args(lynse_call *c, search_args *a, varve_error *err)
{
    VV_TRY(lynse_filter_of_body(c, &a->filter, err));
    VV_TRY(lynse_text(c, "vector_field", &a->field, err));
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &a->k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", a->k, max_top_k, err));
    VV_TRY(lynse_uint(c, "offset", 0, &a->offset, err));
    VV_TRY(LYNSE_LIMIT(c, "offset", a->offset, max_top_k, err));
    a->threshold_given = lynse_member(c, "score_threshold") != NULL;
    VV_TRY(read_threshold(c, "score_threshold", a, err));
    VV_TRY(lynse_bool(c, "return_fields", &a->with_fields, err));
    return lynse_effort_of_body(c, &a->effort, err);
}

static varve_search_request request_of(const search_args *a, const lynse_matrix *queries)
{
    varve_search_request request = {.vectors = queries->values,
                                    .count = queries->rows,
                                    .dim = queries->dim,
                                    .k = a->k,
                                    .offset = a->offset,
                                    .range = a->threshold_given,
                                    .threshold = a->threshold,
                                    .vector_field = a->field,
                                    .filter = a->filter,
                                    .with = a->with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_effort_set(&a->effort, &request);
    return request;
}

/* A search of one leg: of a field of several vectors per row, which is asked with several as well;
 * or of any, to be reranked. */
static varve_status search_leg(lynse_call *c, search_args *a, bool multi, varve_hits **ret,
                               varve_error *err)
{
    lynse_matrix query;
    bool nested = multi && lynse_is_nested(&c->document, "vector");
    VV_TRY(lynse_matrix_read(&c->document, "vector", nested, &query, err));
    if (query.ragged)
        return vv_fail(err, VARVE_INVALID, "all query vectors must have the same dimension");
    VV_TRY(LYNSE_LIMIT(c, "queries", query.rows, max_batch_vectors, err));
    varve_leg leg = {.kind = VARVE_LEG_VECTOR,
                     .field = lynse_field_is_primary(a->field) ? NULL : a->field,
                     .limit = lynse_rerank_limit(&a->rerank, a->k + a->offset),
                     .vectors = query.values,
                     .vector_count = query.rows,
                     .dim = query.dim,
                     .threshold_given = a->threshold_given,
                     .threshold = a->threshold};
    varve_query_request request = {.legs = &leg,
                                   .leg_count = 1,
                                   .filter = a->filter,
                                   .k = a->k,
                                   .offset = a->offset,
                                   .with = a->with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_effort_set_leg(&a->effort, &leg);
    lynse_rerank_set(&a->rerank, &request);
    return lynse_query_run(c, &request, ret, err);
}

static varve_status run_search(lynse_call *c, search_args *a, varve_hits **ret, varve_error *err)
{
    varve_field_info info = {.kind = VARVE_FIELD_DENSE};
    lynse_matrix query;
    if (!lynse_field_is_primary(a->field)) VV_TRY(lynse_field_find(c, a->field, &info, err));
    VV_TRY(lynse_rerank_read(c, a->k, a->offset, NULL, &a->rerank, err));
    if (info.kind == VARVE_FIELD_MULTI) return search_leg(c, a, true, ret, err);
    VV_TRY(read_scores(c, a, err));
    if (a->rerank.client) return search_leg(c, a, false, ret, err);
    VV_TRY(lynse_matrix_read(&c->document, "vector", false, &query, err));
    varve_search_request request = request_of(a, &query);
    return lynse_search_run(c, SEARCH_VECTOR, &request, ret, err);
}

static varve_status search(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) search_args a = {0};
    buffer *out = &c->reply->body;
    VV_TRY(read_args(c, &a, err));
    VV_TRY(run_search(c, &a, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"items\":{\"k\":", err));
    VV_TRY(json_out_u64(out, a.k, err));
    VV_TRY(buffer_add_text(out, ",\"vector_field\":", err));
    VV_TRY(lynse_out_text(out, a.field ? a.field : "default", err));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(lynse_out_hits(out, hits, 0, &a.scores, a.with_fields, err));
    VV_TRY(lynse_out_rerank_scores(out, &a.rerank, hits, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    VV_TRY(lynse_out_rerank(out, &a.rerank, err));
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
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) search_args a = {0};
    lynse_matrix queries;
    buffer *out = &c->reply->body;
    const lynse_scores scores = {0}; /* no approx here */
    VV_TRY(lynse_rerank_refuse(c, err));
    VV_TRY(read_args(c, &a, err));
    VV_TRY(read_queries(c, &queries, err));
    varve_search_request request = request_of(&a, &queries);
    if (queries.rows) VV_TRY(lynse_search_run(c, SEARCH_BATCH, &request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"results\":[", err));
    for (size_t i = 0; i < queries.rows; i++) {
        VV_TRY(buffer_add_text(out, i ? ",{" : "{", err));
        VV_TRY(lynse_out_hits(out, hits, i, &scores, a.with_fields, err));
        VV_TRY(buffer_add(out, "}", 1, err));
    }
    VV_TRY(buffer_add(out, "]", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_batch_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, batch_search);
}

/* The same arguments under the names this route has for them. */
static varve_status read_range(lynse_call *c, search_args *a, varve_error *err)
{
    json_t *given;
    VV_TRY(lynse_filter_of_body(c, &a->filter, err));
    VV_TRY(lynse_text(c, "vector_field", &a->field, err));
    VV_TRY(lynse_need_member(c, "threshold", &given, err));
    a->threshold_given = true;
    VV_TRY(read_threshold(c, "threshold", a, err));
    VV_TRY(lynse_uint(c, "max_results", 1000, &a->k, err));
    VV_TRY(LYNSE_LIMIT(c, "max_results", a->k, max_top_k, err));
    return lynse_bool(c, "return_fields", &a->with_fields, err);
}

static varve_status search_range(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) search_args a = {0};
    lynse_matrix query;
    buffer *out = &c->reply->body;
    const lynse_scores scores = {0};
    VV_TRY(lynse_rerank_refuse(c, err));
    VV_TRY(read_range(c, &a, err));
    VV_TRY(lynse_matrix_read(&c->document, "vector", false, &query, err));
    varve_search_request request = request_of(&a, &query);
    VV_TRY(lynse_search_run(c, SEARCH_RANGE, &request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"result\":{\"ids\":", err));
    VV_TRY(lynse_out_hit_ids(out, hits, 0, err));
    VV_TRY(buffer_add_text(out, ",\"distances\":", err));
    VV_TRY(lynse_out_hit_scores(out, hits, 0, &scores, err));
    if (a.with_fields) {
        VV_TRY(buffer_add_text(out, ",\"fields\":", err));
        VV_TRY(lynse_out_hit_fields(out, hits, 0, true, err));
    }
    VV_TRY(buffer_add(out, "}", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_search_range(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, search_range);
}
