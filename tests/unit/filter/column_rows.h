/* column_rows.h — rows in memory with their columns, for tests of the fast evaluator. */
#ifndef VARVE_TEST_COLUMN_ROWS_H
#define VARVE_TEST_COLUMN_ROWS_H

#include "random_rows.h"

#include "filter/filter_columns.h"
#include "record/id.h"

#define COLUMN_ROWS_MAX 2048

typedef struct column_rows {
    buffer text, image;
    size_t starts[COLUMN_ROWS_MAX + 1];
    uint32_t count;
    columns *columns;
} column_rows;

static inline varve_text column_rows_fields(const column_rows *rows, uint32_t slot)
{
    return (varve_text){rows->text.data + rows->starts[slot],
                        rows->starts[slot + 1] - rows->starts[slot]};
}

static inline varve_status column_rows_text(void *context, uint32_t slot, varve_text *ret,
                                            varve_error *err)
{
    (void)err;
    *ret = column_rows_fields(context, slot);
    return VARVE_OK;
}

/* Every fifth has a text as its id. */
static inline varve_id column_rows_id(uint32_t slot)
{
    static const char *const texts[] = {"a", "ab", "2024-01-01", "7", "zz"};
    const char *text = texts[slot / 5 % VV_COUNT(texts)];
    if (slot % 5 || slot >= 5 * VV_COUNT(texts)) return (varve_id){.num = slot};
    return (varve_id){.kind = VARVE_ID_STR, .text = {text, strlen(text)}};
}

static inline varve_status column_rows_get(void *context, uint32_t slot, filter_row *ret,
                                           varve_error *err)
{
    (void)err;
    *ret = (filter_row){.id = column_rows_id(slot), .fields = column_rows_fields(context, slot)};
    return VARVE_OK;
}

static inline varve_status column_rows_find(void *context, varve_id id, uint32_t *ret,
                                            varve_error *err)
{
    const column_rows *rows = context;
    (void)err;
    for (*ret = 0; *ret < rows->count; ++*ret)
        if (id_compare(column_rows_id(*ret), id) == 0) return VARVE_OK;
    *ret = UINT32_MAX;
    return VARVE_OK;
}

static inline varve_status column_rows_bytes(void *context, uint64_t offset, uint64_t len,
                                             const uint8_t **ret, varve_error *err)
{
    const column_rows *rows = context;
    if (offset > rows->image.len || len > rows->image.len - offset)
        return vv_fail(err, VARVE_CORRUPT, "beyond the image");
    *ret = (const uint8_t *)rows->image.data + offset;
    return VARVE_OK;
}

static inline void column_rows_init(column_rows *rows)
{
    rows->count = 0;
    rows->starts[0] = 0;
    rows->columns = NULL;
    buffer_init(&rows->text, (size_t)1 << 26, "rows");
    buffer_init(&rows->image, (size_t)1 << 26, "columns");
}

static inline void column_rows_done(column_rows *rows)
{
    columns_free(rows->columns);
    buffer_done(&rows->text);
    buffer_done(&rows->image);
}

/* The row's text was appended to rows->text. */
static inline void column_rows_end(column_rows *rows)
{
    rows->starts[++rows->count] = rows->text.len;
}

static inline varve_status column_rows_build(column_rows *rows, varve_error *err)
{
    columns_builder *b;
    varve_status status = columns_builder_new(&b, err);
    if (status != VARVE_OK) return status;
    for (uint32_t i = 0; status == VARVE_OK && i < rows->count; i++)
        status = columns_builder_add(b, column_rows_fields(rows, i), err);
    if (status == VARVE_OK) status = columns_builder_finish(b, &rows->image, err);
    columns_builder_free(b);
    return status;
}

static inline varve_status column_rows_open(column_rows *rows, varve_error *err)
{
    field_image image = {rows->image.len, column_rows_bytes, rows};
    return columns_open(&image, rows->count, &rows->columns, err);
}

#endif
