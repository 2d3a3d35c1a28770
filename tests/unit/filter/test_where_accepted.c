/* test_where_accepted.c — texts of the where grammar, and how their trees are printed. */
#include "where_fixture.h"

typedef struct example {
    const char *text, *print; /* print NULL: as the text is */
} example;

static void run(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_where(examples[i].text, NULL, 0,
                     examples[i].print ? examples[i].print : examples[i].text);
}
#define RUN(examples) run(examples, VV_COUNT(examples))

static void logic(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a = 1", NULL},
        {"a = 1 AND b = 2 OR c = 3", NULL},
        {"x = 1 OR x = 2 AND y = 3", NULL},
        {"a = 1 and b = 2 or c = 3", "a = 1 AND b = 2 OR c = 3"},
        {"(a = 1 OR b = 2) AND c = 3", NULL},
        {"a = 1 AND (b = 2 OR c = 3)", NULL},
        {"(a = 1 AND b = 2) OR c = 3", "a = 1 AND b = 2 OR c = 3"},
        {"a = 1 OR (b = 2 AND c = 3)", "a = 1 OR b = 2 AND c = 3"},
        {"a = 1 AND (b = 2 AND c = 3)", "a = 1 AND b = 2 AND c = 3"},
        {"(a = 1 OR b = 2) OR c = 3", "a = 1 OR b = 2 OR c = 3"},
        {"((((a = 1))))", "a = 1"},
        {"NOT a = 1", NULL},
        {"NOT a = 1 AND b = 2", NULL},
        {"NOT (a = 1 AND b = 2)", NULL},
        {"NOT (a = 1 OR b = 2)", NULL},
        {"NOT(a = 1)", "NOT a = 1"},
        {"NOT NOT a = 1", "a = 1"},
        {"NOT NOT NOT a = 1", "NOT a = 1"},
        {"NOT (NOT a = 1)", "a = 1"},
        {"NOT (NOT (a = 1 AND b = 2)) OR c = 3", "a = 1 AND b = 2 OR c = 3"},
        {"a = 1 OR NOT (b = 2 OR NOT (c = 3 AND d = 4))", NULL},
        {"TRUE", NULL},
        {"false", "FALSE"},
        {"NULL", NULL},
        {"NOT TRUE", "FALSE"},
        {"NOT FALSE", "TRUE"},
        {"NOT NULL", "NULL"},
        {"TRUE AND NULL OR FALSE", NULL},
        {"(a = 1)AND(b = 2)", "a = 1 AND b = 2"},
    };
    RUN(examples);
}

/* Conditions on literals alone are what they come to. */
static void constants(void **state)
{
    (void)state;
    static const example examples[] = {
        {"1 = 1", "TRUE"},
        {"1 == 2", "FALSE"},
        {"1 != 1", "FALSE"},
        {"1 <> 2", "TRUE"},
        {"1 < 2", "TRUE"},
        {"2 <= 1.5", "FALSE"},
        {"9007199254740993 > 9007199254740992.0", "TRUE"},
        {"18446744073709551615 = 1.8446744073709552e19", "FALSE"},
        {"1 = 1.0", "TRUE"},
        {"'a' < 'b'", "TRUE"},
        {"'a' = \"a\"", "a = 'a'"}, /* a field of that name */
        {"'1' = 1", "FALSE"},
        {"'a' < 1", "NULL"},
        {"TRUE = TRUE", "TRUE"},
        {"TRUE != FALSE", "TRUE"},
        {"NULL = NULL", "NULL"},
        {"NULL != 1", "NULL"},
        {"1 = NULL", "NULL"},
        {"TRUE IS TRUE", "TRUE"},
        {"NULL IS TRUE", "FALSE"},
        {"NULL IS NULL", "TRUE"},
        {"1 IS NOT NULL", "TRUE"},
        {"1 IS MISSING", "FALSE"},
        {"1 IN (1, 2)", "TRUE"},
        {"3 NOT IN (1, 2)", "TRUE"},
        {"3 IN (1, NULL)", "NULL"},
        {"3 NOT IN (3, NULL)", "FALSE"},
        {"1 IN ()", "FALSE"},
        {"2 BETWEEN 1 AND 3", "TRUE"},
        {"2 NOT BETWEEN 1 AND NULL", "NULL"},
        {"4 BETWEEN NULL AND 3", "FALSE"},
        {"'abc' LIKE 'a%'", "TRUE"},
        {"'abc' NOT ILIKE 'A%'", "FALSE"},
        {"'abc' REGEXP '^b'", "FALSE"},
        {"DATE '2024-01-01' = '2024-01-01T00:00:00Z'", "TRUE"},
        {"'2024-01-01' < DATE '2024-01-02'", "TRUE"},
        {"a = 1 OR 1 = 1", "a = 1 OR TRUE"},
        {"NOT 1 = 1 AND (a = 1)", "FALSE AND a = 1"},
        {"1 = 1 AND 2 = 2", "TRUE AND TRUE"},
        {"1 IN tags", "tags CONTAINS 1"},
        {"1 = date", "date = 1"},
    };
    RUN(examples);
}

