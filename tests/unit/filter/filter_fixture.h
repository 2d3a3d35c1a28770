/* filter_fixture.h — short forms for the tests of filter/: filters out of JSON text, rows out of
 * fields, what comes of both. */
#ifndef VARVE_TEST_FILTER_FIXTURE_H
#define VARVE_TEST_FILTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter/filter_json.h"
#include "filter/filter_row.h"

#include <stdlib.h>
#include <string.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        varve_error assert_error = {0}, *err = &assert_error;                                      \
        varve_status assert_status = (call);                                                       \
        if (assert_status != VARVE_OK)                                                             \
            fail_msg("%s: %s: %s", #call, varve_status_name(assert_status), err->message);         \
    } while (0)

static inline varve_text text(const char *s) { return (varve_text){s, strlen(s)}; }

static inline varve_id num(uint64_t n) { return (varve_id){.kind = VARVE_ID_NUM, .num = n}; }

static inline varve_id str(const char *s)
{
    return (varve_id){.kind = VARVE_ID_STR, .text = text(s)};
}

/* U, F or T; of a row with these minified fields. */
static inline char truth_of_row(const filter *f, const filter_row *row)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    truth t = TRUTH_UNKNOWN;
    buffer_init(&scratch, (size_t)1 << 20, "test");
    assert_ok(filter_row_truth(f, row, &scratch, &t, err));
    return t == TRUTH_TRUE ? 'T' : t == TRUTH_FALSE ? 'F' : 'U';
}

static inline filter *json_filter(const char *json)
{
    filter *f = NULL;
    varve_error err = {0};
    if (filter_parse_json_text(text(json), &f, &err) != VARVE_OK)
        fail_msg("%s: %s", json, err.message);
    return f;
}

/* Does the row with this id and these fields match this filter of Qdrant's grammar? */
static inline void check_row(const char *json, varve_id id, const char *fields, char expected)
{
    VV_CLEANUP(filter_freep) filter *f = json_filter(json);
    filter_row row = {.id = id, .fields = text(fields)};
    char found = truth_of_row(f, &row);
    if (found != expected) fail_msg("%s of %s: %c, not %c", json, fields, found, expected);
}

static inline void check_json(const char *json, const char *fields, bool expected)
{
    check_row(json, num(1), fields, expected ? 'T' : 'F');
}

#endif
