/* lynse_hybrid.c — /hybrid_search: legs of several kinds, fused. LynseDB's arguments make up to
 * three legs (vector, sparse_vector, text); "legs" takes any number, see lynse_legs.h. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_effort.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_hits.h"
#include "lynse_legs.h"
#include "lynse_profile.h"
#include "lynse_rerank.h"
#include "lynse_vectors.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SIMPLE_LEGS = 3 };

typedef struct hybrid {
    lynse_legs set;
    varve_leg simple[SIMPLE_LEGS];
    varve_leg around; /* a fusion of one leg: its hits are to have the scores of a fusion */
    varve_query_request request;
    varve_filter *filter;
    const char *fusion; /* as sent */
    bool with_fields, explain;
    lynse_rerank rerank;
} hybrid;

static void hybrid_done(hybrid *h)
{
    varve_filter_free(h->filter);
    lynse_legs_done(&h->set);
    lynse_rerank_done(&h->rerank);
}

static bool is_blank(const char *text) { return !text || text[strspn(text, " \t\r\n\f\v")] == 0; }

static varve_status read_rerank(lynse_call *c, hybrid *h, uint64_t k, uint64_t offset,
                                varve_error *err)
{
    const char *text;
    VV_TRY(lynse_text(c, "text", &text, err));
    VV_TRY(lynse_rerank_read(c, k, offset, text, &h->rerank, err));
    lynse_rerank_set(&h->rerank, &h->request);
    return VARVE_OK;
}

static varve_status read_limit(lynse_call *c, hybrid *h, varve_error *err)
{
    uint64_t k, offset, group_size, limit, fallback;
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", k, max_top_k, err));
    VV_TRY(lynse_uint(c, "offset", 0, &offset, err));
    VV_TRY(LYNSE_LIMIT(c, "offset", offset, max_top_k, err));
    VV_TRY(lynse_uint(c, "group_size", 0, &group_size, err));
    VV_TRY(LYNSE_LIMIT(c, "group_size", group_size, max_top_k, err));
    fallback = h->set.limit_max ? VV_MIN(4 * (k + offset), h->set.limit_max) : 4 * (k + offset);
    VV_TRY(lynse_uint(c, "candidate_limit", fallback, &limit, err));
    VV_TRY(LYNSE_LIMIT(c, "candidate_limit", limit, max_top_k, err));
    VV_TRY(read_rerank(c, h, k, offset, err));
    h->set.limit_of_others = VV_MAX(limit, VV_MAX(k + offset, h->rerank.candidates));
    h->request.k = k;
    h->request.offset = offset;
    h->request.group_size = group_size;
    return VARVE_OK;
}

static varve_status read_fusion(lynse_call *c, hybrid *h, varve_error *err)
{
    double rrf_k;
    VV_TRY(lynse_text(c, "fusion", &h->fusion, err));
    VV_TRY(lynse_number(c, "rrf_k", 60, &rrf_k, err));
    h->request.fusion =
        (varve_fusion){.kind = lynse_fusion_read(h->fusion), .rrf_k = fmax(rrf_k, 1)};
    return VARVE_OK;
}

static varve_status read_common(lynse_call *c, hybrid *h, varve_error *err)
{
    lynse_legs_init(&h->set, c);
    VV_TRY(lynse_filter_of_body(c, &h->filter, err));
    VV_TRY(read_limit(c, h, err));
    VV_TRY(read_fusion(c, h, err));
    VV_TRY(lynse_text(c, "group_by", &h->request.group_by, err));
    VV_TRY(lynse_bool(c, "explain", &h->explain, err));
    VV_TRY(lynse_bool(c, "return_fields", &h->with_fields, err));
    h->request.filter = h->filter;
    h->request.with = h->with_fields ? VARVE_WITH_FIELDS : 0;
    return VARVE_OK;
}

static varve_status add_leg(lynse_call *c, hybrid *h, const char *weight_key, varve_error *err)
{
    varve_leg *leg = &h->simple[h->request.leg_count++];
    double weight;
    VV_TRY(lynse_number(c, weight_key, 1, &weight, err));
    lynse_leg_weigh(leg, weight);
    leg->limit = h->set.limit_of_others;
    return VARVE_OK;
}

