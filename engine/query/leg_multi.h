/* leg_multi.h — inner to leg_multi*.c: a search among rows of several vectors.
 * Threads  leg_multi_rows.c lets several read it. */
#ifndef VARVE_QUERY_LEG_MULTI_H
#define VARVE_QUERY_LEG_MULTI_H

#include "query/leg.h"

typedef struct multi_vector { /* of a row */
    uint64_t ordinal;
    row_place place;
} multi_vector;

typedef struct multi {
    const leg_job *job;
    const query_field *field;
    view *v;       /* rows to look at: a reference */
    float *values; /* the query: count × dim */
    size_t count;
    varve_metric metric;
    distance_query **prepared;
    bool by_set; /* candidates alone */
    ordinal_set candidates;
    multi_vector *vectors; /* by ordinal, then place */
    size_t vector_count;
    row_place self;
} multi;

/* All vectors in a view, or those of the candidates, into m->vectors. VARVE_LIMIT for too many. */
VV_CHECKED varve_status multi_gather(multi *m, const view *v, varve_error *err);
/* The rows of m->vectors with their keys, in no order; their places are those of a child's row. */
VV_CHECKED varve_status multi_score(const multi *m, leg_rows *ret, varve_error *err);

#endif
