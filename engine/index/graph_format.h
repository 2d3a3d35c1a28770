/* graph_format.h — the sections of a graph index, and what follows from their few numbers.
 *
 * Four layouts. In all of them a row has `degree` edges, rows being numbered as in the segment:
 *   PACKED   HNSW, DISKANN, DISKANN-SQ8 over IP, L2, COS: a block per row with all that a walk
 *            needs when it stands there: own vector, edges, and a code of each neighbour relative
 *            to the row. Gou et al., "SymphonyQG", SIGMOD 2025; the codes are RaBitQ, Gao and Long,
 *            SIGMOD 2024.
 *   COMPACT  HNSW-SQ8: edges, and one byte per coordinate of each row.
 *   PLAIN    HNSW over other metrics: edges only; distances come from the rows themselves.
 *   CODED    DISKANN-PQ: blocks of own vector and edges; short codes of all rows, kept in memory.
 *
 *   MODEL
 *     0  4  layout
 *     4  4  degree, 32 or 64
 *     8  4  width of the space (index/space.h)
 *    12  4  padded: bits of a code; 0 without
 *    16  4  own vector, as in graph_own
 *    20  4  bytes of a block, or of a row of VECTORS
 *    24  4  entry: all rows can be reached from it
 *    28  4  groups of the entry sample
 *    32  8  f64 largest norm, of space.h
 *    40  8  f64 scale
 *    48  8  seed of the rotation
 *    56  4  version of these sections, 1
 *    60  4  zero
 *    64     f32[width] mean
 *
 *   BLOCK of a row (PACKED, CODED)
 *     0         own vector, own_bytes
 *     edges_at  u32[degree]; unused: 2^32 - 1, at the end
 *     codes_at  PACKED: degree / 32 times factors and codes
 *
 *   FACTORS AND CODES of 32 neighbours
 *     0    f16[32] A
 *     64   f16[32] B
 *     128  padded * 4 bytes: of 16 bits of all codes 64 bytes, 16 for each 4 bits; in byte j of
 *          those, low half: neighbour j, high half: neighbour j + 16
 *
 * The distance of q from neighbour x of c is estimated as |q - c|^2 + A + B <s, Rq>, where s are
 * the signs of R(x - c), B = -2 |x - c|^2 / <s, R(x - c)> and A = |x - c|^2 - B <s, Rc>. All
 * coordinates are those of the frame: (point of the space - mean) * scale; R is a rotation of
 * quant/rotate.h.
 *
 * Own vectors, filled up with zeros to a multiple of 16 coordinates; those of blocks, behind that,
 * to a multiple of 64 bytes:
 *   BYTES    L2 over 8-bit rows: the row, exactly; int8 rows with their top bit flipped
 *   HALVES   f16 of each coordinate
 *   SCALED   int8 of each coordinate, and behind them the f32 that they are multiplied by
 *
 *   BLOCKS   one per row. In DISKANN modes as many in a page of 4096 bytes as fit, the rest of it
 *            zeros; a block larger than a page takes whole pages if that wastes little.
 *   ENTRIES  groups of 32 rows where walks may begin: u32[32], and in PACKED their factors and
 *            codes relative to the mean. The first row of the first group is the entry.
 *   EDGES    COMPACT, PLAIN: u32[degree] per row
 *   VECTORS  COMPACT: own vectors
 *   QUANTISER, CODES  CODED: as of flat structures (index/flat.h)
 *
 * Version history. 1: first. A reader refuses a version above its own. */
#ifndef VARVE_INDEX_GRAPH_FORMAT_H
#define VARVE_INDEX_GRAPH_FORMAT_H

#include "index/graph_links.h"
#include "index/index_type.h"
#include "index/space.h"

#define GRAPH_VERSION     1
#define GRAPH_MODEL       (INDEX_GRAPH_FIRST + 0)
#define GRAPH_BLOCKS      (INDEX_GRAPH_FIRST + 1)
#define GRAPH_ENTRIES     (INDEX_GRAPH_FIRST + 2)
#define GRAPH_EDGES       (INDEX_GRAPH_FIRST + 3)
#define GRAPH_VECTORS     (INDEX_GRAPH_FIRST + 4)
#define GRAPH_MODEL_BYTES 64
#define GRAPH_PAGE_BYTES  4096
#define GRAPH_GROUP       32   /* neighbours that are coded together */
#define GRAPH_OWN_FILL    16   /* coordinates */
#define GRAPH_ENTRIES_MAX 4096 /* rows of the entry sample */

typedef enum graph_layout {
    GRAPH_PACKED = 1,
    GRAPH_COMPACT = 2,
    GRAPH_PLAIN = 3,
    GRAPH_CODED = 4
} graph_layout;

typedef enum graph_own {
    GRAPH_OWN_NONE = 0,
    GRAPH_OWN_BYTES = 1,
    GRAPH_OWN_HALVES = 2,
    GRAPH_OWN_SCALED = 3
} graph_own;

/* Everything that has a place and a size: a function of mode, row type, width and degree. */
typedef struct graph_shape {
    graph_layout layout;
    graph_own own;
    bool on_disk; /* DISKANN: blocks are read where they lie */
    uint32_t degree, groups, width, padded;
    size_t own_bytes;   /* of a block or of a row of VECTORS, filling included */
    size_t edges_at;    /* in a block */
    size_t codes_at;    /* in a block */
    size_t group_bytes; /* factors and codes of 32 neighbours */
    size_t entry_bytes; /* of a group of ENTRIES */
    size_t block_bytes; /* 0: no blocks */
    size_t per_page;    /* blocks in a page; 0: they lie back to back, or take whole pages */
} graph_shape;

/* What a file's MODEL says beside its shape. */
typedef struct graph_model {
    uint32_t entry, entry_groups;
    double scale; /* of the frame */
    uint64_t seed;
    space space; /* without one (PLAIN): width 0 */
} graph_model;

/* padded: of the rotation of this width. Fails only for widths whose blocks no number can count. */
VV_CHECKED varve_status graph_shape_init(graph_shape *s, const index_spec *spec, uint32_t width,
                                         varve_error *err);
/* Edges of a row that the spec asks for: 32 or 64. */
uint32_t graph_degree(const index_spec *spec);
bool graph_has_space(varve_metric metric);

/* The size of BLOCKS; false: more than a size can count. */
bool graph_blocks_bytes(const graph_shape *s, uint64_t rows, size_t *ret);
static inline uint64_t graph_block_at(const graph_shape *s, uint64_t row)
{
    if (s->per_page == 0) return row * s->block_bytes;
    return row / s->per_page * GRAPH_PAGE_BYTES + row % s->per_page * s->block_bytes;
}

VV_CHECKED varve_status graph_model_put(const graph_shape *s, const graph_model *m,
                                        const float *mean, buffer *out, varve_error *err);
/* Checks everything that a search relies on. ret_mean: in the file. */
VV_CHECKED varve_status graph_model_get(index_file *f, const index_spec *spec,
                                        graph_shape *ret_shape, graph_model *ret_model,
                                        const uint8_t **ret_mean, varve_error *err);

#endif
