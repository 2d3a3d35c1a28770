/* string_sort.h — inner to field/: many texts into the order of their bytes, as value_compare_texts
 * has it; alike ones stay in the order they came in.
 *
 * Source     eight bytes of each text at a time are kept beside it, sorted by radix, and runs that
 *            agree in them go on with the next eight (Ng and Kakehi, Cache Efficient Radix Sort for
 *            String Sorting, 2007).
 * Ownership  texts are borrowed. Threads  stateless. Errors  VARVE_NO_MEMORY. */
#ifndef VARVE_FIELD_STRING_SORT_H
#define VARVE_FIELD_STRING_SORT_H

#include "base/status.h"

typedef struct sorted_string {
    uint64_t head; /* inner */
    const char *data;
    uint32_t len;
    uint32_t number; /* the caller's */
} sorted_string;

VV_CHECKED varve_status string_sort(sorted_string *strings, size_t count, varve_error *err);

#endif
