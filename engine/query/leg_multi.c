/* leg_multi.c — max_sim: the score of a row is the sum, over the query's vectors, of the best score
 * among the row's vectors. Candidates are the rows of the vectors nearest to each query vector; all
 * their vectors are compared then. `exact`, or a small field: all rows are candidates. */
#include "base/bytes.h"
#include "query/leg.h"
#include "query/request.h"

#include <math.h>
#include <stdlib.h>

#define ALL_VECTORS    4096 /* no search in a field of so few */
#define HITS_MAX       ((size_t)4 << 20)
#define CANDIDATES     16 /* hits of each query vector, times the limit; and at least */
#define CANDIDATES_MIN 512
#define WIDER          4
#define CHECK_ROWS     256
#define MULTI_BYTES    (2 * sizeof(multi_vector) + sizeof(ranked_row)) /* a vector takes */
#define CHECK_VALUES   ((uint64_t)1 << 20)

typedef struct multi_vector { /* of a row */
    uint64_t ordinal;
    row_place place;
} multi_vector;

typedef struct multi {
    const leg_job *job;
    const query_field *field;
    view *v;       /* rows to look at: a reference */
    float *values; /* the query: count × dim */
    size_t count;
    varve_metric metric;
    distance_query **prepared;
    bool by_set; /* candidates alone */
    ordinal_set candidates;
    multi_vector *vectors;
    size_t vector_count, vector_room;
    float *scores; /* of one row's vectors for one of the query's */
    row_place self;
    uint64_t compared; /* values, since the last look at the clock */
} multi;

static void multi_done(multi *m)
{
    for (size_t i = 0; m->prepared && i < m->count; i++)
        distance_query_free(m->prepared[i]);
    free(m->prepared);
    free(m->values);
    free(m->vectors);
    free(m->scores);
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

static varve_status add_vector(multi *m, row_place place, uint64_t ordinal, varve_error *err)
{
    if (m->vector_count == m->vector_room) {
        size_t room = VV_MAX((size_t)256, 2 * m->vector_room);
        VV_TRY(check_bytes(m, "vectors of the rows to compare", m->vector_count, MULTI_BYTES, err));
        multi_vector *larger = realloc(m->vectors, room * sizeof *larger);
        if (!larger) return no_memory(err);
        m->vectors = larger;
        m->vector_room = room;
    }
    m->vectors[m->vector_count++] = (multi_vector){ordinal, place};
    return VARVE_OK;
}

static varve_status visit_vector(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    multi *m = context;
    if (m->by_set && !ordinal_set_has(&m->candidates, ordinal)) return VARVE_OK;
    return add_vector(m, place, ordinal, err);
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
    VV_TRY(view_walk_ordinals(m->field->v, visit_vector, m, m->job->context->clock, err));
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

/* ---- scores -------------------------------------------------------------------------------- */

static int compare_vectors(const void *a, const void *b)
{
    const multi_vector *x = a, *y = b;
    if (x->ordinal != y->ordinal) return x->ordinal < y->ordinal ? -1 : 1;
    if (x->place.source != y->place.source) return x->place.source < y->place.source ? -1 : 1;
    return (x->place.slot > y->place.slot) - (x->place.slot < y->place.slot);
}

static varve_status vector_at(const multi *m, size_t i, const uint8_t **ret, varve_error *err)
{
    uint64_t contiguous;
    const row_place *at = &m->vectors[i].place;
    return source_vectors(&m->v->sources[at->source], at->slot, 1, ret, &contiguous, err);
}

/* The exact key of the vector that looks best to query vector i, among [first, end). */
static varve_status best_key(const multi *m, size_t i, size_t first, size_t end, double *ret,
                             varve_error *err)
{
    const uint8_t *row;
    size_t best = first;
    double least = INFINITY;
    for (size_t j = first; j < end; j++) {
        float score;
        VV_TRY(vector_at(m, j, &row, err));
        distance_scan(m->prepared[i], row, 1, &score);
        double key = key_of(m->metric, (double)score);
        if (key < least) best = j;
        least = fmin(least, key);
    }
    VV_TRY(vector_at(m, best, &row, err));
    *ret = key_of(m->metric, distance_exact(m->metric, m->v->dtype, m->v->dim,
                                            m->values + i * m->v->dim, row));
    return VARVE_OK;
}

static varve_status row_key(multi *m, size_t first, size_t end, double *ret, varve_error *err)
{
    double sum = 0, key;
    for (size_t i = 0; i < m->count; i++) {
        m->compared += (end - first) * m->v->dim;
        if (m->compared >= CHECK_VALUES) VV_TRY(query_clock_check(m->job->context->clock, err));
        m->compared %= CHECK_VALUES;
        VV_TRY(best_key(m, i, first, end, &key, err));
        sum += key;
    }
    *ret = sum;
    return VARVE_OK;
}

/* All rows, in no order; their places are those of a child's row. */
static varve_status score_rows(multi *m, leg_rows *all, varve_error *err)
{
    all->rows = malloc((m->vector_count + 1) * sizeof *all->rows);
    if (!all->rows) return no_memory(err);
    for (size_t first = 0, end; first < m->vector_count; first = end) {
        ranked_row row = {.place = m->vectors[first].place};
        for (end = first; end < m->vector_count; end++) {
            if (m->vectors[end].ordinal != m->vectors[first].ordinal) break;
        }
        if (all->count % CHECK_ROWS == 0) VV_TRY(query_clock_check(m->job->context->clock, err));
        VV_TRY(row_key(m, first, end, &row.key, err));
        all->rows[all->count++] = row;
    }
    return VARVE_OK;
}

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
    VV_TRY(view_walk_ordinals(m.v, visit_vector, &m, job->context->clock, err));
    qsort(m.vectors, m.vector_count, sizeof *m.vectors, compare_vectors);
    VV_TRY(score_rows(&m, &all, err));
    VV_TRY(explain_add(job->context->explain, EXPLAIN_MULTI, all.count, m.vector_count, 0, err));
    return rank(&m, &all, keep, ret, err);
}
