/* block_stream.c — blocks, their hashes, and the file they go to. */
#include "base/block_stream.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

static const uint8_t zeros[BLOCK_STREAM_ALIGNMENT_MAX];

varve_status block_stream_init(block_stream *s, const char *temporary_path, size_t header_bytes,
                               varve_error *err)
{
    assert(header_bytes <= sizeof zeros);
    *s = (block_stream){.position = header_bytes, .header_bytes = header_bytes};
    buffer_init(&s->sums, SIZE_MAX / 2, "block sums of a file");
    s->block = malloc(BLOCK_STREAM_BLOCK_BYTES);
    if (!s->block) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", temporary_path);
    VV_TRY(file_create(temporary_path, &s->file, err));
    return file_write(s->file, zeros, header_bytes, err);
}

void block_stream_done(block_stream *s)
{
    file_discard(s->file);
    s->file = NULL;
    free(s->block);
    s->block = NULL;
    buffer_done(&s->sums);
}

static varve_status end_block(block_stream *s, varve_error *err)
{
    uint64_t sum = hash_bytes(s->block, s->block_fill);
    VV_TRY(buffer_add(&s->sums, &sum, sizeof sum, err));
    VV_TRY(file_write(s->file, s->block, s->block_fill, err));
    s->block_fill = 0;
    return VARVE_OK;
}

varve_status block_stream_put(block_stream *s, const void *bytes, size_t len, varve_error *err)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        size_t room = BLOCK_STREAM_BLOCK_BYTES - s->position % BLOCK_STREAM_BLOCK_BYTES;
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

varve_status block_stream_align(block_stream *s, size_t alignment, varve_error *err)
{
    size_t past = s->position % alignment;
    assert(alignment <= sizeof zeros && (alignment & (alignment - 1)) == 0);
    return past ? block_stream_put(s, zeros, alignment - past, err) : VARVE_OK;
}

varve_status block_stream_end_blocks(block_stream *s, varve_error *err)
{
    return s->block_fill > 0 ? end_block(s, err) : VARVE_OK;
}

varve_status block_stream_put_after(block_stream *s, const void *bytes, size_t len,
                                    varve_error *err)
{
    assert(s->block_fill == 0);
    VV_TRY(file_write(s->file, bytes, len, err));
    s->position += len;
    return VARVE_OK;
}

varve_status block_stream_flush(block_stream *s, const void *header, varve_error *err)
{
    assert(s->block_fill == 0 && file_written(s->file) == s->position);
    return file_write_at(s->file, 0, header, s->header_bytes, err);
}

/* ---- drafts -------------------------------------------------------------------------------- */

block_stream_mark block_stream_here(const block_stream *s)
{
    return (block_stream_mark){s->position, s->block_fill, s->sums.len};
}

/* The bytes of the block that was open at the mark are still in s->block: nothing was put since but
 * zeros of an alignment behind them. */
varve_status block_stream_rewind(block_stream *s, const block_stream_mark *m, varve_error *err)
{
    assert(m->position <= s->position && m->sums_len <= s->sums.len);
    VV_TRY(file_cut(s->file, m->position - m->block_fill, err));
    s->position = m->position;
    s->block_fill = m->block_fill;
    s->sums.len = m->sums_len;
    return VARVE_OK;
}

/* ---- the end ------------------------------------------------------------------------------- */

varve_status block_stream_publish(block_stream *s, const void *header, const char *final_path,
                                  varve_error *err)
{
    file_writer *file = s->file;
    varve_status status;
    VV_TRY(block_stream_flush(s, header, err));
    s->file = NULL;
    status = file_publish(file, final_path, err);
    /* A rename whose durability is unknown is taken back; err keeps the first reason. */
    if (status != VARVE_OK) (void)!file_unlink(final_path, NULL);
    return status;
}
