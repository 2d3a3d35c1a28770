/* gateway_unit.h — what every unit test of the gateway includes. */
#ifndef GATEWAY_UNIT_H
#define GATEWAY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define assert_ok(call) assert_string_equal(varve_status_name(call), "OK")

#endif
