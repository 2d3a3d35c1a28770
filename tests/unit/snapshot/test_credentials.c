/* test_credentials.c — the texts that credentials come in, and when they are read anew. What the
 * metadata service is asked is tested in tests/s3/test_s3_client.py. */
#include "unit.h"

#include "base/file.h"
#include "credentials.h"
#include "test_dir.h"

static const char file_text[] = "; comment\n"
                                "aws_access_key_id = NOBODY\n"
                                "[default]\r\n"
                                "aws_access_key_id = AKIADEFAULT\r\n"
                                "aws_secret_access_key=se/cr+et=\r\n"
                                "\n"
                                "[ profile  ops ]\n"
                                "  aws_access_key_id\t=\tAKIAOPS\n"
                                "aws_secret_access_key = ops\n"
                                "aws_session_token = to//ken==\n"
                                "unknown line\n"
                                "[half]\n"
                                "aws_access_key_id = AKIAHALF\n"
                                "[spaced]\n"
                                "aws_access_key_id = AKIA X\n"
                                "aws_secret_access_key = se cret";

static varve_status parse(const char *text, const char *profile, credentials *ret, varve_error *err)
{
    return credentials_parse_file(text, strlen(text), profile, ret, err);
}

static void test_file(void **state)
{
    credentials c = {{0}, {0}, {0}, 0, 0};
    varve_error err = {0};
    (void)state;
    assert_ok(parse(file_text, "default", &c, NULL));
    assert_string_equal(c.access_key, "AKIADEFAULT");
    assert_string_equal(c.secret_key, "se/cr+et=");
    assert_string_equal(c.session_token, "");
    assert_ok(parse(file_text, "ops", &c, NULL));
    assert_string_equal(c.access_key, "AKIAOPS");
    assert_string_equal(c.session_token, "to//ken==");
    assert_status(parse(file_text, "half", &c, &err), VARVE_INVALID);
    assert_status(parse(file_text, "none", &c, &err), VARVE_INVALID);
    assert_status(parse(file_text, "spaced", &c, &err), VARVE_INVALID);
    assert_null(strstr(err.message, "cret"));
    assert_status(parse("", "default", &c, NULL), VARVE_INVALID);
    assert_status(credentials_parse_file("[default]\0", 10, "default", &c, NULL), VARVE_INVALID);
    assert_string_equal(c.access_key, "AKIAOPS");
}

static void test_long_values(void **state)
{
    char text[6000] = "[default]\naws_access_key_id = A\naws_secret_access_key = ";
    credentials c;
    varve_error err = {0};
    (void)state;
    memset(text + strlen(text), 'S', 256);
    assert_status(parse(text, "default", &c, &err), VARVE_LIMIT);
    assert_null(strstr(err.message, "SSS"));
    text[strlen(text) - 1] = '\0';
    assert_ok(parse(text, "default", &c, &err));
}

/* Each of the members is needed, and none may be something else than a word. */
static void test_metadata(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "nothing",
        "{}",
        "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2030-01-"
        "01T00:00:00Z\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"soon\"}",
        "{\"AccessKeyId\":\"a\\r\\n\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":"
        "\"2030-01-01T00:00:00Z\"}",
    };
    char text[400] = "{\"Code\":\"Success\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
                     "\"Token\":\"t\",\"Expiration\":\"2030-01-01T00:00:00Z\"}";
    credentials c = {{0}, {0}, {0}, 0, 0};
    (void)state;
    assert_ok(credentials_parse_metadata(text, strlen(text), &c, NULL));
    assert_string_equal(c.session_token, "t");
    assert_true(c.expires_ms == UINT64_C(1893456000000));
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        memset(text, 0, sizeof text);
        strcpy(text, bad[i]);
        assert_status(credentials_parse_metadata(text, strlen(text), &c, NULL), VARVE_INVALID);
    }
}

static void write_file(const char *path, const char *key)
{
    char text[200];
    snprintf(text, sizeof text, "[default]\naws_access_key_id = %s\naws_secret_access_key = s\n",
             key);
    assert_ok(file_replace(path, text, strlen(text), NULL));
}

/* A file is read once, and again when what it said was refused; by one of those who were. */
static void test_reload(void **state)
{
    test_dir dir;
    char path[300];
    http_pool *http = NULL;
    credentials_source *s = NULL;
    credentials first, second;
    bool changed = true;
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(path, sizeof path, dir.path, "credentials", NULL));
    assert_ok(http_pool_new(NULL, &http, NULL));
    const remote_s3_options options = {.credentials_file = path};
    assert_ok(credentials_source_new(&options, http, &s, NULL));
    assert_status(credentials_get(s, &first, NULL), VARVE_NOT_FOUND);
    write_file(path, "ONE");
    assert_ok(credentials_get(s, &first, NULL));
    assert_ok(credentials_reload(s, &first, &changed, NULL));
    assert_false(changed);
    write_file(path, "TWO");
    assert_ok(credentials_get(s, &second, NULL));
    assert_string_equal(second.access_key, "ONE");
    assert_ok(credentials_reload(s, &second, &changed, NULL));
    assert_true(changed);
    write_file(path, "THREE");
    assert_ok(credentials_reload(s, &first, &changed, NULL)); /* of an older generation */
    assert_true(changed);
    assert_ok(credentials_get(s, &second, NULL));
    assert_string_equal(second.access_key, "TWO");
    assert_ok(file_unlink(path, NULL));
    assert_status(credentials_reload(s, &second, &changed, NULL), VARVE_NOT_FOUND);
    credentials_source_free(s);
    http_pool_free(http);
    test_dir_remove(&dir);
}

static void test_none(void **state)
{
    http_pool *http = NULL;
    credentials_source *s = NULL;
    credentials c;
    const remote_s3_options none = {0}, half = {.access_key = "a"};
    const remote_s3_options given = {.access_key = "a", .secret_key = "s", .session_token = "t"};
    bool changed = true;
    (void)state;
    assert_ok(http_pool_new(NULL, &http, NULL));
    assert_status(credentials_source_new(&none, http, &s, NULL), VARVE_INVALID);
    assert_status(credentials_source_new(&half, http, &s, NULL), VARVE_INVALID);
    assert_null(s);
    assert_ok(credentials_source_new(&given, http, &s, NULL));
    assert_ok(credentials_get(s, &c, NULL));
    assert_string_equal(c.session_token, "t");
    assert_ok(credentials_reload(s, &c, &changed, NULL));
    assert_false(changed);
    credentials_source_free(s);
    http_pool_free(http);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file), cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_reload),
        cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
