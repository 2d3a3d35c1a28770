/* test_value.c — values out of JSON text, their order by exact value, date-times. */
#include "record_fixture.h"

#include "base/json.h"
#include "record/value.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static varve_text text(const char *s) { return (varve_text){s, strlen(s)}; }

static value read_one(const char *json, buffer *scratch)
{
    const char *at = json, *end = json + strlen(json);
    value v;
    if (!value_read(&at, end, scratch, &v)) fail_msg("%s is not read", json);
    assert_ptr_equal(at, end);
    return v;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Ascending; numbers in one line are equal. Every pair is compared, both ways. */
static const char *const ordered[][4] = {
    {"-1e999", "-1.7976931348623157e308"},
    {"-1e300"},
    {"-9223372036854777856", "-9223372036854777856.0"},
    {"-9223372036854775808", "-9.223372036854775808e18"},
    {"-9223372036854775807"},
    {"-9007199254740993"},
    {"-9007199254740992", "-9007199254740992.0"},
    {"-1.5"},
    {"-1", "-1.0", "-10e-1"},
    {"-1e-320"},
    {"0", "-0", "0.0", "-0.0e5"},
    {"5e-324", "4.9e-324"},
    {"0.1", "1e-1", "0.1000"},
    {"0.3"},
    {"0.30000000000000004"},
    {"1", "1.0", "1e0", "100e-2"},
    {"1.0000000000000002"},
    {"9007199254740991", "9007199254740991.0"},
    {"9007199254740992", "9007199254740992.0", "9.007199254740992e15"},
    {"9007199254740993"},
    {"9007199254740994", "9007199254740994.0"},
    {"9223372036854774784", "9223372036854774784.0"},
    {"9223372036854775807"},
    {"9223372036854775808", "9223372036854775808.0", "9223372036854775807.0"},
    {"9223372036854775809"},
    {"18446744073709549568", "18446744073709549568.0"},
    {"18446744073709551614"},
    {"18446744073709551615"},
    {"18446744073709551616", "18446744073709551615.0", "1.8446744073709551616e19"},
    {"1e300"},
    {"1e999", "1.7976931348623157e308", "999999e999"},
};

static void numbers_compare_exactly(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    for (size_t i = 0; i < VV_COUNT(ordered); i++)
        for (size_t j = 0; j < VV_COUNT(ordered); j++)
            for (size_t k = 0; k < 16; k++) {
                const char *left = ordered[i][k / 4], *right = ordered[j][k % 4];
                if (!left || !right) continue;
                value a = read_one(left, &scratch), b = read_one(right, &scratch);
                int order = value_compare_numbers(&a, &b);
                if ((order > 0) - (order < 0) != (i > j) - (i < j) ||
                    value_equal(&a, &b) != (i == j))
                    fail_msg("%s and %s compare as %d", left, right, order);
            }
}

static void number_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        value_kind kind;
        int64_t integer;
        uint64_t big;
        double real;
    } cases[] = {
        {"0", VALUE_INT, 0, 0, 0},
        {"-17", VALUE_INT, -17, 0, 0},
        {"9223372036854775807", VALUE_INT, INT64_MAX, 0, 0},
        {"-9223372036854775808", VALUE_INT, INT64_MIN, 0, 0},
        {"9223372036854775808", VALUE_UINT, 0, UINT64_C(1) << 63, 0},
        {"18446744073709551615", VALUE_UINT, 0, UINT64_MAX, 0},
        {"18446744073709551616", VALUE_DOUBLE, 0, 0, 18446744073709551616.0},
        {"99999999999999999999", VALUE_DOUBLE, 0, 0, 99999999999999999999.0},
        {"-9223372036854775809", VALUE_DOUBLE, 0, 0, -9223372036854775808.0},
        {"1.0", VALUE_DOUBLE, 0, 0, 1},
        {"1e3", VALUE_DOUBLE, 0, 0, 1000},
        {"-2.5E-1", VALUE_DOUBLE, 0, 0, -0.25},
        {"1e999", VALUE_DOUBLE, 0, 0, DBL_MAX},
        {"-1e999", VALUE_DOUBLE, 0, 0, -DBL_MAX},
        {"1e-999", VALUE_DOUBLE, 0, 0, 0},
        {"0e99999999999999999999", VALUE_DOUBLE, 0, 0, 0},
    };
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        value v = read_one(cases[i].json, &scratch);
        assert_int_equal(v.kind, cases[i].kind);
        assert_int_equal(v.integer, cases[i].integer);
        assert_true(v.big == cases[i].big);
        assert_true(v.real == cases[i].real);
    }
}

