/* test_quant_pq.c — product quantisation: the nearest centroid of every part, estimates near the
 * distance of what was decoded, recall, and the same results from all instruction sets. */
#include "quant_data.h"

static const struct {
    size_t width;
    unsigned asked, subspaces;
} shapes[] = {
    {1, 0, 1},     {2, 0, 1},     {3, 0, 2},     {3, 5, 3},       {7, 2, 2},
    {20, 20, 20},  {33, 7, 7},    {64, 0, 32},   {100, 9, 9},     {100, 1, 1},
    {128, 64, 64}, {385, 0, 193}, {600, 0, 256}, {300, 300, 300}, {1100, 16, 16},
};

/* Exactly the nearest of the centroids that appear in a subspace, by the decoded rows of the
 * sample. */
static void codes_are_nearest(void **state)
{
    (void)state;
    for (size_t c = 0; c < VV_COUNT(shapes); c++) {
        quant_rows rows = quant_gauss(64, shapes[c].width, 1, 2, c);
        quantiser *q = quant_trained(QUANT_KIND_PQ, shapes[c].asked, &rows);
        uint8_t *codes = quant_encoded(q, &rows);
        size_t width = rows.width, groups = quantiser_group_bytes(q);
        float *decoded = malloc(64 * width * sizeof *decoded);
        assert_int_equal(quantiser_spec(q)->parameter, shapes[c].subspaces);
        for (size_t i = 0; i < 64; i++)
            quantiser_decode(q, codes + i / 32 * groups, i % 32, decoded + i * width);
        for (size_t m = 0; m < shapes[c].subspaces; m++) {
            size_t start = quant_subspace_start(&q->subspaces, m);
            size_t n = quant_subspace_start(&q->subspaces, m + 1) - start;
            assert_true(n >= width / shapes[c].subspaces && n <= width / shapes[c].subspaces + 1);
            for (size_t i = 0; i < 64; i++) {
                const float *x = quant_row(&rows, i) + start;
                double own = quant_squared(x, decoded + i * width + start, n);
                for (size_t j = 0; j < 64; j++)
                    assert_true(own <=
                                quant_squared(x, decoded + j * width + start, n) * (1 + 1e-5));
            }
        }
        free(decoded);
        free(codes);
        free(rows.values);
        quantiser_free(q);
    }
}

/* The estimate is the distance to the decoded row but for the steps of the tables: half a step for
 * each subspace, a step being 1 / 255 of the widest table. */
static void estimates_are_distances_to_decoded_rows(void **state)
{
    (void)state;
    for (size_t c = 0; c < VV_COUNT(shapes); c++) {
        quant_rows rows = quant_gauss(100, shapes[c].width, 1, 2, c);
        quantiser *q = quant_trained(QUANT_KIND_PQ, shapes[c].asked, &rows);
        uint8_t *codes = quant_encoded(q, &rows);
        const float *query = quant_row(&rows, 50);
        float *estimates = quant_estimates(q, codes, rows.n, query);
        float *decoded = malloc(rows.width * sizeof *decoded);
        quant_query *prepared;
        assert_int_equal(quant_query_new(q, query, &prepared, NULL), VARVE_OK);
        double slack = prepared->terms.pq.per_sum * (0.5 + 1e-3) * shapes[c].subspaces;
        for (size_t i = 0; i < rows.n; i++) {
            quantiser_decode(q, codes + i / 32 * quantiser_group_bytes(q), i % 32, decoded);
            double d = quant_squared(decoded, query, rows.width);
            assert_true(fabs((double)estimates[i] - d) <= slack + 1e-5 * d);
        }
        quant_query_free(prepared);
        free(decoded);
        free(estimates);
        free(codes);
        free(rows.values);
        quantiser_free(q);
    }
}

