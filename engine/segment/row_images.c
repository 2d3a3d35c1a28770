/* row_images.c — columns, text and sparse indexes of a stretch of rows: built, opened, checked
 * together. */
#include "segment/row_images.h"

#include <stdlib.h>

#define FINISH_BYTES_PER_BYTE 2 /* of what a builder holds */

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

struct image_builder {
    columns_builder *columns; /* one of these */
    text_builder *text;
    sparse_builder *sparse;
};

bool image_suits(segment_content content, int image)
{
    return (content == SEGMENT_SPARSE_VECTOR) == (image == IMAGE_SPARSE);
}

varve_status image_builder_new(int image, const text_options *text, image_builder **ret,
                               varve_error *err)
{
    VV_CLEANUP(image_builder_freep) image_builder *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory for field indexes");
    if (image == IMAGE_COLUMNS) VV_TRY(columns_builder_new(&b->columns, err));
    if (image == IMAGE_TEXT) VV_TRY(text_builder_new(text, &b->text, err));
    if (image == IMAGE_SPARSE) VV_TRY(sparse_builder_new(&b->sparse, err));
    *ret = b;
    b = NULL;
    return VARVE_OK;
}

varve_status image_builder_add(image_builder *b, varve_text row, varve_error *err)
{
    if (b->columns) return columns_builder_add(b->columns, row, err);
    if (b->text) return text_builder_add(b->text, row, err);
    return sparse_builder_add(b->sparse, row, err);
}

varve_status image_builder_finish(image_builder *b, buffer *out, varve_error *err)
{
    if (b->columns) return columns_builder_finish(b->columns, out, err);
    if (b->text) return text_builder_finish(b->text, out, err);
    return sparse_builder_finish(b->sparse, out, err);
}

void image_builder_free(image_builder *b)
{
    if (!b) return;
    columns_builder_free(b->columns);
    text_builder_free(b->text);
    sparse_builder_free(b->sparse);
    free(b);
}

void image_builder_freep(image_builder **b) { image_builder_free(*b); }

uint64_t image_builder_bytes(const image_builder *b)
{
    if (b->columns) return columns_builder_bytes(b->columns);
    if (b->text) return text_builder_bytes(b->text);
    return sparse_builder_bytes(b->sparse);
}

uint64_t image_builder_finish_bytes(const image_builder *b)
{
    return FINISH_BYTES_PER_BYTE * image_builder_bytes(b);
}

static varve_status build(int image, const text_options *text, const row_contents *rows,
                          uint32_t count, buffer *out, varve_error *err)
{
    VV_CLEANUP(image_builder_freep) image_builder *b = NULL;
    varve_text row;
    VV_TRY(image_builder_new(image, text, &b, err));
    for (uint32_t slot = 0; slot < count; slot++) {
        VV_TRY(rows->get(rows->context, slot, &row, err));
        VV_TRY(image_builder_add(b, row, err));
    }
    return image_builder_finish(b, out, err);
}

varve_status row_images_build(segment_content content, const text_options *text,
                              const row_contents *rows, uint32_t count, buffer out[ROW_IMAGES],
                              varve_error *err)
{
    for (int i = 0; i < ROW_IMAGES; i++)
        if (image_suits(content, i)) VV_TRY(build(i, text, rows, count, &out[i], err));
    return VARVE_OK;
}

varve_status row_images_check(const row_images *i, const row_contents *rows, varve_error *err)
{
    const sparse_rows sparse = {rows->get, rows->context};
    if (i->columns) VV_TRY(columns_check(i->columns, rows->get, rows->context, err));
    if (i->text) VV_TRY(text_index_check(i->text, rows->get, rows->context, err));
    return i->sparse ? sparse_index_check(i->sparse, &sparse, err) : VARVE_OK;
}
