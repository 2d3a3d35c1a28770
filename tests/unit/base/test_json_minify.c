/* test_json_minify.c — a corpus of good and bad JSON, one limit after the other, keys that are
 * equal in disguise, and members walked. */
#include "unit.h"

#include "base/json.h"

static const json_limits wide = {1 << 20, 64, 1024};

static varve_status minify(const char *text, size_t len, const json_limits *limits, char *ret,
                           size_t size, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer out;
    /* A copy of just this length, so that a sanitizer sees a byte read too much. */
    char *copy = malloc(len + 1);
    memcpy(copy + 1, text, len);
    buffer_init(&out, size, "fields");
    assert_ok(buffer_add_text(&out, "<", NULL));
    varve_status status = json_minify_object(copy + 1, len, limits, &out, err);
    if (status == VARVE_OK) {
        memcpy(ret, out.data + 1, out.len - 1);
        ret[out.len - 1] = '\0';
    } else {
        assert_int_equal(out.len, 1);
    }
    free(copy);
    return status;
}

static void check_good(const char *text, const char *expected)
{
    char got[4096];
    varve_error err = {0};
    if (minify(text, strlen(text), &wide, got, sizeof got, &err) != VARVE_OK)
        fail_msg("%s: %s", text, err.message);
    assert_string_equal(got, expected);
}

static void check_bad_bytes(const char *text, size_t len, long at, varve_status expected)
{
    char got[4096], place[32];
    varve_error err = {0};
    varve_status status = minify(text, len, &wide, got, sizeof got, &err);
    if (status != expected) fail_msg("%s: %s", text, varve_status_name(status));
    snprintf(place, sizeof place, "at byte %ld:", at);
    if (at >= 0) assert_contains(err.message, place);
}

static void check_bad(const char *text, long at)
{
    check_bad_bytes(text, strlen(text), at, VARVE_INVALID);
}

static void test_good(void **state)
{
    (void)state;
    check_good("{}", "{}");
    check_good(" \t\r\n{ \n} ", "{}");
    check_good("{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }", "{\"a\":1,\"b\":[1,2]}");
    check_good("{\"a\":{\"a\":{\"a\":[]}},\"b\":[{},{\"a\":[[]]}]}",
               "{\"a\":{\"a\":{\"a\":[]}},\"b\":[{},{\"a\":[[]]}]}");
    check_good("{\"\":\"\"}", "{\"\":\"\"}");
    check_good("{\"s\": \" a  b \" }", "{\"s\":\" a  b \"}");
    check_good("{\"t\":true,\"f\":false,\"n\":null}", "{\"t\":true,\"f\":false,\"n\":null}");
    check_good("{\"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u0000\\uD83E\\udd89\"}",
               "{\"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u0000\\uD83E\\udd89\"}");
    check_good("{\"ä€🦉\":"
               "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"}",
               "{\"ä€🦉\":"
               "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\x7f\"}");
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "-1",
                                       "10",
                                       "0.0",
                                       "1.50",
                                       "-0.5e-7",
                                       "1E400",
                                       "0e0",
                                       "1e+05",
                                       "123456789012345678901234567890",
                                       "1e-999999",
                                       "18446744073709551616",
                                       "-9223372036854775809"};
    static const char *const bad[] = {"01",  "-",   "+1",  ".5",    "1.",       "1.e1",      "1e",
                                      "1e+", "-a",  "0x1", "NaN",   "Infinity", "-Infinity", "nan",
                                      "1_0", "--1", "00",  "1.2.3", "-01",      "1,",        "1 2"};
    char text[160];
    for (size_t i = 0; i < VV_COUNT(good); i++) {
        snprintf(text, sizeof text, "{\"n\":%s}", good[i]);
        check_good(text, text);
        snprintf(text, sizeof text, "{\"n\":[%s,%s]}", good[i], good[i]);
        check_good(text, text);
    }
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        snprintf(text, sizeof text, "{\"n\":%s}", bad[i]);
        check_bad(text, -1);
        snprintf(text, sizeof text, "{\"n\":%s", bad[i]);
        check_bad(text, -1);
    }
    memset(text, '7', sizeof text);
    memcpy(text, "{\"n\":", 5);
    strcpy(text + 5 + 64, "}");
    check_good(text, text);
    strcpy(text + 5 + 64, "7}");
    check_bad_bytes(text, strlen(text), 5, VARVE_LIMIT);
}

