/* test_graph_links.c — edges of graphs: every row can be reached, degrees hold, the graph is the
 * same whatever the number of threads, a plain search over it finds what is near; over few rows,
 * equal rows, rows in clusters, and rows whose order bytes would not keep. And builds that stop.
 * */
#include "test_graph_links_fixture.h"

#include <math.h>
#include <stdio.h>

enum { DIM = 24 };

static void test_few_rows(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 70; n += n < 36 ? 1 : 11) {
        fixture f;
        fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, n, DIM);
        fixture_fill_gauss(&f, n);
        for (f.links.degree = 8; f.links.degree <= 64; f.links.degree *= 2) {
            graph_links l = fixture_build_checked(&f);
            if (n > 1) assert_int_not_equal(l.edges[0], GRAPH_NONE);
            graph_links_done(&l);
        }
        fixture_done(&f);
    }
}

static void test_random_rows_are_found(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 6000, DIM);
    fixture_fill_gauss(&f, 1);
    graph_links l = fixture_build_checked(&f);
    assert_true(fixture_recall(&f, &l, 60, 50, 0.3f) >= 0.97);
    graph_links_done(&l);
    fixture_done(&f);
}

/* 60 clusters, far from each other and tight: bytes with one scale would not tell their rows
 * apart. */
static void fill_clusters(fixture *f, float tight)
{
    enum { CLUSTERS = 60 };
    random_state r;
    float centers[CLUSTERS][DIM], x[DIM];
    random_seed(&r, 2);
    for (size_t i = 0; i < CLUSTERS; i++) {
        for (size_t j = 0; j < DIM; j++)
            centers[i][j] = 100 * random_gauss(&r);
    }
    for (uint32_t i = 0; i < f->rows.count; i++) {
        size_t cluster = random_below(&r, CLUSTERS);
        for (size_t j = 0; j < DIM; j++)
            x[j] = centers[cluster][j] + tight * random_gauss(&r);
        fixture_put(f, i, x);
    }
}

static void test_clusters_are_connected_and_searched(void **state)
{
    (void)state;
    for (float tight = 10; tight > 0.005f; tight /= 30) {
        fixture f;
        fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 4000, DIM);
        fill_clusters(&f, tight);
        graph_links l = fixture_build_checked(&f);
        assert_true(fixture_recall(&f, &l, 100, 40, tight) >= 0.95);
        graph_links_done(&l);
        fixture_done(&f);
    }
}

/* Of 9,000 rows 5,000 are equal, 2,000 more in groups of four. */
static void test_copies_are_reached(void **state)
{
    (void)state;
    float x[DIM];
    fixture f;
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 9000, DIM);
    fixture_fill_gauss(&f, 3);
    for (uint32_t i = 0; i < 9000; i++) {
        uint32_t from = i % 9 < 5 ? 0 : i % 9 == 5 || i % 9 == 6 ? i - i % 36 + 7 : i;
        memmove(x, fixture_row(&f, from), f.row_bytes);
        fixture_put(&f, i, x);
    }
    for (f.links.degree = 8; f.links.degree <= 32; f.links.degree += 24) {
        graph_links l = fixture_build_checked(&f);
        if (f.links.degree == 32) assert_true(fixture_recall(&f, &l, 60, 40, 0.2f) >= 0.95);
        graph_links_done(&l);
    }
    fixture_done(&f);
}

static void test_rows_all_equal(void **state)
{
    (void)state;
    for (int dtype = VARVE_FLOAT32; dtype <= VARVE_UINT8; dtype++) {
        for (int metric = VARVE_METRIC_IP; metric <= VARVE_METRIC_L1; metric++) {
            fixture f;
            fixture_init(&f, metric, dtype, 3000, DIM);
            graph_links l = fixture_build_checked(&f);
            graph_links_done(&l);
            fixture_done(&f);
        }
    }
}

/* No two rows are equal, but nearly: all at distance 0 of each other as bytes, and by the metric.
 * */
static void test_rows_nearly_equal(void **state)
{
    (void)state;
    for (int metric = VARVE_METRIC_IP; metric <= VARVE_METRIC_CORRELATION; metric++) {
        fixture f;
        if (metric == VARVE_METRIC_HAVERSINE) continue;
        fixture_init(&f, metric, VARVE_FLOAT32, 3000, DIM);
        for (uint32_t i = 0; i < 3000; i++) {
            float x[DIM] = {100, 1, 2, 3, 4, 5};
            x[0] = nextafterf(100.0f, 200.0f) + (float)(i % 50) * 1e-5f;
            x[DIM - 1] = 1e-30f * (float)i;
            fixture_put(&f, i, x);
        }
        graph_links l = fixture_build_checked(&f);
        graph_links_done(&l);
        fixture_done(&f);
    }
}

