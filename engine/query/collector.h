/* collector.h — inside query/: the best rows of one query, gathered from scan scores by one thread.
 *
 * A key is a score in the sense that smaller is better: that of a distance, or minus an inner
 * product. A scan score and its error bound put the exact key of a row between `low` and `high`.
 * The keep-th smallest `high` seen so far bounds the key of the last hit from above, so only rows
 * with `low` up to that bound stay candidates; whichever are left are settled: evaluated exactly
 * and ranked by exact key, ties by id. Both lists are of bounded size, however many rows are nearly
 * or exactly tied: when candidates do not get fewer by cutting, they are settled on the way.
 *
 *   offer --> candidates --full: cut--> fewer candidates
 *                  +-------still many, or at the end: settle--> best (at most keep after ranking)
 *
 * (1) bound is never below the key of the last hit, so a row whose key is above it is no hit.
 * (2) A row that was offered is among candidates or best, or it is no hit.
 * (3) A row whose exact key is +infinity (a distance that cannot be computed) comes last.
 *
 * Ownership  a collector owns its lists; it borrows the view and both forms of the query. Ids are
 *            borrowed from the view.
 * Threads    one at a time.
 * Errors     VARVE_NO_MEMORY, and those of reading rows. After an error only collector_done. */
#ifndef VARVE_QUERY_COLLECTOR_H
#define VARVE_QUERY_COLLECTOR_H

#include "distance/distance.h"
#include "query/query.h"

typedef struct candidate {
    double low, high;
    row_place place;
} candidate;

typedef struct ranked_row {
    double key; /* exact */
    row_place place;
    const uint8_t *id_key; /* NULL until a tie asks for it */
    size_t id_key_len;
} ranked_row;

/* What is asked: the same for all collectors of a query. */
typedef struct collector_query {
    const view *v;
    varve_metric metric;
    const float *values; /* dim of them */
    distance_query *prepared;
    size_t keep;  /* best rows to know; > 0 */
    double worst; /* no hit has a key above this: infinity but in a range search */
} collector_query;

typedef struct collector {
    const collector_query *query;
    double bound;
    candidate *candidates;
    size_t candidate_count, candidate_room;
    ranked_row *best;
    size_t best_count, best_room;
} collector;

/* Scores of neighbouring rows. */
typedef struct scored_rows {
    size_t source;
    uint64_t first; /* slot */
    size_t count;
    const float *scores;
} scored_rows;

/* Scores of rows that lie anywhere in a source; none is hidden. */
typedef struct scored_slots {
    size_t source, count;
    const uint64_t *slots;
    const float *scores;
} scored_slots;

void collector_init(collector *c, const collector_query *query);
void collector_done(collector *c);
/* The most memory that a collector of this many rows to keep can take. */
size_t collector_bytes_max(size_t keep);
/* Hidden rows are passed over. */
VV_CHECKED varve_status collector_offer(collector *c, const scored_rows *rows, varve_error *err);
VV_CHECKED varve_status collector_offer_slots(collector *c, const scored_slots *rows,
                                              varve_error *err);
/* Evaluate all candidates: afterwards best has the best rows in order. */
VV_CHECKED varve_status collector_settle(collector *c, varve_error *err);
/* Add the best of `from`; both settled, of the same query. */
VV_CHECKED varve_status collector_merge(collector *c, const collector *from, varve_error *err);

/* rescore.c: append the candidates to best with their exact keys, leaving out those above the
 * bound; and rank best: sorted by key, then id, and cut to keep. */
VV_CHECKED varve_status rescore_candidates(collector *c, varve_error *err);
VV_CHECKED varve_status rank_best(collector *c, varve_error *err);

static inline double key_of(varve_metric metric, double score)
{
    return varve_metric_larger_is_better(metric) ? -score : score;
}

#endif
