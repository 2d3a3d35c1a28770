/* lynse_profile.c — /search_profile: a search, and what it took to answer it. */
#include "lynse_profile.h"
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_effort.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_hits.h"
#include "lynse_rerank.h"
#include "lynse_vectors.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* LynseDB's words for how a search went. */
static const char *path_name(const char *index_mode, const varve_profile *p)
{
    static const struct {
        const char *part, *name;
    } codes[] = {
        {"-PQ", "pq_two_pass"}, {"-RABITQ", "rabitq_two_pass"}, {"-POLARVEC", "polarvec_two_pass"}};
    if (p->work.nodes_visited) return "ann_index";
    if (p->work.codes_scanned) {
        for (size_t i = 0; i < VV_COUNT(codes); i++)
            if (strcasestr(index_mode, codes[i].part)) return codes[i].name;
    }
    if (p->work.segments_indexed) return "ann_index";
    return p->filtered ? "flat_mmap_filtered" : "flat_mmap";
}

static uint64_t rows_seen(const varve_profile *p)
{
    return p->work.rows_scanned + p->work.codes_scanned + p->work.nodes_visited;
}

static varve_status out_filter(buffer *out, const varve_profile *p, const varve_filter *filter,
                               varve_error *err)
{
    char text[4096];
    if (!filter)
        return buffer_add_text(out, "\"filter_expression\":null,\"filter_matches\":null,", err);
    VV_TRY(lynse_of_engine(varve_filter_text(filter, text, sizeof text, err), err));
    VV_TRY(buffer_add_text(out, "\"filter_expression\":", err));
    VV_TRY(lynse_out_text(out, text, err));
    VV_TRY(buffer_printf(out, err,
                         ",\"filter_matches\":%" PRIu64 ",\"filter_postings\":%" PRIu64
                         ",\"filter_rows\":%" PRIu64 ",\"unindexed_field\":",
                         p->filter_matches, p->filter_postings, p->filter_rows));
    if (p->filter_unindexed[0])
        VV_TRY(lynse_out_text(out, p->filter_unindexed, err));
    else
        VV_TRY(buffer_add_text(out, "null", err));
    return buffer_add(out, ",", 1, err);
}

static varve_status out_work(buffer *out, const varve_profile *p, size_t results, varve_error *err)
{
    const varve_search_work *w = &p->work;
    VV_TRY(buffer_printf(out, err,
                         "\"total_vectors\":%" PRIu64 ",\"scanned_vectors\":%" PRIu64
                         ",\"result_count\":%zu",
                         p->rows_total, rows_seen(p), results));
    VV_TRY(buffer_printf(out, err,
                         ",\"rows_scanned\":%" PRIu64 ",\"codes_scanned\":%" PRIu64
                         ",\"nodes_visited\":%" PRIu64 ",\"rows_rescored\":%" PRIu64
                         ",\"segments_indexed\":%" PRIu64 ",\"segments_scanned\":%" PRIu64
                         ",\"text_postings\":%" PRIu64 ",\"sparse_postings\":%" PRIu64,
                         w->rows_scanned, w->codes_scanned, w->nodes_visited, w->rows_rescored,
                         w->segments_indexed, w->segments_scanned, p->text_postings,
                         p->sparse_postings));
    return buffer_printf(
        out, err,
        ",\"filter_us\":%" PRIu64 ",\"search_us\":%" PRIu64 ",\"fusion_us\":%" PRIu64
        ",\"rerank_us\":%" PRIu64 ",\"fetch_us\":%" PRIu64 ",\"total_us\":%" PRIu64,
        p->filter_us, p->search_us, p->fusion_us, p->rerank_us, p->fetch_us, p->total_us);
}

varve_status lynse_out_profile(lynse_call *c, const lynse_profile *what, varve_error *err)
{
    buffer *out = &c->reply->body;
    varve_profile p;
    varve_hits_profile(what->hits, &p);
    VV_TRY(buffer_printf(out, err, "{\"query_kind\":\"%s\",\"vector_field\":", what->kind));
    VV_TRY(lynse_out_text(out, what->field ? what->field : "default", err));
    if (what->index_path)
        VV_TRY(buffer_printf(out, err, ",\"index_path\":\"%s\"", what->index_path));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(out_filter(out, &p, what->filter, err));
    VV_TRY(out_work(out, &p, varve_hits_count(what->hits, 0), err));
    VV_TRY(buffer_add_text(out, ",\"explain\":", err));
    VV_TRY(lynse_out_explain(out, what->hits, err));
    return buffer_add(out, "}", 1, err);
}

