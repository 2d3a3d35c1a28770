/* quant_rotated.c — RaBitQ and PolarVec: the direction of a row, rotated, in a few bits for each
 * coordinate.
 *
 * With m the mean of the sample (PolarVec: the origin), a row is x = m + |r| o, o a unit vector
 * that is rotated at random and so has coordinates like those of a Gaussian. They are cut into 2^B
 * even steps, codes u = 0 .. 2^B - 1; y = u - (2^B - 1) / 2 points nearly where o points. For the
 * direction q of a query, rotated likewise, <y, q> / <y, o> estimates <o, q> without bias (Gao and
 * Long, SIGMOD 2024, theorem 3.2), and
 *     |x - query|^2 = |r|^2 + |query - m|^2 - 2 |r| |query - m| <o, q>.
 * A row keeps |r| and the factor 2 / <y, o>. For a Gaussian the best step is known (Max,
 * "Quantizing for minimum distortion", 1960), and PolarVec takes it unless that would cut off too
 * much. RaBitQ of several bits (Gao et al., SIGMOD 2025) looks for the best step of each row; the
 * paper tries every one at which a code changes, here some even ones come as near as matters.
 *
 * <u, q>: 1 bit is looked up in tables, 4 coordinates at a time, as NIBBLES; more are multiplied
 * with the query in integers of 8 bits, or 15 when the codes are as fine as that.
 *
 * A group: codes, NIBBLES or planes; then of 32 rows each: norm |r|, factor (float). */
#include "quant/quant_private.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SAMPLE_ROWS      16384
#define RABITQ_DEFAULT   1
#define POLARVEC_DEFAULT 4
#define BITS_MAX         8
#define FINE_BITS        6 /* from there on the query has 15 bits */
#define STEPS            9 /* that RaBitQ tries, as shares of the best for a Gaussian */
#define STEP_FIRST       1.1f
#define STEP_LESS        0.05f

/* Steps of the best even quantiser of 2^B levels for a Gaussian of deviation 1. */
static const float steps_gauss[BITS_MAX + 1] = {0,       1.5958f, 0.9957f, 0.5860f, 0.3352f,
                                                0.1881f, 0.1041f, 0.0569f, 0.0308f};

static double middle_of(const quantiser *q) { return ((1 << q->spec.parameter) - 1) / 2.0; }

static const float *mean_of(const quantiser *q) { return q->learnt_count ? q->learnt : q->zeros; }

static varve_status prepare(quantiser *q, unsigned bits, varve_error *err)
{
    if (q->spec.parameter == 0) q->spec.parameter = bits;
    if (q->spec.parameter > BITS_MAX)
        return vv_fail(err, VARVE_INVALID, "%s of %u bits, not 1 to %d", q->type->name,
                       q->spec.parameter, BITS_MAX);
    VV_TRY(rotation_init(&q->rotation, q->spec.width, q->spec.seed, err));
    size_t padded = q->rotation.padded;
    q->codes_bytes = q->spec.parameter == 1 ? quant_nibbles_bytes(padded / 4)
                                            : padded * QUANT_GROUP * q->spec.parameter / 8;
    q->group_bytes = q->codes_bytes + QUANT_ROTATED_TAIL_BYTES;
    return VARVE_OK;
}

static varve_status prepare_rabitq(quantiser *q, varve_error *err)
{
    q->learnt_count = q->spec.width;
    return prepare(q, RABITQ_DEFAULT, err);
}

static varve_status prepare_polarvec(quantiser *q, varve_error *err)
{
    return prepare(q, POLARVEC_DEFAULT, err);
}

