/* test_quant_sq8.c — SQ8: the error is certain for any rows, the order is nearly exact, and all
 * instruction sets give the same bits. */
#include "quant_data.h"

/* A group at a glance misses no row that may be within its limit: here all are, by a hair. */
static void check_near(const quant_query *query, const uint8_t *group, const float *estimates)
{
    float limits[QUANT_GROUP];
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        double e = (double)quant_error(query, group, i, estimates[i]);
        double at = sqrt((double)estimates[i]) - e;
        limits[i] = isfinite(at) ? nextafterf((float)at, INFINITY) : 0;
    }
    assert_int_equal(quant_near(query, group, estimates, limits), UINT32_MAX);
}

/* | |x - y| - sqrt(estimate) | <= e <= e_max for all rows and queries. */
static void errors_hold(const quant_rows *rows, const quant_rows *queries, double e_max)
{
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, rows);
    uint8_t *codes = quant_encoded(q, rows);
    for (size_t y = 0; y < queries->n; y++) {
        const float *query = quant_row(queries, y);
        float *estimates = quant_estimates(q, codes, rows->n, query);
        quant_query *prepared;
        assert_int_equal(quant_query_new(q, query, &prepared, NULL), VARVE_OK);
        for (size_t i = 0; i < rows->n; i++) {
            const uint8_t *group = codes + i / QUANT_GROUP * quantiser_group_bytes(q);
            float e = quant_error(prepared, group, i % QUANT_GROUP, estimates[i]);
            double x = sqrt(quant_squared(quant_row(rows, i), query, rows->width));
            assert_false(isnan(estimates[i]));
            assert_true(e >= 0 && (double)e <= e_max);
            if (isinf(e)) continue;
            double off = fabs(x - sqrt((double)estimates[i]));
            if (!(off <= (double)e))
                fail_msg("row %zu: at %.9g, estimated %.9g, off by %g, not %g", i, x,
                         sqrt((double)estimates[i]), off, (double)e);
        }
        for (size_t i = 0; i < rows->n; i += QUANT_GROUP)
            check_near(prepared, codes + i / QUANT_GROUP * quantiser_group_bytes(q), estimates + i);
        quant_query_free(prepared);
        free(estimates);
    }
    free(codes);
    quantiser_free(q);
}

/* The glance is of use: rows that are clearly beyond their limit are told so, and only they. */
static void a_glance_tells_rows_beyond(void **state)
{
    quant_rows rows = quant_gauss(32, 128, 0, 1, 1), queries = quant_gauss(1, 128, 0, 1, 2);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
    uint8_t *codes = quant_encoded(q, &rows);
    float *estimates = quant_estimates(q, codes, 32, queries.values), limits[QUANT_GROUP];
    quant_query *prepared;
    (void)state;
    assert_int_equal(quant_query_new(q, queries.values, &prepared, NULL), VARVE_OK);
    for (size_t i = 0; i < 32; i++) {
        float e = quant_error(prepared, codes, i, estimates[i]);
        limits[i] = (sqrtf(estimates[i]) - e) * (i % 3 ? 0.9999f : 1.0001f);
    }
    uint32_t mask = quant_near(prepared, codes, estimates, limits);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(mask >> i & 1, i % 3 == 0);
    quant_query_free(prepared);
    free(estimates);
    free(codes);
    free(rows.values);
    free(queries.values);
    quantiser_free(q);
}

