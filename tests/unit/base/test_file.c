/* test_file.c — writer, mapping and small files on a real file system. */
#include "unit.h"

#include "base/file.h"
#include "base/random.h"
#include "test_dir.h"

#include <sys/stat.h>
#include <unistd.h>

static test_dir dir;
static char path[300], temporary[300];

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(path, sizeof path, dir.path, "file", NULL));
    assert_ok(file_join(temporary, sizeof temporary, dir.path, "file.new", NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_dir_remove(&dir);
    return 0;
}

static void assert_contents(const char *expected, size_t len)
{
    char *bytes = NULL;
    size_t got = 0;
    assert_ok(file_read(path, len, &bytes, &got, NULL));
    assert_int_equal(got, len);
    assert_memory_equal(bytes, expected, len);
    assert_int_equal(bytes[len], '\0');
    free(bytes);
}

/* Pieces of every size around the buffer's, against the same bytes in memory. */
static void test_write_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {1,       0, 1000, 1 << 20, (1 << 20) - 1, 3, (1 << 20) + 1,
                                    5000000, 7};
    size_t size = 0, at = 0;
    for (size_t i = 0; i < VV_COUNT(pieces); i++)
        size += pieces[i];
    char *bytes = malloc(size);
    random_state r;
    random_seed(&r, 3);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)random_u64(&r);
    file_writer *w = NULL;
    assert_ok(file_create(temporary, &w, NULL));
    for (size_t i = 0; i < VV_COUNT(pieces); at += pieces[i++]) {
        assert_int_equal(file_written(w), at);
        assert_ok(file_write(w, bytes + at, pieces[i], NULL));
    }
    memcpy(bytes + 999, "late", 4);
    assert_ok(file_write_at(w, 999, "late", 4, NULL));
    memcpy(bytes + size - 2, "!!", 2);
    assert_ok(file_write_at(w, size - 2, "!!", 2, NULL));
    assert_false(file_exists(path));
    assert_ok(file_publish(w, path, NULL));
    assert_false(file_exists(temporary));
    assert_contents(bytes, size);
    free(bytes);
}

static void test_discard(void **state)
{
    (void)state;
    VV_CLEANUP(file_discardp) file_writer *w = NULL;
    assert_ok(file_replace(path, "old", 3, NULL));
    assert_ok(file_create(temporary, &w, NULL));
    assert_ok(file_write(w, "new", 3, NULL));
    assert_ok(file_sync(w, NULL));
    file_discard(w);
    w = NULL;
    assert_false(file_exists(temporary));
    assert_contents("old", 3);
    file_discard(NULL);
}

static void test_scratch(void **state)
{
    (void)state;
    file_writer *w = NULL;
    assert_ok(file_create(path, &w, NULL));
    assert_ok(file_write(w, "scratch", 7, NULL));
    assert_ok(file_close_scratch(w, NULL));
    assert_contents("scratch", 7);
}

/* A leftover of the temporary name is not written into: a snapshot may hold a link to it. */
static void test_leftover_is_replaced(void **state)
{
    (void)state;
    char other[300];
    file_writer *w = NULL;
    assert_ok(file_join(other, sizeof other, dir.path, "snapshot", NULL));
    assert_ok(file_replace(temporary, "leftover", 8, NULL));
    assert_int_equal(link(temporary, other), 0);
    assert_ok(file_create(temporary, &w, NULL));
    assert_ok(file_write(w, "fresh", 5, NULL));
    assert_ok(file_publish(w, path, NULL));
    assert_contents("fresh", 5);
    strcpy(path, other);
    assert_contents("leftover", 8);
}

static void test_permissions(void **state)
{
    (void)state;
    struct stat st;
    assert_ok(file_replace(path, "x", 1, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_links_are_not_followed(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t len;
    file_map map = {0};
    file_writer *w = NULL;
    assert_ok(file_replace(path, "target", 6, NULL));
    assert_int_equal(symlink(path, temporary), 0);
    assert_status(file_read(temporary, 100, &bytes, &len, NULL), VARVE_IO);
    assert_status(file_map_open(temporary, &map, NULL), VARVE_IO);
    assert_ok(file_create(temporary, &w, NULL)); /* takes the link's place */
    assert_ok(file_write(w, "new", 3, NULL));
    assert_ok(file_close_scratch(w, NULL));
    assert_contents("target", 6);
}

static void test_map(void **state)
{
    (void)state;
    file_map map = {0};
    assert_ok(file_replace(path, "mapped", 6, NULL));
    assert_ok(file_map_open(path, &map, NULL));
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "mapped", 6);
    assert_ok(file_replace(path, "", 0, NULL));
    assert_memory_equal(map.data, "mapped", 6); /* the old file stays while it is mapped */
    file_unmap(&map);
    file_unmap(&map);
    assert_ok(file_map_open(path, &map, NULL));
    assert_null(map.data);
    assert_int_equal(map.size, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t len = 77;
    file_map map = {0};
    varve_error err = {0};
    file_writer *w = NULL;
    assert_status(file_read(path, 100, &bytes, &len, &err), VARVE_NOT_FOUND);
    assert_contains(err.message, path);
    assert_status(file_map_open(path, &map, &err), VARVE_NOT_FOUND);
    assert_status(file_read(dir.path, 100, &bytes, &len, &err), VARVE_IO);
    assert_status(file_map_open(dir.path, &map, &err), VARVE_IO);
    assert_status(file_create("/proc/none/such", &w, &err), VARVE_IO);
    assert_ok(file_replace(path, "12345", 5, NULL));
    assert_status(file_read(path, 4, &bytes, &len, &err), VARVE_LIMIT);
    assert_null(bytes);
    assert_int_equal(len, 77);
    assert_null(map.data);
}

static void test_free_space(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    varve_error err = {0};
    assert_ok(file_free_space(dir.path, &bytes, NULL));
    assert_true(bytes > 0);
    assert_status(file_free_space("/nowhere/at/all", &bytes, &err), VARVE_IO);
    assert_contains(err.message, "/nowhere/at/all");
}

#define with_dir(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_dir(test_write_pieces), with_dir(test_discard),
        with_dir(test_scratch),      with_dir(test_leftover_is_replaced),
        with_dir(test_permissions),  with_dir(test_links_are_not_followed),
        with_dir(test_map),          with_dir(test_refusals),
        with_dir(test_free_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
