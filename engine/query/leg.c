/* leg.c — what all legs have in common; see leg.h. */
#include "query/leg.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "query/fusion.h"
#include "query/leg_several.h"
#include "query/request.h"

#include <math.h>
#include <stdlib.h>

/* ---- lists --------------------------------------------------------------------------------- */

void leg_rows_done(leg_rows *l)
{
    free(l->rows);
    *l = (leg_rows){0};
}

static bool is_among(row_place place, const row_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (places[i].source == place.source && places[i].slot == place.slot) return true;
    }
    return false;
}

void leg_rows_drop(leg_rows *l, const row_place *places, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; count > 0 && i < l->count; i++) {
        if (!is_among(l->rows[i].place, places, count)) l->rows[kept++] = l->rows[i];
    }
    if (count > 0) l->count = kept;
}

varve_status leg_rows_take(best_rows *b, bool larger, leg_rows *ret, varve_error *err)
{
    VV_TRY(best_rows_sort(b, err));
    *ret = (leg_rows){b->rows, b->count, larger};
    b->rows = NULL;
    b->count = b->room = 0;
    return VARVE_OK;
}

size_t leg_keep(size_t limit, size_t more, const view *v)
{
    size_t keep;
    if (!size_add(limit, more, &keep)) keep = SIZE_MAX;
    return VV_MIN(keep, (size_t)v->rows_live);
}

/* ---- one leg ------------------------------------------------------------------------------- */

static size_t default_limit(const leg_context *c, bool in_fusion)
{
    uint64_t top = c->in->limits->max_top_k;
    size_t limit = c->base_limit;
    if (in_fusion && !size_mul(limit, 4, &limit)) limit = SIZE_MAX;
    return top ? VV_MIN(limit, (size_t)top) : limit;
}

static varve_status run_kind(const leg_job *job, leg_rows *ret, varve_error *err)
{
    const varve_leg *leg = job->leg;
    switch (leg->kind) {
    case VARVE_LEG_VECTOR: return leg_vector(job, ret, err);
    case VARVE_LEG_SPARSE: return leg_sparse(job, ret, err);
    case VARVE_LEG_TEXT: return leg_text(job, ret, err);
    case VARVE_LEG_ORDER: return leg_order(job, ret, err);
    case VARVE_LEG_SAMPLE: return leg_sample(job, ret, err);
    case VARVE_LEG_FUSION:
        return legs_fuse(job->context, leg->prefetch, leg->prefetch_count, &leg->fusion, job->s,
                         ret, err);
    default: return leg_examples(job, ret, err);
    }
}

/* Some kinds do not order their rows by score. */
static void cut(const varve_leg *leg, size_t limit, leg_rows *l)
{
    double worst = l->larger ? -leg->threshold : leg->threshold;
    if (leg->kind != VARVE_LEG_ORDER) worst = request_worst_key(worst);
    size_t kept = 0;
    for (size_t i = 0; i < l->count && kept < limit; i++) {
        if (!leg->threshold_given || l->rows[i].key <= worst) l->rows[kept++] = l->rows[i];
    }
    l->count = kept;
}

/* The rows that the legs before this one found. */
static varve_status prefetch(leg_context *c, const varve_leg *leg, const scope *from, scope *ret,
                             varve_error *err)
{
    VV_CLEANUP(leg_lists_done) leg_lists found = {0};
    size_t count = 0;
    VV_TRY(legs_run(c, leg->prefetch, leg->prefetch_count, false, from, &found, err));
    for (size_t i = 0; i < found.count; i++)
        count += found.lists[i].count;
    VV_CLEANUP(vv_freep) ranked_row *rows = malloc((count + 1) * sizeof *rows);
    if (!rows) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    count = 0;
    for (size_t i = 0; i < found.count; i++) {
        const leg_rows *l = &found.lists[i];
        if (l->count > 0) memcpy(rows + count, l->rows, l->count * sizeof *rows);
        count += l->count;
    }
    return scope_rows(from, rows, count, ret, err);
}

varve_status leg_run(leg_context *c, const varve_leg *leg, const scope *from, bool in_fusion,
                     leg_rows *ret, varve_error *err)
{
    VV_CLEANUP(scope_done) scope filtered = {0};
    VV_CLEANUP(scope_done) scope chosen = {0};
    VV_CLEANUP(leg_rows_done) leg_rows found = {0};
    leg_job job = {c, leg, &filtered, leg->limit ? leg->limit : default_limit(c, in_fusion)};
    unsigned number = ++c->started;
    VV_TRY(query_clock_check(c->clock, err));
    c->explain->leg = number;
    VV_TRY(scope_filter(from, leg->filter, c->clock, c->explain, &filtered, err));
    if (leg->prefetch_count > 0 && leg->kind != VARVE_LEG_FUSION) {
        VV_TRY(prefetch(c, leg, &filtered, &chosen, err));
        job.s = &chosen;
        c->explain->leg = number;
    }
    if (job.limit > 0) VV_TRY(run_kind(&job, &found, err));
    cut(leg, job.limit, &found);
    *ret = found;
    found.rows = NULL;
    return VARVE_OK;
}

/* ---- several ------------------------------------------------------------------------------- */

static varve_status fuse_lists(leg_context *c, const leg_rows *lists, const varve_leg *legs,
                               size_t count, const varve_fusion *fusion, leg_rows *ret,
                               varve_error *err)
{
    fusion_list inputs[LEG_COUNT_MAX];
    uint64_t rows = 0;
    uint64_t since = clock_now_ns();
    for (size_t i = 0; i < count; i++) {
        inputs[i] = (fusion_list){lists[i].rows, lists[i].count, leg_weight(&legs[i])};
        rows += lists[i].count;
    }
    VV_TRY(fusion_rows(c->in->v, inputs, count, fusion, &ret->rows, &ret->count, err));
    ret->larger = true;
    c->explain->profile.fusion_us += explain_lap(&since);
    return explain_add(c->explain, EXPLAIN_FUSION, count, rows, 0, err);
}

varve_status legs_fuse(leg_context *c, const varve_leg *legs, size_t count,
                       const varve_fusion *fusion, const scope *from, leg_rows *ret,
                       varve_error *err)
{
    VV_CLEANUP(leg_lists_done) leg_lists found = {0};
    unsigned number = c->explain->leg;
    VV_TRY(legs_run(c, legs, count, true, from, &found, err));
    c->explain->leg = number;
    return fuse_lists(c, found.lists, legs, count, fusion, ret, err);
}
