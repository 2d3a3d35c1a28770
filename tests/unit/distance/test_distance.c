/* test_distance.c — every kernel that this CPU can run, against distance_exact: every metric,
 * stored type and length 0..300, over rows that are random, empty, equal, opposite, tiny, huge or
 * both, and never aligned. A scan score is never NaN and never further from the exact one than
 * distance_scan_error says; and what it says is small where nothing overflows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/random.h"
#include "distance/distance_kernels.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIM_MAX 300

typedef enum shape {
    SHAPE_GAUSS,
    SHAPE_ZERO,
    SHAPE_TINY, /* subnormal */
    SHAPE_HUGE,
    SHAPE_MIXED, /* tiny and huge side by side */
    SHAPE_ONE_HOT,
    SHAPE_BITS,
    SHAPE_BYTES,  /* integers that fit the stored type */
    SHAPE_COUNTS, /* not negative */
    SHAPES
} shape;

static float coordinate(random_state *r, shape s, varve_dtype type, size_t i, size_t hot)
{
    float huge = type == VARVE_FLOAT16 ? 60000.0f : 3e38f,
          tiny = type == VARVE_FLOAT16 ? 1e-7f : 3e-42f;
    float gauss = random_gauss(r), lowest = type == VARVE_INT8 ? -128 : 0;
    switch (s) {
    case SHAPE_GAUSS: return gauss;
    case SHAPE_ZERO: return 0;
    case SHAPE_TINY: return gauss * tiny;
    case SHAPE_HUGE: return gauss < 0 ? -huge : huge * (float)random_unit(r);
    case SHAPE_MIXED: return random_u64(r) % 2 ? gauss * tiny : gauss * (huge / 8);
    case SHAPE_ONE_HOT: return i == hot ? 1 : 0;
    case SHAPE_BITS: return (float)(random_u64(r) % 2);
    case SHAPE_BYTES: return lowest + (float)random_below(r, 256);
    default: return random_u64(r) % 4 ? fabsf(gauss) * 3 : 0;
    }
}

static void store(varve_dtype type, size_t i, float value, uint8_t *row)
{
    uint16_t half = half_from_float(value);
    switch (type) {
    case VARVE_FLOAT32: memcpy(row + 4 * i, &value, 4); break;
    case VARVE_FLOAT16: memcpy(row + 2 * i, &half, 2); break;
    case VARVE_UINT8: row[i] = (uint8_t)fminf(255, fmaxf(0, nearbyintf(value))); break;
    case VARVE_INT8: row[i] = (uint8_t)(int8_t)fminf(127, fmaxf(-128, nearbyintf(value))); break;
    default: row[i / 8] |= (uint8_t)((value > 0.5f) << (i % 8)); break;
    }
}

/* Rows of all shapes, then the query itself and its opposite, as far as the type can hold them;
 * ends where its memory ends, so that reading past it is caught. */
#define ROWS_TESTED (SHAPES + 2)
typedef struct row_set {
    uint8_t *memory, *first;
    size_t row_bytes;
    double norm_max;
} row_set;

static row_set rows_new(random_state *r, varve_dtype type, size_t dim, const float *query)
{
    row_set t = {.row_bytes = varve_dtype_row_bytes(type, dim)};
    t.memory = calloc(1, 1 + ROWS_TESTED * t.row_bytes);
    assert_non_null(t.memory);
    t.first = t.memory + 1;
    for (size_t n = 0; n < ROWS_TESTED; n++) {
        uint8_t *row = t.first + n * t.row_bytes;
        size_t hot = random_below(r, dim + 1);
        for (size_t i = 0; i < dim; i++) {
            float value = n < SHAPES    ? coordinate(r, (shape)n, type, i, hot)
                          : n == SHAPES ? query[i]
                                        : -query[i];
            store(type, i, value, row);
        }
        t.norm_max = fmax(t.norm_max, distance_norm(type, dim, row));
    }
    return t;
}

typedef struct totals {
    uint64_t scored, unknown;
} totals;

