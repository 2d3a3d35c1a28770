/* columns_read.c — reading columns: sets of slots, and the slots of stretches of values. */
#include "field/columns_inner.h"

static varve_status bad_slot(varve_error *err)
{
    return columns_corrupt("a slot beyond rows", err);
}

/* ---- into bits ----------------------------------------------------------------------------- */

static void or_range(uint64_t *bits, uint64_t first, uint64_t end)
{
    for (; first < end && first % 64; first++)
        bits[first / 64] |= UINT64_C(1) << (first % 64);
    for (; end - first >= 64 && first < end; first += 64)
        bits[first / 64] = UINT64_MAX;
    for (; first < end; first++)
        bits[first / 64] |= UINT64_C(1) << (first % 64);
}

static varve_status or_words(uint64_t *bits, const uint8_t *words, uint32_t rows, varve_error *err)
{
    uint64_t count = words_of(rows);
    if (rows % 64 && get_u64(words + (count - 1) * 8) >> (rows % 64)) return bad_slot(err);
    for (uint64_t i = 0; i < count; i++)
        bits[i] |= get_u64(words + i * 8);
    return VARVE_OK;
}

#define TWO_WIDTH 28 /* up to which one word, from any bit of its first byte, holds two slots */

/* Packed slots [first, end) behind p, an even number of them; false: one is too large. */
static bool or_pairs(uint64_t *bits, const uint8_t *p, unsigned width, uint64_t first, uint64_t end,
                     uint32_t rows)
{
    uint64_t mask = (UINT64_C(1) << width) - 1, bit = first * width;
    for (uint64_t i = first; i < end; i += 2, bit += 2 * (uint64_t)width) {
        uint64_t two = get_u64(p + bit / 8) >> bit % 8;
        uint64_t a = two & mask, b = two >> width & mask;
        if (VV_UNLIKELY(a >= rows) || VV_UNLIKELY(b >= rows)) return false;
        bits[a / 64] |= UINT64_C(1) << (a % 64);
        bits[b / 64] |= UINT64_C(1) << (b % 64);
    }
    return true;
}

static bool or_one(uint64_t *bits, const uint8_t *p, unsigned width, uint64_t i, uint32_t rows)
{
    uint64_t slot = pack_get(p, width, i);
    if (slot >= rows) return false;
    bits[slot / 64] |= UINT64_C(1) << (slot % 64);
    return true;
}

/* Packed slots [first, end) behind p. */
static varve_status or_packed(uint64_t *bits, const uint8_t *p, unsigned width, uint64_t first,
                              uint64_t end, uint32_t rows, varve_error *err)
{
    bool good = true;
    if (width == 0) end = VV_MIN(end, first + 1); /* one row: however many they say, they are 0 */
    if (width <= TWO_WIDTH && end - first >= 2) {
        uint64_t pairs_end = end - (end - first) % 2;
        good = or_pairs(bits, p, width, first, pairs_end, rows);
        first = pairs_end;
    }
    for (uint64_t i = first; i < end && good; i++)
        good = or_one(bits, p, width, i, rows);
    return good ? VARVE_OK : bad_slot(err);
}

static varve_status or_gaps(uint64_t *bits, const uint8_t *p, const column_part *part,
                            uint32_t rows, varve_error *err)
{
    uint64_t next = 0;
    for (uint64_t i = 0; i < rows - part->count; i++) {
        uint64_t gap = pack_get(p, part->width, i);
        if (gap < next || gap >= rows) return bad_slot(err);
        or_range(bits, next, gap);
        next = gap + 1;
    }
    or_range(bits, next, rows);
    return VARVE_OK;
}

varve_status column_or_kind(const column *c, column_kind kind, uint64_t *bits, uint64_t *postings,
                            varve_error *err)
{
    const column_part *part = &c->kinds[kind];
    uint32_t rows = c->columns->rows;
    const uint8_t *p;
    if (part->count == 0) return VARVE_OK;
    if (part->encoding == COLUMNS_FULL) {
        or_range(bits, 0, rows);
        return VARVE_OK;
    }
    *postings += part->count;
    VV_TRY(part_bytes(c, part, 0, part->size, &p, err));
    if (part->encoding == COLUMNS_BITMAP) return or_words(bits, p, rows, err);
    if (part->encoding == COLUMNS_LIST)
        return or_packed(bits, p, part->width, 0, part->count, rows, err);
    return or_gaps(bits, p, part, rows, err);
}

/* ---- tables -------------------------------------------------------------------------------- */

