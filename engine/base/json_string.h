/* json_string.h — inner to base/json_*: the text between two quotes of JSON, checked and compared
 * without being copied.
 * Threads  stateless.   Errors  as each function says. */
#ifndef VARVE_BASE_JSON_STRING_H
#define VARVE_BASE_JSON_STRING_H

#include "base/status.h"

enum { /* what a string has in it, or-ed */
       JSON_STRING_ESCAPES = 1,
       JSON_STRING_NUL = 2 /* \u0000 */
};

/* Length of the UTF-8 character at p (RFC 3629), or 0. p < end. */
size_t json_utf8_length(const char *p, const char *end);

/* Check from behind the opening quote. NULL: *at is the closing quote and *ret_flags is set; else
 * what is wrong, and *at is where. */
const char *json_string_check(const char **at, const char *end, unsigned *ret_flags);

/* Next code point of a checked string, escapes decoded. */
uint32_t json_string_next(const char **at, const char *end);

/* Order by code points, escapes decoded: 0 means that both spell the same. */
int json_string_compare(varve_text a, varve_text b);

#endif
