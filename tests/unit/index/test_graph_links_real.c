/* test_graph_links_real.c — edges over the bundled package descriptions (8,000 × 384 of float16,
 * bench/data), searched with the queries that come with them, by inner product, cosine and L2; and
 * over a few thousand rows for each metric that has no Euclidean space. */
#include "test_graph_links_fixture.h"

#include "base/half.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS = 8000, QUERIES = 200, DIM = 384, HEADER = 128 };

static void read_file(const char *name, void *to, size_t bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", BENCH_DATA, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, to, bytes, HEADER), (ssize_t)bytes);
    close(fd);
}

static void test_package_descriptions(void **state)
{
    (void)state;
    static uint8_t halfs[QUERIES * DIM * 2];
    static float queries[QUERIES * DIM];
    read_file("queries.f16.npy", halfs, sizeof halfs);
    distance_row_floats(VARVE_FLOAT16, (size_t)QUERIES * DIM, halfs, queries);
    for (int metric = VARVE_METRIC_IP; metric <= VARVE_METRIC_COSINE; metric++) {
        fixture f;
        fixture_init(&f, metric, VARVE_FLOAT16, ROWS, DIM);
        read_file("packages.f16.npy", f.bytes, ROWS * f.row_bytes);
        graph_links l = fixture_build_checked(&f);
        double recall = fixture_recall_of(&f, &l, 32, queries, QUERIES);
        print_message("%s: recall %.4f\n", varve_metric_name(metric), recall);
        assert_true(recall >= 0.965);
        graph_links_done(&l);
        fixture_done(&f);
    }
}

/* Not negative, so that every metric is defined; some coordinates 0, two rows all 0. */
static void fill_counts(fixture *f)
{
    random_state r;
    random_seed(&r, 12);
    for (uint32_t i = 0; i < f->rows.count; i++) {
        float *x = (float *)(void *)fixture_row(f, i);
        for (uint32_t j = 0; j < f->rows.dim; j++) {
            x[j] = fabsf(random_gauss(&r)) + (float)((i + j) % 5);
            if (i % 1000 == 7 || random_below(&r, 8) == 0) x[j] = 0;
        }
    }
}

static void fill_places(fixture *f)
{
    random_state r;
    random_seed(&r, 13);
    for (uint32_t i = 0; i < f->rows.count; i++) {
        float x[2] = {(float)(360 * random_unit(&r) - 180), (float)(180 * random_unit(&r) - 90)};
        fixture_put(f, i, x);
    }
}

static void test_metrics_without_a_space(void **state)
{
    static const varve_metric metrics[] = {
        VARVE_METRIC_L1,        VARVE_METRIC_HAVERSINE,   VARVE_METRIC_CORRELATION,
        VARVE_METRIC_HELLINGER, VARVE_METRIC_WASSERSTEIN, VARVE_METRIC_JENSEN_SHANNON,
        VARVE_METRIC_CHEBYSHEV,
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(metrics); i++) {
        fixture f;
        bool places = metrics[i] == VARVE_METRIC_HAVERSINE;
        fixture_init(&f, metrics[i], VARVE_FLOAT32, 2500, places ? 2 : 12);
        f.links.candidates = 64;
        if (places)
            fill_places(&f);
        else
            fill_counts(&f);
        graph_links l = fixture_build_checked(&f);
        double recall = fixture_recall(&f, &l, 60, 30, 0.05f);
        print_message("%s: recall %.4f\n", varve_metric_name(metrics[i]), recall);
        assert_true(recall >= 0.9);
        f.options.threads = 2;
        graph_links two = fixture_build_checked(&f);
        assert_memory_equal(l.edges, two.edges, (size_t)2500 * l.degree * sizeof *l.edges);
        graph_links_done(&l);
        graph_links_done(&two);
        fixture_done(&f);
    }
}

/* Coordinates so large that distances overflow to infinity. */
static void test_infinite_distances(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_L2, VARVE_METRIC_IP, VARVE_METRIC_COSINE,
                                           VARVE_METRIC_L1, VARVE_METRIC_CHEBYSHEV};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(metrics); i++) {
        fixture f;
        fixture_init(&f, metrics[i], VARVE_FLOAT32, 2000, 8);
        fixture_fill_gauss(&f, 14);
        for (uint32_t j = 0; j < 2000 * 8; j++) {
            float *x = (float *)(void *)f.bytes + j;
            if (j / 8 % 3) *x = *x > 0 ? 3e38f : -3e38f;
            if (j / 8 % 3 && j % 8 == 0) *x = (float)j;
        }
        graph_links l = fixture_build_checked(&f);
        graph_links_done(&l);
        fixture_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_package_descriptions),
        cmocka_unit_test(test_metrics_without_a_space),
        cmocka_unit_test(test_infinite_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
