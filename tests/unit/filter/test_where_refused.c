/* test_where_refused.c — texts that are refused: at which column, and why. */
#include "where_fixture.h"

typedef struct example {
    const char *text;
    size_t column;
    const char *words;
} example;

static void run(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(text_of(examples[i].text), NULL, 0, VARVE_INVALID, examples[i].column,
                       examples[i].words);
}
#define RUN(examples) run(examples, VV_COUNT(examples))

static void conditions(void **state)
{
    (void)state;
    static const example examples[] = {
        {"", 1, "expected a condition"},
        {"   ", 4, "expected a condition"},
        {"-- nothing", 11, "expected a condition"},
        {"()", 2, "expected a condition after '('"},
        {"(", 2, "expected a condition after '('"},
        {")", 1, "expected a condition"},
        {"(a = 1", 7, "expected AND, OR or ')' after '1'"},
        {"((a = 1)", 9, "expected AND, OR or ')'"},
        {"a = 1)", 6, "expected AND, OR or the end after '1'"},
        {"a = 1 b = 2", 7, "expected AND, OR or the end after '1'"},
        {"a = 1, b = 2", 6, "expected AND, OR or the end"},
        {"(a = 1, b = 2)", 7, "expected AND, OR or ')'"},
        {"a = 1 AND", 10, "expected a condition after 'AND'"},
        {"a = 1 OR OR b = 2", 10, "expected a condition"},
        {"AND a = 1", 1, "keywords are fields only in \"quotes\""},
        {"a = 1 AND AND b = 2", 11, "expected a condition"},
        {"NOT", 4, "expected a condition after 'NOT'"},
        {"a = 1 NOT b = 2", 7, "expected AND, OR or the end"},
        {"a = 1 && b = 2", 7, "unexpected character '&'"},
        {"a = 1 | b = 2", 7, "unexpected character '|'"},
        {"!a", 1, "unexpected character '!'"},
        {"a = 1;", 6, "unexpected character ';'"},
        {"a = 1; DROP TABLE x", 6, "unexpected character ';'"},
        {"WHERE a = 1", 7, "expected a comparison after 'WHERE'"},
        {"SELECT * FROM x", 8, "unexpected character '*'"},
        {"EXISTS (a)", 1, "no such function"},
        {"TRUE a = 1", 6, "expected AND, OR or the end after 'TRUE'"},
        {"TRUE IS", 8, "expected NULL, TRUE, FALSE or MISSING after 'IS'"},
        {"1 =", 4, "expected a value after '='"},
        {"1 = 1 = 1", 7, "expected AND, OR or the end after '1'"},
        {"1", 2, "expected a comparison after '1'"},
        {"1 NOT 2", 7, "expected IN, BETWEEN, LIKE, ILIKE, CONTAINS or REGEXP"},
        {"1 CONTAINS 1", 3, "expected a comparison"},
        {"1 NOT CONTAINS 1", 7, "a value is no array"},
        {"1 < TRUE", 5, "only numbers, texts and date-times have an order"},
        {"CASE WHEN a THEN b END", 6, "expected a comparison after 'CASE'"},
    };
    RUN(examples);
}

