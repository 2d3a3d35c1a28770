/* quant_sq8.c — one byte per coordinate, with a scale and an offset for each row, and an error that
 * is certain.
 *
 * With m the mean of the sample, row x is decoded as q = m + offset + scale c, c in 0..255. The
 * query y becomes y' = m + t v, v integers of 15 bits. In
 *     |y' - q|^2 = |q - m|^2 + t^2 |v|^2 - 2 t offset sum(v) - 2 t scale <c, v>
 * every term is an exact integer times floats, added up in double.
 *
 * The certain error: | |x - y| - sqrt(estimate) | <= |x - q| + |y - y'| + | |y' - q| -
 * sqrt(estimate) |. The first was measured when the row was encoded, the second when the query was
 * made. For the third, the estimate is off by at most d = 2^-48 T + 2^-23 estimate + 2^-148, T
 * being the sum of the magnitudes of the terms (some ten roundings of 2^-53 T each; one rounding to
 * float); roots of numbers d apart are at most min(sqrt d, d / sqrt estimate) apart. T <= (|q - m|
 * + |y' - m|)^2 + 4 |offset| sqrt(width) |y' - m|, by Cauchy and Schwarz.
 *
 * A group: codes, a plane of 8 bits; then of 32 rows each: norm |q - m|^2 (double), offset, scale,
 * error (float). */
#include "quant/quant_private.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SAMPLE_ROWS 4096

static varve_status prepare(quantiser *q, varve_error *err)
{
    if (q->spec.parameter != 0 && q->spec.parameter != 8)
        return vv_fail(err, VARVE_INVALID, "SQ8 has 8 bits, not %u", q->spec.parameter);
    q->spec.parameter = 8;
    q->learnt_count = q->spec.width;
    q->codes_bytes = size_align(q->spec.width, 4) * QUANT_GROUP;
    q->group_bytes = q->codes_bytes + QUANT_SQ8_TAIL_BYTES;
    return VARVE_OK;
}

static varve_status train(quantiser *q, const float *sample, size_t n, thread_pool *pool,
                          varve_error *err)
{
    (void)pool;
    (void)err;
    quant_mean(sample, n, q->spec.width, q->learnt);
    return VARVE_OK;
}

static void encode(const quantiser *q, const float *const *rows, uint8_t *ret_group)
{
    for (size_t i = 0; i < QUANT_GROUP; i++)
        q->isa->encode_sq8(q->learnt, q->spec.width, rows[i], i, ret_group);
}

static float field(const quantiser *q, const uint8_t *group, size_t number, size_t i)
{
    return get_f32(group + q->codes_bytes + QUANT_SQ8_NORM_BYTES + number * QUANT_SQ8_FIELD_BYTES +
                   4 * i);
}

static void decode(const quantiser *q, const uint8_t *group, size_t i, float *ret)
{
    double offset = (double)field(q, group, 0, i), scale = (double)field(q, group, 1, i);
    for (size_t at = 0; at < q->spec.width; at++) {
        uint8_t code = group[at / 4 * (4 * QUANT_GROUP) + 4 * i + at % 4];
        ret[at] = (float)((double)q->learnt[at] + offset + scale * code);
    }
}

static varve_status query(quant_query *query, const float *values, varve_error *err)
{
    const quantiser *q = query->quantiser;
    VV_CLEANUP(vv_freep) double *y = malloc(q->spec.width * sizeof *y);
    quant_scaled s;
    if (!y) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t i = 0; i < q->spec.width; i++)
        y[i] = (double)values[i] - (double)q->learnt[i];
    VV_TRY(quant_query_ints(query, y, q->spec.width, 2, &s, err));
    query->norm = s.scale * sqrt((double)s.squares);
    query->error = s.error;
    query->terms.sq8 = (quant_sq8_terms){.constant = s.scale * s.scale * (double)s.squares,
                                         .per_offset = -2 * s.scale * (double)s.sum,
                                         .per_sum = -2 * s.scale};
    return VARVE_OK;
}

static void scan(const quant_query *query, const uint8_t *group, float *ret)
{
    const quantiser *q = query->quantiser;
    double sums[QUANT_GROUP] = {0};
    q->isa->dots(&query->ints, 8, group, 1, sums);
    q->isa->finish_sq8(&query->terms.sq8, sums, group + q->codes_bytes, ret);
}

static float error(const quant_query *query, const uint8_t *group, size_t i, float estimate)
{
    const quantiser *q = query->quantiser;
    double width = q->spec.width, of_row = (double)field(q, group, 2, i), root;
    double offset = fabs((double)field(q, group, 0, i));
    double norm = sqrt(get_f64(group + q->codes_bytes + 8 * i)) + query->norm;
    double terms = norm * norm + 4 * offset * sqrt(width) * query->norm;
    double off = 0x1p-48 * terms + 0x1p-23 * (double)estimate + 0x1p-148;
    if (!isfinite(estimate)) return INFINITY;
    root = sqrt((double)estimate);
    double e = of_row + query->error + fmin(sqrt(off), root > 0 ? off / root : INFINITY);
    e = e * (1 + 0x1p-30) + 0x1p-23 * root; /* and the caller's own root, in float */
    return e < (double)FLT_MAX ? nextafterf((float)e, INFINITY) : INFINITY;
}

/* As error(), for all rows of a group in floats, by steps that are coarser but never smaller: T <=
 * 2 |q - m|^2 + 2 |y' - m|^2 + 4 |offset| sqrt(width) |y' - m|; d / sqrt estimate even where sqrt d
 * is less; and each constant with room for the roundings here. */
static uint32_t near(const quant_query *query, const uint8_t *group, const float *estimates,
                     const float *limits)
{
    const quantiser *q = query->quantiser;
    const uint8_t *tail = group + q->codes_bytes;
    const float constant = (float)(2 * query->norm * query->norm);
    const float per_offset = (float)(4 * sqrt(q->spec.width) * query->norm);
    const float query_error = (float)query->error;
    double norms[QUANT_GROUP];
    float offsets[QUANT_GROUP], errors[QUANT_GROUP], behind[QUANT_GROUP];
    uint32_t mask = 0;
    int any = 0;
    memcpy(norms, tail, sizeof norms);
    memcpy(offsets, tail + QUANT_SQ8_NORM_BYTES, sizeof offsets);
    memcpy(errors, tail + QUANT_SQ8_NORM_BYTES + 2 * QUANT_SQ8_FIELD_BYTES, sizeof errors);
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        float terms = 2 * (float)norms[i] + constant + per_offset * fabsf(offsets[i]);
        float off = 0x1p-47f * terms + 0x1p-22f * estimates[i] + 0x1p-146f;
        float root = sqrtf(estimates[i]);
        float e = (errors[i] + query_error + off / root) * (1 + 0x1p-16f) + 0x1p-21f * root;
        behind[i] = root - e - limits[i];
        any |= !(behind[i] > 0);
    }
    for (size_t i = 0; any && i < QUANT_GROUP; i++)
        mask |= (uint32_t) !(behind[i] > 0) << i;
    return mask;
}

const quant_type quant_type_sq8 = {.name = "SQ8",
                                   .sample_rows = SAMPLE_ROWS,
                                   .prepare = prepare,
                                   .train = train,
                                   .encode = encode,
                                   .decode = decode,
                                   .query = query,
                                   .scan = scan,
                                   .error = error,
                                   .near = near};
