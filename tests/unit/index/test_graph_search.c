/* test_graph_search.c — graphs of every mode: recall, hidden rows, small segments, and the same
 * answers from file and memory. */
#include "index_vectors.h"

#include "base/bytes.h"

/* ---- data ---------------------------------------------------------------------------------- */

/* Points of a few overlapping clouds: neighbours exist, and no two clouds are islands. */
static void fill(float *x, uint32_t dim, random_state *r)
{
    uint64_t cloud = random_below(r, 6);
    for (uint32_t i = 0; i < dim; i++)
        x[i] = random_gauss(r) + (float)((cloud >> (i % 3) & 1) ? 1.0 : -1.0);
}

static void fill_for(varve_metric metric, varve_dtype dtype, float *x, uint32_t dim,
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

static test_vectors *make_vectors(uint32_t count, uint32_t dim, varve_dtype dtype,
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
static double recall_of(vector_index *x, const test_vectors *t, varve_metric metric,
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

static double mean_recall(vector_index *x, const test_vectors *t, varve_metric metric,
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

static const struct mode_case {
    const char *mode;
    uint32_t dim;
    varve_dtype dtype;
} cases[] = {
    {"HNSW-L2", 24, VARVE_FLOAT32},
    {"HNSW-IP", 70, VARVE_FLOAT16},
    {"HNSW-COS", 32, VARVE_FLOAT32},
    {"HNSW-L2", 40, VARVE_UINT8},
    {"HNSW-L2", 20, VARVE_INT8},
    {"HNSW-COS", 33, VARVE_INT8},
    {"HNSW-L2-SQ8", 24, VARVE_FLOAT32},
    {"HNSW-IP-SQ8", 31, VARVE_FLOAT32},
    {"HNSW-COS-SQ8", 50, VARVE_FLOAT16},
    {"HNSW-L2-SQ8", 40, VARVE_UINT8},
    {"DISKANN-L2", 24, VARVE_FLOAT32},
    {"DISKANN-IP", 70, VARVE_FLOAT32},
    {"DISKANN-COS-SQ8", 24, VARVE_FLOAT32},
    {"DISKANN-L2", 65, VARVE_UINT8},
    {"HNSW-L1", 12, VARVE_FLOAT32},
    {"HNSW-HAVERSINE", 2, VARVE_FLOAT32},
    {"HNSW-CORRELATION", 16, VARVE_FLOAT32},
    {"HNSW-HELLINGER", 10, VARVE_FLOAT32},
    {"HNSW-WASSERSTEIN", 10, VARVE_FLOAT32},
    {"HNSW-JENSEN-SHANNON", 10, VARVE_FLOAT32},
    {"HNSW-CHEBYSHEV", 8, VARVE_UINT8},
};

static void test_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        random_state r;
        random_seed(&r, 100 + i);
        index_spec s = {.dim = 1};
        OK(index_mode_parse(cases[i].mode, &s.mode, err));
        varve_metric metric = s.mode.metric;
        test_vectors *t = make_vectors(1500, cases[i].dim, cases[i].dtype, metric, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, cases[i].mode);
        index_query q = query_of(NULL, 10);
        q.breadth = 128;
        double recall = mean_recall(x, t, metric, q, 20, &r);
        if (recall < 0.97) fail_msg("%s: recall %.3f", cases[i].mode, recall);
        OK(index_check(x, &t->rows, err));
        index_unref(x);
        free_vectors(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modes, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
