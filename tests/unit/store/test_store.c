/* test_store.c — the store in good health: batches, reads, walks, readers, second owners. */
#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void opens_and_keeps(void **state)
{
    fixture *f = *state;
    store *s = open_small(f->path);
    assert_int_equal(store_sequence(s), 0);
    put(s, STORE_ROWS, "a", "1");
    put(s, STORE_META, "a", "2");
    assert_int_equal(store_sequence(s), 2);
    assert_false(store_is_broken(s));
    store_close(s);
    s = open_small(f->path);
    assert_int_equal(store_sequence(s), 2);
    assert_value(s, STORE_ROWS, "a", "1");
    assert_value(s, STORE_META, "a", "2");
    assert_value(s, STORE_DEAD, "a", NULL);
    store_close(s);
    store_close(NULL);
}

static void batch_is_one(void **state)
{
    fixture *f = *state;
    store *s = open_small(f->path);
    store_batch *b = store_batch_new();
    put(s, STORE_FRESH, "k1", "x");
    put(s, STORE_FRESH, "k2", "x");
    put(s, STORE_FRESH, "k3", "x");
    put(s, STORE_ROWS, "gone", "x");
    const void *parts[] = {"ab", "", "cde"};
    size_t lens[] = {2, 0, 3};
    size_t empty = store_batch_bytes(b);
    store_batch_put_parts(b, s, STORE_ROWS, "parts", 5, parts, lens, 3);
    store_batch_put(b, s, STORE_ROWS, "void", 4, "", 0);
    store_batch_delete(b, s, STORE_ROWS, "gone", 4);
    store_batch_delete_range(b, s, STORE_FRESH, "k1", 2, "k3", 2);
    store_batch_log_data(b, "now", 3);
    assert_true(store_batch_bytes(b) > empty + 20);
    uint64_t before = store_sequence(s);
    assert_ok(store_write(s, b, false, err));
    assert_int_equal(store_sequence(s), before + 4);
    assert_ok(store_sync_log(s, err));
    assert_value(s, STORE_ROWS, "parts", "abcde");
    assert_value(s, STORE_ROWS, "void", "");
    assert_value(s, STORE_ROWS, "gone", NULL);
    assert_value(s, STORE_FRESH, "k1", NULL);
    assert_value(s, STORE_FRESH, "k2", NULL);
    assert_value(s, STORE_FRESH, "k3", "x");
    store_batch_clear(b);
    assert_int_equal(store_batch_bytes(b), empty);
    store_batch_free(b);
    store_batch_free(NULL);
    store_close(s);
}

static void gets_many(void **state)
{
    enum { N = 500 };
    fixture *f = *state;
    store *s = open_small(f->path);
    char names[N][12];
    const void *keys[N];
    size_t lens[N];
    store_value values[N];
    store_batch *b = store_batch_new();
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "key%zu", i * 7919 % N); /* every one, unsorted */
        keys[i] = names[i];
        lens[i] = strlen(names[i]);
        if (i % 3) store_batch_put(b, s, STORE_ROWS, keys[i], lens[i], keys[i], lens[i]);
    }
    assert_ok(store_write(s, b, true, err));
    store_batch_free(b);
    memcpy(names[1], names[2], sizeof names[1]); /* a key asked for twice */
    lens[1] = lens[2];
    for (int flushed = 0; flushed < 2; flushed++) {
        assert_ok(store_get_many(s, STORE_ROWS, N, keys, lens, values, err));
        for (size_t i = 0; i < N; i++) {
            if (i % 3) {
                assert_int_equal(values[i].len, lens[i]);
                assert_memory_equal(values[i].data, keys[i], lens[i]);
            } else {
                assert_null(values[i].data);
            }
            store_value_done(&values[i]);
        }
        assert_ok(store_flush(s, err));
    }
    assert_ok(store_get_many(s, STORE_ROWS, 0, NULL, NULL, NULL, err));
    const void *sorted[] = {"a", "ab", "ab", "b"};
    size_t sorted_lens[] = {1, 2, 2, 1};
    assert_ok(store_get_many(s, STORE_ROWS, 4, sorted, sorted_lens, values, err));
    for (size_t i = 0; i < 4; i++)
        assert_null(values[i].data);
    store_close(s);
}

