/* graph_check.c — does every promise of graph_format.h hold? Own vectors are those of the rows,
 * codes those of the neighbours, edges lead to rows, and all rows can be reached. */
#include "index/graph_codes.h"
#include "index/graph_index.h"
#include "index/graph_links.h"
#include "index/graph_search.h"

#include "base/bytes.h"
#include "base/half.h"

#include <stdlib.h>

#define SIGNS_SHARE   0.02 /* of bits that a rounding may have turned */
#define FACTOR_SHARE  0.01
#define OWN_SHARE     0.02
#define VALUES_SPREAD 1e-3

typedef struct check {
    graph *x;
    const index_rows *rows; /* NULL: the file alone */
    float *point, *rotated, *center;
    int16_t *values;
    uint8_t *own, *group;
} check;

static void check_done(check *k)
{
    free(k->point);
    free(k->rotated);
    free(k->center);
    free(k->values);
    free(k->own);
    free(k->group);
}

static varve_status check_init(check *k, varve_error *err)
{
    const graph_shape *s = &k->x->shape;
    k->point = calloc(s->width + 1, sizeof *k->point);
    k->rotated = calloc(s->padded + 1, sizeof *k->rotated);
    k->center = calloc(s->padded + 1, sizeof *k->center);
    k->values = calloc(s->padded + 1, sizeof *k->values);
    k->own = calloc(1, s->own_bytes + 1);
    k->group = calloc(1, s->group_bytes + 1);
    if (k->point && k->rotated && k->center && k->values && k->own && k->group) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to check a graph");
}

static varve_status bad_row(const check *k, uint32_t row, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "index %s: row %u: %s", index_file_path(k->x->file), row,
                   what);
}

/* ---- edges --------------------------------------------------------------------------------- */

static varve_status edges_of(const check *k, uint32_t row, const uint8_t **ret, varve_error *err)
{
    const uint8_t *at;
    VV_TRY(graph_get(k->x, row, &at, err));
    *ret = at + k->x->shape.edges_at;
    return VARVE_OK;
}

static varve_status check_edges(const check *k, uint32_t row, varve_error *err)
{
    const uint8_t *edges;
    bool ended = false;
    VV_TRY(edges_of(k, row, &edges, err));
    for (uint32_t i = 0; i < k->x->shape.degree; i++) {
        uint32_t to = get_u32(edges + 4 * (size_t)i);
        if (to != GRAPH_NONE && to >= k->x->rows)
            return bad_row(k, row, "an edge leads out of the graph", err);
        if (to == row) return bad_row(k, row, "an edge leads back to it", err);
        if (to != GRAPH_NONE && ended) return bad_row(k, row, "edges have a gap", err);
        ended = ended || to == GRAPH_NONE;
    }
    return VARVE_OK;
}

/* All rows from the entry, nearest in steps first. */
static varve_status check_reach(const check *k, uint32_t *queue, uint8_t *seen, varve_error *err)
{
    uint32_t first = 0, end = 0;
    queue[end++] = k->x->model.entry;
    seen[k->x->model.entry] = 1;
    while (first < end) {
        const uint8_t *edges;
        VV_TRY(edges_of(k, queue[first++], &edges, err));
        for (uint32_t i = 0; i < k->x->shape.degree; i++) {
            uint32_t to = get_u32(edges + 4 * (size_t)i);
            if (to >= k->x->rows || seen[to]) continue;
            seen[to] = 1;
            queue[end++] = to;
        }
    }
    if (end == k->x->rows) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "index %s: %u rows of %u cannot be reached",
                   index_file_path(k->x->file), k->x->rows - end, k->x->rows);
}

static varve_status check_all_reached(const check *k, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint32_t *queue = malloc(k->x->rows * sizeof *queue);
    VV_CLEANUP(vv_freep) uint8_t *seen = calloc(1, k->x->rows);
    if (!queue || !seen) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check a graph");
    return check_reach(k, queue, seen, err);
}

/* ---- own vectors --------------------------------------------------------------------------- */

/* Nothing here is exact but bytes: another machine may have rounded a coordinate the other way. */
static bool near(double a, double b, double share, double most)
{
    return fabs(a - b) <= share * VV_MAX(fabs(a), fabs(b)) + VALUES_SPREAD * most;
}

static bool same_own(const check *k, const uint8_t *is)
{
    const graph_shape *s = &k->x->shape;
    size_t filled = size_align(s->width, GRAPH_OWN_FILL);
    float scale = s->own == GRAPH_OWN_SCALED ? get_f32(k->own + filled) : 0;
    if (s->own == GRAPH_OWN_BYTES) return memcmp(is, k->own, s->own_bytes) == 0;
    if (s->own == GRAPH_OWN_SCALED &&
        !near((double)get_f32(is + filled), (double)scale, OWN_SHARE, 0))
        return false;
    for (size_t i = 0; i < s->width; i++) {
        if (s->own == GRAPH_OWN_SCALED && abs((int8_t)is[i] - (int8_t)k->own[i]) > 1) return false;
        if (s->own == GRAPH_OWN_HALVES &&
            !near((double)half_to_float(get_u16(is + 2 * i)),
                  (double)half_to_float(get_u16(k->own + 2 * i)), OWN_SHARE, 1))
            return false;
    }
    return true;
}

