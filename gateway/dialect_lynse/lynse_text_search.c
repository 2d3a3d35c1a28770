/* lynse_text_search.c — search by words, and by sparse vectors: searches of one leg. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_hits.h"
#include "lynse_legs.h"
#include "lynse_profile.h"
#include "lynse_rerank.h"

#include <inttypes.h>
#include <string.h>

typedef struct one_leg {
    lynse_legs legs;
    varve_leg leg;
    varve_filter *filter;
    uint64_t k, offset;
    bool with_fields, explain;
    lynse_rerank rerank;
} one_leg;

static void one_leg_done(one_leg *o)
{
    varve_filter_free(o->filter);
    lynse_legs_done(&o->legs);
    lynse_rerank_done(&o->rerank);
}

static varve_status read_common(lynse_call *c, one_leg *o, varve_error *err)
{
    lynse_legs_init(&o->legs, c);
    VV_TRY(lynse_filter_of_body(c, &o->filter, err));
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &o->k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", o->k, max_top_k, err));
    VV_TRY(lynse_uint(c, "offset", 0, &o->offset, err));
    VV_TRY(LYNSE_LIMIT(c, "offset", o->offset, max_top_k, err));
    VV_TRY(lynse_bool(c, "return_fields", &o->with_fields, err));
    VV_TRY(lynse_bool(c, "explain", &o->explain, err));
    o->leg.threshold_given = lynse_member(c, "score_threshold") != NULL;
    VV_TRY(lynse_number(c, "score_threshold", 0, &o->leg.threshold, err));
    o->leg.threshold = (double)(float)o->leg.threshold;
    return VARVE_OK;
}

static varve_status run(lynse_call *c, one_leg *o, varve_hits **ret, varve_error *err)
{
    o->leg.limit = lynse_rerank_limit(&o->rerank, o->k + o->offset);
    varve_query_request request = {.legs = &o->leg,
                                   .leg_count = 1,
                                   .filter = o->filter,
                                   .k = o->k,
                                   .offset = o->offset,
                                   .with = o->with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_rerank_set(&o->rerank, &request);
    return lynse_query_run(c, &request, ret, err);
}

/* hits NULL: none */
static varve_status answer(lynse_call *c, const one_leg *o, const varve_hits *hits,
                           const char *index, const char *kind, varve_error *err)
{
    buffer *out = &c->reply->body;
    const lynse_scores scores = {0};
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(out, err, ",\"items\":{\"k\":%" PRIu64 ",\"index\":\"%s\",", o->k, index));
    if (hits)
        VV_TRY(lynse_out_hits(out, hits, 0, &scores, o->with_fields, err));
    else
        VV_TRY(buffer_add_text(out, "\"ids\":[],\"scores\":[],\"fields\":[]", err));
    VV_TRY(lynse_out_rerank_scores(out, &o->rerank, hits, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    VV_TRY(lynse_out_rerank(out, &o->rerank, err));
    if (hits && o->explain) {
        const lynse_profile profile = {hits, o->filter, kind, o->leg.field, NULL};
        VV_TRY(buffer_add_text(out, ",\"profile\":", err));
        VV_TRY(lynse_out_profile(c, &profile, err));
    }
    return lynse_reply_end(c, err);
}

static varve_status text_search(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(one_leg_done) one_leg o = {0};
    VV_TRY(read_common(c, &o, err));
    VV_TRY(lynse_leg_text(&o.legs, c->document.root, &o.leg, err));
    VV_TRY(lynse_rerank_read(c, o.k, o.offset, o.leg.text.data, &o.rerank, err));
    VV_TRY(run(c, &o, &hits, err));
    return answer(c, &o, hits, "BM25-INVERTED", "text", err);
}

void lynse_bm25_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, text_search);
}

void lynse_text_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, text_search);
}

/* Nobody has put sparse vectors in yet: that is no mistake, unless the field was named. */
static varve_status find_sparse(lynse_call *c, const char *given, varve_leg *leg, bool *ret_found,
                                varve_error *err)
{
    varve_field_info info;
    leg->field = given ? given : LYNSE_SPARSE_FIELD;
    VV_TRY(lynse_field_look(c, leg->field, ret_found, &info, err));
    if (!*ret_found && given)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' does not exist",
                       given);
    if (*ret_found && info.kind != VARVE_FIELD_SPARSE)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' is not sparse",
                       leg->field);
    return VARVE_OK;
}

static varve_status sparse_search(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(one_leg_done) one_leg o = {0};
    json_t *vector;
    const char *field;
    bool found;
    VV_TRY(read_common(c, &o, err));
    VV_TRY(lynse_rerank_read(c, o.k, o.offset, NULL, &o.rerank, err));
    VV_TRY(lynse_need_member(c, "vector", &vector, err));
    VV_TRY(lynse_leg_sparse(&o.legs, vector, &o.leg, err));
    VV_TRY(lynse_text(c, "vector_field", &field, err));
    VV_TRY(find_sparse(c, field, &o.leg, &found, err));
    if (found) VV_TRY(run(c, &o, &hits, err));
    return answer(c, &o, hits, "SPARSE-FLAT-IP", "sparse", err);
}

void lynse_sparse_search(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_plain(g, request, reply, sparse_search);
}
