/* lynse_effort.c — how hard a search tries. */
#include "lynse_effort.h"

#include "lynse_args.h"

#include <inttypes.h>

enum { NPROBE_OF_CLIENTS = 10 };

typedef struct given {
    bool exact, has_ef, has_recall_target;
    uint64_t nprobe, ef;
    double recall_target;
} given;

static varve_status check_breadth(const char *name, uint64_t value, uint64_t least,
                                  varve_error *err)
{
    if (value >= least && value <= UINT32_MAX) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: %s %" PRIu64 " must be from %" PRIu64 " to %" PRIu32, name,
                   value, least, UINT32_MAX);
}

static varve_status choose(const given *g, lynse_effort *ret, varve_error *err)
{
    lynse_effort e = {.exact = g->exact};
    VV_TRY(check_breadth("nprobe", g->nprobe, 0, err));
    if (g->has_ef) VV_TRY(check_breadth("ef", g->ef, 1, err));
    if (g->has_recall_target && !(g->recall_target > 0 && g->recall_target <= 1))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: recall_target must be greater than 0 and at most 1");
    if (g->has_ef)
        e.breadth = (uint32_t)g->ef;
    else if (g->has_recall_target)
        e.recall_target = g->recall_target;
    else if (g->nprobe != NPROBE_OF_CLIENTS)
        e.breadth = (uint32_t)g->nprobe;
    *ret = e;
    return VARVE_OK;
}

varve_status lynse_effort_of_body(const lynse_call *c, lynse_effort *ret, varve_error *err)
{
    given g = {.has_ef = lynse_member(c, "ef") != NULL,
               .has_recall_target = lynse_member(c, "recall_target") != NULL};
    VV_TRY(lynse_bool(c, "exact", &g.exact, err));
    VV_TRY(lynse_uint(c, "nprobe", 0, &g.nprobe, err));
    VV_TRY(lynse_uint(c, "ef", 0, &g.ef, err));
    VV_TRY(lynse_number(c, "recall_target", 0, &g.recall_target, err));
    return choose(&g, ret, err);
}

varve_status lynse_effort_of_query(const lynse_call *c, lynse_effort *ret, varve_error *err)
{
    given g = {.has_ef = http_query(c->request, "ef") != NULL,
               .has_recall_target = http_query(c->request, "recall_target") != NULL};
    VV_TRY(lynse_query_bool(c, "exact", &g.exact, err));
    VV_TRY(lynse_query_uint(c, "nprobe", 0, &g.nprobe, err));
    VV_TRY(lynse_query_uint(c, "ef", 0, &g.ef, err));
    VV_TRY(lynse_query_number(c, "recall_target", 0, &g.recall_target, err));
    return choose(&g, ret, err);
}

void lynse_effort_set(const lynse_effort *e, varve_search_request *request)
{
    request->exact = e->exact;
    request->breadth = e->breadth;
    request->recall_target = e->recall_target;
}

void lynse_effort_set_leg(const lynse_effort *e, varve_leg *leg)
{
    leg->exact = e->exact;
    leg->breadth = e->breadth;
    leg->recall_target = e->recall_target;
}
