/* plan.c — see plan.h. */
#include "query/plan.h"

/* When this share of the live rows is asked for, an index saves nothing. */
enum { KEEP_SHARE = 4 };

plan_path plan_path_of(const plan_source *s, const plan_request *r)
{
    if (s->live == 0) return PLAN_SKIP;
    if (!s->has_index || s->index_metric != r->metric) return PLAN_SCAN;
    if (r->keep >= s->live / KEEP_SHARE) return PLAN_SCAN;
    if (s->certain) return r->queries >= PLAN_SHARED_SCAN ? PLAN_SCAN : PLAN_INDEX;
    return r->exact || r->range ? PLAN_SCAN : PLAN_INDEX;
}
