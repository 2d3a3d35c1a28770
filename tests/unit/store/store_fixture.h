/* store_fixture.h — a temporary folder and short forms of what every test of the store does. */
#ifndef VARVE_TEST_STORE_FIXTURE_H
#define VARVE_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    char root[PATH_MAX / 2], path[PATH_MAX];
} fixture;

static inline int fixture_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    (void)snprintf(f->root, sizeof f->root, "%s/varve-store-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(f->root)) {
        free(f);
        return -1;
    }
    (void)snprintf(f->path, sizeof f->path, "%s/rocks", f->root);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture *f = *state;
    int failed = file_remove_tree(f->root, NULL) != VARVE_OK;
    free(f);
    return failed;
}

#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        varve_error assert_error = {0}, *err = &assert_error;                                      \
        varve_status assert_status = (call);                                                       \
        if (assert_status != VARVE_OK)                                                             \
            fail_msg("%s: %s: %s", #call, varve_status_name(assert_status), err->message);         \
    } while (0)

static inline store_options small_options(void)
{
    return (store_options){.block_cache_bytes = 1 << 20, .row_buffer_bytes = 4 << 20};
}

static inline store *open_with(const char *path, const store_options *options)
{
    store *s = NULL;
    store_opened opened = {0};
    assert_ok(store_open(path, options, &s, &opened, err));
    assert_int_equal(opened.sequence, store_sequence(s));
    return s;
}

static inline store *open_small(const char *path)
{
    store_options options = small_options();
    return open_with(path, &options);
}

static inline void put(store *s, store_family f, const char *key, const char *value)
{
    store_batch *b = store_batch_new();
    store_batch_put(b, s, f, key, strlen(key), value, strlen(value));
    assert_ok(store_write(s, b, true, err));
    store_batch_free(b);
}

/* NULL: absent. Else a copy, to be freed. */
static inline char *get(store *s, store_family f, const char *key)
{
    store_value v = {0};
    assert_ok(store_get(s, f, key, strlen(key), &v, err));
    char *copy = v.data ? strndup(v.data, v.len) : NULL;
    store_value_done(&v);
    return copy;
}

static inline void assert_value(store *s, store_family f, const char *key, const char *expected)
{
    char *value = get(s, f, key);
    if (!expected) {
        assert_null(value);
    } else {
        assert_non_null(value);
        assert_string_equal(value, expected);
    }
    free(value);
}

#endif
