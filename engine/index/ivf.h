/* ivf.h — inside index/: rows in partitions about centroids (inverted file: Jegou et al., PAMI
 * 2011). A search opens the partitions nearest to its query and ranks what is in them; breadth is
 * how many it opens (nprobe). In the modes SPANN a row between partitions may lie in several (Chen
 * et al., NeurIPS 2021), each partition is a stretch of the file, and none is much larger than the
 * others.
 *
 * Rows of a partition are SQ8 codes (fresh.h), or bits (index_bits.h) for Hamming and Jaccard: both
 * lose nothing, so that of the rows in opened partitions the best k are found for certain, and
 * without a quantiser in the mode's name the answer is the same.
 *
 *   PARTITIONS  48 bytes: u32 partitions p | u32 width of the space | u32 copies of a row at most |
 *               u32 zero | f64 largest norm, f64 scale of the space | 16 zero; then u64[p + 1]:
 *               where each begins, counted in coded rows; ascending from 0 to their number
 *   CENTROIDS   f32[p × width], points of the space; or p rows of VARVE_BINARY
 *   SLOTS       u32 of each coded row; UINT32_MAX: filling (partitions of codes are whole groups)
 *   and those of fresh.h, or BITS, over the coded rows
 *
 * Threads  as index_type.h says. */
#ifndef VARVE_INDEX_IVF_H
#define VARVE_INDEX_IVF_H

#include "index/index_bits.h"
#include "index/index_type.h"
#include "index/space.h"

#define IVF_HEAD_BYTES     48
#define IVF_PARTITIONS_MAX (1u << 20)
#define IVF_COPIES_MAX     8
#define IVF_NONE           UINT32_MAX

/* ---- which row lies where ------------------------------------------------------------------ */

/* While it is built: row i lies in partitions of[i × copies ...], IVF_NONE behind the last. */
typedef struct ivf_assignment {
    uint32_t rows, copies, partitions;
    uint32_t *of;
} ivf_assignment;
VV_CHECKED varve_status ivf_assignment_init(ivf_assignment *a, uint32_t rows, uint32_t copies,
                                            varve_error *err);
void ivf_assignment_done(ivf_assignment *a); /* fine on a zeroed one */
/* Rows of each partition: `partitions` counts; free() them. */
VV_CHECKED varve_status ivf_assignment_sizes(const ivf_assignment *a, uint32_t **ret,
                                             varve_error *err);
/* Partitions without rows vanish: their centroids, `size` bytes each, too. */
VV_CHECKED varve_status ivf_assignment_compact(ivf_assignment *a, void *centroids, size_t size,
                                               varve_error *err);

/* How many partitions, when the caller asks for `asked` (0: as many as suit) of so many rows. */
uint32_t ivf_partition_count(uint32_t asked, uint64_t rows);

/* Coded rows, partition after partition, each filled up to a multiple of `unit`. */
typedef struct ivf_order {
    uint64_t *starts; /* partitions + 1 */
    uint32_t *slots;
} ivf_order;
VV_CHECKED varve_status ivf_order_make(const ivf_assignment *a, uint32_t unit, ivf_order *ret,
                                       varve_error *err);
void ivf_order_done(ivf_order *o);
static inline uint64_t ivf_order_count(const ivf_order *o, const ivf_assignment *a)
{
    return o->starts[a->partitions];
}
/* Sections PARTITIONS and SLOTS. space NULL: of bits. */
VV_CHECKED varve_status ivf_order_put(const index_build_context *c, const ivf_assignment *a,
                                      const ivf_order *o, const space *s, varve_error *err);

/* ---- open ---------------------------------------------------------------------------------- */

typedef struct ivf_lists {
    uint32_t partitions, copies;
    uint64_t coded;        /* rows */
    const uint8_t *starts; /* u64[partitions + 1], verified */
    index_bytes slots;
    uint64_t rows; /* of the segment */
} ivf_lists;

/* Sections PARTITIONS and SLOTS; starts are multiples of unit. ret_space NULL: of bits. */
VV_CHECKED varve_status ivf_lists_open(ivf_lists *l, index_file *f, const index_spec *spec,
                                       uint32_t unit, space *ret_space, varve_error *err);
void ivf_lists_range(const ivf_lists *l, uint32_t partition, uint64_t *ret_first,
                     uint64_t *ret_count);
/* Each row of the segment lies somewhere, and in no more partitions than it may. */
VV_CHECKED varve_status ivf_lists_check(const ivf_lists *l, varve_error *err);
/* Breadths to measure: 1, 2, 3, 4, 6, 8 ... up to all. */
size_t ivf_lists_breadths(const ivf_lists *l, uint32_t *ret, size_t max);

/* Partitions by distance from a query, the nearest first. */
typedef struct ivf_near {
    float distance;
    uint32_t partition;
} ivf_near;
typedef struct ivf_nearest {
    ivf_near *heap;
    uint32_t left;        /* in the heap */
    uint32_t opened;      /* taken out of it */
    uint32_t wanted;      /* to be opened at least */
    uint64_t rows_wanted; /* to be offered at least */
    double rows_expected; /* of the wanted partitions, when live rows lie anywhere; 0: no matter */
} ivf_nearest;
/* distances: one per partition. */
VV_CHECKED varve_status ivf_nearest_init(ivf_nearest *n, const ivf_lists *l, const index_query *q,
                                         uint32_t breadth, const float *distances,
                                         varve_error *err);
void ivf_nearest_done(ivf_nearest *n); /* fine on a zeroed one */
/* The next to open, given the rows offered so far; false: enough. */
bool ivf_nearest_next(ivf_nearest *n, uint64_t offered, uint32_t *ret_partition);

/* ---- clusters ------------------------------------------------------------------------------ */

/* Centroids (partitions × s->width floats; free() them) and the rows about each. */
VV_CHECKED varve_status ivf_cluster(const index_build_context *c, const space *s,
                                    ivf_assignment *ret, float **ret_centroids, varve_error *err);
uint64_t ivf_cluster_bytes(const index_spec *spec, uint64_t rows);
/* The same over bits: all rows packed; centroids are rows too. */
VV_CHECKED varve_status ivf_cluster_bits(const index_build_context *c, const uint8_t *bits,
                                         ivf_assignment *ret, uint8_t **ret_centroids,
                                         varve_error *err);

#endif
