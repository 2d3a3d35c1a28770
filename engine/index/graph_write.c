/* graph_write.c — blocks, vectors, edges and entries of a graph; see graph_write.h. */
#include "index/graph_write.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

#define BATCH_BYTES  ((size_t)8 << 20)
#define PART_ROWS    32
#define PARTS_MAX    1024
#define ASKED_BYTES  1024 /* of a neighbour's rotated row; the processor goes on by itself */
#define GROUPS_OTHER 2    /* of the entry sample, where it is compared row by row */

/* ---- rows in batches ------------------------------------------------------------------------- */

typedef struct batch batch;
/* Writes the bytes of one row to `ret`, which is zeroed; point: its coordinates in the frame;
 * center: scratch. */
typedef void put_row(const batch *b, uint32_t row, const uint8_t *stored, const float *point,
                     float *center, uint8_t *ret);

struct batch {
    const index_build_context *c;
    const graph_parts *parts;
    put_row *put;
    uint64_t (*place)(const graph_shape *s, uint64_t row);
    uint32_t first, count;
    uint8_t *bytes;
    varve_status statuses[PARTS_MAX];
    varve_error errors[PARTS_MAX];
};

static varve_status put_part(batch *b, uint32_t first, uint32_t n, varve_error *err)
{
    const index_rows *rows = b->c->rows;
    const graph_shape *s = b->parts->shape;
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    VV_CLEANUP(vv_freep)
    float *points = malloc(((size_t)n * s->width + s->padded) * sizeof *points);
    const uint8_t *stored;
    uint64_t start = b->place(s, b->first);
    if (!points) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a graph");
    VV_TRY(rows->get(rows->context, first, n, &stored, err));
    graph_frame_rows(b->parts->frame, stored, n, points);
    for (uint32_t i = 0; i < n; i++)
        b->put(b, first + i, stored + i * stride, points + (size_t)i * s->width,
               points + (size_t)n * s->width, b->bytes + (b->place(s, first + i) - start));
    return VARVE_OK;
}

static void run_part(void *context, size_t part)
{
    batch *b = context;
    uint32_t first = (uint32_t)part * PART_ROWS;
    uint32_t n = VV_MIN((uint32_t)PART_ROWS, b->count - first);
    b->statuses[part] = put_part(b, b->first + first, n, &b->errors[part]);
}

static varve_status run_batch(batch *b, size_t bytes, varve_error *err)
{
    size_t parts = (b->count + PART_ROWS - 1) / PART_ROWS;
    memset(b->bytes, 0, bytes);
    pool_run(b->c->pool, parts, run_part, b);
    for (size_t i = 0; i < parts; i++) {
        if (b->statuses[i] == VARVE_OK) continue;
        if (err) *err = b->errors[i];
        return b->statuses[i];
    }
    VV_TRY(index_file_put(b->c->out, b->bytes, bytes, err));
    return index_step(b->c, "write", b->first + b->count, b->c->rows->count, bytes, err);
}

/* Whole pages of rows in a batch. */
static uint32_t batch_rows(const graph_shape *s, size_t row_bytes)
{
    size_t rows =
        VV_MIN(VV_MAX(BATCH_BYTES / row_bytes, (size_t)PART_ROWS), (size_t)PARTS_MAX * PART_ROWS);
    size_t per_page = VV_MAX(s->per_page, (size_t)1);
    return (uint32_t)size_align(rows - rows % per_page + (rows < per_page), per_page);
}

static varve_status run_all(batch *b, uint64_t total, size_t row_bytes, varve_error *err)
{
    const graph_shape *s = b->parts->shape;
    uint32_t rows = b->c->rows->count, each = batch_rows(s, row_bytes);
    b->bytes = aligned_alloc(64, size_align(b->place(s, each), 64));
    if (!b->bytes) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a graph");
    for (uint64_t first = 0; first < rows; first += each) {
        b->first = (uint32_t)first;
        b->count = (uint32_t)VV_MIN((uint64_t)each, rows - first);
        uint64_t end = first + each < rows ? b->place(s, first + each) : total;
        VV_TRY(run_batch(b, end - b->place(s, first), err));
    }
    return VARVE_OK;
}

static varve_status write_rows(const index_build_context *c, const graph_parts *p, put_row *put,
                               uint64_t (*place)(const graph_shape *s, uint64_t row),
                               uint64_t total, size_t row_bytes, varve_error *err)
{
    batch *b = calloc(1, sizeof *b);
    if (!b) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a graph");
    b->c = c;
    b->parts = p;
    b->put = put;
    b->place = place;
    varve_status status = run_all(b, total, row_bytes, err);
    free(b->bytes);
    free(b);
    return status;
}

/* ---- blocks and vectors ---------------------------------------------------------------------- */

static graph_codes_row coded_row(const graph_codes_rows *r, uint32_t row)
{
    return (graph_codes_row){r->values + (size_t)row * r->padded, r->scales[row]};
}

/* Rotated rows of neighbours lie anywhere: those of the next row are asked for one by one while this
 * row's are coded. All at once would be more than the processor fetches at a time. */
static void ask_neighbour(const graph_codes_rows *coded, uint32_t row)
{
    if (row == GRAPH_NONE) return;
    size_t bytes = coded->padded * sizeof *coded->values;
    const uint8_t *at = (const uint8_t *)(coded->values + (size_t)row * coded->padded);
    __builtin_prefetch(coded->scales + row);
    for (size_t offset = 0; offset < VV_MIN(bytes, (size_t)ASKED_BYTES); offset += 64)
        __builtin_prefetch(at + offset);
}

