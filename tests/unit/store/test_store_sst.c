/* test_store_sst.c — sorted files: written aside, taken in once and again, over what was there. */
#include "store_fixture.h"

#include "base/fault.h"

typedef struct pair {
    const char *key, *value;
} pair;

static char *path_in(const fixture *f, const char *name)
{
    static char path[PATH_MAX];
    assert_ok(file_join(path, sizeof path, f->root, name, err));
    return path;
}

static void write_file(store *s, store_family family, const char *path, const pair *pairs,
                       size_t count)
{
    store_sst *w = NULL;
    assert_ok(store_sst_new(s, family, path, &w, err));
    for (size_t i = 0; i < count; i++)
        assert_ok(store_sst_put(w, pairs[i].key, strlen(pairs[i].key), pairs[i].value,
                                strlen(pairs[i].value), err));
    assert_ok(store_sst_finish(w, err));
}

static void ingest(store *s, store_family family, const char *path)
{
    assert_ok(store_ingest(s, family, &path, 1, err));
}

static void takes_in_and_keeps(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a.sst");
    store *s = open_small(f->path);
    put(s, STORE_ROWS, "b", "old");   /* in memory: must be flushed under the file */
    put(s, STORE_ROWS, "z", "other"); /* not in the file's range */
    put(s, STORE_FRESH, "b", "fresh");
    write_file(s, STORE_ROWS, path, (pair[]){{"a", "1"}, {"b", "2"}, {"c", ""}}, 3);
    uint64_t before = store_sequence(s);
    ingest(s, STORE_ROWS, path);
    assert_true(store_sequence(s) > before); /* over older keys it takes a number */
    assert_value(s, STORE_ROWS, "a", "1");
    assert_value(s, STORE_ROWS, "b", "2");
    assert_value(s, STORE_ROWS, "c", "");
    assert_value(s, STORE_ROWS, "z", "other");
    assert_value(s, STORE_FRESH, "b", "fresh");
    assert_true(file_exists(path));
    put(s, STORE_ROWS, "b", "newer");
    assert_value(s, STORE_ROWS, "b", "newer");
    store_close(s);
    s = open_small(f->path);
    assert_value(s, STORE_ROWS, "a", "1");
    assert_value(s, STORE_ROWS, "b", "newer");
    assert_ok(store_verify(s, err));
    store_close(s);
}

/* The same file again, also after both the first copy and what came between are in tables. */
static void twice_is_harmless(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a.sst");
    char *before, *after;
    size_t before_len, after_len;
    store *s = open_small(f->path);
    put(s, STORE_ROWS, "b", "old");
    write_file(s, STORE_ROWS, path, (pair[]){{"a", "1"}, {"b", "2"}}, 2);
    assert_ok(file_read(path, 1 << 20, &before, &before_len, err));
    for (int i = 0; i < 4; i++) {
        ingest(s, STORE_ROWS, path);
        assert_value(s, STORE_ROWS, "a", "1");
        assert_value(s, STORE_ROWS, "b", "2");
        if (i == 1) assert_ok(store_flush(s, err));
        if (i == 2) put(s, STORE_ROWS, "b", "between");
    }
    assert_ok(store_verify(s, err));
    store_close(s);
    s = open_small(f->path);
    assert_value(s, STORE_ROWS, "b", "2");
    assert_ok(store_verify(s, err));
    assert_ok(file_read(path, 1 << 20, &after, &after_len, err));
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len); /* our file was not written to */
    free(before);
    free(after);
    store_close(s);
}

