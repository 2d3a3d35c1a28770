/* curve_measure.c — searches of a drafted index at several breadths, counted against the truth. A
 * hit counts when it is as near as the k-th neighbour, whichever of several equal rows it is. */
#include "index/curve.h"
#include "index/curve_truth.h"

#include <math.h>
#include <stdlib.h>

#define RECALL_ENOUGH 0.9998 /* wider searches are not measured */
#define POINTS_MAX    (3 * CURVE_BREADTHS_MAX)
#define QUERIES_AHEAD 16 /* between two looks at the progress */
/* A query for many neighbours is a large sample by itself, and takes the widest searches: */
#define NEIGHBOURS_ENOUGH 2560 /* that queries of one k ask for together, */
#define QUERIES_FEW       96   /* but at least so many queries */

static const uint32_t k_measured[] = {1, 10, CURVE_K_MAX};

typedef struct measure {
    const index_build_context *c;
    const index_type *type;
    void *state;
    curve_truth truth;
    index_curve_point points[POINTS_MAX]; /* that one search per query measures: */
    size_t point_count;
    uint32_t k, breadth; /* of that search */
    float *recalls;      /* of one query after the other: one per point */
    size_t asked;        /* queries, spread over those of the truth */
    size_t first;        /* query of part 0 */
    varve_status statuses[QUERIES_AHEAD];
    varve_error errors[QUERIES_AHEAD];
} measure;

/* ---- one query ----------------------------------------------------------------------------- */

static varve_status score_hits(const measure *m, const curve_query *q, const index_hit *hits,
                               size_t count, double *ret_keys, varve_error *err)
{
    const index_rows *rows = m->c->rows;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row;
        float score;
        VV_TRY(rows->get(rows->context, hits[i].slot, 1, &row, err));
        distance_scan(q->prepared, row, 1, &score);
        ret_keys[i] = curve_key(m->c->spec->mode.metric, score);
    }
    return VARVE_OK;
}

/* The share of the k nearest that is among the first `count` hits. */
static float recall_of(const curve_query *q, uint32_t k, const double *keys, size_t count)
{
    size_t wanted = VV_MIN((size_t)k, q->best.count), found = 0;
    double worst = q->best.entries[wanted - 1].key;
    for (size_t i = 0; i < count && found < wanted; i++)
        found += keys[i] <= worst;
    return (float)found / (float)wanted;
}

typedef struct found {
    index_hit *hits;
    double *keys;
    size_t count;
} found;

static void found_done(found *f)
{
    free(f->hits);
    free(f->keys);
}

static varve_status search_one(const measure *m, const curve_query *q, found *ret, varve_error *err)
{
    index_query query = {.values = q->values,
                         .k = m->k,
                         .breadth = m->breadth,
                         .recall_target = 1,
                         .skip = q->slot,
                         .bound = INFINITY};
    index_work work = {0};
    size_t room = m->type->hits_max(m->state, &query, m->breadth) + 1;
    ret->hits = malloc(room * sizeof *ret->hits);
    if (!ret->hits) return vv_fail(err, VARVE_NO_MEMORY, "no memory to measure recall");
    VV_TRY(m->type->search(m->state, m->c->rows, &query, m->breadth, ret->hits, &ret->count, &work,
                           err));
    ret->keys = malloc((ret->count + 1) * sizeof *ret->keys);
    if (!ret->keys) return vv_fail(err, VARVE_NO_MEMORY, "no memory to measure recall");
    return score_hits(m, q, ret->hits, ret->count, ret->keys, err);
}

static varve_status measure_one(const measure *m, const curve_query *q, float *ret,
                                varve_error *err)
{
    VV_CLEANUP(found_done) found f = {0};
    VV_TRY(search_one(m, q, &f, err));
    for (size_t i = 0; i < m->point_count; i++) {
        size_t count = m->type->nested ? VV_MIN(f.count, m->points[i].breadth) : f.count;
        ret[i] = recall_of(q, m->points[i].k, f.keys, count);
    }
    return VARVE_OK;
}

static void measure_part(void *context, size_t part)
{
    measure *m = context;
    size_t i = m->first + part;
    const curve_query *q = &m->truth.queries[i * m->truth.count / m->asked];
    m->statuses[part] = measure_one(m, q, m->recalls + i * m->point_count, &m->errors[part]);
}

/* ---- all queries --------------------------------------------------------------------------- */

static void average(const measure *m, size_t point, float *ret_mean, float *ret_error)
{
    double sum = 0, squares = 0, n = (double)m->asked, variance;
    for (size_t i = 0; i < m->asked; i++) {
        double r = (double)m->recalls[i * m->point_count + point];
        sum += r;
        squares += r * r;
    }
    variance = squares / n - sum / n * (sum / n);
    *ret_mean = (float)VV_MIN(sum / n, 1);
    *ret_error = variance > 0 ? (float)sqrt(variance / n) : 0;
}

static varve_status ask_all(measure *m, varve_error *err)
{
    for (size_t n; m->first < m->asked; m->first += n) {
        n = VV_MIN((size_t)QUERIES_AHEAD, m->asked - m->first);
        pool_run(m->c->pool, n, measure_part, m);
        for (size_t i = 0; i < n; i++) {
            if (m->statuses[i] == VARVE_OK) continue;
            if (err) *err = m->errors[i];
            return m->statuses[i];
        }
        VV_TRY(index_step(m->c, "recall", m->first + n, m->asked, 0, err));
    }
    m->first = 0;
    return VARVE_OK;
}

