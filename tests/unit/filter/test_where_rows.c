/* test_where_rows.c — texts of the where grammar against rows: the answers that LynseDB gets wrong,
 * what NULL and missing fields do, kinds that differ, ids. */
#include "where_fixture.h"

#include "filter/filter_row.h"

typedef struct example {
    const char *text;
    const char *truths; /* T, F, U: of each row */
} example;

static truth truth_of(const char *text, varve_id id, const char *fields)
{
    truth result = TRUTH_UNKNOWN;
    varve_error err = {0};
    buffer scratch;
    filter *f = where_of(text_of(text), NULL, 0);
    const filter_row row = {.id = id, .fields = text_of(fields)};
    buffer_init(&scratch, SIZE_MAX, "test");
    if (filter_row_truth(f, &row, &scratch, &result, &err) != VARVE_OK)
        fail_msg("%s: %s", text, err.message);
    buffer_done(&scratch);
    filter_free(f);
    return result;
}

/* Row i has the id i. */
static void run(const char *const *rows, size_t row_count, const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strlen(examples[i].truths), row_count);
        for (size_t j = 0; j < row_count; j++) {
            varve_id id = {.kind = VARVE_ID_NUM, .num = j};
            char got = "FUT"[truth_of(examples[i].text, id, rows[j])];
            if (got != examples[i].truths[j])
                fail_msg("%s\nof %s is %c", examples[i].text, rows[j], got);
        }
    }
}
#define RUN(rows, examples) run(rows, VV_COUNT(rows), examples, VV_COUNT(examples))

/* OR split at its first literals, lists joined to one, texts cut at a quote, ranges by numbers. */
static void what_lynse_gets_wrong(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"a\":1,\"b\":2,\"c\":0,\"x\":1,\"y\":3,\"n\":\"it's\",\"d\":\"2026-05-01\",\"v\":1}",
        "{\"a\":1,\"b\":0,\"c\":0,\"x\":2,\"y\":3,\"n\":\"it\",\"d\":\"2025-12-31\",\"v\":1.0}",
        "{\"a\":0,\"b\":0,\"c\":3,\"x\":2,\"y\":0,\"n\":\"it\",\"d\":\"2026\",\"v\":\"1\"}",
        "{\"a\":0,\"b\":2,\"c\":0,\"x\":3,\"y\":3,\"n\":\"'\",\"d\":\"zzz\",\"v\":true}",
    };
    static const example examples[] = {
        {"a = 1 AND b = 2 OR c = 3", "TFTF"},
        {"c = 3 OR a = 1 AND b = 2", "TFTF"},
        {"x = 1 OR x = 2 AND y = 3", "TTFF"},
        {"(x = 1 OR x = 2) AND y = 3", "TTFF"},
        {"x = 2 AND y = 3 OR x = 3 AND y = 3", "FTFT"},
        {"a IN (1, 5) AND b IN (2)", "TFFF"},
        {"a IN (0) AND b IN (2)", "FFFT"},
        {"n = 'it''s'", "TFFF"},
        {"n = 'it'", "FTTF"},
        {"n = ''''", "FFFT"},
        {"d >= '2026'", "TFTT"},
        {"d < '2026'", "FTFF"},
        {"d >= '2026' AND d < '2027'", "TFTF"},
        {"d >= DATE '2026-01-01'", "TFUU"},
        {"v = 1", "TTFF"},
        {"v = 1.0", "TTFF"},
        {"v IN (1.0, '1')", "TTTF"},
        {"v != 1", "FFTT"},
    };
    RUN(rows, examples);
}

