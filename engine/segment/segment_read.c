/* segment_read.c — the accessors: blocks are verified as they are first touched. */
#include "base/bytes.h"
#include "segment/segment_inner.h"

#include <assert.h>

/* ---- accessors ----------------------------------------------------------------------------- */

static varve_status column_get(segment *s, const stored_column *c, uint64_t i, uint64_t *ret,
                               varve_error *err)
{
    uint64_t at = c->listed.offset + i * sizeof(uint64_t);
    if (c->stepped) {
        *ret = c->first + i * c->step;
        return VARVE_OK;
    }
    VV_TRY(block_sums_verify(&s->blocks, at, sizeof(uint64_t), err));
    *ret = get_u64(s->map.data + at);
    return VARVE_OK;
}

/* Bytes of row `slot` in a heap; listed offsets are checked here, as they are used. */
static varve_status heap_get(segment *s, const stored_column *offsets, const section *heap,
                             uint64_t slot, const uint8_t **ret, size_t *ret_len, varve_error *err)
{
    uint64_t from, to;
    VV_TRY(column_get(s, offsets, slot, &from, err));
    VV_TRY(column_get(s, offsets, slot + 1, &to, err));
    if (from > to || to > heap->size)
        return vv_fail(err, VARVE_CORRUPT, "segment %s: the offsets of row %llu are wrong", s->path,
                       (unsigned long long)slot);
    VV_TRY(block_sums_verify(&s->blocks, heap->offset + from, to - from, err));
    *ret = s->map.data + heap->offset + from;
    *ret_len = to - from;
    return VARVE_OK;
}

varve_status segment_vectors(segment *s, uint64_t first, uint64_t n, const uint8_t **ret,
                             varve_error *err)
{
    uint64_t at = s->vectors.offset + first * s->stride;
    assert(first <= s->record.rows && n <= s->record.rows - first);
    VV_TRY(block_sums_verify(&s->blocks, at, n * s->stride, err));
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
