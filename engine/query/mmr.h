/* mmr.h — inside query/: maximal marginal relevance (Carbonell, Goldstein 1998): candidates are
 * picked one by one, by (1 - d) × similarity to the query - d × largest similarity to those picked.
 * The first is the nearest. Scores stay those of the search.
 *
 * Ownership, Threads, Errors: as leg.h. */
#ifndef VARVE_QUERY_MMR_H
#define VARVE_QUERY_MMR_H

#include "query/leg.h"

#define MMR_CANDIDATES 4 /* times the limit, unless the leg says how many */

/* How many hits to search for. */
size_t mmr_candidates(const varve_leg *leg, size_t limit);
/* Reorder the hits of request, and cut them to the limit. */
VV_CHECKED varve_status mmr_pick(const leg_job *job, const query_field *field,
                                 const varve_search_request *request, leg_rows *l,
                                 varve_error *err);

#endif
