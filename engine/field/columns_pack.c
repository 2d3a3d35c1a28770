/* columns_pack.c — packed integers, sets of slots, keys of numbers: the writing side. */
#include "field/columns_pack.h"

varve_status pack_zeros(buffer *out, uint64_t len, uint8_t **ret, varve_error *err)
{
    VV_TRY(buffer_reserve(out, len, err));
    uint8_t *p = (uint8_t *)out->data + out->len;
    memset(p, 0, len);
    out->len += len;
    *ret = p;
    return VARVE_OK;
}

varve_status pack_align(buffer *out, size_t start, varve_error *err)
{
    uint8_t *zeros;
    return pack_zeros(out, size_align(out->len - start, 8) - (out->len - start), &zeros, err);
}

/* ---- sets of slots ------------------------------------------------------------------------- */

static varve_status put_slots(buffer *out, const uint64_t *bits, uint32_t rows, uint32_t count,
                              uint64_t flip, varve_error *err)
{
    unsigned width = pack_slot_width(rows);
    uint64_t n = 0;
    uint8_t *p;
    VV_TRY(pack_zeros(out, pack_size(count, width), &p, err));
    for (uint64_t word = 0; word < words_of(rows); word++)
        for (uint64_t left = bits[word] ^ flip; left && n < count; left &= left - 1)
            pack_put(p, width, n++, word * 64 + (uint64_t)__builtin_ctzll(left));
    return VARVE_OK;
}

varve_status pack_set(buffer *out, const uint64_t *bits, uint32_t rows, uint32_t count,
                      columns_encoding *ret, varve_error *err)
{
    unsigned width = pack_slot_width(rows);
    uint64_t bitmap = words_of(rows) * 8, list = pack_size(count, width),
             gaps = pack_size(rows - count, width);
    uint8_t *p;
    if (count == rows) {
        *ret = COLUMNS_FULL;
    } else if (bitmap <= list && bitmap <= gaps) {
        *ret = COLUMNS_BITMAP;
        VV_TRY(pack_zeros(out, bitmap, &p, err));
        memcpy(p, bits, bitmap);
    } else if (list <= gaps) {
        *ret = COLUMNS_LIST;
        VV_TRY(put_slots(out, bits, rows, count, 0, err));
    } else {
        *ret = COLUMNS_GAPS;
        VV_TRY(put_slots(out, bits, rows, rows - count, UINT64_MAX, err));
    }
    return VARVE_OK;
}

/* ---- keys of numbers ----------------------------------------------------------------------- */

/* The bits that the keys of a block differ in, without the zeros at their end. */
static unsigned block_width(const uint64_t *keys, uint32_t count, unsigned *ret_shift)
{
    uint64_t all = 0;
    for (uint32_t i = 1; i < count; i++)
        all |= keys[i] - keys[0];
    unsigned shift = all ? (unsigned)__builtin_ctzll(all) : 0, width = pack_width(all >> shift);
    *ret_shift = width > COLUMNS_PACKED_MAX ? 0 : shift;
    return width > COLUMNS_PACKED_MAX ? COLUMNS_KEY_AS_IS : width;
}

static varve_status put_block(buffer *out, const uint64_t *keys, uint32_t count, unsigned shift,
                              unsigned width, varve_error *err)
{
    uint8_t *p;
    if (width == COLUMNS_KEY_AS_IS) return buffer_add(out, keys, (size_t)count * 8, err);
    VV_TRY(pack_zeros(out, pack_size(count, width), &p, err));
    for (uint32_t i = 0; i < count; i++)
        pack_put(p, width, i, (keys[i] - keys[0]) >> shift);
    return VARVE_OK;
}

varve_status pack_keys(buffer *out, const uint64_t *keys, uint32_t count, varve_error *err)
{
    uint32_t blocks = (uint32_t)(((uint64_t)count + COLUMNS_KEY_BLOCK - 1) / COLUMNS_KEY_BLOCK);
    size_t entry = out->len, start;
    uint8_t *p;
    VV_TRY(pack_zeros(out, (uint64_t)blocks * COLUMNS_KEY_ENTRY, &p, err));
    start = out->len;
    for (uint32_t i = 0; i < blocks; i++, entry += COLUMNS_KEY_ENTRY) {
        const uint64_t *block = keys + (size_t)i * COLUMNS_KEY_BLOCK;
        uint32_t n = VV_MIN(count - i * COLUMNS_KEY_BLOCK, (uint32_t)COLUMNS_KEY_BLOCK);
        unsigned shift, width = block_width(block, n, &shift);
        size_t offset = out->len - start;
        if (offset > UINT32_MAX)
            return vv_fail(err, VARVE_LIMIT, "the numbers of a column take more than 4 GiB");
        VV_TRY(put_block(out, block, n, shift, width, err));
        p = (uint8_t *)out->data + entry;
        put_u64(p, block[0]);
        put_u32(p + 8, (uint32_t)offset);
        p[12] = (uint8_t)shift;
        p[13] = (uint8_t)width;
    }
    return VARVE_OK;
}
