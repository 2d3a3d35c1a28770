/* search.h — inside query/: a running search, shared by search.c (who does what), scan.c (rows by
 * their stored vectors), gather.c (the same, far between), indexed.c (segments by their index) and
 * memory.c (memtables by their codes).
 *
 * The work of a group of queries is a list of tasks: one per query and indexed source, then pieces
 * of the rows to scan. The threads of the search take tasks one by one from a counter; each has a
 * collector per query, merged at the end.
 *
 * Threads  a part belongs to one thread; everything else is read-only while tasks run. */
#ifndef VARVE_QUERY_SEARCH_H
#define VARVE_QUERY_SEARCH_H

#include "query/collector.h"
#include "query/explain.h"
#include "query/hits.h"
#include "query/input.h"
#include "query/plan.h"

#include <stdatomic.h>

typedef struct part { /* of a group's search, on one thread */
    collector *collectors;
    float *scores;    /* of a block; NULL when nothing is scanned */
    index_hit *found; /* candidates of an index; grows */
    size_t found_room;
    varve_search_work work;
    varve_status status;
    varve_error error;
} part;

typedef struct search {
    view *v;
    const varve_search_request *request;
    varve_metric metric;
    size_t keep, block_rows, piece_rows; /* rows: multiples of 64 */
    double recall_target;
    plan_path *paths; /* of each source */
    size_t *indexed;  /* sources to search by index */
    size_t indexed_count;
    uint64_t piece_count;
    const query_clock *clock;
    size_t part_count, group_max;
    part *parts;
    /* The group of queries that is being searched. */
    size_t group_count;
    float *values; /* group_max × dim */
    collector_query *queries;
    uint64_t task_count;
    _Atomic(uint64_t) next_task;
    _Atomic(bool) stop; /* a part has failed */
    hit_list *hits;     /* of all groups so far */
} search;

/* What a search over a view is done with. */
typedef struct search_means {
    const varve_options *limits;
    thread_pool *pool;
    const query_clock *clock;
    explain *explain; /* work, and how each source was searched, are added */
} search_means;
/* Hits of all queries of a checked request over v; its filter and field are not looked at.
 * Appended to hits, which belong to the caller also after an error. */
VV_CHECKED varve_status search_view(view *v, const varve_search_request *request,
                                    const search_means *means, hit_list *hits, varve_error *err);

/* scan.c: rows of piece `piece` of the sources to scan, by all queries of the group. */
uint64_t scan_pieces(const search *s, size_t source);
VV_CHECKED varve_status scan_piece(search *s, part *p, uint64_t piece, varve_error *err);
/* gather.c: the live rows of slots [first, end), first a multiple of 64. */
VV_CHECKED varve_status gather_rows(search *s, part *p, size_t source, uint64_t first, uint64_t end,
                                    varve_error *err);
/* memory.c: query i of the group in one memtable that keeps codes. */
VV_CHECKED varve_status search_memory(search *s, part *p, size_t i, size_t source,
                                      varve_error *err);
/* indexed.c: score candidates p->found[0 .. count) of a source by their stored vectors. */
VV_CHECKED varve_status offer_found(const search *s, part *p, size_t i, size_t source, size_t count,
                                    varve_error *err);
VV_CHECKED varve_status reserve_found(part *p, size_t room, varve_error *err);
/* indexed.c: query i of the group in one source. */
VV_CHECKED varve_status search_indexed(search *s, part *p, size_t i, size_t source,
                                       varve_error *err);

#endif