varve_status table_open(const column *c, column_table table, table_layout *ret, varve_error *err)
{
    const column_part *part = &c->tables[table];
    const uint8_t *p;
    VV_TRY(part_bytes(c, part, 0, COLUMNS_TABLE_BYTES, &p, err));
    table_layout t = {.part = part,
                      .values = get_u32(p),
                      .sparse = get_u32(p + 4),
                      .dense = get_u32(p + 8),
                      .starts_width = p[13],
                      .unique = p[12] & COLUMNS_FLAG_UNIQUE,
                      .residuals = p[12] & COLUMNS_FLAG_RESIDUALS,
                      .keys = COLUMNS_TABLE_BYTES,
                      .keys_size = get_u64(p + 16)};
    if (t.values != part->count || p[12] > (COLUMNS_FLAG_UNIQUE | COLUMNS_FLAG_RESIDUALS) ||
        t.starts_width > COLUMNS_PACKED_MAX || t.keys_size > part->size || t.keys_size % 8 ||
        t.dense > t.values || (t.unique && (t.dense || t.sparse != t.values)))
        return columns_corrupt("a table that cannot be", err);
    t.starts = t.keys + t.keys_size;
    t.run = t.starts + (t.unique ? 0 : pack_size((uint64_t)t.values + 1, t.starts_width));
    t.dense_list = t.run + pack_size(t.sparse, part->width);
    t.bitmaps = t.dense_list + (uint64_t)t.dense * COLUMNS_DENSE_BYTES;
    if (t.bitmaps + t.dense * words_of(c->columns->rows) * 8 != part->size)
        return columns_corrupt("a table is not as large as it must be", err);
    *ret = t;
    return VARVE_OK;
}

static varve_status table_start(const column *c, const table_layout *t, uint32_t i, uint64_t *ret,
                                varve_error *err)
{
    uint64_t bit = (uint64_t)i * t->starts_width;
    const uint8_t *p;
    *ret = i;
    if (t->unique) return VARVE_OK;
    VV_TRY(part_bytes(c, t->part, t->starts + bit / 8, 8, &p, err));
    *ret = get_u64(p) >> (bit % 8) & ((UINT64_C(1) << t->starts_width) - 1);
    return VARVE_OK;
}

varve_status table_stretch(const column *c, const table_layout *t, column_run run,
                           uint64_t *ret_first, uint64_t *ret_end, varve_error *err)
{
    if (run.first > run.end || run.end > t->values)
        return columns_corrupt("values beyond their table", err);
    VV_TRY(table_start(c, t, run.first, ret_first, err));
    VV_TRY(table_start(c, t, run.end, ret_end, err));
    if (*ret_first > *ret_end || *ret_end > t->sparse)
        return columns_corrupt("slots beyond their table", err);
    return VARVE_OK;
}

static varve_status or_stretch(const column *c, const table_layout *t, uint64_t first, uint64_t end,
                               uint64_t *bits, varve_error *err)
{
    unsigned width = t->part->width;
    uint64_t from = first / 8 * width; /* eight slots fill whole bytes */
    const uint8_t *p;
    if (first == end) return VARVE_OK;
    VV_TRY(part_bytes(c, t->part, t->run + from, end * width / 8 + 8 - from, &p, err));
    return or_packed(bits, p, width, first % 8, first % 8 + (end - first), c->columns->rows, err);
}

