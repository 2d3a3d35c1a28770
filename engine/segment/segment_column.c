/* segment_column.c — building a column of u64. */
#include "segment/segment_column.h"

#include "base/bytes.h"

#define VALUE_BYTES sizeof(uint64_t)

void segment_column_init(segment_column *c)
{
    *c = (segment_column){0};
    buffer_init(&c->values, SIZE_MAX / 2, "column of a segment");
}

void segment_column_done(segment_column *c) { buffer_done(&c->values); }

/* Does first + i * step still hold with one more? Never by way of an overflow. */
static bool continues(const segment_column *c, uint64_t value)
{
    if (c->count == 0) return true;
    if (value < c->last) return false;
    return c->count == 1 || value - c->last == c->step;
}

static varve_status write_out(segment_column *c, varve_error *err)
{
    VV_TRY(buffer_reserve(&c->values, (c->count + 1) * VALUE_BYTES, err));
    for (uint64_t i = 0; i < c->count; i++)
        put_u64(c->values.data + i * VALUE_BYTES, c->first + i * c->step);
    c->values.len = c->count * VALUE_BYTES;
    c->listed = true;
    return VARVE_OK;
}

varve_status segment_column_add(segment_column *c, uint64_t value, varve_error *err)
{
    if (!c->listed && !continues(c, value)) VV_TRY(write_out(c, err));
    if (c->listed) {
        VV_TRY(buffer_add(&c->values, &value, sizeof value, err));
    } else {
        if (c->count == 0) c->first = value;
        if (c->count == 1) c->step = value - c->first;
        c->last = value;
    }
    c->count++;
    return VARVE_OK;
}

void segment_column_renumber(segment_column *c, uint64_t first)
{
    buffer_done(&c->values);
    buffer_init(&c->values, c->values.max_bytes, c->values.what);
    c->listed = false;
    c->first = first;
    c->step = c->count > 1 ? 1 : 0;
    c->last = c->count > 0 ? first + c->count - 1 : first;
}