static varve_status train(quantiser *q, const float *sample, size_t n, thread_pool *pool,
                          varve_error *err)
{
    (void)pool;
    (void)err;
    quant_mean(sample, n, q->spec.width, q->learnt);
    return VARVE_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The rotated direction of x from the mean, and its length. */
static double turn(const quantiser *q, const float *x, float *ret)
{
    size_t width = q->spec.width, padded = q->rotation.padded;
    const float *mean = mean_of(q);
    double norm = sqrt(q->isa->squared(x, mean, width));
    q->isa->direction(x, mean, width, norm > 0 ? 1 / norm : 0, ret);
    memset(ret + width, 0, (padded - width) * sizeof *ret);
    q->isa->rotate(&q->rotation, false, ret);
    return norm;
}

/* The step sizes to try: the best for a Gaussian, the one that cuts off no coordinate (or one
 * coordinate in a million would spoil its row), and with RaBitQ others around the first. */
static size_t choose_steps(const quantiser *q, const float *o, float ret[STEPS + 2])
{
    unsigned bits = q->spec.parameter;
    float step = steps_gauss[bits] / sqrtf((float)q->rotation.padded), largest = 0;
    size_t count = 0;
    ret[count++] = step;
    if (bits == 1) return count; /* a step changes nothing */
    for (size_t i = 0; i < q->rotation.padded; i++)
        largest = VV_MAX(largest, fabsf(o[i]));
    if (largest > 0) ret[count++] = largest / (float)(1u << (bits - 1));
    for (size_t i = 0; i < STEPS && q->spec.kind == QUANT_KIND_RABITQ; i++)
        ret[count++] = step * (STEP_FIRST - STEP_LESS * (float)i);
    return count;
}

/* Codes of a direction; returns <y, o>. */
static double encode_direction(const quantiser *q, const float *o, uint8_t *ret_codes)
{
    float steps[STEPS + 2];
    size_t count = choose_steps(q, o, steps);
    return q->isa->encode_bits(o, q->rotation.padded, q->spec.parameter, steps, count, ret_codes);
}

static void put_codes(const quantiser *q, const uint8_t *codes, size_t r, uint8_t *group)
{
    size_t padded = q->rotation.padded;
    quant_plane planes[QUANT_PLANES_MAX];
    if (q->spec.parameter == 1) {
        for (size_t i = 0; i < padded; i += 4) {
            unsigned nibble = codes[i] | codes[i + 1] << 1 | codes[i + 2] << 2 | codes[i + 3] << 3;
            quant_nibbles_put((uint8_t)nibble, i / 4, r, group);
        }
        return;
    }
    size_t count = quant_planes(q->spec.parameter, planes);
    for (size_t p = 0; p < count; group += quant_plane_bytes(&planes[p++], padded))
        quant_plane_put(&planes[p], codes, padded, r, group);
}

static void get_codes(const quantiser *q, const uint8_t *group, size_t r, uint8_t *ret)
{
    size_t padded = q->rotation.padded;
    quant_plane planes[QUANT_PLANES_MAX];
    memset(ret, 0, padded);
    if (q->spec.parameter == 1) {
        for (size_t i = 0; i < padded; i++)
            ret[i] = quant_nibbles_get(group, i / 4, r) >> i % 4 & 1;
        return;
    }
    size_t count = quant_planes(q->spec.parameter, planes);
    for (size_t p = 0; p < count; group += quant_plane_bytes(&planes[p++], padded))
        quant_plane_get(&planes[p], group, padded, r, ret);
}

static void encode(const quantiser *q, const float *const *rows, uint8_t *ret_group)
{
    float o[QUANT_WIDTH_MAX];
    uint8_t codes[QUANT_WIDTH_MAX];
    for (size_t r = 0; r < QUANT_GROUP; r++) {
        uint8_t *tail = ret_group + q->codes_bytes + 4 * r;
        double norm = turn(q, rows[r], o), product = encode_direction(q, o, codes);
        put_codes(q, codes, r, ret_group);
        put_f32(tail, (float)fmin(norm, (double)FLT_MAX));
        put_f32(tail + QUANT_ROTATED_TAIL_BYTES / 2, product > 0 ? (float)(2 / product) : 0);
    }
}

/* The nearest point to x in the direction of y: |r| <y, o> / |y|^2 y. */
static void decode(const quantiser *q, const uint8_t *group, size_t i, float *ret)
{
    const uint8_t *tail = group + q->codes_bytes + 4 * i;
    size_t width = q->spec.width, padded = q->rotation.padded;
    double norm = 0, factor = (double)get_f32(tail + QUANT_ROTATED_TAIL_BYTES / 2);
    uint8_t codes[QUANT_WIDTH_MAX];
    float y[QUANT_WIDTH_MAX];
    get_codes(q, group, i, codes);
    for (size_t at = 0; at < padded; at++) {
        y[at] = (float)(codes[at] - middle_of(q));
        norm += (double)y[at] * (double)y[at];
    }
    q->isa->rotate(&q->rotation, true, y);
    double scale = factor > 0 ? (double)get_f32(tail) * 2 / factor / norm : 0;
    for (size_t at = 0; at < width; at++)
        ret[at] = (float)((double)mean_of(q)[at] + scale * (double)y[at]);
}

/* ---- queries ------------------------------------------------------------------------------- */

/* <y, q> = <u, q> - middle × sum of q, with <u, q> = constant + per_sum × the sum of the kernel. */
static void set_terms(quant_query *query, double norm, double constant, double per_sum,
                      double sum_of_q)
{
    query->terms.rotated = (quant_rotated_terms){
        .constant = norm * norm,
        .per_sum = -norm * per_sum,
        .per_row = -norm * (constant - middle_of(query->quantiser) * sum_of_q)};
}

static varve_status query_tables(quant_query *query, const float *direction, double norm,
                                 varve_error *err)
{
    size_t padded = query->quantiser->rotation.padded;
    VV_CLEANUP(vv_freep) double *entries = malloc(padded / 4 * 16 * sizeof *entries);
    quant_pq_terms terms;
    double sum = 0;
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t i = 0; i < padded; i += 4) {
        double *table = entries + 4 * i;
        table[0] = 0;
        for (size_t j = 0; j < 4; j++) { /* with coordinate j: as without it, and its value */
            double value = (double)direction[i + j];
            for (size_t lower = 0; lower < (size_t)1 << j; lower++)
                table[lower + ((size_t)1 << j)] = table[lower] + value;
            sum += value;
        }
    }
    VV_TRY(quant_query_tables(query, entries, padded / 4, &terms, err));
    set_terms(query, norm, terms.constant, terms.per_sum, sum);
    return VARVE_OK;
}

