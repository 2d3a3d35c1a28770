/* test_flat.c — the best of many estimates, codes that keep them, and bits, which lose nothing. */
#include "index_vectors.h"

#include "index/flat.h"

/* ---- selection ----------------------------------------------------------------------------- */

static int compare_hits(const void *a, const void *b)
{
    const index_hit *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* Random streams, sorted, reversed, with many ties, with what is no number: what is kept is what
 * sorting would keep. */
static void test_best(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 1);
    for (unsigned round = 0; round < 2000; round++) {
        size_t count = random_below(&r, 500), keep = 1 + random_below(&r, 60);
        unsigned kind = (unsigned)random_below(&r, 5);
        index_hit *all = calloc(count + 1, sizeof *all);
        flat_best b;
        OK(flat_best_init(&b, keep, err));
        for (size_t i = 0; i < count; i++) {
            float key = kind == 0   ? random_gauss(&r)
                        : kind == 1 ? (float)random_below(&r, 4)
                        : kind == 2 ? (float)i
                        : kind == 3 ? -(float)i
                                    : (random_below(&r, 3) ? random_gauss(&r) : NAN);
            flat_best_push(&b, key, (uint32_t)i);
            all[i] = (index_hit){(uint32_t)i, isnan(key) ? 3.40282347e+38f : key};
        }
        qsort(all, count, sizeof *all, compare_hits);
        flat_best_end(&b);
        assert_int_equal(b.count, VV_MIN(count, keep));
        for (size_t i = 0; i < b.count; i++)
            assert_true(compare_hits(&all[i], &b.hits[i]) == 0);
        flat_best_done(&b);
        free(all);
    }
}

/* ---- codes --------------------------------------------------------------------------------- */

static test_vectors *gauss_vectors(uint32_t count, uint32_t dim, varve_dtype dtype, uint64_t seed)
{
    test_vectors *t = new_vectors(count, dim, dtype);
    float x[128];
    random_state r;
    random_seed(&r, seed);
    for (uint32_t slot = 0; slot < count; slot++) {
        for (uint32_t i = 0; i < dim; i++)
            x[i] = random_gauss(&r);
        set_vector(t, slot, x);
    }
    return t;
}

static const char *const coded[] = {"FLAT-IP-PQ8", "FLAT-L2-RABITQ", "FLAT-COS-POLARVEC3"};

/* As many hits as the breadth says, but never fewer than k; fewer hits are the first of more. */
static void test_breadth(void **state)
{
    test_vectors *t = gauss_vectors(1000, 40, VARVE_FLOAT32, 2);
    (void)state;
    for (size_t m = 0; m < VV_COUNT(coded); m++) {
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, coded[m]);
        index_query q = query_of((const float *)(const void *)t->bytes, 20);
        q.breadth = 2000;
        found_hits all = search_index(x, t, &q);
        assert_int_equal(all.count, 1000);
        for (uint32_t breadth = 1; breadth < 1000; breadth += 37) {
            q.breadth = breadth;
            found_hits some = search_index(x, t, &q);
            assert_int_equal(some.count, VV_MAX(breadth, 20));
            assert_memory_equal(some.hits, all.hits, some.count * sizeof *some.hits);
            free(some.hits);
        }
        free(all.hits);
        index_unref(x);
    }
    free_vectors(t);
}

/* k live rows come back while there are k, whatever is hidden, and whatever cannot be estimated. */
static void test_k_live_rows(void **state)
{
    test_vectors *t = gauss_vectors(500, 16, VARVE_FLOAT32, 3);
    float huge[16] = {3e38f, -3e38f, 3e38f};
    tombstones *hidden = NULL;
    (void)state;
    for (uint32_t slot = 0; slot < 500; slot += 5)
        set_vector(t, slot, huge);
    for (size_t m = 0; m < VV_COUNT(coded); m++) {
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, coded[m]);
        for (uint64_t visible = 0; visible <= 60; visible += 15) {
            uint64_t slots[500];
            size_t n = 0;
            for (uint64_t slot = visible; slot < 500; slot++)
                slots[n++] = slot;
            OK(tombstones_change(NULL, slots, n, NULL, 0, &hidden, err));
            index_query q = query_of((const float *)(const void *)(t->bytes + t->stride), 30);
            q.hidden = hidden;
            found_hits f = search_index(x, t, &q);
            assert_true(f.count >= VV_MIN(30, visible) && f.count <= visible);
            free(f.hits);
            tombstones_unref(hidden);
        }
        index_unref(x);
    }
    free_vectors(t);
}

