/* drop_file.h — the slots of an input that a compaction leaves out, handed over in a file on the
 * desk: "VARVDROP" | u32 version | u32 zero | u64 segment number | u64 rows | u64 count | one bit
 * per row, in u64 words | XXH3-64 of all before. Written in place and not synced: nobody opens it
 * before the order that names it, and a job does not outlive its owner.
 * Version history. 1: first. Both sides come from one release: another version is refused.
 * Threads  any, on different files.
 * Errors   VARVE_CORRUPT when it is not of this segment, number of rows, count or checksum;
 *          VARVE_NEWER_FORMAT; VARVE_NOT_FOUND, VARVE_IO, VARVE_NO_MEMORY. */
#ifndef VARVE_SEGMENT_DROP_FILE_H
#define VARVE_SEGMENT_DROP_FILE_H

#include "base/tombstone.h"

/* slots: all below rows (asserted). On failure there is no file. */
VV_CHECKED varve_status drop_file_write(const char *path, uint64_t number, uint64_t rows,
                                        const tombstones *slots, varve_error *err);
/* *ret is NULL, the empty set, for count 0. */
VV_CHECKED varve_status drop_file_read(const char *path, uint64_t number, uint64_t rows,
                                       uint64_t count, tombstones **ret, varve_error *err);

#endif
