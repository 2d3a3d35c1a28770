/* quant_rows_body.h — the part of quant_body.h that reads rows: distances, and SQ8 codes. */

typedef double lanes4 __attribute__((vector_size(32)));
typedef int64_t masks4 __attribute__((vector_size(32)));
typedef int32_t codes4 __attribute__((vector_size(16)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));
typedef float floats4 __attribute__((vector_size(16), aligned(4), may_alias));

static double squared(const float *x, const float *y, size_t width)
{
    lanes4 sums[2] = {{0}, {0}};
    double rest = 0;
    size_t i = 0;
    for (; i + 8 <= width; i += 8) {
        for (size_t j = 0; j < 2; j++) {
            lanes4 d = __builtin_convertvector(*(const floats4 *)(x + i + 4 * j), lanes4) -
                       __builtin_convertvector(*(const floats4 *)(y + i + 4 * j), lanes4);
            sums[j] += d * d;
        }
    }
    for (; i < width; i++)
        rest += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    sums[0] += sums[1];
    return sums[0][0] + sums[0][1] + (sums[0][2] + sums[0][3]) + rest;
}

/* ---- SQ8 ----------------------------------------------------------------------------------- */

INLINE lanes4 pick4(masks4 mask, lanes4 a, lanes4 b)
{
    return (lanes4)((mask & (masks4)a) | (~mask & (masks4)b));
}

/* Four coordinates of a row from the mean, exact but for one rounding to double. Of the last ones,
 * lanes beyond the row repeat coordinate 0. */
INLINE lanes4 sq8_load(const float *x, const float *mean, size_t i, size_t width)
{
    float xs[4], means[4];
    if (i + 4 <= width)
        return __builtin_convertvector(*(const floats4 *)(x + i), lanes4) -
               __builtin_convertvector(*(const floats4 *)(mean + i), lanes4);
    for (size_t j = 0; j < 4; j++) {
        xs[j] = x[i + j < width ? i + j : 0];
        means[j] = mean[i + j < width ? i + j : 0];
    }
    return __builtin_convertvector(*(floats4 *)xs, lanes4) -
           __builtin_convertvector(*(floats4 *)means, lanes4);
}

typedef struct sq8_row {
    double low, high;      /* of its coordinates from the mean */
    double offset, scale;  /* floats */
    uint64_t sum, squares; /* of the codes */
    double error;          /* squared */
} sq8_row;

INLINE void sq8_range(sq8_row *s, const float *mean, size_t width, const float *x)
{
    lanes4 low = sq8_load(x, mean, 0, width), high = low;
    for (size_t i = 4; i < width; i += 4) {
        lanes4 v = sq8_load(x, mean, i, width);
        low = pick4(v < low, v, low);
        high = pick4(v > high, v, high);
    }
    s->low = low[0];
    s->high = high[0];
    for (size_t j = 1; j < 4; j++) {
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
    const masks4 lane = {0, 1, 2, 3};
    lanes4 error = {0}, zero = {0};
    codes4 sum = {0}, squares = {0};
    double inverse = s->scale > 0 ? 1 / s->scale : 0;
    for (size_t i = 0; i < width; i += 4) {
        lanes4 v = sq8_load(x, mean, i, width), c = (v - s->offset) * inverse + 0.5;
        masks4 inside = lane < (int64_t)(width - i);
        c = pick4(inside, c, zero);
        c = pick4(c < 255.0, c, zero + 255.0);
        c = pick4(c > 0.0, c, zero);
        codes4 code = __builtin_convertvector(c, codes4);
        lanes4 e = v - (s->offset + __builtin_convertvector(code, lanes4) * s->scale);
        bytes4 bytes = __builtin_convertvector(code, bytes4);
        e = pick4(inside, e, zero);
        error += e * e;
        sum += code;
        squares += code * code;
        memcpy(ret_group + i * QUANT_GROUP + 4 * r, &bytes, 4);
    }
    for (size_t j = 0; j < 4; j++) {
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
