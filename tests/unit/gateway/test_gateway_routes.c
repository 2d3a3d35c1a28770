/* test_gateway_routes.c — the table of routes is sound, every route is found, and openapi.json and
 * the metrics speak of all of them. */
#include "metrics.h"
#include "openapi.h"
#include "routes.h"

#include "gateway_unit.h"

static int open_router(void **state)
{
    static router r;
    *state = &r;
    return router_init(&r, NULL) != VARVE_OK;
}

static int close_router(void **state)
{
    router_done(*state);
    return 0;
}

static void test_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const route *a = &routes_table[i];
        assert_true(a->path[0] == '/');
        assert_true((a->kind == KIND_STREAM) == (a->limit == LIMIT_STREAM));
        assert_true(strcmp(a->method, "GET") != 0 || a->limit == LIMIT_NONE);
        assert_true(a->scope != SCOPE_OPEN || a->limit == LIMIT_NONE);
        assert_int_equal(route_index(a), i);
        for (size_t j = 0; j < i; j++)
            assert_false(!strcmp(a->path, routes_table[j].path) &&
                         !strcmp(a->method, routes_table[j].method));
    }
    assert_int_equal(route_index(NULL), routes_count);
}

static void test_every_route_is_found(void **state)
{
    const router *r = *state;
    for (size_t i = 0; i < routes_count; i++) {
        const route *a = &routes_table[i];
        char longer[128];
        size_t len = strlen(a->path);
        assert_ptr_equal(router_find(r, a->method, a->path, len), a);
        assert_null(router_find(r, "PUT", a->path, len));
        (void)snprintf(longer, sizeof longer, "%sx", a->path);
        assert_null(router_find(r, a->method, longer, len + 1));
        assert_int_equal(router_is_open(r, a->path, len), a->scope == SCOPE_OPEN);
    }
    assert_null(router_find(r, "GET", "", 0));
    assert_false(router_is_open(r, "/none", 5));
}

static void test_params(void **state)
{
    static const route r = {.method = "GET", .path = "/collections/{name}/points/{id}"};
    varve_text text = {0};
    (void)state;
    assert_true(route_param(&r, "/collections/a%20b/points/7", "name", &text));
    assert_memory_equal(text.data, "a%20b", text.len);
    assert_int_equal(text.len, 5);
    assert_true(route_param(&r, "/collections/a/points/7", "id", &text));
    assert_int_equal(text.len, 1);
    assert_int_equal(text.data[0], '7');
    assert_false(route_param(&r, "/collections/a/points/7", "other", &text));
    assert_false(route_param(&r, "/collections/a/points/", "id", &text));
    assert_false(route_param(&r, "/collections/a/points", "name", &text));
    assert_false(route_param(&r, "/collections//points/7", "name", &text));
    assert_false(route_param(&r, "/collections/a/points/7/x", "name", &text));
}

static void test_description(void **state)
{
    buffer b;
    json_error_t where;
    (void)state;
    buffer_init(&b, 1 << 20, "openapi");
    assert_ok(openapi_write(&b, NULL));
    json_t *root = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, &where);
    assert_non_null(root);
    for (size_t i = 0; i < routes_count; i++) {
        const route *a = &routes_table[i];
        json_t *path = json_object_get(json_object_get(root, "paths"), a->path);
        json_t *operation = json_object_get(path, strcmp(a->method, "GET") ? "post" : "get");
        assert_string_equal(json_string_value(json_object_get(operation, "operationId")), a->name);
        assert_int_equal(json_object_get(operation, "requestBody") != NULL, a->limit != LIMIT_NONE);
        assert_int_equal(json_object_get(operation, "security") != NULL, a->scope == SCOPE_OPEN);
    }
    json_decref(root);
    buffer_done(&b);
}

static void assert_line(const buffer *b, const char *line)
{
    if (!strstr(b->data, line)) fail_msg("no line '%s' in\n%s", line, b->data);
}

static void test_metrics(void **state)
{
    metrics m = {0};
    varve_folder_stats folder = {.databases = 3, .rows_live = 7, .writable = true};
    buffer b;
    (void)state;
    buffer_init(&b, 1 << 20, "metrics");
    assert_ok(metrics_init(&m, NULL));
    for (int i = 0; i < 90; i++)
        metrics_count(&m, &routes_table[0], 200, 1000000, OUTCOME_NORMAL); /* 1 ms */
    for (int i = 0; i < 9; i++)
        metrics_count(&m, &routes_table[1], 503, 200000000, OUTCOME_FAILURE); /* 200 ms */
    metrics_count(&m, NULL, 401, 20000000000, OUTCOME_UNAUTHORIZED);          /* 20 s */
    assert_ok(metrics_write(&m, &folder, &b, NULL));
    assert_ok(buffer_add(&b, "", 1, NULL));
    assert_line(&b, "\nlynsedb_http_requests_total 100\n");
    assert_line(&b, "\nlynsedb_http_requests_by_status_total{status_class=\"2xx\"} 90\n");
    assert_line(&b, "\nlynsedb_http_request_errors_by_kind_total{kind=\"unauthorized\"} 1\n");
    assert_line(&b, "\nlynsedb_http_request_errors_by_kind_total{kind=\"handler_failure\"} 9\n");
    assert_line(&b, "\nlynsedb_http_request_duration_seconds_bucket{le=\"0.005\"} 90\n");
    assert_line(&b, "\nlynsedb_http_request_duration_seconds_bucket{le=\"0.25\"} 99\n");
    assert_line(&b, "\nlynsedb_http_request_duration_seconds_bucket{le=\"+Inf\"} 100\n");
    assert_line(&b, "\nlynsedb_http_request_duration_seconds_sum 21.890000\n");
    assert_line(&b,
                "\nlynsedb_http_request_duration_seconds_quantile{quantile=\"0.9\"} 0.005000\n");
    assert_line(&b,
                "\nvarve_http_requests_total{route=\"none\",method=\"any\",status_class=\"4xx\"}"
                " 1\n");
    assert_line(&b, "\nvarve_rows{state=\"live\"} 7\n");
    assert_line(&b, "\nvarve_databases_total 3\n");
    metrics_done(&m);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_sound), cmocka_unit_test(test_every_route_is_found),
        cmocka_unit_test(test_params),         cmocka_unit_test(test_description),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, open_router, close_router);
}
