/* merge.h — segments, adjacent in rowver order, into new ones without the rows to drop.
 * Rows keep rowver, ordinal, id, vector and fields. A row never is in two outputs; outputs are in
 * rowver order. Every input block is verified as it is read.
 *
 * Memory   one output at a time: its vectors stream to the disk, its other columns wait in memory
 *          until it ends: ids, fields, up to 32 bytes per row of offsets, rowvers and ordinals, and
 *          what is being built of the fields. An output that would take more than memory_max ends
 *          before its time, if there is an output left for the rows behind it; the last one then
 *          has nothing that is built of fields (searches read its rows). VARVE_LIMIT is for ids and
 *          fields alone that take too much.
 * Threads  one.
 * Errors   VARVE_CORRUPT naming the input; VARVE_CANCELLED by progress; VARVE_LIMIT naming the
 *          limit; those of base/file.h. On failure none of the outputs is left. */
#ifndef VARVE_SEGMENT_MERGE_H
#define VARVE_SEGMENT_MERGE_H

#include "base/tombstone.h"
#include "index/index.h"
#include "segment/segment.h"

typedef struct merge_input {
    segment *seg;
    const tombstones *drop; /* NULL: none */
} merge_input;

typedef struct merge_spec {
    uint32_t collection, dim;
    varve_dtype dtype;
    uint64_t first_number;
    uint32_t output_max;
    uint64_t rows_max;        /* of one output; at least 1 */
    uint64_t memory_max;      /* of what waits and is built; 0: no limit */
    const char *directory;    /* outputs go here as <number>.seg */
    index_progress *progress; /* NULL: none. Rows of the inputs that were read or passed over; bytes
                                 read and written, about every MiB. Bytes of columns that wait are
                                 counted when their row is read. */
    void *context;
} merge_spec;

/* How many outputs there will be where memory suffices: equal parts, each at most rows_max. */
uint32_t merge_outputs(uint64_t rows, uint64_t rows_max);
/* ret_records: room for output_max. VARVE_LIMIT: it would take more outputs. *ret_count 0: all rows
 * were dropped. */
VV_CHECKED varve_status segment_merge(const merge_spec *spec, const merge_input *inputs,
                                      size_t input_count, segment_record *ret_records,
                                      uint32_t *ret_count, varve_error *err);
/* Read the outputs back, verified, and compare: every row that stays is there with all it has, and
 * nothing else. outputs: newly opened, in their order. The progress of spec is called with rows of
 * the outputs. VARVE_CORRUPT naming the segment. */
VV_CHECKED varve_status segment_merge_check(const merge_spec *spec, const merge_input *inputs,
                                            size_t input_count, segment *const *outputs,
                                            size_t output_count, varve_error *err);

#endif
