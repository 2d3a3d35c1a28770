/* recall_cases.h — every index mode of the LynseDB contract (aliases left out), and the recall that
 * each must reach on the bundled rows, 10 hits, at the default recall target of 0.95, after build,
 * inserts, deletes and compaction. Numbers lie a little under what is measured; nothing approximate
 * may be below 0.95, and what is exact must be exact. */
#ifndef RECALL_CASES_H
#define RECALL_CASES_H

#include "varve.h"

#include <stddef.h>

typedef enum recall_stage {
    RECALL_BUILD,
    RECALL_INSERTS,
    RECALL_DELETES,
    RECALL_COMPACTION,
    RECALL_STAGES
} recall_stage;

typedef struct recall_case {
    const char *mode;
    varve_metric metric;
    varve_dtype dtype;
    double least[RECALL_STAGES];
} recall_case;

extern const recall_case recall_cases[];
extern const size_t recall_case_count;

#endif
