/* leg_examples.c — recommend, discover, context: scores made of the similarities of a row to
 * several examples. The average is one vector and searched as such; everything else looks at each
 * row, with scan scores first, and ranks the best of these by exact ones. Similarities: inner
 * product, cosine; minus the distance of all other metrics.
 *
 *   BEST_SCORE  P, N: largest similarity to positive, negative examples; P > N ? s(P) : -s(N)
 *   SUM_SCORES  sum over positive - sum over negative
 *   DISCOVER    sum over pairs of the sign of (positive - negative) + s(similarity to the target)
 *   CONTEXT     sum over pairs of f(min(positive - negative - epsilon, 0))
 *   s(x) = (f(x) + 1) / 2, f(x) = x / (1 + |x|)
 *
 * Rows named by id as examples are left out. */
#include "base/bytes.h"
#include "query/leg_tasks.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define CHECK_VALUES ((uint64_t)1 << 19) /* compared between two looks at the clock */
#define ROW_VALUES   64                  /* a row costs as much to come by as so many */
#define SLACK        64
#define PIECE_ROWS   ((uint64_t)16384)

typedef struct examples {
    const leg_job *job;
    const query_field *field;
    const view *all; /* of the field, unfiltered */
    view *v;         /* of the rows to look at: a reference */
    size_t count;    /* positive, then negative, then the target */
    float *values;
    distance_query **prepared;
    row_place *selves;
    size_t self_count;
} examples;

typedef struct looker { /* at rows, on one thread */
    const examples *x;
    float *scores;
    double *similar;
    best_rows best;
    uint64_t seen;
    uint64_t compared; /* values, since the last look at the clock */
} looker;

static void examples_done(examples *x)
{
    for (size_t i = 0; x->prepared && i < x->count; i++)
        distance_query_free(x->prepared[i]);
    free(x->prepared);
    free(x->values);
    free(x->selves);
    view_unref(x->v);
}

static void looker_done(looker *l)
{
    free(l->scores);
    free(l->similar);
    best_rows_done(&l->best);
}

static varve_status looker_init(looker *l, const examples *x, size_t keep, varve_error *err)
{
    *l = (looker){.x = x};
    l->scores = calloc(x->count + 1, sizeof *l->scores);
    l->similar = calloc(x->count + 1, sizeof *l->similar);
    best_rows_init(&l->best, x->v, keep);
    if (l->scores && l->similar) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu examples", x->count);
}

/* ---- examples as vectors --------------------------------------------------------------------- */

static varve_status take_example(examples *x, const varve_example *from, size_t at,
                                 varve_error *err)
{
    float *to = x->values + at * x->all->dim;
    if (!from->by_id) {
        memcpy(to, from->vector, x->all->dim * sizeof *to);
        return VARVE_OK;
    }
    return row_vector(x->job->context->in, x->field, from->id, &x->selves[x->self_count++], to,
                      err);
}

