/* test_where_parameters.c — :name and ?: what stands for them, and that it is never grammar. */
#include "where_fixture.h"

static filter_parameter named(const char *name, const char *json)
{
    return (filter_parameter){text_of(name), text_of(json)};
}

static filter_parameter next(const char *json) { return (filter_parameter){.json = text_of(json)}; }

static void by_name(void **state)
{
    (void)state;
    const filter_parameter all[] = {named("b", "\"it's\""), named("a1_", "5")};
    assert_where("x = :a1_ AND y != :b OR z < :a1_", all, 2, "x = 5 AND y != 'it''s' OR z < 5");
    assert_refused(text_of("x = :A1_ AND y = :b"), all, 2, VARVE_INVALID, 5, "no value is given");
    assert_refused(text_of("x = :b"), all, 2, VARVE_INVALID, 0,
                   "parameter :a1_: the text does not ask for it");
    assert_refused(text_of("x = 1"), all, 1, VARVE_INVALID, 0, "parameter :b: the text does not");
    assert_refused(text_of("x = ?"), all, 1, VARVE_INVALID, 5, "no value is given for ?");
    const filter_parameter twice[] = {named("a", "1"), named("b", "1"), named("a", "1")};
    assert_refused(text_of("x = :a OR x = :b"), twice, 3, VARVE_INVALID, 0,
                   "parameter :a: it is given twice");
}

static void by_position(void **state)
{
    (void)state;
    const filter_parameter all[] = {next("1"), named("n", "2"), next("3"), next("[4, 5]")};
    assert_where("a = ? AND b = ? AND c = :n AND d IN (?)", all, 4,
                 "a = 1 AND b = 3 AND c = 2 AND d IN (4, 5)");
    assert_where("a = ? AND b IN (?, 7, ?) AND c = :n", all, 4,
                 "a = 1 AND b IN (3, 7, 4, 5) AND c = 2");
    assert_refused(text_of("a = ? AND c = :n"), all, 3, VARVE_INVALID, 0,
                   "parameter ? number 2: the text does not ask for it");
    assert_refused(text_of("a = ? OR a = ?"), all, 1, VARVE_INVALID, 14, "no value is given for ?");
}

static void of_every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *json, *print;
    } scalars[] = {
        {"1", "a = 1"},
        {" 1 ", "a = 1"},
        {"-1.50", "a = -1.5"},
        {"18446744073709551615", "a = 18446744073709551615"},
        {"9007199254740993", "a = 9007199254740993"},
        {"1e2", "a = 100"},
        {"true", "a = TRUE"},
        {"false", "a = FALSE"},
        {"null", "NULL"},
        {"\"\"", "a = ''"},
        {"\"\\u00fc\\n\\\"'\"", "a = '\xc3\xbc\n\"'''"},
        {"\"x' OR 1 = 1 --\"", "a = 'x'' OR 1 = 1 --'"},
        {"\"\\ud83d\\ude00\"", "a = '\xf0\x9f\x98\x80'"},
    };
    for (size_t i = 0; i < VV_COUNT(scalars); i++) {
        const filter_parameter p = next(scalars[i].json);
        assert_where("a = ?", &p, 1, scalars[i].print);
    }
    const filter_parameter zero = next("\"a\\u0000b\"");
    filter *f = where_of(text_of("a = ?"), &zero, 1);
    assert_int_equal(f->root->values[0].v.text.len, 3);
    assert_memory_equal(f->root->values[0].v.text.data, "a\0b", 3);
    filter_free(f);
}

