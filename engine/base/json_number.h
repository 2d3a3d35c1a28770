/* json_number.h — inner to base/json_*: the shortest decimal text of a finite float or double that
 * reads back as the same value. NUL-terminated.
 * Threads  stateless. */
#ifndef VARVE_BASE_JSON_NUMBER_H
#define VARVE_BASE_JSON_NUMBER_H

#include <stddef.h>

#define JSON_NUMBER_TEXT_BYTES 32

/* Returns the length. */
size_t json_float_text(float value, char ret[JSON_NUMBER_TEXT_BYTES]);
size_t json_double_text(double value, char ret[JSON_NUMBER_TEXT_BYTES]);

#endif
