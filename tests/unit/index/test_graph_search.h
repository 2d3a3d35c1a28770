/* test_graph_search.h — rows, queries and recall for the tests of searches over graphs. */
#ifndef VARVE_TESTS_GRAPH_SEARCH_H
#define VARVE_TESTS_GRAPH_SEARCH_H

#include "index_vectors.h"

#include "base/bytes.h"

/* ---- data ---------------------------------------------------------------------------------- */

/* Points of a few overlapping clouds: neighbours exist, and no two clouds are islands. */
static inline void fill(float *x, uint32_t dim, random_state *r)
{
    uint64_t cloud = random_below(r, 6);
    for (uint32_t i = 0; i < dim; i++)
        x[i] = random_gauss(r) + (float)((cloud >> (i % 3) & 1) ? 1.0 : -1.0);
}

static inline void fill_for(varve_metric metric, varve_dtype dtype, float *x, uint32_t dim,
                            random_state *r)
{
    fill(x, dim, r);
    for (uint32_t i = 0; i < dim; i++) {
        if (metric == VARVE_METRIC_HELLINGER || metric == VARVE_METRIC_JENSEN_SHANNON ||
            metric == VARVE_METRIC_WASSERSTEIN)
            x[i] = x[i] * x[i];
        if (metric == VARVE_METRIC_HAVERSINE) x[i] *= 20;
        if (dtype == VARVE_UINT8) x[i] = roundf(fminf(255, fmaxf(0, 128 + 30 * x[i])));
        if (dtype == VARVE_INT8) x[i] = roundf(fminf(127, fmaxf(-128, 30 * x[i])));
    }
}

static inline test_vectors *make_vectors(uint32_t count, uint32_t dim, varve_dtype dtype,
                                         varve_metric metric, random_state *r)
{
    test_vectors *t = new_vectors(count, dim, dtype);
    float *x = calloc(dim, sizeof *x);
    for (uint32_t slot = 0; slot < count; slot++) {
        fill_for(metric, dtype, x, dim, r);
        set_vector(t, slot, x);
    }
    free(x);
    return t;
}

/* ---- recall -------------------------------------------------------------------------------- */

/* The share of the k nearest live rows among the hits; at least k hits, or all live rows. */
static inline double recall_of(vector_index *x, const test_vectors *t, varve_metric metric,
                               const index_query *q)
{
    ranked *all = calloc(t->rows.count + 1, sizeof *all);
    size_t live = rank_all(t, metric, q, all), wanted = VV_MIN(q->k, live), found = 0;
    found_hits f = search_index(x, t, q);
    assert_true(f.count >= wanted);
    for (size_t i = 0; i < f.count; i++)
        found +=
            exact_key(t, metric, q->values, f.hits[i].slot) <= all[wanted ? wanted - 1 : 0].key;
    free(f.hits);
    free(all);
    return wanted ? (double)VV_MIN(found, wanted) / (double)wanted : 1;
}

static inline double mean_recall(vector_index *x, const test_vectors *t, varve_metric metric,
                                 index_query q, unsigned queries, random_state *r)
{
    float *values = calloc(t->rows.dim, sizeof *values);
    double sum = 0;
    for (unsigned i = 0; i < queries; i++) {
        fill_for(metric, t->rows.dtype, values, t->rows.dim, r);
        q.values = values;
        sum += recall_of(x, t, metric, &q);
    }
    free(values);
    return sum / queries;
}

/* `share` of the rows, or all but `share` when it is above 1. */
static inline tombstones *hide_rows(uint32_t count, double share, random_state *r)
{
    uint64_t *slots = calloc(count + 1, sizeof *slots);
    size_t n = 0, keep = share > 1 ? (size_t)share : 0;
    tombstones *hidden;
    for (uint32_t slot = 0; slot < count; slot++) {
        bool hide = keep ? slot % (count / keep) != 0 : random_unit(r) < share;
        if (hide) slots[n++] = slot;
    }
    OK(tombstones_change(NULL, slots, n, NULL, 0, &hidden, err));
    free(slots);
    return hidden;
}

#endif
