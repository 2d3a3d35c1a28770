/* quant_body.h — the kernels that are plain C with vectors of the compiler, compiled once for each
 * instruction set by the files that include this, with -ffp-contract=off: all of them give the same
 * bits. An including file adds dots(), lookups() and the tile of k-means, and its table. */
#include "base/bytes.h"
#include "quant/quant_kernels.h"
#include "quant/rotate_body.h"

#include <float.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

/* Never NaN, never below 0. */
INLINE void finish(const double *estimates, float *ret)
{
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        double e = estimates[r];
        e = e > 0 ? e : e <= 0 ? 0 : INFINITY;
        ret[r] = (float)e;
    }
}

static void finish_sq8(const quant_sq8_terms *t, const double *sums, const uint8_t *tail,
                       float *ret)
{
    double norms[QUANT_GROUP], e[QUANT_GROUP];
    float offsets[QUANT_GROUP], scales[QUANT_GROUP];
    memcpy(norms, tail, sizeof norms);
    memcpy(offsets, tail + QUANT_SQ8_NORM_BYTES, sizeof offsets);
    memcpy(scales, tail + QUANT_SQ8_NORM_BYTES + QUANT_SQ8_FIELD_BYTES, sizeof scales);
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        double cross =
            (double)offsets[r] * t->per_offset + (double)scales[r] * (sums[r] * t->per_sum);
        e[r] = norms[r] + t->constant + cross;
    }
    finish(e, ret);
}

static void finish_rotated(const quant_rotated_terms *t, const double *sums, const uint8_t *tail,
                           float *ret)
{
    double e[QUANT_GROUP];
    float norms[QUANT_GROUP], factors[QUANT_GROUP];
    memcpy(norms, tail, sizeof norms);
    memcpy(factors, tail + sizeof norms, sizeof factors);
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        double norm = (double)norms[r];
        double cross = norm * ((double)factors[r] * (sums[r] * t->per_sum + t->per_row));
        e[r] = norm * norm + t->constant + cross;
    }
    finish(e, ret);
}

static void finish_pq(const quant_pq_terms *t, const uint32_t *sums, float *ret)
{
    double e[QUANT_GROUP];
    for (size_t r = 0; r < QUANT_GROUP; r++)
        e[r] = t->constant + t->per_sum * (double)sums[r];
    finish(e, ret);
}

static void rotate(const rotation *r, bool back, float *x)
{
    if (back)
        rotate_row(r, true, x);
    else
        rotate_row(r, false, x);
}

#include "quant/quant_rows_body.h"

#define QUANT_BODY_KERNELS                                                                         \
    .finish_sq8 = finish_sq8, .finish_rotated = finish_rotated, .finish_pq = finish_pq,            \
    .rotate = rotate, .squared = squared, .squared_floats = squared_floats,                        \
    .encode_sq8 = encode_sq8, .encode_pq = encode_pq, .direction = direction,                      \
    .encode_bits = encode_bits
