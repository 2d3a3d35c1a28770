/* graph_build.c — from rows to the sections of a graph; see graph_format.h.
 *
 *   rows ──links──> edges ─┬─ PLAIN ──> EDGES
 *        ──frame──> points ┼─ COMPACT ──> VECTORS, EDGES
 *                          ├─ CODED ──PQ──> CODES, BLOCKS
 *                          └─ PACKED ──rotate──> BLOCKS
 *        and for all MODEL and ENTRIES */
#include "index/graph_index.h"
#include "index/graph_links.h"
#include "index/graph_write.h"
#include "index/index_groups.h"

#include "base/bytes.h"

typedef struct build {
    const index_build_context *c;
    graph_shape shape;
    space space;
    graph_frame frame;
    graph_links links;
    graph_codes_rows coded;
} build;

static void build_done(build *b)
{
    graph_frame_done(&b->frame);
    graph_links_done(&b->links);
    graph_codes_rows_done(&b->coded);
}

static graph_links_options options_of(const index_spec *spec)
{
    const varve_index_params *p = &spec->params;
    uint32_t degree = graph_degree(spec);
    uint32_t effort = spec->mode.structure == INDEX_HNSW ? p->ef_construction : 2 * p->l;
    return (graph_links_options){.degree = degree,
                                 .candidates = VV_MAX(effort, degree),
                                 .alpha = p->alpha > 0 ? (float)p->alpha : 1.2F};
}

/* ---- sections ------------------------------------------------------------------------------ */

static varve_status put_model(const build *b, varve_error *err)
{
    uint32_t rows = b->c->rows->count;
    graph_model m = {.entry = graph_links_entry(&b->links),
                     .entry_groups = graph_entry_groups(&b->shape, rows),
                     .scale = b->shape.layout == GRAPH_PLAIN ? 1 : b->frame.scale,
                     .seed = b->c->options->seed,
                     .space = b->space};
    VV_CLEANUP(buffer_done) buffer bytes;
    buffer_init(&bytes, GRAPH_MODEL_BYTES + (size_t)ROTATE_WIDTH_MAX * sizeof(float), "graph");
    VV_TRY(graph_model_put(&b->shape, &m, b->frame.mean, &bytes, err));
    return index_file_add(b->c->out, GRAPH_MODEL, bytes.data, bytes.len, err);
}

static void convert(const void *model, const uint8_t *rows, size_t n, float *ret, float *ret_norms)
{
    (void)ret_norms;
    graph_frame_rows(model, rows, n, ret);
}

static varve_status put_short_codes(const build *b, varve_error *err)
{
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    index_groups_source source = {convert, &b->frame, b->shape.width};
    quant_spec spec = {.kind = QUANT_KIND_PQ,
                       .parameter = b->c->spec->mode.parameter,
                       .width = b->shape.width,
                       .seed = b->c->options->seed};
    VV_TRY(index_groups_train(b->c, &source, &spec, &q, err));
    VV_TRY(index_groups_put_quantiser(b->c, q, err));
    VV_TRY(index_file_begin(b->c->out, INDEX_CODES, INDEX_ALIGNMENT, err));
    return index_groups_put(b->c, &source, q, NULL, b->c->rows->count, NULL, err);
}

static varve_status put_layout(build *b, const graph_parts *p, varve_error *err)
{
    switch (b->shape.layout) {
    case GRAPH_PACKED: return graph_write_blocks(b->c, p, err);
    case GRAPH_CODED: VV_TRY(put_short_codes(b, err)); return graph_write_blocks(b->c, p, err);
    case GRAPH_COMPACT:
        VV_TRY(graph_write_vectors(b->c, p, err));
        return graph_write_edges(b->c, p, err);
    default: return graph_write_edges(b->c, p, err);
    }
}

/* ---- build --------------------------------------------------------------------------------- */

static varve_status make_parts(build *b, varve_error *err)
{
    bool has_space = b->shape.layout != GRAPH_PLAIN;
    graph_links_options o = options_of(b->c->spec);
    VV_TRY(graph_links_build(b->c, has_space ? &b->space : NULL, &o, &b->links, err));
    if (has_space) VV_TRY(graph_frame_make(&b->frame, b->c, &b->space, &b->shape, err));
    if (b->shape.layout == GRAPH_PACKED)
        return graph_codes_rows_make(&b->coded, b->c, &b->frame, err);
    return VARVE_OK;
}

varve_status graph_build(const index_build_context *c, varve_error *err)
{
    VV_CLEANUP(build_done) build b = {.c = c};
    varve_metric metric = c->spec->mode.metric;
    if (graph_has_space(metric)) VV_TRY(space_init(&b.space, metric, c->rows, err));
    VV_TRY(graph_shape_init(&b.shape, c->spec, b.space.width, err));
    VV_TRY(make_parts(&b, err));
    graph_parts parts = {&b.shape, &b.frame, &b.links, &b.coded};
    VV_TRY(put_model(&b, err));
    VV_TRY(put_layout(&b, &parts, err));
    return graph_write_entries(c, &parts, graph_links_entry(&b.links), err);
}

uint64_t graph_build_bytes(const index_spec *spec, uint64_t rows)
{
    graph_links_options o = options_of(spec);
    bool has_space = graph_has_space(spec->mode.metric);
    uint32_t width = has_space ? spec->dim + (spec->mode.metric == VARVE_METRIC_IP) : 0;
    uint64_t links = graph_links_bytes(rows, width, &o), written;
    graph_shape s;
    if (graph_shape_init(&s, spec, width, NULL) != VARVE_OK) return links;
    written = rows * s.degree * sizeof(uint32_t) + graph_codes_rows_bytes(rows, s.padded) +
              graph_write_bytes(&s);
    if (s.layout == GRAPH_CODED) {
        quant_spec q = {.kind = QUANT_KIND_PQ, .parameter = spec->mode.parameter, .width = width};
        uint64_t sample = VV_MIN((uint64_t)quant_sample_rows(&q), rows);
        written += 2 * sample * width * sizeof(float) + index_groups_put_bytes(width);
    }
    return VV_MAX(links, written);
}