static void comparisons(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a == 1", "a = 1"},
        {"a != 1", NULL},
        {"a <> 1", "a != 1"},
        {"a < 1", NULL},
        {"a <= 1", NULL},
        {"a > 1", NULL},
        {"a >= 1", NULL},
        {"a=1", "a = 1"},
        {"a>=1", "a >= 1"},
        {"1 = a", "a = 1"},
        {"1 != a", "a != 1"},
        {"1 < a", "a > 1"},
        {"1 <= a", "a >= 1"},
        {"1 > a", "a < 1"},
        {"1 >= a", "a <= 1"},
        {"'x' = a", "a = 'x'"},
        {"TRUE = a", "a = TRUE"},
        {"NULL = a", "NULL"},
        {"a = NULL", "NULL"},
        {"a != NULL", "NULL"},
        {"a < NULL", "NULL"},
        {"NOT a = NULL", "NULL"},
        {"a = TRUE", NULL},
        {"a != false", "a != FALSE"},
        {"flag", "flag = TRUE"},
        {"NOT flag", "NOT flag = TRUE"},
        {"flag AND (other OR a = 1)", "flag = TRUE AND (other = TRUE OR a = 1)"},
        {"a < 'm'", NULL},
        {"a < '2026'", NULL},
        {"a IS TRUE", NULL},
        {"a is not true", "a IS NOT TRUE"},
        {"a IS FALSE", NULL},
        {"a IS NOT FALSE", NULL},
        {"NOT a IS TRUE", "a IS NOT TRUE"},
        {"a IS NULL", NULL},
        {"a IS NOT NULL", NULL},
        {"NOT a IS NULL", "a IS NOT NULL"},
        {"a IS MISSING", NULL},
        {"a IS NOT MISSING", NULL},
        {"NOT a IS NOT MISSING", "a IS MISSING"},
    };
    RUN(examples);
}

static void lists(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a IN (1)", "a = 1"},
        {"a IN (1, 2, 3)", NULL},
        {"a in(1,2)", "a IN (1, 2)"},
        {"a IN ('x', 'y') AND b IN ('z')", "a IN ('x', 'y') AND b = 'z'"},
        {"a IN (1, 'x', TRUE, 2.5)", NULL},
        {"a NOT IN (1, 2)", NULL},
        {"NOT a IN (1, 2)", "a NOT IN (1, 2)"},
        {"a NOT IN (1)", "NOT a = 1"},
        {"a IN ()", "FALSE"},
        {"a NOT IN ()", "TRUE"},
        {"a IN (NULL)", "NULL"},
        {"a IN (1, NULL)", "a = 1 OR NULL"},
        {"a NOT IN (1, 2, NULL)", "NOT (a IN (1, 2) OR NULL)"},
        {"a IN (1, NULL) AND b = 2", "(a = 1 OR NULL) AND b = 2"},
        {"a IN (\"x\", \"y\")", "a IN ('x', 'y')"},
        {"tags CONTAINS 'x'", NULL},
        {"tags NOT CONTAINS 'x'", NULL},
        {"NOT tags CONTAINS 'x'", "tags NOT CONTAINS 'x'"},
        {"tags CONTAINS \"x y\"", "tags CONTAINS 'x y'"},
        {"tags CONTAINS 1", NULL},
        {"tags CONTAINS NULL", "NULL"},
        {"tags CONTAINS ANY ('x', 'y')", NULL},
        {"tags CONTAINS ANY ('x')", "tags CONTAINS 'x'"},
        {"tags NOT CONTAINS ANY ('x', 'y')", NULL},
        {"tags CONTAINS ANY ()", "FALSE"},
        {"tags CONTAINS ANY ('x', NULL)", "tags CONTAINS 'x' OR NULL"},
        {"tags CONTAINS ALL ('x', 'y')", "tags CONTAINS 'x' AND tags CONTAINS 'y'"},
        {"tags CONTAINS ALL ('x')", "tags CONTAINS 'x'"},
        {"tags CONTAINS ALL ()", "TRUE"},
        {"tags CONTAINS ALL ('x', NULL)", "tags CONTAINS 'x' AND NULL"},
        {"tags NOT CONTAINS ALL ('x', 'y')", "NOT (tags CONTAINS 'x' AND tags CONTAINS 'y')"},
        {"'x' IN tags", "tags CONTAINS 'x'"},
        {"5 IN tags", "tags CONTAINS 5"},
        {"'x' NOT IN tags", "tags NOT CONTAINS 'x'"},
        {"\"x\" IN tags", "tags CONTAINS 'x'"},
        {"\"x\" IN (1, 2)", "x IN (1, 2)"},
        {"\"x\" NOT IN tags", "tags NOT CONTAINS 'x'"},
    };
    RUN(examples);
}

