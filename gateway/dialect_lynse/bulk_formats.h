/* bulk_formats.h — the forms in which /bulk takes rows. Each reads the stream to its end and puts
 * the rows into the sink, at most batch_rows at a time; a failure names the line, row or frame.
 *
 *   ndjson  one object per line: {"id": 7, "vector": [0.1, …], "fields": {…}}. A line may have
 *           "vector_b64" in place of "vector": float32 values, little-endian, in base64. Ids in
 *           all lines or in none; without them the engine numbers the rows. Empty lines are
 *           passed over.
 *   npy     a .npy file (versions 1 to 3) of a two-dimensional C-order array of <f4, <f2, |u1 or
 *           |i1; ids from ids_start on, or the engine's.
 *   frames  see bulk_frames.c. */
#ifndef BULK_FORMATS_H
#define BULK_FORMATS_H

#include "bulk_sink.h"
#include "bulk_stream.h"

typedef struct bulk_args {
    size_t batch_rows;
    bool ids_given; /* npy: from ids_start on */
    uint64_t ids_start;
} bulk_args;

typedef varve_status bulk_format(bulk_stream *in, bulk_sink *out, const bulk_args *args,
                                 varve_error *err);
bulk_format bulk_read_ndjson, bulk_read_npy, bulk_read_frames;

/* Longest line, header or frame. */
#define BULK_ITEM_BYTES_MAX ((size_t)64 << 20)
/* A batch is closed before it has more than this. */
#define BULK_BATCH_BYTES ((size_t)8 << 20)

#endif
