/* test_fresh.c — codes that lose nothing: whatever the data, ranking the hits exactly gives what
 * ranking all rows gives. */
#include "index_vectors.h"

#include "base/bytes.h"

static const varve_metric metrics[] = {VARVE_METRIC_IP, VARVE_METRIC_L2, VARVE_METRIC_COSINE};
static const char *const modes[] = {"FLAT-IP", "FLAT-L2", "FLAT-COS"};

/* ---- data of all kinds --------------------------------------------------------------------- */

typedef enum kind_of_data {
    PLAIN,      /* gaussian */
    UNIT,       /* of length 1 */
    CLUSTERED,  /* near to each other, far from zero */
    DUPLICATES, /* few different rows */
    ZEROS,      /* some rows are zero */
    HUGE,       /* near the largest float */
    TINY,       /* near the smallest */
    MIXED,      /* lengths from tiny to huge */
    SPARSE,     /* nearly all coordinates zero, one large */
    EQUAL,      /* all rows the same */
    KINDS_OF_DATA
} kind_of_data;

static double scale_of(kind_of_data kind, random_state *r)
{
    switch (kind) {
    case HUGE: return 1e37;
    case TINY: return 1e-43;
    case MIXED: return pow(10, -44 + 81 * random_unit(r));
    default: return 1;
    }
}

static void fill(float *x, uint32_t dim, kind_of_data kind, random_state *r)
{
    double scale = scale_of(kind, r), norm = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double v = (double)random_gauss(r) * scale;
        if (kind == CLUSTERED) v = 100 + v * 0.01;
        if (kind == DUPLICATES) v = (double)random_below(r, 2);
        if (kind == SPARSE) v = i == 3 % dim ? 1000 * v : random_below(r, 20) ? 0 : v;
        x[i] = (float)v;
        norm += v * v;
    }
    for (uint32_t i = 0; kind == UNIT && i < dim; i++)
        x[i] = (float)((double)x[i] / sqrt(norm));
    if (kind == ZEROS && random_below(r, 3) == 0) memset(x, 0, dim * sizeof *x);
}

static test_vectors *make_vectors(uint32_t count, uint32_t dim, varve_dtype dtype,
                                  kind_of_data kind, random_state *r)
{
    test_vectors *t = new_vectors(count, dim, dtype);
    float *x = calloc(dim, sizeof *x);
    for (uint32_t slot = 0; slot < count; slot++) {
        if (kind != EQUAL || slot == 0) fill(x, dim, kind, r);
        if (kind == DUPLICATES && slot > 7) { /* one of the first ones again */
            memcpy(t->bytes + slot * t->stride, t->bytes + random_below(r, 8) * t->stride,
                   t->stride);
            continue;
        }
        for (uint32_t i = 0; dtype == VARVE_FLOAT16 && i < dim; i++) /* halves are finite too */
            x[i] = fmaxf(-60000, fminf(60000, x[i]));
        set_vector(t, slot, x);
    }
    free(x);
    return t;
}

static tombstones *hide_some(uint32_t count, unsigned percent, random_state *r)
{
    uint64_t *slots = calloc(count, sizeof *slots);
    size_t n = 0;
    tombstones *hidden;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (random_below(r, 100) < percent) slots[n++] = slot;
    }
    OK(tombstones_change(NULL, slots, n, NULL, 0, &hidden, err));
    free(slots);
    return hidden;
}

/* ---- the property -------------------------------------------------------------------------- */

/* Ranked exactly, the hits begin as all rows do: as far as the k-th key, ties included, or as far
 * as the bound. */
static void expect_exact(vector_index *x, const test_vectors *t, varve_metric metric,
                         const index_query *q)
{
    ranked *all = calloc(t->rows.count + 1, sizeof *all);
    found_hits f = search_index(x, t, q);
    ranked *got = calloc(f.count + 1, sizeof *got);
    size_t live = rank_all(t, metric, q, all), wanted = 0;
    double worst = q->k < live ? all[q->k - 1].key : INFINITY;
    (void)rank_hits(t, metric, q, f.hits, f.count, got);
    while (wanted < live && all[wanted].key <= worst && all[wanted].key <= q->bound)
        wanted++;
    assert_true(f.count >= wanted);
    for (size_t i = 0; i < wanted; i++)
        assert_int_equal(got[i].slot, all[i].slot);
    free(f.hits);
    free(all);
    free(got);
}

static void expect_exact_queries(vector_index *x, const test_vectors *t, varve_metric metric,
                                 kind_of_data kind, random_state *r)
{
    static const size_t ks[] = {1, 2, 10, 100, 5000};
    float *values = calloc(t->rows.dim, sizeof *values);
    tombstones *hidden = hide_some(t->rows.count, (unsigned)random_below(r, 101), r);
    for (unsigned i = 0; i < 8; i++) {
        fill(values, t->rows.dim,
             random_below(r, 4) ? kind : (kind_of_data)random_below(r, KINDS_OF_DATA), r);
        index_query q = query_of(values, ks[random_below(r, VV_COUNT(ks))]);
        if (i % 2) q.hidden = hidden;
        if (i % 3 == 1) q.skip = random_below(r, t->rows.count);
        if (i % 4 == 2)
            q.bound = exact_key(t, metric, values, (uint32_t)random_below(r, t->rows.count));
        if (i == 7) memset(values, 0, t->rows.dim * sizeof *values);
        expect_exact(x, t, metric, &q);
    }
    tombstones_unref(hidden);
    free(values);
}