static void ranges(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a BETWEEN 1 AND 3", NULL},
        {"a between 1 and 3 and b = 2", "a BETWEEN 1 AND 3 AND b = 2"},
        {"a NOT BETWEEN 1 AND 3", NULL},
        {"NOT a BETWEEN 1 AND 3", "a NOT BETWEEN 1 AND 3"},
        {"a BETWEEN 1 AND 2.5", NULL},
        {"a BETWEEN 'a' AND 'b'", NULL},
        {"a[] BETWEEN 1 AND 3", NULL},
        {"a BETWEEN NULL AND 3", "NULL AND a <= 3"},
        {"a BETWEEN 1 AND NULL", "a >= 1 AND NULL"},
        {"a BETWEEN NULL AND NULL", "NULL AND NULL"},
        {"a NOT BETWEEN NULL AND 3", "NOT (NULL AND a <= 3)"},
        {"d > DATE '2024-02-29'", NULL},
        {"d >= TIMESTAMP '2024-02-29T12:00:00Z'", NULL},
        {"d < timestamp '2024-02-29 12:00'", "d < TIMESTAMP '2024-02-29 12:00'"},
        {"d < TIMESTAMP '2024-02-29'", "d < DATE '2024-02-29'"},
        {"date > date '2024-02-29'", "date > DATE '2024-02-29'"},
        {"DATE '2024-02-29' < date", "date > DATE '2024-02-29'"},
        {"timestamp < '2024'", NULL},
        {"d = DATE '2024-02-29'", "d = '2024-02-29'"},
        {"d > '2024-02-29'", NULL},
        {"d BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'", NULL},
        {"d BETWEEN '2024-01-01' AND DATE '2024-12-31'",
         "d BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'"},
        {"d BETWEEN '2024-01-01' AND '2024-12-31'", NULL},
        {"d BETWEEN '2024-01-01' AND 'z'", NULL},
    };
    RUN(examples);
}

static void patterns(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a LIKE 'x%'", NULL},
        {"a NOT LIKE 'x_'", NULL},
        {"NOT a LIKE 'x%'", "a NOT LIKE 'x%'"},
        {"a ILIKE 'X%'", NULL},
        {"a NOT ILIKE 'X%'", NULL},
        {"a like \"x%\"", "a LIKE 'x%'"},
        {"a LIKE '10!%' ESCAPE '!'", NULL},
        {"a NOT LIKE '10''%' ESCAPE ''''", NULL},
        {"a LIKE NULL", "NULL"},
        {"a REGEXP '^x[0-9]+$'", NULL},
        {"a NOT REGEXP '(?i)x'", NULL},
        {"NOT a REGEXP 'x'", "a NOT REGEXP 'x'"},
        {"a REGEXP NULL", "NULL"},
        {"MATCH(body, 'x y')", NULL},
        {"match ( body , 'x y' )", "MATCH(body, 'x y')"},
        {"MATCH(body, 'x y', 'all')", "MATCH(body, 'x y')"},
        {"MATCH(body, 'x y', 'any')", NULL},
        {"MATCH(body, 'x y', 'PHRASE')", "MATCH(body, 'x y', 'phrase')"},
        {"MATCH(a.b[], 'x y', 'prefix')", NULL},
        {"NOT MATCH(body, 'x')", NULL},
        {"MATCH(body, NULL)", "NULL"},
    };
    RUN(examples);
}

static void literals(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a = 'it''s'", NULL},
        {"a = ''", NULL},
        {"a = ''''", NULL},
        {"a = \"x\"", "a = 'x'"},
        {"a = \"it's\"", "a = 'it''s'"},
        {"a = \"say \"\"hi\"\"\"", "a = 'say \"hi\"'"},
        {"a = 'line\nbreak'", NULL},
        {"a = '\xc3\xbc\xe6\xb0\xb4\xf0\x9f\x98\x80'", NULL},
        {"a = '-- no comment'", NULL},
        {"a = '/* no comment'", NULL},
        {"a = -5", NULL},
        {"a = +5", "a = 5"},
        {"a = 007", "a = 7"},
        {"a = 0", NULL},
        {"a = -0", "a = 0"},
        {"a = -0.0", "a = 0"},
        {"a = 1.5", NULL},
        {"a = .5", "a = 0.5"},
        {"a = 5.", "a = 5"},
        {"a = -.5e1", "a = -5"},
        {"a = 1e3", "a = 1000"},
        {"a = 1E-7", "a = 1e-7"},
        {"a = 1e+20", NULL},
        {"a = 9007199254740993", NULL},
        {"a = 9223372036854775807", NULL},
        {"a = 9223372036854775808", NULL},
        {"a = 18446744073709551615", NULL},
        {"a = 18446744073709551616", "a = 1.8446744073709552e+19"},
        {"a = -9223372036854775808", NULL},
        {"a = -9223372036854775809", "a = -9.223372036854776e+18"},
        {"a = 1.7976931348623157e308", "a = 1.7976931348623157e+308"},
        {"a = 5e-324", NULL},
        {"a = 1e-400", "a = 0"},
        {"a = 0.1", NULL},
        {"a = 1.0", "a = 1"},
    };
    RUN(examples);
}

