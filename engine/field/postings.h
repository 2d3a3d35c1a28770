/* postings.h — inner to the text and the sparse index: integers of few bits side by side, varints,
 * and bytes of an image that are checked before they are read.
 * Threads  stateless. */
#ifndef VARVE_FIELD_POSTINGS_H
#define VARVE_FIELD_POSTINGS_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "field/columns.h"

#define POSTINGS_BLOCK   128 /* rows of a block */
#define POSTINGS_PADDING 8   /* bytes behind packed integers that may be read */
#define POSTINGS_NONE    UINT32_MAX

static inline unsigned postings_width(uint32_t largest)
{
    return largest ? 32 - (unsigned)__builtin_clz(largest) : 0;
}
static inline size_t postings_packed_bytes(uint64_t n, unsigned width)
{
    return (size_t)((n * width + 7) / 8);
}
/* POSTINGS_PADDING bytes behind the packed ones may be read; width <= 32. */
static inline uint32_t postings_get(const uint8_t *p, unsigned width, uint64_t i)
{
    uint64_t bit = i * width;
    return (uint32_t)(get_u64(p + bit / 8) >> (bit % 8) & ((UINT64_C(1) << width) - 1));
}
/* Eight at a time as long as these are eight bytes at the most. */
static inline void postings_unpack(const uint8_t *p, unsigned width, size_t n, uint32_t *ret)
{
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t i = 0;
    for (; width <= 8 && i + 8 <= n; i += 8, p += width) {
        uint64_t eight = get_u64(p);
        for (size_t j = 0; j < 8; j++, eight >>= width)
            ret[i + j] = (uint32_t)(eight & mask);
    }
    for (size_t bit = 0; i < n; i++, bit += width)
        ret[i] = (uint32_t)(get_u64(p + bit / 8) >> (bit % 8) & mask);
}
VV_CHECKED varve_status postings_pack(buffer *out, const uint32_t *values, size_t n, unsigned width,
                                      varve_error *err);

/* A number of 7 bits a byte, the low ones first. At most 10 bytes. */
size_t varint_write(uint64_t number, uint8_t *ret);
VV_CHECKED varve_status varint_add(buffer *out, uint64_t number, varve_error *err);
/* False: cut short, or more than 64 bits. */
bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *ret);

/* Bytes [offset, offset + len) of an image, or VARVE_CORRUPT if it does not have them. */
VV_CHECKED varve_status postings_image_get(const field_image *image, uint64_t offset, uint64_t len,
                                           const uint8_t **ret, varve_error *err);

static inline bool postings_bit(const uint64_t *bits, uint64_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}
/* The first row at or after `slot` that is in bits (NULL: all); `rows`: none. */
uint32_t postings_next_bit(const uint64_t *bits, uint32_t slot, uint32_t rows);
/* How many of the rows [first, end) are in bits (NULL: all). */
uint32_t postings_count_bits(const uint64_t *bits, uint32_t first, uint32_t end);

#endif
