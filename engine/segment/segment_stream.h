/* segment_stream.h — the sections of a segment on their way into its file: buffered by blocks, each
 * block hashed as it is complete. The header's place is left free.
 * Ownership  the stream owns its file until segment_stream_publish or _done; the latter removes the
 *            temporary file.
 * Threads    one.
 * Errors     those of base/file.h, VARVE_NO_MEMORY; after one only segment_stream_done is of use.
 */
#ifndef VARVE_SEGMENT_STREAM_H
#define VARVE_SEGMENT_STREAM_H

#include "base/buffer.h"
#include "base/file.h"

typedef struct segment_stream {
    file_writer *file;
    uint8_t *block; /* the bytes of the current block that are not yet in the file */
    size_t block_fill;
    uint64_t position; /* of the next byte */
    buffer sums;       /* u64 per complete block */
} segment_stream;

VV_CHECKED varve_status segment_stream_init(segment_stream *s, const char *temporary_path,
                                            varve_error *err);
void segment_stream_done(segment_stream *s); /* fine on a zeroed stream */
VV_CHECKED varve_status segment_stream_put(segment_stream *s, const void *bytes, size_t len,
                                           varve_error *err);
/* Zeros up to where a section may start. */
VV_CHECKED varve_status segment_stream_align(segment_stream *s, varve_error *err);
/* Close the last block: sums is then complete, and segment_stream_put is over. */
VV_CHECKED varve_status segment_stream_end_blocks(segment_stream *s, varve_error *err);
/* Bytes behind the blocks. */
VV_CHECKED varve_status segment_stream_put_after(segment_stream *s, const void *bytes, size_t len,
                                                 varve_error *err);
/* Header into its place, sync, rename, sync the directory. Ends the file also when it fails;
 * nothing is then left under either name. */
VV_CHECKED varve_status segment_stream_publish(segment_stream *s, const void *header,
                                               const char *final_path, varve_error *err);

#endif
