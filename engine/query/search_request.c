/* search_request.c — varve_search over the input of a query: filter, field, search, hits. */
#include "base/bytes.h"
#include "query/scope.h"
#include "query/search.h"

typedef struct asking {
    query_input in; /* with our clock */
    scope all, wanted;
    view *searched; /* a reference: of the primary vector, or of a named one */
    hit_list hits;
    explain explain;
    query_clock clock;
} asking;

static void asking_done(asking *a)
{
    view_unref(a->searched);
    scope_done(&a->wanted);
    scope_done(&a->all);
    hit_list_done(&a->hits);
    explain_done(&a->explain);
}

static varve_status check_kind(const query_field *field, varve_error *err)
{
    if (!field || field->kind == VECTOR_DENSE) return VARVE_OK;
    return vv_fail(err, VARVE_UNSUPPORTED, "vector field '%s' is not of one dense vector per row",
                   field->name);
}

static varve_status search_field(asking *a, const query_input *in, const query_field *field,
                                 const varve_search_request *request, varve_error *err)
{
    const search_means means = {in->limits, in->pool, &a->clock, &a->explain};
    VV_TRY(check_kind(field, err));
    if (field)
        VV_TRY(scope_child(&a->wanted, field, &a->searched, err));
    else
        a->searched = view_ref(a->wanted.v);
    VV_TRY(search_view(a->searched, request, &means, &a->hits, err));
    if (!field) return VARVE_OK;
    return scope_to_parent(&a->wanted, field, a->hits.rows, a->hits.row_count, err);
}

varve_status query_search(const query_input *in, const varve_search_request *request,
                          varve_hits **ret, varve_error *err)
{
    VV_CLEANUP(asking_done) asking a = {.in = *in};
    const query_field *field;
    explain_init(&a.explain, in->v->rows_live);
    uint64_t since = a.explain.started_ns;
    query_clock_start(&a.clock, request->timeout_ms, NULL);
    a.in.clock = &a.clock;
    VV_TRY(query_field_find(in, request->vector_field, &field, err));
    VV_TRY(scope_all(&a.in, &a.all, err));
    VV_TRY(scope_filter(&a.all, request->filter, &a.clock, &a.explain, &a.wanted, err));
    a.explain.profile.filter_us = explain_lap(&since);
    VV_TRY(search_field(&a, in, field, request, err));
    a.explain.profile.search_us = explain_lap(&since);
    varve_metric metric = request->metric_given && request->metric != VARVE_METRIC_OF_FIELD
                              ? request->metric
                              : a.searched->metric;
    hits_spec spec = {.v = in->v,
                      .larger = varve_metric_larger_is_better(metric),
                      .queries = request->count,
                      .with = request->with,
                      .list = &a.hits,
                      .clock = &a.clock,
                      .limits = in->limits,
                      .explain = &a.explain};
    return hits_new(&spec, ret, err);
}
