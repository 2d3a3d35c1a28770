/* filter_text.h — inner to filter/: patterns on texts, beside filter_like() of filter.h. With
 * ignore_case, characters are compared by simple case folding.
 * Ownership  nothing is kept. Threads  stateless. Errors  none. */
#ifndef VARVE_FILTER_TEXT_H
#define VARVE_FILTER_TEXT_H

#include "filter/filter.h"

bool filter_begins(varve_text pattern, bool ignore_case, varve_text text);
bool filter_contains(varve_text pattern, bool ignore_case, varve_text text);

#endif
