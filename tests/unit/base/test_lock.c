/* test_lock.c — one owner at a time, named in the refusal of the second; freed by the kernel. */
#include "unit.h"

#include "base/file.h"
#include "base/lock.h"
#include "test_dir.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static test_dir dir;
static char path[300];

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(path, sizeof path, dir.path, "LOCK", NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_dir_remove(&dir);
    return 0;
}

static void test_take_refuse_drop(void **state)
{
    (void)state;
    lock_file lock = LOCK_FILE_NONE, second = LOCK_FILE_NONE;
    varve_error err = {0};
    char pid[40];
    snprintf(pid, sizeof pid, "is owned by pid %ld on ", (long)getpid());
    assert_ok(lock_take(path, &lock, NULL));
    assert_true(lock.fd >= 0);
    assert_status(lock_take(path, &second, &err), VARVE_LOCKED);
    assert_int_equal(second.fd, -1);
    assert_contains(err.message, path);
    assert_contains(err.message, pid);
    assert_contains(err.message, " since 2");
    lock_drop(&lock);
    lock_drop(&lock);
    assert_int_equal(lock.fd, -1);
    assert_true(file_exists(path));
    assert_ok(lock_take(path, &second, NULL));
    lock_drop(&second);
}

static void test_killed_owner_frees_it(void **state)
{
    (void)state;
    int pipes[2];
    char byte;
    lock_file lock = LOCK_FILE_NONE;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        if (lock_take(path, &lock, NULL) != VARVE_OK || write(pipes[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(2);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_status(lock_take(path, &lock, NULL), VARVE_LOCKED);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_ok(lock_take(path, &lock, NULL));
    lock_drop(&lock);
    close(pipes[0]);
    close(pipes[1]);
}

/* Whatever stands in the file, the message is one printable line. */
static void test_strange_contents(void **state)
{
    (void)state;
    static const char *const contents[] = {"pid \x1b[31m\nhost ", "pid 1", "\xff\xfe", ""};
    for (size_t i = 0; i < VV_COUNT(contents); i++) {
        lock_file lock = LOCK_FILE_NONE, second = LOCK_FILE_NONE;
        varve_error err = {0};
        assert_ok(lock_take(path, &lock, NULL));
        assert_int_equal(ftruncate(lock.fd, 0), 0);
        size_t len = strlen(contents[i]);
        assert_int_equal(pwrite(lock.fd, contents[i], len, 0), len);
        assert_status(lock_take(path, &second, &err), VARVE_LOCKED);
        for (const char *p = err.message; *p; p++)
            assert_in_range(*p, ' ', '~');
        lock_drop(&lock);
    }
}

static void test_refuses_links_and_missing_folders(void **state)
{
    (void)state;
    char link_path[300];
    lock_file lock = LOCK_FILE_NONE;
    assert_ok(file_join(link_path, sizeof link_path, dir.path, "link", NULL));
    assert_int_equal(symlink(path, link_path), 0);
    assert_status(lock_take(link_path, &lock, NULL), VARVE_IO);
    assert_false(file_exists(path));
    assert_status(lock_take("/nowhere/LOCK", &lock, NULL), VARVE_IO);
    assert_int_equal(lock.fd, -1);
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(test_take_refuse_drop),
        with_dir(test_killed_owner_frees_it),
        with_dir(test_strange_contents),
        with_dir(test_refuses_links_and_missing_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
