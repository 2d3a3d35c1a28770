/* graph_search_point.c — a query made ready for the kernels; see graph_kernels.h. */
#include "index/graph_search.h"

#include "base/bytes.h"

#define ENTRY_MAX 255 /* of the tables */
#define CODE_BITS 4
#define CODES     16

/* ---- own vectors --------------------------------------------------------------------------- */

/* Is the query a row of bytes, as rows of BYTES are kept? */
static bool as_bytes(varve_dtype dtype, const float *values, uint32_t dim, uint8_t *ret)
{
    float shift = dtype == VARVE_INT8 ? 128 : 0;
    for (uint32_t i = 0; i < dim; i++) {
        float x = values[i] + shift;
        if (!(x >= 0 && x <= 255) || x != floorf(x)) return false;
        ret[i] = (uint8_t)x;
    }
    return true;
}

static void prepare_bytes(graph_walk *w)
{
    const graph_frame *f = &w->x->frame;
    graph_scratch *s = w->s;
    double shift = f->space.dtype == VARVE_INT8 ? 128 : 0;
    bool moved = w->placed.moved < 1;
    if (!moved && as_bytes(f->space.dtype, w->q->values, f->space.dim, s->bytes))
        s->point.bytes = s->bytes;
    for (uint32_t i = 0; i < f->space.dim; i++) {
        double at = (double)s->values[i] / f->scale + (double)f->mean[i];
        s->raw[i] = (float)((moved ? at : (double)w->q->values[i]) + shift);
    }
    s->point.values = s->raw;
    s->point.bytes_scale = (float)(f->scale * f->scale);
}

/* ---- codes --------------------------------------------------------------------------------- */

static float group_sum(const float *x)
{
    return fabsf(x[0]) + fabsf(x[1]) + (fabsf(x[2]) + fabsf(x[3]));
}

/* Table entries are sums of four signed coordinates, moved to begin at zero and scaled to bytes. */
static void fill_table(const float *x, float sum, float per_entry, uint8_t *ret)
{
    for (unsigned code = 0; code < CODES; code++) {
        float entry = sum;
        for (unsigned i = 0; i < CODE_BITS; i++)
            entry += code >> i & 1 ? x[i] : -x[i];
        ret[code] = (uint8_t)VV_MIN(entry * per_entry + 0.5F, (float)ENTRY_MAX);
    }
}

static void prepare_tables(graph_walk *w)
{
    graph_scratch *s = w->s;
    uint32_t padded = w->x->shape.padded;
    float most = 0, bias = 0, per_entry;
    rotation_apply(&w->x->frame.rotation, s->values, 1, s->rotated);
    for (uint32_t i = 0; i < padded; i += CODE_BITS) {
        float sum = group_sum(s->rotated + i);
        most = fmaxf(most, sum);
        bias += sum;
    }
    per_entry = most > 0 ? ENTRY_MAX / (2 * most) : 0;
    for (uint32_t i = 0; i < padded; i += CODE_BITS)
        fill_table(s->rotated + i, group_sum(s->rotated + i), per_entry, s->tables + (size_t)i * 4);
    s->point.tables = s->tables;
    s->point.padded = padded;
    s->point.per_sum = 2 * most / ENTRY_MAX;
    s->point.bias = bias;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static varve_status prepare_plain(graph_walk *w, varve_error *err)
{
    const index_rows *rows = w->rows;
    return distance_query_new(w->x->metric, rows->dtype, rows->dim, w->q->values, &w->plain, err);
}

varve_status graph_point_prepare(graph_walk *w, varve_error *err)
{
    const graph *x = w->x;
    graph_scratch *s = w->s;
    if (x->shape.layout == GRAPH_PLAIN) return prepare_plain(w, err);
    s->point = (graph_point){.values = s->values,
                             .filled = (uint32_t)size_align(x->shape.width, GRAPH_OWN_FILL)};
    w->placed = graph_frame_place(&x->frame, w->q->values, s->values);
    if (x->shape.layout == GRAPH_PACKED) prepare_tables(w);
    if (x->shape.own == GRAPH_OWN_BYTES) prepare_bytes(w);
    if (x->shape.layout == GRAPH_CODED)
        return quant_query_new(x->quantiser, s->values, &w->coded, err);
    return VARVE_OK;
}

void graph_walk_done(graph_walk *w)
{
    distance_query_free(w->plain);
    quant_query_free(w->coded);
    if (w->s) graph_scratch_give(w->x, w->s);
    w->s = NULL;
}