/* The short cut to doubles gives what strtod gives. */
static void doubles_as_strtod(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer scratch;
    uint64_t seed = 1;
    buffer_init(&scratch, 100, "test");
    for (int i = 0; i < 100000; i++) {
        char number[64];
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t digits = seed >> (seed % 64);
        int exponent = (int)((seed >> 40) % 60) - 30;
        snprintf(number, sizeof number, "%s%llu.%03ue%d", seed & 8 ? "-" : "",
                 (unsigned long long)digits, (unsigned)(seed >> 50) % 1000, exponent);
        value v = read_one(number, &scratch);
        if (v.kind != VALUE_DOUBLE || v.real != strtod(number, NULL))
            fail_msg("%s read as %.17g", number, v.real);
    }
}

/* ---- other values -------------------------------------------------------------------------- */

static void reads_kinds(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    assert_int_equal(read_one("null", &scratch).kind, VALUE_NULL);
    assert_true(read_one("true", &scratch).boolean);
    value v = read_one("false", &scratch);
    assert_int_equal(v.kind, VALUE_BOOL);
    assert_false(v.boolean);
    const char *raw = "[1,\"]\",{\"a\":[]}]";
    v = read_one(raw, &scratch);
    assert_int_equal(v.kind, VALUE_ARRAY);
    assert_ptr_equal(v.text.data, raw);
    assert_int_equal(v.text.len, strlen(raw));
    v = read_one("{\"a\\\"}\":{}}", &scratch);
    assert_int_equal(v.kind, VALUE_OBJECT);
    const char *in_line = "\"a\",\"b\"";
    assert_true(value_read(&in_line, in_line + 7, &scratch, &v));
    assert_string_equal(in_line, ",\"b\"");
}

static void strings(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"long enough for eight at a time\"", "long enough for eight at a time"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"0123456\\\"89\"", "0123456\"89"},
        {"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\xc3\xa9\\u00e9\"", "\xc3\xa9\xc3\xa9"},
    };
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        value v = read_one(cases[i][0], &scratch);
        assert_int_equal(v.kind, VALUE_TEXT);
        assert_int_equal(v.text.len, strlen(cases[i][1]));
        assert_memory_equal(v.text.data, cases[i][1], v.text.len);
    }
    value v = read_one("\"a\\u0000b\"", &scratch);
    assert_int_equal(v.text.len, 3);
    assert_memory_equal(v.text.data, "a\0b", 3);
    char room[2];
    size_t len;
    assert_true(value_unescape(text("\\u0041b"), room, 2, &len));
    assert_int_equal(len, 2);
    assert_false(value_unescape(text("\\u0041bc"), room, 2, &len));
    assert_false(value_unescape(text("a\"b"), room, 2, &len));
}

static bool reread(const void *bytes, size_t len, buffer *again)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    const char *at = bytes, *end = at + len;
    value v;
    varve_text raw;
    buffer_init(&scratch, len, "test");
    if (!value_read(&at, end, &scratch, &v)) return false;
    assert_in_range(at - (const char *)bytes, 1, len);
    const char *element = (const char *)bytes + 1;
    while (value_next_element(&element, end, &raw))
        assert_true(raw.len > 0 && raw.data + raw.len < end);
    assert_ok(buffer_add(again, bytes, len, err));
    return true;
}

