/* query_run.c — varve_query over its input: filter, legs, fusion, rerank, groups, hits. */
#include "base/bytes.h"
#include "base/clock.h"
#include "query/groups.h"
#include "query/leg.h"
#include "query/rerank.h"

#include <stdlib.h>

typedef struct query_state {
    query_input input; /* with our clock */
    const query_input *in;
    const varve_query_request *request;
    scope all, wanted;
    leg_rows found;
    row_groups groups;
    hit_list hits;
    explain explain;
    query_clock clock;
} query_state;

static void query_done(query_state *q)
{
    scope_done(&q->wanted);
    scope_done(&q->all);
    leg_rows_done(&q->found);
    row_groups_done(&q->groups);
    hit_list_done(&q->hits);
    explain_done(&q->explain);
}

/* The legs' hits, best first, in lists as long as base_limit makes them. */
static varve_status find(query_state *q, size_t base_limit, varve_error *err)
{
    const varve_query_request *r = q->request;
    leg_context c = {q->in, &q->clock, &q->explain, base_limit, 0};
    leg_rows_done(&q->found);
    if (r->leg_count == 1) return leg_run(&c, r->legs, &q->wanted, false, &q->found, err);
    return legs_fuse(&c, r->legs, r->leg_count, &r->fusion, &q->wanted, &q->found, err);
}

static varve_status find_and_rerank(query_state *q, size_t base_limit, varve_error *err)
{
    uint64_t since;
    VV_TRY(find(q, base_limit, err));
    q->explain.leg = 0;
    if (!q->request->rerank) return VARVE_OK;
    since = clock_now_ns();
    VV_TRY(rerank_rows(q->in->v, q->request, &q->found, &q->clock, err));
    q->explain.profile.rerank_us += explain_lap(&since);
    return VARVE_OK;
}

static varve_status answer(query_state *q, varve_hits **ret, varve_error *err)
{
    const varve_query_request *r = q->request;
    hits_spec spec = {.v = q->in->v,
                      .larger = q->found.larger,
                      .queries = 1,
                      .with = r->with,
                      .list = &q->hits,
                      .clock = &q->clock,
                      .limits = q->in->limits,
                      .explain = &q->explain};
    if (r->group_by) {
        VV_TRY(hit_list_add(&q->hits, q->groups.rows, q->groups.count, err));
        spec.groups = q->groups.values;
    } else {
        size_t skip = VV_MIN(r->offset, q->found.count);
        VV_TRY(
            hit_list_add(&q->hits, q->found.rows + skip, VV_MIN(q->found.count - skip, r->k), err));
    }
    return hits_new(&spec, ret, err);
}

/* Groups need more hits than there are groups: look further until they are full, or no row is left.
 */
static varve_status find_groups(query_state *q, varve_error *err)
{
    const varve_query_request *r = q->request;
    size_t limit = groups_first_limit(r, q->in->limits), before = SIZE_MAX;
    bool full = false;
    for (;; limit = groups_next_limit(limit, q->in->limits)) {
        VV_TRY(find_and_rerank(q, limit, err));
        VV_TRY(groups_make(q->in, r, &q->found, &q->groups, &full, err));
        if (full || q->found.count < limit || q->found.count == before) return VARVE_OK;
        if (limit == groups_next_limit(limit, q->in->limits)) return VARVE_OK;
        before = q->found.count;
    }
}

varve_status query_run(const query_input *in, const varve_query_request *request, varve_hits **ret,
                       varve_error *err)
{
    VV_CLEANUP(query_done) query_state q = {.input = *in, .request = request};
    explain_init(&q.explain, in->v->rows_live);
    uint64_t since = q.explain.started_ns;
    query_clock_start(&q.clock, request->timeout_ms, request->cancel);
    q.input.clock = &q.clock;
    q.in = &q.input;
    VV_TRY(scope_all(q.in, &q.all, err));
    VV_TRY(scope_filter(&q.all, request->filter, &q.clock, &q.explain, &q.wanted, err));
    q.explain.profile.filter_us = explain_lap(&since);
    if (request->group_by)
        VV_TRY(find_groups(&q, err));
    else
        VV_TRY(find_and_rerank(&q, request->k + request->offset, err));
    varve_profile *p = &q.explain.profile;
    uint64_t search_us = explain_lap(&since);
    p->search_us = search_us - VV_MIN(search_us, p->fusion_us + p->rerank_us);
    return answer(&q, ret, err);
}
