/* segment_stream.c — blocks, their hashes, and the file they go to. */
#include "segment/segment_stream.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "segment/segment_format.h"

#include <assert.h>
#include <stdlib.h>

varve_status segment_stream_init(segment_stream *s, const char *temporary_path, varve_error *err)
{
    static const uint8_t no_header[SEGMENT_HEADER_BYTES];
    *s = (segment_stream){.position = SEGMENT_HEADER_BYTES};
    buffer_init(&s->sums, SIZE_MAX / 2, "block sums of a segment");
    s->block = malloc(SEGMENT_BLOCK_BYTES);
    if (!s->block) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", temporary_path);
    VV_TRY(file_create(temporary_path, &s->file, err));
    return file_write(s->file, no_header, sizeof no_header, err);
}

void segment_stream_done(segment_stream *s)
{
    file_discard(s->file);
    s->file = NULL;
    free(s->block);
    s->block = NULL;
    buffer_done(&s->sums);
}

static varve_status end_block(segment_stream *s, varve_error *err)
{
    uint64_t sum = hash_bytes(s->block, s->block_fill);
    VV_TRY(buffer_add(&s->sums, &sum, sizeof sum, err));
    VV_TRY(file_write(s->file, s->block, s->block_fill, err));
    s->block_fill = 0;
    return VARVE_OK;
}

varve_status segment_stream_put(segment_stream *s, const void *bytes, size_t len, varve_error *err)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        size_t room = SEGMENT_BLOCK_BYTES - s->position % SEGMENT_BLOCK_BYTES;
        size_t part = VV_MIN(len, room);
        memcpy(s->block + s->block_fill, at, part);
        s->block_fill += part;
        s->position += part;
        at += part;
        len -= part;
        if (part == room) VV_TRY(end_block(s, err));
    }
    return VARVE_OK;
}

varve_status segment_stream_align(segment_stream *s, varve_error *err)
{
    static const uint8_t zeros[SEGMENT_SECTION_ALIGNMENT];
    size_t past = s->position % SEGMENT_SECTION_ALIGNMENT;
    return past ? segment_stream_put(s, zeros, SEGMENT_SECTION_ALIGNMENT - past, err) : VARVE_OK;
}

varve_status segment_stream_end_blocks(segment_stream *s, varve_error *err)
{
    return s->block_fill > 0 ? end_block(s, err) : VARVE_OK;
}

varve_status segment_stream_put_after(segment_stream *s, const void *bytes, size_t len,
                                      varve_error *err)
{
    assert(s->block_fill == 0);
    VV_TRY(file_write(s->file, bytes, len, err));
    s->position += len;
    return VARVE_OK;
}

varve_status segment_stream_publish(segment_stream *s, const void *header, const char *final_path,
                                    varve_error *err)
{
    file_writer *file = s->file;
    varve_status status;
    assert(file_written(file) == s->position);
    VV_TRY(file_write_at(file, 0, header, SEGMENT_HEADER_BYTES, err));
    s->file = NULL;
    status = file_publish(file, final_path, err);
    /* A rename whose durability is unknown is taken back; err keeps the first reason. */
    if (status != VARVE_OK) (void)!file_unlink(final_path, NULL);
    return status;
}
