/* quant_ints.c — the mean of rows, and a query in integers of 8 or 15 bits. */
#include "quant/quant_private.h"

#include <math.h>

#define PADDING 32 /* coordinates of the largest block of codes */

void quant_mean(const float *rows, size_t n, size_t width, float *ret)
{
    for (size_t first = 0; first < width; first += 64) { /* the sums stay in the nearest cache */
        double sums[64] = {0};
        size_t count = VV_MIN((size_t)64, width - first);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < count; j++)
                sums[j] += (double)rows[i * width + first + j];
        }
        for (size_t j = 0; j < count; j++)
            ret[first + j] = (float)(sums[j] / (double)n);
    }
}

static double largest(const double *y, size_t count)
{
    double max = 0;
    for (size_t i = 0; i < count; i++)
        max = fmax(max, fabs(y[i]));
    return max;
}

/* Arrays for `count` integers, zeroed. */
static varve_status alloc_ints(quant_query *q, size_t count, int16_t **full, int8_t **high,
                               int8_t **low, varve_error *err)
{
    size_t padded = size_align(count, PADDING);
    VV_TRY(quant_alloc(padded * 4, &q->memory, err));
    *full = q->memory;
    *high = (int8_t *)(*full + padded);
    *low = *high + padded;
    q->ints.quads = (count + 3) / 4;
    return VARVE_OK;
}

varve_status quant_query_ints(quant_query *q, const double *y, size_t count, unsigned parts,
                              quant_scaled *ret, varve_error *err)
{
    double max = largest(y, count), errors = 0;
    quant_scaled s = {.scale = max / (parts == 2 ? QUANT_FULL_MAX : QUANT_HALF_MAX)};
    int16_t *full;
    int8_t *high, *low;
    VV_TRY(alloc_ints(q, count, &full, &high, &low, err));
    for (size_t i = 0; i < count; i++) {
        int v = s.scale > 0 ? (int)lrint(y[i] / s.scale) : 0;
        int top = parts == 2 ? (v + (1 << (QUANT_LOW_BITS - 1))) >> QUANT_LOW_BITS : v;
        double e = y[i] - s.scale * v;
        full[i] = (int16_t)v;
        high[i] = (int8_t)top;
        low[i] = (int8_t)(parts == 2 ? v - top * (1 << QUANT_LOW_BITS) : 0);
        s.sum += v;
        s.squares += (int64_t)v * v;
        errors += e * e;
    }
    /* each e is rounded by at most 2^-52 of the largest coordinate */
    s.error = sqrt(errors) * (1 + 0x1p-30) + 0x1p-50 * sqrt((double)count) * max;
    q->ints.full = full;
    q->ints.high = high;
    q->ints.low = parts == 2 ? low : NULL;
    *ret = s;
    return VARVE_OK;
}
