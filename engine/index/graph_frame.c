/* graph_frame.c — mean and scale of a graph's coordinates; see graph_frame.h. */
#include "index/graph_frame.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>

#define SAMPLE_ROWS   65536 /* that the mean is taken from */
#define CHUNK_ROWS    256
#define NORM_FAR      65536.0 /* in the frame: squared distances keep enough digits */
#define SCALE_EXP_MAX 1000

void graph_frame_done(graph_frame *f)
{
    free(f->mean);
    rotation_done(&f->rotation);
    *f = (graph_frame){0};
}

static varve_status init(graph_frame *f, const space *s, const graph_shape *shape, uint64_t seed,
                         varve_error *err)
{
    f->space = *s;
    f->scale = 1;
    f->mean = calloc(s->width, sizeof *f->mean);
    if (!f->mean) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the mean of a graph");
    return shape->padded ? rotation_init(&f->rotation, s->width, seed, err) : VARVE_OK;
}

varve_status graph_frame_open(graph_frame *f, const graph_model *m, const uint8_t *mean,
                              const graph_shape *shape, varve_error *err)
{
    VV_TRY(init(f, &m->space, shape, m->seed, err));
    f->scale = m->scale;
    memcpy(f->mean, mean, m->space.width * sizeof *f->mean);
    return VARVE_OK;
}

/* ---- make ---------------------------------------------------------------------------------- */

static varve_status sum_rows(const graph_frame *f, const index_rows *rows, double *sums,
                             size_t *ret_count, varve_error *err)
{
    uint32_t step = rows->count / SAMPLE_ROWS + 1, width = f->space.width;
    VV_CLEANUP(vv_freep) float *x = malloc(width * sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the mean of a graph");
    *ret_count = 0;
    for (uint64_t row = 0; row < rows->count; row += step, (*ret_count)++) {
        const uint8_t *bytes;
        VV_TRY(rows->get(rows->context, (uint32_t)row, 1, &bytes, err));
        space_rows(&f->space, bytes, 1, x);
        for (uint32_t i = 0; i < width; i++)
            sums[i] += (double)x[i];
    }
    return VARVE_OK;
}

static varve_status set_mean(graph_frame *f, const index_rows *rows, varve_error *err)
{
    size_t count;
    VV_CLEANUP(vv_freep) double *sums = calloc(f->space.width, sizeof *sums);
    if (!sums) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the mean of a graph");
    VV_TRY(sum_rows(f, rows, sums, &count, err));
    for (uint32_t i = 0; i < f->space.width; i++)
        f->mean[i] = (float)(sums[i] / (double)count);
    return VARVE_OK;
}

/* The largest distance of a row from the mean. */
static varve_status measure(const graph_frame *f, const index_rows *rows, double *ret,
                            varve_error *err)
{
    uint32_t width = f->space.width;
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    VV_CLEANUP(vv_freep) float *x = malloc(width * sizeof *x);
    double most = 0;
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the scale of a graph");
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        const uint8_t *bytes;
        n = VV_MIN((uint32_t)CHUNK_ROWS, rows->count - first);
        VV_TRY(rows->get(rows->context, first, n, &bytes, err));
        for (uint32_t i = 0; i < n; i++) {
            double sum = 0;
            space_rows(&f->space, bytes + i * stride, 1, x);
            for (uint32_t j = 0; j < width; j++) {
                double d = (double)x[j] - (double)f->mean[j];
                sum += d * d;
            }
            most = VV_MAX(most, sum);
        }
    }
    *ret = sqrt(most);
    return VARVE_OK;
}

varve_status graph_frame_make(graph_frame *f, const index_build_context *c, const space *s,
                              const graph_shape *shape, varve_error *err)
{
    double radius;
    int exponent;
    VV_TRY(init(f, s, shape, c->options->seed, err));
    VV_TRY(set_mean(f, c->rows, err));
    VV_TRY(measure(f, c->rows, &radius, err));
    if (!(radius > 0)) return VARVE_OK;
    (void)frexp(GRAPH_FRAME_RADIUS / radius, &exponent);
    f->scale = ldexp(1, VV_MIN(exponent - 1, SCALE_EXP_MAX));
    return VARVE_OK;
}

/* ---- use ----------------------------------------------------------------------------------- */

void graph_frame_rows(const graph_frame *f, const uint8_t *rows, size_t n, float *ret)
{
    uint32_t width = f->space.width;
    space_rows(&f->space, rows, n, ret);
    for (size_t i = 0; i < n; i++) {
        float *x = ret + i * width;
        for (uint32_t j = 0; j < width; j++)
            x[j] = (float)(((double)x[j] - (double)f->mean[j]) * f->scale);
    }
}

graph_frame_query graph_frame_place(const graph_frame *f, const float *query, float *ret)
{
    graph_frame_query q = {.moved = 1};
    uint32_t width = f->space.width;
    space_query(&f->space, query, ret);
    for (uint32_t i = 0; i < width; i++) {
        double d = ((double)ret[i] - (double)f->mean[i]) * f->scale;
        q.far += d * d;
    }
    if (q.far > NORM_FAR * NORM_FAR) q.moved = NORM_FAR / sqrt(q.far);
    for (uint32_t i = 0; i < width; i++)
        ret[i] = (float)(((double)ret[i] - (double)f->mean[i]) * f->scale * q.moved);
    q.norm = distance_norm(VARVE_FLOAT32, f->space.dim, query);
    return q;
}

/* With q moved to tq: |x - q|^2 = |x - tq|^2 / t + (1 - t) |q|^2 - (1 - t) / t |x|^2, and the last
 * term is small beside the others when q is far. */
double graph_frame_key(const graph_frame *f, const graph_frame_query *q, double squared)
{
    double d = q->moved < 1 ? squared / q->moved + (1 - q->moved) * q->far : squared;
    return space_key(&f->space, d / f->scale / f->scale, q->norm);
}
