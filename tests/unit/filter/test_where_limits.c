/* test_where_limits.c — how deep, how long, how many; memory is bounded and so is the C stack. */
#include "where_fixture.h"

static buffer repeated(const char *before, const char *part, size_t count, const char *behind)
{
    buffer b;
    buffer_init(&b, SIZE_MAX, "test");
    varve_status status = buffer_add_text(&b, before, NULL);
    for (size_t i = 0; status == VARVE_OK && i < count; i++)
        status = buffer_add_text(&b, part, NULL);
    if (status == VARVE_OK) status = buffer_add_text(&b, behind, NULL);
    assert_int_equal(status, VARVE_OK);
    return b;
}

static void refuse(buffer b, varve_status status, size_t column, const char *words)
{
    assert_refused((varve_text){b.data, b.len}, NULL, 0, status, column, words);
    buffer_done(&b);
}

static void accept(buffer b, const char *print)
{
    filter *f = where_of((varve_text){b.data, b.len}, NULL, 0);
    if (print) assert_print(f, print);
    filter_free(f);
    buffer_done(&b);
}

static void parentheses(void **state)
{
    (void)state;
    char text[256] = "";
    for (int i = 0; i < FILTER_DEPTH_MAX; i++)
        strcat(text, "(");
    strcat(text, "a = 1");
    for (int i = 0; i < FILTER_DEPTH_MAX; i++)
        strcat(text, ")");
    assert_where(text, NULL, 0, "a = 1");
    accept(repeated("a = 1", " OR (a = 1)", 500, ""), NULL); /* beside each other */
    refuse(repeated("", "(", 65, "a = 1"), VARVE_LIMIT, 65, "nest more than 64 deep");
    refuse(repeated("", "(", 100000, ""), VARVE_LIMIT, 65, "nest more than 64 deep");
    refuse(repeated("", "NOT (", 100000, ""), VARVE_LIMIT, 325, "nest more than 64 deep");
    refuse(repeated("", "a IN (", 100000, ""), VARVE_INVALID, 7, "expected a value");
    refuse(repeated("", "MATCH(", 100000, ""), VARVE_INVALID, 12, "expected ','");
}

/* What is printed in parentheses that the text did not have counts, too: it can be read back. */
static void printed_parentheses(void **state)
{
    (void)state;
    char text[1024] = "";
    for (int i = 0; i < FILTER_DEPTH_MAX - 1; i++)
        strcat(text, "NOT (b = 1 OR ");
    strcat(text, "c NOT CONTAINS ALL (1, 2)");
    for (int i = 0; i < FILTER_DEPTH_MAX - 1; i++)
        strcat(text, ")");
    filter *f = where_of(text_of(text), NULL, 0), *again;
    char *print = print_of(f);
    again = where_of(text_of(print), NULL, 0);
    assert_print(again, print);
    free(print);
    filter_free(again);
    filter_free(f);
    memmove(text + 5, text, strlen(text) + 1);
    memcpy(text, "NOT (", 5);
    strcat(text, ")");
    assert_refused(text_of(text), NULL, 0, VARVE_LIMIT, 888, "nest more than 64 deep");
}

static void chains(void **state)
{
    (void)state;
    accept(repeated("", "NOT ", 100000, "a = 1"), "a = 1");
    accept(repeated("", "NOT ", 100001, "a = 1"), "NOT a = 1");
    accept(repeated("a = 1", " -- and so on\n", 100000, ""), "a = 1");
    accept(repeated("a = 1", " AND a = 1", 900, ""), NULL);
    refuse(repeated("a = 1", " AND a = 1", 1000, ""), VARVE_LIMIT, 10001,
           "more than 1000 conditions");
    refuse(repeated("a", "[]", 32, " = 1"), VARVE_LIMIT, 64, "more than 32 steps");
    refuse(repeated("a", "a", 1024, " = 1"), VARVE_LIMIT, 1, "longer than 1024 bytes");
    accept(repeated("a", "a", 1023, " = 1"), NULL);
}

static void values(void **state)
{
    (void)state;
    accept(repeated("a IN (1", ",1", FILTER_VALUES_MAX - 1, ")"), NULL);
    refuse(repeated("a IN (1", ",1", FILTER_VALUES_MAX, ")"), VARVE_LIMIT, 131079,
           "more than 65536 values");
    refuse(repeated("a IN (NULL", ",NULL", FILTER_VALUES_MAX, ")"), VARVE_LIMIT, 327687,
           "more than 65536 values");
    accept(repeated("a REGEXP 'x'", " OR a REGEXP 'x'", FILTER_REGEXES_MAX - 1, ""), NULL);
    refuse(repeated("a REGEXP 'x'", " OR a REGEXP 'x'", FILTER_REGEXES_MAX, ""), VARVE_LIMIT, 1034,
           "more than 64 regular expressions");
}

static void long_patterns(void **state)
{
    (void)state;
    accept(repeated("a LIKE '", "%", FILTER_PATTERN_MAX, "'"), NULL);
    refuse(repeated("a LIKE '", "%", FILTER_PATTERN_MAX + 1, "'"), VARVE_LIMIT, 8,
           "a pattern of more than 4096 bytes");
    accept(repeated("a REGEXP '", "x", FILTER_PATTERN_MAX, "'"), NULL);
    refuse(repeated("a REGEXP '", "x", FILTER_PATTERN_MAX + 1, "'"), VARVE_LIMIT, 10,
           "a regular expression of more than 4096 bytes");
    refuse(repeated("a REGEXP '", "(", FILTER_PATTERN_MAX, "'"), VARVE_INVALID, 10,
           "not a regular expression");
}

static void bytes(void **state)
{
    (void)state;
    refuse(repeated("a = '", "x", FILTER_TEXT_MAX, "'"), VARVE_LIMIT, 0, "4194304 bytes");
    accept(repeated("a = '", "x", FILTER_TEXT_MAX - 6, "'"), NULL);
    accept(repeated("a = '", "''", (FILTER_TEXT_MAX - 6) / 2, "'"), NULL);
    refuse(repeated("a = '", "x", FILTER_TEXT_MAX - 6, ""), VARVE_INVALID, 5, "never closed");
    refuse(repeated("a = '", "\xc3\xbc", 100000, "' b"), VARVE_INVALID, 100008, "expected AND, OR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parentheses),   cmocka_unit_test(printed_parentheses),
        cmocka_unit_test(chains),        cmocka_unit_test(values),
        cmocka_unit_test(long_patterns), cmocka_unit_test(bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
