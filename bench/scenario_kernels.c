/* scenario_kernels.c — nanoseconds per row of every distance kernel, over rows that fit the second
 * cache, beside the plain double-precision definition. */
#include "bench.h"

#include "distance/distance.h"

#include "base/half.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)256 << 10)
#define ROUND_S     0.005
#define ROUNDS_MAX  64

static void queryp(distance_query **q) { distance_query_free(*q); }

/* Values from 0 to 1, or 0 to 100 in an integer type: every metric is defined on them. */
static void make_row(random_state *random, varve_dtype type, size_t dim, uint8_t *ret)
{
    for (size_t i = 0; i < dim; i++) {
        float value = (float)random_unit(random);
        uint16_t half = half_from_float(value);
        if (type == VARVE_FLOAT32) ((float *)(void *)ret)[i] = value;
        if (type == VARVE_FLOAT16) ((uint16_t *)(void *)ret)[i] = half;
        if (type == VARVE_UINT8 || type == VARVE_INT8) ret[i] = (uint8_t)(value * 100);
        if (type == VARVE_BINARY) ret[i / 8] |= (uint8_t)((value > 0.5f) << (i % 8));
    }
}

typedef struct bench_case {
    varve_metric metric;
    varve_dtype type;
    size_t dim, rows, row_bytes;
    const uint8_t *block;
    const float *query;
    float *scores;
} bench_case;

/* Nanoseconds per row of one round: time of this thread, so that other programs do not count. */
static double scan_ns(const bench_case *c, const distance_query *q)
{
    double from = cpu_seconds_thread(), now = from;
    uint64_t rows = 0;
    for (; now - from < ROUND_S; now = cpu_seconds_thread(), rows += c->rows)
        distance_scan(q, c->block, c->rows, c->scores);
    return (now - from) * 1e9 / (double)rows;
}

static double exact_ns(const bench_case *c, double *sum)
{
    double from = cpu_seconds_thread(), now = from;
    uint64_t rows = 0;
    for (size_t i = 0; now - from < ROUND_S / 4; i = (i + 1) % c->rows, rows++) {
        *sum += distance_exact(c->metric, c->type, c->dim, c->query, c->block + i * c->row_bytes);
        if (rows % 16 == 0) now = cpu_seconds_thread();
    }
    return (now - from) * 1e9 / (double)rows;
}

static varve_status run_case(const bench_options *o, const bench_case *c, varve_error *err)
{
    VV_CLEANUP(queryp) distance_query *q = NULL;
    double scans[ROUNDS_MAX], exacts[ROUNDS_MAX], sum = 0;
    size_t rounds = VV_MIN(o->rounds, ROUNDS_MAX);
    char name[128];
    VV_TRY(distance_query_new(c->metric, c->type, c->dim, c->query, &q, err));
    for (size_t i = 0; i < rounds; i++) {
        scans[i] = scan_ns(c, q);
        exacts[i] = exact_ns(c, &sum);
    }
    double scan = median(scans, rounds), exact = median(exacts, rounds);
    snprintf(name, sizeof name, "kernel.%s.%s.%zu", varve_metric_name(c->metric),
             varve_dtype_name(c->type), c->dim);
    result(name, scan, "ns/row", exact / scan, "the double-precision definition",
           "%zu rows in cache, median of %zu, checksum %.6g", c->rows, rounds,
           sum + (double)c->scores[0]);
    return VARVE_OK;
}

static varve_status run_type(const bench_options *o, varve_dtype type, size_t dim, varve_error *err)
{
    size_t row_bytes = varve_dtype_row_bytes(type, dim);
    size_t rows = VV_MAX(BLOCK_BYTES / row_bytes, 16);
    VV_CLEANUP(vv_freep) uint8_t *block = calloc(rows, row_bytes);
    VV_CLEANUP(vv_freep) float *query = calloc(dim, sizeof *query);
    VV_CLEANUP(vv_freep) float *scores = calloc(rows, sizeof *scores);
    random_state random;
    if (!block || !query || !scores) return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
    random_seed(&random, o->seed);
    for (size_t i = 0; i < rows; i++)
        make_row(&random, type, dim, block + i * row_bytes);
    bool whole = type == VARVE_UINT8 || type == VARVE_INT8;
    for (size_t i = 0; i < dim; i++)
        query[i] = whole ? (float)random_below(&random, 100) : (float)random_unit(&random);
    for (int metric = 0; metric < VARVE_METRIC_COUNT; metric++) {
        bench_case c = {(varve_metric)metric, type, dim, rows, row_bytes, block, query, scores};
        if ((metric == VARVE_METRIC_HAVERSINE) != (dim == 2)) continue;
        VV_TRY(run_case(o, &c, err));
    }
    return VARVE_OK;
}

static varve_status run(const bench_options *o, varve_error *err)
{
    static const size_t usual[] = {2, 128, 384, 1536};
    for (size_t i = 0; i < VV_COUNT(usual); i++) {
        size_t dim = usual[i];
        if (o->dim && dim != 2) dim = o->dim;
        for (int type = 0; type < VARVE_DTYPE_COUNT; type++)
            if (dim > 2 || type != VARVE_BINARY) VV_TRY(run_type(o, (varve_dtype)type, dim, err));
        if (o->dim && i > 0) break;
    }
    return VARVE_OK;
}

const scenario scenario_kernels = {"kernels", "time per row of each metric, type and dimension",
                                   run};
