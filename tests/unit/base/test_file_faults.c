/* test_file_faults.c — every system call of each path fails once, in every way; what must hold then
 * is checked each time. Empty without fault points. */
#include "unit.h"

#include "base/fault.h"
#include "base/file.h"
#include "test_dir.h"

#include <sys/wait.h>
#include <unistd.h>

#ifdef VARVE_FAULTS

#define LONG_BYTES 3000000

static test_dir dir;
static char path[300], temporary[300], tree[300], copy[300];

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(path, sizeof path, dir.path, "file", NULL));
    assert_ok(file_join(temporary, sizeof temporary, dir.path, "file.tmp", NULL));
    assert_ok(file_join(tree, sizeof tree, dir.path, "tree", NULL));
    assert_ok(file_join(copy, sizeof copy, dir.path, "copy", NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_disarm();
    test_dir_remove(&dir);
    return 0;
}

static void expect(varve_status status, fault_kind kind)
{
    assert_int_equal(status, kind == VV_FAULT_EIO ? VARVE_IO : VARVE_NO_SPACE);
}

/* The file is whole: "old", or new and LONG_BYTES long. Returns whether it is new. */
static bool target_is_new(void)
{
    char *bytes = NULL;
    size_t len = 0;
    assert_ok(file_read(path, LONG_BYTES, &bytes, &len, NULL));
    bool is_new = len == LONG_BYTES;
    for (size_t i = 0; is_new && i < len; i++)
        assert_int_equal(bytes[i], 'n');
    if (!is_new) assert_string_equal(bytes, "old");
    free(bytes);
    return is_new;
}

static varve_status write_new(varve_error *err)
{
    static char bytes[LONG_BYTES / 10];
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    memset(bytes, 'n', sizeof bytes);
    VV_TRY(file_create(temporary, &w, err));
    for (int i = 0; i < 10; i++)
        VV_TRY(file_write(w, bytes, sizeof bytes, err));
    VV_TRY(file_write_at(w, 5, "nnn", 3, err));
    file_writer *publishing = w;
    w = NULL;
    return file_publish(publishing, path, err);
}

static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC, VV_FAULT_SHORT};

static void test_publish(void **state)
{
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        uint64_t nth = 0;
        for (bool hit = true; hit;) {
            varve_error err = {0};
            assert_ok(file_replace(path, "old", 3, NULL));
            fault_arm(NULL, ++nth, kinds[k]);
            varve_status status = write_new(&err);
            hit = fault_was_hit();
            fault_disarm();
            if (hit) expect(status, kinds[k]);
            if (hit) assert_contains(err.message, dir.path);
            assert_false(file_exists(temporary));
            /* Only the directory's sync comes after the rename. */
            bool renamed = status == VARVE_OK || strstr(err.message, "sync directory");
            assert_int_equal(target_is_new(), renamed);
        }
        assert_true(nth > 8);
    }
}

static varve_status replace_and_read(char **ret, varve_error *err)
{
    size_t len;
    VV_TRY(file_replace(path, "new", 3, err));
    return file_read(path, 3, ret, &len, err);
}

static void test_replace_and_read(void **state)
{
    (void)state;
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        uint64_t nth = 0;
        for (bool hit = true; hit;) {
            VV_CLEANUP(vv_freep) char *bytes = NULL;
            fault_arm(NULL, ++nth, kinds[k]);
            varve_status status = replace_and_read(&bytes, NULL);
            hit = fault_was_hit();
            fault_disarm();
            if (hit)
                expect(status, kinds[k]);
            else
                assert_string_equal(bytes, "new");
            assert_int_equal(bytes != NULL, !hit);
            assert_false(file_exists(temporary));
        }
        assert_int_equal(nth, 8); /* open, write, sync, rename, sync_dir; open, read; none */
    }
}

static varve_status work_on_tree(varve_error *err)
{
    static const char *const copied[] = {".log", NULL};
    file_map map = {0};
    char log[400];
    VV_TRY(file_link_tree(tree, copy, copied, err));
    VV_TRY(file_join(log, sizeof log, copy, "1.log", err));
    VV_TRY(file_map_open(log, &map, err));
    file_unmap(&map);
    return file_remove_tree(copy, err);
}

static void test_tree(void **state)
{
    (void)state;
    char name[400];
    assert_ok(file_join(name, sizeof name, tree, "sub", NULL));
    assert_ok(file_make_dir(name, NULL));
    assert_ok(file_join(name, sizeof name, tree, "1.log", NULL));
    assert_ok(file_replace(name, "log", 3, NULL));
    assert_ok(file_join(name, sizeof name, tree, "1.seg", NULL));
    assert_ok(file_replace(name, "seg", 3, NULL));
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        uint64_t nth = 0;
        for (bool hit = true; hit;) {
            varve_error err = {0};
            fault_arm(NULL, ++nth, kinds[k]);
            varve_status status = work_on_tree(&err);
            hit = fault_was_hit();
            fault_disarm();
            if (hit) expect(status, kinds[k]);
            if (!hit) assert_false(file_exists(copy));
            assert_ok(file_remove_tree(copy, NULL));
            assert_true(file_exists(name));
        }
        assert_true(nth > 12);
    }
}

static void test_names_and_counts(void **state)
{
    (void)state;
    fault_arm("file.rename", 2, VV_FAULT_EIO);
    assert_ok(file_replace(path, "1", 1, NULL));
    assert_false(fault_was_hit());
    assert_status(file_replace(path, "2", 1, NULL), VARVE_IO);
    assert_true(fault_was_hit());
    assert_int_equal(fault_points_reached(), 2);
    assert_ok(file_replace(path, "3", 1, NULL)); /* hits once */
    assert_int_equal(fault_points_reached(), 3);
    fault_disarm();
    assert_ok(file_replace(path, "4", 1, NULL));
    assert_int_equal(fault_points_reached(), 3);
}

static void test_crash_ends_the_process(void **state)
{
    (void)state;
    int status = 0;
    assert_ok(file_replace(path, "old", 3, NULL));
    pid_t child = fork();
    if (child == 0) {
        fault_arm("file.rename", 1, VV_FAULT_CRASH);
        _exit(write_new(NULL) == VARVE_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 77);
    assert_true(file_exists(temporary));
    assert_false(target_is_new());
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(test_publish),          with_dir(test_replace_and_read),       with_dir(test_tree),
        with_dir(test_names_and_counts), with_dir(test_crash_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) { return 0; }

#endif