/* The points of m join the curve. Returns in m->points what recall they have. */
static varve_status measure_points(measure *m, curve *ret, varve_error *err)
{
    uint32_t least = CURVE_K_MAX;
    m->k = m->breadth = 1;
    for (size_t i = 0; i < m->point_count; i++) {
        least = VV_MIN(least, m->points[i].k);
        m->k = VV_MAX(m->k, m->points[i].k);
        m->breadth = VV_MAX(m->breadth, m->points[i].breadth);
    }
    m->asked = VV_MIN(VV_MAX(NEIGHBOURS_ENOUGH / least, QUERIES_FEW), m->truth.count);
    free(m->recalls);
    m->recalls = calloc(m->asked * m->point_count + 1, sizeof *m->recalls);
    if (!m->recalls) return vv_fail(err, VARVE_NO_MEMORY, "no memory to measure recall");
    VV_TRY(ask_all(m, err));
    for (size_t i = 0; i < m->point_count; i++, ret->count++) {
        average(m, i, &m->points[i].recall, &ret->errors[ret->count]);
        ret->points[ret->count] = m->points[i];
    }
    return VARVE_OK;
}

static size_t list_points(const measure *m, uint32_t k, index_curve_point *ret)
{
    uint32_t breadths[CURVE_BREADTHS_MAX];
    size_t n = m->type->breadths(m->state, k, breadths, VV_COUNT(breadths));
    for (size_t i = 0; i < n; i++)
        ret[i] = (index_curve_point){.k = k, .breadth = breadths[i]};
    return n;
}

/* One search per query measures all breadths. */
static varve_status measure_nested(measure *m, size_t k_count, curve *ret, varve_error *err)
{
    m->point_count = 0;
    for (size_t i = 0; i < k_count; i++)
        m->point_count += list_points(m, k_measured[i], m->points + m->point_count);
    return measure_points(m, ret, err);
}

/* One breadth after the other, until recall is high enough; for the `count` k from the i-th on. */
static varve_status measure_breadths(measure *m, size_t i, size_t count, curve *ret,
                                     varve_error *err)
{
    index_curve_point wanted[CURVE_BREADTHS_MAX];
    size_t n = list_points(m, k_measured[i], wanted);
    bool enough = false;
    for (size_t j = 0; j < n && !enough; j++) {
        enough = true;
        m->point_count = count;
        for (size_t at = 0; at < count; at++)
            m->points[at] =
                (index_curve_point){.k = k_measured[i + at], .breadth = wanted[j].breadth};
        VV_TRY(measure_points(m, ret, err));
        for (size_t at = 0; at < count; at++)
            enough &= (double)m->points[at].recall >= RECALL_ENOUGH;
    }
    return VARVE_OK;
}

static varve_status measure_all(measure *m, size_t k_count, curve *ret, varve_error *err)
{
    size_t together = m->type->any_k ? k_count : 1;
    if (m->type->nested) return measure_nested(m, k_count, ret, err);
    for (size_t i = 0; i < k_count; i += together)
        VV_TRY(measure_breadths(m, i, together, ret, err));
    return VARVE_OK;
}

/* By k, then by breadth; of each k no more than one point where recall is high enough. */
static void tidy(curve *c)
{
    size_t kept = 0;
    for (size_t i = 1; i < c->count; i++) {
        index_curve_point p = c->points[i];
        float error = c->errors[i];
        size_t at = i;
        for (; at > 0 && c->points[at - 1].k > p.k; at--) {
            c->points[at] = c->points[at - 1];
            c->errors[at] = c->errors[at - 1];
        }
        c->points[at] = p;
        c->errors[at] = error;
    }
    for (size_t i = 0; i < c->count; i++) {
        const index_curve_point *last = kept ? &c->points[kept - 1] : NULL;
        if (last && last->k == c->points[i].k && (double)last->recall >= RECALL_ENOUGH) continue;
        c->points[kept] = c->points[i];
        c->errors[kept++] = c->errors[i];
    }
    c->count = kept;
}

static varve_status measure_curve(measure *m, curve *ret, varve_error *err)
{
    size_t k_count = 1; /* a k beyond all neighbours tells nothing new */
    VV_TRY(curve_truth_make(m->c, CURVE_K_MAX, &m->truth, err));
    while (k_count < VV_COUNT(k_measured) && k_measured[k_count - 1] < m->truth.depth)
        k_count++;
    ret->points = calloc(POINTS_MAX, sizeof *ret->points);
    ret->errors = calloc(POINTS_MAX, sizeof *ret->errors);
    if (!ret->points || !ret->errors) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a curve");
    ret->queries = (uint32_t)m->truth.count;
    if (m->truth.count == 0) return VARVE_OK;
    VV_TRY(measure_all(m, k_count, ret, err));
    tidy(ret);
    return VARVE_OK;
}

varve_status curve_measure(const index_build_context *c, const index_type *type, void *state,
                           curve *ret, varve_error *err)
{
    VV_CLEANUP(curve_done) curve made = {0};
    VV_CLEANUP(vv_freep) measure *m = calloc(1, sizeof *m);
    if (!m) return vv_fail(err, VARVE_NO_MEMORY, "no memory to measure recall");
    m->c = c;
    m->type = type;
    m->state = state;
    varve_status status = measure_curve(m, &made, err);
    free(m->recalls);
    curve_truth_done(&m->truth);
    VV_TRY(status);
    *ret = made;
    made = (curve){0};
    return VARVE_OK;
}
