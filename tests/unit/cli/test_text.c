/* test_text.c — words of the command line into values, and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base64.h"
#include "text.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

static void numbers(void **state)
{
    (void)state;
    uint64_t n;
    assert_true(text_to_u64("18446744073709551615", 20, &n));
    assert_true(n == UINT64_MAX);
    assert_false(text_to_u64("18446744073709551616", 20, &n));
    assert_false(text_to_u64("", 0, &n));
    assert_false(text_to_u64("-1", 2, &n));
    assert_false(text_to_u64("1.0", 3, &n));
    double d;
    assert_true(text_to_double("-1.5e3", &d));
    assert_true(d == -1500);
    assert_false(text_to_double("1x", &d));
    assert_false(text_to_double("inf", &d));
    assert_false(text_to_double("", &d));
}

static void names(void **state)
{
    (void)state;
    varve_dtype type;
    varve_metric metric;
    assert_true(text_to_dtype("uint8", &type));
    assert_int_equal(type, VARVE_UINT8);
    assert_false(text_to_dtype("float64", &type));
    assert_true(text_to_metric("l2", &metric));
    assert_int_equal(metric, VARVE_METRIC_L2);
    assert_false(text_to_metric("L9", &metric));
}

static void ids(void **state)
{
    (void)state;
    varve_id id;
    assert_true(text_to_id("17", &id));
    assert_int_equal(id.kind, VARVE_ID_NUM);
    assert_true(id.num == 17);
    assert_true(text_to_id("\"17\"", &id));
    assert_int_equal(id.kind, VARVE_ID_STR);
    assert_int_equal(id.text.len, 2);
    assert_memory_equal(id.text.data, "17", 2);
    assert_true(text_to_id("99999999999999999999", &id)); /* no u64: a string */
    assert_int_equal(id.kind, VARVE_ID_STR);
    assert_false(text_to_id("", &id));
    assert_false(text_to_id("\"\"", &id));
}

static void vectors(void **state)
{
    (void)state;
    varve_error err = {0};
    float *v = NULL;
    size_t dim;
    assert_int_equal(text_to_vector(" [ 0.5 , -1,2e2 ] ", &v, &dim, &err), VARVE_OK);
    assert_int_equal(dim, 3);
    assert_true(v[0] == 0.5f && v[1] == -1 && v[2] == 200);
    free(v);
    static const char *const bad[] = {"",      "[]",      "[1",    "[1,]", "[1 2]",
                                      "[1] x", "1,2",     "[NaN]", "[,1]", "[1e99]",
                                      "[[1]]", "[\"1\"]", "[1]]",  "[",    "[1,,2]"};
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        if (text_to_vector(bad[i], &v, &dim, &err) == VARVE_OK)
            fail_msg("%s was taken for a vector", bad[i]);
}

static void base64_goes_round(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 7);
    for (size_t len = 0; len < 100; len++) {
        uint8_t bytes[100], back[100];
        char text[140];
        size_t back_len = 0;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)random_u64(&random);
        base64_encode(bytes, len, text);
        assert_true(base64_decode(text, base64_length(len), back, &back_len));
        assert_int_equal(back_len, len);
        assert_memory_equal(back, bytes, len);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "A", "AAA", "A===", "=AAA", "AA=A", "AB==", "AAB=", "AA A", "AA==AAAA", "AA-_", "AAA\n"};
    uint8_t back[16];
    size_t len;
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        if (base64_decode(bad[i], strlen(bad[i]), back, &len))
            fail_msg("%s was taken for base64", bad[i]);
    assert_true(base64_decode("AAAAPw==", 8, back, &len));
    assert_int_equal(len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(names),
        cmocka_unit_test(ids),
        cmocka_unit_test(vectors),
        cmocka_unit_test(base64_goes_round),
        cmocka_unit_test(base64_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
