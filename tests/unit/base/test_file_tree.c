/* test_file_tree.c — directories: made, listed, linked, removed; and never left through a link. */
#include "unit.h"

#include "base/file.h"
#include "test_dir.h"

#include <sys/stat.h>
#include <unistd.h>

static test_dir dir;

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_dir_remove(&dir);
    return 0;
}

/* The path of `name` in the test's folder; good until the fourth call after. */
static const char *in(const char *name)
{
    static char paths[4][400];
    static size_t next;
    char *path = paths[next++ % 4];
    assert_ok(file_join(path, sizeof paths[0], dir.path, name, NULL));
    return path;
}

static void put(const char *name, const char *text)
{
    assert_ok(file_replace(in(name), text, strlen(text), NULL));
}

static ino_t inode(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void test_make_dir(void **state)
{
    (void)state;
    struct stat st;
    varve_error err = {0};
    assert_ok(file_make_dir(in("a/b/c"), NULL));
    assert_ok(file_make_dir(in("a/b/c"), NULL));
    assert_ok(file_make_dir(in("a/b/d/"), NULL));
    assert_int_equal(stat(in("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_ok(file_sync_dir(in("a/b"), NULL));
    put("plain", "x");
    assert_status(file_make_dir(in("plain/c"), &err), VARVE_IO);
    assert_status(file_make_dir("", &err), VARVE_LIMIT);
    assert_status(file_sync_dir(in("none"), &err), VARVE_IO);
}

static void test_list(void **state)
{
    (void)state;
    file_names n = {0};
    varve_error err = {0};
    assert_ok(file_list(dir.path, &n, NULL));
    assert_int_equal(n.count, 0);
    file_names_free(&n);
    for (int i = 99; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "n%02d", i);
        put(name, "");
    }
    assert_ok(file_list(dir.path, &n, NULL));
    assert_int_equal(n.count, 100);
    assert_string_equal(n.names[0], "n00");
    assert_string_equal(n.names[99], "n99");
    file_names_free(&n);
    file_names_free(&n);
    assert_status(file_list(in("none"), &n, &err), VARVE_NOT_FOUND);
}

static void test_unlink(void **state)
{
    (void)state;
    put("x", "1");
    assert_true(file_exists(in("x")));
    assert_ok(file_unlink(in("x"), NULL));
    assert_ok(file_unlink(in("x"), NULL));
    assert_false(file_exists(in("x")));
    assert_status(file_unlink(dir.path, NULL), VARVE_IO);
}

static void test_remove_tree_stays_inside(void **state)
{
    (void)state;
    assert_ok(file_make_dir(in("keep"), NULL));
    put("keep/safe", "1");
    assert_ok(file_make_dir(in("tree/deep/deeper"), NULL));
    put("tree/f", "1");
    put("tree/deep/g", "2");
    assert_int_equal(symlink(in("keep"), in("tree/deep/link")), 0);
    assert_int_equal(symlink(in("keep/safe"), in("tree/link")), 0);
    assert_ok(file_remove_tree(in("tree"), NULL));
    assert_false(file_exists(in("tree")));
    assert_true(file_exists(in("keep/safe")));
    assert_ok(file_remove_tree(in("tree"), NULL));
    assert_int_equal(symlink(in("keep"), in("alias")), 0);
    assert_ok(file_remove_tree(in("alias"), NULL)); /* the link, not what it points to */
    assert_false(file_exists(in("alias")));
    assert_true(file_exists(in("keep/safe")));
    assert_ok(file_remove_tree(in("keep/safe"), NULL));
    assert_false(file_exists(in("keep/safe")));
}

static void test_link_tree(void **state)
{
    (void)state;
    static const char *const copied[] = {".log", "CURRENT", NULL};
    char *bytes = NULL;
    size_t len;
    assert_ok(file_make_dir(in("from/sub"), NULL));
    put("from/1.seg", "segment");
    put("from/1.log", "log");
    put("from/CURRENT", "current");
    put("from/sub/2.seg", "inner");
    assert_ok(file_link_tree(in("from"), in("to"), copied, NULL));
    assert_int_equal(inode(in("from/1.seg")), inode(in("to/1.seg")));
    assert_int_equal(inode(in("from/sub/2.seg")), inode(in("to/sub/2.seg")));
    assert_int_not_equal(inode(in("from/1.log")), inode(in("to/1.log")));
    assert_int_not_equal(inode(in("from/CURRENT")), inode(in("to/CURRENT")));
    assert_ok(file_read(in("to/1.log"), 10, &bytes, &len, NULL));
    assert_string_equal(bytes, "log");
    free(bytes);
    assert_status(file_link_tree(in("from"), in("to"), NULL, NULL), VARVE_EXISTS);
    assert_status(file_link_tree(in("none"), in("to2"), NULL, NULL), VARVE_NOT_FOUND);
    assert_int_equal(symlink("/etc/passwd", in("from/sub/zlink")), 0);
    assert_status(file_link_tree(in("from"), in("to2"), NULL, NULL), VARVE_UNSUPPORTED);
    assert_false(file_exists(in("to2"))); /* undone */
}

static void test_join(void **state)
{
    (void)state;
    static const struct {
        const char *directory, *name, *expected;
    } rows[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    char path[8];
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        assert_ok(file_join(path, sizeof path, rows[i].directory, rows[i].name, NULL));
        assert_string_equal(path, rows[i].expected);
    }
    assert_ok(file_join(path, sizeof path, "abc", "def", NULL));
    strcpy(path, "kept");
    assert_status(file_join(path, sizeof path, "abc", "defg", NULL), VARVE_LIMIT);
    assert_string_equal(path, "kept");
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(test_make_dir),  with_dir(test_list),
        with_dir(test_unlink),    with_dir(test_remove_tree_stays_inside),
        with_dir(test_link_tree), cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