static varve_status add_vector(lynse_call *c, hybrid *h, varve_error *err)
{
    varve_leg *leg = &h->simple[h->request.leg_count];
    bool nested = lynse_is_nested(&c->document, "vector");
    lynse_effort effort;
    lynse_matrix query;
    VV_TRY(lynse_text(c, "vector_field", &leg->field, err));
    VV_TRY(lynse_matrix_read(&c->document, "vector", nested, &query, err));
    if (query.ragged)
        return vv_fail(err, VARVE_INVALID, "all query vectors must have the same dimension");
    if (query.dim == 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: vector must not be empty");
    VV_TRY(lynse_effort_of_body(c, &effort, err));
    if (leg->field && strcmp(leg->field, "default") == 0) leg->field = NULL;
    leg->kind = VARVE_LEG_VECTOR;
    leg->vectors = query.values;
    leg->vector_count = query.rows;
    leg->dim = query.dim;
    lynse_effort_set_leg(&effort, leg);
    return add_leg(c, h, "vector_weight", err);
}

static varve_status add_sparse(lynse_call *c, hybrid *h, const json_t *vector, varve_error *err)
{
    varve_leg *leg = &h->simple[h->request.leg_count];
    VV_TRY(lynse_text(c, "sparse_field", &leg->field, err));
    if (!leg->field) leg->field = LYNSE_SPARSE_FIELD;
    VV_TRY(lynse_leg_sparse(&h->set, vector, leg, err));
    return add_leg(c, h, "sparse_weight", err);
}

static varve_status read_simple(lynse_call *c, hybrid *h, varve_error *err)
{
    const json_t *sparse = lynse_member(c, "sparse_vector");
    const char *text;
    bool has_vector = json_find_lifted(&c->document, "vector", 0) != NULL;
    VV_TRY(lynse_text(c, "text", &text, err));
    if (!has_vector && lynse_member(c, "vector"))
        return vv_fail(err, VARVE_INVALID,
                       "Json deserialize error: vector must be an array of numbers");
    if (has_vector) VV_TRY(add_vector(c, h, err));
    if (sparse) VV_TRY(add_sparse(c, h, sparse, err));
    if (!is_blank(text)) {
        VV_TRY(lynse_leg_text(&h->set, c->document.root, &h->simple[h->request.leg_count], err));
        VV_TRY(add_leg(c, h, "text_weight", err));
    }
    if (h->request.leg_count) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: hybrid search needs a vector, a sparse_vector, a text that "
                   "is not blank, or legs");
}

static void put_around(hybrid *h)
{
    h->around = (varve_leg){.kind = VARVE_LEG_FUSION,
                            .prefetch = h->request.legs,
                            .prefetch_count = h->request.leg_count,
                            .fusion = h->request.fusion};
    h->request.legs = &h->around;
}

static varve_status read_all(lynse_call *c, hybrid *h, varve_error *err)
{
    const json_t *legs = lynse_member(c, "legs");
    VV_TRY(read_common(c, h, err));
    h->request.legs = h->simple;
    if (!legs) VV_TRY(read_simple(c, h, err));
    if (!legs && h->request.leg_count == 1) put_around(h);
    if (!legs) return VARVE_OK;
    if (json_find_lifted(&c->document, "vector", 0) || lynse_member(c, "text") ||
        lynse_member(c, "sparse_vector"))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: give legs, or vector, sparse_vector and text");
    return lynse_legs_read(&h->set, legs, &h->request.legs, &h->request.leg_count, err);
}

static varve_status out_groups(buffer *out, const varve_hits *hits, varve_error *err)
{
    VV_TRY(buffer_add_text(out, ",\"groups\":[", err));
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        varve_text group = varve_hits_group(hits, i);
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        if (group.data)
            VV_TRY(buffer_add(out, group.data, group.len, err));
        else
            VV_TRY(buffer_add(out, "null", 4, err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status out_items(lynse_call *c, const hybrid *h, const varve_hits *hits,
                              varve_error *err)
{
    static const char *const names[] = {"HYBRID-RRF", "HYBRID-WEIGHTED", "HYBRID-DBSF"};
    buffer *out = &c->reply->body;
    const lynse_scores scores = {0};
    VV_TRY(buffer_printf(out, err, ",\"items\":{\"k\":%zu,\"index\":\"%s\",\"fusion\":",
                         h->request.k, names[h->request.fusion.kind]));
    VV_TRY(lynse_out_text(out, h->fusion ? h->fusion : "rrf", err));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(lynse_out_hits(out, hits, 0, &scores, h->with_fields, err));
    if (h->request.group_by) VV_TRY(out_groups(out, hits, err));
    VV_TRY(lynse_out_rerank_scores(out, &h->rerank, hits, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    return lynse_out_rerank(out, &h->rerank, err);
}

static varve_status hybrid_search(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(hybrid_done) hybrid h = {0};
    VV_TRY(read_all(c, &h, err));
    VV_TRY(lynse_query_run(c, &h.request, &hits, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(out_items(c, &h, hits, err));
    if (h.explain) {
        const lynse_profile profile = {hits, h.filter, "hybrid", NULL, NULL};
        VV_TRY(buffer_add_text(&c->reply->body, ",\"profile\":", err));
        VV_TRY(lynse_out_profile(c, &profile, err));
    }
    return lynse_reply_end(c, err);
}

void lynse_hybrid_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, hybrid_search);
}
