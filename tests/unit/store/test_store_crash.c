/* test_store_crash.c — processes that end at any moment: what was acknowledged is there, and a
 * repair that was cut off is ended by the next open. */
#include "store_child.h"

/* A log with damage behind which nothing was acknowledged. */
static void make_damage(const fixture *f)
{
    char log[PATH_MAX] = "";
    file_names names = {0};
    assert_int_equal(child_run("write", f->path, 0, 100, 0), 0);
    assert_ok(file_list(f->path, &names, err));
    for (size_t i = 0; i < names.count; i++)
        if (strstr(names.names[i], ".log"))
            assert_ok(file_join(log, sizeof log, f->path, names.names[i], err));
    file_names_free(&names);
    FILE *file = fopen(log, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 30000, SEEK_SET), 0); /* about row 50 */
    assert_int_not_equal(fputs("damage", file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void check_repaired(const fixture *f, bool now)
{
    store_options options = small_options();
    store_opened opened;
    store *s = NULL;
    char path[PATH_MAX + 16];
    options.floor = 80;
    assert_ok(store_open(f->path, &options, &s, &opened, err));
    assert_int_equal(opened.repaired, now);
    assert_in_range(child_rows(s), 40, 60);
    store_close(s);
    (void)snprintf(path, sizeof path, "%s.repair", f->path);
    assert_false(file_exists(path));
    (void)snprintf(path, sizeof path, "%s.damaged", f->path);
    assert_true(file_exists(path));
}

static void crash_in_repair(void **state)
{
#ifdef VARVE_FAULTS
    fixture *f = *state;
    make_damage(f);
    assert_int_equal(child_run("crash", f->path, 1, 0, 0), CHILD_CRASHED);
    assert_true(file_exists(f->path)); /* before the first rename: begun again */
    assert_int_equal(child_run("crash", f->path, 2, 0, 0), CHILD_CRASHED);
    assert_false(file_exists(f->path)); /* between the two: only ended */
    assert_int_equal(child_run("crash", f->path, 1, 0, 0), CHILD_CRASHED); /* and while ending it */
    assert_false(file_exists(f->path));
    check_repaired(f, false);
#else
    (void)state;
    skip();
#endif
}

static void failure_in_repair(void **state)
{
#ifdef VARVE_FAULTS
    fixture *f = *state;
    store_options options = small_options();
    store *s = NULL;
    varve_error why = {0};
    make_damage(f);
    for (unsigned n = 1; n <= 2; n++) {
        fault_arm("store.rename", n, VV_FAULT_EIO);
        assert_int_equal(store_open(f->path, &options, &s, NULL, &why), VARVE_IO);
        assert_true(fault_was_hit());
        fault_disarm();
        assert_true(file_exists(f->path));
    }
    check_repaired(f, true);
#else
    (void)state;
    skip();
#endif
}

/* Every file operation of ours fails once, on the way of a repairing open. */
static void every_fault_in_repair(void **state)
{
#ifdef VARVE_FAULTS
    fixture *f = *state;
    store_options options = small_options();
    store *s = NULL;
    unsigned n = 1;
    char seed[PATH_MAX], path[PATH_MAX + 16];
    make_damage(f);
    assert_ok(file_join(seed, sizeof seed, f->root, "seed", err));
    assert_int_equal(rename(f->path, seed), 0);
    for (bool hit = true; hit; n++) {
        assert_ok(file_link_tree(seed, f->path, NULL, err)); /* no old file is written to */
        fault_arm(NULL, n, VV_FAULT_EIO);
        varve_status status = store_open(f->path, &options, &s, NULL, NULL);
        hit = fault_was_hit();
        fault_disarm();
        if (status == VARVE_OK)
            store_close(s);
        else
            assert_true(hit);
        s = open_small(f->path);
        assert_in_range(child_rows(s), 40, 60);
        store_close(s);
        assert_ok(file_remove_tree(f->path, err));
        for (int i = 0; i < 2; i++) {
            (void)snprintf(path, sizeof path, "%s.%s", f->path, i ? "damaged" : "repair");
            assert_ok(file_remove_tree(path, err));
        }
    }
    assert_true(n > 30);
#else
    (void)state;
    skip();
#endif
}

/* What the child says that it has written: wait for `lines` of it; then kill it, and read on to the
 * last whole line. */
static void kill_after(pid_t child, int fd, unsigned lines, unsigned *ret_rows,
                       uint64_t *ret_sequence)
{
    char line[64] = "", c;
    size_t len = 0;
    int ended;
    unsigned long long sequence = 0;
    while (read(fd, &c, 1) == 1) {
        if (c != '\n' && len < sizeof line - 1) {
            line[len++] = c;
            continue;
        }
        line[len] = '\0';
        len = 0;
        assert_int_equal(sscanf(line, "%u %llu", ret_rows, &sequence), 2);
        if (lines && --lines == 0) assert_int_equal(kill(child, SIGKILL), 0);
    }
    *ret_sequence = sequence;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGKILL);
}

static void killed_again_and_again(void **state)
{
    fixture *f = *state;
    store_options options = small_options();
    unsigned rows = 0, acknowledged = 0;
    for (unsigned round = 0; round < 12; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = child_start("endless", f->path, rows, 0, 0, ends[1]);
        assert_int_equal(close(ends[1]), 0);
        kill_after(child, ends[0], 1 + round * 7 % 30, &acknowledged, &options.floor);
        assert_int_equal(close(ends[0]), 0);
        store *s = open_with(f->path, &options);
        rows = child_rows(s);
        assert_in_range(rows, acknowledged, acknowledged + 1);
        if (round % 3 == 2) put(s, STORE_FRESH, "a", "a log is left");
        store_close(s);
    }
    assert_true(rows >= 12);
}

int main(int argc, char **argv)
{
    CHILD_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        STORE_TEST(crash_in_repair),
        STORE_TEST(failure_in_repair),
        STORE_TEST(every_fault_in_repair),
        STORE_TEST(killed_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
