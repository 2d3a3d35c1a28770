/* block_sums.c — bits of blocks that matched, and the hashing of those that were not asked for
 * yet. */
#include "base/block_sums.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <stdlib.h>
#include <sys/mman.h>

#define WORD_BITS         64
#define READ_AHEAD_BLOCKS 16 /* 1 MiB: the disk reads it while these blocks are hashed */

static uint64_t blocks_of(uint64_t end)
{
    return end / BLOCK_STREAM_BLOCK_BYTES + (end % BLOCK_STREAM_BLOCK_BYTES != 0);
}

bool block_sums_fit(uint64_t end, uint64_t sums_bytes)
{
    return sums_bytes % BLOCK_SUMS_SUM_BYTES == 0 &&
           sums_bytes / BLOCK_SUMS_SUM_BYTES == blocks_of(end);
}

varve_status block_sums_init(block_sums *b, const char *what, const char *path, const file_map *map,
                             uint64_t first, uint64_t end, varve_error *err)
{
    *b = (block_sums){.what = what,
                      .path = path,
                      .map = map,
                      .first = first,
                      .end = end,
                      .count = blocks_of(end)};
    b->verified = calloc(b->count / WORD_BITS + 1, sizeof b->verified[0]);
    if (!b->verified) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open %s %s", what, path);
    return VARVE_OK;
}

void block_sums_done(block_sums *b)
{
    free(b->verified);
    b->verified = NULL;
}

/* The bits [first, last] of the word `index`, of all bits [first, last] of the set. */
static uint64_t mask_of(uint64_t index, uint64_t first, uint64_t last)
{
    uint64_t mask = UINT64_MAX;
    if (index == first / WORD_BITS) mask <<= first % WORD_BITS;
    if (index == last / WORD_BITS) mask &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
    return mask;
}

static varve_status verify_block(block_sums *b, uint64_t block, varve_error *err)
{
    uint64_t from = VV_MAX(block * BLOCK_STREAM_BLOCK_BYTES, b->first);
    uint64_t to = VV_MIN((block + 1) * BLOCK_STREAM_BLOCK_BYTES, b->end);
    uint64_t sum = hash_bytes(b->map->data + from, to - from);
    if (sum != get_u64(b->map->data + b->end + block * BLOCK_SUMS_SUM_BYTES))
        return vv_fail(err, VARVE_CORRUPT, "%s %s: block %llu does not match its checksum", b->what,
                       b->path, (unsigned long long)block);
    /* Relaxed, here and where bits are read: a bit publishes nothing, the bytes never change. */
    __atomic_fetch_or(&b->verified[block / WORD_BITS], (uint64_t)1 << block % WORD_BITS,
                      __ATOMIC_RELAXED);
    return VARVE_OK;
}

/* One request to the disk for all that is about to be hashed; a scan will ask for more. */
static void will_need(const block_sums *b, uint64_t first, uint64_t last)
{
    uint64_t end = last + 1 + (last > first ? READ_AHEAD_BLOCKS : 0);
    uint64_t from = first * BLOCK_STREAM_BLOCK_BYTES;
    uint64_t to = VV_MIN(end * BLOCK_STREAM_BLOCK_BYTES, b->map->size);
    (void)madvise((uint8_t *)(uintptr_t)b->map->data + from, to - from, MADV_WILLNEED);
}

static __attribute__((noinline)) varve_status verify_missing(block_sums *b, uint64_t first,
                                                             uint64_t last, varve_error *err)
{
    will_need(b, first, last);
    for (uint64_t block = first; block <= last; block++) {
        uint64_t word = __atomic_load_n(&b->verified[block / WORD_BITS], __ATOMIC_RELAXED);
        if (word >> block % WORD_BITS & 1) continue;
        VV_TRY(verify_block(b, block, err));
    }
    return VARVE_OK;
}

varve_status block_sums_verify(block_sums *b, uint64_t offset, uint64_t size, varve_error *err)
{
    uint64_t first, last;
    if (size == 0) return VARVE_OK;
    first = offset / BLOCK_STREAM_BLOCK_BYTES;
    last = (offset + size - 1) / BLOCK_STREAM_BLOCK_BYTES;
    for (uint64_t i = first / WORD_BITS; i <= last / WORD_BITS; i++) {
        uint64_t word = __atomic_load_n(&b->verified[i], __ATOMIC_RELAXED);
        if (VV_UNLIKELY(~word & mask_of(i, first, last)))
            return verify_missing(b, first, last, err);
    }
    return VARVE_OK;
}

varve_status block_sums_verify_all(block_sums *b, varve_error *err)
{
    for (uint64_t block = 0; block < b->count; block++)
        VV_TRY(verify_block(b, block, err));
    return VARVE_OK;
}
