/* leg_multi.c — max_sim: the score of a row is the sum, over the query's vectors, of the best score
 * among the row's vectors. Candidates are the rows of the vectors nearest to each query vector; all
 * their vectors are compared then. `exact`, or a small field: all rows are candidates. */
#include "query/leg_multi.h"
#include "base/bytes.h"
#include "query/request.h"

#include <stdlib.h>

#define ALL_VECTORS    4096 /* no search in a field of so few */
#define HITS_MAX       ((size_t)4 << 20)
#define CANDIDATES     16 /* hits of each query vector, times the limit; and at least */
#define CANDIDATES_MIN 512
#define WIDER          4

static void multi_done(multi *m)
{
    for (size_t i = 0; m->prepared && i < m->count; i++)
        distance_query_free(m->prepared[i]);
    free(m->prepared);
    free(m->values);
    free(m->vectors);
    ordinal_set_done(&m->candidates);
    view_unref(m->v);
}

static varve_status no_memory(varve_error *err)
{
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search of several vectors");
}

/* ---- the query ----------------------------------------------------------------------------- */

static varve_status check_bytes(const multi *m, const char *name, size_t count, size_t bytes,
                                varve_error *err)
{
    return query_bytes_check(m->job->context->in->limits, name, count, bytes, err);
}

static varve_status copy_stored(multi *m, varve_error *err)
{
    const view *v = m->field->v;
    const uint8_t *row;
    uint64_t contiguous;
    VV_TRY(check_bytes(m, "vectors of the query", m->vector_count,
                       2 * (size_t)v->dim * sizeof(float), err));
    m->values = malloc((m->vector_count * v->dim + 1) * sizeof *m->values);
    if (!m->values) return no_memory(err);
    for (size_t i = 0; i < m->vector_count; i++) {
        const row_place *at = &m->vectors[i].place;
        VV_TRY(source_vectors(&v->sources[at->source], at->slot, 1, &row, &contiguous, err));
        distance_row_floats(v->dtype, v->dim, row, m->values + i * v->dim);
    }
    m->count = m->vector_count;
    m->vector_count = 0;
    return VARVE_OK;
}

/* All vectors that a row has. */
static varve_status take_stored(multi *m, varve_error *err)
{
    const query_input *in = m->job->context->in;
    char text[ID_TEXT_MAX];
    uint64_t ordinal;
    VV_TRY(find_id(in, m->job->leg->id, &m->self, err));
    VV_TRY(source_ordinal(&in->v->sources[m->self.source], m->self.slot, &ordinal, err));
    VV_TRY(ordinal_set_of_list(&ordinal, 1, &m->candidates, err));
    m->by_set = true;
    VV_TRY(multi_gather(m, m->field->v, err));
    ordinal_set_done(&m->candidates);
    m->by_set = false;
    if (m->vector_count == 0)
        return vv_fail(err, VARVE_NOT_FOUND, "id %s has no vector in field '%s'",
                       id_text(m->job->leg->id, text), m->field->name);
    return copy_stored(m, err);
}

static varve_status take_query(multi *m, varve_error *err)
{
    const varve_leg *leg = m->job->leg;
    varve_search_request r = {.vectors = leg->vectors, .vectors_type = leg->vectors_type};
    if (leg->by_id) return take_stored(m, err);
    m->count = r.count = VV_MAX(leg->vector_count, (size_t)1);
    r.dim = leg->dim;
    if (m->field->v->dim != 0 && leg->dim != m->field->v->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu",
                       m->field->v->dim, leg->dim);
    VV_TRY(check_bytes(m, "vectors of the query", m->count, 2 * leg->dim * sizeof(float), err));
    m->values = malloc((m->count * leg->dim + 1) * sizeof *m->values);
    if (!m->values) return no_memory(err);
    request_floats(&r, 0, m->count, m->values);
    return VARVE_OK;
}

static varve_status prepare(multi *m, varve_error *err)
{
    m->prepared = calloc(m->count + 1, sizeof(distance_query *));
    if (!m->prepared) return no_memory(err);
    for (size_t i = 0; i < m->count; i++)
        VV_TRY(distance_query_new(m->metric, m->v->dtype, m->v->dim, m->values + i * m->v->dim,
                                  &m->prepared[i], err));
    return VARVE_OK;
}

/* ---- candidates ---------------------------------------------------------------------------- */

static int compare_ordinals(const void *a, const void *b)
{
    uint64_t x = get_u64(a), y = get_u64(b);
    return (x > y) - (x < y);
}

