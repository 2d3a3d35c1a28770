/* test_fields.c — fields: checked, merged, cut down. */
#include "record_fixture.h"

#include "record/fields.h"

static const json_limits limits = {1000, 8, 10};

static varve_text text(const char *s) { return (varve_text){s, strlen(s)}; }

typedef varve_status two_objects(varve_text a, varve_text b, buffer *out, varve_error *err);

static void check(two_objects *call, const char *a, const char *b, const char *expected)
{
    buffer out;
    buffer_init(&out, 1000, "fields");
    assert_ok(buffer_add_text(&out, "before", err));
    assert_ok(call(text(a), text(b), &out, err));
    assert_int_equal(out.len, 6 + strlen(expected));
    assert_memory_equal(out.data + 6, expected, strlen(expected));
    buffer_done(&out);
}

static void merges(void **state)
{
    (void)state;
    check(fields_merge, "{}", "{}", "{}");
    check(fields_merge, "{\"a\":1}", "{}", "{\"a\":1}");
    check(fields_merge, "{}", "{\"a\":1,\"b\":[1,{\"x\":2}]}", "{\"a\":1,\"b\":[1,{\"x\":2}]}");
    check(fields_merge, "{\"a\":1,\"b\":2,\"c\":3}", "{\"d\":4,\"b\":{\"z\":null},\"a\":null}",
          "{\"a\":null,\"b\":{\"z\":null},\"c\":3,\"d\":4}");
    check(fields_merge, "{\"a\":{\"b\":1}}", "{\"b\":2}", "{\"a\":{\"b\":1},\"b\":2}");
    check(fields_merge, "{\"\":1}", "{\"\":2}", "{\"\":2}");
    check(fields_merge, "{\"a,\\\"b\":1.10}", "{\"c\":\"}\"}", "{\"a,\\\"b\":1.10,\"c\":\"}\"}");
}

/* Spelled differently, one key: it must not be there twice. */
static void keys_by_meaning(void **state)
{
    (void)state;
    check(fields_merge, "{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}");
    check(fields_merge, "{\"\\u00e9\":1}", "{\"\xc3\xa9\":2}", "{\"\\u00e9\":2}");
    check(fields_merge, "{\"\xf0\x9f\x98\x80\":1}", "{\"\\ud83d\\ude00\":2}",
          "{\"\xf0\x9f\x98\x80\":2}");
    check(fields_merge, "{\"a\\/b\":1}", "{\"a/b\":2}", "{\"a\\/b\":2}");
    check(fields_merge, "{\"a\\nb\":1}", "{\"a\\u000ab\":2}", "{\"a\\nb\":2}");
    check(fields_merge, "{\"ab\":1}", "{\"\\u0061\":2}", "{\"ab\":1,\"\\u0061\":2}");
    check(fields_without, "{\"\\u0061\":1,\"b\":2}", "{\"a\":0}", "{\"b\":2}");
}

static void removes(void **state)
{
    (void)state;
    check(fields_without, "{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":null}", "{\"a\":1,\"c\":3}");
    check(fields_without, "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":0,\"c\":0,\"x\":0}", "{\"b\":2}");
    check(fields_without, "{\"a\":{\"b\":1}}", "{\"b\":0}", "{\"a\":{\"b\":1}}");
    check(fields_without, "{\"a\":1}", "{\"a\":0}", "{}");
    check(fields_without, "{}", "{\"a\":0}", "{}");
}

static void checks(void **state)
{
    (void)state;
    buffer out;
    buffer_init(&out, 1000, "fields");
    assert_ok(fields_check((varve_text){NULL, 0}, &limits, 0, &out, err));
    assert_int_equal(out.len, 0);
    assert_ok(fields_check(text(" { \"b\" : 1.500 , \"a\" : [ 1e2 ] } "), &limits, 0, &out, err));
    assert_int_equal(out.len, strlen("{\"b\":1.500,\"a\":[1e2]}"));
    assert_memory_equal(out.data, "{\"b\":1.500,\"a\":[1e2]}", out.len);
    size_t len = out.len;
    static const char *const bad[] = {
        "",     "1",           "[]", "{", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"a\":NaN}",
        "{}{}", "{\"\xff\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(VARVE_INVALID,
                     "fields[7]: ", fields_check(text(bad[i]), &limits, 7, &out, err));
    json_limits small = limits;
    small.bytes_max = 5;
    assert_fails(VARVE_LIMIT, "fields[0]: ", fields_check(text("{\"a\":1}"), &small, 0, &out, err));
    assert_int_equal(out.len, len); /* nothing was added by the failures */
    buffer_done(&out);
    buffer_init(&out, 8, "fields");
    assert_fails(VARVE_LIMIT, "fields",
                 fields_merge(text("{\"a\":1}"), text("{\"b\":1}"), &out, err));
    assert_int_equal(out.len, 0);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges),
        cmocka_unit_test(keys_by_meaning),
        cmocka_unit_test(removes),
        cmocka_unit_test(checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
