/* golden.h — searches whose answers are kept with a snapshot: rows of the collection as queries,
 * searched exactly, and the ids and scores that were found. Played again on a restored folder they
 * say that it not only holds the rows, but finds them.
 *
 * Ownership  what golden_make finds lies in the caller's arena.
 * Threads    any number.
 * Errors     golden_check: VARVE_CORRUPT another answer; the message says which. */
#ifndef VARVE_SNAPSHOT_GOLDEN_H
#define VARVE_SNAPSHOT_GOLDEN_H

#include "digest.h"
#include "manifest.h"

#define GOLDEN_K          10
#define GOLDEN_COUNT      5   /* of a collection, unless something else is asked for */
#define GOLDEN_ROWS_MIN   100 /* a collection without an index that has no more has none */
#define GOLDEN_TOLERANCE  1e-5 /* relative */

/* Does the collection deserve them? */
VV_CHECKED varve_status golden_wanted(varve_collection *c, bool *ret, varve_error *err);
/* Of rows that digest_collection picked: the same rows give the same queries. */
VV_CHECKED varve_status golden_make(varve_collection *c, const digest_rows *picked, arena *memory,
                                    const manifest_golden **ret, size_t *ret_count,
                                    varve_error *err);
/* The same ids, with the same scores within GOLDEN_TOLERANCE; rows of equal scores in any order. */
VV_CHECKED varve_status golden_check(varve_collection *c, const manifest_golden *list, size_t count,
                                     varve_error *err);

#endif
