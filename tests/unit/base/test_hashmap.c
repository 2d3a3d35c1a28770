/* test_hashmap.c — random operations against an array that is indexed by the key. */
#include "unit.h"

#include "base/hashmap.h"
#include "base/random.h"

#define KEYS 3000

/* Keys of length 0 to about 300, with NUL bytes in them. */
static size_t make_key(size_t n, char *ret)
{
    size_t len = n == 0 ? 0 : n % 7 == 0 ? 300 : 4;
    memset(ret, 0, len);
    if (len) memcpy(ret, &n, 4);
    return len;
}

static void check_walk(const hashmap *m, void *const *model)
{
    size_t at = 0, seen = 0, expected = 0;
    const hashmap_slot *slot;
    while ((slot = hashmap_next(m, &at))) {
        size_t n = 0;
        if (slot->key_len) memcpy(&n, slot->key, 4);
        assert_ptr_equal(slot->value, model[n]);
        seen++;
    }
    for (size_t n = 0; n < KEYS; n++)
        expected += model[n] != NULL;
    assert_int_equal(seen, expected);
    assert_int_equal(m->count, expected);
}

static void test_against_model(void **state)
{
    (void)state;
    static void *model[KEYS];
    char key[304];
    hashmap m;
    random_state r;
    random_seed(&r, 11);
    hashmap_init(&m);
    for (size_t i = 0; i < 300000; i++) {
        size_t n = random_below(&r, i < 150000 ? KEYS : 200), len = make_key(n, key);
        void *value = (void *)(uintptr_t)(i + 1);
        switch (random_below(&r, 5)) {
        case 0:
        case 1:
            assert_true(hashmap_put(&m, key, len, value));
            model[n] = value;
            break;
        case 2:
        case 3:
            assert_ptr_equal(hashmap_remove(&m, key, len), model[n]);
            model[n] = NULL;
            break;
        default: assert_ptr_equal(hashmap_get(&m, key, len), model[n]);
        }
        if (i % 10000 == 0) check_walk(&m, model);
    }
    check_walk(&m, model);
    hashmap_done(&m);
    hashmap_done(&m);
}

static void test_empty(void **state)
{
    (void)state;
    hashmap m;
    size_t at = 0;
    hashmap_init(&m);
    assert_null(hashmap_get(&m, "a", 1));
    assert_null(hashmap_remove(&m, "a", 1));
    assert_null(hashmap_next(&m, &at));
    assert_true(hashmap_put(&m, "", 0, &m));
    assert_ptr_equal(hashmap_get(&m, NULL, 0), &m);
    hashmap_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