static void comparisons(void **state)
{
    (void)state;
    static const example examples[] = {
        {"age = AND x", 7, "expected a value (texts stand in single quotes) after '='"},
        {"age =", 6, "expected a value after '='"},
        {"age = )", 7, "expected a value after '='"},
        {"age = red", 7, "texts stand in single quotes"},
        {"age = `red`", 7, "texts stand in single quotes"},
        {"age = 2024-01-01", 7, "texts stand in single quotes"},
        {"age = = 5", 7, "expected a value after '='"},
        {"age =< 5", 6, "expected a value after '='"},
        {"age => 5", 6, "expected a value after '='"},
        {"age <=> 5", 7, "expected a value after '<='"},
        {"age ! = 5", 5, "unexpected character '!'"},
        {"a = b = 1", 5, "expected a value"},
        {"5", 2, "expected a comparison after '5'"},
        {"'x'", 4, "expected a comparison after 'x'"},
        {"5 + a = 6", 3, "unexpected character '+'"},
        {"a + 1 = 6", 3, "unexpected character '+'"},
        {"a +1 = 6", 3, "expected a comparison after 'a'"},
        {"a * 2 = 6", 3, "unexpected character '*'"},
        {"a || 'x' = 'y'", 3, "unexpected character '|'"},
        {"a 5", 3, "expected a comparison after 'a'"},
        {"a 'x'", 3, "expected a comparison after 'a'"},
        {"a b", 3, "expected a comparison after 'a'"},
        {"5 = AND", 5, "expected a value (texts stand in single quotes) after '='"},
        {"5 BETWEEN a AND b", 11, "expected a value"},
        {"5 NOT a", 7, "expected IN, BETWEEN, LIKE"},
        {"in = 5", 1, "keywords are fields only in"},
        {"like LIKE 'x'", 1, "expected a condition"},
        {"a < TRUE", 5, "only numbers, texts and date-times have an order"},
        {"FALSE >= a", 1, "only numbers, texts and date-times have an order"},
        {"lower(a) = 'x'", 1, "no such function"},
        {"a = lower('x')", 5, "expected a value"},
        {"a IS 5", 6, "expected NULL, TRUE, FALSE or MISSING after 'IS'"},
        {"a IS", 5, "expected NULL, TRUE"},
        {"a IS NOT", 9, "expected NULL, TRUE, FALSE or MISSING after 'NOT'"},
        {"a IS NOT NOT NULL", 10, "expected NULL"},
        {"a IS UNKNOWN", 6, "expected NULL"},
        {"a NOT NULL", 7, "expected IN, BETWEEN, LIKE, ILIKE, CONTAINS or REGEXP after 'NOT'"},
        {"a NOT = 5", 7, "expected IN, BETWEEN"},
        {"a NOT", 6, "expected IN, BETWEEN"},
        {"id", 3, "expected a comparison after 'id'"},
        {"NOT id AND a = 1", 8, "expected a comparison after 'id'"},
    };
    RUN(examples);
}

static void lists(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a IN", 5, "expected '(' after 'IN'"},
        {"a IN 5", 6, "expected '(' after 'IN'"},
        {"a IN b", 6, "expected '('"},
        {"\"a\" IN 5", 8, "expected '('"},
        {"a IN (", 7, "expected a value after '('"},
        {"a IN (1", 8, "expected ',' or ')' after '1'"},
        {"a IN (1,", 9, "expected a value after ','"},
        {"a IN (1,)", 9, "expected a value after ','"},
        {"a IN (,1)", 7, "expected a value after '('"},
        {"a IN (1 2)", 9, "expected ',' or ')' after '1'"},
        {"a IN (b)", 7, "expected a value (texts stand in single quotes)"},
        {"a IN ((1))", 7, "expected a value after '('"},
        {"a IN (1))", 9, "expected AND, OR or the end"},
        {"tags CONTAINS", 14, "expected a value after 'CONTAINS'"},
        {"tags CONTAINS x", 15, "expected a value"},
        {"tags CONTAINS (1)", 15, "expected a value after 'CONTAINS'"},
        {"tags CONTAINS ANY", 18, "expected '(' after 'ANY'"},
        {"tags CONTAINS ALL 5", 19, "expected '(' after 'ALL'"},
        {"id CONTAINS 1", 1, "the id is no array"},
        {"1 IN id", 6, "the id is no array"},
        {"id CONTAINS ALL (1, 2)", 1, "the id is no array"},
        {"5 IN", 5, "expected '(' after 'IN'"},
        {"5 IN (1, 2", 11, "expected ',' or ')' after '2'"},
        {"'x' IN 'y'", 8, "expected '(' after 'IN'"},
    };
    RUN(examples);
}

