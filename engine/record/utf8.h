/* utf8.h — is a text well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, at most U+10FFFF)?
 */
#ifndef VARVE_RECORD_UTF8_H
#define VARVE_RECORD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *text, size_t len);
/* The largest length <= max at which text is not cut inside a character. */
size_t utf8_cut(const char *text, size_t len, size_t max);

#endif
