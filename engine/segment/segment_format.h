/* segment_format.h — the bytes of a segment file. Integers are little-endian.
 *
 * A segment is written once and never changed. The footer comes last: a file cut short has none and
 * is no segment.
 *
 *   | header | section 0 | ... | section n-2 | BLOCK_SUMS | directory | footer |
 *
 * Sections start at multiples of 64, in the order of their directory entries, with zeros between.
 * Directory and footer follow the block sums without a gap.
 *
 *   HEADER                                    FOOTER
 *     0   8  "VARVESEG"                         0   8  "VARVEEND"
 *     8   4  format version                     8   8  offset of the directory
 *    12   4  collection id                     16   4  number of directory entries
 *    16   8  segment number                    20   4  block size, 65536
 *    24   8  rows, n                           24   8  file size
 *    32   4  dimensions                        32   8  header hash, as in the header
 *    36   1  dtype                             40   8  XXH3-64 of the directory
 *    37   1  content, as in segment_content    48   8  zero
 *    38   1  text: 1 stems, 2 stop words,
 *             4 accents folded
 *    39   1  zero
 *    40   8  smallest rowver                   56   8  XXH3-64 of bytes 0..55
 *    48   8  largest rowver
 *    56   8  smallest ordinal                 DIRECTORY ENTRY
 *    64   8  largest ordinal                    0   4  section kind
 *    72   8  f64 bound of the vectors' norms    4   2  vector field id; 0: primary, or not a vector
 *    80  16  language of the texts, padded      6   2  flags
 *             with zeros
 *    96  24  zero
 *   120   8  XXH3-64 of bytes 0..119            8   8  offset
 *                                              16   8  size
 *                                              24   8  STEP: first value; BLOCK_SUMS: XXH3-64 of it
 *                                              32   8  STEP: step
 *
 * Sections. A u64 column whose values are first + i * step (ascending, without overflow) is not
 * written: its entry has the flag STEP, first value and step, and size 0. So the rowvers of a
 * session cost nothing, nor do the offsets of ids that all are integers (step 9).
 *
 *   VECTORS        n rows of the dtype's row bytes
 *   ROWVERS        u64[n], strictly ascending          may be STEP
 *   ORDINALS       u64[n]                              may be STEP
 *   ID_OFFSETS     u64[n + 1], ascending from 0        may be STEP
 *   ID_BYTES       id keys (record/id.h) back to back; row i: ID_OFFSETS[i] .. ID_OFFSETS[i + 1]
 *   FIELD_OFFSETS  u64[n + 1], ascending from 0        may be STEP
 *   FIELD_BYTES    minified JSON objects back to back; sparse vectors (field/sparse_index.h), where
 *                  that is the content
 *   BLOCK_SUMS     u64 per block: XXH3-64 of bytes [64 KiB * i, 64 KiB * (i + 1)) of the file,
 *                  cut to what lies behind the header and before this section
 *   COLUMNS        field/columns_format.h   } made of FIELD_BYTES, each at most once; a segment
 *   TEXT           field/text_format.h      } without them is searched row by row
 *   SPARSE         field/sparse_format.h    }
 *
 * (1) header and footer vouch for themselves, the footer for header and directory, the directory
 *     for the block sums, these for all sections: the footer's hash names exactly this content.
 * (2) Collection and number are those of the file's birth. A copy of a collection has the same file
 *     under another name; the manifest then finds it by the footer's hash.
 * (3) An entry whose kind and field id a reader does not know is skipped. Flags that it does not
 *     know on a section that it needs are an error.
 *
 * Version history. 1: first, without content, text options, COLUMNS, TEXT, SPARSE. 2: with them. A
 * reader refuses a version above its own and reads every version at or
 * below it. Header bytes 0..11 and 120..127 mean the same in every version. */
#ifndef VARVE_SEGMENT_FORMAT_H
#define VARVE_SEGMENT_FORMAT_H

#include <stdint.h>

#define SEGMENT_MAGIC        "VARVESEG"
#define SEGMENT_FOOTER_MAGIC "VARVEEND"
#define SEGMENT_VERSION      2

#define SEGMENT_HEADER_BYTES      128
#define SEGMENT_HEADER_HASH_AT    120
#define SEGMENT_ENTRY_BYTES       40
#define SEGMENT_FOOTER_BYTES      64
#define SEGMENT_FOOTER_HASH_AT    56
#define SEGMENT_SECTION_ALIGNMENT 64
#define SEGMENT_BLOCK_BYTES       65536
#define SEGMENT_SUM_BYTES         8
#define SEGMENT_OFFSET_BYTES      8

#define SEGMENT_FLAG_STEP 1u

/* Bits of header byte 38. */
#define SEGMENT_TEXT_STEM         1u
#define SEGMENT_TEXT_STOP_WORDS   2u
#define SEGMENT_TEXT_FOLD_ACCENTS 4u
#define SEGMENT_TEXT_KNOWN        7u

typedef enum segment_section {
    SEGMENT_VECTORS = 1,
    SEGMENT_ROWVERS = 2,
    SEGMENT_ORDINALS = 3,
    SEGMENT_ID_OFFSETS = 4,
    SEGMENT_ID_BYTES = 5,
    SEGMENT_FIELD_OFFSETS = 6,
    SEGMENT_FIELD_BYTES = 7,
    SEGMENT_BLOCK_SUMS = 8,
    SEGMENT_COLUMNS = 9,
    SEGMENT_TEXT = 10,
    SEGMENT_SPARSE = 11,
    SEGMENT_SECTION_END /* not a kind: one past the last known */
} segment_section;

_Static_assert(SEGMENT_HEADER_BYTES % SEGMENT_SECTION_ALIGNMENT == 0, "vectors follow the header");
_Static_assert(SEGMENT_HEADER_HASH_AT + 8 == SEGMENT_HEADER_BYTES, "the hash ends the header");
_Static_assert(SEGMENT_FOOTER_HASH_AT + 8 == SEGMENT_FOOTER_BYTES, "the hash ends the footer");

#endif
