/* ordinals.h — inside query/: rows by their ordinals, by which the rows of a child and of its
 * parent belong together (input.h).
 *
 * Ownership  ordinal_set_done() frees.
 * Threads    a finished set may be read by any.
 * Errors     VARVE_NO_MEMORY, those of reading rows, and of the clock (NULL: none). */
#ifndef VARVE_QUERY_ORDINALS_H
#define VARVE_QUERY_ORDINALS_H

#include "base/time_limit.h"
#include "segment/view.h"

/* A set of ordinals: a bitmap where they are dense, else sorted. All zero: empty. */
typedef struct ordinal_set {
    uint64_t first, span; /* the bitmap's */
    uint64_t *bits;
    uint64_t *sorted;
    size_t count; /* of sorted */
} ordinal_set;

/* Of the live rows of a view. */
VV_CHECKED varve_status ordinal_set_of_view(const view *v, const time_limit *clock,
                                            ordinal_set *ret, varve_error *err);
VV_CHECKED varve_status ordinal_set_of_list(const uint64_t *ordinals, size_t count,
                                            ordinal_set *ret, varve_error *err);
void ordinal_set_done(ordinal_set *s);
bool ordinal_set_has(const ordinal_set *s, uint64_t ordinal);

/* The same rows, without those whose ordinal is not in the set. */
VV_CHECKED varve_status view_with_ordinals(const view *v, const ordinal_set *set,
                                           const time_limit *clock, view **ret, varve_error *err);
/* The live row of each ordinal; source SIZE_MAX: there is none. Of several, any. */
VV_CHECKED varve_status view_find_ordinals(const view *v, const uint64_t *ordinals, size_t count,
                                           const time_limit *clock, row_place *ret,
                                           varve_error *err);

/* Called for each live row; an error ends the walk. */
typedef varve_status view_visit(void *context, row_place place, uint64_t ordinal, varve_error *err);
VV_CHECKED varve_status view_walk_ordinals(const view *v, view_visit *visit, void *context,
                                           const time_limit *clock, varve_error *err);
/* Those of slots [first, end) of a source: multiples of 64, or its last. */
VV_CHECKED varve_status view_walk_slots(const view *v, size_t source, uint64_t first, uint64_t end,
                                        view_visit *visit, void *context, const time_limit *clock,
                                        varve_error *err);

#endif