/* CONTAINS beside OR, NOT and parentheses, and tags with blanks or of 70 characters. */
static void arrays(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"t\":[\"a\",\"two words\"]}", "{\"t\":[]}",        "{\"t\":\"a\"}", "{\"t\":null}", "{}",
        "{\"t\":[1,[\"a\"]]}",           "{\"t\":[\"b\",2]}",
    };
    static const example examples[] = {
        {"t CONTAINS 'a'", "TFFUUFF"},
        {"NOT (t CONTAINS 'a')", "FTTUUTT"},
        {"t CONTAINS 'two words'", "TFFUUFF"},
        {"t CONTAINS 'a' OR t CONTAINS 'b'", "TFFUUFT"},
        {"t CONTAINS ANY ('b', 1)", "FFFUUTT"},
        {"t CONTAINS ALL ('b', 2)", "FFFUUFT"},
        {"'a' IN t AND TRUE", "TFFUUFF"},
        {"t[] = 'a'", "TUUUUFF"},
        {"t[0] = 'a'", "TUUUUFF"},
    };
    RUN(rows, examples);
}

static void nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"a\":1}", "{\"a\":null}", "{}", "{\"a\":false}"};
    static const example examples[] = {
        {"a = 1", "TUUF"},
        {"a != 1", "FUUT"},
        {"NOT a = 1", "FUUT"},
        {"a = NULL", "UUUU"},
        {"a IS NULL", "FTTF"},
        {"a IS NOT NULL", "TFFT"},
        {"a IS MISSING", "FFTF"},
        {"a IS NOT MISSING", "TTFT"},
        {"a IN (1, NULL)", "TUUU"},
        {"a NOT IN (1, NULL)", "FUUU"},
        {"a NOT IN (2, NULL)", "UUUU"},
        {"a IN ()", "FFFF"},
        {"a NOT IN ()", "TTTT"},
        {"a", "FUUF"},
        {"a IS FALSE", "FFFT"},
        {"a IS NOT TRUE", "TTTT"},
        {"a = 1 OR TRUE", "TTTT"},
        {"a = 1 AND FALSE", "FFFF"},
        {"a = 1 AND NULL", "UUUF"},
        {"a = 1 OR NULL", "TUUU"},
        {"a BETWEEN NULL AND 0", "FUUU"},
        {"a NOT BETWEEN NULL AND 0", "TUUU"},
        {"a BETWEEN NULL AND 5", "UUUU"},
    };
    RUN(rows, examples);
}

/* Texts in the form of date-times are compared by instant where both bounds are such, else by
 * bytes. Half past midnight in the east is still the day before. */
static void instants(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"d\":\"2024-01-01T00:30:00+02:00\"}",
                                       "{\"d\":\"2024-01-01T00:30:00Z\"}",
                                       "{\"d\":\"2024-01-01b\"}"};
    static const example examples[] = {
        {"d >= '2024-01-01'", "FTT"},
        {"d >= DATE '2024-01-01'", "FTU"},
        {"d BETWEEN '2024-01-01' AND '2024-12-31'", "FTT"},
        {"d BETWEEN '2024-01-01' AND 'z'", "TTT"},
        {"d BETWEEN ' ' AND '2024-01-01'", "FFF"},
        {"d = '2023-12-31T22:30:00Z'", "TFF"},
        {"d IN ('2023-12-31T22:30', '2024-01-01b')", "TFT"},
        {"d != TIMESTAMP '2024-01-01T01:30:00+01'", "TFT"},
    };
    RUN(rows, examples);
    filter *f = where_of(text_of("d BETWEEN '2024-01-01' AND 'z'"), NULL, 0);
    assert_false(f->root->range.low.datetime || f->root->range.low.instant);
    filter_free(f);
    const varve_id id = {.kind = VARVE_ID_STR, .text = text_of("2024-01-01T00:30:00+02:00")};
    assert_int_equal(truth_of("id >= '2024-01-01'", id, "{}"), TRUTH_TRUE);
    assert_int_equal(truth_of("id = '2023-12-31T22:30:00Z'", id, "{}"), TRUTH_FALSE);
}

