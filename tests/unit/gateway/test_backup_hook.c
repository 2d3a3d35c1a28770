/* test_backup_hook.c — programs that are told of failures: what they get, and how long they may
 * take. */
#include "backup/backup_hook.h"

#include "gateway_unit.h"
#include "test_dir.h"

#include "base/clock.h"

#include <sys/stat.h>

static void make_program(const test_dir *dir, const char *body, char ret[512])
{
    char path[400], text[1024];
    (void)snprintf(path, sizeof path, "%s/hook", dir->path);
    int len = snprintf(text, sizeof text, "#!/bin/sh\ncd %s\n%s", dir->path, body);
    assert_ok(file_replace(path, text, (size_t)len, NULL));
    assert_int_equal(chmod(path, 0700), 0);
    (void)snprintf(ret, 512, "exec:%s", path);
}

static void test_forms(void **state)
{
    static const char *const good[] = {"exec:/bin/true", "http://x/y", "https://x"};
    static const char *const bad[] = {"", "exec:", "exec:true", "/bin/true", "ftp://x", "x"};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(good); i++)
        assert_ok(backup_hook_check(good[i], NULL));
    for (size_t i = 0; i < VV_COUNT(bad); i++)
        assert_int_equal(backup_hook_check(bad[i], NULL), VARVE_INVALID);
}

static void test_input_and_outcome(void **state)
{
    test_dir dir;
    char target[512], path[400];
    VV_CLEANUP(vv_freep) char *got = NULL;
    size_t len = 0;
    varve_error err = {0};
    (void)state;
    test_dir_make(&dir);
    make_program(&dir, "cat > got\necho noise; echo noise >&2\n", target);
    assert_ok(backup_hook_call(target, "{\"a\":1}", 10000, NULL));
    (void)snprintf(path, sizeof path, "%s/got", dir.path);
    assert_ok(file_read(path, 100, &got, &len, NULL));
    assert_string_equal(got, "{\"a\":1}");
    make_program(&dir, "exit 3\n", target); /* without reading anything */
    assert_int_equal(backup_hook_call(target, "{}", 10000, &err), VARVE_IO);
    assert_non_null(strstr(err.message, "code 3"));
    make_program(&dir, "kill -TERM $$\n", target); /* a signal that we block ourselves */
    assert_int_equal(backup_hook_call(target, "{}", 10000, &err), VARVE_IO);
    assert_non_null(strstr(err.message, "signal 15"));
    assert_int_equal(backup_hook_call("exec:/no/such/program", "{}", 10000, &err), VARVE_IO);
    test_dir_remove(&dir);
}

static void test_time_and_size(void **state)
{
    test_dir dir;
    char target[512];
    (void)state;
    test_dir_make(&dir);
    make_program(&dir, "sleep 100\n", target);
    uint64_t began = clock_now_ns();
    assert_int_equal(backup_hook_call(target, "{}", 100, NULL), VARVE_TIMEOUT);
    assert_true(clock_now_ns() - began < UINT64_C(50) * 1000000000);
    char *large = malloc(BACKUP_HOOK_BYTES_MAX + 2);
    assert_non_null(large);
    memset(large, ' ', BACKUP_HOOK_BYTES_MAX + 1);
    large[BACKUP_HOOK_BYTES_MAX + 1] = '\0';
    assert_int_equal(backup_hook_call(target, large, 100, NULL), VARVE_LIMIT);
    free(large);
    test_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_input_and_outcome),
        cmocka_unit_test(test_time_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
