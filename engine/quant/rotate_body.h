/* rotate_body.h — one round of the rotation, compiled once for each instruction set by the files
 * that include it. Vectors of the compiler, no intrinsics: all of them give the same bits, because
 * there is nothing but products with a scale and sums, in one order (and files that include this
 * are compiled with -ffp-contract=off).
 *
 * A Walsh-Hadamard transform of p coordinates is log2 p stages; stage h adds and subtracts
 * coordinates that are h apart. The first ones stay inside a vector, the others go two at a
 * time. */
#include "quant/rotate.h"

#include <math.h>

#ifndef QUANT_LANES
#define QUANT_LANES 8 /* floats of the widest vector that the instruction set has: 4, 8 or 16 */
#endif

typedef float rotate_floats __attribute__((vector_size(4 * QUANT_LANES), aligned(4), may_alias));
typedef int32_t rotate_ints __attribute__((vector_size(4 * QUANT_LANES), aligned(4), may_alias));

#define ROTATE_INLINE static inline __attribute__((always_inline))

/* Lane i and lane i ^ h, for h = 1, 2, 4, 8. */
#if QUANT_LANES == 4
#define ROTATE_SWAP1   1, 0, 3, 2
#define ROTATE_SWAP2   2, 3, 0, 1
#define ROTATE_NUMBERS 0, 1, 2, 3
#elif QUANT_LANES == 8
#define ROTATE_SWAP1   1, 0, 3, 2, 5, 4, 7, 6
#define ROTATE_SWAP2   2, 3, 0, 1, 6, 7, 4, 5
#define ROTATE_SWAP4   4, 5, 6, 7, 0, 1, 2, 3
#define ROTATE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7
#else
#define ROTATE_SWAP1   1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define ROTATE_SWAP2   2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13
#define ROTATE_SWAP4   4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11
#define ROTATE_SWAP8   8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7
#define ROTATE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#endif

/* The lower lane of a pair becomes their sum, the upper one the lower less the upper. */
#define ROTATE_PAIR(v, h, ...)                                                                     \
    do {                                                                                           \
        rotate_ints minus = ((lanes & (h)) != 0) & INT32_MIN;                                      \
        v = __builtin_shufflevector(v, v, __VA_ARGS__) + (rotate_floats)((rotate_ints)v ^ minus);  \
    } while (0)

ROTATE_INLINE void rotate_small_stages(float *x, size_t p)
{
    const rotate_ints lanes = {ROTATE_NUMBERS};
    for (size_t i = 0; i < p; i += QUANT_LANES) {
        rotate_floats v = *(rotate_floats *)(x + i);
        ROTATE_PAIR(v, 1, ROTATE_SWAP1);
        ROTATE_PAIR(v, 2, ROTATE_SWAP2);
#if QUANT_LANES > 4
        ROTATE_PAIR(v, 4, ROTATE_SWAP4);
#endif
#if QUANT_LANES > 8
        ROTATE_PAIR(v, 8, ROTATE_SWAP8);
#endif
        *(rotate_floats *)(x + i) = v;
    }
}

ROTATE_INLINE void rotate_two_stages(float *x, size_t h)
{
    for (size_t i = 0; i < h; i += QUANT_LANES) {
        rotate_floats *pa = (rotate_floats *)(x + i), *pb = (rotate_floats *)(x + i + h);
        rotate_floats *pc = (rotate_floats *)(x + i + 2 * h),
                      *pd = (rotate_floats *)(x + i + 3 * h);
        rotate_floats a = *pa + *pb, b = *pa - *pb, c = *pc + *pd, d = *pc - *pd;
        *pa = a + c;
        *pb = b + d;
        *pc = a - c;
        *pd = b - d;
    }
}

/* Of n coordinates and those h behind them. */
ROTATE_INLINE void rotate_stage(float *x, size_t h)
{
    for (size_t i = 0; i < h; i += QUANT_LANES) {
        rotate_floats *pa = (rotate_floats *)(x + i), *pb = (rotate_floats *)(x + i + h);
        rotate_floats sum = *pa + *pb, difference = *pa - *pb;
        *pa = sum;
        *pb = difference;
    }
}

ROTATE_INLINE void rotate_transform(float *x, size_t p) /* p: a power of two, at least 64 */
{
    size_t h = QUANT_LANES;
    rotate_small_stages(x, p);
    for (; 4 * h <= p; h *= 4) {
        for (size_t i = 0; i < p; i += 4 * h)
            rotate_two_stages(x + i, h);
    }
    for (; 2 * h <= p; h *= 2) {
        for (size_t i = 0; i < p; i += 2 * h)
            rotate_stage(x + i, h);
    }
}

/* x[i] = ±scale x[i], the sign from bit i. */
ROTATE_INLINE void rotate_scale(float *x, size_t n, const uint8_t *signs, float scale)
{
    const rotate_ints bit = ((rotate_ints){0} + 1) << (rotate_ints){ROTATE_NUMBERS};
    for (size_t i = 0; i < n; i += 16) {
        int32_t word = signs[i / 8] | signs[i / 8 + 1] << 8;
        for (size_t j = 0; j < 16; j += QUANT_LANES) {
            rotate_ints minus = ((bit & (word >> j)) != 0) & INT32_MIN;
            rotate_floats v = *(rotate_floats *)(x + i + j) * scale;
            *(rotate_floats *)(x + i + j) = (rotate_floats)((rotate_ints)v ^ minus);
        }
    }
}

/* One round: signs, then the transform of the p coordinates from `at` on; if `halves`, then also
 * sums and differences of the two halves of all. Scaled beforehand, so that nothing on the way is
 * longer than x was. Each step but the signs is its own inverse, so `back` takes them in turn. */
ROTATE_INLINE void rotate_round(float *x, size_t padded, size_t p, size_t at, bool halves,
                                const uint8_t *signs, bool back)
{
    float whole = halves ? 0x1.6a09e6p-1f : 1, part = whole / sqrtf((float)p);
    if (back && halves) rotate_stage(x, padded / 2);
    if (back) rotate_transform(x + at, p);
    rotate_scale(x, at, signs, whole);
    rotate_scale(x + at, p, signs + at / 8, part);
    rotate_scale(x + at + p, padded - at - p, signs + (at + p) / 8, whole);
    if (!back) rotate_transform(x + at, p);
    if (!back && halves) rotate_stage(x, padded / 2);
}

#define ROTATE_ROUNDS_WHOLE 3 /* a power of two: every round mixes all coordinates */
#define ROTATE_ROUNDS_ENDS  4 /* else: both ends, the halves, both ends */

ROTATE_INLINE size_t rotate_transform_width(size_t padded)
{
    size_t p = ROTATE_PADDING;
    while (2 * p <= padded)
        p *= 2;
    return p;
}

ROTATE_INLINE size_t rotate_rounds(size_t padded)
{
    return rotate_transform_width(padded) == padded ? ROTATE_ROUNDS_WHOLE : ROTATE_ROUNDS_ENDS;
}

ROTATE_INLINE void rotate_row(const rotation *r, bool back, float *x)
{
    size_t padded = r->padded, p = rotate_transform_width(padded), rounds = rotate_rounds(padded);
    for (size_t i = 0; i < rounds; i++) {
        size_t round = back ? rounds - 1 - i : i, at = round % 2 == 0 ? 0 : padded - p;
        bool halves = p < padded && round == 1; /* every coordinate was transformed by then */
        rotate_round(x, padded, p, at, halves, r->signs + round * (padded / 8), back);
    }
}
