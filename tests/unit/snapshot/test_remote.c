/* test_remote.c — what remote.h promises of every kind: each test runs on the remote in memory. */
#include "unit.h"

#include "remote_fixture.h"

static varve_status put(const char *key, const char *text, remote_when when, const char *tag,
                        char *ret_tag, varve_error *err)
{
    return remote_put(r, key, text, strlen(text), when, tag, ret_tag, err);
}

static void expect_text(const char *key, const char *text)
{
    char *bytes = NULL;
    size_t len = 0;
    assert_ok(remote_read(r, key, 1000, &bytes, &len, NULL, NULL));
    assert_int_equal(len, strlen(text));
    assert_string_equal(bytes, text);
    free(bytes);
}

static void test_keys(void **state)
{
    static const char *const bad[] = {"",     "/a",    "a/",  "a//b",      ".",    "..",
                                      "a/..", "../a",  "a b", "a\xc3\xa4", "a~b",  "a/./b",
                                      "a%b",  "a\\b",  "a:b", "a\nb",      "/",    "a/../b",
                                      "a?b",  "a#b/c", "a*",  "a\x01",     "\x7f", "+"};
    char longest[REMOTE_KEY_MAX + 2];
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        varve_error err = {0};
        assert_status(put(bad[i], "x", REMOTE_ALWAYS, NULL, NULL, &err), VARVE_INVALID);
        assert_status(remote_delete(r, bad[i], &err), VARVE_INVALID);
    }
    memset(longest, 'k', sizeof longest);
    longest[REMOTE_KEY_MAX + 1] = '\0';
    assert_status(put(longest, "x", REMOTE_ALWAYS, NULL, NULL, NULL), VARVE_INVALID);
    longest[REMOTE_KEY_MAX] = '\0';
    assert_ok(put(longest, "x", REMOTE_ALWAYS, NULL, NULL, NULL));
    assert_ok(put("...", "x", REMOTE_ALWAYS, NULL, NULL, NULL));
    assert_int_equal(remote_memory_count(store), 2);
}

static void test_put_conditions(void **state)
{
    char first[REMOTE_TAG_MAX], second[REMOTE_TAG_MAX];
    varve_error err = {0};
    (void)state;
    assert_ok(put("a/b", "one", REMOTE_IF_ABSENT, NULL, first, NULL));
    assert_status(put("a/b", "two", REMOTE_IF_ABSENT, NULL, NULL, &err), VARVE_EXISTS);
    assert_contains(err.message, "memory: cannot put 'a/b'");
    expect_text("a/b", "one");
    assert_ok(put("a/b", "two", REMOTE_IF_TAG, first, second, NULL));
    assert_string_not_equal(first, second);
    assert_status(put("a/b", "three", REMOTE_IF_TAG, first, NULL, NULL), VARVE_CONFLICT);
    assert_status(put("a/c", "three", REMOTE_IF_TAG, first, NULL, NULL), VARVE_CONFLICT);
    assert_status(put("a/b", "three", REMOTE_IF_TAG, NULL, NULL, NULL), VARVE_INVALID);
    expect_text("a/b", "two");
    assert_ok(remote_delete(r, "a/b", NULL));
    assert_ok(remote_delete(r, "a/b", NULL));
    assert_status(put("a/b", "three", REMOTE_IF_TAG, second, NULL, NULL), VARVE_CONFLICT);
}

static void test_put_without_ability(void **state)
{
    (void)state;
    remote_memory_set_abilities(store, (remote_abilities){0});
    assert_status(put("a", "x", REMOTE_IF_ABSENT, NULL, NULL, NULL), VARVE_UNSUPPORTED);
    assert_status(put("a", "x", REMOTE_IF_TAG, "t", NULL, NULL), VARVE_UNSUPPORTED);
    assert_int_equal(remote_memory_count(store), 0);
    assert_ok(put("a", "x", REMOTE_ALWAYS, NULL, NULL, NULL));
}

static void test_read_limits(void **state)
{
    char *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_status(remote_read(r, "a", 10, &bytes, &len, NULL, NULL), VARVE_NOT_FOUND);
    assert_ok(put("a", "12345", REMOTE_ALWAYS, NULL, NULL, NULL));
    assert_status(remote_read(r, "a", 4, &bytes, &len, NULL, NULL), VARVE_LIMIT);
    assert_null(bytes);
    assert_ok(remote_read(r, "a", 5, &bytes, &len, NULL, NULL));
    assert_int_equal(len, 5);
    free(bytes);
}