/* Bytes that are no JSON are refused or read as something; none are read behind the end. */
static void damaged(void **state)
{
    (void)state;
    static const char *const good[] = {"\"a\\u00e9\\ud83d\\ude00\\n\xc3\xa9 and more\"",
                                       "[1,\"a\\\"]\",{\"b\":[null,-1.5e7]}]",
                                       "-12345678901234567890.5e-10", "true"};
    static const char *const bad[] = {
        "",   "\"", "\"a", "\"\\", "\"\\u12\"", "tru",         "nul",
        "-",  "1.", "1e",  "1e+",  ".5",        "]",           "[",
        "[1", "{",  "[}",  "x",    "+1",        "\"\\ud800\"", "\"\xff\\n\""};
    for (size_t i = 0; i < VV_COUNT(good); i++)
        mutate(reread, good[i], strlen(good[i]));
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        const char *at = bad[i];
        value v;
        if (value_read(&at, at + strlen(at), &scratch, &v)) fail_msg("%s is read", bad[i]);
        assert_ptr_equal(at, bad[i]);
    }
}

static void equality(void **state)
{
    (void)state;
    static const char *const kinds[] = {"null", "true", "false", "1", "\"1\"", "\"true\"", "\"\""};
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, 100, "test");
    for (size_t i = 0; i < VV_COUNT(kinds); i++)
        for (size_t j = 0; j < VV_COUNT(kinds); j++) {
            value a = read_one(kinds[i], &scratch), b = read_one(kinds[j], &scratch);
            assert_int_equal(value_equal(&a, &b), i == j);
        }
    value array = read_one("[1]", &scratch), object = read_one("{}", &scratch);
    assert_false(value_equal(&array, &array));
    assert_false(value_equal(&object, &object));
    assert_true(value_compare_texts(text("a"), text("b")) < 0);
    assert_true(value_compare_texts(text("ab"), text("a")) > 0);
    assert_true(value_compare_texts(text("z"), text("\xc3\xa9")) < 0);
    assert_int_equal(value_compare_texts(text(""), text("")), 0);
}

static void elements(void **state)
{
    (void)state;
    const char *array = "[1,\"a,]\",[2,3],{\"a\":[4]},null]";
    static const char *const expected[] = {"1", "\"a,]\"", "[2,3]", "{\"a\":[4]}", "null"};
    const char *at = array + 1, *end = array + strlen(array);
    varve_text raw;
    for (size_t i = 0; i < VV_COUNT(expected); i++) {
        assert_true(value_next_element(&at, end, &raw));
        assert_int_equal(raw.len, strlen(expected[i]));
        assert_memory_equal(raw.data, expected[i], raw.len);
    }
    assert_false(value_next_element(&at, end, &raw));
    at = "]";
    assert_false(value_next_element(&at, at + 1, &raw));
}

/* ---- date-times ---------------------------------------------------------------------------- */

