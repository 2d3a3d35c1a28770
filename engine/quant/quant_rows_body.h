/* quant_rows_body.h — the part of quant_body.h that reads rows: distances, and codes. */

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

typedef float row_floats __attribute__((vector_size(4 * QUANT_LANES), aligned(4), may_alias));

#define ROW_SUMS   32 /* everywhere, so that they are added in one order */
#define ROW_CHAINS (ROW_SUMS / QUANT_LANES)

static void squared_floats(const float *x, const float *rows, size_t n, size_t width, float *ret)
{
    for (size_t r = 0; r < n; r++, rows += width) {
        row_floats sums[ROW_CHAINS] = {{0}};
        float all[ROW_SUMS], rest = 0;
        size_t i = 0;
        for (; i + ROW_SUMS <= width; i += ROW_SUMS) {
            for (size_t j = 0; j < ROW_CHAINS; j++) {
                row_floats d = *(const row_floats *)(x + i + QUANT_LANES * j) -
                               *(const row_floats *)(rows + i + QUANT_LANES * j);
                sums[j] += d * d;
            }
        }
        for (; i < width; i++)
            rest += (x[i] - rows[i]) * (x[i] - rows[i]);
        memcpy(all, sums, sizeof all);
        for (size_t half = ROW_SUMS / 2; half > 0; half /= 2) {
            for (size_t j = 0; j < half; j++)
                all[j] += all[j + half];
        }
        ret[r] = all[0] + rest;
    }
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

/* ---- bits of a direction ------------------------------------------------------------------- */

/* ret[i] = (x[i] - mean[i]) × inverse */
static void direction(const float *x, const float *mean, size_t width, double inverse, float *ret)
{
    for (size_t i = 0; i < width; i++)
        ret[i] = (float)(((double)x[i] - (double)mean[i]) * inverse);
}

typedef float bits_floats __attribute__((vector_size(4 * QUANT_LANES), aligned(4), may_alias));
typedef int32_t bits_ints __attribute__((vector_size(4 * QUANT_LANES)));
typedef uint8_t bits_bytes __attribute__((vector_size(QUANT_LANES)));

#define BITS_CHAINS (16 / QUANT_LANES) /* 16 sums everywhere, so that they are added in one order */

INLINE bits_ints bits_code(bits_floats x, float inverse, unsigned bits)
{
    const float most = (float)((1u << bits) - 1);
    bits_floats v = x * inverse + (float)(1u << (bits - 1));
    bits_ints above = v > most, below = v < 0.0f;
    bits_ints code = __builtin_convertvector(v, bits_ints);
    return (above & (int32_t)most) | (~above & ~below & code);
}

INLINE double bits_sum(const bits_floats *sums)
{
    float all[16];
    memcpy(all, sums, sizeof all);
    for (size_t n = 8; n > 0; n /= 2) {
        for (size_t i = 0; i < n; i++)
            all[i] += all[i + n];
    }
    return (double)all[0];
}

/* <y, o> and |y|^2 of the codes of one step, y being codes less the middle of their range. */
INLINE void bits_measure(const float *o, size_t n, unsigned bits, float inverse, double *product,
                         double *norm)
{
    const float middle = (float)((1u << bits) - 1) / 2;
    bits_floats products[BITS_CHAINS] = {{0}}, norms[BITS_CHAINS] = {{0}};
    for (size_t i = 0; i < n; i += 16) {
        for (size_t j = 0; j < BITS_CHAINS; j++) {
            bits_floats x = *(const bits_floats *)(o + i + QUANT_LANES * j);
            bits_floats y = __builtin_convertvector(bits_code(x, inverse, bits), bits_floats);
            y -= middle;
            products[j] += x * y;
            norms[j] += y * y;
        }
    }
    *product = bits_sum(products);
    *norm = bits_sum(norms);
}

static double encode_bits(const float *o, size_t n, unsigned bits, const float *steps, size_t count,
                          uint8_t *ret_codes)
{
    double best = -1, best_product = 0;
    float inverse = 0;
    for (size_t s = 0; s < count; s++) {
        double product, norm;
        bits_measure(o, n, bits, 1 / steps[s], &product, &norm);
        if (product * fabs(product) <= best * norm) continue;
        best = product * fabs(product) / norm;
        best_product = product;
        inverse = 1 / steps[s];
    }
    for (size_t i = 0; i < n; i += QUANT_LANES) {
        bits_ints code = bits_code(*(const bits_floats *)(o + i), inverse, bits);
        bits_bytes bytes = __builtin_convertvector(code, bits_bytes);
        memcpy(ret_codes + i, &bytes, sizeof bytes);
    }
    return best_product;
}

/* ---- PQ ------------------------------------------------------------------------------------ */

#define PQ_DEPTH 16 /* coordinates that are turned at a time: a lane is a row */

#define PQ_PARTS (QUANT_GROUP / QUANT_LANES)

typedef float pq_floats __attribute__((vector_size(4 * QUANT_LANES)));
typedef int32_t pq_ints __attribute__((vector_size(4 * QUANT_LANES)));

/* The coordinates of QUANT_GROUP rows, and their distances to 16 centroids: QUANT_LANES rows a
 * vector. */
typedef struct pq_scratch {
    pq_floats x[PQ_DEPTH][PQ_PARTS];
    pq_floats sums[16][PQ_PARTS];
} pq_scratch;

INLINE void pq_turn(const float *const *rows, size_t start, size_t depth, pq_scratch *s)
{
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        const float *x = rows[r] + start;
        for (size_t d = 0; d < depth; d++)
            s->x[d][r / QUANT_LANES][r % QUANT_LANES] = x[d];
    }
}

