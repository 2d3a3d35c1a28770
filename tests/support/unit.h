/* unit.h — what unit tests of base/ and snapshot/ include: cmocka, and checks of a status and its
 * text. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        varve_status unit_status = (call);                                                         \
        assert_string_equal(varve_status_name(unit_status), "OK");                                 \
    } while (0)

#define assert_status(call, expected)                                                              \
    do {                                                                                           \
        varve_status unit_status = (call);                                                         \
        assert_string_equal(varve_status_name(unit_status), varve_status_name(expected));          \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr((text), (part))) fail_msg("\"%s\" is not in \"%s\"", (part), (text));          \
    } while (0)

#endif
