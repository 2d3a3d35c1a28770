/* filter_view.h — a filter over a whole view: the view with only the rows that match, for any
 * search to go over. Sources keep their places, so that row_place means the same in both.
 *
 * Threads  a pool may lend threads, which call has_vector and find; NULL: all on the caller's.
 * Errors   those of filter_columns.h. */
#ifndef VARVE_FILTER_VIEW_H
#define VARVE_FILTER_VIEW_H

#include "base/thread_pool.h"
#include "filter/filter_cache.h"
#include "filter/filter_columns.h"
#include "segment/view.h"

typedef struct filter_view_options {
    thread_pool *pool;
    const time_limit *limit; /* NULL: none */
    filter_cache *cache;     /* of the matches of segments; NULL: none */
    /* Of filters with HAS_VECTOR; NULL: only the primary vector is there. */
    bool (*has_vector)(void *context, uint64_t ordinal, varve_text field);
    /* Where the row with an id is, live or not; NULL: ids are looked for row by row. */
    varve_status (*find)(void *context, varve_id id, bool *ret_found, row_place *ret,
                         varve_error *err);
    void *context; /* of both */
} filter_view_options;

/* *ret_work: summed over all sources; its path is borrowed from the filter. */
VV_CHECKED varve_status filter_view(const view *v, const filter *f,
                                    const filter_view_options *options, view **ret,
                                    filter_work *ret_work, varve_error *err);

#endif