static void walk(store_iter *i, bool forward, const char *expected)
{
    char seen[64] = "";
    varve_text key, value;
    while (store_iter_at(i, &key, &value)) {
        assert_int_equal(value.len, 1);
        strncat(seen, key.data, key.len);
        if (forward)
            store_iter_next(i);
        else
            store_iter_prev(i);
    }
    assert_string_equal(seen, expected);
    assert_ok(store_iter_check(i, err));
}

static void walks_ranges(void **state)
{
    fixture *f = *state;
    store *s = open_small(f->path);
    store_iter *i = NULL;
    for (char c = 'a'; c <= 'h'; c++)
        put(s, STORE_CATALOG, (char[]){c, 0}, "v");
    put(s, STORE_META, "e", "other family");
    assert_ok(store_iter_new(s, STORE_CATALOG, NULL, 0, NULL, 0, &i, err));
    put(s, STORE_CATALOG, "z", "v"); /* after the iterator was made: not seen */
    walk(i, true, "abcdefgh");
    store_iter_next(i); /* past the end: stays there */
    store_iter_prev(i);
    assert_false(store_iter_at(i, NULL, NULL));
    store_iter_seek_last(i);
    walk(i, false, "hgfedcba");
    store_iter_seek(i, "dd", 2);
    walk(i, true, "efgh");
    store_iter_free(i);
    char from[] = "c", to[] = "f";
    assert_ok(store_iter_new(s, STORE_CATALOG, from, 1, to, 1, &i, err));
    from[0] = to[0] = 'x'; /* bounds were copied */
    walk(i, true, "cde");
    store_iter_seek(i, "a", 1);
    walk(i, true, "cde");
    store_iter_seek(i, "f", 1);
    walk(i, true, "");
    store_iter_seek_last(i);
    walk(i, false, "edc");
    store_iter_freep(&i);
    store_close(s);
}

static void reader_beside_owner(void **state)
{
    fixture *f = *state;
    store_options reading = small_options();
    reading.read_only = true;
    store *owner = open_small(f->path), *reader, *newer;
    put(owner, STORE_ROWS, "a", "1");
    reader = open_with(f->path, &reading);
    put(owner, STORE_ROWS, "a", "2");
    assert_ok(store_flush(owner, err));
    put(owner, STORE_ROWS, "a", "3");
    assert_ok(store_flush(owner, err));
    assert_value(reader, STORE_ROWS, "a", "1");
    newer = open_with(f->path, &reading);
    assert_value(newer, STORE_ROWS, "a", "3");
    varve_error why = {0};
    store_batch *b = store_batch_new();
    store_batch_put(b, newer, STORE_ROWS, "a", 1, "4", 1);
    assert_int_equal(store_write(newer, b, true, &why), VARVE_READ_ONLY);
    assert_int_equal(store_sync_log(newer, &why), VARVE_READ_ONLY);
    assert_int_equal(store_flush(newer, &why), VARVE_READ_ONLY);
    assert_false(store_is_broken(newer));
    store_batch_free(b);
    store_close(reader);
    store_close(newer);
    put(owner, STORE_ROWS, "a", "5");
    store_close(owner);
    reader = open_with(f->path, &reading);
    assert_value(reader, STORE_ROWS, "a", "5");
    store_close(reader);
}

static void reader_of_nothing(void **state)
{
    fixture *f = *state;
    store_options reading = small_options();
    reading.read_only = true;
    store *s = NULL;
    varve_error why = {0};
    assert_int_equal(store_open(f->path, &reading, &s, NULL, &why), VARVE_NOT_FOUND);
    assert_ok(file_make_dir(f->path, err));
    assert_int_equal(store_open(f->path, &reading, &s, NULL, &why), VARVE_NOT_FOUND);
    reading.floor = 7;
    assert_int_equal(store_open(f->path, &reading, &s, NULL, &why), VARVE_CORRUPT);
    assert_null(s);
}

static void second_owner(void **state)
{
    fixture *f = *state;
    store_options options = small_options();
    store *owner = open_small(f->path), *second = NULL;
    varve_error why = {0};
    assert_int_equal(store_open(f->path, &options, &second, NULL, &why), VARVE_LOCKED);
    pid_t child = fork(); /* RocksDB's locks differ within and between processes */
    assert_true(child >= 0);
    if (child == 0) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s", f->path);
        (void)execl("/proc/self/exe", "test_store", "open", path, (char *)NULL);
        _exit(99);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), VARVE_LOCKED);
    put(owner, STORE_ROWS, "a", "1");
    store_close(owner);
}

