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
#include "record/schema.h"
#include "segment/view.h"

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
    thread_pool *pool; /* NULL: all on the caller's thread */
    /* The row version that the row store has for an id; NULL: ids are looked for in the view. What
     * it answers is only a hint, as the store may be ahead of the view. */
    varve_status (*rowver_of)(void *context, varve_id id, bool *ret_found, uint64_t *ret_rowver,
                              varve_error *err);
    void *context;
} query_input;

/* NULL and "default" are the primary vector: *ret is NULL. VARVE_NOT_FOUND names the field. */
VV_CHECKED varve_status query_field_find(const query_input *in, const char *name,
                                         const query_field **ret, varve_error *err);

/* The live row with an id. */
VV_CHECKED varve_status query_locate(const query_input *in, varve_id id, bool *ret_found,
                                     row_place *ret, varve_error *err);

/* When a query has to end. */
typedef struct query_clock {
    uint64_t deadline_ns; /* monotonic; 0: none */
    uint64_t timeout_ms;  /* for the message */
    const volatile int *cancel;
} query_clock;
void query_clock_start(query_clock *c, uint64_t timeout_ms, const volatile int *cancel);
/* VARVE_TIMEOUT, VARVE_CANCELLED. */
VV_CHECKED varve_status query_clock_check(const query_clock *c, varve_error *err);

#endif
