/* recall.c — how much of the true hits a collection's way of searching finds: stored vectors as
 * queries, each without itself, searched as always and exactly. A hit counts when it is no worse
 * than the last true one, so that rows at equal distances are as good as each other. */
#include "base/bytes.h"
#include "base/clock.h"
#include "query/leg.h"
#include "record/vector.h"

#include <stdlib.h>

#define SAMPLES_MAX 10000

typedef struct measuring {
    const query_input *in;
    const recall_request *request;
    const query_field *field;
    const view *v;
    query_clock clock;
    leg_rows samples; /* of v */
    float *values;
    explain explain;
    uint64_t search_ns, exact_ns;
} measuring;

static void measuring_done(measuring *m)
{
    leg_rows_done(&m->samples);
    explain_done(&m->explain);
    free(m->values);
}

static varve_status take_samples(measuring *m, varve_error *err)
{
    query_input in = *m->in;
    leg_context c = {&in, &m->clock, &m->explain, m->request->samples, 0};
    varve_leg leg = {.kind = VARVE_LEG_SAMPLE, .seed = m->request->seed};
    in.clock = &m->clock;
    in.v = (view *)(uintptr_t)m->v; /* rows of the field, whatever it is */
    VV_CLEANUP(scope_done) scope all = {0};
    leg.limit = m->request->samples;
    VV_TRY(scope_all(&in, &all, err));
    return leg_run(&c, &leg, &all, false, &m->samples, err);
}

/* Hits without the row itself: at most k. */
static varve_status hits_of(measuring *m, row_place self, bool exact, leg_rows *ret,
                            uint64_t *elapsed_ns, varve_error *err)
{
    const search_means means = {m->in->limits, m->in->pool, &m->clock, &m->explain};
    VV_CLEANUP(hit_list_done) hit_list hits = {0};
    varve_search_request r = {.vectors = m->values, .count = 1, .dim = m->v->dim, .exact = exact};
    uint64_t began = clock_now_ns();
    r.k = m->request->k + 1;
    r.recall_target = m->request->recall_target;
    VV_TRY(search_view((view *)(uintptr_t)m->v, &r, &means, &hits, err));
    *elapsed_ns += clock_now_ns() - began;
    *ret = (leg_rows){hits.rows, hits.row_count, false};
    hits.rows = NULL;
    leg_rows_drop(ret, &self, 1);
    ret->count = VV_MIN(ret->count, m->request->k);
    return VARVE_OK;
}

static varve_status measure_one(measuring *m, row_place self, double *ret, varve_error *err)
{
    VV_CLEANUP(leg_rows_done) leg_rows found = {0};
    VV_CLEANUP(leg_rows_done) leg_rows truth = {0};
    const uint8_t *row;
    uint64_t contiguous;
    size_t good = 0;
    const row_source *s = &m->v->sources[self.source];
    VV_TRY(source_vectors(s, self.slot, 1, &row, &contiguous, err));
    vector_to_float(m->v->dtype, row, m->v->dim, m->values);
    VV_TRY(hits_of(m, self, false, &found, &m->search_ns, err));
    VV_TRY(hits_of(m, self, true, &truth, &m->exact_ns, err));
    for (size_t i = 0; truth.count > 0 && i < found.count; i++)
        good += found.rows[i].key <= truth.rows[truth.count - 1].key;
    *ret = truth.count > 0 ? (double)good / (double)truth.count : 1;
    return VARVE_OK;
}

static varve_status check(const recall_request *r, const varve_options *limits, varve_error *err)
{
    uint64_t top = limits->max_top_k;
    if (r->k == 0 || (top && r->k >= top))
        return vv_fail(err, VARVE_LIMIT, "k %zu must be from 1 to below max_top_k %llu", r->k,
                       (unsigned long long)top);
    if (r->samples == 0 || r->samples > SAMPLES_MAX)
        return vv_fail(err, VARVE_LIMIT, "samples %zu must be from 1 to %d", r->samples,
                       SAMPLES_MAX);
    if (!(r->recall_target >= 0 && r->recall_target <= 1))
        return vv_fail(err, VARVE_INVALID, "recall_target must be above 0 and at most 1");
    return VARVE_OK;
}

varve_status query_recall(const query_input *in, const recall_request *request, varve_recall *ret,
                          varve_error *err)
{
    VV_CLEANUP(measuring_done) measuring m = {.in = in, .request = request};
    varve_recall r = {.recall_min = 1};
    double one, sum = 0;
    VV_TRY(check(request, in->limits, err));
    explain_init(&m.explain, 0);
    query_clock_start(&m.clock, request->timeout_ms, NULL);
    VV_TRY(dense_field(in, request->field, &m.field, &m.v, err));
    m.values = malloc((m.v->dim + 1) * sizeof *m.values);
    if (!m.values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    VV_TRY(take_samples(&m, err));
    for (size_t i = 0; i < m.samples.count; i++, r.samples++) {
        VV_TRY(query_clock_check(&m.clock, err));
        VV_TRY(measure_one(&m, m.samples.rows[i].place, &one, err));
        sum += one;
        r.recall_min = VV_MIN(r.recall_min, one);
    }
    uint64_t count = VV_MAX(r.samples, (size_t)1);
    r.recall = r.samples ? sum / (double)r.samples : 1;
    r.search_us = m.search_ns / count / 1000;
    r.exact_us = m.exact_ns / count / 1000;
    *ret = r;
    return VARVE_OK;
}
