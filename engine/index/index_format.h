/* index_format.h — the bytes of an index file. Integers are little-endian.
 *
 * An index is written once and never changed. The footer comes last: a file cut short has none and
 * is no index.
 *
 *   | header | section 0 | ... | section n-2 | BLOCK_SUMS | directory | footer |
 *
 * Sections start at multiples of 64 or more, in the order of their directory entries, with zeros
 * between. Directory and footer follow the block sums without a gap.
 *
 *   HEADER                                    FOOTER
 *     0   8  "VARVEIDX"                         0   8  "VARVEEND"
 *     8   4  format version                     8   8  offset of the directory
 *    12   4  generation                        16   4  number of directory entries
 *    16   8  rows, n                           20   4  block size, 65536
 *    24   4  dimensions                        24   8  file size
 *    28   1  dtype                             32   8  header hash, as in the header
 *    29   1  kind, as in index_kind            40   8  XXH3-64 of the directory
 *    30   1  number of parameters, p           48   8  zero
 *    31   1  length of the mode's name         56   8  XXH3-64 of bytes 0..55: the footer hash
 *    32  64  canonical name of the mode
 *    96   8  f64 alpha                        DIRECTORY ENTRY
 *   104   8  spec hash                          0   4  section kind
 *   112 128  u32[p] parameters, in the order    4   4  flags, zero
 *            of VARVE_INDEX_PARAM_TABLE         8   8  offset
 *   240   8  zero                              16   8  size
 *   248   8  XXH3-64 of bytes 0..247           24   8  BLOCK_SUMS: XXH3-64 of it; else zero
 *
 * Parameters that do not matter to the mode are zero; those behind the p-th are at their defaults.
 * What the sections of a structure hold is said in the header of its format, or at the top of the
 * file that writes them.
 *
 *   BLOCK_SUMS     u64 per block: XXH3-64 of bytes [64 KiB * i, 64 KiB * (i + 1)) of the file, cut
 *                  to what lies behind the header and before this section
 *   CURVE          index/curve.h
 *
 * (1) header and footer vouch for themselves, the footer for header and directory, the directory
 *     for the block sums, these for all sections: the footer's hash names exactly this content.
 * (2) A section of a kind that a reader does not know is skipped. Flags are an error.
 *
 * Version history. 1: first. A reader refuses a version above its own and reads every version at or
 * below it. Header bytes 0..11 and 248..255 mean the same in every version. */
#ifndef VARVE_INDEX_FORMAT_H
#define VARVE_INDEX_FORMAT_H

#include <stdint.h>

#define INDEX_MAGIC        "VARVEIDX"
#define INDEX_FOOTER_MAGIC "VARVEEND"
#define INDEX_VERSION      1

#define INDEX_HEADER_BYTES      256
#define INDEX_HEADER_MODE_AT    32
#define INDEX_HEADER_PARAMS_AT  112
#define INDEX_HEADER_PARAMS_MAX 32
#define INDEX_HEADER_HASH_AT    248
#define INDEX_ENTRY_BYTES       32
#define INDEX_FOOTER_BYTES      64
#define INDEX_FOOTER_HASH_AT    56
#define INDEX_ALIGNMENT         64
#define INDEX_SECTIONS_MAX      64

/* Kinds of sections: 1..15 common; of codes and flat structures 16..31; of graphs 32..63, which
 * graph_format.h numbers; of partitions 64..95. */
typedef enum index_section_kind {
    INDEX_BLOCK_SUMS = 1,
    INDEX_CURVE = 2,
    INDEX_QUANTISER = 16, /* quantiser_save() */
    INDEX_MODEL = 17,     /* fresh.h, flat.h, ivf.h: what else rows and queries are coded by */
    INDEX_CODES = 18,     /* groups of codes */
    INDEX_NORMS = 19,     /* f32 per coded row */
    INDEX_BITS = 20,      /* rows packed to bits */
    INDEX_GRAPH_FIRST = 32,
    INDEX_CENTROIDS = 64,
    INDEX_PARTITIONS = 65,
    INDEX_SLOTS = 66
} index_section_kind;

_Static_assert(INDEX_HEADER_HASH_AT + 8 == INDEX_HEADER_BYTES, "the hash ends the header");
_Static_assert(INDEX_FOOTER_HASH_AT + 8 == INDEX_FOOTER_BYTES, "the hash ends the footer");
_Static_assert(INDEX_HEADER_PARAMS_AT + 4 * INDEX_HEADER_PARAMS_MAX <= INDEX_HEADER_HASH_AT,
               "the parameters fit");

#endif
