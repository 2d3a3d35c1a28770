/* index_certain.c — rows and queries as SQ8 codes see them, and intervals of keys; see
 * index_certain.h. */
#include "index/index_certain.h"

#include "base/bytes.h"
#include "base/half.h"
#include "distance/distance.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define CHUNK_ROWS   1024
#define EXPONENT_MIN (-160) /* float32: 2^-149 up to 2^128, times the root of 2^16 dimensions */
#define EXPONENT_MAX 140

/* ---- rows ---------------------------------------------------------------------------------- */

static float largest_float(const uint8_t *at, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++) {
        float x = fabsf(get_f32(at + 4 * i));
        most = x > most ? x : most;
    }
    return most;
}

/* Bits of halves order like their magnitudes. */
static float largest_half(const uint8_t *at, size_t count)
{
    uint16_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t x = get_u16(at + 2 * i) & 0x7fff;
        most = x > most ? x : most;
    }
    return half_to_float(most);
}

static float largest_coordinate(varve_dtype dtype, const uint8_t *at, size_t count)
{
    switch (dtype) {
    case VARVE_FLOAT32: return largest_float(at, count);
    case VARVE_FLOAT16: return largest_half(at, count);
    case VARVE_BINARY: return 1;
    default: return 255;
    }
}

bool index_certain_exponent_ok(int64_t exponent)
{
    return exponent >= EXPONENT_MIN && exponent <= EXPONENT_MAX;
}

varve_status index_certain_init(index_certain *m, varve_metric metric, const index_rows *rows,
                                varve_error *err)
{
    size_t stride = varve_dtype_row_bytes(rows->dtype, rows->dim);
    float most = 0;
    *m = (index_certain){.metric = metric, .dtype = rows->dtype, .dim = rows->dim};
    if (metric == VARVE_METRIC_COSINE) return VARVE_OK;
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        const uint8_t *at;
        n = VV_MIN((uint32_t)CHUNK_ROWS, rows->count - first);
        VV_TRY(rows->get(rows->context, first, n, &at, err));
        size_t values = rows->dtype == VARVE_BINARY ? n * stride : (size_t)n * rows->dim;
        most = VV_MAX(most, largest_coordinate(rows->dtype, at, values));
    }
    (void)frexp((double)most * sqrt(rows->dim), &m->exponent);
    return VARVE_OK;
}

static double square_norm(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

static void scale(float *x, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * factor);
}

void index_certain_rows(const index_certain *m, const uint8_t *rows, size_t n, float *ret,
                        float *ret_norms)
{
    size_t stride = varve_dtype_row_bytes(m->dtype, m->dim);
    double factor = ldexp(1, -m->exponent);
    for (size_t i = 0; i < n; i++) {
        float *x = ret + i * m->dim;
        distance_row_floats(m->dtype, m->dim, rows + i * stride, x);
        if (m->metric == VARVE_METRIC_COSINE) {
            double norm = sqrt(square_norm(x, m->dim));
            if (norm > 0) scale(x, m->dim, 1 / norm);
            ret_norms[i] = norm > 0;
        } else {
            scale(x, m->dim, factor);
            ret_norms[i] = m->metric == VARVE_METRIC_IP ? (float)sqrt(square_norm(x, m->dim)) : 1;
        }
    }
}

/* ---- queries ------------------------------------------------------------------------------- */

/* Coordinates as the codes want them; false: they do not fit into floats. */
static bool prepare_values(index_certain_query *q, const float *values, float *ret)
{
    const index_certain *m = q->model;
    double norm = sqrt(square_norm(values, m->dim)), square = ldexp(1, m->exponent);
    double factor = m->metric == VARVE_METRIC_L2 ? ldexp(1, -m->exponent) : 1 / norm;
    /* Rounded once: by 2^-24 of itself, or by 2^-150 where numbers are too small for that. */
    q->tiny = ldexp(sqrt(m->dim), -148);
    q->slack = q->tiny;
    if (m->metric != VARVE_METRIC_L2) q->slack += 0x1p-22; /* that of the row, that of the query */
    q->relative = ((double)m->dim + 64) * 0x1p-51;
    q->unit = m->metric == VARVE_METRIC_L2   ? square * square
              : m->metric == VARVE_METRIC_IP ? norm * square
                                             : 1;
    q->all_equal = norm == 0 && m->metric != VARVE_METRIC_L2;
    if (q->all_equal) return false;
    memcpy(ret, values, m->dim * sizeof *ret);
    scale(ret, m->dim, factor);
    return square_norm(ret, m->dim) < 0x1p100;
}

varve_status index_certain_query_init(index_certain_query *q, const index_certain *m,
                                      const quantiser *codes, const float *values, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *coded = malloc(m->dim * sizeof *coded);
    *q = (index_certain_query){.model = m};
    if (!coded) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    return prepare_values(q, values, coded) ? quant_query_new(codes, coded, &q->codes, err)
                                            : VARVE_OK;
}

