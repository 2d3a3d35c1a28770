/* test_gateway_log.c — every line is one JSON object of at most 2 KiB, whatever is put in. */
#include "log.h"

#include "gateway_unit.h"

#include <jansson.h>
#include <unistd.h>

typedef struct piped {
    logger log;
    int read_end;
} piped;

static int open_pipe(void **state)
{
    static piped p;
    int ends[2];
    if (pipe(ends) != 0) return 1;
    p.read_end = ends[0];
    *state = &p;
    return log_init(&p.log, ends[1], LOG_INFO, NULL) != VARVE_OK;
}

static int close_pipe(void **state)
{
    piped *p = *state;
    log_done(&p->log);
    (void)close(p->log.fd);
    (void)close(p->read_end);
    return 0;
}

/* The one line that is in the pipe, parsed. */
static json_t *read_line(piped *p)
{
    char text[LOG_LINE_MAX + 1];
    json_error_t where;
    log_flush(&p->log);
    ssize_t n = read(p->read_end, text, sizeof text);
    assert_in_range(n, 2, LOG_LINE_MAX);
    assert_int_equal(text[n - 1], '\n');
    for (ssize_t i = 0; i < n - 1; i++)
        assert_true((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    json_t *line = json_loadb(text, (size_t)n, 0, &where);
    if (!line) fail_msg("%s in %.*s", where.text, (int)n, text);
    return line;
}

static const char *get(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void test_fields(void **state)
{
    piped *p = *state;
    log_line line;
    log_begin(&line, LOG_INFO, "http", "http_request");
    log_text(&line, "path", "/a\"\\\r\n\x1b[31m\x7f\xc2\x9b grün \xff\xc0\x80\xed\xa0\x80 ✓ 😀");
    log_text(&line, "nothing", NULL);
    log_u64(&line, "n", INT64_MAX);
    log_ms(&line, "ms", 1234567890);
    log_end(&p->log, &line);
    json_t *got = read_line(p);
    assert_string_equal(get(got, "level"), "info");
    assert_string_equal(get(got, "target"), "http");
    assert_string_equal(get(got, "event"), "http_request");
    assert_int_equal(strlen(get(got, "timestamp")), 24);
    assert_non_null(strstr(get(got, "path"), "/a\"\\\r\n\x1b[31m\x7f"));
    assert_non_null(strstr(get(got, "path"), " grün "));
    assert_non_null(strstr(get(got, "path"), " ✓ 😀"));
    assert_true(json_is_null(json_object_get(got, "nothing")));
    assert_float_equal(json_real_value(json_object_get(got, "ms")), 1234.567, 1e-9);
    json_decref(got);
}

/* Texts of every length around the limit, of characters that grow when escaped. */
static void test_cut(void **state)
{
    static const char *const pieces[] = {"x", "\"", "\n", "ü", "😀", "\xff"};
    piped *p = *state;
    for (size_t i = 0; i < VV_COUNT(pieces); i++) {
        for (size_t n = 150; n < 2200; n += 7) {
            char text[9000] = "";
            log_line line;
            for (size_t k = 0; k < n; k++)
                memcpy(text + k * strlen(pieces[i]), pieces[i], strlen(pieces[i]) + 1);
            log_begin(&line, LOG_INFO, "t", "e");
            log_text(&line, "a", text);
            log_u64(&line, "b", n);
            log_text(&line, "c", text);
            log_ms(&line, "d", n);
            log_end(&p->log, &line);
            json_decref(read_line(p));
        }
    }
}

static void test_levels(void **state)
{
    piped *p = *state;
    log_level level;
    varve_error err = {0};
    assert_true(log_wants(&p->log, LOG_ERROR));
    assert_false(log_wants(&p->log, LOG_DEBUG));
    assert_ok(log_level_parse("warn", &level, NULL));
    assert_int_equal(level, LOG_WARN);
    assert_int_equal(log_level_parse("loud", &level, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "loud"));
    log_message(&p->log, LOG_DEBUG, "unseen", "x");
    log_message(&p->log, LOG_WARN, "seen", "%d things", 3);
    json_t *got = read_line(p);
    assert_string_equal(get(got, "event"), "seen");
    assert_string_equal(get(got, "message"), "3 things");
    json_decref(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, open_pipe, close_pipe);
}
