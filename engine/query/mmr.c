/* mmr.c — see mmr.h. Each pick is compared with the candidates that are left, once; what a
 * candidate has most in common with those picked is remembered. */
#include "query/mmr.h"

#include "base/bytes.h"
#include "query/request.h"
#include "record/vector.h"

#include <math.h>
#include <stdlib.h>

#define CHECK_VALUES ((uint64_t)1 << 20)

typedef struct picking {
    const leg_job *job;
    const view *v; /* of the vectors */
    varve_metric metric;
    double diversity;
    leg_rows *l;
    row_place *vectors; /* of each candidate, in v */
    double *nearest;    /* largest similarity to those picked; -infinity at first */
    float *picked;
    uint64_t compared; /* values, since the last look at the clock */
} picking;

static void picking_done(picking *p)
{
    free(p->vectors);
    free(p->nearest);
    free(p->picked);
}

size_t mmr_candidates(const varve_leg *leg, size_t limit)
{
    size_t wide;
    if (leg->mmr_diversity == 0) return limit;
    if (leg->mmr_candidates > 0) return VV_MAX(leg->mmr_candidates, limit);
    return size_mul(limit, MMR_CANDIDATES, &wide) ? wide : limit;
}

static varve_status find_vectors(picking *p, const query_field *field, varve_error *err)
{
    const leg_rows *l = p->l;
    VV_CLEANUP(vv_freep) uint64_t *ordinals = malloc((l->count + 1) * sizeof *ordinals);
    if (!ordinals) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu candidates", l->count);
    for (size_t i = 0; i < l->count; i++) {
        const row_source *s = &p->job->context->in->v->sources[l->rows[i].place.source];
        p->vectors[i] = l->rows[i].place;
        if (field) VV_TRY(source_ordinal(s, l->rows[i].place.slot, &ordinals[i], err));
    }
    return field ? view_find_ordinals(p->v, ordinals, l->count, p->job->context->clock, p->vectors,
                                      err)
                 : VARVE_OK;
}

static varve_status row_at(const picking *p, size_t i, const uint8_t **ret, varve_error *err)
{
    uint64_t contiguous;
    const row_place *at = &p->vectors[i];
    return source_vectors(&p->v->sources[at->source], at->slot, 1, ret, &contiguous, err);
}

/* Exchange, so that those picked come first, the rest in its old order. */
static void move_to(picking *p, size_t from, size_t to)
{
    ranked_row row = p->l->rows[from];
    row_place vector = p->vectors[from];
    double nearest = p->nearest[from];
    for (size_t i = from; i > to; i--) {
        p->l->rows[i] = p->l->rows[i - 1];
        p->vectors[i] = p->vectors[i - 1];
        p->nearest[i] = p->nearest[i - 1];
    }
    p->l->rows[to] = row;
    p->vectors[to] = vector;
    p->nearest[to] = nearest;
}

static size_t best_left(const picking *p, size_t first)
{
    size_t best = first;
    double most = -INFINITY;
    for (size_t i = first; i < p->l->count; i++) {
        double value = -(1 - p->diversity) * p->l->rows[i].key;
        if (first > 0) value -= p->diversity * p->nearest[i];
        if (value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

static varve_status compare_rest(picking *p, size_t picked, varve_error *err)
{
    const uint8_t *row;
    VV_TRY(row_at(p, picked, &row, err));
    vector_to_float(p->v->dtype, row, p->v->dim, p->picked);
    for (size_t i = picked + 1; i < p->l->count; i++) {
        p->compared += p->v->dim;
        if (p->compared >= CHECK_VALUES) VV_TRY(query_clock_check(p->job->context->clock, err));
        p->compared %= CHECK_VALUES;
        VV_TRY(row_at(p, i, &row, err));
        double score = distance_exact(p->metric, p->v->dtype, p->v->dim, p->picked, row);
        p->nearest[i] = fmax(p->nearest[i], -key_of(p->metric, score));
    }
    return VARVE_OK;
}

varve_status mmr_pick(const leg_job *job, const query_field *field,
                      const varve_search_request *request, leg_rows *l, varve_error *err)
{
    VV_CLEANUP(picking_done) picking p = {.job = job, .l = l, .diversity = job->leg->mmr_diversity};
    size_t limit = VV_MIN(job->limit, l->count);
    p.v = field ? field->v : job->context->in->v;
    p.metric = request_metric(request, p.v);
    p.vectors = malloc((l->count + 1) * sizeof *p.vectors);
    p.nearest = malloc((l->count + 1) * sizeof *p.nearest);
    p.picked = malloc((p.v->dim + 1) * sizeof *p.picked);
    if (!p.vectors || !p.nearest || !p.picked)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu candidates", l->count);
    VV_TRY(find_vectors(&p, field, err));
    for (size_t i = 0; i < l->count; i++)
        p.nearest[i] = -INFINITY;
    for (size_t i = 0; i < limit; i++) {
        VV_TRY(query_clock_check(job->context->clock, err));
        move_to(&p, best_left(&p, i), i);
        if (i + 1 < limit) VV_TRY(compare_rest(&p, i, err));
    }
    l->count = limit;
    return VARVE_OK;
}
