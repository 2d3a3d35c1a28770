/* test_query_filtered.c — filtered searches that are exact find what a look at every matching row
 * finds, over memtables and segments with hidden rows, whatever the filter leaves; with approximate
 * indexes there are always as many hits as matching rows. */
#include "brute.h"

#include "query/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 16, QUERIES = 3 };

static const varve_options limits = {.max_top_k = 10000,
                                     .max_batch_vectors = 1000,
                                     .recall_target_percent = 95,
                                     .parallel_bytes_min = 1 << 14};

static varve_hits *ask(const world *w, varve_search_request *r, thread_pool *pool)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    assert_int_equal(query_check(r, &limits, &err), VARVE_OK);
    if (world_search(w->v, r, &limits, pool, &hits, &err) != VARVE_OK) fail_msg("%s", err.message);
    return hits;
}

static size_t count_matches(const world *w, const filter *f)
{
    size_t count = 0;
    for (size_t i = 0; i < w->row_count; i++)
        count += w->rows[i].fate == FATE_LIVE && brute_matches(f, &w->rows[i]);
    return count;
}

static void check_profile(const world *w, const varve_hits *hits, const filter *f)
{
    varve_profile p;
    varve_hits_profile(hits, &p);
    assert_true(p.filtered);
    assert_int_equal(p.filter_matches, count_matches(w, f));
    assert_int_equal(p.rows_total, w->v->rows_live);
    const char *line = varve_hits_explain(hits, 0);
    assert_non_null(line);
    assert_memory_equal(line, "filter: ", 8);
}

/* Scores of float32 are those of the plain evaluation, rounded. */
static void check_exact(const world *w, const char *where, thread_pool *pool, random_state *random)
{
    float queries[QUERIES * DIM];
    filter *f = brute_filter(where);
    varve_search_request r = {.vectors = queries, .dim = DIM, .exact = true, .filter = f};
    r.count = 1 + random_below(random, QUERIES);
    r.k = 1 + random_below(random, 40);
    r.offset = random_below(random, 3) ? 0 : random_below(random, 20);
    r.metric_given = random_below(random, 4) == 0;
    r.metric = VARVE_METRIC_L1;
    varve_metric metric = r.metric_given ? VARVE_METRIC_L1 : w->spec.metric;
    for (size_t i = 0; i < r.count; i++)
        world_query((world *)(uintptr_t)w, queries + i * DIM);
    varve_hits *hits = ask(w, &r, pool);
    bool larger = varve_metric_larger_is_better(metric);
    assert_int_equal(varve_hits_larger_is_better(hits), larger);
    for (size_t i = 0; i < r.count; i++) {
        brute_hits expected = brute_nearest(w, f, metric, queries + i * DIM);
        for (size_t j = 0; j < expected.count; j++)
            expected.rows[j].key = (double)(float)expected.rows[j].key;
        brute_compare(hits, i, &expected, r.offset, r.k, larger, 0, where);
        brute_free(&expected);
    }
    check_profile(w, hits, f);
    varve_hits_free(hits);
    filter_free(f);
}

static void exact_hits_are_those_of_all_matching_rows(void **state)
{
    static const struct {
        varve_metric metric;
        varve_dtype dtype;
        bool no_index;
        const char *mode;
        size_t rows;
    } worlds[] = {{VARVE_METRIC_L2, VARVE_FLOAT32, true, NULL, 500},
                  {VARVE_METRIC_IP, VARVE_FLOAT16, false, NULL, 900},
                  {VARVE_METRIC_COSINE, VARVE_FLOAT32, false, NULL, 5000},
                  {VARVE_METRIC_L2, VARVE_UINT8, true, NULL, 400},
                  {VARVE_METRIC_L2, VARVE_FLOAT32, false, "HNSW-L2", 700}};
    thread_pool *pool = NULL;
    random_state random;
    char where[256];
    (void)state;
    random_seed(&random, 5);
    assert_int_equal(pool_new(2, 16, "query-test", &pool, NULL), VARVE_OK);
    for (size_t i = 0; i < VV_COUNT(worlds); i++) {
        world w;
        world_spec spec = {.seed = 20 + i, .dim = DIM, .sources = 5, .hidden_percent = 15};
        spec.metric = worlds[i].metric;
        spec.dtype = worlds[i].dtype;
        spec.no_index = worlds[i].no_index;
        spec.index_mode = worlds[i].mode;
        spec.rows_per_source = worlds[i].rows;
        spec.rich_fields = spec.string_ids = true;
        world_init(&w, &spec);
        for (size_t j = 0; j < 25; j++) {
            brute_where(&random, where, sizeof where);
            check_exact(&w, where, j % 2 ? pool : NULL, &random);
        }
        world_done(&w);
    }
    pool_free(pool);
}