static void row_ids(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"id\":1}", "{}", "{\"id\":0}"};
    static const example examples[] = {
        {"id = 1", "FTF"},     {"id != 1", "TFT"},
        {"id = '1'", "FFF"},   {"id IN (0, 2, 'x')", "TFT"},
        {"id >= 1", "FTT"},    {"id BETWEEN 0 AND 1", "TTF"},
        {"\"id\" = 1", "TUF"}, {"id IS NULL", "FFF"},
    };
    RUN(rows, examples);
    const varve_id text_id = {.kind = VARVE_ID_STR, .text = text_of("doc-7")};
    assert_int_equal(truth_of("id LIKE 'doc-%' AND id > 'doc-1' AND id != 7", text_id, "{}"),
                     TRUTH_TRUE);
    assert_int_equal(truth_of("id > 5", text_id, "{}"), TRUTH_UNKNOWN);
    assert_int_equal(truth_of("id REGEXP '^[a-z]+-[0-9]$'", text_id, "{}"), TRUTH_TRUE);
}

enum { LISTED = 5000 };

/* 2 … 10000, 't2' … 't10000', downwards. */
static filter *long_list(const char *form)
{
    buffer text;
    buffer_init(&text, SIZE_MAX, "test");
    assert_int_equal(buffer_add_text(&text, form, NULL), VARVE_OK);
    for (int i = LISTED; i > 0; i--)
        assert_int_equal(buffer_printf(&text, NULL, "%d, 't%d', ", 2 * i, 2 * i), VARVE_OK);
    assert_int_equal(buffer_add_text(&text, "'2024-01-01T00:00:00Z')", NULL), VARVE_OK);
    filter *f = where_of((varve_text){text.data, text.len}, NULL, 0);
    buffer_done(&text);
    return f;
}

static void assert_in_order(const filter_node *leaf)
{
    assert_int_equal(leaf->value_count, 2 * LISTED + 1);
    assert_non_null(leaf->order);
    for (size_t i = 1; i < leaf->value_count; i++)
        assert_true(filter_value_order(&leaf->values[leaf->order[i - 1]],
                                       &leaf->values[leaf->order[i]]) < 0);
}

static void assert_found(const filter *f, const char *row, bool found)
{
    truth result = TRUTH_UNKNOWN;
    buffer scratch;
    const filter_row r = {.fields = text_of(row)};
    buffer_init(&scratch, SIZE_MAX, "test");
    assert_int_equal(filter_row_truth(f, &r, &scratch, &result, NULL), VARVE_OK);
    assert_int_equal(result, found ? TRUTH_TRUE : TRUTH_FALSE);
    buffer_done(&scratch);
}

/* A list of thousands is looked up in order, not value by value. */
static void long_lists(void **state)
{
    (void)state;
    static const char *const forms[] = {"a IN (", "tags CONTAINS ANY (", "a NOT IN ("};
    for (size_t form = 0; form < VV_COUNT(forms); form++) {
        filter *f = long_list(forms[form]);
        assert_in_order(form == 2 ? f->root->children[0] : f->root);
        for (int n = 0; n <= 2 * LISTED + 1; n += 97) {
            bool listed = n % 2 == 0 && n > 0 && n <= 2 * LISTED;
            char row[64];
            (void)snprintf(row, sizeof row, "{\"a\":%d,\"tags\":[%d]}", n, n);
            assert_found(f, row, listed != (form == 2));
            (void)snprintf(row, sizeof row, "{\"a\":\"t%d\",\"tags\":[\"t%d\"]}", n, n);
            assert_found(f, row, listed != (form == 2));
        }
        filter_free(f);
    }
    filter *f = where_of(text_of("a IN (7, 6, 5, 4, 3, 2, 1)"), NULL, 0);
    assert_null(f->root->order); /* too short to be worth it */
    filter_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lynse_gets_wrong),
        cmocka_unit_test(arrays),
        cmocka_unit_test(nothing),
        cmocka_unit_test(instants),
        cmocka_unit_test(row_ids),
        cmocka_unit_test(long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