static void check_one(const distance_query *q, double exact, float score, double norm_max,
                      totals *t)
{
    double error = distance_scan_error(q, score, norm_max);
    if (isnan(score) || isnan(exact) || isnan(error)) {
        fail_msg("%s %s %s dim %zu: scan %g exact %g error %g", q->isa->name,
                 varve_metric_name(q->metric), varve_dtype_name(q->stored), q->dim, (double)score,
                 exact, error);
    }
    assert_true(error >= 0);
    t->scored++;
    if (isinf(error)) {
        t->unknown++;
    } else if (isinf(exact) || isinf(score)) {
        assert_true((double)score == exact);
    } else if (fabs((double)score - exact) > error) {
        fail_msg("%s %s %s dim %zu: scan %.9g exact %.17g error %g", q->isa->name,
                 varve_metric_name(q->metric), varve_dtype_name(q->stored), q->dim, (double)score,
                 exact, error);
    }
}

static void check_query(const distance_isa_kernels *isa, varve_metric metric, varve_dtype type,
                        size_t dim, const float *query, const row_set *r, totals *t)
{
    distance_query *q = NULL;
    float scores[ROWS_TESTED];
    varve_status status = distance_query_new_for(isa, metric, type, dim, query, &q, NULL);
    if (metric == VARVE_METRIC_HAVERSINE && dim != 2) {
        assert_int_equal(status, VARVE_UNSUPPORTED);
        assert_null(q);
        return;
    }
    assert_int_equal(status, VARVE_OK);
    /* Without a kernel of its own, a scan is distance_exact: a few lengths are enough. */
    bool tested = q->family != FAMILY_DOUBLES || dim % 23 == 2;
    if (tested) distance_scan(q, r->first, ROWS_TESTED, scores);
    for (size_t n = 0; tested && n < ROWS_TESTED; n++) {
        double exact = distance_exact(metric, type, dim, query, r->first + n * r->row_bytes);
        check_one(q, exact, scores[n], r->norm_max, t);
    }
    distance_query_free(q);
}

static void check_dim(random_state *r, const distance_isa_kernels *isa, varve_dtype type,
                      size_t dim, totals *t)
{
    float query[DIM_MAX + 1];
    for (int s = 0; s < SHAPES; s++) {
        size_t hot = random_below(r, dim + 1);
        for (size_t i = 0; i < dim; i++)
            query[i] = coordinate(r, (shape)s, type, i, hot);
        row_set tested = rows_new(r, type, dim, query);
        for (int m = 0; m < VARVE_METRIC_COUNT; m++)
            check_query(isa, (varve_metric)m, type, dim, query, &tested, t);
        free(tested.memory);
    }
}

static void test_kernels_agree_with_exact(void **state)
{
    const distance_isa_kernels *isas[DISTANCE_ISAS_MAX];
    (void)state;
    distance_isas(isas);
    for (size_t k = 0; isas[k]; k++) {
        random_state r;
        totals t = {0};
        random_seed(&r, 7 + k);
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
            for (size_t dim = 0; dim <= DIM_MAX; dim++)
                check_dim(&r, isas[k], (varve_dtype)type, dim, &t);
        }
        print_message("%s: %lu scores, %lu overflowed\n", isas[k]->name, (unsigned long)t.scored,
                      (unsigned long)t.unknown);
        assert_true(t.unknown < t.scored / 10);
    }
}

/* Long rows and many of them: the bound must stay useful, or rescoring would be all the work. */
static void check_long(const distance_isa_kernels *isa, varve_metric metric, varve_dtype type,
                       size_t dim, random_state *r)
{
    enum { N = 600 };
    size_t row_bytes = varve_dtype_row_bytes(type, dim);
    float *query = malloc(dim * sizeof *query), *scores = malloc(N * sizeof *scores);
    uint8_t *rows = calloc(N, row_bytes);
    distance_query *q = NULL;
    double norm_max = 0;
    assert_true(query && scores && rows);
    for (size_t i = 0; i < dim; i++)
        query[i] = random_gauss(r);
    for (size_t n = 0; n < N; n++) {
        for (size_t i = 0; i < dim; i++)
            store(type, i, random_gauss(r), rows + n * row_bytes);
        norm_max = fmax(norm_max, distance_norm(type, dim, rows + n * row_bytes));
    }
    assert_int_equal(distance_query_new_for(isa, metric, type, dim, query, &q, NULL), VARVE_OK);
    distance_scan(q, rows, N, scores);
    for (size_t n = 0; n < N; n++) {
        double exact = distance_exact(metric, type, dim, query, rows + n * row_bytes);
        double error = distance_scan_error(q, scores[n], norm_max);
        double scale = metric == VARVE_METRIC_IP ? norm_max * q->norm : fmax(1, fabs(exact));
        assert_true(fabs((double)scores[n] - exact) <= error);
        assert_true(error <= 2e-4 * scale);
    }
    distance_query_free(q);
    free(query);
    free(scores);
    free(rows);
}