static varve_status take_examples(examples *x, varve_error *err)
{
    const varve_leg *leg = x->job->leg;
    size_t values, at = 0;
    x->count = leg->positive_count + leg->negative_count + (leg->target != NULL);
    if (!size_mul(x->count + 1, x->all->dim + (size_t)1, &values)) values = SIZE_MAX / 8;
    x->values = calloc(values, sizeof *x->values);
    x->selves = calloc(x->count + 1, sizeof *x->selves);
    x->prepared = calloc(x->count + 1, sizeof(distance_query *));
    if (!x->values || !x->selves || !x->prepared)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu examples", x->count);
    for (size_t i = 0; i < leg->positive_count; i++)
        VV_TRY(take_example(x, &leg->positive[i], at++, err));
    for (size_t i = 0; i < leg->negative_count; i++)
        VV_TRY(take_example(x, &leg->negative[i], at++, err));
    return leg->target ? take_example(x, leg->target, at, err) : VARVE_OK;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static double soft(double x) { return x / (1 + fabs(x)); }
static double sigmoid(double x) { return (soft(x) + 1) / 2; }

static double similarity(varve_metric metric, double score)
{
    if (varve_metric_larger_is_better(metric)) return score;
    return metric == VARVE_METRIC_COSINE ? 1 - score : -score;
}

static double best_score(const varve_leg *leg, const double *s)
{
    double p = -INFINITY, n = -INFINITY;
    for (size_t i = 0; i < leg->positive_count; i++)
        p = fmax(p, s[i]);
    for (size_t i = 0; i < leg->negative_count; i++)
        n = fmax(n, s[leg->positive_count + i]);
    return p > n ? sigmoid(p) : -sigmoid(n);
}

static double sum_scores(const varve_leg *leg, const double *s)
{
    double sum = 0;
    for (size_t i = 0; i < leg->positive_count; i++)
        sum += s[i];
    for (size_t i = 0; i < leg->negative_count; i++)
        sum -= s[leg->positive_count + i];
    return sum;
}

static double pairs_score(const varve_leg *leg, const double *s)
{
    bool context = leg->kind == VARVE_LEG_CONTEXT;
    double sum = 0;
    for (size_t i = 0; i < leg->positive_count; i++) {
        double difference = s[i] - s[leg->positive_count + i];
        if (context)
            sum += soft(fmin(difference - (double)FLT_EPSILON, 0));
        else
            sum += (difference > 0) - (difference < 0);
    }
    return context ? sum : sum + sigmoid(s[2 * leg->positive_count]);
}

static double combine(const varve_leg *leg, const double *similar)
{
    double score;
    if (leg->kind != VARVE_LEG_RECOMMEND)
        score = pairs_score(leg, similar);
    else if (leg->strategy == VARVE_RECOMMEND_BEST_SCORE)
        score = best_score(leg, similar);
    else
        score = sum_scores(leg, similar);
    return isnan(score) ? -INFINITY : score;
}

static varve_status score_row(looker *l, row_place place, bool exact, double *ret, varve_error *err)
{
    const examples *x = l->x;
    const uint8_t *row;
    uint64_t contiguous;
    l->compared += x->count * (x->v->dim + ROW_VALUES);
    if (l->compared >= CHECK_VALUES) VV_TRY(query_clock_check(x->job->context->clock, err));
    l->compared %= CHECK_VALUES;
    VV_TRY(source_vectors(&x->v->sources[place.source], place.slot, 1, &row, &contiguous, err));
    for (size_t i = 0; i < x->count; i++) {
        const float *values = x->values + i * x->v->dim;
        double score;
        distance_scan(x->prepared[i], row, 1, &l->scores[i]);
        score = exact ? distance_exact(x->v->metric, x->v->dtype, x->v->dim, values, row)
                      : (double)l->scores[i];
        l->similar[i] = similarity(x->v->metric, score);
    }
    *ret = combine(x->job->leg, l->similar);
    return VARVE_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct lookers {
    const examples *x;
    looker *all; /* of each thread */
    size_t count;
    size_t *first_pieces; /* of each source; and how many there are */
} lookers;

static void lookers_done(lookers *l)
{
    for (size_t i = 0; l->all && i < l->count; i++)
        looker_done(&l->all[i]);
    free(l->all);
    free(l->first_pieces);
}

static varve_status lookers_init(lookers *l, const examples *x, size_t keep, varve_error *err)
{
    const query_input *in = x->job->context->in;
    uint64_t bytes =
        leg_bytes(x->v->rows_live, varve_dtype_row_bytes(x->v->dtype, x->v->dim) * x->count);
    *l = (lookers){.x = x};
    l->first_pieces = calloc(x->v->source_count + 1, sizeof *l->first_pieces);
    if (!l->first_pieces) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
    for (size_t i = 0; i < x->v->source_count; i++)
        l->first_pieces[i + 1] =
            l->first_pieces[i] + (size_t)((x->v->sources[i].rows + PIECE_ROWS - 1) / PIECE_ROWS);
    size_t pieces = l->first_pieces[x->v->source_count];
    size_t threads = VV_MAX(VV_MIN(leg_threads(in, bytes), pieces), (size_t)1);
    l->all = calloc(threads, sizeof *l->all);
    if (!l->all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
    while (l->count < threads)
        VV_TRY(looker_init(&l->all[l->count++], x, keep, err));
    return VARVE_OK;
}

static varve_status look_at_piece(void *context, size_t piece, size_t thread, varve_error *err)
{
    const lookers *all = context;
    looker *l = &all->all[thread];
    size_t i = 0;
    double score;
    while (all->first_pieces[i + 1] <= piece)
        i++;
    const row_source *s = &l->x->v->sources[i];
    uint64_t slot = (piece - all->first_pieces[i]) * PIECE_ROWS;
    uint64_t end = slot + VV_MIN(PIECE_ROWS, s->rows - slot);
    for (; slot < end; slot++) {
        if (tombstones_has(s->hidden, slot)) continue;
        l->seen++;
        VV_TRY(score_row(l, (row_place){i, slot}, false, &score, err));
        VV_TRY(best_rows_push(&l->best, -score, (row_place){i, slot}, err));
    }
    return VARVE_OK;
}

/* The best by scan scores, of all rows, with the first looker. */
static varve_status look_at_all(lookers *l, varve_error *err)
{
    leg_context *c = l->x->job->context;
    size_t pieces = l->first_pieces[l->x->v->source_count];
    uint64_t seen = 0;
    VV_TRY(leg_tasks_run(c->in, l->count, pieces, look_at_piece, l, err));
    for (size_t i = 0; i < l->count; i++) {
        const best_rows *from = &l->all[i].best;
        seen += l->all[i].seen;
        for (size_t j = 0; i > 0 && j < from->count; j++)
            VV_TRY(best_rows_push(&l->all[0].best, from->rows[j].key, from->rows[j].place, err));
    }
    c->explain->profile.work.rows_scanned += seen;
    return explain_add(c->explain, EXPLAIN_ROWS, seen, 0, 0, err);
}

/* Ties of context scores are many: what is kept on the way is by id already. */
static varve_status rank_exactly(looker *l, best_rows *best, varve_error *err)
{
    for (size_t i = 0; i < l->best.count; i++) {
        double score;
        VV_TRY(score_row(l, l->best.rows[i].place, true, &score, err));
        VV_TRY(best_rows_push(best, -score, l->best.rows[i].place, err));
    }
    return VARVE_OK;
}

static varve_status by_scores(examples *x, leg_rows *ret, varve_error *err)
{
    VV_CLEANUP(lookers_done) lookers all = {0};
    VV_CLEANUP(best_rows_done) best_rows best = {0};
    size_t keep = leg_keep(x->job->limit, x->self_count, x->v);
    ret->larger = true;
    if (keep == 0) return VARVE_OK;
    for (size_t i = 0; i < x->count; i++)
        VV_TRY(distance_query_new(x->v->metric, x->v->dtype, x->v->dim, x->values + i * x->v->dim,
                                  &x->prepared[i], err));
    best_rows_init(&best, x->v, keep);
    VV_TRY(lookers_init(&all, x, 2 * keep + SLACK, err));
    VV_TRY(look_at_all(&all, err));
    VV_TRY(rank_exactly(&all.all[0], &best, err));
    VV_TRY(leg_rows_take(&best, true, ret, err));
    if (x->field) VV_TRY(scope_to_parent(x->job->s, x->field, ret->rows, ret->count, err));
    leg_rows_drop(ret, x->selves, x->self_count);
    return VARVE_OK;
}

/* avg(positive) + avg(positive) - avg(negative) */
static varve_status by_average(examples *x, leg_rows *ret, varve_error *err)
{
    const varve_leg *leg = x->job->leg;
    size_t dim = x->all->dim;
    VV_CLEANUP(vv_freep) float *average = malloc((dim + 1) * sizeof *average);
    if (!average) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t d = 0; d < dim; d++) {
        double p = 0, n = 0;
        for (size_t i = 0; i < leg->positive_count; i++)
            p += (double)x->values[i * dim + d] / (double)leg->positive_count;
        for (size_t i = 0; i < leg->negative_count; i++)
            n += (double)x->values[(leg->positive_count + i) * dim + d] /
                 (double)leg->negative_count;
        average[d] = (float)(leg->negative_count > 0 ? p + p - n : p);
    }
    varve_search_request r = {.vectors = average, .count = 1, .dim = dim, .exact = leg->exact};
    r.breadth = leg->breadth;
    r.recall_target = leg->recall_target;
    r.k = x->job->limit + x->self_count;
    VV_TRY(nearest(x->job, x->field, &r, ret, err));
    leg_rows_drop(ret, x->selves, x->self_count);
    return VARVE_OK;
}

varve_status leg_examples(const leg_job *job, leg_rows *ret, varve_error *err)
{
    const varve_leg *leg = job->leg;
    VV_CLEANUP(examples_done) examples x = {.job = job};
    VV_TRY(dense_field(job->context->in, leg->field, &x.field, &x.all, err));
    if (leg->dim != 0 && x.all->dim != 0 && leg->dim != x.all->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", x.all->dim,
                       leg->dim);
    VV_TRY(take_examples(&x, err));
    if (leg->kind == VARVE_LEG_RECOMMEND && leg->strategy == VARVE_RECOMMEND_AVERAGE)
        return by_average(&x, ret, err);
    if (x.field)
        VV_TRY(scope_child(job->s, x.field, &x.v, err));
    else
        x.v = view_ref(job->s->v);
    return by_scores(&x, ret, err);
}
