/* graph_codes.c — from rotated rows to codes of neighbours; see graph_codes.h. */
#include "index/graph_codes.h"
#include "index/graph_kernels.h"
#include "index/graph_memory.h"

#include "base/bytes.h"
#include "base/half.h"

#include <math.h>
#include <stdlib.h>

#define CHUNK_ROWS 64 /* rotated at once */
#define CHUNKS     64 /* between two looks at the progress */

/* ---- rotated rows -------------------------------------------------------------------------- */

uint64_t graph_codes_rows_bytes(uint64_t rows, uint32_t padded)
{
    return rows * ((uint64_t)padded * sizeof(int16_t) + sizeof(float));
}

void graph_codes_rows_done(graph_codes_rows *r)
{
    free(r->values);
    free(r->scales);
    *r = (graph_codes_rows){0};
}

void graph_codes_round(const float *rotated, uint32_t padded, int16_t *ret_values, float *ret_scale)
{
    float most = 0, scale;
    for (uint32_t i = 0; i < padded; i++)
        most = fmaxf(most, fabsf(rotated[i]));
    scale = most / INT16_MAX;
    for (uint32_t i = 0; i < padded; i++)
        ret_values[i] = scale > 0 ? (int16_t)lrintf(rotated[i] / scale) : 0;
    *ret_scale = scale;
}

typedef struct rotate_job {
    const index_build_context *c;
    const graph_frame *frame;
    graph_codes_rows *to;
    uint32_t first;
    varve_status statuses[CHUNKS];
    varve_error errors[CHUNKS];
} rotate_job;

static varve_status rotate_chunk(rotate_job *j, uint32_t first, uint32_t n, varve_error *err)
{
    const index_rows *rows = j->c->rows;
    uint32_t width = j->frame->space.width, padded = j->to->padded;
    VV_CLEANUP(vv_freep) float *points = malloc((size_t)n * (width + padded) * sizeof *points);
    const uint8_t *bytes;
    if (!points) return vv_fail(err, VARVE_NO_MEMORY, "no memory to code a graph");
    float *rotated = points + (size_t)n * width;
    VV_TRY(rows->get(rows->context, first, n, &bytes, err));
    graph_frame_rows(j->frame, bytes, n, points);
    rotation_apply(&j->frame->rotation, points, n, rotated);
    for (uint32_t i = 0; i < n; i++) {
        size_t row = first + i;
        graph_codes_round(rotated + (size_t)i * padded, padded, j->to->values + row * padded,
                          &j->to->scales[row]);
    }
    return VARVE_OK;
}

static void rotate_part(void *context, size_t part)
{
    rotate_job *j = context;
    uint64_t first = j->first + (uint64_t)part * CHUNK_ROWS, count = j->c->rows->count;
    j->statuses[part] = VARVE_OK;
    if (first >= count) return;
    j->statuses[part] =
        rotate_chunk(j, (uint32_t)first, (uint32_t)VV_MIN((uint64_t)CHUNK_ROWS, count - first),
                     &j->errors[part]);
}

static varve_status rotate_all(rotate_job *j, varve_error *err)
{
    uint32_t count = j->c->rows->count;
    for (uint64_t first = 0; first < count; first += CHUNKS * CHUNK_ROWS) {
        j->first = (uint32_t)first;
        pool_run(j->c->pool, CHUNKS, rotate_part, j);
        for (size_t i = 0; i < CHUNKS; i++) {
            if (j->statuses[i] == VARVE_OK) continue;
            if (err) *err = j->errors[i];
            return j->statuses[i];
        }
        VV_TRY(index_step(j->c, "codes", first, count, 0, err));
    }
    return VARVE_OK;
}

varve_status graph_codes_rows_make(graph_codes_rows *r, const index_build_context *c,
                                   const graph_frame *f, varve_error *err)
{
    size_t rows = c->rows->count;
    VV_CLEANUP(graph_codes_rows_done) graph_codes_rows made = {.padded = f->rotation.padded};
    VV_CLEANUP(vv_freep) rotate_job *j = calloc(1, sizeof *j);
    made.values = graph_memory(rows * made.padded * sizeof *made.values);
    made.scales = malloc(rows * sizeof *made.scales);
    if (!j || !made.values || !made.scales)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to code a graph");
    j->c = c;
    j->frame = f;
    j->to = &made;
    VV_TRY(rotate_all(j, err));
    *r = made;
    made = (graph_codes_rows){0};
    return VARVE_OK;
}

/* ---- codes --------------------------------------------------------------------------------- */

void graph_codes_center(const graph_codes_row *row, uint32_t padded, float *ret)
{
    for (uint32_t i = 0; i < padded; i++)
        ret[i] = row ? row->scale * (float)row->values[i] : 0;
}

static void put_half(uint8_t *to, float value)
{
    put_u16(to, half_from_float(VV_MAX(-65504.0F, VV_MIN(65504.0F, value))));
}

void graph_codes_put(const float *center, const graph_codes_row *neighbour, uint32_t padded,
                     size_t i, uint8_t *ret_group)
{
    uint16_t signs[(ROTATE_WIDTH_MAX + ROTATE_PADDING) / GRAPH_LANES];
    uint8_t *codes = ret_group + GRAPH_GROUP * 4 + i % 16;
    graph_code_sums s =
        graph_kernels_choose()->code(center, neighbour->values, neighbour->scale, padded, signs);
    float share = s.lengths > 0 ? s.squares / s.lengths : 0;
    unsigned shift = i < 16 ? 0 : 4;
    put_half(ret_group + 2 * i, s.squares + 2 * share * s.center);
    put_half(ret_group + 2 * (GRAPH_GROUP + i), -2 * share);
    for (uint32_t at = 0; at < padded / 4; at++)
        codes[16 * (size_t)at] |= (uint8_t)((signs[at / 4] >> (at % 4 * 4) & 15) << shift);
}

/* ---- own vectors --------------------------------------------------------------------------- */

static void put_halves(const float *x, uint32_t width, uint8_t *ret)
{
    for (uint32_t i = 0; i < width; i++)
        put_u16(ret + 2 * (size_t)i, half_from_float(x[i]));
}

static void put_scaled(const float *x, uint32_t width, uint8_t *ret)
{
    float most = 0, scale;
    for (uint32_t i = 0; i < width; i++)
        most = fmaxf(most, fabsf(x[i]));
    scale = most / INT8_MAX;
    for (uint32_t i = 0; i < width; i++)
        ret[i] = (uint8_t)(int8_t)(scale > 0 ? lrintf(x[i] / scale) : 0);
    put_f32(ret + size_align(width, GRAPH_OWN_FILL), scale);
}

void graph_codes_put_own(const graph_shape *s, varve_dtype dtype, const uint8_t *row,
                         const float *point, uint8_t *ret)
{
    memset(ret, 0, s->own_bytes);
    switch (s->own) {
    case GRAPH_OWN_BYTES:
        for (uint32_t i = 0; i < s->width; i++)
            ret[i] = dtype == VARVE_INT8 ? row[i] ^ 0x80 : row[i];
        break;
    case GRAPH_OWN_HALVES: put_halves(point, s->width, ret); break;
    case GRAPH_OWN_SCALED: put_scaled(point, s->width, ret); break;
    default: break;
    }
}
