/* test_graph_search_real.c — graphs over bundled text vectors reach the recall that a search asks
 * for, with queries that were not among the rows, with all rows visible and with few; a bound from
 * elsewhere takes away only what lies beyond it. */
#include "test_graph_search.h"

#define ROWS    2500
#define DIM     384
#define QUERIES 100
#define K       10
#define HEADER  128 /* of a .npy file */

static test_vectors *packages;
static float queries[QUERIES][DIM];

static char *read_halves(const char *name)
{
    char path[512], *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", BENCH_DATA, name);
    OK(file_read(path, SIZE_MAX / 2, &bytes, &size, err));
    return bytes;
}

static int load_data(void **state)
{
    char *bytes = read_halves("packages.f16.npy");
    packages = new_vectors(ROWS, DIM, VARVE_FLOAT16);
    memcpy(packages->bytes, bytes + HEADER, (size_t)ROWS * DIM * 2);
    free(bytes);
    bytes = read_halves("queries.f16.npy");
    for (size_t i = 0; i < (size_t)QUERIES * DIM; i++)
        queries[i / DIM][i % DIM] = half_to_float(get_u16(bytes + HEADER + 2 * i));
    free(bytes);
    return make_folder(state);
}

static int free_data(void **state)
{
    free_vectors(packages);
    return remove_folder(state);
}

static double ask_all(vector_index *x, varve_metric metric, double target, const tombstones *hidden)
{
    double sum = 0;
    for (size_t i = 0; i < QUERIES; i++) {
        index_query q = query_of(queries[i], K);
        q.recall_target = target;
        q.hidden = hidden;
        sum += recall_of(x, packages, metric, &q) / QUERIES;
    }
    return sum;
}

/* Queries are harder than the rows that breadths were measured with. */
static void expect_targets(const char *mode, vector_index *x, const tombstones *few)
{
    varve_metric metric = index_get_spec(x)->mode.metric;
    for (unsigned i = 0; i < 2; i++) {
        double target = i ? 0.98 : 0.9;
        double all = ask_all(x, metric, target, NULL), some = ask_all(x, metric, target, few);
        print_message("%-16s target %.2f: breadth %4u, recall %.4f, of few visible rows %.4f\n",
                      mode, target, index_breadth(x, K, target), all, some);
        if (all < target - 0.03 || some < target - 0.03) fail_msg("%s misses the target", mode);
    }
}

static void test_targets(void **state)
{
    static const char *const modes[] = {"HNSW-IP",        "HNSW-L2-SQ8",     "HNSW-COS",
                                        "DISKANN-IP",     "DISKANN-COS-SQ8", "DISKANN-L2-PQ",
                                        "DISKANN-IP-PQ16"};
    random_state r;
    (void)state;
    random_seed(&r, 1);
    tombstones *few = hide_rows(ROWS, 0.8, &r);
    for (size_t i = 0; i < VV_COUNT(modes); i++) {
        vector_index *x = build_and_open(packages, INDEX_KIND_FULL, modes[i]);
        expect_targets(modes[i], x, few);
        index_unref(x);
    }
    tombstones_unref(few);
}

/* All hits within the bound that are there without it are there with it. */
static void expect_bound(vector_index *x, varve_metric metric, const float *values)
{
    index_query q = query_of(values, 30);
    q.breadth = 100;
    found_hits all = search_index(x, packages, &q);
    q.bound = exact_key(packages, metric, values, all.hits[10].slot);
    found_hits some = search_index(x, packages, &q);
    size_t within = 0, kept = 0;
    for (size_t i = 0; i < all.count; i++)
        within += exact_key(packages, metric, values, all.hits[i].slot) <= q.bound;
    for (size_t i = 0; i < some.count; i++)
        kept += exact_key(packages, metric, values, some.hits[i].slot) <= q.bound;
    assert_int_equal(kept, within);
    assert_true(some.count <= all.count);
    free(all.hits);
    free(some.hits);
}

static void test_bound(void **state)
{
    static const char *const modes[] = {"HNSW-IP", "HNSW-L2-SQ8", "DISKANN-COS", "HNSW-L1"};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(modes); i++) {
        vector_index *x = build_and_open(packages, INDEX_KIND_FULL, modes[i]);
        for (size_t j = 0; j < QUERIES; j++)
            expect_bound(x, index_get_spec(x)->mode.metric, queries[j]);
        index_unref(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_targets, load_data, free_data),
        cmocka_unit_test_setup_teardown(test_bound, load_data, free_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