static void test_bad(void **state)
{
    (void)state;
    check_bad("", 0);
    check_bad("   ", 3);
    check_bad("[]", -1);
    check_bad("1", -1);
    check_bad("\"a\"", -1);
    check_bad("null", -1);
    check_bad("{", 1);
    check_bad("}", 0);
    check_bad("{}x", 2);
    check_bad("{} {}", 3);
    check_bad("{\"a\"}", 4);
    check_bad("{\"a\":}", 5);
    check_bad("{\"a\" 1}", 5);
    check_bad("{\"a\":1,}", 7);
    check_bad("{,\"a\":1}", 1);
    check_bad("{\"a\":1 \"b\":2}", 7);
    check_bad("{\"a\":1;\"b\":2}", 6);
    check_bad("{a:1}", 1);
    check_bad("{'a':1}", 1);
    check_bad("{1:1}", 1);
    check_bad("{\"a\":[1,]}", 8);
    check_bad("{\"a\":[,1]}", 6);
    check_bad("{\"a\":[1 2]}", 8);
    check_bad("{\"a\":[1}", 7);
    check_bad("{\"a\":{]}", 6);
    check_bad("{\"a\":[}]", 6);
    check_bad("{\"a\":tru}", 5);
    check_bad("{\"a\":True}", 5);
    check_bad("{\"a\":nulll}", 9);
    check_bad("{\"a\":undefined}", 5);
    check_bad("{\"a\":1}//", 7);
    check_bad("{/**/\"a\":1}", 1);
    check_bad("\xef\xbb\xbf{}", 0);
    check_bad("\xff\xfe{}", 0);
    check_bad("{\"a\":1\v}", 6);
    check_bad("{\xc2\xa0}", 1);
    check_bad_bytes("{\"a\":1}\0", 8, 7, VARVE_INVALID);
    check_bad_bytes("{\0}", 3, 1, VARVE_INVALID);
}

static void test_bad_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at; /* in the text */
    } rows[] = {
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xc3", 0},
        {"\xc3x", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xe2\x82", 0},
        {"ab\xe2\x82x", 2},
        {"\xed\xa0\x80", 0},
        {"\xed\xbf\xbf", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"ä\xff", 2},
        {"0123456789abcdef\xf0\x9f\xa6", 16},
        {"\n", 0},
        {"\t", 0},
        {"\x01", 0},
        {"12345678\x1f", 8},
        {"\\x", 0},
        {"\\", 2},
        {"\\u", 0},
        {"\\u12", 0},
        {"\\u12g4", 0},
        {"\\U0041", 0},
        {"\\ud800", 0},
        {"\\udc00", 0},
        {"\\ud800x", 0},
        {"\\ud800\\n", 0},
        {"\\ud800\\u0041", 0},
        {"\\ud800\\ud800", 0},
        {"\\'", 0},
        {"good\\q", 4},
    };
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"%s\":1}", rows[i].text);
        check_bad(text, rows[i].text[1] || rows[i].text[0] != '\\' ? 2 + (long)rows[i].at : -1);
        snprintf(text, sizeof text, "{\"k\":\"%s\"}", rows[i].text);
        check_bad(text, rows[i].text[1] || rows[i].text[0] != '\\' ? 6 + (long)rows[i].at : -1);
    }
    check_bad("{\"a\":\"abc", 9);
    check_bad("{\"a\":\"abc\\", 9);
    check_bad("{\"a", 3);
}

/* Every way to cut a good text short is bad. */
static void test_every_prefix_is_bad(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"k\\u00e4\" : [ -1.5e+3 , {\"x\" : \"ä\\ud83e\\udd89\" } , true ] }";
    for (size_t len = 0; len < sizeof text - 1; len++)
        check_bad_bytes(text, len, -1, VARVE_INVALID);
    check_good(text, "{\"k\\u00e4\":[-1.5e+3,{\"x\":\"ä\\ud83e\\udd89\"},true]}");
}

static void test_equal_keys(void **state)
{
    (void)state;
    check_bad("{\"a\":1,\"a\":2}", 7);
    check_bad("{\"a\":1,\"b\":2,\"\\u0061\":3}", 13);
    check_bad("{\"\\u0061\":1,\"a\":2}", 12);
    check_bad("{\"/\":1,\"\\/\":2}", 7);
    check_bad("{\"ä\":1,\"\\u00E4\":2}", 8);
    check_bad("{\"🦉\":1,\"\\ud83e\\udd89\":2}", 10);
    check_bad("{\"x\":[{\"a\":1,\"b\":{\"a\":1},\"a\":2}]}", 25);
    check_bad("{\"\":1,\"\":2}", 6);
    check_good("{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"b\":{\"a\":5},\"\\u0000\":6,\"a\\u0000\":7}",
               "{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"b\":{\"a\":5},\"\\u0000\":6,\"a\\u0000\":7}");
    check_good("{\"12345678a\":1,\"12345678b\":2,\"12345678\":3,\"\\u0031\":4}",
               "{\"12345678a\":1,\"12345678b\":2,\"12345678\":3,\"\\u0031\":4}");
}

