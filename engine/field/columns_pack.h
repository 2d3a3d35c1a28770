/* columns_pack.h — inner to field/columns_*: packed integers, sets of slots, keys of numbers.
 * Threads  stateless. Errors  the writers': VARVE_LIMIT, VARVE_NO_MEMORY of the buffer. */
#ifndef VARVE_FIELD_COLUMNS_PACK_H
#define VARVE_FIELD_COLUMNS_PACK_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "field/columns_format.h"

static inline unsigned pack_width(uint64_t largest)
{
    return largest ? 64 - (unsigned)__builtin_clzll(largest) : 0;
}
static inline unsigned pack_slot_width(uint32_t rows) { return pack_width(rows ? rows - 1 : 0); }
/* n < 2^33, width <= 56. */
static inline uint64_t pack_size(uint64_t n, unsigned width)
{
    return (n * width + 7) / 8 / 8 * 8 + 16;
}
static inline uint64_t pack_get(const uint8_t *p, unsigned width, uint64_t i)
{
    uint64_t bit = i * width;
    return get_u64(p + bit / 8) >> (bit % 8) & ((UINT64_C(1) << width) - 1);
}
/* p: zeroed, pack_size() bytes; i ascending or not, each once. */
static inline void pack_put(uint8_t *p, unsigned width, uint64_t i, uint64_t v)
{
    uint64_t bit = i * width;
    put_u64(p + bit / 8, get_u64(p + bit / 8) | v << (bit % 8));
}
static inline uint64_t words_of(uint32_t rows) { return ((uint64_t)rows + 63) / 64; }

/* len zero bytes at the end of out. */
VV_CHECKED varve_status pack_zeros(buffer *out, uint64_t len, uint8_t **ret, varve_error *err);
/* Zeros up to a multiple of 8 counted from `start`. */
VV_CHECKED varve_status pack_align(buffer *out, size_t start, varve_error *err);
/* The set of these bits, in the smallest encoding. count: how many are set, not 0. */
VV_CHECKED varve_status pack_set(buffer *out, const uint64_t *bits, uint32_t rows, uint32_t count,
                                 columns_encoding *ret, varve_error *err);
/* Keys of numbers: ascending. */
VV_CHECKED varve_status pack_keys(buffer *out, const uint64_t *keys, uint32_t count,
                                  varve_error *err);

#endif