void index_certain_query_done(index_certain_query *q)
{
    quant_query_free(q->codes);
    q->codes = NULL;
}

/* ---- intervals ----------------------------------------------------------------------------- */

static const index_certain_keys anything = {-INFINITY, INFINITY, INFINITY};

/* Keys of a row whose coded distance lies in [low, high], estimated as s. */
static index_certain_keys keys_between(const index_certain_query *q, double low, double high,
                                       double s, float norm)
{
    double length = (double)norm + q->tiny, square = length * length, slack;
    index_certain_keys keys;
    switch (q->model->metric) {
    case VARVE_METRIC_L2:
        keys = (index_certain_keys){low * low * (1 - q->relative), high * high * (1 + q->relative),
                                    s * s};
        break;
    case VARVE_METRIC_COSINE:
        keys = (index_certain_keys){low * low / 2 - q->relative, high * high / 2 + q->relative,
                                    s * s / 2};
        break;
    default:
        /* the norm was rounded to float; a product is no larger than the norms allow */
        slack = 0x1p-21 * square + q->relative * length + q->tiny;
        keys =
            (index_certain_keys){(low * low - 1 - square) / 2 - slack,
                                 (high * high - 1 - square) / 2 + slack, (s * s - 1 - square) / 2};
        keys.lower = VV_MAX(keys.lower, -length * (1 + 0x1p-20));
        keys.upper = VV_MIN(keys.upper, length * (1 + 0x1p-20));
    }
    return (index_certain_keys){keys.lower * q->unit, keys.upper * q->unit, keys.middle * q->unit};
}

static index_certain_keys keys_of(const index_certain_query *q, const index_certain_group *g,
                                  size_t i)
{
    float norm = g->norms ? get_f32(g->norms + 4 * i) : 1, estimate, error;
    if (q->all_equal) /* IP: every key is 0 */
        return q->model->metric == VARVE_METRIC_IP ? (index_certain_keys){0, 0, 0}
                                                   : (index_certain_keys){1, 1, 1};
    if (q->model->metric == VARVE_METRIC_COSINE && norm == 0) return (index_certain_keys){1, 1, 1};
    if (!q->codes) return anything;
    estimate = g->estimates[i];
    if (!(estimate < FLT_MAX)) return anything;
    error = quant_error(q->codes, g->codes, i, estimate);
    if (!(error < FLT_MAX)) return anything;
    double s = sqrt((double)estimate), e = (double)error + q->slack;
    index_certain_keys keys = keys_between(q, s > e ? s - e : 0, s + e, s, norm);
    return isnan(keys.lower) || isnan(keys.upper) ? anything : keys;
}

bool index_certain_holds(const index_certain_query *q, const index_certain_group *g, size_t i,
                         double key)
{
    index_certain_keys keys = keys_of(q, g, i);
    return keys.lower <= key && key <= keys.upper;
}

/* ---- hits ---------------------------------------------------------------------------------- */

#define LIST_ROOM_FIRST 256
#define SEEN_ROOM_FIRST 1024 /* a power of two */
#define NO_SLOT         UINT32_MAX

varve_status index_certain_hits_init(index_certain_hits *h, size_t k, double bound, bool repeats,
                                     varve_error *err)
{
    topk_entry *entries = malloc(k * sizeof *entries);
    *h = (index_certain_hits){.limit = bound, .bound = bound, .pruned_at = LIST_ROOM_FIRST};
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", k);
    topk_init(&h->uppers, entries, k);
    if (!repeats) return VARVE_OK;
    h->seen = malloc(SEEN_ROOM_FIRST * sizeof *h->seen);
    if (!h->seen) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", k);
    memset(h->seen, 0xff, SEEN_ROOM_FIRST * sizeof *h->seen);
    h->seen_room = SEEN_ROOM_FIRST;
    return VARVE_OK;
}

void index_certain_hits_done(index_certain_hits *h)
{
    free(h->uppers.entries);
    free(h->list);
    free(h->seen);
    *h = (index_certain_hits){0};
}

/* True when the slot was not there before. */
static bool put_seen(uint32_t *seen, size_t room, uint32_t slot)
{
    size_t at = (size_t)(slot * UINT32_C(0x9e3779b1)) & (room - 1);
    while (seen[at] != NO_SLOT && seen[at] != slot)
        at = (at + 1) & (room - 1);
    bool fresh = seen[at] == NO_SLOT;
    seen[at] = slot;
    return fresh;
}

static varve_status grow_seen(index_certain_hits *h, varve_error *err)
{
    size_t room = 2 * h->seen_room;
    uint32_t *larger = malloc(room * sizeof *larger);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    memset(larger, 0xff, room * sizeof *larger);
    for (size_t i = 0; i < h->seen_room; i++) {
        if (h->seen[i] != NO_SLOT) (void)put_seen(larger, room, h->seen[i]);
    }
    free(h->seen);
    h->seen = larger;
    h->seen_room = room;
    return VARVE_OK;
}

