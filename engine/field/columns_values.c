/* columns_values.c — filing single values while columns are built: lists that grow by half, and per
 * column a dictionary of its texts. */
#include "base/bytes.h"
#include "base/hash.h"
#include "field/columns_build.h"

#include <stdlib.h>

#define TABLE_FIRST 8

varve_status build_reserve(columns_builder *b, build_list *list, size_t size, uint64_t more,
                           varve_error *err)
{
    uint64_t wanted = list->count + more, capacity = list->capacity;
    if (VV_LIKELY(wanted <= capacity)) return VARVE_OK;
    if (wanted > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "a column has more than 2^32 - 1 values or bytes");
    capacity = VV_MIN(VV_MAX(wanted, capacity + capacity / 2 + 4), (uint64_t)UINT32_MAX);
    void *data = realloc(list->data, capacity * size);
    if (!data) return vv_fail(err, VARVE_NO_MEMORY, "no memory for columns");
    b->bytes += (capacity - list->capacity) * size;
    list->data = data;
    list->capacity = (uint32_t)capacity;
    return VARVE_OK;
}

varve_status build_add_kind(columns_builder *b, build_column *c, column_kind kind, varve_error *err)
{
    build_list *list = &c->kinds[kind];
    VV_TRY(build_reserve(b, list, sizeof(uint32_t), 1, err));
    uint32_t *slots = list->data;
    if (list->count == 0 || slots[list->count - 1] != b->rows) slots[list->count++] = b->rows;
    return VARVE_OK;
}

static varve_status add_number(columns_builder *b, build_list *list, column_key key, uint32_t slot,
                               varve_error *err)
{
    VV_TRY(build_reserve(b, list, sizeof(build_number), 1, err));
    ((build_number *)list->data)[list->count++] = (build_number){key.key, slot, key.residual};
    return VARVE_OK;
}

varve_status build_add_length(columns_builder *b, build_column *c, uint32_t length,
                              varve_error *err)
{
    return add_number(b, &c->lengths, (column_key){length, 0}, b->rows, err);
}

static double as_double(const value *v)
{
    if (v->kind == VALUE_INT) return (double)v->integer;
    return v->kind == VALUE_UINT ? (double)v->big : v->real;
}

varve_status build_add_point(columns_builder *b, build_column *c, const value *lon,
                             const value *lat, varve_error *err)
{
    VV_TRY(build_reserve(b, &c->points, sizeof(build_point), 1, err));
    ((build_point *)c->points.data)[c->points.count++] =
        (build_point){as_double(lon), as_double(lat), b->rows};
    return VARVE_OK;
}

/* ---- texts --------------------------------------------------------------------------------- */

static varve_status grow_table(columns_builder *b, build_column *c, varve_error *err)
{
    const build_text *texts = c->texts.data;
    const char *bytes = c->bytes.data;
    uint64_t capacity = VV_MAX((uint64_t)c->table.capacity * 2, (uint64_t)TABLE_FIRST);
    uint32_t *table = capacity > UINT32_MAX ? NULL : calloc(capacity, sizeof *table);
    if (!table) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a column's texts");
    for (uint32_t i = 0; i < c->texts.count; i++) {
        if (texts[i].own) continue;
        uint64_t at = hash_bytes(bytes + texts[i].offset, texts[i].len) & (capacity - 1);
        while (table[at])
            at = (at + 1) & (capacity - 1);
        table[at] = i + 1;
    }
    free(c->table.data);
    b->bytes += (capacity - c->table.capacity) * sizeof *table;
    c->table = (build_list){table, 0, (uint32_t)capacity};
    return VARVE_OK;
}

/* The entry of the table for this text: where it is, or where it belongs. */
static uint32_t *find_text(const build_column *c, varve_text text)
{
    const build_text *texts = c->texts.data;
    const char *bytes = c->bytes.data;
    uint32_t *table = c->table.data, mask = c->table.capacity - 1;
    for (uint64_t at = hash_bytes(text.data, text.len);; at++) {
        uint32_t *entry = &table[at & mask];
        const build_text *t = *entry ? &texts[*entry - 1] : NULL;
        if (!t || (t->len == text.len && memcmp(bytes + t->offset, text.data, text.len) == 0))
            return entry;
    }
}

static varve_status add_text(columns_builder *b, build_column *c, varve_text text, bool own,
                             varve_error *err)
{
    VV_TRY(build_reserve(b, &c->texts, sizeof(build_text), 1, err));
    VV_TRY(build_reserve(b, &c->bytes, 1, text.len + 1, err)); /* never NULL */
    ((build_text *)c->texts.data)[c->texts.count++] =
        (build_text){c->bytes.count, (uint16_t)text.len, own};
    if (text.len) memcpy((char *)c->bytes.data + c->bytes.count, text.data, text.len);
    c->bytes.count += (uint32_t)text.len;
    return VARVE_OK;
}

/* A long text that is a date-time has an instant that its beginning does not tell: it gets an entry
 * of its own, beside others with the same beginning. */
static varve_status file_long(columns_builder *b, build_column *c, varve_text text, bool *ret_own,
                              varve_error *err)
{
    int64_t instant;
    *ret_own = value_datetime(text, &instant);
    if (!*ret_own) return VARVE_OK;
    VV_TRY(add_number(b, &c->instants, column_key_instant(instant), c->texts.count, err));
    return add_text(b, c, (varve_text){text.data, COLUMN_KEYWORD_BYTES + 1}, true, err);
}

static varve_status file_text(columns_builder *b, build_column *c, varve_text text, uint32_t *ret,
                              varve_error *err)
{
    if (VV_UNLIKELY((uint64_t)c->texts.count * 4 >= (uint64_t)c->table.capacity * 3))
        VV_TRY(grow_table(b, c, err));
    uint32_t *entry = find_text(c, text);
    if (!*entry) {
        VV_TRY(add_text(b, c, text, false, err));
        *entry = c->texts.count;
    }
    *ret = *entry - 1;
    return VARVE_OK;
}

static varve_status add_pair(columns_builder *b, build_column *c, varve_text text, varve_error *err)
{
    bool own = false;
    uint32_t id;
    if (VV_UNLIKELY(text.len > COLUMN_KEYWORD_BYTES)) {
        VV_TRY(file_long(b, c, text, &own, err));
        text.len = COLUMN_KEYWORD_BYTES + 1;
    }
    id = c->texts.count - 1;
    if (!own) VV_TRY(file_text(b, c, text, &id, err));
    VV_TRY(build_reserve(b, &c->pairs, sizeof(build_pair), 1, err));
    ((build_pair *)c->pairs.data)[c->pairs.count++] = (build_pair){id, b->rows};
    return VARVE_OK;
}

varve_status build_add_value(columns_builder *b, build_column *c, const value *v, varve_error *err)
{
    switch (v->kind) {
    case VALUE_TEXT: return add_pair(b, c, v->text, err);
    case VALUE_NULL: return build_add_kind(b, c, COLUMN_NULL, err);
    case VALUE_BOOL: return build_add_kind(b, c, v->boolean ? COLUMN_TRUE : COLUMN_FALSE, err);
    default: return add_number(b, &c->numbers, column_key_number(v), b->rows, err);
    }
}