static varve_status sum_up(void *arg, uint64_t at, const void *bytes, size_t len, varve_error *err)
{
    uint64_t *sum = arg;
    (void)bytes;
    (void)err;
    *sum += at * 1000 + len;
    return VARVE_OK;
}

static void test_ranges(void **state)
{
    uint64_t sum = 0;
    (void)state;
    assert_ok(put("a", "12345", REMOTE_ALWAYS, NULL, NULL, NULL));
    assert_ok(remote_get(r, "a", 2, 3, sum_up, &sum, NULL, NULL));
    assert_int_equal(sum, 2003);
    assert_status(remote_get(r, "a", 2, 4, sum_up, &sum, NULL, NULL), VARVE_CORRUPT);
    assert_status(remote_get(r, "a", 6, UINT64_MAX, sum_up, &sum, NULL, NULL), VARVE_CORRUPT);
    assert_status(remote_get(r, "a", 6, UINT64_MAX - 5, sum_up, &sum, NULL, NULL), VARVE_INVALID);
}

static varve_status collect(void *arg, const char *key, uint64_t size, varve_error *err)
{
    char *all = arg;
    (void)size;
    (void)err;
    strcat(strcat(all, key), " ");
    return strlen(all) > 200 ? VARVE_LIMIT : VARVE_OK;
}

static void test_list(void **state)
{
    static const char *const keys[] = {"a/1", "a/2", "a-1", "a.1", "b", "a/10", "a/2/x"};
    char all[300] = "", some[300] = "", rest[300] = "";
    (void)state;
    for (size_t i = 0; i < VV_COUNT(keys); i++)
        assert_ok(put(keys[i], "x", REMOTE_ALWAYS, NULL, NULL, NULL));
    remote_memory_set_page(store, 2);
    assert_ok(remote_list(r, "", NULL, collect, all, NULL));
    assert_string_equal(all, "a-1 a.1 a/1 a/10 a/2 a/2/x b ");
    assert_ok(remote_list(r, "a/", NULL, collect, some, NULL));
    assert_string_equal(some, "a/1 a/10 a/2 a/2/x ");
    assert_ok(remote_list(r, "a/", "a/10", collect, rest, NULL));
    assert_string_equal(rest, "a/2 a/2/x ");
}

/* ---- the hook of the remote in memory ------------------------------------------------------- */

typedef struct plan {
    uint64_t index;
    bool done;
    remote_memory_action action;
} plan;

static remote_memory_action act(void *arg, const remote_memory_request *request)
{
    const plan *p = arg;
    bool hit = request->index == p->index && request->done == p->done;
    return hit ? p->action : REMOTE_MEMORY_GO;
}

static void test_hook(void **state)
{
    plan p = {.index = 0, .action = REMOTE_MEMORY_FAIL};
    char *bytes = NULL;
    size_t len = 0;
    (void)state;
    remote *faulty = remote_open_memory(store, act, &p);
    assert_status(remote_put(faulty, "a", "12", 2, REMOTE_ALWAYS, NULL, NULL, NULL), VARVE_IO);
    assert_false(remote_memory_has(store, "a"));
    p = (plan){.index = 1, .done = true, .action = REMOTE_MEMORY_TIMEOUT};
    assert_status(remote_put(faulty, "a", "12", 2, REMOTE_ALWAYS, NULL, NULL, NULL), VARVE_TIMEOUT);
    assert_true(remote_memory_has(store, "a"));
    p = (plan){.index = 2, .action = REMOTE_MEMORY_FLIP};
    assert_ok(remote_read(faulty, "a", 10, &bytes, &len, NULL, NULL));
    assert_string_equal(bytes, "1\x22");
    free(bytes);
    p = (plan){.index = 3, .action = REMOTE_MEMORY_SHORT};
    assert_status(remote_read(faulty, "a", 10, &bytes, &len, NULL, NULL), VARVE_CORRUPT);
    char all[300] = "";
    p = (plan){.index = 4, .action = REMOTE_MEMORY_STALE};
    assert_ok(remote_list(faulty, "", NULL, collect, all, NULL));
    assert_string_equal(all, "");
    assert_ok(remote_list(faulty, "", NULL, collect, all, NULL));
    assert_string_equal(all, "a ");
    remote_close(faulty);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        T(test_keys),        T(test_put_conditions), T(test_put_without_ability),
        T(test_read_limits), T(test_ranges),         T(test_list),
        T(test_hook)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
