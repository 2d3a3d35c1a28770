/* leg_several.h — inside query/: legs that do not wait for each other, side by side where there are
 * many rows. Lists, explanation and errors are those of one leg after the other.
 *
 * Ownership  leg_lists_done() frees.
 * Threads    as leg.h. */
#ifndef VARVE_QUERY_LEG_SEVERAL_H
#define VARVE_QUERY_LEG_SEVERAL_H

#include "query/leg.h"

typedef struct leg_lists { /* of each leg; empty for one that was passed over */
    leg_rows *lists;
    size_t count;
} leg_lists;
void leg_lists_done(leg_lists *l);

/* In a fusion: 1 where nothing is said. */
double leg_weight(const varve_leg *leg);
/* fused: legs of weight 0 are passed over. */
VV_CHECKED varve_status legs_run(leg_context *c, const varve_leg *legs, size_t count, bool fused,
                                 const scope *from, leg_lists *ret, varve_error *err);

#endif
