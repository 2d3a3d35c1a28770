/* search_check.h — every kind of search of a collection against the reference.
 *
 * Threads    one.
 * Errors     false with a sentence in ret_why (TRUTH_WHY_BYTES). */
#ifndef EXACT_SEARCH_CHECK_H
#define EXACT_SEARCH_CHECK_H

#include "truth.h"

typedef struct search_counts {
    uint64_t searches, hits;
    uint64_t loose; /* neighbours whose order only rounding decides, and differs */
} search_counts;

/* own: the metric that the collection was made with; it is also searched without naming it. */
bool search_check(truth *t, varve_metric metric, bool own, varve_collection *c,
                  search_counts *counts, char *ret_why);

#endif
