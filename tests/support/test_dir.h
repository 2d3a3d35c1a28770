/* test_dir.h — a temporary folder for a test, removed by test_dir_remove. Under TMPDIR when set;
 * else in memory where there is room (tests of logic need no disk, and thousands of fsyncs take
 * minutes on a busy one); else under /tmp. */
#ifndef TEST_DIR_H
#define TEST_DIR_H

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct test_dir {
    char path[256];
} test_dir;

static inline void test_dir_make(test_dir *d)
{
    const char *root = getenv("TMPDIR");
    uint64_t free_bytes = 0;
    if (!root && file_free_space("/dev/shm", &free_bytes, NULL) == VARVE_OK &&
        free_bytes > 512u << 20)
        root = "/dev/shm";
    snprintf(d->path, sizeof d->path, "%s/varve-test-XXXXXX", root ? root : "/tmp");
    if (!mkdtemp(d->path)) abort();
}

/* Files below a path; 1 of a file. */
static inline size_t test_dir_files(const char *path)
{
    file_names n = {0};
    char inner[4096];
    size_t count = 0;
    if (file_list(path, &n, NULL) != VARVE_OK) return 1;
    for (size_t i = 0; i < n.count; i++)
        if (file_join(inner, sizeof inner, path, n.names[i], NULL) == VARVE_OK)
            count += test_dir_files(inner);
    file_names_free(&n);
    return count;
}

static inline void test_dir_remove(test_dir *d)
{
    varve_status status = file_remove_tree(d->path, NULL);
    (void)status;
}

#endif