static varve_status is_new(index_certain_hits *h, uint32_t slot, bool *ret, varve_error *err)
{
    *ret = true;
    if (!h->seen) return VARVE_OK;
    if (2 * h->seen_count >= h->seen_room) VV_TRY(grow_seen(h, err));
    *ret = put_seen(h->seen, h->seen_room, slot);
    h->seen_count += *ret;
    return VARVE_OK;
}

/* Hits whose lower end has fallen behind the limit leave. */
static void prune(index_certain_hits *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->count; i++) {
        if ((double)h->list[i].lower <= h->limit) h->list[kept++] = h->list[i];
    }
    h->count = kept;
    h->pruned_at = VV_MAX(2 * kept, (size_t)LIST_ROOM_FIRST);
}

static varve_status reserve_hit(index_certain_hits *h, varve_error *err)
{
    size_t room = VV_MAX(2 * h->room, (size_t)LIST_ROOM_FIRST);
    if (h->count >= h->pruned_at) prune(h);
    if (h->count < h->room) return VARVE_OK;
    index_certain_hit *larger = realloc(h->list, room * sizeof *larger);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", room);
    h->list = larger;
    h->room = room;
    return VARVE_OK;
}

static float round_down(double x)
{
    float f = (float)x;
    return (double)f > x ? nextafterf(f, -INFINITY) : f;
}

varve_status index_certain_take(index_certain_hits *h, uint32_t slot,
                                const index_certain_keys *keys, varve_error *err)
{
    bool fresh;
    VV_TRY(is_new(h, slot, &fresh, err));
    if (!fresh) return VARVE_OK;
    VV_TRY(reserve_hit(h, err));
    topk_push(&h->uppers, keys->upper, slot);
    h->limit = VV_MIN(h->bound, topk_bound(&h->uppers));
    h->list[h->count++] = (index_certain_hit){round_down(keys->lower), {slot, (float)keys->middle}};
    return VARVE_OK;
}

/* A distance d, plus what coordinates may be off, such that rows whose coded distance is certainly
 * above it are behind the limit: keys_between() the other way round, rounded up. */
static void limits_of(const index_certain_query *q, double limit, const uint8_t *norms,
                      float ret[QUANT_GROUP])
{
    double key = limit / q->unit, square, length;
    if (q->model->metric != VARVE_METRIC_IP) {
        square = q->model->metric == VARVE_METRIC_L2 ? key * (1 + 2 * q->relative)
                                                     : 2 * (key + q->relative);
        float most = (float)((sqrt(VV_MAX(square, 0)) + q->slack) * (1 + 0x1p-20));
        for (size_t i = 0; i < QUANT_GROUP; i++)
            ret[i] = most;
        return;
    }
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        length = (double)get_f32(norms + 4 * i) + q->tiny;
        square = 1 + 2 * (key + q->relative * length + q->tiny) + length * length * (1 + 0x1p-19);
        ret[i] = (float)((sqrt(VV_MAX(square, 0)) + q->slack) * (1 + 0x1p-20));
    }
}

/* The rows of the mask that are not behind the limit at first sight. */
static uint32_t promising(const index_certain_hits *h, const index_certain_query *q,
                          const index_certain_group *g)
{
    float limits[QUANT_GROUP];
    if (!q->codes || h->limit == INFINITY) return g->mask;
    limits_of(q, h->limit, g->norms, limits);
    return g->mask & quant_near(q->codes, g->codes, g->estimates, limits);
}

varve_status index_certain_offer(index_certain_hits *h, const index_certain_query *q,
                                 const index_certain_group *g, varve_error *err)
{
    for (uint32_t left = promising(h, q, g); left != 0; left &= left - 1) {
        size_t i = (size_t)__builtin_ctz(left);
        uint32_t slot = g->slots ? get_u32(g->slots + 4 * i) : g->first + (uint32_t)i;
        index_certain_keys keys = keys_of(q, g, i);
        if (keys.lower <= h->limit) VV_TRY(index_certain_take(h, slot, &keys, err));
    }
    return VARVE_OK;
}

static int compare_hits(const void *a, const void *b)
{
    const index_hit *x = &((const index_certain_hit *)a)->hit;
    const index_hit *y = &((const index_certain_hit *)b)->hit;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

void index_certain_hits_end(index_certain_hits *h, index_hit *ret, size_t *ret_count)
{
    prune(h);
    if (h->count > 1) qsort(h->list, h->count, sizeof *h->list, compare_hits);
    for (size_t i = 0; i < h->count; i++)
        ret[i] = h->list[i].hit;
    *ret_count = h->count;
}
