/* test_json_scan.c — numbers in text to float32: bit for bit what strtof gives, for millions of
 * them; the grammar of JSON; and nothing read past the padding. */
#include "unit.h"

#include "base/json_scan.h"
#include "base/random.h"

#include <math.h>
#include <sys/mman.h>

#define DECIMALS 4500000
#define PRINTED  150000 /* of each of several kinds */

static void check_text(const char *text, size_t len)
{
    char padded[160];
    float expected = strtof(text, NULL), got = -7;
    memcpy(padded, text, len);
    memset(padded + len, '9', JSON_TEXT_PADDING); /* whatever they are */
    const char *end = json_scan_float(padded, padded + len, &got);
    if (end != padded + len || memcmp(&got, &expected, sizeof got) != 0)
        fail_msg("%s: scanned %.9g to %td, strtof gives %.9g", text, (double)got,
                 end ? end - padded : -1, (double)expected);
}

static int print(char *to, char style, int precision, double value)
{
    if (style == 'f') return snprintf(to, 400, "%.*f", precision, value);
    if (style == 'e') return snprintf(to, 400, "%.*e", precision, value);
    return snprintf(to, 400, "%.*g", precision, value);
}

static void check_printed(char style, int precision, double value)
{
    char text[400];
    int len = print(text, style, precision, value);
    if (len <= JSON_NUMBER_CHARS_MAX) check_text(text, (size_t)len);
}

static float any_float(random_state *r)
{
    float value;
    do {
        uint32_t bits = (uint32_t)random_u64(r);
        memcpy(&value, &bits, 4);
    } while (!isfinite(value));
    return value;
}

static void test_random_floats(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 21);
    for (int i = 0; i < PRINTED; i++) {
        check_printed('g', 9, (double)any_float(&r));
        check_printed('g', 9, (double)random_gauss(&r) * 0.05);
        check_printed('g', 17, (double)random_gauss(&r));
    }
}

static void test_random_doubles(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 22);
    for (int i = 0; i < PRINTED; i++) {
        double value = ldexp(random_unit(&r) - 0.5, (int)random_below(&r, 320) - 170);
        check_printed(i % 2 ? 'g' : 'f', i % 2 ? 17 : 12, value);
    }
}

static char *add_digits(char *to, uint64_t digits, size_t count)
{
    for (size_t i = count; i-- > 0; digits /= 10)
        to[i] = (char)('0' + digits % 10);
    return to + count;
}

/* Digits chosen at random, a point somewhere among them, sometimes an exponent. */
static void test_random_decimals(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 24);
    for (int i = 0; i < DECIMALS; i++) {
        char text[64], *to = text;
        uint64_t bits = random_u64(&r);
        if (bits & 1) *to++ = '-';
        to = add_digits(to, bits & 2 ? 0 : 1 + (bits >> 8) % 9, 1);
        *to++ = '.';
        to = add_digits(to, bits >> 2, 1 + (bits >> 12) % 20);
        if ((bits >> 20) % 8 == 0) {
            *to++ = 'e';
            if (bits & 4) *to++ = '-';
            to = add_digits(to, (bits >> 24) % 40, 1 + (bits & 8) / 8);
        }
        *to = '\0';
        check_text(text, (size_t)(to - text));
    }
}

/* The middles between neighbouring floats, where rounding twice would show, and one unit of a
 * double beside them. */
static void test_middles(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 23);
    for (int i = 0; i < PRINTED; i++) {
        float value = any_float(&r);
        double middle = ((double)value + (double)nextafterf(value, INFINITY)) / 2;
        if (!isfinite(middle)) continue;
        check_printed('g', 17, middle);
        check_printed('g', 17, nextafter(middle, INFINITY));
        check_printed('g', 17, nextafter(middle, -INFINITY));
        check_printed('g', 40, middle);
    }
}

static void test_chosen(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.000",
        "0e99",
        "1",
        "-1",
        "10",
        "16777217",
        "16777219",
        "0.1",
        "3.4028234663852886e38",
        "3.4028235677973366e38",
        "3.4028235677973365e38",
        "1e38",
        "1e39",
        "-1e400",
        "1e-45",
        "7.006492321624085e-46",
        "7.0064923216240854e-46",
        "1.17549435e-38",
        "1.1754943e-38",
        "1e-400",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000000000000001401298464324817",
        "1E5",
        "1e+5",
        "1E-05",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "9999999999999999999",
        "0.9999999999999999999",
        "9.999999999999999999",
        "9.9999999999999999999999",
        "0.00000000000000000000000000000000000000000000000000000000001",
        "1.0000000596046447753906250000000000000000000000000000000001"};
    for (size_t i = 0; i < VV_COUNT(texts); i++)
        check_text(texts[i], strlen(texts[i]));
}

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int end; /* -1: no number */
    } rows[] = {{"", -1},     {"-", -1},   {"+1", -1},  {".5", -1},    {"1.", -1},
                {"1.e5", -1}, {"1e", -1},  {"1e+", -1}, {"nan", -1},   {"Infinity", -1},
                {"-inf", -1}, {"0x10", 1}, {"01", 1},   {"1,2", 1},    {"1.5]", 3},
                {"1 ", 1},    {"--1", -1}, {"1-", 1},   {"-5e3e4", 4}, {"1e5.5", 3},
                {"/1", -1},   {"1:2", 1},  {" 1", -1},  {"12a", 2},    {"1.5.5", 3}};
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        char padded[64] = {0};
        float value = -7;
        strcpy(padded, rows[i].text);
        const char *end = json_scan_float(padded, padded + strlen(rows[i].text), &value);
        assert_int_equal(end ? end - padded : -1, rows[i].end);
        assert_int_equal(value == -7, rows[i].end < 0);
    }
}

