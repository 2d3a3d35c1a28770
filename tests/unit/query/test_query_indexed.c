/* test_query_indexed.c — searches over segments with an approximate index: most of the true hits,
 * scored exactly and in order; k of them whatever is hidden; all of them when exact is asked for;
 * and what the work counters say. */
#include "query_fixture.h"

#include <stdlib.h>

enum { DIM = 24, K = 10, QUERIES = 40 };

static const varve_options limits = {.max_top_k = 10000,
                                     .max_batch_vectors = 1000,
                                     .recall_target_percent = 95,
                                     .parallel_bytes_min = 1 << 20};

static varve_hits *ask(const world *w, varve_search_request *r, thread_pool *pool)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    assert_int_equal(query_check(r, &limits, &err), VARVE_OK);
    if (world_search(w->v, r, &limits, pool, &hits, &err) != VARVE_OK) fail_msg("%s", err.message);
    return hits;
}

static size_t count_common(const varve_hits *a, const varve_hits *b, size_t query)
{
    size_t common = 0;
    for (size_t i = 0; i < varve_hits_count(a, query); i++)
        for (size_t j = 0; j < varve_hits_count(b, query); j++)
            common += varve_hits_ordinal(a, query, i) == varve_hits_ordinal(b, query, j);
    return common;
}

static void check_order(const varve_hits *h, size_t query, bool larger)
{
    for (size_t i = 1; i < varve_hits_count(h, query); i++) {
        float before = varve_hits_score(h, query, i - 1), now = varve_hits_score(h, query, i);
        assert_true(larger ? before >= now : before <= now);
    }
}

static void check_mode(const char *mode, varve_metric metric, unsigned hidden_percent)
{
    world w;
    world_spec spec = {.seed = 11, .dim = DIM, .metric = metric, .sources = 4};
    spec.rows_per_source = 1200;
    spec.hidden_percent = hidden_percent;
    spec.index_mode = mode;
    world_init(&w, &spec);
    float queries[QUERIES * DIM];
    for (size_t i = 0; i < QUERIES; i++)
        world_query(&w, queries + i * DIM);
    varve_search_request r = {.vectors = queries, .count = QUERIES, .dim = DIM, .k = K};
    thread_pool *pool = NULL;
    assert_int_equal(pool_new(1, 8, "query-test", &pool, NULL), VARVE_OK);
    varve_hits *found = ask(&w, &r, pool);
    r.exact = true;
    varve_hits *truth = ask(&w, &r, NULL);
    varve_search_work work;
    varve_hits_work(truth, &work);
    assert_int_equal(work.segments_indexed, 0);
    assert_int_equal(work.rows_scanned, w.v->rows_live);
    varve_hits_work(found, &work);
    assert_int_equal(work.segments_indexed, 2);
    assert_int_equal(work.segments_scanned, 0);
    assert_true(work.rows_scanned < w.v->rows_live);
    assert_true(work.codes_scanned + work.nodes_visited > 0);
    size_t common = 0;
    for (size_t i = 0; i < QUERIES; i++) {
        assert_int_equal(varve_hits_count(found, i), K);
        check_order(found, i, varve_metric_larger_is_better(metric));
        common += count_common(found, truth, i);
    }
    if ((double)common < 0.93 * K * QUERIES)
        fail_msg("%s: recall %.3f", mode, (double)common / (K * QUERIES));
    varve_hits_free(found);
    varve_hits_free(truth);
    pool_free(pool);
    world_done(&w);
}

static void most_true_hits_are_found(void **state)
{
    static const struct {
        const char *mode;
        varve_metric metric;
    } modes[] = {{"FLAT-L2-PQ", VARVE_METRIC_L2},
                 {"FLAT-IP-RABITQ", VARVE_METRIC_IP},
                 {"FLAT-COS-POLARVEC4", VARVE_METRIC_COSINE},
                 {"IVF-L2", VARVE_METRIC_L2},
                 {"SPANN-IP-SQ8", VARVE_METRIC_IP},
                 {"HNSW-L2", VARVE_METRIC_L2},
                 {"HNSW-COS-SQ8", VARVE_METRIC_COSINE},
                 {"DISKANN-IP", VARVE_METRIC_IP}};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(modes); i++)
        check_mode(modes[i].mode, modes[i].metric, (unsigned)(i % 3) * 30);
    check_mode("HNSW-L2", VARVE_METRIC_L2, 60);
}

static void a_bad_recall_target_is_refused(void **state)
{
    static const double bad[] = {-0.1, 1.01, 0.0 / 0.0};
    float query[DIM] = {1};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        varve_search_request r = {.vectors = query, .count = 1, .dim = DIM, .k = K};
        r.recall_target = bad[i];
        varve_error err = {0};
        assert_int_equal(query_check(&r, &limits, &err), VARVE_INVALID);
        assert_string_equal(err.message, "recall_target must be above 0 and at most 1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(most_true_hits_are_found),
                                       cmocka_unit_test(a_bad_recall_target_is_refused)};
    return cmocka_run_group_tests_name("query_indexed", tests, NULL, NULL);
}
