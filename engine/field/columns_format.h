/* columns_format.h — the bytes of the columns of a stretch of rows. Integers are little-endian,
 * offsets count from the first byte of the image unless a line says otherwise.
 *
 *   | header | part 0 | part 1 | ... | directory |             parts start at multiples of 8
 *
 *   HEADER                                    PART ENTRY
 *     0   8  "VARVECOL"                         0   2  what it holds (columns_part_kind)
 *     8   4  format version                     2   1  encoding of a set of slots; else 0
 *    12   4  rows, n                            3   1  width of a slot, w: bits of n - 1
 *    16   4  columns                            4   4  slots of a set; values of a table; points
 *    20   4  flags                              8   8  offset
 *    24   8  offset of the directory           16   8  size
 *    32   8  size of the directory
 *
 *   DIRECTORY: of each column, ascending by its chain as bytes, without gaps
 *     0   2  bytes of the chain, c              4   c  chain
 *     2   2  parts, p                         4+c 24p  part entries, ascending by what they hold
 *
 * The chain is the way from the row to the values: per step one byte, COLUMNS_STEP_KEY with the
 * length of the key (u16, big-endian) and the unescaped key behind it, or COLUMNS_STEP_EACH for
 * "what lies in the array". Chains that no path can name (too long, too many steps) have no column.
 *
 * PACKED(n, w) is n unsigned integers of w <= 56 bits without gaps, lowest bits first, then zeros
 * for at least 8 bytes up to a multiple of 8; with w 0 too, where all are 0.
 *
 * SET    ascending slots: FULL (all rows; no bytes), LIST (PACKED(count, w)), BITMAP (u64 words),
 *        GAPS (the slots that are not in it: PACKED(n - count, w)); whichever is smallest.
 *
 * TABLE  distinct values, ascending, and the slots of each, ascending
 *     0   4  distinct values, d                16   8  size of the keys
 *     4   4  slots in the run, s               24   8  zero
 *     8   4  dense values, b                   32      keys
 *    12   1  flags: UNIQUE, RESIDUALS                  starts   PACKED(d + 1, width); not if UNIQUE
 *    13   1  width of a start                          run      PACKED(s, w)
 *    14   2  zero                                      dense    (u32 value, u32 slots)[b]
 *                                                      bitmaps  u64 words of n bits, b times
 *        Value i has the slots start[i] .. start[i + 1] of the run, or, if i is in dense, those of
 *        a bitmap (which is smaller then). UNIQUE: start[i] = i. So neighbouring values are one
 *        stretch of the run and some bitmaps.
 *
 *   keys of numbers, instants, lengths: u64 that ascend as the values do, in blocks of 64
 *        per block: 0 8 base | 8 4 offset, from the end of these entries | 12 1 shift | 13 1 width
 *        | 14 2 zero;   then the blocks: PACKED(count, width) of (key - base) >> shift, or u64 keys
 *        as they are if width is 64; then, with RESIDUALS, u16[d].
 *        A number's key are the bits of the largest double that is not above it, flipped so that
 *        they ascend; the residual is the number minus that double. Instants: microseconds with
 *        the sign flipped.
 *   keys of texts: u32[blocks + 1], offsets of blocks of 16 from the end of this list, zeros up to
 *        8, then the blocks; of each text: varint bytes shared with the one before (the first: 0),
 *        varint further bytes, those bytes. Texts of more than 256 bytes stand there with their
 *        first 257.
 *
 * POINTS (f64 lon, f64 lat)[count], then PACKED(count, w) of their slots, ascending.
 *
 * Version history. 1: first. */
#ifndef VARVE_FIELD_COLUMNS_FORMAT_H
#define VARVE_FIELD_COLUMNS_FORMAT_H

#include <stdint.h>

#define COLUMNS_MAGIC        "VARVECOL"
#define COLUMNS_HEADER_BYTES 40
#define COLUMNS_PART_BYTES   24
#define COLUMNS_TABLE_BYTES  32
#define COLUMNS_POINT_BYTES  16
#define COLUMNS_DENSE_BYTES  8

#define COLUMNS_FLAG_INCOMPLETE 1u /* some paths have no column: there were too many */
#define COLUMNS_FLAG_UNIQUE     1u
#define COLUMNS_FLAG_RESIDUALS  2u

#define COLUMNS_STEP_EACH 1
#define COLUMNS_STEP_KEY  2

typedef enum columns_encoding {
    COLUMNS_FULL = 1,
    COLUMNS_LIST = 2,
    COLUMNS_BITMAP = 3,
    COLUMNS_GAPS = 4
} columns_encoding;

/* Sets come first, in the order of column_kind; then tables, in the order of column_table. */
#define COLUMNS_PART_SETS   0
#define COLUMNS_PART_TABLES 16
#define COLUMNS_PART_POINTS 32

#define COLUMNS_KEY_BLOCK   64
#define COLUMNS_KEY_ENTRY   16
#define COLUMNS_TEXT_BLOCK  16
#define COLUMNS_PACKED_MAX  56 /* bits that one unaligned load gives */
#define COLUMNS_KEY_AS_IS   64
#define COLUMNS_CHAIN_BYTES 1200 /* of the longest chain: PATH_BYTES_MAX and what the steps take */

#endif
