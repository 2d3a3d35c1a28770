/* test_dir.h — a temporary folder for a test, under TMPDIR or /tmp; removed by test_dir_remove. */
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
    snprintf(d->path, sizeof d->path, "%s/varve-test-XXXXXX", root ? root : "/tmp");
    if (!mkdtemp(d->path)) abort();
}

static inline void test_dir_remove(test_dir *d)
{
    varve_status status = file_remove_tree(d->path, NULL);
    (void)status;
}

#endif
