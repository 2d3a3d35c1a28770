/* where_fixture.h — short forms for the tests of the where grammar. */
#ifndef VARVE_TEST_WHERE_FIXTURE_H
#define VARVE_TEST_WHERE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter/filter_where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline varve_text text_of(const char *text) { return (varve_text){text, strlen(text)}; }

/* The tree of a text that is right; the text is gone by then, and was of exactly its size. */
static inline filter *where_of(varve_text text, const filter_parameter *parameters, size_t count)
{
    filter *f = NULL;
    varve_error err = {0};
    char *copy = malloc(text.len ? text.len : 1);
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    varve_status status =
        filter_parse_where((varve_text){copy, text.len}, parameters, count, &f, &err);
    free(copy);
    if (status != VARVE_OK) fail_msg("%.*s\n%s", (int)text.len, text.data, err.message);
    return f;
}

/* NUL-terminated; the caller frees. */
static inline char *print_of(const filter *f)
{
    buffer out;
    varve_error err = {0};
    buffer_init(&out, SIZE_MAX, "test");
    if (filter_print(f, &out, &err) != VARVE_OK || buffer_add(&out, "", 1, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    return buffer_take(&out);
}

static inline void assert_print(const filter *f, const char *expected)
{
    char *print = print_of(f);
    assert_string_equal(print, expected);
    free(print);
}

/* The text is printed as expected, and what is printed is printed so again. */
static inline void assert_where(const char *text, const filter_parameter *parameters, size_t count,
                                const char *expected)
{
    filter *f = where_of(text_of(text), parameters, count), *again;
    assert_print(f, expected);
    again = where_of(text_of(expected), NULL, 0);
    assert_print(again, expected);
    filter_free(again);
    filter_free(f);
}

/* Refused, at the column (0: none is told), with the words in the message. */
static inline void assert_refused(varve_text text, const filter_parameter *parameters, size_t count,
                                  varve_status status, size_t column, const char *words)
{
    filter *f = NULL;
    varve_error err = {0};
    char place[40];
    (void)snprintf(place, sizeof place, column ? "where, column %zu: " : "where", column);
    varve_status got = filter_parse_where(text, parameters, count, &f, &err);
    if (got != status || f || strncmp(err.message, place, strlen(place)) != 0 ||
        !strstr(err.message, words))
        fail_msg("%.*s\nexpected %s%s, got %s: %s", (int)VV_MIN(text.len, (size_t)200), text.data,
                 place, words, varve_status_name(got), err.message);
}

#endif
