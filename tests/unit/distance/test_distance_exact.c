/* test_distance_exact.c — the judge itself: every metric by hand-computed cases, and against a
 * second writing of its definition in long double, as formulas in textbooks put it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double f32(varve_metric m, size_t dim, const float *a, const float *b)
{
    return distance_exact(m, VARVE_FLOAT32, dim, a, b);
}

static bool close_to(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-12 * fmax(1, fmax(fabs(a), fabs(b)));
}

/* ---- by hand ------------------------------------------------------------------------------- */

typedef struct hand_case {
    varve_metric metric;
    float a[4], b[4]; /* a: the query */
    double expected;
} hand_case;

#define M(name) VARVE_METRIC_##name
static const hand_case by_hand[] = {
    {M(IP), {1, 2, 3, 4}, {5, -6, 7, 8}, 46},
    {M(L2), {1, 2, 3, 4}, {5, -6, 7, 8}, 112},
    {M(L1), {1, 2, 3, 4}, {5, -6, 7, 8}, 20},
    {M(CHEBYSHEV), {1, 2, 3, 4}, {5, -6, 7, 8}, 8},
    {M(COSINE), {3, 4, 0, 0}, {4, 3, 0, 0}, 1 - 24.0 / 25},
    {M(COSINE), {1, 2, 3, 4}, {1, 2, 3, 4}, 0},
    {M(COSINE), {1, 2, 3, 4}, {-2, -4, -6, -8}, 2},
    {M(COSINE), {1, 2, 3, 4}, {0, 0, 0, 0}, 1},
    {M(COSINE), {0, 0, 0, 0}, {0, 0, 0, 0}, 1},
    {M(CANBERRA), {0, 1, 2, 0}, {0, 3, -2, 5}, 0 + 0.5 + 1 + 1},
    {M(BRAY_CURTIS), {1, 2, 3, 4}, {4, 3, 2, 1}, 8.0 / 20},
    {M(BRAY_CURTIS), {0, 0, 0, 0}, {0, 0, 0, 0}, 0},
    {M(BRAY_CURTIS), {1, -2, 0, 0}, {-1, 2, 0, 0}, INFINITY},
    {M(CORRELATION), {1, 2, 3, 4}, {10, 20, 30, 40}, 0},
    {M(CORRELATION), {1, 2, 3, 4}, {4, 3, 2, 1}, 2},
    {M(CORRELATION), {2, 2, 2, 2}, {2, 2, 2, 2}, 0},
    {M(CORRELATION), {2, 2, 2, 2}, {3, 3, 3, 3}, 1},
    {M(CORRELATION), {2, 2, 2, 2}, {1, 2, 3, 4}, 1},
    {M(HELLINGER), {1, 0, 0, 0}, {0, 5, 0, 0}, 1},
    {M(HELLINGER), {1, 2, 0, 1}, {2, 4, 0, 2}, 0},
    {M(HELLINGER), {0, 0, 0, 0}, {0, 1, 0, 0}, 1},
    {M(HELLINGER), {0, 0, 0, 0}, {0, 0, 0, 0}, 0},
    {M(HELLINGER), {1, 0, 0, 0}, {-1, 5, 0, 0}, INFINITY},
    {M(WASSERSTEIN), {1, 0, 0, 0}, {0, 0, 0, 2}, 3},
    {M(WASSERSTEIN), {1, 1, 0, 0}, {0, 0, 1, 1}, 2},
    {M(WASSERSTEIN), {0, 0, 0, 0}, {0, 0, 0, 1}, INFINITY},
    {M(WASSERSTEIN), {0, 0, 0, 0}, {0, 0, 0, 0}, 0},
    {M(WASSERSTEIN), {1, 0, 0, -1}, {0, 0, 0, 1}, INFINITY},
    {M(JENSEN_SHANNON), {1, 0, 0, 0}, {0, 5, 0, 0}, 0.83255461115769769},
    {M(JENSEN_SHANNON), {1, 2, 0, 1}, {2, 4, 0, 2}, 0},
    {M(JENSEN_SHANNON), {0, 0, 0, 0}, {0, 0, 1, 0}, 0.83255461115769769},
    {M(JENSEN_SHANNON), {0, 0, 0, 0}, {0, 0, 0, 0}, 0},
    {M(JENSEN_SHANNON), {1, 0, 0, 0}, {0, -5, 0, 0}, INFINITY},
    {M(HAMMING), {1, 0.5f, 0.6f, -3}, {0, 1, 1, 0}, 2},
    {M(JACCARD), {1, 1, 0, 0}, {0, 1, 1, 0}, 1 - 1.0 / 3},
    {M(JACCARD), {0, 0, 0, 0}, {0, 0.5f, 0, 0}, 0},
    {M(JACCARD), {0, 0, 0, 0}, {0, 1, 0, 0}, 1},
    {M(DICE), {1, 1, 0, 0}, {0, 1, 1, 0}, 0.5},
    {M(DICE), {0, 0, 0, 0}, {0, 0, 0, 0}, 0},
    {M(DICE), {0, 0, 0, 0}, {0, 1, 0, 0}, 1},
};

