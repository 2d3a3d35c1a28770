/* graph_links_lists.h — inside index/: the nearest points found so far for each point, and small
 * sorts.
 *
 * An entry is key << 32 | point, so that entries are in the order of distance, then of number. The
 * nearest of all that was ever merged stay, whatever the order of merges: threads need no turn.
 *
 * Threads  graph_lists_merge and graph_lists_bound from any number of threads at once. */
#ifndef VARVE_INDEX_GRAPH_LINKS_LISTS_H
#define VARVE_INDEX_GRAPH_LINKS_LISTS_H

#include "index/graph_links_points.h"

#include <pthread.h>

#define GRAPH_ENTRY_NONE UINT64_MAX
#define GRAPH_LIST_LOCKS 256
#define GRAPH_LIST_MAX   256 /* entries of a list */

static inline uint64_t graph_entry(uint32_t key, uint32_t point)
{
    return (uint64_t)key << 32 | point;
}
static inline uint32_t graph_entry_key(uint64_t entry) { return (uint32_t)(entry >> 32); }
static inline uint32_t graph_entry_point(uint64_t entry) { return (uint32_t)entry; }

typedef struct graph_lists {
    uint32_t count, room;                    /* lists; entries of each */
    uint64_t *entries;                       /* ascending, then GRAPH_ENTRY_NONE */
    pthread_mutex_t locks[GRAPH_LIST_LOCKS]; /* lock i: lists i, i + GRAPH_LIST_LOCKS, ... */
} graph_lists;

VV_CHECKED varve_status graph_lists_init(graph_lists *l, uint32_t count, uint32_t room,
                                         varve_error *err);
void graph_lists_done(graph_lists *l);
/* found: ascending, no entry twice. */
void graph_lists_merge(graph_lists *l, uint32_t point, const uint64_t *found, size_t n);
/* Entries of this key or a larger one would not stay; it only falls. It follows merges a little
 * late, and what a thread leaves out for it is the same whenever it looks. */
uint32_t graph_lists_bound(const graph_lists *l, uint32_t point);
/* Its list will be needed soon. */
static inline void graph_lists_ask(const graph_lists *l, uint32_t point)
{
    const uint64_t *list = l->entries + (size_t)point * l->room;
    for (uint32_t i = 0; i < l->room; i += 8)
        __builtin_prefetch(list + i, 1);
    __builtin_prefetch(list + l->room - 1, 1);
}
/* A list and how many are in it; for when no thread merges. */
const uint64_t *graph_lists_get(const graph_lists *l, uint32_t point, size_t *ret_count);

/* Ascending. */
void graph_sort(uint64_t *entries, size_t n);
/* Take out what is there twice, of sorted ones; how many stay. */
size_t graph_unique(uint64_t *entries, size_t n);
/* The k nearest of the keys below the bound, as graph_entry(key, position), sorted. positions: room
 * for padded + GRAPH_PAIRS_GROUP; ret: for padded. */
size_t graph_nearest(const graph_pairs *pairs, const uint32_t *keys, size_t padded, size_t k,
                     uint32_t bound, uint32_t *positions, uint64_t *ret);

#endif
