/* test_reply.c — what clients are told about failures. */
#include "reply.h"

#include "gateway_unit.h"

static void begin(http_reply *r)
{
    *r = (http_reply){.status = 200};
    buffer_init(&r->body, 4096, "reply");
}

static void test_every_status_has_a_code(void **state)
{
    (void)state;
    for (int s = VARVE_OK; s < VARVE_STATUS_COUNT; s++) {
        varve_error err = {.status = (varve_status)s, .message = "in /srv/data/rocks/000001.log"};
        http_reply r;
        begin(&r);
        reply_error(&r, &err);
        json_t *root = json_loadb(r.body.data, r.body.len, 0, NULL);
        assert_non_null(root);
        assert_true(r.status >= 400);
        assert_true(json_string_length(json_object_get(root, "code")) > 0);
        assert_true(json_string_length(json_object_get(root, "error")) > 0);
        if (r.status >= 500 && s != VARVE_TIMEOUT)
            assert_null(strstr(json_string_value(json_object_get(root, "error")), "/srv"));
        assert_string_equal(r.cause.message, err.message);
        json_decref(root);
        buffer_done(&r.body);
    }
}

static void test_own_failures(void **state)
{
    http_reply r;
    (void)state;
    begin(&r);
    assert_ok(buffer_add_text(&r.body, "half an answer", NULL));
    reply_failure(&r, 404, "not_found", "Collection not found: %s", "a\"b\n");
    assert_int_equal(r.status, 404);
    assert_int_equal(r.body.len, strlen("{\"error\":\"Collection not found: a\\\"b\\n\","
                                        "\"code\":\"not_found\"}"));
    assert_memory_equal(r.body.data, "{\"error\":\"Collection not found: a\\\"b\\n\"", 39);
    reply_failure_text(&r, 400, "Expected %d bytes, got %d", 8, 7);
    assert_memory_equal(r.body.data, "Expected 8 bytes, got 7", r.body.len);
    reply_empty(&r, 204);
    assert_int_equal(r.body.len, 0);
    assert_string_equal(reply_status_text(507), "Insufficient Storage");
    buffer_done(&r.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_code),
        cmocka_unit_test(test_own_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