static void operands(void **state)
{
    (void)state;
    static const example examples[] = {
        {"a.b = 1", NULL},
        {"a.b.c[0].d[] = 1", NULL},
        {"a[3][] = 1", NULL},
        {"\"a\" = 1", "a = 1"},
        {"\"a.b\" = 1", NULL},
        {"`a b` = 1", "\"a b\" = 1"},
        {"`a``b` = 1", "\"a`b\" = 1"},
        {"\"a\"\"b\" = 1", NULL},
        {"\"\" = 1", NULL},
        {"a.\"b c\".`d` = 1", "a.\"b c\".d = 1"},
        {"a-b = 1", NULL},
        {"_a9 = 1", NULL},
        {"gr\xc3\xb6\xc3\x9f"
         "e = 1",
         NULL},
        {"2fa = 1", "\"2fa\" = 1"},
        {"a.2024 = 1", NULL},
        {"a.and = 1", NULL},
        {"\"and\" = 1", NULL},
        {"\"Null\".a = 1", NULL},
        {"\"-a\" = 1", NULL},
        {"\"a--b\" = 1", NULL},
        {"A = 1", NULL},
        {"contains = 1", NULL},
        {"contains CONTAINS 1", NULL},
        {"match = 1", NULL},
        {"escape LIKE 'a%' AND missing IS MISSING", NULL},
        {"any = 1 OR all = 2 OR regexp = 3", NULL},
        {"MATCH(match, 'x')", NULL},
        {"a = 1 -- the end", "a = 1"},
        {"a -- first\n = /* one */ 1", "a = 1"},
        {"/**/a/***/=1", "a = 1"},
        {"a = 5--5", "a = 5"},
        {"\t\r\n a\v=\f1 ", "a = 1"},
    };
    RUN(examples);
}

static void ids(void **state)
{
    (void)state;
    static const example examples[] = {
        {"id = 5", NULL},
        {"id = 'x'", NULL},
        {"id = \"x\"", "id = 'x'"},
        {"5 = id", "id = 5"},
        {"id = 5.0", "id = 5"},
        {"id = 5.5", "FALSE"},
        {"id = -1", "FALSE"},
        {"id = ''", "FALSE"},
        {"id = TRUE", "FALSE"},
        {"id = NULL", "NULL"},
        {"id != 5", NULL},
        {"id != -1", "TRUE"},
        {"id IN ('b', 10, 'a', 9, 10)", "id IN (9, 10, 'a', 'b')"},
        {"id NOT IN (1, 2)", NULL},
        {"id NOT IN (1)", "id != 1"},
        {"id IN (1, NULL)", "id = 1 OR NULL"},
        {"id = 18446744073709551615", NULL},
        {"id = 18446744073709551616", "FALSE"},
        {"id > 5 AND id <= 10", NULL},
        {"id BETWEEN 5 AND 10", NULL},
        {"id NOT BETWEEN 5 AND 10", NULL},
        {"NOT id > 5", NULL},
        {"id LIKE 'doc-%'", NULL},
        {"id NOT LIKE 'doc-%'", NULL},
        {"id REGEXP '^doc'", NULL},
        {"id >= '2024-01-01'", NULL},
        {"id IS NULL", "FALSE"},
        {"id IS NOT NULL", "TRUE"},
        {"id IS MISSING", "FALSE"},
        {"\"id\" = 5", NULL},
        {"`id` = 5", "\"id\" = 5"},
        {"id.x = 5", NULL},
        {"id[0] = 5", NULL},
        {"ID = 5", NULL},
        {"x.id = 5", NULL},
    };
    RUN(examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logic),    cmocka_unit_test(constants), cmocka_unit_test(comparisons),
        cmocka_unit_test(lists),    cmocka_unit_test(ranges),    cmocka_unit_test(patterns),
        cmocka_unit_test(literals), cmocka_unit_test(operands),  cmocka_unit_test(ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
