/* curve.c — a measured curve as bytes, and the breadth that it asks for; see curve.h. */
#include "index/curve.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

#define HEAD_BYTES  8
#define POINT_BYTES 16

void curve_done(curve *c)
{
    free(c->points);
    free(c->errors);
    *c = (curve){0};
}

/* ---- bytes --------------------------------------------------------------------------------- */

varve_status curve_put(const curve *c, buffer *out, varve_error *err)
{
    uint8_t bytes[POINT_BYTES];
    put_u32(bytes, (uint32_t)c->count);
    put_u32(bytes + 4, c->queries);
    VV_TRY(buffer_add(out, bytes, HEAD_BYTES, err));
    for (size_t i = 0; i < c->count; i++) {
        put_u32(bytes, c->points[i].k);
        put_u32(bytes + 4, c->points[i].breadth);
        put_f32(bytes + 8, c->points[i].recall);
        put_f32(bytes + 12, c->errors[i]);
        VV_TRY(buffer_add(out, bytes, POINT_BYTES, err));
    }
    return VARVE_OK;
}

static bool follows(const index_curve_point *a, const index_curve_point *b)
{
    return b->k > a->k || (b->k == a->k && b->breadth > a->breadth);
}

static bool is_share(float x) { return x >= 0 && x <= 1; }

varve_status curve_get(const void *bytes, size_t len, curve *ret, varve_error *err)
{
    VV_CLEANUP(curve_done) curve c = {0};
    const uint8_t *p = bytes;
    if (len < HEAD_BYTES || (len - HEAD_BYTES) % POINT_BYTES != 0 ||
        (len - HEAD_BYTES) / POINT_BYTES != get_u32(p))
        return vv_fail(err, VARVE_CORRUPT, "the recall curve has a wrong length");
    c.count = get_u32(p);
    c.queries = get_u32(p + 4);
    c.points = calloc(c.count + 1, sizeof *c.points);
    c.errors = calloc(c.count + 1, sizeof *c.errors);
    if (!c.points || !c.errors) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a curve");
    for (size_t i = 0; i < c.count; i++) {
        const uint8_t *at = p + HEAD_BYTES + i * POINT_BYTES;
        c.points[i] = (index_curve_point){get_u32(at), get_u32(at + 4), get_f32(at + 8)};
        c.errors[i] = get_f32(at + 12);
        if (c.points[i].k == 0 || c.points[i].breadth == 0 || !is_share(c.points[i].recall) ||
            !is_share(c.errors[i]) || (i > 0 && !follows(&c.points[i - 1], &c.points[i])))
            return vv_fail(err, VARVE_CORRUPT, "the recall curve contradicts itself");
    }
    *ret = c;
    c = (curve){0};
    return VARVE_OK;
}

/* ---- the breadth for a target -------------------------------------------------------------- */

/* What a point must show for a search to reach the target. Real queries are harder than the rows
 * that were asked: on the bundled texts, whose queries are questions, partitions as many as its
 * rows need miss 0.95 by 0.01, those of bits by 0.03. The mean of a sample is off by its standard
 * error besides. So a share of what the target allows to miss is never asked for. */
static double aim_of(double target, float error)
{
    double allowed = 1 - target;
    return target + VV_MIN(0.7 * allowed, 0.4 * allowed + 1.5 * (double)error);
}

/* By how much a point passes what it must show. */
static double excess_of(const curve *c, size_t i, double target)
{
    return (double)c->points[i].recall - aim_of(target, c->errors[i]);
}

/* Between two points recall is a concave function of breadth, so the chord asks for too much rather
 * than too little. below < 0 <= above. */
static double between(const index_curve_point *a, double below, const index_curve_point *b,
                      double above)
{
    double share = -below / (above - below);
    return ceil(a->breadth + share * ((double)b->breadth - a->breadth));
}

/* Among the points [first, end), which have one k. */
static double breadth_among(const curve *c, size_t first, size_t end, double target)
{
    double below = 0;
    for (size_t i = first; i < end; i++) {
        double above = excess_of(c, i, target);
        if (above >= 0 && i == first) return c->points[i].breadth;
        if (above >= 0) return between(&c->points[i - 1], below, &c->points[i], above);
        below = above;
    }
    return c->points[end - 1].breadth;
}

uint32_t curve_breadth(const curve *c, size_t k, double recall_target)
{
    size_t first = 0, end;
    double scaled;
    if (c->count == 0) return UINT32_MAX;
    while (c->points[first].k < k && c->points[first].k < c->points[c->count - 1].k)
        first++;
    for (end = first + 1; end < c->count && c->points[end].k == c->points[first].k;)
        end++;
    scaled = breadth_among(c, first, end, recall_target);
    if (k > c->points[first].k) scaled = ceil(scaled * (double)k / c->points[first].k);
    return scaled < UINT32_MAX ? (uint32_t)scaled : UINT32_MAX;
}
