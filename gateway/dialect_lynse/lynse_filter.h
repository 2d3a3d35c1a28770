/* lynse_filter.h — the filter of a request. It comes in one of two grammars (docs/filters.md):
 *
 *   where    a text, "year >= :from AND 'x' IN tags", with where_params: an object of named values
 *            (:name) or an array of values for each ? in turn
 *   filter   Qdrant's JSON: {"must": […], "should": […], "must_not": […]}
 *
 * In a query string all three are texts, the last two JSON.
 *
 * Ownership  the caller frees the filter; lynse_filter_freep fits VV_CLEANUP.
 * Threads    one at a time.
 * Errors     VARVE_INVALID naming the column of a `where` that does not parse; also when both are
 *            given. *ret is NULL when none is. */
#ifndef LYNSE_FILTER_H
#define LYNSE_FILTER_H

#include "lynse_request.h"

VV_CHECKED varve_status lynse_filter_of_body(const lynse_call *c, varve_filter **ret,
                                             varve_error *err);
/* The same members of any object of the body. */
VV_CHECKED varve_status lynse_filter_of_object(const json_t *object, varve_filter **ret,
                                               varve_error *err);
VV_CHECKED varve_status lynse_filter_of_query(const lynse_call *c, varve_filter **ret,
                                              varve_error *err);
void lynse_filter_freep(varve_filter **filter);

#endif