static void ranges_hold_matching_rows_alone(void **state)
{
    world w;
    world_spec spec = {.seed = 3, .dim = DIM, .metric = VARVE_METRIC_L2, .sources = 3};
    float query[DIM];
    filter *f = brute_filter("g IN ('g1', 'g2') AND score > 2");
    (void)state;
    spec.rows_per_source = 600;
    spec.rich_fields = true;
    world_init(&w, &spec);
    world_query(&w, query);
    brute_hits all = brute_nearest(&w, f, VARVE_METRIC_L2, query);
    size_t within = all.count / 3;
    varve_search_request r = {.vectors = query, .count = 1, .dim = DIM, .k = 5000, .range = true};
    r.threshold = all.rows[within - 1].key;
    r.filter = f;
    varve_hits *hits = ask(&w, &r, NULL);
    assert_int_equal(varve_hits_count(hits, 0), within);
    varve_hits_free(hits);
    brute_free(&all);
    filter_free(f);
    world_done(&w);
}

static void approximate_hits_match_and_are_as_many(void **state)
{
    static const char *const filters[] = {"n < 20", "g = 'g5'", "NOT g = 'g5'", "score > 1",
                                          "n < 0"};
    static const char *const modes[] = {"HNSW-L2", "IVF-L2", "FLAT-L2-PQ"};
    (void)state;
    for (size_t m = 0; m < VV_COUNT(modes); m++) {
        world w;
        world_spec spec = {.seed = 9, .dim = DIM, .metric = VARVE_METRIC_L2, .sources = 4};
        spec.rows_per_source = 1500;
        spec.rich_fields = true;
        spec.index_mode = modes[m];
        spec.hidden_percent = 10;
        world_init(&w, &spec);
        for (size_t i = 0; i < VV_COUNT(filters); i++) {
            filter *f = brute_filter(filters[i]);
            float query[DIM];
            world_query(&w, query);
            varve_search_request r = {.vectors = query, .count = 1, .dim = DIM, .k = 30};
            r.filter = f;
            varve_hits *hits = ask(&w, &r, NULL);
            brute_hits all = brute_nearest(&w, f, VARVE_METRIC_L2, query);
            size_t wanted = VV_MIN(all.count, (size_t)30), found = 0;
            assert_int_equal(varve_hits_count(hits, 0), wanted);
            for (size_t h = 0; h < wanted; h++)
                for (size_t j = 0; j < wanted; j++)
                    found += varve_hits_ordinal(hits, 0, h) == all.rows[j].row->ordinal;
            if ((double)found < 0.8 * (double)wanted)
                fail_msg("%s, %s: %zu of %zu", modes[m], filters[i], found, wanted);
            varve_hits_free(hits);
            brute_free(&all);
            filter_free(f);
        }
        world_done(&w);
    }
}

static void a_deadline_ends_a_filtered_search(void **state)
{
    world w;
    world_spec spec = {.seed = 4, .dim = DIM, .metric = VARVE_METRIC_L1, .sources = 2};
    volatile int cancel = 1;
    query_clock clock;
    varve_error err;
    (void)state;
    spec.rows_per_source = 100;
    world_init(&w, &spec);
    query_clock_start(&clock, 0, &cancel);
    assert_int_equal(query_clock_check(&clock, &err), VARVE_CANCELLED);
    query_clock_start(&clock, 1, NULL);
    clock.deadline_ns = 1;
    assert_int_equal(query_clock_check(&clock, &err), VARVE_TIMEOUT);
    assert_string_equal(err.message, "not done within 1 ms");
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact_hits_are_those_of_all_matching_rows),
                                       cmocka_unit_test(ranges_hold_matching_rows_alone),
                                       cmocka_unit_test(approximate_hits_match_and_are_as_many),
                                       cmocka_unit_test(a_deadline_ends_a_filtered_search)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