#define DAY INT64_C(86400000000)
static const struct {
    const char *text;
    int64_t expected;
} good_datetimes[] = {
    {"1970-01-01", 0},
    {"1970-01-02", DAY},
    {"1969-12-31", -DAY},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2000-02-29", 11016 * DAY},
    {"2000-03-01", 11017 * DAY},
    {"2024-02-29T12:00", 1709208000 * INT64_C(1000000)},
    {"2024-12-31T23:59:60Z", 1735689600 * INT64_C(1000000)},
    {"2025-01-01", 1735689600 * INT64_C(1000000)},
    {"2025-01-01T01:00:00+01:00", 1735689600 * INT64_C(1000000)},
    {"2025-01-01 01:00:00+0100", 1735689600 * INT64_C(1000000)},
    {"2025-01-01t01:00+01", 1735689600 * INT64_C(1000000)},
    {"2024-12-31T18:30:00-05:30", 1735689600 * INT64_C(1000000)},
    {"2025-01-01T00:00:00z", 1735689600 * INT64_C(1000000)},
    {"2025-01-01T00:00:00-00:00", 1735689600 * INT64_C(1000000)},
    {"2025-01-01T00:00:00.5", 1735689600 * INT64_C(1000000) + 500000},
    {"2025-01-01T00:00:00.123456789Z", 1735689600 * INT64_C(1000000) + 123456},
    {"0001-01-01", -719162 * DAY},
    {"9999-12-31T23:59:59.999999", 2932897 * DAY - 1},
    {"1900-02-28", -25509 * DAY},
    {"1900-03-01", -25508 * DAY},
};
static const char *const bad_datetimes[] = {
    "",
    "2025",
    "2025-01",
    "2025-1-01",
    "2025-01-1",
    "25-01-01",
    "2025-13-01",
    "2025-00-10",
    "2025-01-32",
    "2025-01-00",
    "2025-04-31",
    "2023-02-29",
    "1900-02-29",
    "2100-02-29",
    "0000-01-01",
    "10000-01-01",
    "2025/01/01",
    "2025-01-01T",
    "2025-01-01T1",
    "2025-01-01T24:00",
    "2025-01-01T12",
    "2025-01-01T12:60",
    "2025-01-01T12:00:61",
    "2025-01-01T12:00:",
    "2025-01-01T12:00:00.",
    "2025-01-01T12:00.5",
    "2025-01-01T12:00:00+24:00",
    "2025-01-01T12:00:00+1",
    "2025-01-01T12:00:00+01:",
    "2025-01-01T12:00:00+01:60",
    "2025-01-01T12:00:00+",
    "2025-01-01T12:00:00ZZ",
    "2025-01-01T12:00:00 Z",
    "2025-01-01  12:00",
    "2025-01-01Z",
    " 2025-01-01",
    "2025-01-01 ",
    "-025-01-01",
    "2025-01-01_12:00",
    "2025-01-0x",
    "not a date",
};

static void datetimes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(good_datetimes); i++) {
        int64_t us = 1;
        if (!value_datetime(text(good_datetimes[i].text), &us) || us != good_datetimes[i].expected)
            fail_msg("%s is %lld, not %lld", good_datetimes[i].text, (long long)us,
                     (long long)good_datetimes[i].expected);
    }
    for (size_t i = 0; i < VV_COUNT(bad_datetimes); i++) {
        int64_t us = 7;
        if (value_datetime(text(bad_datetimes[i]), &us)) fail_msg("%s is taken", bad_datetimes[i]);
        assert_int_equal(us, 7);
    }
    int64_t us;
    assert_false(value_datetime((varve_text){"2025-01-01T12:00\0", 17}, &us));
}

/* Every day of eight centuries is one after the day before, as the calendar says. */
static void calendar(void **state)
{
    (void)state;
    int64_t before = 0;
    for (int year = 1600; year < 2400; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= 31; day++) {
                char date[40];
                int64_t us;
                snprintf(date, sizeof date, "%04d-%02d-%02d", year, month, day);
                if (!value_datetime(text(date), &us)) {
                    assert_true(day > 28);
                    continue;
                }
                if (before) assert_int_equal(us - before, INT64_C(86400000000));
                before = us;
            }
    assert_int_equal(before, (INT64_C(13569465600) - 86400) * 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_compare_exactly),
        cmocka_unit_test(number_kinds),
        cmocka_unit_test(doubles_as_strtod),
        cmocka_unit_test(reads_kinds),
        cmocka_unit_test(strings),
        cmocka_unit_test(damaged),
        cmocka_unit_test(equality),
        cmocka_unit_test(elements),
        cmocka_unit_test(datetimes),
        cmocka_unit_test(calendar),
    };
    return cmocka_run_group_tests_name("record/value", tests, NULL, NULL);
}