static void test_length_limit(void **state)
{
    (void)state;
    for (size_t len = JSON_NUMBER_CHARS_MAX - 2; len < JSON_NUMBER_CHARS_MAX + 40; len++) {
        for (int form = 0; form < 3; form++) {
            char text[160];
            float value;
            memset(text, '1', sizeof text);
            if (form) memcpy(text, form == 1 ? "-0." : "1e-0", form == 1 ? 3 : 4);
            const char *end = json_scan_float(text, text + len, &value);
            assert_int_equal(end != NULL, len <= JSON_NUMBER_CHARS_MAX);
        }
    }
}

/* A number that ends where the text does, at the end of a page behind which nothing can be read but
 * the padding. */
static void test_reads_only_the_padding(void **state)
{
    (void)state;
    size_t page = 4096;
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (int filler = 0; filler < 4; filler++) {
        char *end = pages + page - JSON_TEXT_PADDING;
        memset(end, "9.e]"[filler], JSON_TEXT_PADDING);
        for (size_t len = 1; len <= 70; len++) {
            float values[70];
            size_t count;
            json_scan_stop stop;
            for (size_t i = 0; i < len; i++)
                end[-1 - (ptrdiff_t)i] = "9.39,"[(i * 7 + len) % 5];
            (void)json_scan_float(end - len, end, values);
            (void)json_scan_row(end - len, end, values, VV_COUNT(values), &count, &stop);
            assert_int_not_equal(stop, SCAN_CLOSED);
        }
    }
    munmap(pages, 2 * page);
}

static void check_row(const char *text, size_t room, size_t count, json_scan_stop stop,
                      ptrdiff_t at)
{
    char padded[256] = {0};
    float values[64];
    size_t got_count = 99;
    json_scan_stop got_stop = SCAN_FULL;
    strcpy(padded, text);
    const char *p =
        json_scan_row(padded, padded + strlen(text), values, room, &got_count, &got_stop);
    assert_int_equal(got_count, count);
    assert_int_equal(got_stop, stop);
    assert_int_equal(p - padded, at);
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == (float)(i + 1) / 2);
}

static void test_rows(void **state)
{
    (void)state;
    check_row("0.5]", 9, 1, SCAN_CLOSED, 4);
    check_row("0.5, 1.0,1.5 ,\n 2 ]x", 9, 4, SCAN_CLOSED, 19);
    check_row("0.5,1,1.5]", 3, 3, SCAN_CLOSED, 10);
    check_row("0.5,1,1.5]", 2, 2, SCAN_FULL, 6);
    check_row("0.5,1,]", 9, 2, SCAN_NO_NUMBER, 6);
    check_row("0.5,x]", 9, 1, SCAN_NO_NUMBER, 4);
    check_row("0.5,null]", 9, 1, SCAN_NO_NUMBER, 4);
    check_row("0.5,1e40]", 9, 1, SCAN_OVERFLOW, 4);
    check_row("0.5 1]", 9, 1, SCAN_NO_SEPARATOR, 4);
    check_row("0.5", 9, 1, SCAN_NO_SEPARATOR, 3);
    check_row("0.5,", 9, 1, SCAN_NO_NUMBER, 4);
    check_row("0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]", 64,
              16, SCAN_CLOSED, 79);
    check_row("0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, +5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0]",
              64, 9, SCAN_NO_NUMBER, 45);
    check_row("0.50000000000000000000, 1.0, 15e-1, 2.0, 2.5, 3.0x, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0]",
              64, 6, SCAN_NO_SEPARATOR, 49);
}

/* Long rows, in which the quick path for the usual form meets all the others. */
static void test_mixed_row(void **state)
{
    (void)state;
    static const struct {
        char style;
        int precision;
    } forms[] = {{'g', 9}, {'g', 17}, {'f', 3}, {'f', 18}, {'f', 24}, {'f', 0}, {'e', 6}};
    static char text[3000000];
    static float values[100000];
    random_state r;
    size_t len = 0, count;
    json_scan_stop stop;
    random_seed(&r, 31);
    for (size_t i = 0; i < VV_COUNT(values); i++) {
        size_t form = random_below(&r, VV_COUNT(forms));
        double value = (double)random_gauss(&r) * (i % 3 ? 0.1 : 9);
        len += (size_t)print(text + len, forms[form].style, forms[form].precision, value);
        text[len++] = ',';
        if (i % 5) text[len++] = ' ';
    }
    while (text[len - 1] != ',')
        len--;
    text[len - 1] = ']';
    const char *end = json_scan_row(text, text + len, values, VV_COUNT(values), &count, &stop);
    assert_int_equal(stop, SCAN_CLOSED);
    assert_int_equal(count, VV_COUNT(values));
    assert_ptr_equal(end, text + len);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        float expected = strtof(at, &at);
        assert_memory_equal(&values[i], &expected, sizeof expected);
        at++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_floats),  cmocka_unit_test(test_random_decimals),
        cmocka_unit_test(test_random_doubles), cmocka_unit_test(test_middles),
        cmocka_unit_test(test_chosen),         cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_length_limit),   cmocka_unit_test(test_reads_only_the_padding),
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_mixed_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
