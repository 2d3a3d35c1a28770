/* test_json_out.c — what is written reads back as the same value, in as few digits as can be. */
#include "unit.h"

#include "base/json.h"
#include "base/random.h"

#include <math.h>

static buffer out;

static int set_up(void **state)
{
    (void)state;
    buffer_init(&out, 1 << 22, "answer");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_done(&out);
    return 0;
}

/* What was written since the last call, good until the next. */
static const char *written(void)
{
    assert_ok(buffer_add(&out, "", 1, NULL));
    buffer_clear(&out);
    return out.data;
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"a\b\f\n\r\tz", "\"a\\b\\f\\n\\r\\tz\""},
        {"\x01\v\x1f\x7f", "\"\\u0001\\u000b\\u001f\x7f\""},
        {"ä€🦉", "\"ä€🦉\""},
        {"a\xff\xc3z\xed\xa0\x80", "\"a\ufffd\ufffdz\ufffd\ufffd\ufffd\""},
    };
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        assert_ok(json_out_string(&out, rows[i].text, strlen(rows[i].text), NULL));
        assert_string_equal(written(), rows[i].expected);
    }
    assert_ok(json_out_string(&out, "a\0b", 3, NULL));
    assert_string_equal(written(), "\"a\\u0000b\"");
}

static void test_chosen_floats(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *expected;
    } rows[] = {
        {0, "0"},
        {-0.0f, "-0"},
        {1, "1"},
        {-1.5f, "-1.5"},
        {0.1f, "0.1"},
        {100, "100"},
        {16777216, "16777216"},
        {1e15f, "1000000000000000"},
        {1e16f, "1e16"},
        {0.00001f, "0.00001"},
        {1.5e-6f, "1.5e-6"},
        {3.4028235e38f, "3.4028235e38"},
        {1e-45f, "1e-45"},
        {1.1754944e-38f, "1.1754944e-38"},
        {-123.456f, "-123.456"},
        {0.3f, "0.3"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {1e10f, "10000000000"},
        {12345678.0f, "12345678"},
        {33554432.0f, "33554432"},
        {9.8765e20f, "9.8765e20"},
    };
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        assert_ok(json_out_float(&out, rows[i].value, NULL));
        assert_string_equal(written(), rows[i].expected);
    }
}

/* Digits but for zeros before and behind. */
static size_t digit_count(const char *text)
{
    size_t count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') continue;
        if (*text == '0' && count == 0) continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* Never more digits than the shortest %.Ng that reads back. Fewer are possible just above a power
 * of two, where the middle below is nearer than the middle above. */
static void check_float(float value)
{
    char text[32], printed[400];
    assert_ok(json_out_float(&out, value, NULL));
    strcpy(text, written());
    float back = strtof(text, NULL), scanned = NAN;
    assert_memory_equal(&back, &value, sizeof value);
    char padded[64] = {0};
    strcpy(padded, text);
    assert_ptr_equal(json_scan_float(padded, padded + strlen(text), &scanned),
                     padded + strlen(text));
    assert_memory_equal(&scanned, &value, sizeof value);
    int precision = 1;
    do {
        snprintf(printed, sizeof printed, "%.*g", precision++, (double)value);
    } while (strtof(printed, NULL) != value);
    size_t ours = digit_count(text), least = digit_count(printed);
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (ours > least || (ours < least && (bits & 0x7fffff) != 0)) fail_msg("%s, %s", text, printed);
    if (ours == least && strtod(text, NULL) != strtod(printed, NULL))
        fail_msg("%s, %s", text, printed);
}

static void test_floats_are_shortest(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 51);
    for (uint32_t exponent = 0; exponent < 255; exponent++) {
        static const uint32_t fractions[] = {0, 1, 2, 0x400000, 0x7ffffe, 0x7fffff};
        for (size_t i = 0; i < VV_COUNT(fractions); i++) {
            uint32_t bits = exponent << 23 | fractions[i];
            float value;
            memcpy(&value, &bits, 4);
            check_float(value);
        }
    }
    for (int i = 0; i < 150000; i++) {
        uint32_t bits = (uint32_t)random_u64(&r);
        float value;
        memcpy(&value, &bits, 4);
        if (isfinite(value)) check_float(value);
        check_float(random_gauss(&r) * 0.05f);
    }
}

