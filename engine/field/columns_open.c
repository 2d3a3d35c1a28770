/* columns_open.c — open columns: header and directory are read and checked whole, the rest when it
 * is asked for. */
#include "field/columns_inner.h"

#include <stdlib.h>

varve_status columns_corrupt(const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "columns: %s", what);
}

uint32_t columns_rows(const columns *c) { return c->rows; }
bool columns_incomplete(const columns *c) { return c->incomplete; }

varve_status part_bytes(const column *c, const column_part *part, uint64_t at, uint64_t len,
                        const uint8_t **ret, varve_error *err)
{
    const field_image *image = &c->columns->image;
    if (at > part->size || len > part->size - at)
        return columns_corrupt("an offset is beyond its part", err);
    return image->get(image->context, part->offset + at, len, ret, err);
}

/* ---- parts --------------------------------------------------------------------------------- */

static uint64_t set_size(const columns *c, const column_part *part)
{
    switch (part->encoding) {
    case COLUMNS_FULL: return 0;
    case COLUMNS_LIST: return pack_size(part->count, part->width);
    case COLUMNS_BITMAP: return words_of(c->rows) * 8;
    case COLUMNS_GAPS: return pack_size(c->rows - part->count, part->width);
    default: return UINT64_MAX;
    }
}

static bool set_is_right(const columns *c, const column_part *part)
{
    return part->count <= c->rows && part->size == set_size(c, part) &&
           (part->encoding != COLUMNS_FULL || part->count == c->rows);
}

static bool points_are_right(const column_part *part)
{
    return part->size ==
           (uint64_t)part->count * COLUMNS_POINT_BYTES + pack_size(part->count, part->width);
}

/* Where the part goes that its entry names; NULL: nowhere. */
static column_part *part_of(column *c, unsigned kind)
{
    if (kind < COLUMN_KINDS) return &c->kinds[kind];
    if (kind >= COLUMNS_PART_TABLES && kind < COLUMNS_PART_TABLES + COLUMN_TABLES)
        return &c->tables[kind - COLUMNS_PART_TABLES];
    return kind == COLUMNS_PART_POINTS ? &c->points : NULL;
}

static varve_status read_part(const columns *c, const uint8_t *p, column *ret, varve_error *err)
{
    unsigned kind = get_u16(p);
    column_part *part = part_of(ret, kind);
    column_part read = {get_u64(p + 8), get_u64(p + 16), get_u32(p + 4), p[2], p[3]};
    if (!part || part->count || read.count == 0)
        return columns_corrupt("a part of a column is unknown, twice there, or empty", err);
    if (read.offset > c->image.size || read.size > c->image.size - read.offset)
        return columns_corrupt("a part lies outside", err);
    if (read.width != pack_slot_width(c->rows) ||
        (kind < COLUMN_KINDS && !set_is_right(c, &read)) ||
        (kind == COLUMNS_PART_POINTS && !points_are_right(&read)))
        return columns_corrupt("a part is not as large as it must be", err);
    *part = read;
    return VARVE_OK;
}

/* Without an array on its way a column has one value per row. */
static varve_status read_chain(varve_text chain, bool *ret_single, varve_error *err)
{
    const uint8_t *p = (const uint8_t *)chain.data, *end = p + chain.len;
    *ret_single = true;
    while (p < end) {
        size_t key = *p == COLUMNS_STEP_KEY && end - p >= 3 ? (size_t)p[1] << 8 | p[2] : 0;
        if (*p == COLUMNS_STEP_EACH) {
            *ret_single = false;
            p++;
        } else if (*p == COLUMNS_STEP_KEY && end - p >= 3 && (size_t)(end - p - 3) >= key) {
            p += 3 + key;
        } else {
            return columns_corrupt("a path is malformed", err);
        }
    }
    return VARVE_OK;
}

varve_status columns_entry_column(const columns *c, const columns_entry *entry, column *ret,
                                  varve_error *err)
{
    column read = {.columns = c};
    VV_TRY(read_chain(entry->chain, &read.single, err));
    for (uint32_t i = 0; i < entry->part_count; i++)
        VV_TRY(read_part(c, entry->parts + (size_t)i * COLUMNS_PART_BYTES, &read, err));
    *ret = read;
    return VARVE_OK;
}

/* ---- directory ----------------------------------------------------------------------------- */