static void fill_bytes(fixture *f, uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    for (uint32_t i = 0; i < f->rows.count; i++) {
        uint8_t center = (uint8_t)(random_below(&r, 16) * 16);
        for (size_t j = 0; j < f->row_bytes; j++)
            fixture_row(f, i)[j] = (uint8_t)(center ^ random_below(&r, 64));
    }
}

static void test_threads_do_not_matter_and_seeds_do(void **state)
{
    (void)state;
    for (int dtype = VARVE_FLOAT32; dtype <= VARVE_INT8; dtype++) {
        fixture f;
        fixture_init(&f, VARVE_METRIC_L2, dtype, 5000, DIM);
        if (dtype == VARVE_FLOAT32)
            fixture_fill_gauss(&f, 4);
        else if (dtype == VARVE_FLOAT16)
            f.spec.mode.metric = VARVE_METRIC_COSINE;
        if (dtype != VARVE_FLOAT32) fill_bytes(&f, 4);
        for (uint32_t i = 0; dtype == VARVE_FLOAT16 && i < 5000 * f.row_bytes; i += 2)
            f.bytes[i + 1] &= 0x3f; /* finite */
        graph_links one = fixture_build_checked(&f), two, other;
        f.options.threads = 2;
        two = fixture_build_checked(&f);
        f.options.seed++;
        other = fixture_build_checked(&f);
        size_t bytes = (size_t)5000 * f.links.degree * sizeof *one.edges;
        assert_memory_equal(one.edges, two.edges, bytes);
        assert_memory_not_equal(one.edges, other.edges, bytes);
        assert_int_equal(graph_links_entry(&one), graph_links_entry(&two));
        graph_links_done(&one);
        graph_links_done(&two);
        graph_links_done(&other);
        fixture_done(&f);
    }
}

/* Few values: nearly all distances are equal to others, and points decide. */
static void test_threads_do_not_matter_where_distances_are_equal(void **state)
{
    (void)state;
    fixture f;
    random_state r;
    random_seed(&r, 12);
    fixture_init(&f, VARVE_METRIC_L2, VARVE_UINT8, 6000, 10);
    for (size_t i = 0; i < f.rows.count * f.row_bytes; i++)
        f.bytes[i] = (uint8_t)random_below(&r, 3);
    f.links.candidates = 32;
    graph_links one = fixture_build_checked(&f);
    for (f.options.threads = 2; f.options.threads <= 4; f.options.threads++) {
        graph_links more = fixture_build_checked(&f);
        assert_memory_equal(one.edges, more.edges,
                            (size_t)one.count * one.degree * sizeof *one.edges);
        graph_links_done(&more);
    }
    graph_links_done(&one);
    fixture_done(&f);
}

static void test_byte_rows_are_found(void **state)
{
    (void)state;
    for (int dtype = VARVE_UINT8; dtype <= VARVE_INT8; dtype++) {
        for (int metric = VARVE_METRIC_IP; metric <= VARVE_METRIC_COSINE; metric++) {
            fixture f;
            fixture_init(&f, metric, dtype, 4000, DIM);
            fill_bytes(&f, 6);
            graph_links l = fixture_build_checked(&f);
            assert_true(fixture_recall(&f, &l, 80, 40, 5) >= 0.9);
            graph_links_done(&l);
            fixture_done(&f);
        }
    }
}

/* Lengths from 0.1 to 10: the space of inner product has a coordinate more. */
static void test_inner_product_with_unequal_lengths(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, VARVE_METRIC_IP, VARVE_FLOAT32, 4000, DIM);
    fixture_fill_gauss(&f, 5);
    for (uint32_t i = 0; i < 4000; i++) {
        float *x = (float *)(void *)fixture_row(&f, i);
        for (size_t j = 0; j < DIM; j++)
            x[j] *= powf(10, (float)(i % 100) / 50 - 1);
    }
    graph_links l = fixture_build_checked(&f);
    assert_true(fixture_recall(&f, &l, 100, 40, 0.3f) >= 0.9);
    graph_links_done(&l);
    fixture_done(&f);
}

