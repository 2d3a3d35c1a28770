/* scope.h — inside query/: the rows that a leg of a query may find: those of the parent, and of its
 * children, that the filters and the legs before it have left.
 *
 * Ownership  scope_done() releases. A scope borrows the input.
 * Threads    one at a time.
 * Errors     those of filters and of reading rows. */
#ifndef VARVE_QUERY_SCOPE_H
#define VARVE_QUERY_SCOPE_H

#include "filter/filter.h"
#include "query/best.h"
#include "query/explain.h"
#include "query/input.h"
#include "query/ordinals.h"

typedef struct scope {
    const query_input *in;
    view *v;  /* of the parent; a reference */
    bool all; /* nothing is left out */
    bool has_ordinals;
    ordinal_set ordinals; /* of v, once a child needed them */
} scope;

VV_CHECKED varve_status scope_all(const query_input *in, scope *ret, varve_error *err);
/* filter NULL: the same rows. */
VV_CHECKED varve_status scope_filter(const scope *from, const struct varve_filter *filter,
                                     const query_clock *clock, explain *e, scope *ret,
                                     varve_error *err);
/* These rows alone, of those of `from`. */
VV_CHECKED varve_status scope_rows(const scope *from, const ranked_row *rows, size_t count,
                                   scope *ret, varve_error *err);
void scope_done(scope *s); /* copes with zeros */

/* The child's rows of these rows: a reference. */
VV_CHECKED varve_status scope_child(scope *s, const query_field *field, view **ret,
                                    varve_error *err);
/* Rows of a child as those of the parent that they belong to; keys and order stay. */
VV_CHECKED varve_status scope_to_parent(const scope *s, const query_field *field, ranked_row *rows,
                                        size_t count, varve_error *err);

#endif
