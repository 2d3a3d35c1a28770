/* row_images.c — columns, text and sparse indexes of a stretch of rows: built, opened, checked
 * together. */
#include "segment/row_images.h"

/* ---- open ----------------------------------------------------------------------------------- */

varve_status row_images_open(const field_image images[ROW_IMAGES], uint32_t rows, row_images *ret,
                             varve_error *err)
{
    VV_CLEANUP(row_images_done) row_images i = {0};
    if (images[IMAGE_COLUMNS].size)
        VV_TRY(columns_open(&images[IMAGE_COLUMNS], rows, &i.columns, err));
    if (images[IMAGE_TEXT].size) VV_TRY(text_index_open(&images[IMAGE_TEXT], rows, &i.text, err));
    if (images[IMAGE_SPARSE].size)
        VV_TRY(sparse_index_open(&images[IMAGE_SPARSE], rows, &i.sparse, err));
    *ret = i;
    i = (row_images){0};
    return VARVE_OK;
}

void row_images_done(row_images *i)
{
    columns_free(i->columns);
    text_index_free(i->text);
    sparse_index_free(i->sparse);
    *i = (row_images){0};
}

/* ---- build ---------------------------------------------------------------------------------- */

typedef struct builders {
    columns_builder *columns;
    text_builder *text;
    sparse_builder *sparse;
} builders;

static void builders_done(builders *b)
{
    columns_builder_free(b->columns);
    text_builder_free(b->text);
    sparse_builder_free(b->sparse);
}

static varve_status builders_init(builders *b, segment_content content, const text_options *text,
                                  varve_error *err)
{
    if (content == SEGMENT_SPARSE_VECTOR) return sparse_builder_new(&b->sparse, err);
    VV_TRY(columns_builder_new(&b->columns, err));
    return text_builder_new(text, &b->text, err);
}

static varve_status builders_add(builders *b, varve_text row, varve_error *err)
{
    if (b->columns) VV_TRY(columns_builder_add(b->columns, row, err));
    if (b->text) VV_TRY(text_builder_add(b->text, row, err));
    return b->sparse ? sparse_builder_add(b->sparse, row, err) : VARVE_OK;
}

static varve_status builders_finish(builders *b, buffer out[ROW_IMAGES], varve_error *err)
{
    if (b->columns) VV_TRY(columns_builder_finish(b->columns, &out[IMAGE_COLUMNS], err));
    if (b->text) VV_TRY(text_builder_finish(b->text, &out[IMAGE_TEXT], err));
    return b->sparse ? sparse_builder_finish(b->sparse, &out[IMAGE_SPARSE], err) : VARVE_OK;
}

varve_status row_images_build(segment_content content, const text_options *text,
                              const row_contents *rows, uint32_t count, buffer out[ROW_IMAGES],
                              varve_error *err)
{
    VV_CLEANUP(builders_done) builders b = {0};
    varve_text row;
    VV_TRY(builders_init(&b, content, text, err));
    for (uint32_t slot = 0; slot < count; slot++) {
        VV_TRY(rows->get(rows->context, slot, &row, err));
        VV_TRY(builders_add(&b, row, err));
    }
    return builders_finish(&b, out, err);
}

varve_status row_images_check(const row_images *i, const row_contents *rows, varve_error *err)
{
    const sparse_rows sparse = {rows->get, rows->context};
    if (i->columns) VV_TRY(columns_check(i->columns, rows->get, rows->context, err));
    if (i->text) VV_TRY(text_index_check(i->text, rows->get, rows->context, err));
    return i->sparse ? sparse_index_check(i->sparse, &sparse, err) : VARVE_OK;
}
