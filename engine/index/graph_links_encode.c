/* graph_links_encode.c — the rows of a segment become points: equal rows are found by their hashes,
 * then rows are rounded to bytes where that keeps near rows in order.
 *
 * A coordinate becomes round((x - mean) * scale) + 128, cut to 0..255. The mean is that of the
 * coordinate, over a sample; the scale is one for all, so that distances keep their ratios, and
 * chosen for the least squared error of rounding and cutting together. */
#include "index/graph_links_points.h"
#include "index/graph_memory.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_ROWS = 4096,
    PART_POINTS = 1024,
    SAMPLE_POINTS = 1024,
    CHECK_POINTS = 16, /* whose near points are looked at: */
    CHECK_NEAR = 64,   /* of the nearest by bytes... */
    CHECK_FIRST = 10,  /* ...the first so many should be the truly nearest */
    SCALES = 24        /* tried */
};

static const double KEPT_MIN = 0.8; /* the share of them that suffices */

/* ---- equal rows ---------------------------------------------------------------------------- */

typedef struct row_table {
    uint64_t *entries; /* the hash's upper half, then the point + 1; 0: free */
    size_t mask;
} row_table;

static void find_point(graph_points *p, row_table *t, uint32_t row)
{
    const uint8_t *bytes = p->stored + row * p->row_bytes;
    uint64_t hash = hash_bytes(bytes, p->row_bytes), tag = hash >> 32;
    size_t i = hash & t->mask;
    for (; t->entries[i]; i = (i + 1) & t->mask) {
        uint32_t point = (uint32_t)t->entries[i] - 1;
        if (tag != t->entries[i] >> 32) continue;
        if (memcmp(p->stored + p->slots[point] * p->row_bytes, bytes, p->row_bytes) != 0) continue;
        p->firsts[row] = point;
        p->copied[point] = true;
        return;
    }
    t->entries[i] = tag << 32 | (p->count + 1);
    p->slots[p->count] = row;
    p->firsts[row] = p->count++;
}

/* Every row is asked for once, so that it has been verified; then all of them at once. */
static varve_status find_points(graph_points *p, graph_work *w, varve_error *err)
{
    const index_rows *rows = w->c->rows;
    size_t room = 16;
    while (room < 2 * (size_t)p->rows)
        room *= 2;
    VV_CLEANUP(vv_freep) uint64_t *entries = calloc(room, sizeof *entries);
    row_table t = {entries, room - 1};
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a table of rows");
    for (uint32_t first = 0, n; first < p->rows; first += n) {
        const uint8_t *at;
        n = VV_MIN((uint32_t)CHUNK_ROWS, p->rows - first);
        VV_TRY(rows->get(rows->context, first, n, &at, err));
        VV_TRY(rows->get(rows->context, 0, first + n, &p->stored, err));
        for (uint32_t i = 0; i < n; i++)
            find_point(p, &t, first + i);
        VV_TRY(graph_work_step(w, n, err));
    }
    return VARVE_OK;
}

/* ---- bytes --------------------------------------------------------------------------------- */

typedef struct encoding {
    graph_points *p;
    const space *s;
    bool plain;     /* L2 over byte rows: nothing is rounded */
    uint8_t flip;   /* then: what makes a stored byte unsigned */
    float *offsets; /* width of each */
    float *sample;  /* n × width */
    size_t n;
    float scale;
} encoding;

static void encoding_done(encoding *e)
{
    free(e->offsets);
    free(e->sample);
}

static void point_floats(const encoding *e, uint32_t point, float *ret)
{
    space_rows(e->s, e->p->stored + e->p->slots[point] * e->p->row_bytes, 1, ret);
}

static varve_status take_sample(encoding *e, varve_error *err)
{
    size_t width = e->s->width;
    e->n = VV_MIN(e->p->count, (uint32_t)SAMPLE_POINTS);
    e->offsets = calloc(width, sizeof *e->offsets);
    e->sample = malloc(e->n * width * sizeof *e->sample);
    if (!e->offsets || !e->sample)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of rows");
    for (size_t i = 0; i < e->n; i++) {
        float *x = e->sample + i * width;
        point_floats(e, (uint32_t)(i * (uint64_t)e->p->count / e->n), x);
        for (size_t j = 0; j < width; j++)
            e->offsets[j] += x[j] / (float)e->n;
    }
    return VARVE_OK;
}

