/* plan.c — see plan.h. */
#include "query/plan.h"

/* When this share of the live rows is asked for, an index saves nothing. */
enum { KEEP_SHARE = 4 };
/* Few live rows of a segment are at most this share of it. */
enum { FEW_SHARE = 8 };

/* All live rows by their vectors. */
static plan_path rows_path(const plan_source *s)
{
    return s->live < s->rows / PLAN_GATHER_COST ? PLAN_GATHER : PLAN_SCAN;
}

static bool certain_pays(const plan_source *s, const plan_request *r)
{
    return r->queries < PLAN_SHARED_SCAN && s->live >= s->rows / PLAN_GATHER_CODES;
}

static bool approximate_pays(const plan_source *s, const plan_request *r)
{
    bool few = s->live <= PLAN_GATHER_ROWS && s->live < s->rows / FEW_SHARE;
    return !r->exact && !r->range && !few && s->live >= s->rows / PLAN_GATHER_SHARE;
}

plan_path plan_path_of(const plan_source *s, const plan_request *r)
{
    if (s->live == 0) return PLAN_SKIP;
    if (!s->has_index || s->index_metric != r->metric) return rows_path(s);
    if (r->keep >= s->live / KEEP_SHARE) return rows_path(s);
    bool pays = s->certain ? certain_pays(s, r) : approximate_pays(s, r);
    return pays ? PLAN_INDEX : rows_path(s);
}
