/* block_stream.h — a file on its way to disk whose bytes are hashed by blocks of 64 KiB: what
 * segments and indexes are written through. The place of a header is left free at the front; behind
 * the blocks come their sums and whatever ends the file.
 *
 *   block_stream_put ... -> block_stream_end_blocks -> block_stream_put_after ... -> _publish
 *         ^                                                        |
 *         +------------------- block_stream_rewind ----------------+    (a draft, read meanwhile)
 *
 * Ownership  the stream owns its file until block_stream_publish or _done; the latter removes the
 *            temporary file.
 * Threads    one.
 * Errors     those of base/file.h, VARVE_NO_MEMORY; after one only block_stream_done is of use. */
#ifndef VARVE_BASE_BLOCK_STREAM_H
#define VARVE_BASE_BLOCK_STREAM_H

#include "base/buffer.h"
#include "base/file.h"

#define BLOCK_STREAM_BLOCK_BYTES   65536
#define BLOCK_STREAM_ALIGNMENT_MAX 4096

typedef struct block_stream {
    file_writer *file;
    uint8_t *block; /* the bytes of the current block that are not yet in the file */
    size_t block_fill;
    size_t header_bytes;
    uint64_t position; /* of the next byte */
    buffer sums;       /* u64 per complete block */
} block_stream;

/* A place to go on from. */
typedef struct block_stream_mark {
    uint64_t position;
    size_t block_fill, sums_len;
} block_stream_mark;

VV_CHECKED varve_status block_stream_init(block_stream *s, const char *temporary_path,
                                          size_t header_bytes, varve_error *err);
void block_stream_done(block_stream *s); /* fine on a zeroed stream */
VV_CHECKED varve_status block_stream_put(block_stream *s, const void *bytes, size_t len,
                                         varve_error *err);
/* Zeros up to a multiple of alignment, which is a power of two up to BLOCK_STREAM_ALIGNMENT_MAX. */
VV_CHECKED varve_status block_stream_align(block_stream *s, size_t alignment, varve_error *err);
/* Close the last block: sums is then complete, and block_stream_put is over. */
VV_CHECKED varve_status block_stream_end_blocks(block_stream *s, varve_error *err);
/* Bytes behind the blocks. */
VV_CHECKED varve_status block_stream_put_after(block_stream *s, const void *bytes, size_t len,
                                               varve_error *err);
/* Header into its place; all bytes so far are then in the file. */
VV_CHECKED varve_status block_stream_flush(block_stream *s, const void *header, varve_error *err);
/* Before block_stream_end_blocks; the alignment put in front of the sums may come between. */
block_stream_mark block_stream_here(const block_stream *s);
/* Cut the file back to a mark and go on there. Nobody may have it mapped any more. */
VV_CHECKED varve_status block_stream_rewind(block_stream *s, const block_stream_mark *m,
                                            varve_error *err);
/* Header into its place, sync, rename, sync the directory. Ends the file also when it fails;
 * nothing is then left under either name. */
VV_CHECKED varve_status block_stream_publish(block_stream *s, const void *header,
                                             const char *final_path, varve_error *err);

#endif
