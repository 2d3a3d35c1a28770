/* graph_links_points.c — distances between points: probes and tiles. graph_links_encode.c makes the
 * points. */
#include "index/graph_links_points.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float graph_points_distance(const graph_points *p, uint32_t key)
{
    float distance;
    if (p->codes) return (float)key;
    memcpy(&distance, &key, sizeof distance);
    return distance;
}

/* Floats that are not negative are in the order of their bits. */
static uint32_t key_of(const graph_points *p, float score, uint32_t a, uint32_t b)
{
    uint32_t key;
    if (p->metric == VARVE_METRIC_IP) {
        double squared = p->norm_max * p->norm_max - (double)score;
        if (p->rests) squared -= (double)p->rests[a] * (double)p->rests[b];
        score = (float)squared;
    }
    score = score > 0 ? score : 0;
    memcpy(&key, &score, sizeof key);
    return key;
}

static const uint8_t *code_of(const graph_points *p, uint32_t point)
{
    return p->codes + point * p->stride;
}

static const uint8_t *row_of(const graph_points *p, uint32_t point)
{
    return p->stored + p->slots[point] * p->row_bytes;
}

varve_status graph_points_sample(const graph_points *p, const uint32_t *points, uint32_t n,
                                 graph_points *ret, varve_error *err)
{
    VV_CLEANUP(graph_points_done) graph_points made = *p;
    made.firsts = NULL;
    made.rows = made.count = n;
    made.slots = malloc(n * sizeof *made.slots);
    made.copied = calloc(n, sizeof *made.copied);
    made.codes = p->codes ? aligned_alloc(64, n * p->stride) : NULL;
    made.rests = p->rests ? malloc(n * sizeof *made.rests) : NULL;
    if (!made.slots || !made.copied || !made.codes != !p->codes || !made.rests != !p->rests)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of %u points", n);
    for (uint32_t i = 0; i < n; i++) {
        made.slots[i] = p->slots[points[i]];
        if (made.codes) memcpy(made.codes + i * p->stride, code_of(p, points[i]), p->stride);
        if (made.rests) made.rests[i] = p->rests[points[i]];
    }
    *ret = made;
    made = (graph_points){0};
    return VARVE_OK;
}

/* ---- a probe ------------------------------------------------------------------------------- */

varve_status graph_probe_init(graph_probe *q, const graph_points *p, uint32_t point,
                              varve_error *err)
{
    *q = (graph_probe){.points = p, .point = point};
    if (p->codes) return VARVE_OK;
    VV_CLEANUP(vv_freep) float *values = malloc(p->dim * sizeof *values);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    distance_row_floats(p->dtype, p->dim, row_of(p, point), values);
    return distance_query_new(p->metric, p->dtype, p->dim, values, &q->query, err);
}

void graph_probe_done(graph_probe *q) { distance_query_free(q->query); }

void graph_probe_scan(const graph_probe *q, const uint32_t *points, size_t n, uint32_t *ret_keys)
{
    const graph_points *p = q->points;
    if (p->codes) {
        p->pairs->scan(p->codes, p->stride, code_of(p, q->point), points, n, ret_keys);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float score;
        distance_scan(q->query, row_of(p, points[i]), 1, &score);
        ret_keys[i] = key_of(p, score, q->point, points[i]);
    }
}

/* ---- a tile -------------------------------------------------------------------------------- */

varve_status graph_tile_init(graph_tile *t, const graph_points *p, size_t capacity,
                             varve_error *err)
{
    size_t padded = size_align(VV_MAX(capacity, (size_t)1), GRAPH_PAIRS_GROUP);
    size_t bytes = padded * (p->codes ? p->quads * 4 : p->row_bytes);
    *t = (graph_tile){.points = p};
    t->bytes = aligned_alloc(64, size_align(bytes, 64));
    t->norms = malloc(padded * sizeof *t->norms);
    t->ids = malloc(padded * sizeof *t->ids);
    if (t->bytes && t->norms && t->ids) return VARVE_OK;
    graph_tile_done(t);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows side by side", capacity);
}

void graph_tile_done(graph_tile *t)
{
    free(t->bytes);
    free(t->norms);
    free(t->ids);
    *t = (graph_tile){0};
}

static void pack_group(graph_tile *t, size_t first, size_t n)
{
    const graph_points *p = t->points;
    const uint8_t *codes[GRAPH_PAIRS_GROUP];
    for (size_t i = 0; i < n; i++)
        codes[i] = code_of(p, t->ids[first + i]);
    p->pairs->pack(codes, n, p->quads, t->bytes + first * 4 * p->quads, t->norms + first);
}

void graph_tile_fill(graph_tile *t, const uint32_t *points, size_t n)
{
    const graph_points *p = t->points;
    t->count = n;
    t->padded = size_align(n, GRAPH_PAIRS_GROUP);
    memcpy(t->ids, points, n * sizeof *points);
    for (size_t i = 0; p->codes && i < n; i += GRAPH_PAIRS_GROUP)
        pack_group(t, i, VV_MIN(n - i, (size_t)GRAPH_PAIRS_GROUP));
    for (size_t i = 0; !p->codes && i < n; i++)
        memcpy(t->bytes + i * p->row_bytes, row_of(p, points[i]), p->row_bytes);
}

static varve_status compare_by_metric(const graph_tile *t, uint32_t point, uint32_t *ret_keys,
                                      varve_error *err)
{
    graph_probe q;
    float *scores = (float *)(void *)ret_keys; /* each makes room for its key */
    VV_TRY(graph_probe_init(&q, t->points, point, err));
    distance_scan(q.query, t->bytes, t->count, scores);
    for (size_t i = 0; i < t->count; i++)
        ret_keys[i] = key_of(t->points, scores[i], point, t->ids[i]);
    graph_probe_done(&q);
    return VARVE_OK;
}

varve_status graph_tile_compare(const graph_tile *t, const uint32_t *points, size_t m,
                                uint32_t *ret_keys, varve_error *err)
{
    const graph_points *p = t->points;
    if (p->codes) {
        const uint8_t *x[GRAPH_PAIRS_ROWS];
        for (size_t i = 0; i < m; i++)
            x[i] = code_of(p, points[i]);
        p->pairs->block(x, m, t->bytes, t->norms, t->padded / GRAPH_PAIRS_GROUP, p->quads,
                        ret_keys);
    }
    for (size_t i = 0; i < m; i++) {
        uint32_t *keys = ret_keys + i * t->padded;
        if (!p->codes) VV_TRY(compare_by_metric(t, points[i], keys, err));
        for (size_t j = t->count; j < t->padded; j++)
            keys[j] = UINT32_MAX;
    }
    return VARVE_OK;
}

varve_status graph_tile_compare_behind(const graph_tile *t, size_t at, uint32_t *ret_keys,
                                       varve_error *err)
{
    const graph_points *p = t->points;
    if (!p->codes) return compare_by_metric(t, t->ids[at], ret_keys, err);
    size_t group = (at + 1) / GRAPH_PAIRS_GROUP, first = group * GRAPH_PAIRS_GROUP;
    const uint8_t *x = code_of(p, t->ids[at]);
    if (first < t->count)
        p->pairs->block(&x, 1, t->bytes + first * 4 * p->quads, t->norms + first,
                        t->padded / GRAPH_PAIRS_GROUP - group, p->quads, ret_keys + first);
    return VARVE_OK;
}
