/* filter_regex.h — inner to filter/: the C face of the one C++ file, a regular expression of RE2.
 * Nothing is thrown across it.
 *
 * Ownership  filter_regex_new() puts a new expression before `next`; filter_regex_free() frees it
 *            and all behind it.
 * Threads    any number of threads search with one expression.
 * Errors     REGEX_NO_MEMORY; REGEX_BAD with RE2's reason. */
#ifndef VARVE_FILTER_REGEX_H
#define VARVE_FILTER_REGEX_H

#include "varve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one expression with its automaton; what does not fit is refused, or found more slowly. */
#define REGEX_BYTES_MAX    (1 << 20)
#define REGEX_REASON_BYTES 128

typedef enum regex_outcome { REGEX_OK, REGEX_BAD, REGEX_NO_MEMORY } regex_outcome;

struct filter_regex;

regex_outcome filter_regex_new(varve_text pattern, struct filter_regex *next,
                               struct filter_regex **ret, char ret_reason[REGEX_REASON_BYTES]);
void filter_regex_free(struct filter_regex *list);
/* Is it found anywhere in the text? */
bool filter_regex_found(const struct filter_regex *regex, varve_text text);

#ifdef __cplusplus
}
#endif

#endif
