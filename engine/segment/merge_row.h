/* merge_row.h — inside segment/: a row as merging copies and compares it.
 * Ownership  pointers live as long as the segment.
 * Errors     VARVE_CORRUPT for a block that does not match its checksum. */
#ifndef VARVE_SEGMENT_MERGE_ROW_H
#define VARVE_SEGMENT_MERGE_ROW_H

#include "segment/segment.h"

typedef struct merge_row {
    uint64_t rowver, ordinal;
    const uint8_t *id, *vector;
    size_t id_len;
    varve_text fields;
} merge_row;

VV_CHECKED varve_status merge_row_read(segment *s, uint64_t slot, merge_row *ret, varve_error *err);

#define MERGE_PROGRESS_BYTES   ((uint64_t)1 << 20) /* between two reports */
#define MERGE_ROW_COLUMN_BYTES 16                  /* rowver and ordinal */
/* Of all columns. */
static inline uint64_t merge_row_bytes(const merge_row *row, size_t vector_bytes)
{
    return vector_bytes + row->id_len + row->fields.len + MERGE_ROW_COLUMN_BYTES;
}

#endif
