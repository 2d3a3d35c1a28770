/* test_query_requests.c — what a search refuses, with which status and which words; and what it
 * does when time runs out or a file is damaged. */
#include "query_fixture.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const varve_options limits = {.max_top_k = 10000, .max_batch_vectors = 1000};
static const float query3[3] = {1, 2, 3};

static varve_search_request usual(void)
{
    return (varve_search_request){.vectors = query3, .count = 1, .dim = 3, .k = 10};
}

static void check_refused(const varve_search_request *r, varve_status status, const char *message)
{
    varve_error err = {0};
    assert_int_equal(query_check(r, &limits, &err), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.message, message);
}

static void test_limits(void **state)
{
    varve_search_request r = usual();
    (void)state;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
    r.k = 10000;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
    r.k = 20000;
    check_refused(&r, VARVE_LIMIT, "k 20000 exceeds limit max_top_k 10000");
    r.k = 9000;
    r.offset = 1001;
    check_refused(&r, VARVE_LIMIT, "k 9000 + offset 1001 exceeds limit max_top_k 10000");
    r.offset = SIZE_MAX;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_LIMIT);
    r = usual();
    r.count = 1001;
    check_refused(&r, VARVE_LIMIT, "count 1001 exceeds limit max_batch_vectors 1000");
    varve_options none = {0};
    r = usual();
    r.k = r.offset = SIZE_MAX;
    assert_int_equal(query_check(&r, &none, NULL), VARVE_OK);
}

static void test_not_finite(void **state)
{
    float floats[4] = {0, 1, NAN, 3};
    uint16_t halfs[4] = {0, 0x3c00, 0xbc00, 0xfc00};
    varve_search_request r = {.vectors = floats, .count = 2, .dim = 2, .k = 1};
    (void)state;
    check_refused(&r, VARVE_INVALID, "vectors[1][0]: not a finite number");
    floats[1] = -INFINITY;
    check_refused(&r, VARVE_INVALID, "vectors[0][1]: not a finite number");
    r.vectors = halfs;
    r.vectors_type = VARVE_FLOAT16;
    check_refused(&r, VARVE_INVALID, "vectors[1][1]: not a finite number");
    r.vectors_type = VARVE_UINT8;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
    r = usual();
    r.range = true;
    r.threshold = NAN;
    check_refused(&r, VARVE_INVALID, "threshold: not a number");
    r.threshold = INFINITY;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
}

static void test_malformed(void **state)
{
    varve_search_request r = usual();
    (void)state;
    r.vectors_type = VARVE_DTYPE_COUNT;
    check_refused(&r, VARVE_INVALID, "vectors_type: unknown type 5");
    r = usual();
    r.metric_given = true;
    r.metric = VARVE_METRIC_COUNT;
    check_refused(&r, VARVE_INVALID, "metric: unknown metric 15");
    r.metric = VARVE_METRIC_OF_FIELD;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
    r = usual();
    r.vectors = NULL;
    check_refused(&r, VARVE_INVALID, "vectors: missing");
    r.count = 0;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_OK);
    r.count = 2;
    r.dim = SIZE_MAX / 2;
    assert_int_equal(query_check(&r, &limits, NULL), VARVE_INVALID);
}

static void check_search_fails(const world *w, const varve_search_request *r, thread_pool *pool,
                               varve_status status, const char *message)
{
    varve_hits *hits = NULL;
    varve_error err = {0};
    assert_int_equal(world_search(w->v, r, &limits, pool, &hits, &err), status);
    assert_null(hits);
    assert_int_equal(err.status, status);
    assert_non_null(strstr(err.message, message));
}

static void test_dimensions(void **state)
{
    world w;
    world_spec spec = {.seed = 1, .dim = 4, .sources = 2, .rows_per_source = 10};
    varve_search_request r = usual();
    (void)state;
    world_init(&w, &spec);
    check_search_fails(&w, &r, NULL, VARVE_INVALID, "Dimension mismatch: expected 4, got 3");
    r.k = 0; /* wrong even where nothing is asked for */
    check_search_fails(&w, &r, NULL, VARVE_INVALID, "Dimension mismatch: expected 4, got 3");
    const float query4[4] = {0};
    r = (varve_search_request){.vectors = query4, .count = 1, .dim = 4, .k = 1};
    r.metric_given = true;
    r.metric = VARVE_METRIC_HAVERSINE;
    check_search_fails(&w, &r, NULL, VARVE_UNSUPPORTED, "haversine");
    world_done(&w);
}

static void test_timeout(void **state)
{
    enum { COUNT = 64, DIM = 256 };
    world w;
    world_spec spec = {.seed = 1, .dim = DIM, .sources = 2, .rows_per_source = 3000};
    thread_pool *pool = NULL;
    float *queries = calloc(COUNT * DIM, sizeof *queries);
    varve_search_request r = {.vectors = queries, .count = COUNT, .dim = DIM, .k = 10};
    (void)state;
    assert_non_null(queries);
    assert_int_equal(pool_new(2, 8, "query-test", &pool, NULL), VARVE_OK);
    world_init(&w, &spec);
    r.metric_given = true;
    r.metric = VARVE_METRIC_JENSEN_SHANNON; /* slow */
    for (size_t i = 0; i < COUNT * DIM; i++)
        queries[i] = 1;
    r.timeout_ms = 1;
    check_search_fails(&w, &r, NULL, VARVE_TIMEOUT, "not done within 1 ms");
    check_search_fails(&w, &r, pool, VARVE_TIMEOUT, "not done within 1 ms");
    r.count = 1;
    r.metric = VARVE_METRIC_IP;
    r.timeout_ms = UINT64_MAX;
    varve_hits *hits = NULL;
    assert_int_equal(world_search(w.v, &r, &limits, pool, &hits, NULL), VARVE_OK);
    varve_hits_free(hits);
    world_done(&w);
    pool_free(pool);
    free(queries);
}

/* A vector that does not match its checksum any more is an error, not a wrong hit. */
static void test_damaged_vectors(void **state)
{
    enum { DIM = 64 };
    world w;
    world_spec spec = {
        .seed = 2, .dim = DIM, .sources = 2, .rows_per_source = 2000, .no_index = true};
    float query[DIM] = {1};
    varve_search_request r = {.vectors = query, .count = 1, .dim = DIM, .k = 10};
    thread_pool *pool = NULL;
    char path[128];
    uint8_t byte;
    (void)state;
    assert_int_equal(pool_new(1, 8, "query-test", &pool, NULL), VARVE_OK);
    world_init(&w, &spec);
    world_segment_path(&w, 1, path, sizeof path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 200000), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 200000), 1);
    close(fd);
    check_search_fails(&w, &r, NULL, VARVE_CORRUPT, path);
    check_search_fails(&w, &r, pool, VARVE_CORRUPT, path);
    world_done(&w);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_timeout),   cmocka_unit_test(test_damaged_vectors),
    };
    return cmocka_run_group_tests_name("query_requests", tests, NULL, NULL);
}
