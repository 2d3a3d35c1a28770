/* test_store_damage.c — what an open does with every kind of damage: it says so, or it repairs
 * without losing what was acknowledged; it never ends the process and never serves less in silence.
 */
#include "store_child.h"

#include <sys/stat.h>

enum { ROWS = 100, ROW_SEQUENCES = 2, ALL = ROWS * ROW_SEQUENCES };

/* ---- the folder */

static void crashed_folder(const fixture *f)
{
    assert_int_equal(child_run("write", f->path, 0, ROWS, 0), 0);
}

static char *name_of(const fixture *f, const char *part, bool last)
{
    static char found[PATH_MAX];
    file_names names = {0};
    bool any = false;
    assert_ok(file_list(f->path, &names, err));
    for (size_t i = 0; i < names.count; i++) {
        if (!strstr(names.names[i], part) || (any && !last)) continue;
        assert_ok(file_join(found, sizeof found, f->path, names.names[i], err));
        any = true;
    }
    file_names_free(&names);
    assert_true(any);
    return found;
}

static char *log_of(const fixture *f) { return name_of(f, ".log", true); }

static size_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static void cut_off(const char *path, size_t bytes)
{
    assert_int_equal(truncate(path, (off_t)(size_of(path) - bytes)), 0);
}

/* Bits of the byte at `at` are flipped; no other byte changes. */
static void flip(const char *path, size_t at, int bits)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    int byte = getc(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_not_equal(putc(byte ^ bits, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void zero(const char *path, size_t at, size_t bytes)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    while (bytes--)
        assert_int_not_equal(putc(0, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static bool sibling(const fixture *f, const char *suffix)
{
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s%s", f->path, suffix);
    return file_exists(path);
}

/* ---- opens */

static void refused(const fixture *f, uint64_t floor, const char *part)
{
    store_options options = small_options();
    store *s = NULL;
    varve_error why = {0};
    options.floor = floor;
    varve_status status = store_open(f->path, &options, &s, NULL, &why);
    if (status != VARVE_CORRUPT || !strstr(why.message, part))
        fail_msg("%s: \"%s\" lacks \"%s\"", varve_status_name(status), why.message, part);
    assert_null(s);
    assert_false(sibling(f, ".repair"));
    assert_false(sibling(f, ".damaged"));
    options.read_only = true;
    assert_int_equal(store_open(f->path, &options, &s, NULL, &why), VARVE_CORRUPT);
}

/* What may be cut is not read, and stays where it is. */
static void readable(const fixture *f, uint64_t floor, unsigned rows)
{
    store_options options = small_options();
    store *s = NULL;
    char *log = strdup(log_of(f)), *before, *after;
    size_t before_len, after_len;
    options.floor = floor;
    options.read_only = true;
    assert_ok(file_read(log, 1 << 20, &before, &before_len, err));
    assert_ok(store_open(f->path, &options, &s, NULL, err));
    assert_int_equal(child_rows(s), rows);
    assert_ok(store_verify(s, err));
    store_close(s);
    assert_ok(file_read(log, 1 << 20, &after, &after_len, err));
    assert_int_equal(after_len, before_len);
    assert_memory_equal(after, before, after_len);
    assert_false(sibling(f, ".repair"));
    assert_false(sibling(f, ".damaged"));
    free(before);
    free(after);
    free(log);
}

/* Opens and has this many rows, all from the first; then 10 more are written, and outlive a crash.
 */
static void opens(const fixture *f, uint64_t floor, bool accept_loss, bool repaired, unsigned rows)
{
    store_options options = small_options();
    store_opened opened = {0};
    store *s = NULL;
    options.floor = floor;
    options.accept_loss = accept_loss;
    assert_ok(store_open(f->path, &options, &s, &opened, err));
    assert_int_equal(opened.repaired, repaired);
    assert_int_equal(sibling(f, ".damaged"), repaired);
    assert_false(sibling(f, ".repair"));
    assert_int_equal(child_rows(s), rows);
    assert_ok(store_verify(s, err));
    store_close(s);
    assert_int_equal(child_run("write", f->path, rows, rows + 10, 0), 0);
    options.floor = opened.sequence + 10 * ROW_SEQUENCES;
    options.accept_loss = false;
    assert_ok(store_open(f->path, &options, &s, &opened, err));
    assert_false(opened.repaired);
    assert_int_equal(child_rows(s), rows + 10);
    store_close(s);
}

static void whole(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    opens(f, ALL, false, false, ROWS);
}

static void torn_tail(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    cut_off(log_of(f), 37);
    char *before, *after, *log = strdup(log_of(f));
    size_t before_len, after_len;
    assert_ok(file_read(log, 1 << 20, &before, &before_len, err));
    refused(f, ALL, "ends at sequence 198 but writes up to 200 were acknowledged");
    assert_ok(file_read(log, 1 << 20, &after, &after_len, err));
    assert_int_equal(after_len, before_len); /* the refusal left the log alone */
    assert_memory_equal(after, before, after_len);
    free(before);
    free(after);
    free(log);
    opens(f, ALL - ROW_SEQUENCES, false, false, ROWS - 1);
}

static void torn_tail_accepted(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    cut_off(log_of(f), 37);
    opens(f, ALL, true, false, ROWS - 1);
}

static void zero_tail(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    size_t size = size_of(log_of(f));
    assert_int_equal(truncate(log_of(f), (off_t)(size + 50000)), 0);
    opens(f, ALL, false, false, ROWS);
}

/* After a loss of power: the size of the log was on the disk, the last record only in part. */
static void zeros_in_last_record(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    zero(log_of(f), size_of(log_of(f)) - 20, 20);
    refused(f, ALL, "ends at sequence 198 but writes up to 200 were acknowledged");
    readable(f, ALL - ROW_SEQUENCES, ROWS - 1);
    opens(f, ALL - ROW_SEQUENCES, false, true, ROWS - 1);
}

static void flipped_byte(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    flip(log_of(f), size_of(log_of(f)) / 2, 0x20);
    refused(f, ALL, "restore a backup, or give up the difference with: varve fsck --accept-loss /");
    refused(f, ALL / 2 + 2 * ROW_SEQUENCES, "were acknowledged");
    readable(f, ALL / 2 - 2 * ROW_SEQUENCES, ROWS / 2);
    opens(f, ALL / 2 - 2 * ROW_SEQUENCES, false, true, ROWS / 2);
}

static void flipped_byte_accepted(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    flip(log_of(f), size_of(log_of(f)) / 2, 0x20);
    opens(f, ALL, true, true, ROWS / 2);
}

static void lost_log(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    assert_ok(file_unlink(log_of(f), err));
    refused(f, ALL, "ends at sequence 0 but writes up to 200");
    refused(f, 1, "ends at sequence 0 but writes up to 1 ");
    opens(f, ALL, true, false, 0);
}

static void lost_folder(void **state)
{
    fixture *f = *state;
    refused(f, 5, "ends at sequence 0 but writes up to 5");
    assert_false(file_exists(f->path)); /* not made by the refusal */
    assert_ok(file_make_dir(f->path, err));
    refused(f, 5, "ends at sequence 0 but writes up to 5");
    opens(f, 5, true, false, 0);
}

static void lost_current(void **state)
{
    fixture *f = *state;
    crashed_folder(f);
    assert_ok(file_unlink(name_of(f, "CURRENT", false), err));
    refused(f, ALL, "CURRENT");
    refused(f, 0, "CURRENT"); /* it would be taken for an empty folder, and swept */
    assert_true(size_of(log_of(f)) > 10000);
}

/* A store whose making was cut off has a manifest, but nothing in it. */
static void half_made_folder(void **state)
{
    fixture *f = *state;
    store_close(open_small(f->path));
    char *log = log_of(f);
    assert_int_equal(size_of(log), 0);
    assert_ok(file_unlink(log, err));
    assert_ok(file_unlink(name_of(f, "CURRENT", false), err));
    opens(f, 0, false, false, 0);
}

static void damaged_manifest(void **state)
{
    fixture *f = *state;
    assert_int_equal(child_run("write", f->path, 0, ROWS, 30), 0);
    char *manifest = name_of(f, "MANIFEST", true);
    size_t size = size_of(manifest);
    flip(manifest, size / 2, 0x01);
    refused(f, ALL, "restore a backup");
    flip(manifest, size / 2, 0x01);
    cut_off(manifest, size / 3); /* RocksDB would forget tables, and remove them */
    refused(f, 0, "the manifest of");
    assert_int_equal(size_of(name_of(f, "MANIFEST", true)), size - size / 3);
}

/* Each flip is found, or changes nothing: above all in the lengths of records, where one looks like
 * the end of the manifest. */
static void flips_in_manifest(void **state)
{
    fixture *f = *state;
    char seed[PATH_MAX], manifest[PATH_MAX];
    unsigned found = 0, opened = 0;
    assert_int_equal(child_run("write", f->path, 0, ROWS, 30), 0);
    const char *name = strrchr(name_of(f, "MANIFEST", true), '/');
    assert_ok(file_join(seed, sizeof seed, f->root, "seed", err));
    assert_ok(file_join(manifest, sizeof manifest, seed, name + 1, err));
    assert_int_equal(rename(f->path, seed), 0);
    size_t size = size_of(manifest);
    for (size_t at = 5; at < size; at += 23) {
        store_options options = small_options();
        store *s = NULL;
        flip(manifest, at, 0x44);
        assert_ok(file_link_tree(seed, f->path, NULL, err)); /* no old file is written to */
        varve_status status = store_open(f->path, &options, &s, NULL, NULL);
        if (status == VARVE_OK) {
            assert_int_equal(child_rows(s), ROWS);
            store_close(s);
            opened++;
        } else {
            assert_int_equal(status, VARVE_CORRUPT);
            found++;
        }
        assert_ok(file_remove_tree(f->path, err));
        flip(manifest, at, 0x44);
    }
    assert_true(found > 3 * opened);
}

static void swapped_manifest(void **state)
{
    fixture *f = *state;
    char *bytes, current[PATH_MAX], path[PATH_MAX];
    size_t len;
    store_close(open_small(f->path));
    char *manifest = name_of(f, "MANIFEST", true);
    assert_ok(file_read(manifest, 1 << 20, &bytes, &len, err));
    (void)snprintf(path, sizeof path, "%s", manifest);
    (void)snprintf(current, sizeof current, "%s\n", strrchr(manifest, '/') + 1);
    crashed_folder(f);
    assert_ok(file_replace(path, bytes, len, err)); /* the old one is back */
    assert_ok(file_replace(name_of(f, "CURRENT", false), current, strlen(current), err));
    free(bytes);
    refused(f, 0, "the manifest of");
}

static void damaged_table(void **state)
{
    fixture *f = *state;
    assert_int_equal(child_run("write", f->path, 0, ROWS, ROWS), 0);
    char *table = name_of(f, ".sst", false);
    flip(table, 200, 0x04);
    store *s = open_small(f->path);
    varve_error why = {0};
    assert_int_equal(store_verify(s, &why), VARVE_CORRUPT);
    unsigned bad = 0;
    for (unsigned n = 0; n < ROWS; n++) {
        char key[16];
        store_value v = {0};
        child_key(key, n);
        bad += store_get(s, STORE_CATALOG, key, strlen(key), &v, &why) == VARVE_CORRUPT;
        store_value_done(&v);
    }
    assert_true(bad > 0);
    store_close(s);
    flip(table, 200, 0x04);
    cut_off(table, 1);
    refused(f, 0, "restore a backup");
}

/* The bit that would end the process; see store_table.c. */
static void deadly_bit(void **state)
{
    fixture *f = *state;
    char *bytes;
    size_t len;
    assert_int_equal(child_run("write", f->path, 0, ROWS, ROWS), 0);
    char *table = name_of(f, ".sst", false);
    assert_ok(file_read(table, 1 << 20, &bytes, &len, err));
    size_t index = 0, shift = 0, at = len - 53 + 1;
    do
        index |= (size_t)(bytes[at] & 0x7f) << shift;
    while (shift += 7, bytes[at++] & 0x80);
    free(bytes);
    flip(table, index - 5 - 1, 0x80);
    refused(f, 0, "properties");
}

/* Close the store, but leave its folder as a crash before that would have. */
static void as_after_a_crash(const fixture *f, store *s)
{
    static const char *const all[] = {"", NULL};
    char copy[PATH_MAX + 8];
    (void)snprintf(copy, sizeof copy, "%s.copy", f->path);
    assert_ok(file_link_tree(f->path, copy, all, err));
    store_close(s);
    assert_ok(file_remove_tree(f->path, err));
    assert_int_equal(rename(copy, f->path), 0);
}

/* ---- holes: several logs, of which one before the last is damaged */

static void several_logs(const fixture *f)
{
    /* Only the fresh family is flushed, so the logs stay for the others. */
    store *s = open_small(f->path);
    for (unsigned n = 0; n < ROWS; n++) {
        assert_true(child_write(s, n, false));
        if (n % 25 != 24 || n + 1 == ROWS) continue;
        char range[2] = {(char)('a' + n % 26), 0};
        store_sst *w = NULL;
        char path[PATH_MAX];
        const char *paths[] = {path};
        put(s, STORE_FRESH, range, "in memory");
        assert_ok(file_join(path, sizeof path, f->root, "x.sst", err));
        assert_ok(store_sst_new(s, STORE_FRESH, path, &w, err));
        assert_ok(store_sst_put(w, range, 1, "in a table", 10, err));
        assert_ok(store_sst_finish(w, err));
        assert_ok(store_ingest(s, STORE_FRESH, paths, 1, err)); /* flushes fresh: a new log */
    }
    as_after_a_crash(f, s);
}

static unsigned rows_left(const fixture *f, uint64_t floor)
{
    store_options options = small_options();
    unsigned left = 0;
    options.floor = floor;
    options.accept_loss = true;
    store *s = open_with(f->path, &options);
    for (unsigned n = 0; n < ROWS; n++) {
        char key[16];
        child_key(key, n);
        char *value = get(s, STORE_CATALOG, key);
        left += value != NULL;
        free(value);
    }
    assert_ok(store_verify(s, err));
    store_close(s);
    assert_true(sibling(f, ".damaged"));
    return left;
}

static void logs_without_damage(void **state)
{
    fixture *f = *state;
    several_logs(f);
    opens(f, ALL + 3, false, false, ROWS);
}

static void zeros_behind_logs(void **state)
{
    fixture *f = *state;
    several_logs(f);
    zero(log_of(f), size_of(log_of(f)) - 20, 20);
    refused(f, ALL + 5, "were acknowledged");
    readable(f, ALL - ROW_SEQUENCES + 4, ROWS - 1);
    opens(f, ALL - ROW_SEQUENCES + 4, false, true, ROWS - 1);
}

static void lost_middle_log(void **state)
{
    fixture *f = *state;
    several_logs(f);
    assert_ok(file_unlink(name_of(f, ".log", false), err));
    refused(f, ALL, "Missing WAL");
    assert_int_equal(rows_left(f, ALL), ROWS - 25);
}

static void short_middle_log(void **state)
{
    fixture *f = *state;
    several_logs(f);
    cut_off(name_of(f, ".log", false), 100);
    refused(f, ALL, "restore a backup, or give up what is lost");
    assert_in_range(rows_left(f, ALL), ROWS - 2, ROWS - 1);
}

/* A length that runs over the end of its file looks like a torn tail. */
static void long_record_in_middle_log(void **state)
{
    fixture *f = *state;
    several_logs(f);
    flip(name_of(f, ".log", false), 5, 0x40);
    refused(f, ALL, "has a hole behind sequence 0");
    assert_true(rows_left(f, ALL) >= ROWS - 25);
}

static size_t grow(store *s, const char *log, const char *key, size_t value_len)
{
    static char value[16384];
    size_t before = size_of(log);
    store_batch *b = store_batch_new();
    store_batch_put(b, s, STORE_META, key, strlen(key), value, value_len);
    assert_ok(store_write(s, b, false, err));
    store_batch_free(b);
    return size_of(log) - before;
}

/* A page of zeros where a block begins with a record of its own is skipped by RocksDB, even if it
 * is in the middle of the last log. */
static void zeros_in_last_log(void **state)
{
    enum { BLOCK = 32768 };
    fixture *f = *state;
    store *s = open_small(f->path);
    store_options options = small_options();
    store_opened opened;
    char *log = strdup(log_of(f));
    size_t head = grow(s, log, "k", 1000) - 1000;
    while (BLOCK - size_of(log) % BLOCK > 9000)
        (void)grow(s, log, "k", 1000);
    (void)grow(s, log, "k", BLOCK - size_of(log) % BLOCK - head);
    assert_int_equal(size_of(log) % BLOCK, 0);
    size_t hole = size_of(log);
    uint64_t last = store_sequence(s);
    for (int i = 0; i < 20; i++)
        (void)grow(s, log, "k", 500);
    put(s, STORE_META, "behind", "1");
    uint64_t all = store_sequence(s);
    as_after_a_crash(f, s);
    zero(log, hole, 4096);
    refused(f, all, "has a hole behind sequence");
    options.floor = last; /* nothing acknowledged is behind it: cut there */
    options.read_only = true;
    assert_ok(store_open(f->path, &options, &s, NULL, err));
    assert_int_equal(store_sequence(s), last);
    assert_value(s, STORE_META, "behind", NULL);
    assert_ok(store_verify(s, err));
    store_close(s);
    options.read_only = false;
    assert_ok(store_open(f->path, &options, &s, &opened, err));
    assert_true(opened.repaired);
    assert_int_equal(opened.sequence, last);
    assert_value(s, STORE_META, "behind", NULL);
    store_close(s);
    free(log);
}

int main(int argc, char **argv)
{
    CHILD_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        STORE_TEST(whole),
        STORE_TEST(torn_tail),
        STORE_TEST(torn_tail_accepted),
        STORE_TEST(zero_tail),
        STORE_TEST(zeros_in_last_record),
        STORE_TEST(flipped_byte),
        STORE_TEST(flipped_byte_accepted),
        STORE_TEST(lost_log),
        STORE_TEST(lost_folder),
        STORE_TEST(lost_current),
        STORE_TEST(half_made_folder),
        STORE_TEST(damaged_manifest),
        STORE_TEST(flips_in_manifest),
        STORE_TEST(swapped_manifest),
        STORE_TEST(damaged_table),
        STORE_TEST(deadly_bit),
        STORE_TEST(logs_without_damage),
        STORE_TEST(zeros_behind_logs),
        STORE_TEST(lost_middle_log),
        STORE_TEST(short_middle_log),
        STORE_TEST(long_record_in_middle_log),
        STORE_TEST(zeros_in_last_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
