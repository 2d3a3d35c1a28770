/* input.h — what a query works on: the views of a collection and of its named vector fields, all of
 * one moment, and the means to work with. db/ fills it; query/ knows nothing of where it is from.
 *
 *   parent   the view of the collection: ids, fields, the primary vector
 *   child    the view of one named field; its rows have the ordinals of the parent's rows, and a
 *            live one has a live parent. Of a MULTI field several rows have the same ordinal.
 *
 * Ownership  everything is borrowed for the length of the query.
 * Threads    read-only; the pool may lend threads.
 * Errors     those of query.h. */
#ifndef VARVE_QUERY_INPUT_H
#define VARVE_QUERY_INPUT_H

#include "base/thread_pool.h"
#include "base/time_limit.h"
#include "record/schema.h"
#include "segment/view.h"

/* When a query has to end. */
typedef time_limit query_clock;
static inline void query_clock_start(query_clock *c, uint64_t timeout_ms,
                                     const volatile int *cancel)
{
    time_limit_start(c, timeout_ms, cancel);
}
static inline VV_CHECKED varve_status query_clock_check(const query_clock *c, varve_error *err)
{
    return time_limit_check(c, err);
}

typedef struct query_field {
    const char *name;
    vector_kind kind;
    view *v; /* dim, dtype and metric are its own; of a SPARSE field they say nothing */
} query_field;

typedef struct query_input {
    view *v;
    const query_field *fields; /* the named ones */
    size_t field_count;
    const varve_options *limits;
    thread_pool *pool;            /* NULL: all on the caller's thread */
    struct filter_cache *filters; /* what filters matched before; NULL: not kept */
    /* The row version that the row store has for an id; NULL: ids are looked for in the view. What
     * it answers is only a hint, as the store may be ahead of the view. */
    varve_status (*rowver_of)(void *context, varve_id id, bool *ret_found, uint64_t *ret_rowver,
                              varve_error *err);
    void *context;
    /* Of the query that runs: put in by query/ itself, into a copy of the input. NULL: none. */
    const query_clock *clock;
} query_input;

/* NULL and "default" are the primary vector: *ret is NULL. VARVE_NOT_FOUND names the field. */
VV_CHECKED varve_status query_field_find(const query_input *in, const char *name,
                                         const query_field **ret, varve_error *err);

/* VARVE_LIMIT if `count` of what is named take more than query_bytes_max. bytes: of each. */
VV_CHECKED varve_status query_bytes_check(const varve_options *limits, const char *name,
                                          size_t count, size_t bytes, varve_error *err);

/* The live row with an id. */
VV_CHECKED varve_status query_locate(const query_input *in, varve_id id, bool *ret_found,
                                     row_place *ret, varve_error *err);

#endif