/* Objects of up to a few hundred keys, without and with one repeated at every distance. */
static void test_equal_keys_among_many(void **state)
{
    (void)state;
    static char text[20000], got[20000];
    for (size_t count = 1; count < 300; count = count * 3 / 2 + 1) {
        for (size_t repeated = 0; repeated <= count; repeated++) {
            size_t len = 1;
            text[0] = '{';
            for (size_t i = 0; i < count; i++)
                len += (size_t)sprintf(text + len, "\"%s%zu\":%zu,", i % 3 ? "key" : "\\u006bey",
                                       i * 7919 % 10007, i);
            len += (size_t)sprintf(text + len, "\"key%zu\":0}",
                                   repeated < count ? repeated * 7919 % 10007 : 99999);
            assert_status(minify(text, len, &wide, got, sizeof got, NULL),
                          repeated < count ? VARVE_INVALID : VARVE_OK);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    char got[100];
    varve_error err = {0};
    static const struct {
        const char *text;
        json_limits limits;
        varve_status status;
    } rows[] = {
        {"{ \"a\" : 1 }", {7, 9, 9}, VARVE_OK},
        {"{ \"a\" : 1 }", {6, 9, 9}, VARVE_LIMIT},
        {"{}", {2, 1, 0}, VARVE_OK},
        {"{}", {2, 0, 0}, VARVE_LIMIT},
        {"{\"a\":[]}", {99, 2, 1}, VARVE_OK},
        {"{\"a\":[]}", {99, 1, 1}, VARVE_LIMIT},
        {"{\"a\":[[]]}", {99, 2, 1}, VARVE_LIMIT},
        {"{\"a\":{\"b\":{}}}", {99, 3, 1}, VARVE_OK},
        {"{\"a\":{\"b\":{}}}", {99, 2, 1}, VARVE_LIMIT},
        {"{\"a\":1,\"b\":2}", {99, 2, 2}, VARVE_OK},
        {"{\"a\":1,\"b\":2}", {99, 2, 1}, VARVE_LIMIT},
        {"{\"a\":{\"c\":1},\"b\":{\"c\":1}}", {99, 2, 2}, VARVE_OK},
    };
    for (size_t i = 0; i < VV_COUNT(rows); i++)
        assert_status(
            minify(rows[i].text, strlen(rows[i].text), &rows[i].limits, got, sizeof got, &err),
            rows[i].status);
    assert_status(minify("{\"a\":1}", 7, &wide, got, 7, &err), VARVE_LIMIT); /* the buffer's */
    assert_contains(err.message, "fields");
}

static void test_depth(void **state)
{
    (void)state;
    char text[300], got[300];
    for (int depth = 60; depth < 70; depth++) {
        size_t len = 5;
        memcpy(text, "{\"a\":", 5);
        memset(text + len, '[', (size_t)depth - 1);
        len += (size_t)depth - 1;
        memset(text + len, ']', (size_t)depth - 1);
        len += (size_t)depth - 1;
        text[len++] = '}';
        assert_status(minify(text, len, &wide, got, sizeof got, NULL),
                      depth <= 64 ? VARVE_OK : VARVE_LIMIT);
    }
}

static void check_members(const char *text, const char *const *expected)
{
    char *copy = strdup(text);
    const char *at = copy, *end = copy + strlen(text);
    varve_text key, value;
    while (json_next_member(&at, end, &key, &value)) {
        assert_non_null(*expected);
        assert_int_equal(key.len, strlen(*expected));
        assert_memory_equal(key.data, *expected++, key.len);
        assert_int_equal(value.len, strlen(*expected));
        assert_memory_equal(value.data, *expected++, value.len);
    }
    assert_null(*expected);
    free(copy);
}

static void test_members(void **state)
{
    (void)state;
    check_members("{}", (const char *const[]){NULL});
    check_members("{\"a\":1}", (const char *const[]){"a", "1", NULL});
    check_members("{\"a\":[1,{\"x\":\"],}\"}],\"b\\\"\":\"\\\\\",\"\":{\"q\":[]},\"c\":null}",
                  (const char *const[]){"a", "[1,{\"x\":\"],}\"}]", "b\\\"", "\"\\\\\"", "",
                                        "{\"q\":[]}", "c", "null", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_strings),
        cmocka_unit_test(test_every_prefix_is_bad),
        cmocka_unit_test(test_equal_keys),
        cmocka_unit_test(test_equal_keys_among_many),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
