/* leg_vector.c — the nearest rows to one vector, or to that of a row. */
#include "base/bytes.h"
#include "query/leg.h"
#include "query/mmr.h"
#include "query/request.h"

#include <stdlib.h>

varve_status nearest(const leg_job *job, const query_field *field,
                     const varve_search_request *request, leg_rows *ret, varve_error *err)
{
    leg_context *c = job->context;
    const search_means means = {c->in->limits, c->in->pool, c->clock, c->explain};
    VV_CLEANUP(hit_list_done) hit_list hits = {0};
    VV_CLEANUP(view_unrefp) view *v = NULL;
    if (field)
        VV_TRY(scope_child(job->s, field, &v, err));
    else
        v = view_ref(job->s->v);
    VV_TRY(search_view(v, request, &means, &hits, err));
    if (field) VV_TRY(scope_to_parent(job->s, field, hits.rows, hits.row_count, err));
    bool larger = varve_metric_larger_is_better(request_metric(request, v));
    *ret = (leg_rows){hits.rows, hits.row_count, larger};
    hits.rows = NULL;
    return VARVE_OK;
}

static void take_effort(const varve_leg *leg, varve_search_request *r)
{
    r->exact = leg->exact;
    r->breadth = leg->breadth;
    r->recall_target = leg->recall_target;
    r->metric_given = leg->metric_given;
    r->metric = leg->metric;
}

/* The query's vector: the leg's own, or that of the row it names. */
static varve_status take_vector(const leg_job *job, const query_field *field, const view *v,
                                float *room, varve_search_request *r, row_place *ret_self,
                                varve_error *err)
{
    const varve_leg *leg = job->leg;
    r->vectors = leg->vectors;
    r->vectors_type = leg->vectors_type;
    r->dim = leg->dim;
    if (!leg->by_id) return VARVE_OK;
    VV_TRY(row_vector(job->context->in, field, leg->id, ret_self, room, err));
    r->vectors = room;
    r->vectors_type = VARVE_FLOAT32;
    r->dim = v->dim;
    return VARVE_OK;
}

static varve_status nearest_one(const leg_job *job, const query_field *field, const view *v,
                                leg_rows *ret, varve_error *err)
{
    const varve_leg *leg = job->leg;
    varve_search_request r = {.count = 1};
    row_place self = {0};
    VV_CLEANUP(vv_freep) float *room = malloc((v->dim + 1) * sizeof *room);
    if (!room) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    take_effort(leg, &r);
    VV_TRY(take_vector(job, field, v, room, &r, &self, err));
    r.k = mmr_candidates(leg, job->limit) + leg->by_id;
    if (leg->threshold_given) {
        r.range = !leg->by_id && leg->mmr_diversity == 0 && leg->exact;
        r.threshold = leg->threshold;
    }
    VV_CLEANUP(leg_rows_done) leg_rows found = {0};
    VV_TRY(nearest(job, field, &r, &found, err));
    leg_rows_drop(&found, &self, leg->by_id);
    if (leg->mmr_diversity > 0) VV_TRY(mmr_pick(job, field, &r, &found, err));
    *ret = found;
    found.rows = NULL;
    return VARVE_OK;
}

varve_status leg_vector(const leg_job *job, leg_rows *ret, varve_error *err)
{
    const query_field *field;
    const view *v;
    VV_TRY(query_field_find(job->context->in, job->leg->field, &field, err));
    if (field && field->kind == VECTOR_MULTI) return leg_multi(job, field, ret, err);
    VV_TRY(dense_field(job->context->in, job->leg->field, &field, &v, err));
    if (job->leg->vector_count > 1)
        return vv_fail(err, VARVE_INVALID, "a dense field is searched by one vector, not %zu",
                       job->leg->vector_count);
    return nearest_one(job, field, v, ret, err);
}
