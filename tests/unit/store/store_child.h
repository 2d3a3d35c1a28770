/* store_child.h — another process that works on a store and ends without closing it. It is this
 * program again: after a fork alone RocksDB's threads would be missing. A test's main begins with
 * CHILD_MAIN. Rows are numbered; row n is written to two families under the same key. */
#ifndef VARVE_TEST_STORE_CHILD_H
#define VARVE_TEST_STORE_CHILD_H

#include "store_fixture.h"

#include "base/fault.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_VALUE_BYTES = 500, CHILD_CRASHED = 77 };

static inline void child_key(char ret[16], unsigned n) { (void)snprintf(ret, 16, "row%06u", n); }

/* Not synced: it outlives the process, if not a power cut, and saves the test's time. */
static inline bool child_write(store *s, unsigned n, bool sync)
{
    char key[16], value[CHILD_VALUE_BYTES];
    store_batch *b = store_batch_new();
    child_key(key, n);
    memset(value, 'a' + (int)(n % 26), sizeof value);
    store_batch_put(b, s, STORE_CATALOG, key, strlen(key), value, 10);
    store_batch_put(b, s, STORE_ROWS, key, strlen(key), value, sizeof value);
    bool ok = store_write(s, b, sync, NULL) == VARVE_OK;
    store_batch_free(b);
    return ok;
}

/* Rows 0 to n-1, each whole or absent, none after one that is absent; how many there are. */
static inline unsigned child_rows(store *s)
{
    unsigned n = 0, gone = 0;
    for (; gone < 50; n++) {
        char key[16], value[CHILD_VALUE_BYTES];
        store_value row = {0}, catalog = {0};
        child_key(key, n);
        assert_ok(store_get(s, STORE_ROWS, key, strlen(key), &row, err));
        assert_ok(store_get(s, STORE_CATALOG, key, strlen(key), &catalog, err));
        assert_int_equal(!row.data, !catalog.data);
        if (!row.data) {
            gone++;
            continue;
        }
        assert_int_equal(gone, 0);
        memset(value, 'a' + (int)(n % 26), sizeof value);
        assert_int_equal(row.len, sizeof value);
        assert_memory_equal(row.data, value, sizeof value);
        assert_int_equal(catalog.len, 10);
        store_value_done(&row);
        store_value_done(&catalog);
    }
    return n - gone;
}

/* What to do: "write A B C" rows A to B-1, flushing the rows family's tables after every C;
 * "endless A" from A on, printing the sequence after each; "crash N" at the N-th rename. */
static inline int child_main(char **argv)
{
    store_options options = small_options();
    store *s = NULL;
    unsigned from = (unsigned)strtoul(argv[3], NULL, 10);
#ifdef VARVE_FAULTS
    if (strcmp(argv[1], "crash") == 0) fault_arm("store.rename", from, VV_FAULT_CRASH);
#endif
    if (store_open(argv[2], &options, &s, NULL, NULL) != VARVE_OK) return 1;
    if (strcmp(argv[1], "endless") == 0) {
        setvbuf(stdout, NULL, _IONBF, 0);
        for (unsigned n = from; child_write(s, n, true); n++)
            printf("%u %llu\n", n + 1, (unsigned long long)store_sequence(s));
    }
    if (strcmp(argv[1], "write") == 0) {
        unsigned to = (unsigned)strtoul(argv[4], NULL, 10);
        unsigned each = (unsigned)strtoul(argv[5], NULL, 10);
        for (unsigned n = from; n < to; n++) {
            if (!child_write(s, n, false)) return 2;
            if (each && (n + 1 - from) % each == 0 && store_flush(s, NULL) != VARVE_OK) return 3;
        }
    }
    _exit(0);
}

#define CHILD_MAIN(argc, argv)                                                                     \
    if ((argc) >= 4) return child_main(argv)

static inline pid_t child_start(const char *what, const char *path, unsigned a, unsigned b,
                                unsigned c, int output)
{
    char texts[3][16];
    (void)snprintf(texts[0], 16, "%u", a);
    (void)snprintf(texts[1], 16, "%u", b);
    (void)snprintf(texts[2], 16, "%u", c);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (output >= 0 && dup2(output, STDOUT_FILENO) < 0) _exit(98);
        (void)execl("/proc/self/exe", "child", what, path, texts[0], texts[1], texts[2],
                    (char *)NULL);
        _exit(99);
    }
    return child;
}

/* Its exit code. */
static inline int child_run(const char *what, const char *path, unsigned a, unsigned b, unsigned c)
{
    int ended = 0;
    pid_t child = child_start(what, path, a, b, c, -1);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

#endif