/* The row's coordinates are in k->point afterwards. */
static varve_status check_own(check *k, uint32_t row, varve_error *err)
{
    const graph *x = k->x;
    const uint8_t *stored, *is;
    VV_TRY(k->rows->get(k->rows->context, row, 1, &stored, err));
    graph_frame_rows(&x->frame, stored, 1, k->point);
    graph_codes_put_own(&x->shape, k->rows->dtype, stored, k->point, k->own);
    if (x->shape.block_bytes > 0)
        VV_TRY(graph_get(x, row, &is, err));
    else
        VV_TRY(index_bytes_get(&x->vectors, (uint64_t)row * x->shape.own_bytes, x->shape.own_bytes,
                               &is, err));
    return same_own(k, is) ? VARVE_OK : bad_row(k, row, "its vector is that of another row", err);
}

/* ---- codes --------------------------------------------------------------------------------- */

static varve_status rotate_row(check *k, uint32_t row, int16_t *ret_values, float *ret_scale,
                               varve_error *err)
{
    const uint8_t *stored;
    VV_TRY(k->rows->get(k->rows->context, row, 1, &stored, err));
    graph_frame_rows(&k->x->frame, stored, 1, k->point);
    rotation_apply(&k->x->frame.rotation, k->point, 1, k->rotated);
    graph_codes_round(k->rotated, k->x->shape.padded, ret_values, ret_scale);
    return VARVE_OK;
}

static bool same_codes(const check *k, const uint8_t *is)
{
    size_t factors = GRAPH_GROUP * 4, turned = 0;
    for (size_t i = 0; i < factors; i += 2) {
        double a = (double)half_to_float(get_u16(is + i));
        double b = (double)half_to_float(get_u16(k->group + i));
        if (!near(a, b, FACTOR_SHARE, GRAPH_FRAME_RADIUS)) return false;
    }
    for (size_t i = factors; i < k->x->shape.group_bytes; i++)
        turned += (size_t)__builtin_popcount((unsigned)(is[i] ^ k->group[i]));
    return (double)turned <= SIGNS_SHARE * GRAPH_GROUP * k->x->shape.padded;
}

/* center: a row, or GRAPH_NONE for the mean. */
static varve_status check_group(check *k, uint32_t center, const uint8_t *edges,
                                const uint8_t *group, varve_error *err)
{
    graph_codes_row middle = {k->values, 0};
    memset(k->group, 0, k->x->shape.group_bytes);
    if (center != GRAPH_NONE) VV_TRY(rotate_row(k, center, k->values, &middle.scale, err));
    graph_codes_center(center == GRAPH_NONE ? NULL : &middle, k->x->shape.padded, k->center);
    for (uint32_t i = 0; i < GRAPH_GROUP; i++) {
        uint32_t to = get_u32(edges + 4 * (size_t)i);
        graph_codes_row neighbour = {k->values, 0};
        if (to >= k->x->rows) continue;
        VV_TRY(rotate_row(k, to, k->values, &neighbour.scale, err));
        graph_codes_put(k->center, &neighbour, k->x->shape.padded, i, k->group);
    }
    if (same_codes(k, group)) return VARVE_OK;
    return center == GRAPH_NONE
               ? index_file_bad(k->x->file, "codes of entries are of other rows", err)
               : bad_row(k, center, "codes of its neighbours are of other rows", err);
}

static varve_status check_codes(check *k, uint32_t row, varve_error *err)
{
    const graph_shape *s = &k->x->shape;
    const uint8_t *at;
    VV_TRY(graph_get(k->x, row, &at, err));
    for (uint32_t i = 0; i < s->groups; i++)
        VV_TRY(check_group(k, row, at + s->edges_at + (size_t)i * GRAPH_GROUP * 4,
                           at + s->codes_at + i * s->group_bytes, err));
    return VARVE_OK;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static varve_status check_entries(check *k, varve_error *err)
{
    const graph_shape *s = &k->x->shape;
    for (uint32_t i = 0; i < k->x->model.entry_groups; i++) {
        const uint8_t *rows = k->x->entries + i * s->entry_bytes;
        for (uint32_t j = 0; j < GRAPH_GROUP; j++) {
            uint32_t row = get_u32(rows + 4 * (size_t)j);
            if (row >= k->x->rows && row != GRAPH_NONE)
                return index_file_bad(k->x->file, "an entry is no row", err);
        }
        if (k->rows && s->layout == GRAPH_PACKED)
            VV_TRY(check_group(k, GRAPH_NONE, rows, rows + GRAPH_GROUP * 4, err));
    }
    return VARVE_OK;
}

varve_status graph_check(void *state, const index_rows *rows, varve_error *err)
{
    VV_CLEANUP(check_done) check k = {.x = state, .rows = rows};
    VV_TRY(check_init(&k, err));
    for (uint32_t row = 0; row < k.x->rows; row++) {
        VV_TRY(check_edges(&k, row, err));
        if (!rows || k.x->shape.layout == GRAPH_PLAIN) continue;
        VV_TRY(check_own(&k, row, err));
        if (k.x->shape.layout == GRAPH_PACKED) VV_TRY(check_codes(&k, row, err));
    }
    VV_TRY(check_entries(&k, err));
    return check_all_reached(&k, err);
}