static void ranges(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a BETWEEN", 10, "expected a value after 'BETWEEN'"},
        {"a BETWEEN 1", 12, "expected AND after '1'"},
        {"a BETWEEN 1 OR 2", 13, "expected AND after '1'"},
        {"a BETWEEN 1 AND", 16, "expected a value after 'AND'"},
        {"a BETWEEN 1 AND b", 17, "expected a value"},
        {"a BETWEEN 1 AND 'x'", 17, "the bounds of BETWEEN are of one kind"},
        {"a BETWEEN 'x' AND 1", 19, "the bounds of BETWEEN are of one kind"},
        {"a BETWEEN DATE '2024-01-01' AND 1", 33, "the bounds of BETWEEN are of one kind"},
        {"a BETWEEN DATE '2024-01-01' AND 'x'", 33, "expected a date-time"},
        {"a BETWEEN 'x' AND DATE '2024-01-01'", 11, "expected a date-time"},
        {"a BETWEEN TRUE AND FALSE", 11, "only numbers, texts and date-times"},
        {"d = DATE '2024-02-30'", 10, "expected a date YYYY-MM-DD"},
        {"d = DATE '2024-02-29T00:00:00Z'", 10, "expected a date YYYY-MM-DD"},
        {"d = DATE '29.2.2024'", 10, "expected a date"},
        {"d = DATE \"2024-02-29\"", 5, "expected a value"},
        {"d = DATE", 5, "expected a value"},
        {"d = TIMESTAMP 'noon'", 15, "expected a date-time"},
        {"d = TIMESTAMP 5", 5, "expected a value"},
    };
    RUN(examples);
}

static void patterns(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a LIKE", 7, "expected a pattern in quotes after 'LIKE'"},
        {"a LIKE 5", 8, "expected a pattern in quotes after 'LIKE'"},
        {"a LIKE b", 8, "expected a pattern in quotes"},
        {"a LIKE 'x' ESCAPE", 18, "expected one character in quotes after 'ESCAPE'"},
        {"a LIKE 'x' ESCAPE ''", 19, "expected one ASCII character"},
        {"a LIKE 'x' ESCAPE '!!'", 19, "expected one ASCII character"},
        {"a LIKE 'x' ESCAPE '\xc3\xbc'", 19, "expected one ASCII character"},
        {"a LIKE 'x!' ESCAPE '!'", 20, "the pattern ends with its escape character"},
        {"a LIKE 'x!!!' ESCAPE '!'", 22, "the pattern ends with its escape character"},
        {"a GLOB 'x*'", 3, "expected a comparison after 'a'"},
        {"a REGEXP", 9, "expected a regular expression in quotes"},
        {"a REGEXP '('", 10, "missing )"},
        {"a REGEXP '(?=x)'", 10, "not a regular expression of RE2"},
        {"a REGEXP '[z-a]'", 10, "invalid character class range"},
        {"a REGEXP '\\1'", 10, "not a regular expression of RE2"},
        {"a REGEXP '((a{100}){100}){100}'", 10, "not a regular expression of RE2"},
        {"MATCH(", 7, "expected a field after '('"},
        {"MATCH()", 7, "expected a field after '('"},
        {"MATCH(body)", 11, "expected ',' after 'body'"},
        {"MATCH(body, 5)", 13, "expected a text in quotes"},
        {"MATCH(body, 'x'", 16, "expected ')'"},
        {"MATCH(body, 'x', 'some')", 18, "expected 'all', 'any', 'phrase' or 'prefix'"},
        {"MATCH(body, 'x', any)", 18, "expected 'all', 'any', 'phrase' or 'prefix'"},
        {"MATCH(body, 'x', 'any', 1)", 23, "expected ')'"},
        {"MATCH(id, 'x')", 7, "MATCH looks at fields"},
        {"MATCH('x', body)", 7, "expected a field"},
        {"MATCH body", 7, "expected a comparison after 'MATCH'"},
    };
    RUN(examples);
}