typedef struct profile_args {
    uint64_t k;
    bool with_fields, approx;
    double eps;
    const char *field;
    varve_field_info info;
    varve_filter *filter;
    lynse_effort effort;
    lynse_scores scores;
    lynse_rerank rerank;
} profile_args;

static void args_done(profile_args *a)
{
    varve_filter_free(a->filter);
    lynse_rerank_done(&a->rerank);
}

static varve_status read_args(lynse_call *c, profile_args *a, varve_error *err)
{
    VV_TRY(lynse_filter_of_body(c, &a->filter, err));
    VV_TRY(lynse_text(c, "vector_field", &a->field, err));
    VV_TRY(lynse_field_find(c, a->field, &a->info, err));
    if (a->info.kind != VARVE_FIELD_MULTI) VV_TRY(lynse_field_check_dense(&a->info, err));
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &a->k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", a->k, max_top_k, err));
    VV_TRY(lynse_bool(c, "return_fields", &a->with_fields, err));
    VV_TRY(lynse_rerank_read(c, a->k, 0, NULL, &a->rerank, err));
    VV_TRY(lynse_bool(c, "approx", &a->approx, err));
    VV_TRY(lynse_number(c, "eps", LYNSE_EPS_DEFAULT, &a->eps, err));
    VV_TRY(lynse_scores_choose(c, a->field, a->filter != NULL, a->approx, a->eps, &a->scores, err));
    return lynse_effort_of_body(c, &a->effort, err);
}

static varve_status run_profiled(lynse_call *c, profile_args *a, varve_hits **ret, varve_error *err)
{
    lynse_matrix query;
    bool nested = a->info.kind == VARVE_FIELD_MULTI && lynse_is_nested(&c->document, "vector");
    VV_TRY(lynse_matrix_read(&c->document, "vector", nested, &query, err));
    if (query.ragged)
        return vv_fail(err, VARVE_INVALID, "all query vectors must have the same dimension");
    varve_leg leg = {.kind = VARVE_LEG_VECTOR,
                     .field = lynse_field_is_primary(a->field) ? NULL : a->field,
                     .limit = lynse_rerank_limit(&a->rerank, a->k),
                     .vectors = query.values,
                     .vector_count = query.rows,
                     .dim = query.dim};
    lynse_effort_set_leg(&a->effort, &leg);
    varve_query_request request = {.legs = &leg,
                                   .leg_count = 1,
                                   .filter = a->filter,
                                   .k = a->k,
                                   .with = a->with_fields ? VARVE_WITH_FIELDS : 0};
    lynse_rerank_set(&a->rerank, &request);
    return lynse_query_run(c, &request, ret, err);
}

static varve_status search_profile(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_hits_freep) varve_hits *hits = NULL;
    VV_CLEANUP(args_done) profile_args a = {0};
    buffer *out = &c->reply->body;
    varve_profile p;
    VV_TRY(read_args(c, &a, err));
    VV_TRY(run_profiled(c, &a, &hits, err));
    varve_hits_profile(hits, &p);
    const char *path = path_name(a.info.index_mode, &p);
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(out, err, ",\"items\":{\"k\":%" PRIu64 ",\"index\":", a.k));
    VV_TRY(lynse_out_text(out, a.info.index_mode[0] ? a.info.index_mode : "FLAT-IP", err));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(lynse_out_hits(out, hits, 0, &a.scores, a.with_fields, err));
    VV_TRY(lynse_out_rerank_scores(out, &a.rerank, hits, err));
    VV_TRY(buffer_add(out, "}", 1, err));
    VV_TRY(lynse_out_rerank(out, &a.rerank, err));
    VV_TRY(buffer_add_text(out, ",\"profile\":", err));
    lynse_profile profile = {hits, a.filter, "vector", a.field, path};
    VV_TRY(lynse_out_profile(c, &profile, err));
    return lynse_reply_end(c, err);
}

void lynse_search_profile(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, search_profile);
}
