/* plan.c — see plan.h. */
#include "query/plan.h"

/* When this share of the live rows is asked for, an index saves nothing. */
enum { KEEP_SHARE = 4 };

/* All live rows by their vectors. */
static plan_path rows_path(const plan_source *s)
{
    bool fetched = s->live * (s->row_bytes + PLAN_FETCH_BYTES) < s->rows * s->row_bytes;
    return fetched ? PLAN_GATHER : PLAN_SCAN;
}

static bool certain_pays(const plan_source *s, const plan_request *r)
{
    return r->queries < PLAN_SHARED_SCAN && s->live >= s->rows / PLAN_CODES_SHARE;
}

static bool approximate_pays(const plan_source *s, const plan_request *r)
{
    bool few = s->live < s->rows / PLAN_INDEX_SHARE &&
               s->live < PLAN_INDEX_WORK * s->rows / VV_MAX(s->live, UINT64_C(1));
    return !r->exact && !r->range && !few;
}

plan_path plan_path_of(const plan_source *s, const plan_request *r)
{
    if (s->live == 0) return PLAN_SKIP;
    if (!s->has_index || s->index_metric != r->metric) return rows_path(s);
    if (r->keep >= s->live / KEEP_SHARE) return rows_path(s);
    bool pays = s->certain ? certain_pays(s, r) : approximate_pays(s, r);
    return pays ? PLAN_INDEX : rows_path(s);
}
