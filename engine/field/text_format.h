/* text_format.h — the bytes of a text index. Integers are little-endian, offsets count from the
 * image's first byte unless said otherwise, nothing is aligned.
 *
 *   | header | paths | lengths | postings | terms | term index |
 *
 *   HEADER                                    PATH (paths begin with all of these, then the names)
 *     0   8  "VARVETXT"                         0   4  offset of the name behind the last entry
 *     8   4  version                            4   2  bytes of the name
 *    12   4  rows                               6   1  flags: TEXT_PATH_…
 *    16  16  language, zeros behind             7   1  bytes of a length: 1, 2 or 4
 *    32   1  options: TEXT_OPTION_…             8   4  rows with a token under it, r
 *    33   1  bytes of a total length: 1, 2, 4  12   4  zero
 *    34   2  zero                              16   8  tokens in all rows
 *    36   4  number of paths                   24   8  offset of its lengths
 *    40   8  tokens in all rows
 *    48   8  offset of paths (128)            LENGTHS
 *    56   8  offset of lengths                  total   one per row, at the offset of lengths
 *    64   8  offset of postings                 dense   one per row (TEXT_PATH_DENSE)
 *    72   8  offset of terms                    sparse  u32 slot[r], ascending; length[r]
 *    80   8  offset of the term index           A lone path has the total lengths as its own.
 *    88   4  number of terms
 *    92   4  blocks of terms                  TERM INDEX
 *    96   8  size of the image                  u64 offset[blocks + 1] of blocks, within terms
 *   104  24  zero
 *
 * TERMS  in blocks of 16, sorted by bytes: u64 offset of the first list within postings, then per
 *   term: u8 bytes shared with the one before in this block, u8 more bytes, these, varint rows n,
 *   varint bytes of its list. Lists lie in the order of their terms, without gaps.
 *
 * LIST   of a term, n > 0 rows:
 *   if there are several paths: varint p, p times (varint path, ascending; varint rows)
 *   if n > 128: 16 bytes IMPACT of the list; per 128 rows BLOCK ENTRY; per 128 rows BODY
 *   else: BODY
 *   IMPACT       0 12  four pairs (u8 tf, u16 length): every posting has at most the tf and at
 *                      least the length of one of them; a tf of 255 is any; ends with repeats
 *               12  3  one such pair for lengths within single paths
 *               15  1  zero
 *   BLOCK ENTRY  0  4  slot of its last row
 *                4  4  end of its body, from the first body
 *                8 16  IMPACT
 *   BODY, of c rows: u8 width of gaps, u8 width of tf; several paths: u8 width of shares, u8 width
 *     of paths, u8 width of tf within a path; then packed integers, each kind from a new byte:
 *       gap[c]      slots between this row and the one before (or the start of rows)
 *       tf[c] - 1   of all fields together
 *       several paths: share[c] - 1, the paths with the term; and for all shares in order:
 *       path[s], tf[s] - 1
 *   8 zero bytes end the postings.
 *
 * (1) slots in a list ascend and are below rows; paths of a row ascend and are below their number.
 * (2) tf of a row is the sum of its shares; 1 <= tf <= length of the row.
 *
 * Version history. 1: first. */
#ifndef VARVE_FIELD_TEXT_FORMAT_H
#define VARVE_FIELD_TEXT_FORMAT_H

#include <stdint.h>

#define TEXT_MAGIC             "VARVETXT"
#define TEXT_HEADER_BYTES      128
#define TEXT_PATH_BYTES        32
#define TEXT_IMPACT_BYTES      16
#define TEXT_IMPACT_PAIRS      4
#define TEXT_IMPACT_PAIR_BYTES 3
#define TEXT_IMPACT_TF_ANY     255
#define TEXT_BLOCK_ENTRY_BYTES 24
#define TEXT_DICTIONARY_BLOCK  16
#define TEXT_PATHS_STORED_MAX  1025 /* TEXT_PATHS_MAX and the one without a name */

enum { TEXT_OPTION_STEM = 1, TEXT_OPTION_STOP_WORDS = 2, TEXT_OPTION_FOLD_ACCENTS = 4 };
enum {
    TEXT_PATH_DENSE = 1,
    TEXT_PATH_UNNAMED = 2, /* all paths beyond TEXT_PATHS_MAX, and those too long */
    TEXT_PATH_PLAIN = 4    /* one text per row, nested in objects alone: what a path_walk finds */
};

#endif