static void errors_are_certain(void **state)
{
    static const struct {
        size_t width;
        double mean, deviation, e_max; /* of a row's error, for the bound to be of use */
    } cases[] = {
        {1, 0, 1, 0.02},       {2, 5, 1, 0.05},
        {3, 0, 1, 0.05},       {7, -100, 10, 0.5},
        {31, 0, 1e-3, 1e-4},   {64, 0, 1, 0.1},
        {128, 1e6, 1, 1},      {129, 0, 1e-20, 2e-21},
        {384, 0, 1, 0.3},      {1000, 0, 1e9, 4e8},
        {100, 0, 1e18, 2e17},  {100, 1e18, 1e18, 4e17},
        {50, 0, 1e-38, 1e-22}, {50, 0, 1e-42, 1e-22},
        {50, 0, 1e-44, 1e-22}, /* squares underflow */
        {3000, 3, 0.1, 0.1},   {20, 0, 1e38, INFINITY},
    };
    (void)state;
    for (size_t c = 0; c < VV_COUNT(cases); c++) {
        quant_rows rows =
            quant_gauss(100, cases[c].width, cases[c].mean, cases[c].deviation, 7 + c);
        quant_rows queries =
            quant_gauss(5, cases[c].width, cases[c].mean, cases[c].deviation, 1000 + c);
        memcpy(quant_row(&queries, 0), quant_row(&rows, 3), cases[c].width * sizeof(float));
        errors_hold(&rows, &queries, cases[c].e_max);
        free(rows.values);
        free(queries.values);
    }
}

/* Rows of every size in one set: zero, constant, tiny, huge, the largest float of either sign. */
static void errors_hold_for_mixed_rows(void **state)
{
    static const float sizes[] = {0,     1,     -1,    1e-45f, 1e-38f,        1e-20f,        1e-3f,
                                  1e10f, 1e18f, 3e18f, 1e30f,  3.4028234e38f, -3.4028234e38f};
    quant_rows rows = quant_gauss(8 * VV_COUNT(sizes), 33, 0, 1, 5);
    (void)state;
    for (size_t i = 0; i < rows.n; i++) {
        float *x = quant_row(&rows, i), size = sizes[i % VV_COUNT(sizes)];
        for (size_t j = 0; j < rows.width; j++) {
            float value = i < 3 * VV_COUNT(sizes) ? 1 : x[j] / 6;
            x[j] = fminf(fmaxf(value, -1), 1) * size;
            if (i >= 6 * VV_COUNT(sizes) && j % 2 == 0) x[j] = -x[j] + 1;
        }
    }
    errors_hold(&rows, &rows, INFINITY);
    for (size_t i = 0; i < rows.n; i++) { /* without the largest: a mean of ordinary size */
        for (size_t j = 0; j < rows.width; j++) {
            if (fabsf(quant_row(&rows, i)[j]) > 1e15f) quant_row(&rows, i)[j] = 3;
        }
    }
    errors_hold(&rows, &rows, INFINITY);
    free(rows.values);
}

static void a_constant_row_is_exact(void **state)
{
    quant_rows rows = quant_gauss(40, 50, 0.25, 0, 1);
    (void)state;
    errors_hold(&rows, &rows, 1e-6);
    free(rows.values);
}

static void widths_to_the_largest(void **state)
{
    static const size_t widths[] = {65536, 65537};
    (void)state;
    for (size_t w = 0; w < VV_COUNT(widths); w++) {
        quant_rows rows = quant_gauss(33, widths[w], 0, 1, w);
        for (size_t j = 0; j < widths[w]; j++) /* the largest sums there are */
            quant_row(&rows, 1)[j] = j ? 1 : -1000, quant_row(&rows, 2)[j] = j ? 1 : -1000;
        quant_rows queries = {3, widths[w], rows.values};
        errors_hold(&rows, &queries, INFINITY);
        free(rows.values);
    }
}

static void missing_rows_are_zeros(void **state)
{
    quant_rows rows = quant_gauss(5, 20, 3, 1, 1), all = quant_gauss(32, 20, 0, 0, 1);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
    (void)state;
    memcpy(all.values, rows.values, 5 * 20 * sizeof(float));
    uint8_t *some = quant_encoded(q, &rows), *whole = quant_encoded(q, &all);
    assert_memory_equal(some, whole, quantiser_group_bytes(q));
    free(some);
    free(whole);
    free(rows.values);
    free(all.values);
    quantiser_free(q);
}