static void tokens(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a = 'x", 5, "the quote ' that opens here is never closed"},
        {"a = 'it's'", 9, "expected AND, OR or the end after 'it'"},
        {"a = \"x", 5, "the quote \" that opens here is never closed"},
        {"`a = 1", 1, "the quote ` that opens here is never closed"},
        {"a = '", 5, "never closed"},
        {"a = 1 /* x", 7, "the comment that opens here is never closed"},
        {"a = 1 /*/", 7, "the comment that opens here is never closed"},
        {"a = 1e400", 5, "beyond double precision"},
        {"a = -1e400", 5, "beyond double precision"},
        {"a = 11111111111111111111111111111111111111111111111111111111111111111", 5,
         "more than 64 characters"},
        {"a = 1.2.3", 5, "malformed number"},
        {"a = 1..2", 5, "malformed number"},
        {"a = 1.5x", 5, "malformed number"},
        {"a = -5x", 5, "malformed number"},
        {"a = 0x10", 5, "expected a value"},
        {"a = 1_000", 5, "expected a value"},
        {"a = 1e", 5, "expected a value"},
        {"a = NaN", 5, "expected a value"},
        {"a = -", 5, "unexpected character '-'"},
        {"a = - 5", 5, "unexpected character '-'"},
        {"a = .", 5, "unexpected character '.'"},
        {"a = $1", 5, "unexpected character '$'"},
        {"a = @x", 5, "unexpected character '@'"},
        {"a = #", 5, "unexpected character '#'"},
        {"a = [1]", 5, "unexpected character '['"},
        {"a = {}", 5, "unexpected character '{'"},
        {"a = \x01", 5, "unexpected character 0x01"},
        {"a = :", 5, "expected the name of a parameter after ':'"},
        {"a = 1 \\ b", 7, "unexpected character '\\'"},
        {"gr\xc3\xb6\xc3\x9f"
         "e = = 1",
         9, "expected a value after '='"},
        {"a = '\xf0\x9f\x98\x80' b", 9, "expected AND, OR or the end"},
        {"a = '\xff'", 6, "not valid UTF-8"},
        {"a = '\xed\xa0\x80'", 6, "not valid UTF-8"},
        {"\xc3", 1, "not valid UTF-8"},
    };
    RUN(examples);
}

static void paths(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a. = 1", 3, "expected a key after '.'"},
        {"a..b = 1", 3, "expected a key after '.'"},
        {"a .b = 1", 3, "unexpected character '.'"},
        {".a = 1", 1, "unexpected character '.'"},
        {"a[ = 1", 3, "expected an index and ']' after '['"},
        {"a[x] = 1", 3, "expected an index and ']'"},
        {"a[-1] = 1", 3, "expected an index and ']'"},
        {"a[0 ] = 1", 4, "expected an index and ']'"},
        {"a[4294967296] = 1", 2, "below 2^32"},
        {"a[99999999999999999999999999] = 1", 2, "below 2^32"},
        {"a[*] = 1", 3, "expected an index and ']'"},
        {"a.'b' = 1", 3, "expected a key after '.'"},
        {"a.\"b = 1", 3, "never closed"},
        {"a.[0] = 1", 3, "expected a key after '.'"},
    };
    RUN(examples);
}

static void the_excerpt(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } examples[] = {
        {"age = AND x", "where, column 7: expected a value (texts stand in single quotes) after "
                        "'='\n  age = AND x\n        ^"},
        {"a = 1 AND\n\tb = =", "where, column 16: expected a value after '='\n  a = 1 AND  b = =\n"
                               "                 ^"},
        {"\xc3\xbc\xc3\xbc = =", "where, column 6: expected a value after '='\n"
                                 "  \xc3\xbc\xc3\xbc = =\n       ^"},
        {"", "where, column 1: expected a condition\n  \n  ^"},
        {"a = 'x\ny' b", "where, column 11: expected AND, OR or the end after 'x y'\n"
                         "  a = 'x y' b\n            ^"},
        {"aaaaaaaaa bbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff",
         "where, column 11: expected a comparison after 'aaaaaaaaa'\n"
         "  aaaaaaaaa bbbbbbbbb cccccccccc\xe2\x80\xa6\n            ^"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbb",
         "where, column 52: expected a comparison after 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\xe2\x80\xa6'\n  \xe2\x80\xa6"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbb\n                                       ^"},
    };
    for (size_t i = 0; i < VV_COUNT(examples); i++) {
        filter *f = NULL;
        varve_error err = {0};
        assert_int_equal(filter_parse_where(text_of(examples[i].text), NULL, 0, &f, &err),
                         VARVE_INVALID);
        assert_null(f);
        assert_string_equal(err.message, examples[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions), cmocka_unit_test(comparisons), cmocka_unit_test(lists),
        cmocka_unit_test(ranges),     cmocka_unit_test(patterns),    cmocka_unit_test(tokens),
        cmocka_unit_test(paths),      cmocka_unit_test(the_excerpt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
