/* test_quant_rotated.c — RaBitQ and PolarVec of 1 to 8 bits: estimates without bias and as near as
 * theory says, recall, and the same results from all instruction sets. */
#include "quant_data.h"

#include <float.h>

static const quant_kind kinds[] = {QUANT_KIND_RABITQ, QUANT_KIND_POLARVEC};

/* What the best even quantiser leaves of a Gaussian: Max (1960), table II. */
static const double left_of_gauss[9] = {0,       0.3634,   0.1188,   0.03744,  0.01154,
                                        0.00349, 0.001035, 0.000304, 0.0000868};

static void decoded_rows_are_as_near_as_theory_says(void **state)
{
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        for (unsigned bits = 1; bits <= 8; bits++) {
            quant_rows rows = quant_gauss(320, 500, 0, 1, bits);
            quantiser *q = quant_trained(kinds[k], bits, &rows);
            uint8_t *codes = quant_encoded(q, &rows);
            float decoded[500];
            double left = 0, all = 0;
            for (size_t i = 0; i < rows.n; i++) {
                const float *x = quant_row(&rows, i);
                quantiser_decode(q, codes + i / 32 * quantiser_group_bytes(q), i % 32, decoded);
                left += quant_squared(x, decoded, 500);
                all += quant_squared(x, q->zeros, 500);
            }
            assert_true(left / all < left_of_gauss[bits] * 1.2);
            assert_true(left / all > left_of_gauss[bits] * 0.5);
            free(codes);
            free(rows.values);
            quantiser_free(q);
        }
    }
}

/* Deviation of an estimate: 2 |r| |q| sqrt(left / (1 - left) / padded). Sums, in deviations, of
 * what the estimates are off, and of its square. */
static void measure(quant_kind kind, unsigned bits, size_t width, double *mean, double *square)
{
    quant_rows rows = quant_gauss(320, width, 0.5, 1, bits + width);
    quant_rows queries = quant_gauss(10, width, 0.5, 1, 100 + bits);
    quantiser *q = quant_trained(kind, bits, &rows);
    uint8_t *codes = quant_encoded(q, &rows);
    const float *origin = q->learnt_count ? q->learnt : q->zeros;
    double left = left_of_gauss[bits], n = (double)(rows.n * queries.n);
    *mean = *square = 0;
    for (size_t y = 0; y < queries.n; y++) {
        const float *query = quant_row(&queries, y);
        float *estimates = quant_estimates(q, codes, rows.n, query);
        for (size_t i = 0; i < rows.n; i++) {
            const float *x = quant_row(&rows, i);
            double sizes =
                sqrt(quant_squared(x, origin, width) * quant_squared(query, origin, width));
            double deviation = 2 * sizes * sqrt(left / (1 - left) / q->rotation.padded);
            double off = ((double)estimates[i] - quant_squared(x, query, width)) / deviation;
            assert_true(fabs(off) < 12);
            *mean += off / n;
            *square += off * off / n;
        }
        free(estimates);
    }
    free(codes);
    free(rows.values);
    free(queries.values);
    quantiser_free(q);
}

static void estimates_have_no_bias(void **state)
{
    static const size_t widths[] = {64, 100, 384, 1000};
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        for (unsigned bits = 1; bits <= 8; bits++) {
            for (size_t w = 0; w < VV_COUNT(widths); w++) {
                double mean, square;
                measure(kinds[k], bits, widths[w], &mean, &square);
                assert_true(fabs(mean) < 0.15);
                assert_true(square < 1.15);
            }
        }
    }
}

static void recall_is_high(void **state)
{
    static const struct {
        quant_kind kind;
        unsigned bits;
        size_t candidates;
        double least;
    } cases[] = {{QUANT_KIND_RABITQ, 1, 200, 0.995},   {QUANT_KIND_RABITQ, 1, 50, 0.975},
                 {QUANT_KIND_RABITQ, 4, 50, 0.9995},   {QUANT_KIND_RABITQ, 4, 10, 0.945},
                 {QUANT_KIND_POLARVEC, 4, 50, 0.9995}, {QUANT_KIND_POLARVEC, 4, 10, 0.94},
                 {QUANT_KIND_RABITQ, 8, 10, 0.99}};
    quant_rows rows = quant_bundled(QUANT_BUNDLED "/packages.f16.npy", 8000);
    quant_rows queries = quant_bundled(QUANT_BUNDLED "/queries.f16.npy", 100);
    (void)state;
    for (size_t c = 0; c < VV_COUNT(cases); c++) {
        quantiser *q = quant_trained(cases[c].kind, cases[c].bits, &rows);
        double recall = quant_recall(q, &rows, &queries, cases[c].candidates);
        print_message("%s of %u bits: recall@10 of %zu candidates %.4f\n", q->type->name,
                      cases[c].bits, cases[c].candidates, recall);
        assert_true(recall >= cases[c].least);
        quantiser_free(q);
    }
    free(rows.values);
    free(queries.values);
}

static void instruction_sets_agree(void **state)
{
    static const size_t widths[] = {1, 5, 64, 65, 200, 384, 1100};
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        for (unsigned bits = 1; bits <= 8; bits++) {
            for (size_t w = 0; w < VV_COUNT(widths); w++) {
                quant_rows rows = quant_gauss(40, widths[w], 1, 2, w);
                quantiser *q = quant_trained(kinds[k], bits, &rows);
                quant_isas_agree(q, &rows, quant_row(&rows, 7));
                quantiser_free(q);
                free(rows.values);
            }
        }
    }
}