static void decoded_rows_are_near(void **state)
{
    quant_rows rows = quant_bundled(QUANT_BUNDLED "/packages.f16.npy", 64);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
    uint8_t *codes = quant_encoded(q, &rows);
    float decoded[384];
    (void)state;
    for (size_t i = 0; i < rows.n; i++) {
        const uint8_t *group = codes + i / QUANT_GROUP * quantiser_group_bytes(q);
        quantiser_decode(q, group, i % QUANT_GROUP, decoded);
        assert_true(quant_squared(decoded, quant_row(&rows, i), 384) < 1e-4);
    }
    free(codes);
    free(rows.values);
    quantiser_free(q);
}

static void recall_is_nearly_exact(void **state)
{
    quant_rows rows = quant_bundled(QUANT_BUNDLED "/packages.f16.npy", 8000);
    quant_rows queries = quant_bundled(QUANT_BUNDLED "/queries.f16.npy", 200);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
    (void)state;
    double recall = quant_recall(q, &rows, &queries, 20);
    print_message("SQ8: recall@10 of 20 candidates %.4f\n", recall);
    assert_true(recall >= 0.999);
    quantiser_free(q);
    free(rows.values);
    free(queries.values);
}

static void instruction_sets_agree(void **state)
{
    (void)state;
    for (size_t width = 1; width < 300; width = width < 70 ? width + 1 : width + 37) {
        quant_rows rows = quant_gauss(40, width, 1, 2, width);
        quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
        quant_isas_agree(q, &rows, quant_row(&rows, 7));
        quantiser_free(q);
        free(rows.values);
    }
    quant_rows wide = quant_gauss(3, 5000, 1, 2, 1);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &wide);
    quant_isas_agree(q, &wide, quant_row(&wide, 1));
    quantiser_free(q);
    free(wide.values);
}

static void bytes_survive(void **state)
{
    quant_rows rows = quant_gauss(70, 19, 1, 2, 1);
    quantiser *q = quant_trained(QUANT_KIND_SQ8, 0, &rows);
    (void)state;
    quant_bytes_survive(q, &rows, quant_row(&rows, 60));
    quantiser_free(q);
    free(rows.values);
}

static void specs_are_checked(void **state)
{
    const quant_spec wrong[] = {{QUANT_KIND_SQ8, 7, 10, 1},
                                {QUANT_KIND_SQ8, 0, 0, 1},
                                {QUANT_KIND_SQ8, 0, QUANT_WIDTH_MAX + 1, 1},
                                {(quant_kind)0, 0, 10, 1},
                                {(quant_kind)99, 0, 10, 1}};
    const quant_spec right = {QUANT_KIND_SQ8, 0, 10, 1};
    quantiser *q = NULL;
    float row[10] = {0};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(wrong); i++)
        assert_int_equal(quantiser_train(&wrong[i], row, 1, NULL, &q, NULL), VARVE_INVALID);
    assert_int_equal(quantiser_train(&right, row, 0, NULL, &q, NULL), VARVE_INVALID);
    assert_null(q);
    assert_int_equal(quantiser_train(&right, row, 1, NULL, &q, NULL), VARVE_OK);
    assert_int_equal(quantiser_spec(q)->parameter, 8);
    quantiser_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_glance_tells_rows_beyond), cmocka_unit_test(errors_are_certain),
        cmocka_unit_test(errors_hold_for_mixed_rows), cmocka_unit_test(a_constant_row_is_exact),
        cmocka_unit_test(widths_to_the_largest),      cmocka_unit_test(missing_rows_are_zeros),
        cmocka_unit_test(decoded_rows_are_near),      cmocka_unit_test(recall_is_nearly_exact),
        cmocka_unit_test(instruction_sets_agree),     cmocka_unit_test(bytes_survive),
        cmocka_unit_test(specs_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
