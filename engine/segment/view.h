/* view.h — what a reader sees: an immutable list of row sources in rowver order, each a segment or
 * a memtable with its published length, with two sets of slots: hidden (superseded or deleted: no
 * search returns them) and, within it, deleted (soft-deleted: may be listed and restored).
 * (1) A live row is in exactly one source, and not hidden there.
 * (2) Rowver ranges of sources are disjoint and ascending.
 *
 * Ownership  reference-counted; a view holds a reference to everything its sources name.
 * Threads    reading needs no lock; the owner swaps whole views.
 * Errors     VARVE_NO_MEMORY, and what a segment answers (VARVE_CORRUPT). */
#ifndef VARVE_SEGMENT_VIEW_H
#define VARVE_SEGMENT_VIEW_H

#include "base/tombstone.h"
#include "index/index.h"
#include "segment/memtable.h"
#include "segment/segment.h"

typedef struct row_source {
    segment *seg; /* one of the two is set; references are owned by the view */
    memtable *mem;
    uint64_t rows;
    uint64_t rowver_min, rowver_max;
    tombstones *hidden, *deleted;
    /* Of a segment's primary vector, when it serves the collection's mode as it stands: FULL of
     * that mode and its parameters, or FRESH of its metric. NULL: none. References are owned by the
     * view. */
    vector_index *index;
    uint32_t index_generation; /* highest that a file of its index had; 0: there never was one */
} row_source;

typedef struct view {
    uint64_t references; /* atomic */
    uint32_t dim;        /* 0: unknown yet, and then there are no sources */
    varve_dtype dtype;
    varve_metric metric;
    uint64_t rows_live, rows_deleted;
    uint64_t segments, segment_bytes, index_bytes; /* on disk */
    size_t source_count;
    row_source sources[];
} view;

/* A new view over copies of these sources (takes its own references). Sources without rows are left
 * out. */
VV_CHECKED varve_status view_new(const vector_field *field, const row_source *sources, size_t count,
                                 view **ret, varve_error *err);
view *view_ref(view *v);
void view_unref(view *v); /* NULL-safe */
void view_unrefp(view **v);

/* The same rows behind other hidden sets: those of source i are hidden[i] (borrowed; its own are
 * among them). What a filter makes of a view. */
VV_CHECKED varve_status view_derive(const view *v, tombstones *const *hidden, view **ret,
                                    varve_error *err);

/* Where a row version is. */
typedef struct row_place {
    size_t source;
    uint64_t slot;
} row_place;
VV_CHECKED varve_status view_find(view *v, uint64_t rowver, bool *ret_found, row_place *ret,
                                  varve_error *err);

/* Accessors that do not care which kind a source is. Slots are below its rows (asserted). */
VV_CHECKED varve_status source_vectors(const row_source *s, uint64_t first, uint64_t n,
                                       const uint8_t **ret, uint64_t *ret_contiguous,
                                       varve_error *err); /* 1 <= *ret_contiguous <= n */
VV_CHECKED varve_status source_rowver(const row_source *s, uint64_t slot, uint64_t *ret,
                                      varve_error *err);
VV_CHECKED varve_status source_ordinal(const row_source *s, uint64_t slot, uint64_t *ret,
                                       varve_error *err);
VV_CHECKED varve_status source_id_key(const row_source *s, uint64_t slot, const uint8_t **ret,
                                      size_t *ret_len, varve_error *err);
VV_CHECKED varve_status source_fields(const row_source *s, uint64_t slot, varve_text *ret,
                                      varve_error *err);
/* A source as stretches of rows, each with what was built of their fields: a segment is one, a
 * memtable several, the last of which (fewer than MEMTABLE_PART_ROWS rows) has no images. */
typedef struct source_part {
    uint64_t first; /* slot */
    uint32_t rows;
    row_images images;
} source_part;
size_t source_part_count(const row_source *s);
VV_CHECKED varve_status source_part_get(const row_source *s, size_t i, source_part *ret,
                                        varve_error *err);
segment_content source_content(const row_source *s);
const text_options *source_text_options(const row_source *s);

double source_norm_max(const row_source *s);
/* The vectors of a source that is a segment, for its index; as long as the segment lives. */
void source_index_rows(const row_source *s, index_rows *ret);

#endif
