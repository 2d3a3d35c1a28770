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

static void finish_pq(double constant, double per_sum, const uint32_t *sums, float *ret)
{
    double e[QUANT_GROUP];
    for (size_t r = 0; r < QUANT_GROUP; r++)
        e[r] = constant + per_sum * (double)sums[r];
    finish(e, ret);
}

static void rotate(const rotation *r, bool back, float *x)
{
    if (back)
        rotate_row(r, true, x);
    else
        rotate_row(r, false, x);
}

/* ---- encoding ------------------------------------------------------------------------------ */

typedef double lanes8 __attribute__((vector_size(64)));
typedef int64_t masks8 __attribute__((vector_size(64)));
typedef int32_t codes8 __attribute__((vector_size(32)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef float floats8 __attribute__((vector_size(32), aligned(4), may_alias));

INLINE lanes8 pick8(masks8 mask, lanes8 a, lanes8 b)
{
    return (lanes8)((mask & (masks8)a) | (~mask & (masks8)b));
}

/* Eight coordinates of a row from the mean, exact but for one rounding to double. Of the last ones,
 * lanes beyond the row repeat coordinate 0. */
INLINE lanes8 sq8_load(const float *x, const float *mean, size_t i, size_t width)
{
    float xs[8], means[8];
    if (i + 8 <= width)
        return __builtin_convertvector(*(const floats8 *)(x + i), lanes8) -
               __builtin_convertvector(*(const floats8 *)(mean + i), lanes8);
    for (size_t j = 0; j < 8; j++) {
        xs[j] = x[i + j < width ? i + j : 0];
        means[j] = mean[i + j < width ? i + j : 0];
    }
    return __builtin_convertvector(*(floats8 *)xs, lanes8) -
           __builtin_convertvector(*(floats8 *)means, lanes8);
}

typedef struct sq8_row {
    double low, high;      /* of its coordinates from the mean */
    double offset, scale;  /* floats */
    uint64_t sum, squares; /* of the codes */
    double error;          /* squared */
} sq8_row;

INLINE void sq8_range(sq8_row *s, const float *mean, size_t width, const float *x)
{
    lanes8 low = sq8_load(x, mean, 0, width), high = low;
    for (size_t i = 8; i < width; i += 8) {
        lanes8 v = sq8_load(x, mean, i, width);
        low = pick8(v < low, v, low);
        high = pick8(v > high, v, high);
    }
    s->low = low[0];
    s->high = high[0];
    for (size_t j = 1; j < 8; j++) {
        s->low = VV_MIN(s->low, low[j]);
        s->high = VV_MAX(s->high, high[j]);
    }
}

/* Code 0 is not above the smallest coordinate, so that no code is negative. A range past that of
 * float is cut; the error then says so. */
INLINE void sq8_scale(sq8_row *s)
{
    float offset = (float)VV_MAX(s->low, -(double)FLT_MAX);
    offset = VV_MIN(offset, FLT_MAX);
    if ((double)offset > s->low) offset = nextafterf(offset, -FLT_MAX);
    s->offset = (double)offset;
    s->scale = (double)(float)((s->high - s->offset) / 255);
}

INLINE void sq8_codes(sq8_row *s, const float *mean, size_t width, const float *x, size_t r,
                      uint8_t *ret_group)
{
    const masks8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
    lanes8 error = {0}, zero = {0};
    codes8 sum = {0}, squares = {0};
    double inverse = s->scale > 0 ? 1 / s->scale : 0;
    for (size_t i = 0; i < width; i += 8) {
        lanes8 v = sq8_load(x, mean, i, width), c = (v - s->offset) * inverse + 0.5;
        masks8 inside = lane < (int64_t)(width - i);
        c = pick8(inside, c, zero);
        c = pick8(c < 255.0, c, zero + 255.0);
        c = pick8(c > 0.0, c, zero);
        codes8 code = __builtin_convertvector(c, codes8);
        lanes8 e = v - (s->offset + __builtin_convertvector(code, lanes8) * s->scale);
        bytes8 bytes = __builtin_convertvector(code, bytes8);
        e = pick8(inside, e, zero);
        error += e * e;
        sum += code;
        squares += code * code;
        memcpy(ret_group + i / 4 * (4 * QUANT_GROUP) + 4 * r, &bytes, 4);
        if (i + 4 < width)
            memcpy(ret_group + (i / 4 + 1) * (4 * QUANT_GROUP) + 4 * r, (uint8_t *)&bytes + 4, 4);
    }
    for (size_t j = 0; j < 8; j++) {
        s->sum += (uint64_t)sum[j];
        s->squares += (uint64_t)squares[j];
        s->error += error[j];
    }
}

/* |x - decoded|, rounded up: each coordinate of v, of what is decoded and of their difference is
 * rounded once, by at most 2^-53 of the larger one. */
INLINE float sq8_error(const sq8_row *s, size_t width)
{
    double largest = VV_MAX(fabs(s->low), fabs(s->high)) + fabs(s->offset) + 255 * s->scale;
    double e = sqrt(s->error) * (1 + 0x1p-30) + 0x1p-50 * sqrt((double)width) * largest;
    float up = e < (double)FLT_MAX ? (float)e : INFINITY;
    return e == 0 ? 0 : nextafterf(up, INFINITY);
}

static void encode_sq8(const float *mean, size_t width, const float *x, size_t r,
                       uint8_t *ret_group)
{
    uint8_t *tail = ret_group + (width + 3) / 4 * (4 * QUANT_GROUP);
    sq8_row s = {0};
    double w = (double)width;
    sq8_range(&s, mean, width, x);
    sq8_scale(&s);
    sq8_codes(&s, mean, width, x, r, ret_group);
    double norm = w * s.offset * s.offset + 2 * s.offset * s.scale * (double)s.sum +
                  s.scale * s.scale * (double)s.squares;
    memcpy(tail + 8 * r, &norm, 8);
    tail += QUANT_SQ8_NORM_BYTES + 4 * r;
    put_f32(tail, (float)s.offset);
    put_f32(tail + QUANT_SQ8_FIELD_BYTES, (float)s.scale);
    put_f32(tail + 2 * (size_t)QUANT_SQ8_FIELD_BYTES, sq8_error(&s, width));
}

#define QUANT_BODY_KERNELS                                                                         \
    .finish_sq8 = finish_sq8, .finish_rotated = finish_rotated, .finish_pq = finish_pq,            \
    .rotate = rotate, .encode_sq8 = encode_sq8
