/* test_kmeans.c — assignment agrees with a plain search, whatever the instruction set and the
 * number of threads; centroids explain the rows, and no cluster stays empty. */
#include "quant/kmeans_private.h"
#include "quant_data.h"

#include <float.h>

/* ---- assignment ---------------------------------------------------------------------------- */

static double distance(const quant_rows *rows, size_t i, const quant_rows *centroids, size_t id)
{
    return quant_squared(quant_row(rows, i), quant_row(centroids, id), rows->width);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Ids are different, distances are theirs, and each is as near as the one of its rank in a plain
 * search, but for `slack` of what rounding may hide. */
static void check_row(const quant_rows *rows, size_t i, const quant_rows *centroids, size_t count,
                      const uint32_t *ids, const double *distances, double slack)
{
    double *all = malloc(centroids->n * sizeof *all), largest = 0;
    for (size_t id = 0; id < centroids->n; id++) {
        all[id] = distance(rows, i, centroids, id);
        largest = fmax(largest, all[id]);
    }
    for (size_t j = 0; j < count; j++) {
        assert_true(ids[j] < centroids->n);
        double d = distance(rows, i, centroids, ids[j]);
        assert_true(fabs(distances[j] - d) <= 1e-6 * d);
        if (j > 0) assert_true(distances[j] >= distances[j - 1]);
        for (size_t other = 0; other < j; other++)
            assert_int_not_equal(ids[j], ids[other]);
    }
    qsort(all, centroids->n, sizeof *all, ascending);
    for (size_t j = 0; j < count; j++)
        assert_true(distances[j] <= all[j] + slack * largest);
    free(all);
}

static void check_assignment(const quant_rows *rows, const quant_rows *centroids, size_t count,
                             thread_pool *pool, double slack)
{
    uint32_t *ids = malloc(rows->n * count * sizeof *ids);
    float *found = malloc(rows->n * count * sizeof *found);
    double *distances = malloc(count * sizeof *distances);
    assert_int_equal(kmeans_assign(rows->values, rows->n, rows->width, centroids->values,
                                   centroids->n, count, pool, ids, found, NULL),
                     VARVE_OK);
    for (size_t i = 0; i < rows->n; i++) {
        for (size_t j = 0; j < count; j++)
            distances[j] = (double)found[i * count + j];
        check_row(rows, i, centroids, count, ids + i * count, distances, slack);
    }
    free(ids);
    free(found);
    free(distances);
}

static void assignment_is_that_of_a_plain_search(void **state)
{
    static const struct {
        size_t n, k, width, count;
        double mean, deviation;
    } cases[] = {
        {1, 1, 1, 1, 0, 1},         {3, 40, 7, 5, 0, 1},       {10, 1, 3, 1, 0, 1},
        {200, 33, 1, 1, 5, 1},      {97, 64, 16, 1, 0, 1},     {96, 65, 17, 3, 0, 1},
        {300, 100, 40, 1, 0, 1},    {300, 100, 40, 100, 0, 1}, {50, 2500, 5, 2, 0, 1},
        {100, 50, 600, 1, 0, 1},    {100, 2100, 520, 4, 0, 1}, {100, 50, 20, 2, 1000, 1},
        {100, 50, 20, 2, 0, 1e-15}, {100, 50, 20, 2, 0, 1e15}, {100, 50, 20, 2, 3e15, 1e14},
    };
    (void)state;
    for (size_t c = 0; c < VV_COUNT(cases); c++) {
        quant_rows rows =
            quant_gauss(cases[c].n, cases[c].width, cases[c].mean, cases[c].deviation, c);
        quant_rows centroids =
            quant_gauss(cases[c].k, cases[c].width, cases[c].mean, cases[c].deviation, 99 + c);
        check_assignment(&rows, &centroids, cases[c].count, NULL, 1e-5);
        free(rows.values);
        free(centroids.values);
    }
}

/* Rows out of the reach of float among ordinary ones. */
static void rows_far_away_are_assigned(void **state)
{
    quant_rows rows = quant_gauss(200, 30, 0, 1, 1), centroids = quant_gauss(40, 30, 0, 1, 2);
    (void)state;
    for (size_t i = 0; i < rows.n; i += 7) {
        for (size_t j = 0; j < rows.width; j++)
            quant_row(&rows, i)[j] *= i % 2 ? 1e14f : 1e-30f;
    }
    check_assignment(&rows, &centroids, 1, NULL, 1e-5);
    check_assignment(&rows, &centroids, 3, NULL, 1e-5);
    uint32_t ids[20];
    for (size_t i = 0; i < 20 * rows.width; i++)
        rows.values[i] = i % 3 ? FLT_MAX : -FLT_MAX;
    assert_int_equal(
        kmeans_assign(rows.values, 20, 30, centroids.values, 40, 1, NULL, ids, NULL, NULL),
        VARVE_OK);
    for (size_t i = 0; i < 20; i++)
        assert_true(ids[i] < 40);
    free(rows.values);
    free(centroids.values);
}

static void instruction_sets_agree(void **state)
{
    const quant_isa_kernels *isas[QUANT_ISAS_MAX];
    quant_rows rows = quant_gauss(250, 70, 0, 1, 1), centroids = quant_gauss(111, 70, 0, 1, 2);
    const kmeans_rows set = {rows.values, NULL, rows.n, rows.width};
    (void)state;
    quant_isas(isas);
    for (size_t i = 0; isas[i]; i++) {
        for (size_t count = 1; count <= 4; count += 3) {
            kmeans_centroids c;
            uint32_t ids[1000];
            double distances[1000];
            assert_int_equal(kmeans_centroids_init(&c, isas[i], centroids.values, 111, 70, NULL),
                             VARVE_OK);
            assert_int_equal(kmeans_nearest(&c, &set, count, NULL, ids, distances, NULL), VARVE_OK);
            for (size_t r = 0; r < rows.n; r++)
                check_row(&rows, r, &centroids, count, ids + r * count, distances + r * count,
                          1e-5);
            kmeans_centroids_done(&c);
        }
    }
    free(rows.values);
    free(centroids.values);
}

static void wrong_requests_are_refused(void **state)
{
    float x[4] = {0};
    uint32_t id;
    const kmeans_options none = {.k = 0};
    (void)state;
    assert_int_equal(kmeans_assign(x, 1, 2, x, 2, 3, NULL, &id, NULL, NULL), VARVE_INVALID);
    assert_int_equal(kmeans_assign(x, 1, 2, x, 2, 0, NULL, &id, NULL, NULL), VARVE_INVALID);
    assert_int_equal(kmeans(x, 2, 2, &none, x, NULL), VARVE_INVALID);
}

/* ---- k-means ------------------------------------------------------------------------------- */

static float *cluster(const quant_rows *rows, uint32_t k, uint64_t seed, thread_pool *pool)
{
    const kmeans_options options = {.k = k, .iterations = 10, .seed = seed, .pool = pool};
    float *centroids = malloc(k * rows->width * sizeof *centroids);
    varve_error err = {0};
    if (kmeans(rows->values, rows->n, rows->width, &options, centroids, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    return centroids;
}

/* Mean squared distance to the nearest centroid; checks that every centroid has a row. */
static double inertia(const quant_rows *rows, const float *centroids, size_t k)
{
    uint32_t *ids = malloc(rows->n * sizeof *ids);
    float *distances = malloc(rows->n * sizeof *distances);
    bool *used = calloc(k, sizeof *used);
    double sum = 0;
    assert_int_equal(kmeans_assign(rows->values, rows->n, rows->width, centroids, k, 1, NULL, ids,
                                   distances, NULL),
                     VARVE_OK);
    for (size_t i = 0; i < rows->n; i++) {
        sum += (double)distances[i];
        used[ids[i]] = true;
    }
    for (size_t j = 0; j < k; j++)
        assert_true(used[j]);
    free(ids);
    free(distances);
    free(used);
    return sum / (double)rows->n;
}

/* 50 far clusters of deviation 1: found if the mean squared distance is that of the noise. */
static void clusters_are_found(void **state)
{
    quant_rows centres = quant_gauss(50, 10, 0, 50, 1), rows = quant_gauss(5000, 10, 0, 1, 2);
    (void)state;
    for (size_t i = 0; i < rows.n; i++) {
        for (size_t d = 0; d < 10; d++)
            quant_row(&rows, i)[d] += quant_row(&centres, i * i % 50)[d];
    }
    float *centroids = cluster(&rows, 50, 3, NULL);
    assert_true(inertia(&rows, centroids, 50) < 11);
    free(centroids);
    free(rows.values);
    free(centres.values);
}

static void bundled_rows_are_explained(void **state)
{
    quant_rows rows = quant_bundled(QUANT_BUNDLED "/packages.f16.npy", 8000);
    float *centroids = cluster(&rows, 128, 3, NULL);
    (void)state;
    double mean = inertia(&rows, centroids, 128);
    print_message("k-means: 128 centroids leave %.4f of |x|^2 = 1\n", mean);
    assert_true(mean < 0.64);
    free(centroids);
    free(rows.values);
}

static void threads_change_nothing(void **state)
{
    quant_rows rows = quant_gauss(3000, 19, 0, 1, 4);
    thread_pool *pool;
    (void)state;
    assert_int_equal(pool_new(3, 16, "test", &pool, NULL), VARVE_OK);
    float *alone = cluster(&rows, 77, 5, NULL), *together = cluster(&rows, 77, 5, pool);
    assert_memory_equal(alone, together, 77 * 19 * sizeof *alone);
    float *other = cluster(&rows, 77, 6, pool);
    assert_memory_not_equal(alone, other, 77 * 19 * sizeof *alone);
    check_assignment(&rows, &(quant_rows){77, 19, alone}, 2, pool, 1e-5);
    free(alone);
    free(together);
    free(other);
    pool_free(pool);
    free(rows.values);
}

/* Many equal rows, few different ones: each of those gets its centroid. */
static void no_cluster_is_empty(void **state)
{
    (void)state;
    for (uint32_t k = 2; k <= 60; k += k < 10 ? 1 : 25) {
        quant_rows rows = quant_gauss(1000, 3, 0, 0, 1);
        for (size_t i = 0; i < k; i++) /* the rest is zero: k different rows in all */
            quant_row(&rows, 16 * i)[i % 3] = (float)i;
        float *centroids = cluster(&rows, k, k, NULL);
        assert_true(inertia(&rows, centroids, k) < 1e-12);
        free(centroids);
        free(rows.values);
    }
}

static void fewer_rows_than_centroids_repeat(void **state)
{
    quant_rows rows = quant_gauss(3, 4, 0, 1, 1);
    float *centroids = cluster(&rows, 7, 1, NULL);
    (void)state;
    for (size_t j = 0; j < 7; j++)
        assert_memory_equal(centroids + 4 * j, quant_row(&rows, j % 3), 4 * sizeof(float));
    free(centroids);
    free(rows.values);
}

static void extreme_rows_give_finite_centroids(void **state)
{
    static const double sizes[] = {1e-44, 1e-30, 1e18, 1e37};
    (void)state;
    for (size_t s = 0; s < VV_COUNT(sizes); s++) {
        quant_rows rows = quant_gauss(500, 6, sizes[s], sizes[s], 1);
        float *centroids = cluster(&rows, 9, 1, NULL);
        for (size_t i = 0; i < 9 * 6; i++)
            assert_true(isfinite(centroids[i]));
        free(centroids);
        free(rows.values);
    }
}

static bool stop_at_half(void *context, uint64_t done, uint64_t total)
{
    uint64_t *last = context;
    assert_true(done >= *last && done <= total);
    *last = done;
    return done < total / 2;
}

static void progress_can_cancel(void **state)
{
    quant_rows rows = quant_gauss(2000, 8, 0, 1, 1);
    uint64_t last = 0;
    const kmeans_options options = {
        .k = 30, .iterations = 10, .seed = 1, .progress = stop_at_half, .context = &last};
    float centroids[30 * 8];
    (void)state;
    assert_int_equal(kmeans(rows.values, rows.n, rows.width, &options, centroids, NULL),
                     VARVE_CANCELLED);
    assert_int_equal(last, 12000); /* the first report at or past half of 11 rounds */
    free(rows.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignment_is_that_of_a_plain_search),
        cmocka_unit_test(rows_far_away_are_assigned),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(clusters_are_found),
        cmocka_unit_test(bundled_rows_are_explained),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(no_cluster_is_empty),
        cmocka_unit_test(fewer_rows_than_centroids_repeat),
        cmocka_unit_test(extreme_rows_give_finite_centroids),
        cmocka_unit_test(progress_can_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