INLINE void pq_distances(const float *centroids, size_t depth, bool first, pq_scratch *s)
{
    for (size_t c = 0; c < 16; c++) {
        for (size_t p = 0; p < PQ_PARTS; p++) {
            pq_floats sum = first ? (pq_floats){0} : s->sums[c][p];
            for (size_t d = 0; d < depth; d++) {
                pq_floats e = s->x[d][p] - centroids[16 * d + c];
                sum += e * e;
            }
            s->sums[c][p] = sum;
        }
    }
}

INLINE void pq_nearest(const pq_scratch *s, uint8_t *ret)
{
    for (size_t p = 0; p < PQ_PARTS; p++) {
        pq_floats best = s->sums[0][p];
        pq_ints ids = {0};
        for (int32_t c = 1; c < 16; c++) {
            pq_ints better = s->sums[c][p] < best;
            best = (pq_floats)((better & (pq_ints)s->sums[c][p]) | (~better & (pq_ints)best));
            ids = (better & c) | (~better & ids);
        }
        for (size_t l = 0; l < QUANT_LANES; l++)
            ret[p * QUANT_LANES + l] = (uint8_t)ids[l];
    }
}

static void encode_pq(const quant_subspaces *q, const float *const *rows, uint8_t *ret_group)
{
    pq_scratch s;
    for (size_t i = 0; i < q->count; i++) {
        size_t start = quant_subspace_start(q, i), width = quant_subspace_start(q, i + 1) - start;
        uint8_t codes[QUANT_GROUP];
        bool high;
        for (size_t at = 0; at < width; at += PQ_DEPTH) {
            size_t depth = VV_MIN(width - at, (size_t)PQ_DEPTH);
            pq_turn(rows, start + at, depth, &s);
            pq_distances(q->centroids + 16 * (start + at), depth, at == 0, &s);
        }
        pq_nearest(&s, codes);
        uint8_t *to = ret_group + quant_nibbles_place(i, &high);
        for (size_t r = 0; r < QUANT_GROUP; r++)
            to[r / 16 * 64 + r % 16] |= (uint8_t)(codes[r] << (high ? 4 : 0));
    }
}
