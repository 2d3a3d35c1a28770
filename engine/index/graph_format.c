/* graph_format.c — sizes and places of a graph's sections, and its model; see graph_format.h. */
#include "index/graph_format.h"

#include "base/bytes.h"
#include "quant/rotate.h"

#include <math.h>

#define LINE_BYTES      64
#define FACTORS_BYTES   (GRAPH_GROUP * 4)
#define WIDTH_MAX       ROTATE_WIDTH_MAX
#define WASTE_SHARE_MAX 4 /* a quarter of a block may be filling, to begin on a page */

/* ---- shape --------------------------------------------------------------------------------- */

bool graph_has_space(varve_metric metric)
{
    return metric == VARVE_METRIC_IP || metric == VARVE_METRIC_L2 || metric == VARVE_METRIC_COSINE;
}

uint32_t graph_degree(const index_spec *spec)
{
    const varve_index_params *p = &spec->params;
    uint32_t wanted = spec->mode.structure == INDEX_HNSW ? 2 * p->m
                      : p->max_degree > 0                ? p->max_degree
                                                         : 2 * p->r;
    return wanted <= GRAPH_GROUP ? GRAPH_GROUP : GRAPH_DEGREE_MAX;
}

static graph_layout layout_of(const index_mode *m)
{
    if (!graph_has_space(m->metric)) return GRAPH_PLAIN;
    if (m->quantiser == QUANT_PQ) return GRAPH_CODED;
    if (m->structure == INDEX_HNSW && m->quantiser == QUANT_SQ8) return GRAPH_COMPACT;
    return GRAPH_PACKED;
}

static graph_own own_of(const index_spec *spec, graph_layout layout)
{
    bool bytes = spec->dtype == VARVE_UINT8 || spec->dtype == VARVE_INT8;
    if (layout == GRAPH_PLAIN) return GRAPH_OWN_NONE;
    if (bytes && spec->mode.metric == VARVE_METRIC_L2) return GRAPH_OWN_BYTES;
    return spec->mode.quantiser == QUANT_SQ8 ? GRAPH_OWN_SCALED : GRAPH_OWN_HALVES;
}

static size_t own_bytes_of(graph_own own, uint32_t width)
{
    size_t filled = size_align(width, GRAPH_OWN_FILL);
    switch (own) {
    case GRAPH_OWN_BYTES: return filled;
    case GRAPH_OWN_HALVES: return filled * sizeof(uint16_t);
    case GRAPH_OWN_SCALED: return filled + sizeof(float);
    default: return 0;
    }
}

static void place_blocks(graph_shape *s)
{
    size_t pages = size_align(s->block_bytes, GRAPH_PAGE_BYTES);
    if (!s->on_disk) return;
    if (s->block_bytes <= GRAPH_PAGE_BYTES)
        s->per_page = GRAPH_PAGE_BYTES / s->block_bytes;
    else if (pages - s->block_bytes <= s->block_bytes / WASTE_SHARE_MAX)
        s->block_bytes = pages;
}

varve_status graph_shape_init(graph_shape *s, const index_spec *spec, uint32_t width,
                              varve_error *err)
{
    graph_layout layout = layout_of(&spec->mode);
    graph_shape made = {.layout = layout,
                        .own = own_of(spec, layout),
                        .on_disk = spec->mode.structure == INDEX_DISKANN,
                        .degree = graph_degree(spec),
                        .width = width};
    if (width > WIDTH_MAX)
        return vv_fail(err, VARVE_UNSUPPORTED, "a graph over %u coordinates is too wide", width);
    made.groups = made.degree / GRAPH_GROUP;
    made.own_bytes = own_bytes_of(made.own, width);
    made.entry_bytes = GRAPH_GROUP * sizeof(uint32_t);
    if (layout == GRAPH_PACKED) {
        made.padded = (uint32_t)size_align(width, 64);
        made.group_bytes = FACTORS_BYTES + (size_t)made.padded * (GRAPH_GROUP / 8);
        made.entry_bytes += made.group_bytes;
    }
    if (layout == GRAPH_PACKED || layout == GRAPH_CODED) {
        made.own_bytes = size_align(made.own_bytes, LINE_BYTES);
        made.edges_at = made.own_bytes;
        made.codes_at = made.edges_at + made.degree * sizeof(uint32_t);
        made.block_bytes = made.codes_at + made.groups * made.group_bytes;
        place_blocks(&made);
    }
    *s = made;
    return VARVE_OK;
}

