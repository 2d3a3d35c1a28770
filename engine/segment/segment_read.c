/* segment_read.c — verification by blocks, and the accessors on top of it. */
#include "base/bytes.h"
#include "base/hash.h"
#include "segment/segment_inner.h"

#include <assert.h>
#include <sys/mman.h>

#define WORD_BITS         64
#define READ_AHEAD_BLOCKS 16 /* 1 MiB: the disk reads it while these blocks are hashed */

/* ---- verification -------------------------------------------------------------------------- */

/* The bits [first, last] of the word `index`, of all bits [first, last] of the set. */
static uint64_t mask_of(uint64_t index, uint64_t first, uint64_t last)
{
    uint64_t mask = UINT64_MAX;
    if (index == first / WORD_BITS) mask <<= first % WORD_BITS;
    if (index == last / WORD_BITS) mask &= UINT64_MAX >> (WORD_BITS - 1 - last % WORD_BITS);
    return mask;
}

varve_status segment_verify_block(segment *s, uint64_t block, varve_error *err)
{
    uint64_t from = VV_MAX(block * SEGMENT_BLOCK_BYTES, (uint64_t)SEGMENT_HEADER_BYTES);
    uint64_t to = VV_MIN((block + 1) * SEGMENT_BLOCK_BYTES, s->data_end);
    uint64_t sum = hash_bytes(s->map.data + from, to - from);
    if (sum != get_u64(s->sums + block * SEGMENT_SUM_BYTES))
        return vv_fail(err, VARVE_CORRUPT, "segment %s: block %llu does not match its checksum",
                       s->path, (unsigned long long)block);
    /* Relaxed, here and where bits are read: a bit publishes nothing, the bytes never change. */
    __atomic_fetch_or(&s->verified[block / WORD_BITS], (uint64_t)1 << block % WORD_BITS,
                      __ATOMIC_RELAXED);
    return VARVE_OK;
}

/* One request to the disk for all that is about to be hashed; a scan will ask for more. */
static void will_need(const segment *s, uint64_t first, uint64_t last)
{
    uint64_t end = last + 1 + (last > first ? READ_AHEAD_BLOCKS : 0);
    uint64_t from = first * SEGMENT_BLOCK_BYTES;
    uint64_t to = VV_MIN(end * SEGMENT_BLOCK_BYTES, s->map.size);
    (void)madvise((uint8_t *)(uintptr_t)s->map.data + from, to - from, MADV_WILLNEED);
}

static __attribute__((noinline)) varve_status verify_missing(segment *s, uint64_t first,
                                                             uint64_t last, varve_error *err)
{
    will_need(s, first, last);
    for (uint64_t block = first; block <= last; block++) {
        uint64_t word = __atomic_load_n(&s->verified[block / WORD_BITS], __ATOMIC_RELAXED);
        if (word >> block % WORD_BITS & 1) continue;
        VV_TRY(segment_verify_block(s, block, err));
    }
    return VARVE_OK;
}

varve_status segment_verify(segment *s, uint64_t offset, uint64_t size, varve_error *err)
{
    uint64_t first, last;
    if (size == 0) return VARVE_OK;
    first = offset / SEGMENT_BLOCK_BYTES;
    last = (offset + size - 1) / SEGMENT_BLOCK_BYTES;
    for (uint64_t i = first / WORD_BITS; i <= last / WORD_BITS; i++) {
        uint64_t word = __atomic_load_n(&s->verified[i], __ATOMIC_RELAXED);
        if (VV_UNLIKELY(~word & mask_of(i, first, last)))
            return verify_missing(s, first, last, err);
    }
    return VARVE_OK;
}

/* ---- accessors ----------------------------------------------------------------------------- */