static void extreme_rows_are_no_nan(void **state)
{
    static const double sizes[] = {0, 1e-44, 1e-20, 1e18, 1e38};
    (void)state;
    for (size_t s = 0; s < VV_COUNT(sizes) * 2; s++) {
        for (unsigned bits = 1; bits <= 4; bits += 3) {
            quant_rows rows = quant_gauss(64, 70, 0, sizes[s / 2], 2);
            for (size_t i = 0; i < 70; i++) {
                quant_row(&rows, 0)[i] = 0;
                quant_row(&rows, 1)[i] = i % 2 ? FLT_MAX : -FLT_MAX;
                quant_row(&rows, 2)[i] = i % 2 ? -FLT_MAX : FLT_MAX;
            }
            quantiser *q = quant_trained(kinds[s % 2], bits, &rows);
            uint8_t *codes = quant_encoded(q, &rows);
            for (size_t y = 0; y < 4; y++) {
                float *estimates = quant_estimates(q, codes, rows.n, quant_row(&rows, y));
                for (size_t i = 0; i < rows.n; i++)
                    assert_true(estimates[i] >= 0);
                free(estimates);
            }
            free(codes);
            free(rows.values);
            quantiser_free(q);
        }
    }
}

/* The mean itself has no direction; the distance to it is that of the query. */
static void a_row_at_the_origin_is_exact(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits++) {
        quant_rows rows = quant_gauss(32, 77, 0, 0, 1), query = quant_gauss(1, 77, 0, 1, 1);
        quantiser *q = quant_trained(kinds[bits % 2], bits, &rows);
        uint8_t *codes = quant_encoded(q, &rows);
        float *estimates = quant_estimates(q, codes, 32, query.values);
        double d = quant_squared(query.values, rows.values, 77);
        assert_true(fabs((double)estimates[5] - d) < 1e-6 * d);
        free(estimates);
        free(codes);
        free(rows.values);
        free(query.values);
        quantiser_free(q);
    }
}

static void the_widest_rows(void **state)
{
    quant_rows rows = quant_gauss(3, 65537, 0, 1, 1);
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits++) {
        quantiser *q = quant_trained(kinds[bits % 2], bits, &rows);
        uint8_t *codes = quant_encoded(q, &rows);
        float *estimates = quant_estimates(q, codes, 3, rows.values);
        double d = quant_squared(quant_row(&rows, 1), rows.values, rows.width);
        assert_true(fabs((double)estimates[1] - d) < 0.05 * d);
        free(estimates);
        free(codes);
        quantiser_free(q);
    }
    free(rows.values);
}

static void bytes_survive(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 8; bits++) {
        quant_rows rows = quant_gauss(70, 19, 1, 2, 1);
        quantiser *q = quant_trained(kinds[bits % 2], bits, &rows);
        quant_bytes_survive(q, &rows, quant_row(&rows, 60));
        quantiser_free(q);
        free(rows.values);
    }
}

static void defaults_and_limits(void **state)
{
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        const quant_spec right = {kinds[k], 0, 10, 1}, wrong = {kinds[k], 9, 10, 1};
        float row[10] = {1};
        quantiser *q;
        assert_int_equal(quantiser_train(&wrong, row, 1, NULL, &q, NULL), VARVE_INVALID);
        assert_int_equal(quantiser_train(&right, row, 1, NULL, &q, NULL), VARVE_OK);
        assert_int_equal(quantiser_spec(q)->parameter, k == 0 ? 1 : 4);
        quantiser_free(q);
    }
    const quant_spec untrained = {QUANT_KIND_POLARVEC, 0, 10, 1};
    quantiser *q;
    assert_int_equal(quant_sample_rows(&untrained), 0);
    assert_int_equal(quantiser_train(&untrained, NULL, 0, NULL, &q, NULL), VARVE_OK);
    quantiser_free(q);
}

static void planes_give_codes_back(void **state)
{
    (void)state;
    for (unsigned bits = 2; bits <= 8; bits++) {
        quant_plane planes[QUANT_PLANES_MAX];
        uint8_t *plane = calloc(1, 64 * QUANT_GROUP), codes[64], back[64] = {0};
        size_t count = quant_planes(bits, planes), sum = 0;
        for (size_t i = 0; i < 64; i++)
            codes[i] = (uint8_t)(i * 37 & ((1u << bits) - 1));
        for (size_t p = 0; p < count; p++) {
            memset(plane, 0, 64 * QUANT_GROUP);
            quant_plane_put(&planes[p], codes, 64, 31, plane);
            quant_plane_get(&planes[p], plane, 64, 31, back);
            sum += quant_plane_bytes(&planes[p], 64);
        }
        assert_memory_equal(codes, back, 64);
        assert_int_equal(sum, 64 * QUANT_GROUP * bits / 8);
        free(plane);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoded_rows_are_as_near_as_theory_says),
        cmocka_unit_test(estimates_have_no_bias),
        cmocka_unit_test(recall_is_high),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(extreme_rows_are_no_nan),
        cmocka_unit_test(a_row_at_the_origin_is_exact),
        cmocka_unit_test(the_widest_rows),
        cmocka_unit_test(bytes_survive),
        cmocka_unit_test(defaults_and_limits),
        cmocka_unit_test(planes_give_codes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