static void open_fails_cleanly(void **state)
{
    fixture *f = *state;
    store_options options = small_options();
    store *s = NULL;
    varve_error why = {0};
    char deep[PATH_MAX];
    assert_ok(file_join(deep, sizeof deep, f->root, "no/such/parent", err));
    varve_status status = store_open(deep, &options, &s, NULL, &why);
    if (status == VARVE_OK) store_close(s); /* RocksDB may make parents too */
    assert_ok(file_replace(f->path, "x", 1, err));
    assert_int_not_equal(store_open(f->path, &options, &s, NULL, &why), VARVE_OK);
    assert_true(strlen(why.message) > 0);
}

static void checkpoint_opens(void **state)
{
    fixture *f = *state;
    store *s = open_small(f->path), *copy;
    char path[PATH_MAX];
    varve_error why = {0};
    assert_ok(file_join(path, sizeof path, f->root, "copy", err));
    put(s, STORE_ROWS, "a", "1");
    assert_ok(store_flush(s, err));
    put(s, STORE_FRESH, "b", "2");
    uint64_t sequence = store_sequence(s);
    assert_ok(store_checkpoint(s, path, err));
    assert_int_equal(store_checkpoint(s, path, &why), VARVE_EXISTS);
    assert_false(store_is_broken(s));
    put(s, STORE_ROWS, "a", "3");
    copy = open_small(path);
    assert_int_equal(store_sequence(copy), sequence);
    assert_value(copy, STORE_ROWS, "a", "1");
    assert_value(copy, STORE_FRESH, "b", "2");
    put(copy, STORE_ROWS, "a", "4");
    assert_value(s, STORE_ROWS, "a", "3");
    store_close(copy);
    store_close(s);
}

static void tells_of_itself(void **state)
{
    fixture *f = *state;
    store *s = open_small(f->path);
    assert_int_equal(store_property(s, "rocksdb.no-such-property"), 0);
    assert_int_equal(store_property(s, "rocksdb.num-entries-active-mem-table"), 0);
    put(s, STORE_ROWS, "a", "1");
    put(s, STORE_DEAD, "a", "1");
    assert_int_equal(store_property(s, "rocksdb.num-entries-active-mem-table"), 2);
    uint64_t log = store_log_bytes(s);
    assert_true(log > 0 && log < 10000);
    assert_true(store_memory_bytes(s) > 0);
    assert_ok(store_flush(s, err));
    assert_int_equal(store_log_bytes(s), 0);
    assert_int_equal(store_property(s, "rocksdb.num-entries-active-mem-table"), 0);
    assert_ok(store_verify(s, err));
    store_close(s);
}

/* RocksDB's call says nothing of a file that it could not write. */
static void erase_tells_when_it_fails(void **state)
{
    const fixture *f = *state;
    struct rlimit before, tight;
    char key[16], value[256];
    store *s = open_small(f->path);
    varve_error why;
    uint32_t x = 1;
    for (unsigned i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof value; k++) { /* nothing that could be compressed */
            x = x * 1664525 + 1013904223;
            value[k] = (char)(x >> 24);
        }
        (void)snprintf(key, sizeof key, "%08u", i);
        store_batch *b = store_batch_new();
        store_batch_put(b, s, STORE_ROWS, key, 8, value, sizeof value);
        assert_ok(store_write(s, b, false, err));
        store_batch_free(b);
    }
    assert_ok(store_flush(s, err));
    assert_ok(store_erase(s, STORE_ROWS, "0", 1, "1", 1, err));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 16384;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    varve_status status = store_erase(s, STORE_ROWS, "0", 1, "1", 1, &why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(status, VARVE_IO);
    store_close(s);
}

int main(int argc, char **argv)
{
    if (argc == 3) { /* the other process of second_owner */
        store_options options = small_options();
        store *s = NULL;
        return (int)store_open(argv[2], &options, &s, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        STORE_TEST(opens_and_keeps),
        STORE_TEST(batch_is_one),
        STORE_TEST(gets_many),
        STORE_TEST(walks_ranges),
        STORE_TEST(reader_beside_owner),
        STORE_TEST(reader_of_nothing),
        STORE_TEST(second_owner),
        STORE_TEST(open_fails_cleanly),
        STORE_TEST(checkpoint_opens),
        STORE_TEST(tells_of_itself),
        STORE_TEST(erase_tells_when_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