static void test_by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(by_hand); i++) {
        const hand_case *c = &by_hand[i];
        double got = f32(c->metric, 4, c->a, c->b), back = f32(c->metric, 4, c->b, c->a);
        if (!close_to(got, c->expected) || !close_to(back, c->expected)) {
            fail_msg("case %zu, %s: %.17g and back %.17g, expected %.17g", i,
                     varve_metric_name(c->metric), got, back, c->expected);
        }
    }
}

static void test_haversine(void **state)
{
    const float berlin[] = {13.4050f, 52.5200f}, paris[] = {2.3522f, 48.8566f};
    const float pole[] = {77, 90}, same_pole[] = {-12, 90}, equator[] = {0, 0}, east[] = {90, 0};
    const float antipode[] = {180, 0}, beyond[] = {0, 90.5f};
    const double quarter = 6371008.8 * 3.14159265358979323846 / 2;
    (void)state;
    assert_true(fabs(f32(VARVE_METRIC_HAVERSINE, 2, berlin, paris) - 877464) < 500);
    assert_true(f32(VARVE_METRIC_HAVERSINE, 2, berlin, berlin) == 0);
    assert_true(f32(VARVE_METRIC_HAVERSINE, 2, pole, same_pole) < 1e-3);
    assert_true(fabs(f32(VARVE_METRIC_HAVERSINE, 2, equator, east) - quarter) < 1e-6);
    assert_true(fabs(f32(VARVE_METRIC_HAVERSINE, 2, equator, antipode) - 2 * quarter) < 1e-6);
    assert_true(isinf(f32(VARVE_METRIC_HAVERSINE, 2, beyond, east)));
    assert_true(isinf(f32(VARVE_METRIC_HAVERSINE, 2, east, beyond)));
}

/* ---- the second writing -------------------------------------------------------------------- */

typedef long double real;

static real total(size_t n, const float *x)
{
    real sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (real)x[i];
    return sum;
}

static real dot(size_t n, const float *a, const float *b, real shift_a, real shift_b)
{
    real sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((real)a[i] - shift_a) * ((real)b[i] - shift_b);
    return sum;
}

static real angle(size_t n, const float *a, const float *b, real shift_a, real shift_b)
{
    return 1 - dot(n, a, b, shift_a, shift_b) /
                   (sqrtl(dot(n, a, a, shift_a, shift_a)) * sqrtl(dot(n, b, b, shift_b, shift_b)));
}

static real kullback(real p, real m) { return p > 0 ? p * logl(p / m) : 0; }

static real shares(varve_metric m, size_t n, const float *a, const float *b)
{
    real sum_a = total(n, a), sum_b = total(n, b), cdf_a = 0, cdf_b = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        real p = (real)a[i] / sum_a, r = (real)b[i] / sum_b;
        cdf_a += p;
        cdf_b += r;
        if (m == VARVE_METRIC_HELLINGER) sum += sqrtl(p * r);
        if (m == VARVE_METRIC_WASSERSTEIN) sum += fabsl(cdf_a - cdf_b);
        if (m == VARVE_METRIC_JENSEN_SHANNON)
            sum += (kullback(p, (p + r) / 2) + kullback(r, (p + r) / 2)) / 2;
    }
    if (m == VARVE_METRIC_HELLINGER) return sqrtl(fmaxl(0, 1 - sum));
    return m == VARVE_METRIC_WASSERSTEIN ? sum : sqrtl(fmaxl(0, sum));
}