static varve_status query_ints(quant_query *query, const float *direction, double norm,
                               varve_error *err)
{
    const quantiser *q = query->quantiser;
    size_t padded = q->rotation.padded;
    VV_CLEANUP(vv_freep) double *y = malloc(padded * sizeof *y);
    quant_scaled s;
    if (!y) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t i = 0; i < padded; i++)
        y[i] = (double)direction[i];
    VV_TRY(quant_query_ints(query, y, padded, q->spec.parameter < FINE_BITS ? 1 : 2, &s, err));
    set_terms(query, norm, 0, s.scale, s.scale * (double)s.sum);
    return VARVE_OK;
}

static varve_status query(quant_query *query, const float *values, varve_error *err)
{
    const quantiser *q = query->quantiser;
    VV_CLEANUP(vv_freep) float *direction = malloc(q->rotation.padded * sizeof *direction);
    if (!direction) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    double norm = turn(q, values, direction);
    if (q->spec.parameter == 1) return query_tables(query, direction, norm, err);
    return query_ints(query, direction, norm, err);
}

static void scan(const quant_query *query, const uint8_t *group, float *ret)
{
    const quantiser *q = query->quantiser;
    double sums[QUANT_GROUP] = {0};
    if (q->spec.parameter == 1) {
        uint32_t whole[QUANT_GROUP];
        q->isa->lookups(query->tables, query->blocks, group, whole);
        for (size_t r = 0; r < QUANT_GROUP; r++)
            sums[r] = whole[r];
    } else {
        quant_plane planes[QUANT_PLANES_MAX];
        const uint8_t *plane = group;
        size_t count = quant_planes(q->spec.parameter, planes);
        for (size_t p = 0; p < count; p++) {
            q->isa->dots(&query->ints, planes[p].bits, plane, 1u << planes[p].shift, sums);
            plane += quant_plane_bytes(&planes[p], q->rotation.padded);
        }
    }
    q->isa->finish_rotated(&query->terms.rotated, sums, group + q->codes_bytes, ret);
}

const quant_type quant_type_rabitq = {.name = "RABITQ",
                                      .sample_rows = SAMPLE_ROWS,
                                      .prepare = prepare_rabitq,
                                      .train = train,
                                      .encode = encode,
                                      .decode = decode,
                                      .query = query,
                                      .scan = scan};
const quant_type quant_type_polarvec = {.name = "POLARVEC",
                                        .prepare = prepare_polarvec,
                                        .encode = encode,
                                        .decode = decode,
                                        .query = query,
                                        .scan = scan};
