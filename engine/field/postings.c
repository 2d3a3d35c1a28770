/* postings.c — see postings.h. */
#include "field/postings.h"

varve_status postings_pack(buffer *out, const uint32_t *values, size_t n, unsigned width,
                           varve_error *err)
{
    uint64_t pending = 0;
    unsigned bits = 0;
    VV_TRY(buffer_reserve(out, postings_packed_bytes(n, width), err));
    for (size_t i = 0; i < n; i++) {
        pending |= (uint64_t)values[i] << bits; /* less than 8 bits are pending here */
        for (bits += width; bits >= 8; bits -= 8, pending >>= 8)
            out->data[out->len++] = (char)pending;
    }
    if (bits) out->data[out->len++] = (char)pending;
    return VARVE_OK;
}

size_t varint_write(uint64_t number, uint8_t *ret)
{
    size_t n = 0;
    for (; number >= 0x80; number >>= 7)
        ret[n++] = (uint8_t)(number | 0x80);
    ret[n++] = (uint8_t)number;
    return n;
}

varve_status varint_add(buffer *out, uint64_t number, varve_error *err)
{
    uint8_t bytes[10];
    return buffer_add(out, bytes, varint_write(number, bytes), err);
}

bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    uint64_t number = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) return false;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = number;
            return true;
        }
    }
    return false;
}

varve_status postings_image_get(const field_image *image, uint64_t offset, uint64_t len,
                                const uint8_t **ret, varve_error *err)
{
    if (offset > image->size || len > image->size - offset)
        return vv_fail(err, VARVE_CORRUPT, "an index refers to bytes it does not have");
    return image->get(image->context, offset, len, ret, err);
}

uint32_t postings_next_bit(const uint64_t *bits, uint32_t slot, uint32_t rows)
{
    if (slot >= rows || !bits) return VV_MIN(slot, rows);
    uint64_t at = slot / 64, words = ((uint64_t)rows + 63) / 64;
    uint64_t word = bits[at] & (~UINT64_C(0) << (slot % 64));
    while (!word && ++at < words)
        word = bits[at];
    if (!word) return rows;
    uint64_t found = at * 64 + (uint64_t)__builtin_ctzll(word);
    return (uint32_t)VV_MIN(found, rows);
}

uint32_t postings_count_bits(const uint64_t *bits, uint32_t first, uint32_t end)
{
    uint32_t count = 0;
    if (!bits) return end > first ? end - first : 0;
    for (uint64_t at = first; at < end;) {
        uint64_t stop = VV_MIN((at / 64 + 1) * 64, end), len = stop - at;
        uint64_t word = bits[at / 64] >> (at % 64);
        if (len < 64) word &= (UINT64_C(1) << len) - 1;
        count += (uint32_t)__builtin_popcountll(word);
        at = stop;
    }
    return count;
}
