/* segment_reseal.h — make the checksums of a changed segment right again, so that what stands
 * behind them is tested: a reader must not trust a file because its sums fit. Works on bytes in
 * memory, by segment_format.h alone, and copes with anything. */
#ifndef VARVE_TESTS_SEGMENT_RESEAL_H
#define VARVE_TESTS_SEGMENT_RESEAL_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/status.h"
#include "segment/segment_format.h"

static inline void reseal_blocks(uint8_t *bytes, uint64_t end, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from = VV_MAX(i * SEGMENT_BLOCK_BYTES, (uint64_t)SEGMENT_HEADER_BYTES);
        uint64_t to = VV_MIN((i + 1) * SEGMENT_BLOCK_BYTES, end);
        if (from < to)
            put_u64(bytes + end + i * SEGMENT_SUM_BYTES, hash_bytes(bytes + from, to - from));
    }
}

/* Bottom up: blocks, block sums in the directory, directory in the footer, header, footer. Places
 * are read once: in a nonsensical file, what is written may lie over what said where. */
static inline void reseal(uint8_t *bytes, size_t size)
{
    uint8_t *footer, *entry;
    uint64_t at, directory_bytes, sums_at, sums_bytes;
    if (size < SEGMENT_HEADER_BYTES + SEGMENT_FOOTER_BYTES) return;
    footer = bytes + size - SEGMENT_FOOTER_BYTES;
    at = get_u64(footer + 8);
    directory_bytes = (uint64_t)get_u32(footer + 16) * SEGMENT_ENTRY_BYTES;
    if (directory_bytes > 0 && at < size && directory_bytes <= size - at) {
        entry = bytes + at + directory_bytes - SEGMENT_ENTRY_BYTES;
        sums_at = get_u64(entry + 8);
        sums_bytes = get_u64(entry + 16);
        if (sums_at < size && sums_bytes <= size - sums_at) {
            reseal_blocks(bytes, sums_at, sums_bytes / SEGMENT_SUM_BYTES);
            put_u64(entry + 24, hash_bytes(bytes + sums_at, sums_bytes));
        }
        put_u64(footer + 40, hash_bytes(bytes + at, directory_bytes));
    }
    put_u64(bytes + SEGMENT_HEADER_HASH_AT, hash_bytes(bytes, SEGMENT_HEADER_HASH_AT));
    put_u64(footer + 32, get_u64(bytes + SEGMENT_HEADER_HASH_AT));
    put_u64(footer + SEGMENT_FOOTER_HASH_AT, hash_bytes(footer, SEGMENT_FOOTER_HASH_AT));
}

/* The directory entry of a section kind, or NULL. */
static inline uint8_t *entry_of(uint8_t *bytes, size_t size, uint32_t kind)
{
    const uint8_t *footer = bytes + size - SEGMENT_FOOTER_BYTES;
    uint8_t *entry = bytes + get_u64(footer + 8);
    for (uint32_t i = 0; i < get_u32(footer + 16); i++, entry += SEGMENT_ENTRY_BYTES) {
        if (get_u32(entry) == kind) return entry;
    }
    return NULL;
}

#endif