static void check_double(double value)
{
    char printed[400];
    assert_ok(json_out_double(&out, value, NULL));
    const char *text = written();
    double back = strtod(text, NULL);
    assert_memory_equal(&back, &value, sizeof value);
    int precision = 1;
    do {
        snprintf(printed, sizeof printed, "%.*g", precision++, value);
    } while (strtod(printed, NULL) != value);
    if (digit_count(text) > digit_count(printed)) fail_msg("%s, %s", text, printed);
}

static void test_doubles(void **state)
{
    (void)state;
    static const double chosen[] = {0,
                                    -0.0,
                                    1,
                                    0.1,
                                    0.3,
                                    1e15,
                                    1e16,
                                    1e22,
                                    1e23,
                                    5e-324,
                                    2.5e-7,
                                    1.7976931348623157e308,
                                    9007199254740993,
                                    123456789.125,
                                    -42.42};
    random_state r;
    random_seed(&r, 52);
    for (size_t i = 0; i < VV_COUNT(chosen); i++)
        check_double(chosen[i]);
    for (int i = 0; i < 40000; i++) {
        uint64_t bits = random_u64(&r);
        double value;
        memcpy(&value, &bits, 8);
        if (isfinite(value)) check_double(value);
        check_double((double)random_below(&r, 1000000) / 1000);
        check_double((double)random_below(&r, 100000000000) / 1e9);
    }
    assert_ok(json_out_double(&out, 12.34, NULL));
    assert_string_equal(written(), "12.34");
    assert_ok(json_out_double(&out, -1500000, NULL));
    assert_string_equal(written(), "-1500000");
    assert_ok(json_out_double(&out, NAN, NULL));
    assert_string_equal(written(), "null");
}

static void test_integers(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 9, 10, 12345, UINT64_MAX};
    for (size_t i = 0; i < VV_COUNT(values); i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)values[i]);
        assert_ok(json_out_u64(&out, values[i], NULL));
        assert_string_equal(written(), expected);
    }
}

static void test_arrays(void **state)
{
    (void)state;
    static float values[2000];
    static const char *const keys[] = {"v", NULL};
    random_state r;
    random_seed(&r, 53);
    for (size_t i = 0; i < VV_COUNT(values); i++)
        values[i] = i % 10 ? random_gauss(&r) : -1.17549449e-38f;
    assert_ok(json_out_floats(&out, values, 0, NULL));
    assert_string_equal(written(), "[]");
    assert_ok(json_out_floats(&out, (float[]){1, NAN, 2}, 3, NULL));
    assert_string_equal(written(), "[1,null,2]");
    for (size_t count = 1; count <= VV_COUNT(values); count = count * 2 + 1) {
        VV_CLEANUP(json_document_done) json_document d;
        assert_ok(buffer_add_text(&out, "{\"v\":", NULL));
        assert_ok(json_out_floats(&out, values, count, NULL));
        assert_ok(buffer_add_text(&out, "}", NULL));
        size_t len = out.len;
        assert_ok(buffer_reserve(&out, JSON_TEXT_PADDING, NULL));
        assert_ok(json_parse(out.data, len, keys, count, &d, NULL));
        assert_int_equal(d.value_count, count);
        assert_memory_equal(d.values, values, count * sizeof *values);
        buffer_clear(&out);
    }
}

static void test_full_buffer(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer small;
    static const float values[1000] = {0};
    buffer_init(&small, 8, "answer");
    assert_status(json_out_string(&small, "1234567", 7, NULL), VARVE_LIMIT);
    buffer_clear(&small);
    assert_ok(json_out_string(&small, "123456", 6, NULL));
    assert_status(json_out_float(&small, 1, NULL), VARVE_LIMIT);
    assert_status(json_out_double(&small, 1, NULL), VARVE_LIMIT);
    assert_status(json_out_u64(&small, 1, NULL), VARVE_LIMIT);
    assert_status(json_out_floats(&small, values, 1000, NULL), VARVE_LIMIT);
}

#define with_buffer(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_buffer(test_strings),
        with_buffer(test_chosen_floats),
        with_buffer(test_floats_are_shortest),
        with_buffer(test_doubles),
        with_buffer(test_integers),
        with_buffer(test_arrays),
        with_buffer(test_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