/* next: the edges of the row behind, or NULL. */
static void put_codes(const batch *b, uint32_t row, const uint32_t *edges, const uint32_t *next,
                      float *center, uint8_t *ret)
{
    const graph_shape *s = b->parts->shape;
    const graph_codes_rows *coded = b->parts->coded;
    graph_codes_row middle = coded_row(coded, row);
    graph_codes_center(&middle, s->padded, center);
    for (uint32_t i = 0; i < s->degree; i++) {
        if (next) ask_neighbour(coded, next[i]);
        if (edges[i] == GRAPH_NONE) continue;
        graph_codes_row neighbour = coded_row(coded, edges[i]);
        graph_codes_put(center, &neighbour, s->padded, i % GRAPH_GROUP,
                        ret + i / GRAPH_GROUP * s->group_bytes);
    }
}

static void put_block(const batch *b, uint32_t row, const uint8_t *stored, const float *point,
                      float *center, uint8_t *ret)
{
    const graph_shape *s = b->parts->shape;
    const uint32_t *edges = b->parts->links->edges + (size_t)row * s->degree;
    const uint32_t *next = row + 1 < b->c->rows->count ? edges + s->degree : NULL;
    graph_codes_put_own(s, b->c->spec->dtype, stored, point, ret);
    for (uint32_t i = 0; i < s->degree; i++)
        put_u32(ret + s->edges_at + 4 * (size_t)i, edges[i]);
    if (s->layout == GRAPH_PACKED) put_codes(b, row, edges, next, center, ret + s->codes_at);
}

varve_status graph_write_blocks(const index_build_context *c, const graph_parts *p,
                                varve_error *err)
{
    size_t total;
    if (!graph_blocks_bytes(p->shape, c->rows->count, &total))
        return vv_fail(err, VARVE_LIMIT, "the graph is larger than a file can be");
    VV_TRY(index_file_begin(c->out, GRAPH_BLOCKS, GRAPH_PAGE_BYTES, err));
    return write_rows(c, p, put_block, graph_block_at, total, p->shape->block_bytes, err);
}

static void put_vector(const batch *b, uint32_t row, const uint8_t *stored, const float *point,
                       float *center, uint8_t *ret)
{
    (void)center;
    (void)row;
    graph_codes_put_own(b->parts->shape, b->c->spec->dtype, stored, point, ret);
}

static uint64_t place_vector(const graph_shape *s, uint64_t row) { return row * s->own_bytes; }

varve_status graph_write_vectors(const index_build_context *c, const graph_parts *p,
                                 varve_error *err)
{
    size_t bytes = p->shape->own_bytes;
    VV_TRY(index_file_begin(c->out, GRAPH_VECTORS, INDEX_ALIGNMENT, err));
    return write_rows(c, p, put_vector, place_vector, (uint64_t)c->rows->count * bytes, bytes, err);
}

varve_status graph_write_edges(const index_build_context *c, const graph_parts *p, varve_error *err)
{
    const graph_links *l = p->links;
    return index_file_add(c->out, GRAPH_EDGES, l->edges,
                          (size_t)l->count * l->degree * sizeof *l->edges, err);
}

uint64_t graph_write_bytes(const graph_shape *s)
{
    size_t row = VV_MAX(s->block_bytes, s->own_bytes) + GRAPH_PAGE_BYTES;
    return sizeof(batch) + VV_MAX(2 * BATCH_BYTES, 2 * PART_ROWS * row);
}

/* ---- entries --------------------------------------------------------------------------------- */

uint32_t graph_entry_groups(const graph_shape *s, uint32_t rows)
{
    uint32_t wanted = (uint32_t)ceil(sqrt(rows)) / GRAPH_GROUP + 1;
    uint32_t all = (rows + GRAPH_GROUP - 1) / GRAPH_GROUP;
    uint32_t most = s->layout == GRAPH_PACKED ? GRAPH_ENTRIES_MAX / GRAPH_GROUP : GROUPS_OTHER;
    return VV_MIN(VV_MIN(wanted, all), most);
}

/* The entry, then rows at equal steps. */
void graph_entry_rows(uint32_t groups, uint32_t rows, uint32_t entry, uint32_t *ret)
{
    uint32_t count = VV_MIN(groups * GRAPH_GROUP, rows);
    ret[0] = entry;
    for (uint32_t i = 1; i < groups * GRAPH_GROUP; i++)
        ret[i] = i < count ? (uint32_t)((uint64_t)i * rows / count) : GRAPH_NONE;
}

varve_status graph_write_entries(const index_build_context *c, const graph_parts *p, uint32_t entry,
                                 varve_error *err)
{
    const graph_shape *s = p->shape;
    uint32_t rows[GRAPH_ENTRIES_MAX], groups = graph_entry_groups(s, c->rows->count);
    VV_CLEANUP(vv_freep) uint8_t *bytes = calloc(groups, s->entry_bytes);
    VV_CLEANUP(vv_freep) float *mean = calloc(s->padded + 1, sizeof *mean);
    if (!bytes || !mean) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a graph");
    graph_entry_rows(groups, c->rows->count, entry, rows);
    for (uint32_t i = 0; i < groups * GRAPH_GROUP; i++) {
        uint8_t *group = bytes + i / GRAPH_GROUP * s->entry_bytes;
        put_u32(group + i % GRAPH_GROUP * sizeof(uint32_t), rows[i]);
        if (s->layout != GRAPH_PACKED || rows[i] == GRAPH_NONE) continue;
        graph_codes_row row = coded_row(p->coded, rows[i]);
        graph_codes_put(mean, &row, s->padded, i % GRAPH_GROUP,
                        group + GRAPH_GROUP * sizeof(uint32_t));
    }
    return index_file_add(c->out, GRAPH_ENTRIES, bytes, groups * s->entry_bytes, err);
}
