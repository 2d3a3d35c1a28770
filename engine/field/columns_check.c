/* columns_check.c — verify columns against the rows they were made of. The image is a function of
 * the rows alone: filing them again must give the same bytes. Where it does not, the first path
 * that differs is named. */
#include "field/columns_inner.h"

#define SHOWN_BYTES 100 /* of a path in a message */

typedef struct check_rows {
    varve_status (*get)(void *context, uint32_t slot, varve_text *ret, varve_error *err);
    void *context;
} check_rows;

static varve_status file_again(const columns *c, const check_rows *rows, buffer *out,
                               varve_error *err)
{
    columns_builder *b;
    varve_status status = VARVE_OK;
    VV_TRY(columns_builder_new(&b, err));
    for (uint32_t slot = 0; status == VARVE_OK && slot < c->rows; slot++) {
        varve_text fields = {0};
        status = rows->get(rows->context, slot, &fields, err);
        if (status == VARVE_OK) status = columns_builder_add(b, fields, err);
    }
    if (status == VARVE_OK) status = columns_builder_finish(b, out, err);
    columns_builder_free(b);
    return status;
}

static varve_status get_again(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const buffer *image = context;
    if (offset > image->len || len > image->len - offset)
        return columns_corrupt("an offset is outside", err);
    *ret = (const uint8_t *)image->data + offset;
    return VARVE_OK;
}

/* The last key of a chain. */
static varve_text chain_name(varve_text chain)
{
    varve_text name = {"", 0};
    for (size_t at = 0; at < chain.len;) {
        const uint8_t *p = (const uint8_t *)chain.data + at;
        if (*p == COLUMNS_STEP_KEY)
            name = (varve_text){chain.data + at + 3, (size_t)p[1] << 8 | p[2]};
        at += *p == COLUMNS_STEP_KEY ? 3 + name.len : 1;
    }
    return name;
}

static varve_status differs(varve_text chain, const char *how, varve_error *err)
{
    varve_text name = chain_name(chain);
    return vv_fail(err, VARVE_CORRUPT, "columns: '%.*s' %s",
                   (int)VV_MIN(name.len, (size_t)SHOWN_BYTES), name.data, how);
}

static varve_status compare_part(const column *a, const column_part *x, const column *b,
                                 const column_part *y, bool *ret, varve_error *err)
{
    const uint8_t *p, *q;
    *ret = x->count == y->count && x->size == y->size && x->encoding == y->encoding;
    if (!*ret || x->count == 0) return VARVE_OK;
    VV_TRY(part_bytes(a, x, 0, x->size, &p, err));
    VV_TRY(part_bytes(b, y, 0, y->size, &q, err));
    *ret = x->size == 0 || memcmp(p, q, x->size) == 0;
    return VARVE_OK;
}

static varve_status compare_columns(const column *a, const column *b, varve_text chain,
                                    varve_error *err)
{
    bool same = true;
    for (int i = 0; same && i < COLUMN_KINDS; i++)
        VV_TRY(compare_part(a, &a->kinds[i], b, &b->kinds[i], &same, err));
    if (!same) return differs(chain, "has slots that its rows do not give it", err);
    for (int i = 0; same && i < COLUMN_TABLES; i++)
        VV_TRY(compare_part(a, &a->tables[i], b, &b->tables[i], &same, err));
    if (!same) return differs(chain, "has values that its rows do not give it", err);
    VV_TRY(compare_part(a, &a->points, b, &b->points, &same, err));
    return same ? VARVE_OK : differs(chain, "has points that its rows do not give it", err);
}

static varve_status compare(const columns *a, const columns *b, varve_error *err)
{
    column x, y;
    for (uint32_t i = 0; i < a->count || i < b->count; i++) {
        int order = i == a->count   ? 1
                    : i == b->count ? -1
                                    : value_compare_texts(a->entries[i].chain, b->entries[i].chain);
        if (order < 0) return differs(a->entries[i].chain, "is in no row", err);
        if (order > 0) return differs(b->entries[i].chain, "has no column", err);
        VV_TRY(columns_entry_column(a, &a->entries[i], &x, err));
        VV_TRY(columns_entry_column(b, &b->entries[i], &y, err));
        VV_TRY(compare_columns(&x, &y, a->entries[i].chain, err));
    }
    return a->incomplete == b->incomplete
               ? VARVE_OK
               : columns_corrupt("they do not know whether they have all paths", err);
}

varve_status columns_check(const columns *c,
                           varve_status (*get)(void *context, uint32_t slot, varve_text *ret,
                                               varve_error *err),
                           void *context, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer again;
    columns *expected;
    check_rows rows = {get, context};
    buffer_init(&again, SIZE_MAX, "columns");
    VV_TRY(file_again(c, &rows, &again, err));
    field_image image = {again.len, get_again, &again};
    VV_TRY(columns_open(&image, c->rows, &expected, err));
    varve_status status = compare(c, expected, err);
    columns_free(expected);
    return status;
}