static void test_exact(void **state)
{
    static const uint32_t dims[] = {1, 2, 3, 7, 16, 31, 32, 33, 64, 100, 128, 255, 300};
    static const uint32_t counts[] = {1, 2, 31, 32, 33, 64, 100, 1000, 1500};
    random_state r;
    (void)state;
    random_seed(&r, 11);
    for (int kind = 0; kind < KINDS_OF_DATA; kind++) {
        for (unsigned round = 0; round < 12; round++) {
            varve_dtype dtype = random_below(&r, 2) ? VARVE_FLOAT32 : VARVE_FLOAT16;
            test_vectors *t =
                make_vectors(counts[random_below(&r, VV_COUNT(counts))],
                             dims[random_below(&r, VV_COUNT(dims))], dtype, (kind_of_data)kind, &r);
            vector_index *x = build_and_open(t, INDEX_KIND_FRESH, modes[round % 3]);
            expect_exact_queries(x, t, metrics[round % 3], (kind_of_data)kind, &r);
            OK(index_check(x, &t->rows, err));
            if (round % 2) { /* the same from memory */
                OK(index_load(x, err));
                OK(index_load(x, err));
                expect_exact_queries(x, t, metrics[round % 3], (kind_of_data)kind, &r);
            }
            index_unref(x);
            free_vectors(t);
        }
    }
}

/* FLAT-…-SQ8 is the same over every vector type. */
static void test_exact_types(void **state)
{
    static const char *const sq8[] = {"FLAT-IP-SQ8", "FLAT-L2-SQ8", "FLAT-COS-SQ8"};
    random_state r;
    (void)state;
    random_seed(&r, 12);
    for (int type = 0; type < VARVE_DTYPE_COUNT; type++) {
        for (size_t m = 0; m < 3; m++) {
            test_vectors *t = new_vectors(700, 45, (varve_dtype)type);
            for (uint32_t slot = 0; slot < t->rows.count; slot++) {
                float x[45];
                for (size_t i = 0; i < VV_COUNT(x); i++)
                    x[i] = type == VARVE_BINARY ? (float)random_below(&r, 2)
                                                : (float)random_below(&r, 100);
                set_vector(t, slot, x);
            }
            vector_index *x = build_and_open(t, INDEX_KIND_FULL, sq8[m]);
            expect_exact_queries(x, t, metrics[m], PLAIN, &r);
            OK(index_check(x, &t->rows, err));
            index_unref(x);
            free_vectors(t);
        }
    }
}

/* Codes earn their place only if few rows are left over. */
static void test_few_hits(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 13);
    for (size_t m = 0; m < 3; m++) {
        test_vectors *t = make_vectors(20000, 96, VARVE_FLOAT32, UNIT, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FRESH, modes[m]);
        size_t hits = 0;
        for (int i = 0; i < 20; i++) {
            float values[96];
            fill(values, 96, UNIT, &r);
            index_query q = query_of(values, 10);
            found_hits f = search_index(x, t, &q);
            assert_int_equal(f.work.codes, 20000);
            hits += f.count;
            free(f.hits);
        }
        assert_true(hits < 20 * 60);
        index_unref(x);
        free_vectors(t);
    }
}

/* ---- what the check finds ------------------------------------------------------------------ */

static void test_check_finds_other_rows(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 14);
    for (size_t m = 0; m < 3; m++) {
        test_vectors *t = make_vectors(500, 32, VARVE_FLOAT32, PLAIN, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FRESH, modes[m]);
        varve_error e;
        float values[32];
        OK(index_check(x, &t->rows, err));
        fill(values, 32, PLAIN, &r);
        set_vector(t, 321, values);
        assert_int_equal(index_check(x, &t->rows, &e), VARVE_CORRUPT);
        assert_non_null(strstr(e.message, "row 321"));
        t->rows.count--;
        assert_int_equal(index_check(x, &t->rows, &e), VARVE_CORRUPT);
        index_unref(x);
        free_vectors(t);
    }
}

/* Same rows, spec and seed: same bytes, whatever the number of threads. */
static void test_same_bytes(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 15);
    for (size_t m = 0; m < 3; m++) {
        test_vectors *t = make_vectors(30000, 24, VARVE_FLOAT32, ZEROS, &r);
        index_spec s = spec_of(t, INDEX_KIND_FRESH, modes[m]);
        index_record one = build_index(t, &s, 1, "one.idx"), two = build_index(t, &s, 2, "two.idx");
        assert_true(one.footer_hash == two.footer_hash && one.file_bytes == two.file_bytes);
        free_vectors(t);
    }
}

static void test_timeout(void **state)
{
    random_state r;
    float values[8] = {1};
    index_query q = query_of(values, 1);
    index_work work = {0};
    index_hit hits[100];
    size_t count;
    (void)state;
    random_seed(&r, 16);
    test_vectors *t = make_vectors(100, 8, VARVE_FLOAT32, PLAIN, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FRESH, "FLAT-L2");
    q.deadline_ns = 1;
    assert_int_equal(index_search(x, &t->rows, &q, hits, &count, &work, NULL), VARVE_TIMEOUT);
    index_unref(x);
    free_vectors(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),      cmocka_unit_test(test_exact_types),
        cmocka_unit_test(test_few_hits),   cmocka_unit_test(test_check_finds_other_rows),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_timeout),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