static varve_status read_entry(columns *c, const uint8_t **at, const uint8_t *end,
                               columns_entry *entry, varve_error *err)
{
    const uint8_t *p = *at;
    column ignored;
    if (end - p < 4) return columns_corrupt("the directory is cut short", err);
    size_t chain = get_u16(p), parts = get_u16(p + 2);
    if ((size_t)(end - p - 4) < chain + parts * COLUMNS_PART_BYTES)
        return columns_corrupt("the directory is cut short", err);
    *entry = (columns_entry){{(const char *)p + 4, chain}, p + 4 + chain, (uint32_t)parts};
    *at = p + 4 + chain + parts * COLUMNS_PART_BYTES;
    return columns_entry_column(c, entry, &ignored, err);
}

static varve_status read_directory(columns *c, uint64_t offset, uint64_t size, varve_error *err)
{
    const uint8_t *p;
    if (offset > c->image.size || size > c->image.size - offset || size < (uint64_t)c->count * 4)
        return columns_corrupt("the directory lies outside", err);
    c->entries = calloc((size_t)c->count + 1, sizeof *c->entries);
    if (!c->entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    VV_TRY(c->image.get(c->image.context, offset, size, &p, err));
    const uint8_t *end = p + size;
    for (uint32_t i = 0; i < c->count; i++) {
        VV_TRY(read_entry(c, &p, end, &c->entries[i], err));
        if (i > 0 && value_compare_texts(c->entries[i - 1].chain, c->entries[i].chain) >= 0)
            return columns_corrupt("paths are not in order", err);
    }
    return p == end ? VARVE_OK : columns_corrupt("the directory is too long", err);
}

static varve_status read_image(columns *c, varve_error *err)
{
    const uint8_t *p;
    if (c->image.size < COLUMNS_HEADER_BYTES) return columns_corrupt("too short", err);
    VV_TRY(c->image.get(c->image.context, 0, COLUMNS_HEADER_BYTES, &p, err));
    if (memcmp(p, COLUMNS_MAGIC, 8) != 0) return columns_corrupt("no columns at all", err);
    if (get_u32(p + 8) > COLUMNS_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "columns of version %u, known up to %d",
                       get_u32(p + 8), COLUMNS_VERSION);
    if (get_u32(p + 12) != c->rows) return columns_corrupt("of another number of rows", err);
    c->count = get_u32(p + 16);
    c->incomplete = get_u32(p + 20) & COLUMNS_FLAG_INCOMPLETE;
    if (c->count > COLUMNS_PATHS_MAX || get_u32(p + 20) > COLUMNS_FLAG_INCOMPLETE)
        return columns_corrupt("a header that cannot be", err);
    return read_directory(c, get_u64(p + 24), get_u64(p + 32), err);
}

varve_status columns_open(const field_image *image, uint32_t rows, columns **ret, varve_error *err)
{
    columns *c = calloc(1, sizeof *c);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    c->image = *image;
    c->rows = rows;
    varve_status status = read_image(c, err);
    if (status != VARVE_OK) {
        columns_free(c);
        return status;
    }
    *ret = c;
    return VARVE_OK;
}

void columns_free(columns *c)
{
    if (!c) return;
    free(c->entries);
    free(c);
}

/* ---- finding ------------------------------------------------------------------------------- */

/* Returns 0 for steps that no column can have. */
static size_t chain_of(const path_step *steps, size_t count, char chain[COLUMNS_CHAIN_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        varve_text key = steps[i].key;
        if (steps[i].kind == PATH_KEY) {
            if (key.len > COLUMNS_CHAIN_BYTES || len + 3 + key.len > COLUMNS_CHAIN_BYTES) return 0;
            chain[len++] = COLUMNS_STEP_KEY;
            chain[len++] = (char)(key.len >> 8);
            chain[len++] = (char)key.len;
            if (key.len) memcpy(chain + len, key.data, key.len);
            len += key.len;
        } else {
            if (len == COLUMNS_CHAIN_BYTES) return 0;
            chain[len++] = COLUMNS_STEP_EACH;
        }
    }
    return len;
}

varve_status column_find(const columns *c, const path_step *steps, size_t count, column *ret,
                         bool *ret_found, varve_error *err)
{
    char chain[COLUMNS_CHAIN_BYTES];
    varve_text wanted = {chain, chain_of(steps, count, chain)};
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (value_compare_texts(c->entries[middle].chain, wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < c->count && value_compare_texts(c->entries[low].chain, wanted) == 0;
    return *ret_found ? columns_entry_column(c, &c->entries[low], ret, err) : VARVE_OK;
}