static void wherever_a_value_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json, *print;
    } examples[] = {
        {"? = a", "1", "a = 1"},
        {"? IN tags", "1", "tags CONTAINS 1"},
        {"?", "true", "TRUE"},
        {"NOT ?", "false", "TRUE"},
        {"a LIKE ?", "\"x%\"", "a LIKE 'x%'"},
        {"a LIKE 'x' ESCAPE ?", "\"!\"", "a LIKE 'x' ESCAPE '!'"},
        {"a LIKE ?", "null", "NULL"},
        {"a REGEXP ?", "\"x.\"", "a REGEXP 'x.'"},
        {"MATCH(a, ?)", "\"x\"", "MATCH(a, 'x')"},
        {"a BETWEEN ? AND 3", "1", "a BETWEEN 1 AND 3"},
        {"a > ?", "\"2024-01-01\"", "a > '2024-01-01'"},
        {"id = ?", "5", "id = 5"},
        {"id IN (?)", "[5, \"5\", 1.5]", "id IN (5, '5')"},
        {"a IN (?)", "[]", "FALSE"},
        {"a NOT IN (?)", "[]", "TRUE"},
        {"a IN (?)", "[1, null, \"x\"]", "a IN (1, 'x') OR NULL"},
        {"a IN (?)", "7", "a = 7"},
        {"tags CONTAINS ?", "\"x\"", "tags CONTAINS 'x'"},
        {"a IN ?", "[3, 1]", "a IN (3, 1)"},
        {"a NOT IN ?", "[3, null]", "NOT (a = 3 OR NULL)"},
        {"a IN ?", "[]", "FALSE"},
        {"id IN ?", "[5, 6]", "id IN (5, 6)"},
        {"3 IN ?", "[3, 1]", "TRUE"},
        {"tags CONTAINS ANY ?", "[1, 2]", "tags CONTAINS ANY (1, 2)"},
        {"tags CONTAINS ALL ?", "[1, 2]", "tags CONTAINS 1 AND tags CONTAINS 2"},
        {"? = 1", "1", "TRUE"},
        {"tags CONTAINS ANY (?)", "[1, 2]", "tags CONTAINS ANY (1, 2)"},
        {"tags CONTAINS ALL (?)", "[1, 2]", "tags CONTAINS 1 AND tags CONTAINS 2"},
    };
    for (size_t i = 0; i < VV_COUNT(examples); i++) {
        const filter_parameter p = next(examples[i].json);
        assert_where(examples[i].text, &p, 1, examples[i].print);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
        size_t column;
        const char *words;
    } examples[] = {
        {"a = ?", "", 0, "parameter ? number 1: expected a JSON scalar"},
        {"a = ?", "1, \"w\": 2", 0, "expected a JSON scalar"},
        {"a = ?", "1}", 0, "expected a JSON scalar"},
        {"a = ?", "x", 0, "expected a JSON scalar"},
        {"a = ?", "'x'", 0, "expected a JSON scalar"},
        {"a = ?", "{\"x\": 1}", 0, "expected a JSON scalar"},
        {"a = ?", "\"\\ud800\"", 0, "expected a JSON scalar"},
        {"a = ?", "\"\xff\"", 0, "expected a JSON scalar"},
        {"a = ?", "1e400", 5, "beyond double precision"},
        {"a = ?", "[1]", 5, "a list can stand behind IN"},
        {"a IN ?", "1", 6, "this parameter is no list"},
        {"a IN ?", "null", 6, "this parameter is no list"},
        {"tags CONTAINS ANY ?", "\"x\"", 19, "this parameter is no list"},
        {"tags CONTAINS ?", "[1]", 15, "a list can stand behind IN"},
        {"a IN ?, 2", "[1]", 7, "expected AND, OR or the end"},
        {"a IN (?)", "[[1]]", 0, "expected a JSON scalar"},
        {"a IN (?)", "[{}]", 0, "expected a JSON scalar"},
        {"a IN (?)", "[1e400]", 7, "beyond double precision"},
        {"a LIKE ?", "5", 8, "expected a pattern in quotes"},
        {"a REGEXP ?", "\"(\"", 10, "missing )"},
        {"a < ?", "true", 5, "only numbers, texts and date-times"},
        {"a BETWEEN 1 AND ?", "\"x\"", 17, "of one kind"},
        {"?", "1", 2, "expected a comparison"},
        {"? AND a = 1", "\"a = 1\"", 3, "expected a comparison"},
        {"a = DATE ?", "\"2024-01-01\"", 5, "expected a value"},
    };
    for (size_t i = 0; i < VV_COUNT(examples); i++) {
        const filter_parameter p = next(examples[i].json);
        assert_refused(text_of(examples[i].text), &p, 1, VARVE_INVALID, examples[i].column,
                       examples[i].words);
    }
}

static void limits(void **state)
{
    (void)state;
    filter_parameter *many = calloc(FILTER_PARAMETERS_MAX + 1, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i <= FILTER_PARAMETERS_MAX; i++)
        many[i] = next("1");
    assert_refused(text_of("a = ?"), many, FILTER_PARAMETERS_MAX + 1, VARVE_LIMIT, 0,
                   "more than 1000 parameters");
    free(many);
    buffer list;
    buffer_init(&list, SIZE_MAX, "test");
    assert_int_equal(buffer_add_text(&list, "[1", NULL), VARVE_OK);
    for (size_t i = 0; i < FILTER_VALUES_MAX; i++)
        assert_int_equal(buffer_add_text(&list, ",1", NULL), VARVE_OK);
    assert_int_equal(buffer_add_text(&list, "]", NULL), VARVE_OK);
    const filter_parameter p = {.json = {list.data, list.len}};
    assert_refused(text_of("a IN (?)"), &p, 1, VARVE_LIMIT, 7, "more than 65536 values");
    buffer_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),       cmocka_unit_test(by_position),
        cmocka_unit_test(of_every_kind), cmocka_unit_test(wherever_a_value_stands),
        cmocka_unit_test(refused),       cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
