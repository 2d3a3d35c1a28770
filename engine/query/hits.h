/* hits.h — inside query/: from ranked rows to the varve_hits that the caller gets. */
#ifndef VARVE_QUERY_HITS_H
#define VARVE_QUERY_HITS_H

#include "query/collector.h"
#include "query/explain.h"

/* The hits of all queries so far, one after the other. Zero is an empty list. */
typedef struct hit_list {
    ranked_row *rows;
    size_t row_count, row_room;
    size_t *ends; /* of each query, in rows */
    size_t end_count, end_room;
} hit_list;

/* Append the hits of the next query. */
VV_CHECKED varve_status hit_list_add(hit_list *l, const ranked_row *rows, size_t count,
                                     varve_error *err);
void hit_list_done(hit_list *l);

/* What becomes hits: a score is a key, or minus a key where larger scores are better. */
#define HIT_BYTES 128 /* that a hit takes on its way and in the answer, about, without its texts */

typedef struct hits_spec {
    const view *v;
    bool larger;
    size_t queries; /* those that the list lacks at its end are without hits */
    unsigned with;
    hit_list *list;
    const varve_text *groups; /* of each hit; NULL: none */
    explain *explain;         /* taken over */
    const query_clock *clock; /* NULL: none */
    const varve_options *limits;
} hits_spec;
/* A copy of everything. */
VV_CHECKED varve_status hits_new(const hits_spec *spec, varve_hits **ret, varve_error *err);

#endif
