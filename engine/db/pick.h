/* pick.h — what compaction should do next in one collection: a pure function of its segments and
 * the settings. Who acts on it is compaction.h.
 *
 *   PURGE    (the owner itself) deleted rows of these segments are given up for good: look again
 *   MERGE    neighbours into one, without their superseded rows
 *   REWRITE  one segment without its superseded rows
 *   CUT      one segment into several, so that the index of each can be built within the memory
 *   INDEX    the index of the wanted kind for a segment that never had one
 *   REBUILD  the same, where there was one of another mode, or a damaged one
 *
 * Rewriting comes first, but for segments that a merge takes along; then merges, the smallest
 * first; then indexes, the largest first. Small segments between those of a merge are merged too:
 * only neighbours can be, and they would block it for ever.
 *
 * What is asked for ends although writers go on: each job then takes in a segment older than the
 * request, and makes only younger ones.
 * Threads, Errors  none. */
#ifndef VARVE_DB_PICK_H
#define VARVE_DB_PICK_H

#include "segment/job.h"

/* A fresh index of fewer rows would save nothing. */
#define PICK_FRESH_ROWS_MIN 1024

typedef struct pick_segment {
    uint64_t number, rows;
    uint64_t column_bytes;    /* estimate: in memory while it is merged, beside vectors */
    uint64_t hidden, deleted; /* slots; deleted ones are hidden too, the rest of those superseded */
    bool has_index;           /* one that serves the collection's mode, or … */
    bool index_lost;          /* … one that does not, or cannot be read */
    index_kind kind;
    bool apart; /* must not be merged with the one before: something lies between them */
} pick_segment;

typedef struct pick_rules {
    bool wants_full, wants_fresh; /* index files that the mode uses at best */
    const char *mode;             /* for reasons */
    uint64_t rows_fit;   /* largest segment whose index can be built within compact_memory_max */
    uint64_t memory_max; /* for columns of one output; 0: no limit */
    uint64_t rows_max, index_rows_min, fanout, tombstone_percent; /* settings */
    bool deleted_counts; /* no deletes for a while: deleted rows may be purged */
    bool index_only;     /* asked for: indexes, nothing else */
    bool everything;     /* asked for: merge all that may be merged, drop all that is superseded */
    uint64_t before;     /* asked for: each job takes in a segment of a lower number; 0: of any */
} pick_rules;

typedef enum pick_kind {
    PICK_NONE,
    PICK_PURGE,
    PICK_MERGE,
    PICK_REWRITE,
    PICK_CUT,
    PICK_INDEX,
    PICK_REBUILD
} pick_kind;

typedef struct pick_decision {
    pick_kind kind;
    size_t first, count; /* of the segments */
    uint64_t rows_max;   /* of an output of MERGE, REWRITE, CUT */
    char reason[160];
} pick_decision;

/* Segments in the order of the view. */
void pick_next(const pick_segment *segments, size_t count, const pick_rules *rules,
               pick_decision *ret);
/* floor(log4(rows / 32768)), at least 0. */
unsigned pick_tier(uint64_t rows);
/* Would pick ask for an index of the segment's rows alone? */
bool pick_needs_index(const pick_segment *s, const pick_rules *rules);

#endif
