/* row_images.h — what is built of the fields of a stretch of rows, so that filters, texts and
 * sparse vectors are found without reading every row: for JSON fields columns (field/columns.h)
 * and a text index (field/text_index.h), for sparse vectors a sparse index (field/sparse_index.h).
 * A segment has them as sections; a memtable makes them for each few thousand rows, when a search
 * first asks.
 *
 * Ownership  row_images_done() closes; the bytes belong to the segment or to the part.
 * Threads    a builder belongs to one thread; open images may be read by any. */
#ifndef VARVE_SEGMENT_ROW_IMAGES_H
#define VARVE_SEGMENT_ROW_IMAGES_H

#include "field/sparse_index.h"
#include "field/text_index.h"

/* What the bytes beside id and vector are. */
typedef enum segment_content {
    SEGMENT_FIELDS = 0, /* a minified JSON object */
    SEGMENT_SPARSE_VECTOR = 1
} segment_content;

enum { IMAGE_COLUMNS, IMAGE_TEXT, IMAGE_SPARSE, ROW_IMAGES };

typedef struct row_images { /* NULL: there is none */
    columns *columns;
    text_index *text;
    sparse_index *sparse;
} row_images;

/* Sizes 0: not there. */
VV_CHECKED varve_status row_images_open(const field_image images[ROW_IMAGES], uint32_t rows,
                                        row_images *ret, varve_error *err);
void row_images_done(row_images *i);

/* Where the content of row `slot` is; the text lives until the next call. */
typedef struct row_contents {
    varve_status (*get)(void *context, uint32_t slot, varve_text *ret, varve_error *err);
    void *context;
} row_contents;

/* One image that is being built, row after row. */
typedef struct image_builder image_builder;
/* Is there such an image of this content? */
bool image_suits(segment_content content, int image);
VV_CHECKED varve_status image_builder_new(int image, const text_options *text, image_builder **ret,
                                          varve_error *err);
VV_CHECKED varve_status image_builder_add(image_builder *b, varve_text row, varve_error *err);
/* Appends to out; the builder can only be freed then. */
VV_CHECKED varve_status image_builder_finish(image_builder *b, buffer *out, varve_error *err);
/* Memory held now; and an upper estimate, held by a test, of what finish takes besides, with the
 * image that it makes. */
uint64_t image_builder_bytes(const image_builder *b);
uint64_t image_builder_finish_bytes(const image_builder *b);
void image_builder_free(image_builder *b);
void image_builder_freep(image_builder **b); /* for VV_CLEANUP */

/* All that suit the content, at once and in memory: out[i] is left empty where there is none. */
VV_CHECKED varve_status row_images_build(segment_content content, const text_options *text,
                                         const row_contents *rows, uint32_t count,
                                         buffer out[ROW_IMAGES], varve_error *err);
/* Hold them against the rows. */
VV_CHECKED varve_status row_images_check(const row_images *i, const row_contents *rows,
                                         varve_error *err);

#endif