static void test_more_effort_finds_more(void **state)
{
    (void)state;
    fixture f;
    double recall[3];
    const uint32_t efforts[3] = {16, 128, 400};
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 6000, 48);
    fixture_fill_gauss(&f, 9);
    for (size_t i = 0; i < 3; i++) {
        f.links.candidates = efforts[i];
        graph_links l = fixture_build_checked(&f);
        recall[i] = fixture_recall(&f, &l, 60, 60, 0.4f);
        graph_links_done(&l);
    }
    assert_true(recall[0] < recall[1] && recall[1] <= recall[2] + 0.02);
    assert_true(recall[1] > 0.8);
    fixture_done(&f);
}

/* ---- builds that stop ---------------------------------------------------------------------- */

typedef struct watch {
    uint64_t calls, stop_at, done, total;
} watch;

static bool watch_progress(void *context, const char *stage, uint64_t done, uint64_t total,
                           uint64_t bytes)
{
    watch *w = context;
    (void)bytes;
    assert_string_equal(stage, "graph");
    assert_true(done >= w->done && done <= total);
    assert_true(w->total == 0 || w->total == total);
    w->done = done;
    w->total = total;
    return ++w->calls != w->stop_at;
}

static void test_progress_and_cancelling_at_every_step(void **state)
{
    (void)state;
    fixture f;
    watch w = {0};
    graph_links l;
    varve_error err;
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 3000, DIM);
    fixture_fill_gauss(&f, 6);
    f.links.candidates = 40;
    f.options.progress = watch_progress;
    f.options.context = &w;
    l = fixture_build_checked(&f);
    graph_links_done(&l);
    assert_int_equal(w.done, w.total);
    uint64_t calls = w.calls;
    assert_true(calls > 10);
    for (uint64_t i = 1; i <= calls; i += 1 + calls / 40) {
        w = (watch){.stop_at = i};
        assert_int_equal(fixture_build(&f, &l, &err), VARVE_CANCELLED);
        assert_int_equal(w.calls, i);
    }
    fixture_done(&f);
}

static void test_the_limit_of_memory(void **state)
{
    (void)state;
    fixture f;
    graph_links l;
    varve_error err;
    char number[32];
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 3000, DIM);
    fixture_fill_gauss(&f, 7);
    uint64_t needed = graph_links_bytes(3000, DIM, &f.links);
    f.options.memory_max = needed - 1;
    assert_int_equal(fixture_build(&f, &l, &err), VARVE_LIMIT);
    snprintf(number, sizeof number, "%llu", (unsigned long long)needed);
    assert_non_null(strstr(err.message, number));
    snprintf(number, sizeof number, "%llu", (unsigned long long)needed - 1);
    assert_non_null(strstr(err.message, number));
    f.options.memory_max = needed;
    l = fixture_build_checked(&f);
    graph_links_done(&l);
    fixture_done(&f);
}

/* Of bytes, beyond a quarter of a million rows: it shows in the memory that each of them takes. */
static void test_partitions_grow_wider_with_the_rows(void **state)
{
    fixture f;
    (void)state;
    fixture_init(&f, VARVE_METRIC_L2, VARVE_FLOAT32, 10, DIM);
    uint64_t few = graph_links_bytes(1 << 10, DIM, &f.links) >> 10;
    uint64_t last = graph_links_bytes(1 << 18, DIM, &f.links) >> 18;
    assert_int_equal(few, last);
    for (unsigned power = 19; power <= 21; power++) {
        uint64_t next = graph_links_bytes(UINT64_C(1) << power, DIM, &f.links) >> power;
        assert_true(next > last);
        last = next;
    }
    assert_int_equal(graph_links_bytes(UINT64_C(1) << 27, DIM, &f.links) >> 27,
                     graph_links_bytes(UINT64_C(1) << 26, DIM, &f.links) >> 26); /* the widest */
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_random_rows_are_found),
        cmocka_unit_test(test_clusters_are_connected_and_searched),
        cmocka_unit_test(test_copies_are_reached),
        cmocka_unit_test(test_rows_all_equal),
        cmocka_unit_test(test_rows_nearly_equal),
        cmocka_unit_test(test_threads_do_not_matter_and_seeds_do),
        cmocka_unit_test(test_threads_do_not_matter_where_distances_are_equal),
        cmocka_unit_test(test_byte_rows_are_found),
        cmocka_unit_test(test_inner_product_with_unequal_lengths),
        cmocka_unit_test(test_more_effort_finds_more),
        cmocka_unit_test(test_progress_and_cancelling_at_every_step),
        cmocka_unit_test(test_the_limit_of_memory),
        cmocka_unit_test(test_partitions_grow_wider_with_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
