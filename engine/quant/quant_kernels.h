/* quant_kernels.h — the table of kernels that each instruction set fills in, and the layouts they
 * read. Nobody outside quant/ and its tests includes it.
 *
 * All kernels work on groups of QUANT_GROUP rows, and no row is summed across a register: a lane of
 * a vector belongs to a row. Integer results are the same everywhere. Floating-point ones too,
 * because what computes them is one C text (quant_body.h) that each instruction set compiles
 * without contraction; only the products of k-means differ in their last bits.
 *
 * PLANE of b bits (1, 2, 4, 8), for dots(): a byte holds F = 8 / b coordinates. Block i of
 *   4 F coordinates is 32 rows × 4 bytes; of row r, field f of byte j is coordinate 4 F i + 4 f +
 * j. NIBBLES, for lookups(): subspaces come in blocks of 8. Block i is 2 × 64 bytes: rows 0 to 15,
 *   then rows 16 to 31; byte 16 j + r has the code of subspace 8 i + j of row r in its low half,
 *   that of subspace 8 i + 4 + j in its high half.
 *
 * Ownership  kernels own nothing.
 * Threads    tables are constant; any number of threads.
 * Errors     none. */
#ifndef VARVE_QUANT_KERNELS_H
#define VARVE_QUANT_KERNELS_H

#include "quant/kmeans_tile.h"
#include "quant/quant.h"
#include "quant/rotate.h"

#include <stddef.h>
#include <stdint.h>

#define QUANT_ALIGNMENT 64

#define QUANT_BLOCK_BYTES 128 /* of a PLANE and of NIBBLES */

/* Where the code of a subspace lies in NIBBLES: 16 bytes from here for rows 0 to 15, from 64 bytes
 * later for rows 16 to 31; in the high half of the bytes if `high`. */
static inline size_t quant_nibbles_place(size_t subspace, bool *high)
{
    *high = subspace % 8 >= 4;
    return subspace / 8 * QUANT_BLOCK_BYTES + subspace % 4 * 16;
}

/* ---- a query in integers ------------------------------------------------------------------- */

#define QUANT_LOW_BITS 7 /* full = high << 7 plus low; |high| <= 127, -64 <= low <= 63 */
#define QUANT_FULL_MAX (127 << QUANT_LOW_BITS)
#define QUANT_HALF_MAX 127

/* Coordinates as integers; zeros behind the last one. */
typedef struct quant_ints {
    const int16_t *full;
    const int8_t *high;
    const int8_t *low; /* NULL: full is within 8 bits, and equal to high */
    size_t quads;      /* coordinates / 4 */
} quant_ints;

/* ---- what is done with sums ---------------------------------------------------------------- */

/* estimate = norm + constant + (offset * per_offset + scale * (sum * per_sum)) */
typedef struct quant_sq8_terms {
    double constant, per_offset, per_sum;
} quant_sq8_terms;
/* The fields of a group behind its codes. */
#define QUANT_SQ8_NORM_BYTES  (QUANT_GROUP * 8) /* double */
#define QUANT_SQ8_FIELD_BYTES (QUANT_GROUP * 4) /* float: offset, scale, error */
#define QUANT_SQ8_TAIL_BYTES  (QUANT_SQ8_NORM_BYTES + 3 * QUANT_SQ8_FIELD_BYTES)

/* estimate = norm * norm + constant + norm * (factor * (sum * per_sum + per_row)) */
typedef struct quant_rotated_terms {
    double constant, per_sum, per_row;
} quant_rotated_terms;
#define QUANT_ROTATED_TAIL_BYTES (QUANT_GROUP * 4 * 2) /* float: norm, factor */

/* estimate = constant + sum * per_sum */
typedef struct quant_pq_terms {
    double constant, per_sum;
} quant_pq_terms;

/* Subspaces of a product quantiser, in order; the first `longer` of them have width + 1
 * coordinates, the others width. Of each coordinate, the values of 16 centroids side by side. */
typedef struct quant_subspaces {
    size_t count, longer, width;
    const float *centroids;
} quant_subspaces;

static inline size_t quant_subspace_start(const quant_subspaces *s, size_t i)
{
    return i * s->width + (i < s->longer ? i : s->longer);
}

/* ---- the table ----------------------------------------------------------------------------- */

typedef struct quant_isa_kernels {
    const char *name;
    /* sums[r] += weight × <codes of row r, y>, of one plane. */
    void (*dots)(const quant_ints *y, unsigned bits, const uint8_t *codes, double weight,
                 double *sums);
    /* ret_sums[r] = sum over subspaces of the entry that the code of row r picks from the table (16
     * bytes) of the subspace. */
    void (*lookups)(const uint8_t *tables, size_t blocks, const uint8_t *codes, uint32_t *ret_sums);
    void (*finish_sq8)(const quant_sq8_terms *t, const double *sums, const uint8_t *tail,
                       float *ret);
    void (*finish_rotated)(const quant_rotated_terms *t, const double *sums, const uint8_t *tail,
                           float *ret);
    void (*finish_pq)(const quant_pq_terms *t, const uint32_t *sums, float *ret);
    /* Row r of a group of SQ8 codes: x, which lies `mean` away from the origin of the codes. */
    void (*encode_sq8)(const float *mean, size_t width, const float *x, size_t r,
                       uint8_t *ret_group);
    /* A group of NIBBLES, zeroed: the nearest of 16 centroids in each subspace. */
    void (*encode_pq)(const quant_subspaces *s, const float *const *rows, uint8_t *ret_group);
    /* ret[i] = (x[i] - mean[i]) × inverse. */
    void (*direction)(const float *x, const float *mean, size_t width, double inverse, float *ret);
    /* n (a multiple of 16) coordinates in 2^bits even steps around 0, with the one of the step
     * sizes whose codes point most nearly where o points. Returns <codes - (2^bits - 1) / 2, o>. */
    double (*encode_bits)(const float *o, size_t n, unsigned bits, const float *steps, size_t count,
                          uint8_t *ret_codes);
    /* All rounds, in place over r->padded coordinates; or all of them back. */
    void (*rotate)(const rotation *r, bool back, float *x);
    /* Squared distance of two rows, in double. */
    double (*squared)(const float *x, const float *y, size_t width);
    /* Squared distances of x to n rows, in float. */
    void (*squared_floats)(const float *x, const float *rows, size_t n, size_t width, float *ret);
    const kmeans_tile *tile;
} quant_isa_kernels;

extern const quant_isa_kernels quant_kernels_scalar;
#if defined(__x86_64__)
extern const quant_isa_kernels quant_kernels_avx2, quant_kernels_avx512;
#endif

/* All kernels this CPU can run, best first, NULL behind the last. */
#define QUANT_ISAS_MAX 4
void quant_isas(const quant_isa_kernels *ret[QUANT_ISAS_MAX]);
/* Those of the instruction set that distance_isa() names, or scalar. */
const quant_isa_kernels *quant_isa_choose(void);

#endif
