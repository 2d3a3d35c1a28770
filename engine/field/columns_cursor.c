/* columns_cursor.c — reading a table value by value, where a few of many values are of interest. */
#include "field/columns_inner.h"

#include <stdlib.h>

struct column_cursor {
    column column;
    table_layout table;
    uint64_t postings;
};

varve_status column_cursor_new(const column *c, column_table table, column_cursor **ret,
                               varve_error *err)
{
    column_cursor *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to read a column");
    x->column = *c;
    varve_status status = table_open(&x->column, table, &x->table, err);
    if (status == VARVE_OK)
        *ret = x;
    else
        free(x);
    return status;
}

void column_cursor_free(column_cursor *x) { free(x); }
uint64_t column_cursor_postings(const column_cursor *x) { return x->postings; }

varve_status column_cursor_key(const column_cursor *x, uint32_t i, column_key *ret,
                               varve_error *err)
{
    if (i >= x->table.values) return columns_corrupt("values beyond their table", err);
    return table_key(&x->column, &x->table, i, ret, err);
}

/* The slots of value i: packed ones, or, of a dense one, words; the other is NULL. */
typedef struct value_slots {
    const uint8_t *packed, *words;
    uint64_t first, end;
} value_slots;

static varve_status find_slots(column_cursor *x, uint32_t i, value_slots *ret, varve_error *err)
{
    const table_layout *t = &x->table;
    const column *c = &x->column;
    uint64_t size = words_of(c->columns->rows) * 8, first, end;
    const uint8_t *p;
    *ret = (value_slots){0};
    VV_TRY(table_stretch(c, t, (column_run){i, i + 1}, &first, &end, err));
    x->postings += end - first;
    if (first < end) {
        uint64_t from = first / 8 * t->part->width; /* eight slots fill whole bytes */
        VV_TRY(part_bytes(c, t->part, t->run + from, end * t->part->width / 8 + 8 - from,
                          &ret->packed, err));
        ret->first = first % 8;
        /* Of one row: however many they say, they are slot 0. */
        ret->end = ret->first + (t->part->width ? end - first : 1);
        return VARVE_OK;
    }
    if (t->dense == 0) return VARVE_OK;
    VV_TRY(
        part_bytes(c, t->part, t->dense_list, (uint64_t)t->dense * COLUMNS_DENSE_BYTES, &p, err));
    uint32_t at = table_dense_from(p, t->dense, i);
    if (at == t->dense || get_u32(p + (size_t)at * COLUMNS_DENSE_BYTES) != i) return VARVE_OK;
    x->postings += c->columns->rows / 64;
    return part_bytes(c, t->part, t->bitmaps + at * size, size, &ret->words, err);
}

static varve_status bad_slot(varve_error *err)
{
    return columns_corrupt("a slot beyond rows", err);
}

/* Word i of the bitmap of a dense value. */
static varve_status get_word(const column_cursor *x, const uint8_t *words, uint64_t i,
                             uint64_t *ret, varve_error *err)
{
    uint32_t rows = x->column.columns->rows;
    *ret = get_u64(words + i * 8);
    if (i + 1 == words_of(rows) && rows % 64 && *ret >> (rows % 64)) return bad_slot(err);
    return VARVE_OK;
}

varve_status column_cursor_slots(column_cursor *x, uint32_t i, column_visit_slot *visit,
                                 void *context, varve_error *err)
{
    value_slots s;
    uint32_t rows = x->column.columns->rows;
    uint64_t word;
    VV_TRY(find_slots(x, i, &s, err));
    for (uint64_t at = s.first; at < s.end; at++) {
        uint64_t slot = pack_get(s.packed, x->table.part->width, at);
        if (slot >= rows) return bad_slot(err);
        VV_TRY(visit(context, (uint32_t)slot, err));
    }
    for (uint64_t w = 0; s.words && w < words_of(rows); w++) {
        VV_TRY(get_word(x, s.words, w, &word, err));
        for (; word; word &= word - 1)
            VV_TRY(visit(context, (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(word), err));
    }
    return VARVE_OK;
}

varve_status column_cursor_count(column_cursor *x, uint32_t i, const uint64_t *bits, uint64_t *ret,
                                 varve_error *err)
{
    value_slots s;
    uint32_t rows = x->column.columns->rows;
    uint64_t count = 0, word;
    VV_TRY(find_slots(x, i, &s, err));
    for (uint64_t at = s.first; at < s.end; at++) {
        uint64_t slot = pack_get(s.packed, x->table.part->width, at);
        if (slot >= rows) return bad_slot(err);
        count += bits[slot / 64] >> (slot % 64) & 1;
    }
    for (uint64_t w = 0; s.words && w < words_of(rows); w++) {
        VV_TRY(get_word(x, s.words, w, &word, err));
        count += (uint64_t)__builtin_popcountll(word & bits[w]);
    }
    *ret = count;
    return VARVE_OK;
}
