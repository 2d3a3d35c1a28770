/* index_bits.h — inside index/: rows as bits (set when a coordinate is > 0.5), for Hamming, Jaccard
 * and Dice over vectors that are stored as numbers: a 32nd of the bytes to read, and nothing is
 * lost, for these metrics look at nothing else.
 *
 * Section BITS: rows of VARVE_BINARY, back to back.
 *
 * Threads  as index_type.h says. */
#ifndef VARVE_INDEX_BITS_H
#define VARVE_INDEX_BITS_H

#include "distance/distance.h"
#include "index/index_bytes.h"
#include "index/index_certain.h"
#include "index/index_type.h"

typedef struct index_bits {
    varve_metric metric;
    uint32_t dim;
    size_t stride; /* bytes of a row */
    index_bytes rows;
    uint64_t count;
    uint64_t slots; /* of the segment */
} index_bits;

/* n stored rows packed; spare bits are 0. */
void index_bits_pack(varve_dtype dtype, uint32_t dim, const uint8_t *rows, size_t n, uint8_t *ret);
/* All rows of the build, packed, back to back: rows × stride bytes; free() them. */
VV_CHECKED varve_status index_bits_pack_all(const index_build_context *c, uint8_t **ret,
                                            varve_error *err);
VV_CHECKED varve_status index_bits_open(index_bits *b, const index_spec *spec, index_file *f,
                                        uint64_t count, varve_error *err);
/* Offer rows [first, first + count) to hits. slots: u32 of each, or NULL: they are their own. */
VV_CHECKED varve_status index_bits_scan(const index_bits *b, const distance_query *prepared,
                                        const index_query *q, const index_bytes *slots,
                                        uint64_t first, uint64_t count, index_certain_hits *hits,
                                        index_work *work, varve_error *err);
VV_CHECKED varve_status index_bits_check(const index_bits *b, const index_rows *rows,
                                         const index_bytes *slots, varve_error *err);

#endif
