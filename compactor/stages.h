/* stages.h — how far a job is, from the stages that builders name. The shares are what the stages
 * took when they were measured; they only serve an estimate of the time that is left.
 * Threads  stateless. */
#ifndef COMPACTOR_STAGES_H
#define COMPACTOR_STAGES_H

#include "index/index.h"

/* Of the build of such an index, 0 to 1: `done` of `total` of a stage. An unknown stage: `before`,
 * and never less than that. */
double stages_share(const index_spec *spec, const char *stage, uint64_t done, uint64_t total,
                    double before);
/* What a row of the build costs, in rows that are merged. */
double stages_row_cost(const index_spec *spec);

#endif