bool graph_blocks_bytes(const graph_shape *s, uint64_t rows, size_t *ret)
{
    if (s->per_page == 0) return size_mul(rows, s->block_bytes, ret);
    return size_mul((rows + s->per_page - 1) / s->per_page, GRAPH_PAGE_BYTES, ret);
}

/* ---- model --------------------------------------------------------------------------------- */

static uint32_t row_bytes_of(const graph_shape *s)
{
    return (uint32_t)(s->block_bytes > 0 ? s->block_bytes : s->own_bytes);
}

varve_status graph_model_put(const graph_shape *s, const graph_model *m, const float *mean,
                             buffer *out, varve_error *err)
{
    uint8_t b[GRAPH_MODEL_BYTES] = {0};
    put_u32(b, (uint32_t)s->layout);
    put_u32(b + 4, s->degree);
    put_u32(b + 8, s->width);
    put_u32(b + 12, s->padded);
    put_u32(b + 16, (uint32_t)s->own);
    put_u32(b + 20, row_bytes_of(s));
    put_u32(b + 24, m->entry);
    put_u32(b + 28, m->entry_groups);
    memcpy(b + 32, &m->space.norm_max, sizeof m->space.norm_max);
    memcpy(b + 40, &m->scale, sizeof m->scale);
    put_u64(b + 48, m->seed);
    put_u32(b + 56, GRAPH_VERSION);
    VV_TRY(buffer_add(out, b, sizeof b, err));
    return buffer_add(out, mean, s->width * sizeof *mean, err);
}

static bool shape_is(const graph_shape *s, const uint8_t *b)
{
    return get_u32(b) == (uint32_t)s->layout && get_u32(b + 4) == s->degree &&
           get_u32(b + 12) == s->padded && get_u32(b + 16) == (uint32_t)s->own &&
           get_u32(b + 20) == row_bytes_of(s);
}

static bool model_ok(const graph_model *m, uint64_t rows)
{
    return m->entry < rows && m->entry_groups > 0 &&
           m->entry_groups <= GRAPH_ENTRIES_MAX / GRAPH_GROUP && isnormal(m->scale) &&
           m->scale > 0 && isfinite(m->space.norm_max) && m->space.norm_max >= 0;
}

static bool mean_ok(const uint8_t *mean, uint32_t width)
{
    for (uint32_t i = 0; i < width; i++) {
        if (!isfinite(get_f32(mean + 4 * (size_t)i))) return false;
    }
    return true;
}

static bool width_ok(const index_spec *spec, uint32_t width)
{
    if (!graph_has_space(spec->mode.metric)) return width == 0;
    return width == spec->dim || (width == spec->dim + 1 && spec->mode.metric == VARVE_METRIC_IP);
}

varve_status graph_model_get(index_file *f, const index_spec *spec, graph_shape *ret_shape,
                             graph_model *ret_model, const uint8_t **ret_mean, varve_error *err)
{
    const uint8_t *b;
    uint64_t size;
    graph_shape s;
    VV_TRY(index_file_need(f, GRAPH_MODEL, GRAPH_MODEL_BYTES, UINT32_MAX, "model of the graph", &b,
                           &size, err));
    uint32_t width = get_u32(b + 8);
    if (get_u32(b + 56) > GRAPH_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "index %s: graph of version %u, above %u",
                       index_file_path(f), get_u32(b + 56), GRAPH_VERSION);
    if (!width_ok(spec, width) || size != GRAPH_MODEL_BYTES + (uint64_t)width * sizeof(float))
        return index_file_bad(f, "the graph has a wrong width", err);
    VV_TRY(graph_shape_init(&s, spec, width, err));
    graph_model m = {.entry = get_u32(b + 24),
                     .entry_groups = get_u32(b + 28),
                     .scale = get_f64(b + 40),
                     .seed = get_u64(b + 48),
                     .space = {.metric = spec->mode.metric,
                               .dtype = spec->dtype,
                               .dim = spec->dim,
                               .width = width,
                               .norm_max = get_f64(b + 32)}};
    if (get_u32(b + 56) == 0 || !shape_is(&s, b) || !model_ok(&m, index_file_rows(f)) ||
        !mean_ok(b + GRAPH_MODEL_BYTES, width))
        return index_file_bad(f, "the model of the graph makes no sense", err);
    *ret_shape = s;
    *ret_model = m;
    *ret_mean = b + GRAPH_MODEL_BYTES;
    return VARVE_OK;
}
