/* leg_several.c — see leg_several.h. Each leg has a context of its own, with the number that it
 * would have if the legs before it were done; what they explain is put together in their order. */
#include "query/leg_several.h"

#include "query/leg_tasks.h"

#include <stdlib.h>

#define ROW_BYTES_LEAST 64 /* of a leg's work per row, for legs that look at no vectors */

void leg_lists_done(leg_lists *l)
{
    for (size_t i = 0; i < l->count; i++)
        leg_rows_done(&l->lists[i]);
    free(l->lists);
    *l = (leg_lists){0};
}

double leg_weight(const varve_leg *leg)
{
    if (leg->zero_weight || leg->weight < 0) return 0;
    return leg->weight == 0 ? 1 : leg->weight;
}

static bool is_run(const varve_leg *leg, bool fused) { return !fused || leg_weight(leg) > 0; }

/* Legs that leg_run starts for this one, itself among them: those of its prefetch. */
static unsigned legs_started(const varve_leg *leg)
{
    unsigned count = 1;
    for (size_t i = 0; i < leg->prefetch_count; i++)
        if (is_run(&leg->prefetch[i], leg->kind == VARVE_LEG_FUSION))
            count += legs_started(&leg->prefetch[i]);
    return count;
}

/* ---- one after the other --------------------------------------------------------------------- */

static varve_status run_in_turn(leg_context *c, const varve_leg *legs, bool fused,
                                const scope *from, leg_lists *lists, varve_error *err)
{
    for (size_t i = 0; i < lists->count; i++)
        if (is_run(&legs[i], fused))
            VV_TRY(leg_run(c, &legs[i], from, true, &lists->lists[i], err));
    return VARVE_OK;
}

/* ---- side by side ---------------------------------------------------------------------------- */

typedef struct abreast {
    const varve_leg *legs;
    const scope *from;
    bool fused;
    leg_lists *lists;
    leg_context *contexts; /* of each leg */
    explain *explains;
} abreast;

static void abreast_done(abreast *a)
{
    for (size_t i = 0; a->explains && i < a->lists->count; i++)
        explain_done(&a->explains[i]);
    free(a->explains);
    free(a->contexts);
}

static varve_status run_one(void *context, size_t i, size_t thread, varve_error *err)
{
    abreast *a = context;
    (void)thread;
    if (!is_run(&a->legs[i], a->fused)) return VARVE_OK;
    return leg_run(&a->contexts[i], &a->legs[i], a->from, true, &a->lists->lists[i], err);
}

static varve_status begin(abreast *a, leg_context *c, varve_error *err)
{
    size_t count = a->lists->count;
    a->contexts = calloc(count, sizeof *a->contexts);
    a->explains = calloc(count, sizeof *a->explains);
    if (!a->contexts || !a->explains)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu legs", count);
    for (size_t i = 0; i < count; i++) {
        a->contexts[i] = *c;
        a->contexts[i].explain = &a->explains[i];
        if (is_run(&a->legs[i], a->fused)) c->started += legs_started(&a->legs[i]);
    }
    return VARVE_OK;
}

static varve_status run_abreast(leg_context *c, const varve_leg *legs, bool fused,
                                const scope *from, size_t threads, leg_lists *lists,
                                varve_error *err)
{
    VV_CLEANUP(abreast_done) abreast a = {legs, from, fused, lists, NULL, NULL};
    VV_TRY(begin(&a, c, err));
    VV_TRY(leg_tasks_run(c->in, threads, lists->count, run_one, &a, err));
    for (size_t i = 0; i < lists->count; i++)
        VV_TRY(explain_join(c->explain, &a.explains[i], err));
    return VARVE_OK;
}

/* ---- which ----------------------------------------------------------------------------------- */

static size_t threads_for(const leg_context *c, const varve_leg *legs, size_t count, bool fused,
                          const scope *from)
{
    size_t running = 0, row_bytes = varve_dtype_row_bytes(from->v->dtype, from->v->dim);
    for (size_t i = 0; i < count; i++)
        running += is_run(&legs[i], fused);
    if (running < 2 || c->base_limit == 0) return 1;
    return leg_threads(c->in,
                       leg_bytes(from->v->rows_live, VV_MAX(row_bytes, (size_t)ROW_BYTES_LEAST)));
}

varve_status legs_run(leg_context *c, const varve_leg *legs, size_t count, bool fused,
                      const scope *from, leg_lists *ret, varve_error *err)
{
    VV_CLEANUP(leg_lists_done) leg_lists lists = {calloc(count + 1, sizeof *lists.lists), count};
    if (!lists.lists) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    size_t threads = threads_for(c, legs, count, fused, from);
    VV_TRY(threads > 1 ? run_abreast(c, legs, fused, from, threads, &lists, err)
                       : run_in_turn(c, legs, fused, from, &lists, err));
    *ret = lists;
    lists = (leg_lists){0};
    return VARVE_OK;
}
