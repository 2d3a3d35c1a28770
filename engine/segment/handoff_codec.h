/* handoff_codec.h — inside segment/: one walk over the fields of a message, in two directions. A
 * function that lists fields is used to write them and to read them, so the two cannot differ:
 *     o->epoch = codec_u64(c, o->epoch);
 * writes the value, or replaces it by what is read. The first failure sticks: all that follows is
 * passed over and reads as zero. Integers are little-endian; a text is u16 length and bytes.
 *
 * Ownership  a codec borrows its bytes and its buffer.
 * Threads    one.
 * Errors     in codec.status: VARVE_CORRUPT when reading, VARVE_INVALID when writing what a reader
 *            would refuse; those of base/buffer.h. */
#ifndef VARVE_SEGMENT_HANDOFF_CODEC_H
#define VARVE_SEGMENT_HANDOFF_CODEC_H

#include "base/buffer.h"

typedef struct codec {
    buffer *out;       /* writing; NULL: reading */
    const uint8_t *at; /* reading: what is left */
    size_t left;
    const char *what; /* the message, for sentences */
    varve_status status;
    varve_error *err;
} codec;

/* The value is outside of what it may be. */
void codec_fail(codec *c, const char *field);
void codec_bytes(codec *c, void *bytes, size_t len);
uint8_t codec_u8(codec *c, uint8_t value);
uint16_t codec_u16(codec *c, uint16_t value);
uint32_t codec_u32(codec *c, uint32_t value);
uint64_t codec_u64(codec *c, uint64_t value);
double codec_f64(codec *c, double value); /* finite */
bool codec_bool(codec *c, bool value);
/* A u32 within [least, most], for counts and enums. */
uint32_t codec_range(codec *c, uint32_t value, uint32_t least, uint32_t most, const char *field);
/* NUL-terminated text of at least `least` and fewer than `size` bytes. */
void codec_text(codec *c, char *text, size_t least, size_t size, const char *field);
/* The end: nothing may be left. */
void codec_end(codec *c);

#endif
