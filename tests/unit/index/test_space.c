/* test_space.c — nearer in the space means better by the metric, whatever the lengths of rows and
 * queries. */
#include "index_vectors.h"

#include "index/space.h"

#define DIM  12
#define ROWS 60

static test_vectors *rows_of_lengths(double smallest, double largest, uint64_t seed)
{
    test_vectors *t = new_vectors(ROWS, DIM, VARVE_FLOAT32);
    random_state r;
    random_seed(&r, seed);
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        double length = smallest * pow(largest / smallest, random_unit(&r));
        float x[DIM];
        for (size_t i = 0; i < DIM; i++)
            x[i] = (float)((double)random_gauss(&r) * length);
        set_vector(t, slot, x);
    }
    return t;
}

static double squared(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

/* Keys computed from distances are those of the metric, up to rounding; and back. */
static void expect_keys(const test_vectors *t, varve_metric metric, bool fit, double query_length,
                        double tolerance)
{
    float points[ROWS][DIM + 1], query[DIM], at[DIM + 1];
    random_state r;
    space s;
    random_seed(&r, 3);
    OK(space_init(&s, metric, &t->rows, err));
    if (fit) OK(space_fit(&s, &t->rows, err));
    assert_true(space_ok(&s) && s.width <= DIM + 1);
    for (size_t i = 0; i < DIM; i++)
        query[i] = (float)((double)random_gauss(&r) * query_length);
    double norm = distance_norm(VARVE_FLOAT32, DIM, query);
    space_query(&s, query, at);
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        float *point = points[0];
        space_rows(&s, t->bytes + slot * t->stride, 1, point);
        double d = squared(point, at, s.width), exact = exact_key(t, metric, query, slot);
        double row = distance_norm(VARVE_FLOAT32, DIM, t->bytes + slot * t->stride);
        double size = metric == VARVE_METRIC_COSINE ? 1
                      : metric == VARVE_METRIC_IP   ? norm * s.norm_max
                                                    : (norm + row) * (norm + row);
        assert_true(isfinite(d));
        assert_true(fabs(space_key(&s, d, norm) - exact) <= tolerance * size);
        assert_true(fabs(space_distance(&s, space_key(&s, d, norm), norm) - d) <= 1e-9 * (1 + d));
    }
}

static void test_keys(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_L2, VARVE_METRIC_COSINE, VARVE_METRIC_IP};
    test_vectors *even = rows_of_lengths(1, 1, 1), *uneven = rows_of_lengths(0.1, 10, 2);
    (void)state;
    for (size_t m = 0; m < VV_COUNT(metrics); m++) {
        for (int fit = 0; fit < 2; fit++) {
            expect_keys(even, metrics[m], fit, 1, 1e-6);
            expect_keys(uneven, metrics[m], fit, 1, 1e-6);
            expect_keys(uneven, metrics[m], fit, 1e-3, 1e-6);
            expect_keys(uneven, metrics[m], fit, 1e3, 1e-6);
        }
    }
    free_vectors(even);
    free_vectors(uneven);
}

/* Squares of such rows are no floats: the fitted space has some that are. */
static void test_extremes(void **state)
{
    static const varve_metric metrics[] = {VARVE_METRIC_L2, VARVE_METRIC_COSINE, VARVE_METRIC_IP};
    static const double lengths[] = {1e37, 1e-36};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(lengths); i++) {
        test_vectors *t = rows_of_lengths(lengths[i] / 10, lengths[i], 4);
        for (size_t m = 0; m < VV_COUNT(metrics); m++)
            expect_keys(t, metrics[m], true, lengths[i], 1e-6);
        free_vectors(t);
    }
}

/* Zero rows and queries have a place; other metrics have no space; nonsense read back is refused.
 * */
static void test_edges(void **state)
{
    test_vectors *t = new_vectors(3, DIM, VARVE_FLOAT32);
    float zero[DIM] = {0}, point[DIM + 1];
    space s;
    (void)state;
    for (int m = 0; m < VARVE_METRIC_COUNT; m++) {
        bool has = m == VARVE_METRIC_IP || m == VARVE_METRIC_L2 || m == VARVE_METRIC_COSINE;
        varve_status status = space_init(&s, (varve_metric)m, &t->rows, NULL);
        assert_int_equal(status, has ? VARVE_OK : VARVE_UNSUPPORTED);
        if (!has) continue;
        OK(space_fit(&s, &t->rows, err));
        space_query(&s, zero, point);
        for (size_t i = 0; i < s.width; i++)
            assert_true(point[i] == 0);
        assert_true(isfinite(space_key(&s, 0, 0)));
    }
    s.norm_max = NAN;
    assert_false(space_ok(&s));
    s.norm_max = 0;
    s.width = DIM + 2;
    assert_false(space_ok(&s));
    s.width = DIM;
    s.scale = -1;
    assert_false(space_ok(&s));
    free_vectors(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