static double scale_error(const encoding *e, double scale)
{
    double error = 0, room = 127 / scale;
    for (size_t i = 0; i < e->n * e->s->width; i++) {
        double cut = fabs((double)e->sample[i] - (double)e->offsets[i % e->s->width]) - room;
        if (cut > 0) error += cut * cut;
    }
    return error + (double)(e->n * e->s->width) / (12 * scale * scale);
}

/* From the one that cuts nothing, each a quarter finer than the one before. */
static void choose_scale(encoding *e)
{
    double most = 0, best = INFINITY;
    for (size_t i = 0; i < e->n * e->s->width; i++)
        most = fmax(most, fabs((double)e->sample[i] - (double)e->offsets[i % e->s->width]));
    double scale = most > 0 && isfinite(127 / most) ? 127 / most : 1;
    for (int i = 0; i < SCALES; i++, scale *= 1.25) {
        double error = scale_error(e, scale);
        if (!(error < best)) break;
        best = error;
        e->scale = (float)scale;
    }
}

static void encode_point(const encoding *e, uint32_t point, float *x)
{
    const graph_points *p = e->p;
    uint8_t *code = p->codes + point * p->stride;
    size_t width = e->s->width;
    memset(code + width, 0, p->stride - width);
    if (e->plain) {
        const uint8_t *row = p->stored + p->slots[point] * p->row_bytes;
        for (size_t j = 0; j < width; j++)
            code[j] = row[j] ^ e->flip;
        return;
    }
    point_floats(e, point, x);
    for (size_t j = 0; j < width; j++) {
        float v = (x[j] - e->offsets[j]) * e->scale + 128.5f;
        code[j] = (uint8_t)(v > 0 ? v < 255 ? v : 255 : 0);
    }
}

