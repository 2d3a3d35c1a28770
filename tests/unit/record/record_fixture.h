/* record_fixture.h — short forms for the tests of record/, and the mutations that every decoder
 * must survive. */
#ifndef VARVE_TEST_RECORD_FIXTURE_H
#define VARVE_TEST_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        varve_error assert_error = {0}, *err = &assert_error;                                      \
        varve_status assert_status = (call);                                                       \
        if (assert_status != VARVE_OK)                                                             \
            fail_msg("%s: %s: %s", #call, varve_status_name(assert_status), err->message);         \
    } while (0)

/* The call fails with the status, and its sentence has the part in it. */
#define assert_fails(status, part, call)                                                           \
    do {                                                                                           \
        varve_error assert_error = {0}, *err = &assert_error;                                      \
        assert_int_equal((call), (status));                                                        \
        if (!strstr(err->message, (part)))                                                         \
            fail_msg("%s: \"%s\" lacks \"%s\"", #call, err->message, (part));                      \
    } while (0)

/* Decode bytes; true: accepted, and then `again` holds what encoding gives back. */
typedef bool fixture_decoder(const void *bytes, size_t len, buffer *again);

static inline void try_bytes(fixture_decoder *decode, const char *bytes, size_t len, bool exact)
{
    char *copy = malloc(len ? len : 1); /* of this size, so that a read behind it is seen */
    buffer again;
    assert_non_null(copy);
    if (len) memcpy(copy, bytes, len);
    buffer_init(&again, SIZE_MAX, "test");
    bool accepted = decode(copy, len, &again);
    if (exact) assert_true(accepted);
    if (accepted) { /* only the one form is accepted */
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, copy, len);
    }
    buffer_done(&again);
    free(copy);
}

/* Every length, every bit, every byte to 0x00 and 0xff, and one byte too many. */
static inline void mutate(fixture_decoder *decode, const char *bytes, size_t len)
{
    char *changed = malloc(len + 1);
    assert_non_null(changed);
    memcpy(changed, bytes, len);
    changed[len] = 0;
    try_bytes(decode, bytes, len, true);
    try_bytes(decode, changed, len + 1, false);
    for (size_t cut = 0; cut < len; cut++)
        try_bytes(decode, bytes, cut, false);
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            changed[i] = (char)(bytes[i] ^ (1 << bit));
            try_bytes(decode, changed, len, false);
        }
        changed[i] = 0;
        try_bytes(decode, changed, len, false);
        changed[i] = (char)0xff;
        try_bytes(decode, changed, len, false);
        changed[i] = bytes[i];
    }
    free(changed);
}

#endif