static void test_check_finds_other_rows(void **state)
{
    (void)state;
    for (size_t m = 0; m < VV_COUNT(coded); m++) {
        test_vectors *t = gauss_vectors(300, 40, VARVE_FLOAT32, 4);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, coded[m]);
        varve_error e;
        float y[40];
        OK(index_check(x, &t->rows, err));
        for (size_t i = 0; i < 40; i++)
            y[i] = (float)(i % 7) - 3;
        set_vector(t, 123, y);
        assert_int_equal(index_check(x, &t->rows, &e), VARVE_CORRUPT);
        assert_non_null(strstr(e.message, "row 123"));
        index_unref(x);
        free_vectors(t);
    }
}

/* ---- bits ---------------------------------------------------------------------------------- */

/* Ranked by (key, slot), the hits begin as all rows do; ties at the k-th key are all there. */
static void expect_exact(vector_index *x, const test_vectors *t, const index_query *q)
{
    varve_metric metric = index_get_spec(x)->mode.metric;
    ranked *all = calloc(t->rows.count + 1, sizeof *all);
    found_hits f = search_index(x, t, q);
    ranked *got = calloc(f.count + 1, sizeof *got);
    size_t live = rank_all(t, metric, q, all), wanted = 0;
    double worst = q->k < live ? all[q->k - 1].key : INFINITY;
    (void)rank_hits(t, metric, q, f.hits, f.count, got);
    while (wanted < live && all[wanted].key <= worst && all[wanted].key <= q->bound)
        wanted++;
    assert_int_equal(f.count, wanted); /* and no more */
    for (size_t i = 0; i < wanted; i++)
        assert_int_equal(got[i].slot, all[i].slot);
    free(f.hits);
    free(got);
    free(all);
}

static void ask_bits(vector_index *x, const test_vectors *t, random_state *r)
{
    varve_metric metric = index_get_spec(x)->mode.metric;
    float *values = calloc(t->rows.dim, sizeof *values);
    uint64_t slots[100];
    tombstones *hidden;
    for (size_t i = 0; i < VV_COUNT(slots); i++)
        slots[i] = random_below(r, t->rows.count);
    OK(tombstones_change(NULL, slots, VV_COUNT(slots), NULL, 0, &hidden, err));
    for (unsigned i = 0; i < 30; i++) {
        for (uint32_t d = 0; d < t->rows.dim; d++)
            values[d] = random_gauss(r) + (i % 10 == 9 ? -9 : 0.5f); /* now and then: no bit */
        index_query q = query_of(values, 1 + random_below(r, 50));
        if (i % 2) q.hidden = hidden;
        if (i % 3 == 0) q.skip = random_below(r, t->rows.count);
        if (i % 4 == 0)
            q.bound = exact_key(t, metric, values, (uint32_t)random_below(r, t->rows.count));
        expect_exact(x, t, &q);
    }
    tombstones_unref(hidden);
    free(values);
}

static void test_bits(void **state)
{
    static const char *const modes[] = {"FLAT-HAMMING", "FLAT-JACCARD-BINARY", "FLAT-DICE"};
    static const uint32_t dims[] = {1, 2, 7, 8, 9, 63, 64, 65, 127};
    random_state r;
    (void)state;
    random_seed(&r, 5);
    for (size_t m = 0; m < VV_COUNT(modes); m++) {
        for (size_t d = 0; d < VV_COUNT(dims); d++) {
            varve_dtype dtype = d % 2 ? VARVE_FLOAT32 : VARVE_FLOAT16;
            uint32_t count = 1 + (uint32_t)random_below(&r, 3000);
            test_vectors *t = gauss_vectors(count, dims[d], dtype, d);
            vector_index *x = build_and_open(t, INDEX_KIND_FULL, modes[m]);
            OK(index_check(x, &t->rows, err));
            ask_bits(x, t, &r);
            OK(index_load(x, err));
            ask_bits(x, t, &r);
            index_unref(x);
            free_vectors(t);
        }
    }
}

static void test_check_finds_other_bits(void **state)
{
    test_vectors *t = gauss_vectors(300, 40, VARVE_FLOAT32, 6);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "FLAT-HAMMING");
    float one_more[40];
    varve_error e;
    (void)state;
    memcpy(one_more, t->bytes + 200 * t->stride, sizeof one_more);
    one_more[17] = one_more[17] > 0.5f ? 0 : 1;
    set_vector(t, 200, one_more);
    assert_int_equal(index_check(x, &t->rows, &e), VARVE_CORRUPT);
    assert_non_null(strstr(e.message, "row 200"));
    index_unref(x);
    free_vectors(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),        cmocka_unit_test(test_breadth),
        cmocka_unit_test(test_k_live_rows), cmocka_unit_test(test_check_finds_other_rows),
        cmocka_unit_test(test_bits),        cmocka_unit_test(test_check_finds_other_bits),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