static varve_status column_get(segment *s, const column *c, uint64_t i, uint64_t *ret,
                               varve_error *err)
{
    uint64_t at = c->listed.offset + i * sizeof(uint64_t);
    if (c->stepped) {
        *ret = c->first + i * c->step;
        return VARVE_OK;
    }
    VV_TRY(segment_verify(s, at, sizeof(uint64_t), err));
    *ret = get_u64(s->map.data + at);
    return VARVE_OK;
}

/* Bytes of row `slot` in a heap; listed offsets are checked here, as they are used. */
static varve_status heap_get(segment *s, const column *offsets, const section *heap, uint64_t slot,
                             const uint8_t **ret, size_t *ret_len, varve_error *err)
{
    uint64_t from, to;
    VV_TRY(column_get(s, offsets, slot, &from, err));
    VV_TRY(column_get(s, offsets, slot + 1, &to, err));
    if (from > to || to > heap->size)
        return vv_fail(err, VARVE_CORRUPT, "segment %s: the offsets of row %llu are wrong", s->path,
                       (unsigned long long)slot);
    VV_TRY(segment_verify(s, heap->offset + from, to - from, err));
    *ret = s->map.data + heap->offset + from;
    *ret_len = to - from;
    return VARVE_OK;
}

varve_status segment_vectors(segment *s, uint64_t first, uint64_t n, const uint8_t **ret,
                             varve_error *err)
{
    uint64_t at = s->vectors.offset + first * s->stride;
    assert(first <= s->record.rows && n <= s->record.rows - first);
    VV_TRY(segment_verify(s, at, n * s->stride, err));
    *ret = s->map.data + at;
    return VARVE_OK;
}

varve_status segment_rowver(segment *s, uint64_t slot, uint64_t *ret, varve_error *err)
{
    assert(slot < s->record.rows);
    return column_get(s, &s->rowvers, slot, ret, err);
}

varve_status segment_ordinal(segment *s, uint64_t slot, uint64_t *ret, varve_error *err)
{
    assert(slot < s->record.rows);
    return column_get(s, &s->ordinals, slot, ret, err);
}

varve_status segment_id_key(segment *s, uint64_t slot, const uint8_t **ret, size_t *ret_len,
                            varve_error *err)
{
    assert(slot < s->record.rows);
    return heap_get(s, &s->id_offsets, &s->id_bytes, slot, ret, ret_len, err);
}

varve_status segment_fields(segment *s, uint64_t slot, varve_text *ret, varve_error *err)
{
    const uint8_t *bytes;
    size_t len;
    assert(slot < s->record.rows);
    VV_TRY(heap_get(s, &s->field_offsets, &s->field_bytes, slot, &bytes, &len, err));
    *ret = (varve_text){(const char *)bytes, len};
    return VARVE_OK;
}

/* ---- the slot of a rowver ------------------------------------------------------------------ */

static bool find_stepped(const segment *s, uint64_t rowver, uint64_t *ret_slot)
{
    uint64_t past = rowver - s->rowvers.first;
    if (s->rowvers.step == 0)
        *ret_slot = 0; /* one row */
    else if (past % s->rowvers.step != 0)
        return false;
    else
        *ret_slot = past / s->rowvers.step;
    return true;
}

varve_status segment_find(segment *s, uint64_t rowver, bool *ret_found, uint64_t *ret_slot,
                          varve_error *err)
{
    const segment_record *r = &s->record;
    bool inside = r->rowver_min <= rowver && rowver <= r->rowver_max, found = false;
    uint64_t low = 0, high = inside && !s->rowvers.stepped ? r->rows : 0;
    if (inside && s->rowvers.stepped) found = find_stepped(s, rowver, &low);
    while (low < high) { /* the slot, if any, is in [low, high) */
        uint64_t middle = low + (high - low) / 2, there;
        VV_TRY(column_get(s, &s->rowvers, middle, &there, err));
        found = there == rowver;
        if (found)
            low = high = middle;
        else if (there < rowver)
            low = middle + 1;
        else
            high = middle;
    }
    if (found) *ret_slot = low;
    *ret_found = found;
    return VARVE_OK;
}
