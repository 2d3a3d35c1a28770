/* flat.h — inside index/: codes that are shorter than SQ8 over all rows (product quantisation,
 * RaBitQ, PolarVec), scanned whole; the best by estimate are ranked exactly by the caller. How many
 * are needed for a recall is what the curve measures: breadth is the number of hits.
 *
 *   QUANTISER  as quantiser_save() writes it; as wide as the space
 *   MODEL      24 bytes: u32 width of the space | u32 zero | f64 largest norm | f64 scale
 *   CODES      groups of QUANT_GROUP rows, the last filled up
 *
 * Threads  as index_type.h says. */
#ifndef VARVE_INDEX_FLAT_H
#define VARVE_INDEX_FLAT_H

#include "index/index_bytes.h"
#include "index/index_groups.h"
#include "index/space.h"

#define FLAT_MODEL_BYTES 24

typedef struct flat { /* open */
    space space;
    quantiser *quantiser;
    index_bytes codes;
    uint64_t rows;
} flat;

/* index_type.check. */
VV_CHECKED varve_status flat_check(void *state, const index_rows *rows, varve_error *err);

/* The best so far of a stream of estimates: twice the room, cut back to the better half when it is
 * full. Among equal keys the smaller slot is better, so that fewer hits are always the first of
 * more.
 */
typedef struct flat_best {
    index_hit *hits;
    size_t keep, count;
    float worst; /* estimates above it are not among the best */
} flat_best;

VV_CHECKED varve_status flat_best_init(flat_best *b, size_t keep, varve_error *err);
void flat_best_done(flat_best *b); /* fine on a zeroed one */
void flat_best_push_slow(flat_best *b, float key, uint32_t slot);
static inline void flat_best_push(flat_best *b, float key, uint32_t slot)
{
    if (!(key > b->worst)) flat_best_push_slow(b, key, slot); /* what is no number is the worst */
}
/* Sorted; at most keep are left. */
void flat_best_end(flat_best *b);

#endif