static real bits(varve_metric m, size_t n, const float *a, const float *b)
{
    real both = 0, only_a = 0, only_b = 0;
    for (size_t i = 0; i < n; i++) {
        both += a[i] > 0.5f && b[i] > 0.5f;
        only_a += a[i] > 0.5f && !(b[i] > 0.5f);
        only_b += b[i] > 0.5f && !(a[i] > 0.5f);
    }
    if (m == VARVE_METRIC_HAMMING) return only_a + only_b;
    if (both + only_a + only_b == 0) return 0;
    real weight = m == VARVE_METRIC_DICE ? 2 * both : both;
    return (only_a + only_b) / (weight + only_a + only_b);
}

static real second_writing(varve_metric m, size_t n, const float *a, const float *b)
{
    real l1 = 0, sums = 0, max = 0, canberra = 0;
    for (size_t i = 0; i < n; i++) {
        real d = fabsl((real)a[i] - (real)b[i]), both = fabsl((real)a[i]) + fabsl((real)b[i]);
        l1 += d;
        sums += fabsl((real)a[i] + (real)b[i]);
        max = fmaxl(max, d);
        canberra += both > 0 ? d / both : 0;
    }
    switch (m) {
    case VARVE_METRIC_IP: return dot(n, a, b, 0, 0);
    case VARVE_METRIC_L2: return dot(n, a, a, 0, 0) + dot(n, b, b, 0, 0) - 2 * dot(n, a, b, 0, 0);
    case VARVE_METRIC_COSINE: return angle(n, a, b, 0, 0);
    case VARVE_METRIC_L1: return l1;
    case VARVE_METRIC_CHEBYSHEV: return max;
    case VARVE_METRIC_CANBERRA: return canberra;
    case VARVE_METRIC_BRAY_CURTIS: return l1 / sums;
    case VARVE_METRIC_CORRELATION:
        return angle(n, a, b, total(n, a) / (real)n, total(n, b) / (real)n);
    case VARVE_METRIC_HAMMING:
    case VARVE_METRIC_JACCARD:
    case VARVE_METRIC_DICE: return bits(m, n, a, b);
    default: return shares(m, n, a, b);
    }
}

static void test_second_writing(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 11);
    for (size_t n = 2; n <= 600; n += 13) {
        float a[600], b[600];
        for (size_t i = 0; i < n; i++) { /* not negative, for those that need it */
            a[i] = fabsf(random_gauss(&r));
            b[i] = random_u64(&r) % 3 ? fabsf(random_gauss(&r)) : 0;
        }
        for (int m = 0; m < VARVE_METRIC_COUNT; m++) {
            if (m == VARVE_METRIC_HAVERSINE) continue;
            double got = f32((varve_metric)m, n, a, b);
            double expected = (double)second_writing((varve_metric)m, n, a, b);
            if (!(fabs(got - expected) <= 1e-11 * fmax(1, fabs(expected)))) {
                fail_msg("%s dim %zu: %.17g, expected %.17g", varve_metric_name((varve_metric)m), n,
                         got, expected);
            }
        }
    }
}

/* The same values in every stored type that can hold them give the same distance. */
static void test_stored_types_agree(void **state)
{
    enum { DIM = 77 };
    random_state r;
    float a[DIM], b[DIM];
    uint8_t bytes[DIM], packed[(DIM + 7) / 8] = {0}, halfs[2 * DIM];
    (void)state;
    random_seed(&r, 5);
    for (size_t i = 0; i < DIM; i++) {
        uint16_t half[] = {0, 0x3c00};
        size_t bit = random_u64(&r) % 2;
        a[i] = fabsf(random_gauss(&r));
        b[i] = (float)bit;
        bytes[i] = (uint8_t)bit;
        packed[i / 8] |= (uint8_t)(bit << (i % 8));
        memcpy(halfs + 2 * i, &half[bit], 2);
    }
    const void *rows[] = {b, halfs, bytes, bytes, packed};
    for (int m = 0; m < VARVE_METRIC_COUNT; m++) {
        if (m == VARVE_METRIC_HAVERSINE) continue;
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
            double got = distance_exact((varve_metric)m, (varve_dtype)type, DIM, a, rows[type]);
            assert_true(got == f32((varve_metric)m, DIM, a, b));
            assert_true(close_to(distance_norm((varve_dtype)type, DIM, rows[type]),
                                 (double)sqrtl(dot(DIM, b, b, 0, 0))));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_haversine),
        cmocka_unit_test(test_second_writing),
        cmocka_unit_test(test_stored_types_agree),
    };
    return cmocka_run_group_tests_name("distance_exact", tests, NULL, NULL);
}
