/* index_folder.h — a temporary folder for the tests of index/, and how they expect success. */
#ifndef VARVE_TESTS_INDEX_FOLDER_H
#define VARVE_TESTS_INDEX_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_dir.h"

/* A call with `err` as its last argument. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        varve_error ok_error = {0}, *err = &ok_error;                                              \
        if ((call) != VARVE_OK) fail_msg("%s: %s", #call, ok_error.message);                       \
    } while (0)

static test_dir folder;

static inline int make_folder(void **state)
{
    (void)state;
    test_dir_make(&folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    test_dir_remove(&folder);
    return 0;
}

/* Four names at a time. */
static inline const char *in_folder(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder.path, name);
    return path;
}

static inline void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

#endif
