/* sparse_format.h — the bytes of a sparse index. Integers are little-endian, nothing is aligned.
 *
 *   | header | lists | dimensions |
 *
 *   HEADER                                    DIMENSION, sorted by number; one more ends them
 *     0   8  "VARVESPX"                         0   4  number (of the one behind: 0)
 *     8   4  version                            4   4  rows with it, n (0)
 *    12   4  rows                               8   8  offset of its list behind the header
 *    16   4  dimensions with values
 *    20   4  zero                             BLOCK ENTRY
 *    24   8  values in all                      0   4  slot of its last row
 *    32   8  offset of the dimensions           4   4  end of its body, from the first body
 *    40   8  size of the image                  8   1  least quantised value
 *    48  16  zero                               9   1  largest one
 *                                              10   2  zero
 * LIST   f32 low, f32 step, f32 error; if n > 128: per 128 rows BLOCK ENTRY; per 128 rows BODY
 * BODY   of c rows: u8 width of gaps; packed gap[c], as in text_format.h; u8 quantised[c]
 * 8 zero bytes end the lists.
 *
 * (1) slots in a list ascend and are below rows.
 * (2) |value - (low + step * quantised)| <= error, computed in double precision.
 * (3) low and step are finite, step and error not negative.
 *
 * Version history. 1: first. */
#ifndef VARVE_FIELD_SPARSE_FORMAT_H
#define VARVE_FIELD_SPARSE_FORMAT_H

#define SPARSE_MAGIC             "VARVESPX"
#define SPARSE_HEADER_BYTES      64
#define SPARSE_DIMENSION_BYTES   16
#define SPARSE_LIST_HEAD_BYTES   12
#define SPARSE_BLOCK_ENTRY_BYTES 12
#define SPARSE_LEVELS            255 /* steps between the least and the largest value of a list */

#endif