static varve_status search_some(multi *m, size_t k, hit_list *hits, varve_error *err)
{
    const varve_leg *leg = m->job->leg;
    leg_context *c = m->job->context;
    const search_means means = {c->in->limits, c->in->pool, c->clock, c->explain};
    varve_search_request r = {.vectors = m->values, .count = m->count, .dim = m->v->dim, .k = k};
    r.breadth = leg->breadth;
    r.recall_target = leg->recall_target;
    r.metric_given = true;
    r.metric = m->metric;
    return search_view(m->v, &r, &means, hits, err);
}

/* The distinct rows of the hits, as candidates. */
static varve_status take_candidates(multi *m, const hit_list *hits, size_t *ret, varve_error *err)
{
    size_t distinct = 0;
    VV_CLEANUP(vv_freep) uint64_t *ordinals = malloc((hits->row_count + 1) * sizeof *ordinals);
    if (!ordinals) return no_memory(err);
    for (size_t i = 0; i < hits->row_count; i++) {
        row_place at = hits->rows[i].place;
        VV_TRY(source_ordinal(&m->v->sources[at.source], at.slot, &ordinals[i], err));
    }
    qsort(ordinals, hits->row_count, sizeof *ordinals, compare_ordinals);
    for (size_t i = 0; i < hits->row_count; i++) {
        if (distinct == 0 || ordinals[i] != ordinals[distinct - 1])
            ordinals[distinct++] = ordinals[i];
    }
    ordinal_set_done(&m->candidates);
    *ret = distinct;
    return ordinal_set_of_list(ordinals, distinct, &m->candidates, err);
}

static varve_status find_candidates(multi *m, size_t wanted, varve_error *err)
{
    size_t k = VV_MAX(CANDIDATES * wanted, (size_t)CANDIDATES_MIN), found = 0;
    if (m->job->leg->exact || m->v->rows_live <= ALL_VECTORS) return VARVE_OK;
    while (found < wanted) {
        VV_CLEANUP(hit_list_done) hit_list hits = {0};
        if (k >= m->v->rows_live || k > HITS_MAX / m->count) return VARVE_OK;
        VV_TRY(search_some(m, k, &hits, err));
        VV_TRY(take_candidates(m, &hits, &found, err));
        k *= WIDER;
    }
    m->by_set = true;
    return VARVE_OK;
}

/* ---- hits ----------------------------------------------------------------------------------- */

/* Ties are decided by the ids of the parent. */
static varve_status rank(multi *m, leg_rows *all, size_t keep, leg_rows *ret, varve_error *err)
{
    VV_CLEANUP(best_rows_done) best_rows best = {0};
    best_rows_init(&best, m->job->context->in->v, VV_MAX(keep, (size_t)1));
    VV_TRY(scope_to_parent(m->job->s, m->field, all->rows, all->count, err));
    for (size_t i = 0; i < all->count; i++)
        VV_TRY(best_rows_push(&best, all->rows[i].key, all->rows[i].place, err));
    VV_TRY(leg_rows_take(&best, varve_metric_larger_is_better(m->metric), ret, err));
    leg_rows_drop(ret, &m->self, m->job->leg->by_id);
    return VARVE_OK;
}

varve_status leg_multi(const leg_job *job, const query_field *field, leg_rows *ret,
                       varve_error *err)
{
    const varve_leg *leg = job->leg;
    VV_CLEANUP(multi_done) multi m = {.job = job, .field = field};
    VV_CLEANUP(leg_rows_done) leg_rows all = {0};
    size_t keep = job->limit + leg->by_id;
    m.metric =
        leg->metric_given && leg->metric != VARVE_METRIC_OF_FIELD ? leg->metric : field->v->metric;
    ret->larger = varve_metric_larger_is_better(m.metric);
    if (leg->mmr_diversity > 0)
        return vv_fail(err, VARVE_UNSUPPORTED, "mmr needs a field of one dense vector per row");
    VV_TRY(take_query(&m, err));
    VV_TRY(scope_child(job->s, field, &m.v, err));
    if (m.v->rows_live == 0) return VARVE_OK;
    VV_TRY(prepare(&m, err));
    VV_TRY(find_candidates(&m, keep, err));
    VV_TRY(multi_gather(&m, m.v, err));
    VV_TRY(multi_score(&m, &all, err));
    VV_TRY(explain_add(job->context->explain, EXPLAIN_MULTI, all.count, m.vector_count, 0, err));
    return rank(&m, &all, keep, ret, err);
}
