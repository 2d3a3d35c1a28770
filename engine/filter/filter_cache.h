/* filter_cache.h — which rows of a segment do not match a filter, kept for the next search under
 * it. A segment never changes and neither does what its rows hold, so what is kept stays true;
 * which rows live is not part of it, and is added each time.
 *
 * The least lately used go when the bytes kept would exceed the limit. Segments that are gone go
 * that way too: nobody asks for them. Only what is asked for a second time is kept, so that filters
 * that come once do not drive out the others.
 *
 * Ownership  filter_cache_new() until filter_cache_free(). Sets found are references.
 * Threads    any number at once; one lock, never held while rows are looked at.
 * Errors     none once it is made: without memory nothing is kept. */
#ifndef VARVE_FILTER_CACHE_H
#define VARVE_FILTER_CACHE_H

#include "base/tombstone.h"

typedef struct filter_cache filter_cache;

#define FILTER_CACHE_KEY_MAX                                                                       \
    16384 /* bytes of a filter's key and of a segment's; longer: not kept */

VV_CHECKED varve_status filter_cache_new(uint64_t bytes_max, filter_cache **ret, varve_error *err);
void filter_cache_free(filter_cache *c); /* NULL-safe */

typedef enum filter_cache_answer {
    FILTER_CACHE_FOUND,  /* *ret is a reference to the rows that do not match; may be NULL: none */
    FILTER_CACHE_WANTED, /* asked for before: put it, if there is no reason not to */
    FILTER_CACHE_NEW
} filter_cache_answer;
filter_cache_answer filter_cache_get(filter_cache *c, const void *key, size_t key_len,
                                     tombstones **ret);
/* misses: of all rows of the segment, living or not; another reference is taken. */
void filter_cache_put(filter_cache *c, const void *key, size_t key_len, tombstones *misses);

typedef struct filter_cache_stats {
    uint64_t hits, misses; /* one for each segment and search */
    uint64_t bytes, entries;
} filter_cache_stats;
filter_cache_stats filter_cache_get_stats(filter_cache *c);

#endif