static void several_at_once(void **state)
{
    fixture *f = *state;
    char first[PATH_MAX], second[PATH_MAX];
    (void)snprintf(first, sizeof first, "%s", path_in(f, "1.sst"));
    (void)snprintf(second, sizeof second, "%s", path_in(f, "2.sst"));
    store *s = open_small(f->path);
    write_file(s, STORE_DEAD, first, (pair[]){{"a", "1"}, {"m", "1"}}, 2);
    write_file(s, STORE_DEAD, second, (pair[]){{"b", "2"}, {"m", "2"}, {"x", "2"}}, 3);
    const char *paths[] = {first, second};
    assert_ok(store_ingest(s, STORE_DEAD, paths, 2, err));
    assert_value(s, STORE_DEAD, "a", "1");
    assert_value(s, STORE_DEAD, "b", "2");
    assert_value(s, STORE_DEAD, "m", "2"); /* the later one wins */
    assert_value(s, STORE_DEAD, "x", "2");
    assert_ok(store_ingest(s, STORE_DEAD, NULL, 0, err));
    store_close(s);
}

static void order_and_emptiness(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a.sst");
    store *s = open_small(f->path);
    store_sst *w = NULL;
    varve_error why = {0};
    assert_ok(store_sst_new(s, STORE_ROWS, path, &w, err));
    assert_ok(store_sst_put(w, "b", 1, "1", 1, err));
    assert_int_equal(store_sst_put(w, "a", 1, "1", 1, &why), VARVE_INTERNAL);
    assert_int_equal(store_sst_put(w, "b", 1, "1", 1, &why), VARVE_INTERNAL); /* equal */
    store_sst_discard(w);
    assert_false(file_exists(path));
    store_sst_discard(NULL);
    assert_ok(store_sst_new(s, STORE_ROWS, path, &w, err));
    assert_ok(store_sst_finish(w, err)); /* nothing in it */
    assert_false(file_exists(path));
    assert_int_not_equal(store_sst_new(s, STORE_ROWS, "/no/such/folder/a.sst", &w, &why), VARVE_OK);
    assert_int_not_equal(store_ingest(s, STORE_ROWS, &path, 1, &why), VARVE_OK);
    put(s, STORE_ROWS, "a", "1"); /* the store goes on */
    store_close(s);
}

static void damaged_file(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a.sst");
    char *bytes;
    size_t len;
    store *s = open_small(f->path);
    varve_error why = {0};
    write_file(s, STORE_ROWS, path, (pair[]){{"a", "1"}, {"b", "2"}}, 2);
    assert_ok(file_read(path, 1 << 20, &bytes, &len, err));
    assert_ok(file_replace(path, bytes, len - 20, err)); /* without its footer */
    assert_int_equal(store_ingest(s, STORE_ROWS, &path, 1, &why), VARVE_CORRUPT);
    assert_false(store_is_broken(s));
    assert_value(s, STORE_ROWS, "a", NULL);
    put(s, STORE_ROWS, "a", "1");
    free(bytes);
    store_close(s);
}

static void faults_show(void **state)
{
#ifdef VARVE_FAULTS
    fixture *f = *state;
    const char *path = path_in(f, "a.sst");
    store *s = open_small(f->path);
    varve_error why = {0};
    write_file(s, STORE_ROWS, path, (pair[]){{"a", "1"}}, 1);
    fault_arm("store.ingest", 1, VV_FAULT_ENOSPC);
    assert_int_equal(store_ingest(s, STORE_ROWS, &path, 1, &why), VARVE_NO_SPACE);
    assert_false(store_is_broken(s));
    fault_disarm();
    ingest(s, STORE_ROWS, path);
    fault_arm("store.write", 1, VV_FAULT_EIO);
    store_batch *b = store_batch_new();
    store_batch_put(b, s, STORE_ROWS, "a", 1, "2", 1);
    assert_int_equal(store_write(s, b, true, &why), VARVE_IO);
    assert_true(store_is_broken(s));
    fault_disarm();
    store_batch_free(b);
    store_close(s);
    s = open_small(f->path);
    assert_false(store_is_broken(s));
    assert_value(s, STORE_ROWS, "a", "1");
    store_close(s);
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(takes_in_and_keeps),  STORE_TEST(twice_is_harmless), STORE_TEST(several_at_once),
        STORE_TEST(order_and_emptiness), STORE_TEST(damaged_file),      STORE_TEST(faults_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
