/* test_status.c — messages are cut at characters; the public tables answer for every value. */
#include "unit.h"

static void test_set_and_prefix(void **state)
{
    (void)state;
    varve_error err = {0};
    assert_int_equal(vv_fail(&err, VARVE_CORRUPT, "bad %s at %d", "footer", 7), VARVE_CORRUPT);
    assert_int_equal(err.status, VARVE_CORRUPT);
    assert_string_equal(err.message, "bad footer at 7");
    vv_error_prefix(&err, "segment %d", 3);
    assert_string_equal(err.message, "segment 3: bad footer at 7");
    assert_int_equal(err.status, VARVE_CORRUPT);
    vv_error_set(&err, VARVE_IO, "again: %s", err.message); /* an argument inside the target */
    assert_string_equal(err.message, "again: segment 3: bad footer at 7");
    vv_error_set(NULL, VARVE_IO, "nobody listens");
    vv_error_prefix(NULL, "nobody");
}

/* Text of n bytes 'a' and then characters of several bytes, so that the cut falls at every place
 * inside one. */
static void check_cut(const char *character, size_t pad)
{
    char text[700];
    varve_error err = {0};
    size_t len = strlen(character), most = sizeof err.message - 1;
    memset(text, 'a', pad);
    text[pad] = '\0';
    for (size_t at = pad; at + len < sizeof text; at += len)
        memcpy(text + at, character, len + 1);
    vv_error_set(&err, VARVE_INVALID, "%s", text);
    assert_int_equal(strlen(err.message), pad + (most - pad) / len * len);
    assert_memory_equal(err.message, text, strlen(err.message));
}

static void test_cut_at_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "ä", "€", "🦉"};
    for (size_t c = 0; c < VV_COUNT(characters); c++)
        for (size_t pad = 0; pad < 5; pad++)
            check_cut(characters[c], pad);
}

static void test_long_prefix(void **state)
{
    (void)state;
    char name[600];
    varve_error err = {0};
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    vv_error_set(&err, VARVE_IO, "cause");
    vv_error_prefix(&err, "%s", name);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_int_equal(err.message[0], 'n');
}

static void test_status_table(void **state)
{
    (void)state;
    assert_string_equal(varve_status_name(VARVE_OK), "OK");
    assert_string_equal(varve_status_name(VARVE_NO_SPACE), "NO_SPACE");
    assert_string_equal(varve_status_name((varve_status)-1), "UNKNOWN");
    assert_string_equal(varve_status_name(VARVE_STATUS_COUNT), "UNKNOWN");
    assert_int_equal(varve_status_http(VARVE_OK), 200);
    assert_int_equal(varve_status_http(VARVE_NOT_FOUND), 404);
    assert_int_equal(varve_status_http(VARVE_NO_SPACE), 507);
    assert_int_equal(varve_status_http(VARVE_STATUS_COUNT), 500);
    for (int s = 1; s < VARVE_STATUS_COUNT; s++)
        assert_in_range(varve_status_http((varve_status)s), 400, 599);
    assert_string_equal(varve_version(), VARVE_VERSION_TEXT);
}

static void test_metric_table(void **state)
{
    (void)state;
    assert_string_equal(varve_metric_name(VARVE_METRIC_IP), "ip");
    assert_string_equal(varve_metric_name(VARVE_METRIC_DICE), "dice");
    assert_string_equal(varve_metric_name(VARVE_METRIC_OF_FIELD), "unknown");
    for (int m = 0; m < VARVE_METRIC_COUNT; m++)
        assert_int_equal(varve_metric_larger_is_better((varve_metric)m), m == VARVE_METRIC_IP);
    assert_false(varve_metric_larger_is_better(VARVE_METRIC_OF_FIELD));
}

static void test_dtype_table(void **state)
{
    (void)state;
    static const struct {
        varve_dtype type;
        size_t dim, bytes;
    } rows[] = {{VARVE_FLOAT32, 384, 1536}, {VARVE_FLOAT16, 3, 6}, {VARVE_UINT8, 5, 5},
                {VARVE_INT8, 5, 5},         {VARVE_BINARY, 0, 0},  {VARVE_BINARY, 1, 1},
                {VARVE_BINARY, 8, 1},       {VARVE_BINARY, 9, 2},  {VARVE_DTYPE_COUNT, 4, 0}};
    for (size_t i = 0; i < VV_COUNT(rows); i++)
        assert_int_equal(varve_dtype_row_bytes(rows[i].type, rows[i].dim), rows[i].bytes);
    assert_string_equal(varve_dtype_name(VARVE_BINARY), "binary");
    assert_string_equal(varve_dtype_name(VARVE_DTYPE_COUNT), "unknown");
}

static void test_options_defaults(void **state)
{
    (void)state;
    varve_options options;
    memset(&options, 0xff, sizeof options);
    varve_options_init(&options);
    assert_false(options.read_only || options.must_exist || options.accept_loss);
#define X(name, value, meaning) assert_int_equal(options.name, value);
    VARVE_SETTING_TABLE(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_prefix),   cmocka_unit_test(test_cut_at_a_character),
        cmocka_unit_test(test_long_prefix),      cmocka_unit_test(test_status_table),
        cmocka_unit_test(test_metric_table),     cmocka_unit_test(test_dtype_table),
        cmocka_unit_test(test_options_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
