/* test_json_parse.c — what is lifted, under which keys, and how it is found again; integers to
 * 2^64-1; refusals by place; and agreement with jansson over random texts. */
#include "unit.h"

#include "base/json.h"
#include "base/random.h"

static const char *const vector_keys[] = {"vector", "vectors", NULL};

/* The text in a block of its own with garbage as padding. */
static varve_status parse(const char *text, const char *const *keys, size_t values_max,
                          json_document *ret, varve_error *err)
{
    size_t len = strlen(text);
    char *padded = malloc(len + JSON_TEXT_PADDING);
    memcpy(padded, text, len);
    memset(padded + len, '7', JSON_TEXT_PADDING);
    varve_status status = json_parse(padded, len, keys, values_max, ret, err);
    free(padded);
    return status;
}

static void parse_good(const char *text, json_document *ret)
{
    varve_error err = {0};
    if (parse(text, vector_keys, 1000, ret, &err) != VARVE_OK)
        fail_msg("%s: %s", text, err.message);
}

static void check_refused(const char *text, const char *message)
{
    json_document d = {0};
    varve_error err = {0};
    assert_status(parse(text, vector_keys, 1000, &d, &err), VARVE_INVALID);
    assert_contains(err.message, message);
    assert_null(d.root);
}

static void assert_values(const json_document *d, const json_lifted *a, const float *expected,
                          size_t count)
{
    assert_non_null(a);
    assert_true(a->first + count <= d->value_count);
    for (size_t i = 0; i < count; i++)
        assert_true(d->values[a->first + i] == expected[i]);
}

static void test_one_vector(void **state)
{
    (void)state;
    VV_CLEANUP(json_document_done) json_document d;
    parse_good("{\"k\": 10, \"vector\" : [ 1.5, -2 ,3e-1 ], \"where\": \"x\"}", &d);
    const json_lifted *a = json_find_lifted(&d, "vector", 0);
    assert_values(&d, a, (float[]){1.5f, -2, 0.3f}, 3);
    assert_int_equal(a->rows, 1);
    assert_int_equal(a->dim, 3);
    assert_false(a->nested || a->ragged);
    assert_int_equal(d.value_count, 3);
    assert_null(json_find_lifted(&d, "vector", 1));
    assert_null(json_find_lifted(&d, "vectors", 0));
    assert_int_equal(json_object_size(d.root), 3);
    assert_true(json_is_null(json_object_get(d.root, "vector")));
    assert_int_equal(json_integer_value(json_object_get(d.root, "k")), 10);
    assert_string_equal(json_string_value(json_object_get(d.root, "where")), "x");
}

static void test_rows(void **state)
{
    (void)state;
    VV_CLEANUP(json_document_done) json_document d;
    parse_good("{\"vectors\":[[1,2],[3,4]\n,\t[5,6] ]}", &d);
    const json_lifted *a = json_find_lifted(&d, "vectors", 0);
    assert_values(&d, a, (float[]){1, 2, 3, 4, 5, 6}, 6);
    assert_int_equal(a->rows, 3);
    assert_int_equal(a->dim, 2);
    assert_true(a->nested);
    assert_false(a->ragged);
}

static void test_empty_and_ragged(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t rows, dim, ragged_row; /* 0: not ragged */
        bool nested;
    } rows[] = {
        {"{\"vectors\":[]}", 1, 0, 0, false},
        {"{\"vectors\":[ ]}", 1, 0, 0, false},
        {"{\"vectors\":[[]]}", 1, 0, 0, true},
        {"{\"vectors\":[[ ],[]]}", 2, 0, 0, true},
        {"{\"vectors\":[[1,2],[3]]}", 2, 2, 1, true},
        {"{\"vectors\":[[1,2],[3,4],[5,6,7],[8]]}", 4, 2, 2, true},
        {"{\"vectors\":[[],[1]]}", 2, 0, 1, true},
    };
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        VV_CLEANUP(json_document_done) json_document d;
        parse_good(rows[i].text, &d);
        const json_lifted *a = json_find_lifted(&d, "vectors", 0);
        assert_non_null(a);
        assert_int_equal(a->rows, rows[i].rows);
        assert_int_equal(a->dim, rows[i].dim);
        assert_int_equal(a->ragged, rows[i].ragged_row > 0);
        assert_int_equal(a->nested, rows[i].nested);
        if (a->ragged) assert_int_equal(a->ragged_row, rows[i].ragged_row);
    }
}

