/* index_reseal.h — make the checksums of a changed index file right again, so that what stands
 * behind them is tested: a reader must not trust a file because its sums fit. Works on bytes in
 * memory, by index_format.h alone, and copes with anything. */
#ifndef VARVE_TESTS_INDEX_RESEAL_H
#define VARVE_TESTS_INDEX_RESEAL_H

#include "base/block_stream.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "index/index_format.h"

static inline void index_reseal_blocks(uint8_t *bytes, uint64_t end, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from = VV_MAX(i * BLOCK_STREAM_BLOCK_BYTES, (uint64_t)INDEX_HEADER_BYTES);
        uint64_t to = VV_MIN((i + 1) * BLOCK_STREAM_BLOCK_BYTES, end);
        if (from < to) put_u64(bytes + end + i * 8, hash_bytes(bytes + from, to - from));
    }
}

/* Bottom up: blocks, block sums in the directory, directory in the footer, header, footer. Places
 * are read once: in a nonsensical file, what is written may lie over what said where. */
static inline void index_reseal(uint8_t *bytes, size_t size)
{
    uint8_t *footer, *entry;
    uint64_t at, directory_bytes, sums_at, sums_bytes;
    if (size < INDEX_HEADER_BYTES + INDEX_FOOTER_BYTES) return;
    footer = bytes + size - INDEX_FOOTER_BYTES;
    at = get_u64(footer + 8);
    directory_bytes = (uint64_t)get_u32(footer + 16) * INDEX_ENTRY_BYTES;
    if (directory_bytes > 0 && at < size && directory_bytes <= size - at) {
        entry = bytes + at + directory_bytes - INDEX_ENTRY_BYTES;
        sums_at = get_u64(entry + 8);
        sums_bytes = get_u64(entry + 16);
        if (sums_at < size && sums_bytes <= size - sums_at) {
            index_reseal_blocks(bytes, sums_at, sums_bytes / 8);
            put_u64(entry + 24, hash_bytes(bytes + sums_at, sums_bytes));
        }
        put_u64(footer + 40, hash_bytes(bytes + at, directory_bytes));
    }
    put_u64(bytes + INDEX_HEADER_HASH_AT, hash_bytes(bytes, INDEX_HEADER_HASH_AT));
    put_u64(footer + 32, get_u64(bytes + INDEX_HEADER_HASH_AT));
    put_u64(footer + INDEX_FOOTER_HASH_AT, hash_bytes(footer, INDEX_FOOTER_HASH_AT));
}

/* The directory entry of a section kind, or NULL; of a file that opens. */
static inline uint8_t *index_entry_of(uint8_t *bytes, size_t size, uint32_t kind)
{
    const uint8_t *footer = bytes + size - INDEX_FOOTER_BYTES;
    uint8_t *entry = bytes + get_u64(footer + 8);
    for (uint32_t i = 0; i < get_u32(footer + 16); i++, entry += INDEX_ENTRY_BYTES) {
        if (get_u32(entry) == kind) return entry;
    }
    return NULL;
}

#endif
