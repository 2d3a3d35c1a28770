/* test_buffer.c — growth up to the limit, and no further. */
#include "unit.h"

#include "base/buffer.h"

static void test_empty(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer b;
    buffer_init(&b, 10, "thing");
    assert_null(buffer_take(&b));
    assert_ok(buffer_add(&b, NULL, 0, NULL));
    assert_int_equal(b.len, 0);
}

static void test_grow_and_take(void **state)
{
    (void)state;
    buffer b;
    buffer_init(&b, 1 << 20, "thing");
    for (int i = 0; i < 10000; i++)
        assert_ok(buffer_printf(&b, NULL, "%d,", i));
    assert_ok(buffer_add_text(&b, "end", NULL));
    assert_memory_equal(b.data, "0,1,2,3,", 8);
    assert_memory_equal(b.data + b.len - 8, "9999,end", 8);
    size_t len = b.len;
    char *data = buffer_take(&b);
    assert_int_equal(data[len - 1], 'd');
    assert_int_equal(b.len, 0);
    assert_null(b.data);
    free(data);
    assert_ok(buffer_add_text(&b, "again", NULL));
    assert_memory_equal(b.data, "again", 5);
    buffer_clear(&b);
    assert_int_equal(b.len, 0);
    buffer_done(&b);
    buffer_done(&b);
}

/* Every limit is reached exactly, by each way of adding, and passed by none. */
static void test_limit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max += 7) {
        VV_CLEANUP(buffer_done) buffer b;
        varve_error err = {0};
        buffer_init(&b, max, "response body");
        for (size_t i = 0; i < max; i++)
            assert_ok(i % 2 ? buffer_add(&b, "x", 1, NULL) : buffer_printf(&b, NULL, "%c", 'x'));
        assert_int_equal(b.len, max);
        assert_status(buffer_add(&b, "y", 1, &err), VARVE_LIMIT);
        assert_contains(err.message, "response body");
        assert_status(buffer_printf(&b, NULL, "%d", 1), VARVE_LIMIT);
        assert_status(buffer_reserve(&b, SIZE_MAX, NULL), VARVE_LIMIT);
        assert_int_equal(b.len, max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(b.data[i], 'x');
    }
}

static void test_reserve(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer b;
    buffer_init(&b, SIZE_MAX, "thing");
    assert_ok(buffer_reserve(&b, 100000, NULL));
    assert_true(b.capacity >= 100000);
    const char *data = b.data;
    for (int i = 0; i < 100000; i++)
        assert_ok(buffer_add(&b, "z", 1, NULL));
    assert_ptr_equal(b.data, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_grow_and_take),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