static void recall_is_high(void **state)
{
    static const struct {
        unsigned subspaces;
        size_t candidates;
        double least;
    } cases[] = {{0, 320, 0.9995}, {0, 20, 0.97}, {48, 320, 0.985}, {25, 320, 0.95}};
    quant_rows rows = quant_bundled(QUANT_BUNDLED "/packages.f16.npy", 8000), sample = rows;
    quant_rows queries = quant_bundled(QUANT_BUNDLED "/queries.f16.npy", 50);
    quantiser *q = NULL;
    (void)state;
    sample.n = 2000; /* takes seconds, not minutes, with sanitizers */
    for (size_t c = 0; c < VV_COUNT(cases); c++) {
        if (c == 0 || cases[c].subspaces != cases[c - 1].subspaces) {
            quantiser_free(q);
            q = quant_trained(QUANT_KIND_PQ, cases[c].subspaces, &sample);
        }
        double recall = quant_recall(q, &rows, &queries, cases[c].candidates);
        print_message("PQ%u: recall@10 of %zu candidates %.4f\n", quantiser_spec(q)->parameter,
                      cases[c].candidates, recall);
        assert_true(recall >= cases[c].least);
    }
    quantiser_free(q);
    free(rows.values);
    free(queries.values);
}

static void instruction_sets_agree(void **state)
{
    (void)state;
    for (size_t c = 0; c < VV_COUNT(shapes); c++) {
        quant_rows rows = quant_gauss(70, shapes[c].width, 0, 1, c);
        quantiser *q = quant_trained(QUANT_KIND_PQ, shapes[c].asked, &rows);
        quant_isas_agree(q, &rows, quant_row(&rows, 7));
        quantiser_free(q);
        free(rows.values);
    }
}

/* Sums as large as they get: every entry 255. */
static void lookups_do_not_overflow(void **state)
{
    const quant_isa_kernels *isas[QUANT_ISAS_MAX];
    size_t blocks = 8200;
    uint8_t *tables = aligned_alloc(64, blocks * 128), *codes = aligned_alloc(64, blocks * 128);
    (void)state;
    memset(tables, 255, blocks * 128);
    for (size_t i = 0; i < blocks * 128; i++)
        codes[i] = (uint8_t)(i * 37);
    quant_isas(isas);
    for (size_t i = 0; isas[i]; i++) {
        uint32_t sums[QUANT_GROUP];
        isas[i]->lookups(tables, blocks, codes, sums);
        for (size_t r = 0; r < QUANT_GROUP; r++)
            assert_int_equal(sums[r], blocks * 8 * 255);
    }
    free(tables);
    free(codes);
}

static void threads_change_nothing(void **state)
{
    const quant_spec spec = {QUANT_KIND_PQ, 10, 50, 9};
    quant_rows rows = quant_gauss(500, 50, 0, 1, 4);
    quantiser *alone, *together;
    thread_pool *pool;
    (void)state;
    assert_int_equal(pool_new(3, 16, "test", &pool, NULL), VARVE_OK);
    assert_int_equal(quantiser_train(&spec, rows.values, 500, NULL, &alone, NULL), VARVE_OK);
    assert_int_equal(quantiser_train(&spec, rows.values, 500, pool, &together, NULL), VARVE_OK);
    assert_memory_equal(alone->learnt, together->learnt, alone->learnt_count * sizeof(float));
    quantiser_free(alone);
    quantiser_free(together);
    pool_free(pool);
    free(rows.values);
}

static void extreme_rows_are_no_nan(void **state)
{
    static const double sizes[] = {0, 1e-44, 1e18, 1e38};
    (void)state;
    for (size_t s = 0; s < VV_COUNT(sizes); s++) {
        quant_rows rows = quant_gauss(64, 21, 0, sizes[s], 2);
        quantiser *q = quant_trained(QUANT_KIND_PQ, 4, &rows);
        uint8_t *codes = quant_encoded(q, &rows);
        float *estimates = quant_estimates(q, codes, rows.n, quant_row(&rows, 9));
        for (size_t i = 0; i < rows.n; i++)
            assert_true(estimates[i] >= 0);
        free(estimates);
        free(codes);
        free(rows.values);
        quantiser_free(q);
    }
}

static void bytes_survive(void **state)
{
    quant_rows rows = quant_gauss(70, 19, 1, 2, 1);
    quantiser *q = quant_trained(QUANT_KIND_PQ, 6, &rows);
    (void)state;
    quant_bytes_survive(q, &rows, quant_row(&rows, 60));
    quantiser_free(q);
    free(rows.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_nearest),
        cmocka_unit_test(estimates_are_distances_to_decoded_rows),
        cmocka_unit_test(recall_is_high),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(lookups_do_not_overflow),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(extreme_rows_are_no_nan),
        cmocka_unit_test(bytes_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