static void test_bound_is_tight(void **state)
{
    const distance_isa_kernels *isas[DISTANCE_ISAS_MAX];
    random_state r;
    (void)state;
    random_seed(&r, 3);
    distance_isas(isas);
    for (size_t k = 0; isas[k]; k++) {
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
            check_long(isas[k], VARVE_METRIC_IP, (varve_dtype)type, 1536, &r);
            check_long(isas[k], VARVE_METRIC_L2, (varve_dtype)type, 769, &r);
            check_long(isas[k], VARVE_METRIC_COSINE, (varve_dtype)type, 1023, &r);
            check_long(isas[k], VARVE_METRIC_L1, (varve_dtype)type, 100, &r);
            check_long(isas[k], VARVE_METRIC_JACCARD, (varve_dtype)type, 1000, &r);
        }
    }
}

static void check_whole(const distance_isa_kernels *isa, varve_metric metric, varve_dtype type,
                        size_t dim, float low, float high)
{
    float *query = malloc(dim * sizeof *query), score;
    uint8_t *row = calloc(1, varve_dtype_row_bytes(type, dim));
    distance_query *q = NULL;
    assert_true(query && row);
    for (size_t i = 0; i < dim; i++) {
        query[i] = high;
        store(type, i, low, row);
    }
    assert_int_equal(distance_query_new_for(isa, metric, type, dim, query, &q, NULL), VARVE_OK);
    distance_scan(q, row, 1, &score);
    double exact = distance_exact(metric, type, dim, query, row);
    assert_true((double)score == (double)(float)exact);
    if (fabs(exact) <= 0x1p24 && metric != VARVE_METRIC_COSINE)
        assert_true(distance_scan_error(q, score, 1e9) == 0);
    distance_query_free(q);
    free(query);
    free(row);
}

/* Integral queries over 8-bit rows, at the extremes that could overflow. */
static void test_integers_are_exact(void **state)
{
    const distance_isa_kernels *isas[DISTANCE_ISAS_MAX];
    static const size_t dims[] = {1, 31, 256, 4096, DISTANCE_DIM_INT32};
    (void)state;
    distance_isas(isas);
    for (size_t k = 0; isas[k]; k++) {
        for (size_t d = 0; d < VV_COUNT(dims); d++) {
            for (int m = VARVE_METRIC_IP; m <= VARVE_METRIC_COSINE; m++) {
                check_whole(isas[k], (varve_metric)m, VARVE_UINT8, dims[d], 255, 255);
                check_whole(isas[k], (varve_metric)m, VARVE_UINT8, dims[d], 0, 255);
                check_whole(isas[k], (varve_metric)m, VARVE_INT8, dims[d], -128, -128);
                check_whole(isas[k], (varve_metric)m, VARVE_INT8, dims[d], -128, 127);
            }
            check_whole(isas[k], VARVE_METRIC_HAMMING, VARVE_BINARY, dims[d], 0, 1);
            check_whole(isas[k], VARVE_METRIC_IP, VARVE_BINARY, dims[d], 1, 1);
        }
    }
}

/* The choice is made once per process, so each case has its own. */
static void check_choice(const char *wanted, const char *expected)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (wanted) setenv("VARVE_ISA", wanted, 1);
        bool right = strcmp(distance_isa(), expected) == 0;
        setenv("VARVE_ISA", "scalar", 1); /* too late */
        _exit(right && strcmp(distance_isa(), expected) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_choice(void **state)
{
    const distance_isa_kernels *isas[DISTANCE_ISAS_MAX];
    (void)state;
    unsetenv("VARVE_ISA");
    distance_isas(isas);
    check_choice(NULL, isas[0]->name);
    check_choice("unheard-of", isas[0]->name);
    check_choice("", isas[0]->name);
    for (size_t i = 0; isas[i]; i++)
        check_choice(isas[i]->name, isas[i]->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_agree_with_exact),
        cmocka_unit_test(test_bound_is_tight),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests_name("distance", tests, NULL, NULL);
}