static varve_status encode_part(void *context, size_t part, varve_error *err)
{
    const encoding *e = context;
    uint32_t first = (uint32_t)part * PART_POINTS;
    uint32_t end = VV_MIN(e->p->count, first + PART_POINTS);
    VV_CLEANUP(vv_freep) float *x = malloc(e->s->width * sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    for (uint32_t i = first; i < end; i++)
        encode_point(e, i, x);
    return VARVE_OK;
}

static varve_status encode(encoding *e, graph_work *w, varve_error *err)
{
    graph_points *p = e->p;
    p->stride = size_align(e->s->width, 64);
    p->quads = (e->s->width + 3) / 4;
    p->codes = graph_memory(p->count * p->stride);
    if (!p->codes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u points", p->count);
    size_t parts = (p->count + PART_POINTS - 1) / PART_POINTS;
    return graph_work_run(w, parts, p->rows, encode_part, e, err);
}

/* ---- do bytes suffice? --------------------------------------------------------------------- */

typedef struct near_point {
    uint32_t key, point;
    double distance;
} near_point;

static void keep_near(near_point *list, size_t *n, near_point x)
{
    size_t at = *n < CHECK_NEAR ? (*n)++ : CHECK_NEAR;
    for (; at > 0 && x.key < list[at - 1].key; at--) {
        if (at < CHECK_NEAR) list[at] = list[at - 1];
    }
    if (at < CHECK_NEAR) list[at] = x;
}

static size_t near_by_bytes(const graph_points *p, uint32_t point, near_point *ret)
{
    uint32_t ids[PART_POINTS], keys[PART_POINTS];
    size_t n = 0;
    graph_probe q = {.points = p, .point = point};
    for (uint32_t first = 0, m; first < p->count; first += m) {
        m = VV_MIN((uint32_t)PART_POINTS, p->count - first);
        for (uint32_t i = 0; i < m; i++)
            ids[i] = first + i;
        graph_probe_scan(&q, ids, m, keys);
        for (uint32_t i = 0; i < m; i++) {
            if (ids[i] == point || (n == CHECK_NEAR && keys[i] >= ret[n - 1].key)) continue;
            keep_near(ret, &n, (near_point){keys[i], ids[i], 0});
        }
    }
    return n;
}

static double squared_distance(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sum;
}

static int by_distance(const void *a, const void *b)
{
    double x = ((const near_point *)a)->distance, y = ((const near_point *)b)->distance;
    return (x > y) - (x < y);
}

typedef struct byte_check {
    const encoding *e;
    uint32_t kept[CHECK_POINTS], asked[CHECK_POINTS];
} byte_check;

static varve_status check_part(void *context, size_t part, varve_error *err)
{
    byte_check *k = context;
    const encoding *e = k->e;
    size_t width = e->s->width;
    near_point near[CHECK_NEAR];
    uint32_t point = (uint32_t)((part * 2 + 1) * (uint64_t)e->p->count / (2 * CHECK_POINTS));
    size_t n = near_by_bytes(e->p, point, near), first = VV_MIN(n, (size_t)CHECK_FIRST);
    VV_CLEANUP(vv_freep) float *x = malloc(2 * width * sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    point_floats(e, point, x);
    for (size_t i = 0; i < n; i++) {
        point_floats(e, near[i].point, x + width);
        near[i].distance = squared_distance(x, x + width, width);
    }
    near_point sorted[CHECK_NEAR];
    memcpy(sorted, near, n * sizeof *near);
    qsort(sorted, n, sizeof *sorted, by_distance);
    for (size_t i = 0; i < first; i++)
        k->kept[part] += near[i].distance <= sorted[first - 1].distance;
    k->asked[part] = (uint32_t)first;
    return VARVE_OK;
}

/* Frees the codes when they do not. */
static varve_status check_codes(const encoding *e, graph_work *w, varve_error *err)
{
    byte_check k = {.e = e};
    uint32_t kept = 0, asked = 0;
    if (e->plain) return VARVE_OK;
    VV_TRY(graph_work_run(w, CHECK_POINTS, 0, check_part, &k, err));
    for (size_t i = 0; i < CHECK_POINTS; i++) {
        kept += k.kept[i];
        asked += k.asked[i];
    }
    if (kept >= KEPT_MIN * asked) return VARVE_OK;
    free(e->p->codes);
    e->p->codes = NULL;
    return VARVE_OK;
}

static varve_status make_codes(graph_points *p, graph_work *w, const space *s, varve_error *err)
{
    VV_CLEANUP(encoding_done) encoding e = {.p = p, .s = s};
    e.plain = s->metric == VARVE_METRIC_L2 && (s->dtype == VARVE_UINT8 || s->dtype == VARVE_INT8);
    e.flip = s->dtype == VARVE_INT8 ? 0x80 : 0;
    if (!e.plain) {
        VV_TRY(take_sample(&e, err));
        choose_scale(&e);
    }
    VV_TRY(encode(&e, w, err));
    return check_codes(&e, w, err);
}

/* ---- points compared by distance/ ---------------------------------------------------------- */

/* Inner product is no distance: |x|^2 + |y|^2 - 2 x y in the space, where all have length M. */
static varve_status add_rests(graph_points *p, const space *s, varve_error *err)
{
    p->norm_max = s->norm_max;
    if (s->width == s->dim) return VARVE_OK;
    VV_CLEANUP(vv_freep) float *x = malloc(s->width * sizeof *x);
    p->rests = malloc(p->count * sizeof *p->rests);
    if (!x || !p->rests) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u norms", p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        space_rows(s, p->stored + p->slots[i] * p->row_bytes, 1, x);
        p->rests[i] = x[s->dim];
    }
    return VARVE_OK;
}

varve_status graph_points_init(graph_points *p, graph_work *w, const space *s, varve_error *err)
{
    const index_spec *spec = w->c->spec;
    uint32_t rows = w->c->rows->count;
    *p = (graph_points){.rows = rows, .dim = spec->dim, .dtype = spec->dtype};
    p->metric = spec->mode.metric;
    p->row_bytes = varve_dtype_row_bytes(spec->dtype, spec->dim);
    p->squared = s != NULL;
    p->pairs = graph_pairs_choose();
    p->slots = malloc(rows * sizeof *p->slots);
    p->firsts = malloc(rows * sizeof *p->firsts);
    p->copied = calloc(rows, sizeof *p->copied);
    if (!p->slots || !p->firsts || !p->copied)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u rows", rows);
    VV_TRY(find_points(p, w, err));
    if (s) VV_TRY(make_codes(p, w, s, err));
    if (!p->codes && s && s->metric == VARVE_METRIC_IP) VV_TRY(add_rests(p, s, err));
    return VARVE_OK;
}

void graph_points_done(graph_points *p)
{
    free(p->slots);
    free(p->firsts);
    free(p->copied);
    free(p->codes);
    free(p->rests);
    *p = (graph_points){0};
}
