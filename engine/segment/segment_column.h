/* segment_column.h — a column of u64 that is being built: kept as first + i * step as long as that
 * is what the values are, as a list from the first one on that differs.
 * Ownership  segment_column_done() frees.
 * Errors     VARVE_NO_MEMORY; the column is then what it was. */
#ifndef VARVE_SEGMENT_COLUMN_H
#define VARVE_SEGMENT_COLUMN_H

#include "base/buffer.h"

typedef struct segment_column {
    uint64_t count;
    uint64_t first, step, last; /* while not listed */
    bool listed;
    buffer values; /* when listed: count values */
} segment_column;

void segment_column_init(segment_column *c);
void segment_column_done(segment_column *c);
VV_CHECKED varve_status segment_column_add(segment_column *c, uint64_t value, varve_error *err);
/* Replace all values by first + i. The caller knows that this does not overflow. */
void segment_column_renumber(segment_column *c, uint64_t first);
static inline uint64_t segment_column_bytes(const segment_column *c) /* in the file */
{
    return c->listed ? c->values.len : 0;
}

#endif