uint32_t table_dense_from(const uint8_t *list, uint32_t count, uint32_t v)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (get_u32(list + (size_t)middle * COLUMNS_DENSE_BYTES) < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static varve_status or_dense(const column *c, const table_layout *t, column_run run, uint64_t *bits,
                             uint64_t *postings, varve_error *err)
{
    uint64_t size = words_of(c->columns->rows) * 8;
    const uint8_t *list, *words;
    if (t->dense == 0) return VARVE_OK;
    VV_TRY(part_bytes(c, t->part, t->dense_list, (uint64_t)t->dense * COLUMNS_DENSE_BYTES, &list,
                      err));
    for (uint32_t i = table_dense_from(list, t->dense, run.first); i < t->dense; i++) {
        if (get_u32(list + (size_t)i * COLUMNS_DENSE_BYTES) >= run.end) break;
        VV_TRY(part_bytes(c, t->part, t->bitmaps + i * size, size, &words, err));
        VV_TRY(or_words(bits, words, c->columns->rows, err));
        *postings += c->columns->rows / 64;
    }
    return VARVE_OK;
}

varve_status column_or_run(const column *c, column_table table, column_run run, uint64_t *bits,
                           uint64_t *postings, varve_error *err)
{
    table_layout t;
    uint64_t first, end;
    if (run.first >= run.end) return VARVE_OK;
    VV_TRY(table_open(c, table, &t, err));
    VV_TRY(table_stretch(c, &t, run, &first, &end, err));
    VV_TRY(or_stretch(c, &t, first, end, bits, err));
    *postings += end - first;
    return or_dense(c, &t, run, bits, postings, err);
}

varve_status column_run_slots(const column *c, column_table table, column_run run, uint64_t *ret,
                              varve_error *err)
{
    table_layout t;
    uint64_t first, end;
    const uint8_t *list;
    *ret = 0;
    if (run.first >= run.end) return VARVE_OK;
    VV_TRY(table_open(c, table, &t, err));
    VV_TRY(table_stretch(c, &t, run, &first, &end, err));
    VV_TRY(
        part_bytes(c, t.part, t.dense_list, (uint64_t)t.dense * COLUMNS_DENSE_BYTES, &list, err));
    *ret = end - first;
    for (uint32_t i = table_dense_from(list, t.dense, run.first); i < t.dense; i++) {
        const uint8_t *entry = list + (size_t)i * COLUMNS_DENSE_BYTES;
        if (get_u32(entry) >= run.end) break;
        *ret += get_u32(entry + 4);
    }
    return VARVE_OK;
}

/* ---- numbers ------------------------------------------------------------------------------- */

varve_status table_key(const column *c, const table_layout *t, uint32_t i, column_key *ret,
                       varve_error *err)
{
    uint64_t blocks = ((uint64_t)t->values + COLUMNS_KEY_BLOCK - 1) / COLUMNS_KEY_BLOCK;
    uint64_t residuals = t->residuals ? size_align((uint64_t)t->values * 2, 8) : 0;
    uint64_t entries = blocks * COLUMNS_KEY_ENTRY;
    const uint8_t *p;
    if (entries + residuals > t->keys_size) return columns_corrupt("keys are missing", err);
    VV_TRY(part_bytes(c, t->part, t->keys + (uint64_t)(i / COLUMNS_KEY_BLOCK) * COLUMNS_KEY_ENTRY,
                      COLUMNS_KEY_ENTRY, &p, err));
    uint64_t base = get_u64(p), offset = get_u32(p + 8);
    unsigned shift = p[12], width = p[13];
    if (shift > 63 || (width > COLUMNS_PACKED_MAX && width != COLUMNS_KEY_AS_IS))
        return columns_corrupt("a block of keys that cannot be", err);
    uint64_t bit = (uint64_t)(i % COLUMNS_KEY_BLOCK) * width, at = entries + offset + bit / 8;
    if (at + 8 > t->keys_size - residuals) return columns_corrupt("keys are missing", err);
    VV_TRY(part_bytes(c, t->part, t->keys + at, 8, &p, err));
    column_key key = {get_u64(p), 0};
    if (width != COLUMNS_KEY_AS_IS)
        key.key = base + ((key.key >> (bit % 8) & ((UINT64_C(1) << width) - 1)) << shift);
    if (t->residuals) {
        VV_TRY(part_bytes(c, t->part, t->starts - residuals + (uint64_t)i * 2, 2, &p, err));
        key.residual = get_u16(p);
    }
    *ret = key;
    return VARVE_OK;
}

varve_status column_seek(const column *c, column_table table, column_key key, column_seek_to to,
                         uint32_t *ret, varve_error *err)
{
    uint32_t low = 0, high = c->tables[table].count;
    table_layout t;
    column_key k = {0};
    if (high) VV_TRY(table_open(c, table, &t, err));
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        VV_TRY(table_key(c, &t, middle, &k, err));
        bool equal = k.key == key.key && k.residual == key.residual;
        bool below = k.key != key.key ? k.key < key.key : k.residual < key.residual;
        if (below || (equal && to != COLUMN_AT))
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return VARVE_OK;
}

/* ---- points -------------------------------------------------------------------------------- */

varve_status column_walk_points(const column *c, column_visit_point *visit, void *context,
                                uint64_t *postings, varve_error *err)
{
    const column_part *part = &c->points;
    const uint8_t *p;
    if (part->count == 0) return VARVE_OK;
    VV_TRY(part_bytes(c, part, 0, part->size, &p, err));
    const uint8_t *slots = p + (uint64_t)part->count * COLUMNS_POINT_BYTES;
    for (uint64_t i = 0; i < part->count; i++) {
        uint64_t slot = pack_get(slots, part->width, i);
        const uint8_t *point = p + i * COLUMNS_POINT_BYTES;
        if (slot >= c->columns->rows) return bad_slot(err);
        VV_TRY(visit(context, (uint32_t)slot, get_f64(point), get_f64(point + 8), err));
    }
    *postings += part->count;
    return VARVE_OK;
}
