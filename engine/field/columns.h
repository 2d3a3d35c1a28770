/* columns.h — the field indexes of a stretch of rows (a segment, or a part of a memtable): per
 * path, which rows have which values. Built without being asked, types inferred per value, kinds
 * kept apart. One immutable image of bytes, a section of the segment file.
 *
 * A path is a chain of keys; what lies in arrays is filed under the path of the array (with a mark
 * that it lay in an array), so {"a": [{"b": 1}]} has a value at a.b. Per path:
 *   keywords   distinct texts (up to KEYWORD_BYTES_MAX bytes; longer ones are filed by prefix, and
 *              have to be looked at), sorted, with ascending slots of each
 *   numbers    distinct numbers by exact value, sorted, with slots
 *   instants   the same of texts that are date-times, beside their keywords
 *   booleans, nulls, empty arrays, arrays, objects, presence: slots
 *   lengths    of arrays, distinct, with slots
 *   points     of objects with lon and lat: slot, lon, lat
 * Lists of slots are delta-coded, or bitmaps where that is smaller.
 *
 * Source     Roaring's container choice (Chambi et al. 2016) for lists against bitmaps.
 * Ownership  columns borrow the bytes they are opened over, through `image`.
 * Threads    a builder belongs to one thread; open columns may be read by any.
 * Errors     VARVE_CORRUPT for an image that does not hold what it says (every offset and count is
 *            checked before use); VARVE_LIMIT memory. */
#ifndef VARVE_FIELD_COLUMNS_H
#define VARVE_FIELD_COLUMNS_H

#include "base/buffer.h"
#include "record/path.h"

#define COLUMNS_VERSION      1
#define COLUMNS_PATHS_MAX    1024 /* further paths get no column: rows are looked at */
#define COLUMN_KEYWORD_BYTES 256

typedef struct columns_builder columns_builder;
VV_CHECKED varve_status columns_builder_new(columns_builder **ret, varve_error *err);
void columns_builder_free(columns_builder *b);
/* The minified fields of the next slot. */
VV_CHECKED varve_status columns_builder_add(columns_builder *b, varve_text fields,
                                            varve_error *err);
uint64_t columns_builder_bytes(const columns_builder *b); /* memory held now */
/* Append the image to out. The builder can only be freed then. */
VV_CHECKED varve_status columns_builder_finish(columns_builder *b, buffer *out, varve_error *err);

/* Bytes [offset, offset + len) of an image, verified against their checksums; any thread. */
typedef struct field_image {
    uint64_t size;
    varve_status (*get)(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                        varve_error *err);
    void *context;
} field_image;

typedef struct columns columns;
VV_CHECKED varve_status columns_open(const field_image *image, uint32_t rows, columns **ret,
                                     varve_error *err);
void columns_free(columns *c);
/* Read everything and hold it against these rows: what is filed is there, what is there is filed.
 * get: the minified fields of a slot. */
VV_CHECKED varve_status columns_check(const columns *c,
                                      varve_status (*get)(void *context, uint32_t slot,
                                                          varve_text *ret, varve_error *err),
                                      void *context, varve_error *err);

#endif