/* Occurrences count the objects that have the key, whatever stood there. */
static void test_occurrences(void **state)
{
    (void)state;
    VV_CLEANUP(json_document_done) json_document d;
    parse_good(
        "{\"items\":[{\"vector\":[1]},{\"vector\":null},{\"x\":\"vector\"},{\"vector\":\"s\"},"
        "{\"vec\\u0074or\":[5]},[\"vector\",[6]],{\"vector\":{\"vector\":[7]}}],"
        "\"vectors\":[[8]],\"vector\":[9]}",
        &d);
    assert_int_equal(d.lifted_count, 5);
    assert_values(&d, json_find_lifted(&d, "vector", 0), (float[]){1}, 1);
    assert_null(json_find_lifted(&d, "vector", 1));
    assert_null(json_find_lifted(&d, "vector", 2));
    assert_values(&d, json_find_lifted(&d, "vector", 3), (float[]){5}, 1);
    assert_null(json_find_lifted(&d, "vector", 4));
    assert_values(&d, json_find_lifted(&d, "vector", 5), (float[]){7}, 1);
    assert_values(&d, json_find_lifted(&d, "vector", 6), (float[]){9}, 1);
    assert_values(&d, json_find_lifted(&d, "vectors", 0), (float[]){8}, 1);
    const json_t *items = json_object_get(d.root, "items");
    assert_int_equal(json_array_size(json_array_get(json_array_get(items, 5), 1)), 1);
}

static void test_root_only(void **state)
{
    (void)state;
    static const char *const keys[] = {"/vector", NULL};
    VV_CLEANUP(json_document_done) json_document d;
    assert_ok(parse("{\"field\":{\"vector\":[1,\"x\"]},\"l\":[{\"vector\":[2]}],\"vector\":[3]}",
                    keys, 9, &d, NULL));
    assert_int_equal(d.lifted_count, 1);
    assert_values(&d, json_find_lifted(&d, "/vector", 0), (float[]){3}, 1);
    assert_ptr_equal(json_find_lifted(&d, "vector", 0), d.lifted);
    const json_t *kept = json_object_get(json_object_get(d.root, "field"), "vector");
    assert_int_equal(json_array_size(kept), 2);
}

static void test_many_rows(void **state)
{
    (void)state;
    enum { ROWS = 3000, DIM = 7 };
    static char text[ROWS * (DIM * 12 + 40)];
    size_t len = (size_t)sprintf(text, "[");
    for (size_t i = 0; i < ROWS; i++) {
        len += (size_t)sprintf(text + len, "%s{\"id\":%zu,\"vector\":[", i ? "," : "", i);
        for (size_t j = 0; j < DIM; j++)
            len += (size_t)sprintf(text + len, "%s%zu.25", j ? ", " : "", i * DIM + j);
        len += (size_t)sprintf(text + len, "],\"vectors\":%s}", i % 2 ? "[[1]]" : "0");
    }
    strcpy(text + len, "]");
    VV_CLEANUP(json_document_done) json_document d;
    assert_ok(parse(text, vector_keys, SIZE_MAX, &d, NULL));
    assert_int_equal(json_array_size(d.root), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const json_lifted *a = json_find_lifted(&d, "vector", (uint32_t)i);
        assert_non_null(a);
        assert_int_equal(a->dim, DIM);
        for (size_t j = 0; j < DIM; j++)
            assert_true(d.values[a->first + j] == (float)(i * DIM + j) + 0.25f);
        assert_int_equal(json_find_lifted(&d, "vectors", (uint32_t)i) != NULL, i % 2);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(d.root, i), "id")), i);
    }
}

static void test_values_max(void **state)
{
    (void)state;
    json_document d = {0};
    varve_error err = {0};
    assert_status(parse("{\"vectors\":[[1,2],[3,4]]}", vector_keys, 3, &d, &err), VARVE_LIMIT);
    assert_contains(err.message, "vectors");
    assert_status(parse("{\"vector\":[1]}", vector_keys, 0, &d, &err), VARVE_LIMIT);
    assert_ok(parse("{\"vectors\":[[1,2],[3,4]]}", vector_keys, 4, &d, &err));
    json_document_done(&d);
    assert_ok(parse("{\"vector\":[]}", vector_keys, 0, &d, &err));
    json_document_done(&d);
}

static void test_refused_elements(void **state)
{
    (void)state;
    check_refused("{\"vectors\":[[1],[2],[3],[4,\"x\"]]}", "vectors[3][1]: expected a number");
    check_refused("{\"vector\":[1,null]}", "vector[1]: expected a number");
    check_refused("{\"vector\":[true]}", "vector[0]: expected a number");
    check_refused("{\"vector\":[1,{}]}", "vector[1]: expected a number");
    check_refused("{\"vector\":[1,[2]]}", "vector[1]: expected a number");
    check_refused("{\"vectors\":[[1],2]}", "vectors[1]: expected an array of numbers");
    check_refused("{\"vectors\":[[[1]]]}", "vectors[0][0]: expected a number");
    check_refused("{\"vectors\":[[1],]}", "vectors[1]: expected an array");
    check_refused("{\"vector\":[1,]}", "vector[1]: expected a number");
    check_refused("{\"vector\":[,1]}", "vector[0]: expected a number");
    check_refused("{\"vector\":[NaN]}", "vector[0]: expected a number");
    check_refused("{\"vector\":[1,-Infinity]}", "vector[1]: expected a number");
    check_refused("{\"vector\":[1,2,3.5e38]}", "vector[2]: number too large for float32");
    check_refused("{\"vectors\":[[1],[-1e39]]}", "vectors[1][0]: number too large for float32");
    check_refused("{\"vector\":[1 2]}", "vector[0]: ',' or ']' expected");
    check_refused("{\"vector\":[01]}", "vector[0]: ',' or ']' expected");
    check_refused("{\"vectors\":[[1][2]]}", "at byte 15");
    check_refused("{\"vector\":[1", "ends too early");
    check_refused("{\"vector\":[1,", "ends too early");
    check_refused("{\"vector\":[", "ends too early");
    check_refused("{\"vectors\":[[1]", "at byte 15");
    check_refused("{\"vectors\":[[1],", "ends too early");
    check_refused("{\"vector\":[1]} x", "at byte 15: something follows");
    check_refused("{\"vector\":[1],\"vector\":[2]}", "at byte 14: the key \"vector\" comes twice");
    check_refused("{\"vector\":[1],\"k\":tru}", "at byte 18");
}

