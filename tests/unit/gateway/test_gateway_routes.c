/* test_gateway_routes.c — the table of routes is sound, every route is found, and openapi.json and
 * the metrics speak of all of them. */
#include "metrics.h"
#include "metrics_lines.h"
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
        bool ends_in_param = a->path[len - 1] == '}';
        (void)snprintf(longer, sizeof longer, ends_in_param ? "%s/x" : "%sx", a->path);
        assert_null(router_find(r, a->method, longer, strlen(longer)));
        assert_int_equal(router_is_open(r, a->path, len), a->scope == SCOPE_OPEN);
    }
    assert_string_equal(router_find(r, "POST", "/jobs/17/cancel", 15)->name, "ops_job_cancel");
    assert_string_equal(router_find(r, "GET", "/jobs/17", 8)->name, "ops_job");
    assert_null(router_find(r, "GET", "/jobs/17/cancel", 15));
    assert_null(router_find(r, "GET", "/jobs/", 6));
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
    const metrics_engine engine = {.folder = {.databases = 3, .rows_live = 7, .writable = true}};
    buffer b;
    (void)state;
    buffer_init(&b, 1 << 20, "metrics");
    assert_ok(metrics_init(&m, NULL));
    for (int i = 0; i < 90; i++)
        metrics_count(&m, &routes_table[0], 200, 1000000, OUTCOME_NORMAL); /* 1 ms */
    for (int i = 0; i < 9; i++)
        metrics_count(&m, &routes_table[1], 503, 200000000, OUTCOME_FAILURE); /* 200 ms */
    metrics_count(&m, NULL, 401, 20000000000, OUTCOME_UNAUTHORIZED);          /* 20 s */
    assert_ok(metrics_write(&m, &engine, &b, NULL));
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
    assert_line(&b, "\nvarve_compactor_connected 0\n");
    assert_line(&b, "\nlynsedb_index_build_progress_ratio{scope=\"current\"} 0.000000\n");
    metrics_done(&m);
    buffer_done(&b);
}

static void test_metrics_of_compaction(void **state)
{
    static const varve_job jobs[] = {
        {.id = 9,
         .database = "default",
         .collection = "docs",
         .kind = "merge",
         .reason = "4 segments \"of\" about 65536 rows, which is more than anybody wants to read",
         .state = VARVE_JOB_RUNNING,
         .rows = 262144,
         .share = 0.25,
         .rows_per_s = 1000,
         .eta_ms = 1500},
        {.id = 8,
         .state = VARVE_JOB_DONE,
         .rows = 77,
         .share = 1,
         .started_ms = 10000,
         .ended_ms = 12500},
    };
    const metrics_engine engine = {.compaction = {.pid = 5,
                                                  .restarts = 2,
                                                  .jobs_done = 11,
                                                  .jobs_refused = 1,
                                                  .jobs_failed = 2,
                                                  .jobs_cancelled = 3,
                                                  .rows_removed = 4,
                                                  .backlog_rows = 600,
                                                  .index_bytes = 12345,
                                                  .write_delay_ms = 2500},
                                   .jobs = jobs,
                                   .jobs_count = VV_COUNT(jobs)};
    metrics m = {0};
    buffer b;
    (void)state;
    buffer_init(&b, 1 << 20, "metrics");
    assert_ok(metrics_init(&m, NULL));
    assert_ok(metrics_write(&m, &engine, &b, NULL));
    assert_ok(buffer_add(&b, "", 1, NULL));
    assert_line(&b, "\nvarve_compaction_job_progress_ratio{job_id=\"9\",database=\"default\","
                    "collection=\"docs\",kind=\"merge\",reason=\"4 segments \\\"of\\\" about 65536 "
                    "rows, which is more ...\"} 0.250000\n");
    assert_line(&b, "} 1.500000\n"); /* eta */
    assert_line(&b, "\nvarve_compaction_jobs_total{outcome=\"failed\"} 2\n");
    assert_line(&b, "\nvarve_compaction_backlog_rows 600\n");
    assert_line(&b, "\nvarve_compaction_write_delay_seconds_total 2.500000\n");
    assert_line(&b, "\nvarve_compactor_restarts_total 2\n");
    assert_line(&b, "\nlynsedb_index_builds_total{status=\"started\"} 18\n");
    assert_line(&b, "\nlynsedb_index_builds_total{status=\"failed\"} 6\n");
    assert_line(&b, "\nlynsedb_index_builds_in_progress 1\n");
    assert_line(&b, "\nlynsedb_index_build_current_vectors 262144\n");
    assert_line(&b, "\nlynsedb_index_build_last_vectors 77\n");
    assert_line(&b, "\nlynsedb_index_build_last_duration_seconds 2.500000\n");
    assert_line(&b, "\nvarve_storage_index_bytes 12345\n");
    assert_null(strstr(b.data, "job_id=\"8\""));
    metrics_done(&m);
    buffer_done(&b);
}

static void test_labels(void **state)
{
    char label[LINES_LABEL_MAX], many[LINES_LABEL_MAX];
    (void)state;
    lines_label("a\\b\"c\nd", 99, label);
    assert_string_equal(label, "a\\\\b\\\"c d");
    lines_label("\xc3\xa9t\xc3\xa9", 3, label); /* three characters, five bytes */
    assert_string_equal(label, "\xc3\xa9t\xc3\xa9");
    lines_label("\xc3\xa9t\xc3\xa9", 2, label);
    assert_string_equal(label, "\xc3\xa9t...");
    memset(many, '"', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    lines_label(many, SIZE_MAX, label);
    assert_true(strlen(label) < sizeof label);
    assert_string_equal(label + strlen(label) - 4, "\"...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_sound), cmocka_unit_test(test_every_route_is_found),
        cmocka_unit_test(test_params),         cmocka_unit_test(test_description),
        cmocka_unit_test(test_metrics),        cmocka_unit_test(test_metrics_of_compaction),
        cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, open_router, close_router);
}
