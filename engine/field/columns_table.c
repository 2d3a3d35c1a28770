/* columns_table.c — writing a table of columns: sorted values and the slots of each. A value that
 * has so many slots that a bitmap is smaller gets one; the others share one packed run. */
#include "field/columns_build.h"
#include "field/columns_pack.h"

#include <stdlib.h>

typedef struct table_shape {
    uint64_t sparse; /* slots in the run */
    uint32_t dense;
    unsigned width;
    bool unique;
} table_shape;

static bool is_dense(const build_postings *p, uint32_t i, unsigned width)
{
    return (uint64_t)(p->starts[i + 1] - p->starts[i]) * width > words_of(p->rows) * 64;
}

static table_shape shape_of(const build_postings *p)
{
    table_shape s = {.width = pack_slot_width(p->rows), .unique = true};
    for (uint32_t i = 0; i < p->values; i++) {
        uint32_t n = p->starts[i + 1] - p->starts[i];
        bool dense = is_dense(p, i, s.width);
        s.dense += dense;
        s.sparse += dense ? 0 : n;
        s.unique &= !dense && n == 1;
    }
    return s;
}

static varve_status put_starts(const build_postings *p, const table_shape *s, buffer *out,
                               varve_error *err)
{
    unsigned width = pack_width(s->sparse);
    uint64_t start = 0;
    uint8_t *packed;
    VV_TRY(pack_zeros(out, pack_size((uint64_t)p->values + 1, width), &packed, err));
    for (uint32_t i = 0; i < p->values; i++) {
        pack_put(packed, width, i, start);
        if (!is_dense(p, i, s->width)) start += p->starts[i + 1] - p->starts[i];
    }
    pack_put(packed, width, p->values, start);
    return VARVE_OK;
}

static varve_status put_run(const build_postings *p, const table_shape *s, buffer *out,
                            varve_error *err)
{
    uint64_t n = 0;
    uint8_t *packed;
    VV_TRY(pack_zeros(out, pack_size(s->sparse, s->width), &packed, err));
    for (uint32_t i = 0; i < p->values; i++)
        if (!is_dense(p, i, s->width))
            for (uint32_t at = p->starts[i]; at < p->starts[i + 1]; at++)
                pack_put(packed, s->width, n++, p->slots[at]);
    return VARVE_OK;
}

static varve_status put_bitmap(const build_postings *p, uint32_t which, buffer *out,
                               varve_error *err)
{
    uint8_t *bits;
    VV_TRY(pack_zeros(out, words_of(p->rows) * 8, &bits, err));
    for (uint32_t at = p->starts[which]; at < p->starts[which + 1]; at++) {
        uint32_t slot = p->slots[at];
        bits[slot / 8] |= (uint8_t)(1u << (slot % 8));
    }
    return VARVE_OK;
}

static varve_status put_dense(const build_postings *p, const table_shape *s, buffer *out,
                              varve_error *err)
{
    uint8_t *list;
    VV_TRY(pack_zeros(out, (uint64_t)s->dense * COLUMNS_DENSE_BYTES, &list, err));
    for (uint32_t i = 0, n = 0; n < s->dense; i++) {
        if (!is_dense(p, i, s->width)) continue;
        put_u32(list + n * COLUMNS_DENSE_BYTES, i);
        put_u32(list + n++ * COLUMNS_DENSE_BYTES + 4, p->starts[i + 1] - p->starts[i]);
    }
    for (uint32_t i = 0, n = 0; n < s->dense; i++)
        if (is_dense(p, i, s->width)) {
            VV_TRY(put_bitmap(p, i, out, err));
            n++;
        }
    return VARVE_OK;
}

varve_status build_write_table(const build_postings *p, const buffer *keys, unsigned flags,
                               buffer *out, varve_error *err)
{
    table_shape s = shape_of(p);
    uint8_t header[COLUMNS_TABLE_BYTES] = {0};
    put_u32(header, p->values);
    put_u32(header + 4, (uint32_t)s.sparse);
    put_u32(header + 8, s.dense);
    header[12] = (uint8_t)(flags | (s.unique ? COLUMNS_FLAG_UNIQUE : 0));
    header[13] = (uint8_t)(s.unique ? 0 : pack_width(s.sparse));
    put_u64(header + 16, keys->len);
    VV_TRY(buffer_add(out, header, sizeof header, err));
    VV_TRY(buffer_add(out, keys->data, keys->len, err));
    if (!s.unique) VV_TRY(put_starts(p, &s, out, err));
    VV_TRY(put_run(p, &s, out, err));
    return put_dense(p, &s, out, err);
}