static void test_integers(void **state)
{
    (void)state;
    VV_CLEANUP(json_document_done) json_document d;
    parse_good("[9223372036854775807,9223372036854775808,18446744073709551615,-9223372036854775808,"
               "0,-0,1e30,18446744073709551616.0]",
               &d);
    assert_int_equal(json_integer_value(json_array_get(d.root, 0)), INT64_MAX);
    assert_string_equal(json_string_value(json_array_get(d.root, 1)),
                        JSON_BIG_PREFIX "9223372036854775808");
    assert_string_equal(json_string_value(json_array_get(d.root, 2)),
                        JSON_BIG_PREFIX "18446744073709551615");
    assert_true(json_integer_value(json_array_get(d.root, 3)) == INT64_MIN);
    assert_true(json_is_integer(json_array_get(d.root, 5)));
    assert_true(json_real_value(json_array_get(d.root, 6)) == 1e30);
    assert_true(json_real_value(json_array_get(d.root, 7)) == 18446744073709551616.0);
    check_refused("[18446744073709551616]", "at byte 1: integer outside -2^63 to 2^64-1");
    check_refused("[0,-9223372036854775809]", "at byte 3: integer outside");
    check_refused("[99999999999999999999999999999999999999999999999999999999]", "integer outside");
    check_refused("[1e999]", "at byte 1: number too large");
    check_refused("{\"a\":\"\\u0001u64:1\"}", "must not begin with \\u0001");
    check_refused("[\"\\u0001\"]", "must not begin with \\u0001");
    check_refused("[\"a\\u0000\"]", "\\u0000");
    check_refused("{\"\\u0000\":1}", "\\u0000");
}

static void test_any_root_and_long_rest(void **state)
{
    (void)state;
    static const char *const texts[] = {"1", "\"x\"", "null", " [ ] ", "{}", "-1.5"};
    for (size_t i = 0; i < VV_COUNT(texts); i++) {
        VV_CLEANUP(json_document_done) json_document d;
        parse_good(texts[i], &d);
        assert_non_null(d.root);
        assert_int_equal(d.lifted_count, 0);
        assert_null(json_find_lifted(&d, "vector", 0));
    }
    check_refused("", "at byte 0");
    check_refused("\xef\xbb\xbf{}", "byte order mark");
    check_refused("{\"a\":NaN}", "NaN");
}

/* Random texts of few words: refused exactly when jansson refuses them. */
static void test_agrees_with_jansson(void **state)
{
    (void)state;
    static const char *const words[] = {"{",      "}",      "[",        "]",           ":",
                                        ",",      "\"a\"",  "\"b\"",    "\"\\u0062\"", "1",
                                        "-0.5e1", "true",   "null",     " ",           "0",
                                        "\"a\":", "\"b\":", "e",        "\"",          ".",
                                        "-",      "\\",     "\xc3\xa4", "\xc3"};
    static const char *const no_keys[] = {NULL};
    random_state r;
    size_t agreed_good = 0;
    random_seed(&r, 41);
    for (int i = 0; i < 400000; i++) {
        char text[128] = "";
        json_document d = {0};
        json_error_t where;
        size_t count = 1 + random_below(&r, 9), usual = random_below(&r, 4) ? 17 : VV_COUNT(words);
        for (size_t w = 0; w < count; w++)
            strcat(text, words[random_below(&r, usual)]);
        json_t *other = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
        varve_status status = parse(text, no_keys, 0, &d, NULL);
        if ((status == VARVE_OK) != (other != NULL)) fail_msg("%s: jansson %s", text, where.text);
        if (other) assert_true(json_equal(other, d.root));
        agreed_good += other != NULL;
        json_decref(other);
        if (status == VARVE_OK) json_document_done(&d);
    }
    assert_true(agreed_good > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_vector),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_empty_and_ragged),
        cmocka_unit_test(test_occurrences),
        cmocka_unit_test(test_root_only),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_values_max),
        cmocka_unit_test(test_refused_elements),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_any_root_and_long_rest),
        cmocka_unit_test(test_agrees_with_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
