/* test_topk.c — the heap against sorting everything. */
#include "unit.h"

#include "base/random.h"
#include "base/topk.h"

#include <math.h>

static int compare(const void *left, const void *right)
{
    const topk_entry *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

static void check(random_state *r, size_t n, size_t k, uint64_t distinct_keys)
{
    topk_entry *all = calloc(n + 1, sizeof *all), *kept = calloc(k, sizeof *kept);
    topk t;
    topk_init(&t, kept, k);
    for (size_t i = 0; i < n; i++) {
        all[i] = (topk_entry){(double)random_below(r, distinct_keys) / 8, random_below(r, n)};
        double bound = topk_bound(&t);
        assert_true(t.count == k || bound == INFINITY);
        topk_push(&t, all[i].key, all[i].slot);
        assert_true(topk_bound(&t) <= bound);
    }
    qsort(all, n, sizeof *all, compare);
    topk_sort(&t);
    assert_int_equal(t.count, VV_MIN(n, k));
    for (size_t i = 0; i < t.count; i++) {
        assert_true(t.entries[i].key == all[i].key);
        assert_int_equal(t.entries[i].slot, all[i].slot);
    }
    free(all);
    free(kept);
}

static void test_against_sort(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 5);
    for (size_t n = 0; n < 40; n++)
        for (size_t k = 1; k < 12; k++)
            check(&r, n, k, 1 + random_below(&r, 30));
    check(&r, 20000, 100, 1000000);
    check(&r, 20000, 1000, 50);
}

static void test_nan_and_infinity_are_worst(void **state)
{
    (void)state;
    topk_entry kept[3];
    topk t;
    topk_init(&t, kept, 3);
    topk_push(&t, NAN, 9);
    topk_push(&t, INFINITY, 8);
    topk_push(&t, 1, 7);
    topk_push(&t, NAN, 2); /* ties of the worst: smaller slot first */
    topk_push(&t, -INFINITY, 5);
    topk_sort(&t);
    assert_int_equal(kept[0].slot, 5);
    assert_int_equal(kept[1].slot, 7);
    assert_int_equal(kept[2].slot, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sort),
        cmocka_unit_test(test_nan_and_infinity_are_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
