/* graph_partition.c — see graph_partition.h. Large sets are split by all threads together; a set
 * below SET_ALONE is split down to leaves by one. */
#include "index/graph_partition.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    SET_ALONE = 16384,
    PART_POINTS = 512,
    FILL = 2,   /* leaders are so many that sets are leaves filled to 1 / FILL on average */
    SHRINK = 8, /* a set that keeps more than 7/8 of its points is cut without looking */
    LEADERS_MIN = 2
};

/* Sets, one behind the other. */
typedef struct sets {
    uint32_t *points;
    size_t *ends;
    size_t count;
} sets;

static void sets_done(sets *s)
{
    free(s->points);
    free(s->ends);
}

typedef struct split {
    const graph_points *p;
    const uint32_t *points;
    size_t n;
    graph_tile leaders;
    uint32_t fan;
    uint16_t *joined; /* n × fan: the leaders of each point */
} split;

static void split_done(split *s)
{
    graph_tile_done(&s->leaders);
    free(s->joined);
}

static uint64_t mix(uint64_t seed, uint64_t n)
{
    uint64_t x = (seed ^ (n + 1) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 29;
}

/* One at random out of each of `count` equal stretches. */
static void draw(const uint32_t *points, size_t n, size_t count, uint64_t seed, uint32_t *ret)
{
    random_state random;
    random_seed(&random, seed);
    for (size_t i = 0; i < count; i++) {
        size_t first = i * n / count, end = (i + 1) * n / count;
        ret[i] = points[first + random_below(&random, end - first)];
    }
}

static varve_status split_part(void *context, size_t part, varve_error *err)
{
    split *s = context;
    size_t first = part * PART_POINTS, end = VV_MIN(s->n, first + PART_POINTS);
    size_t padded = s->leaders.padded, room = padded + GRAPH_PAIRS_GROUP;
    VV_CLEANUP(vv_freep) uint32_t *keys = aligned_alloc(64, GRAPH_PAIRS_ROWS * padded * 4);
    VV_CLEANUP(vv_freep) uint32_t *positions = malloc(room * sizeof *positions);
    VV_CLEANUP(vv_freep) uint64_t *near = malloc(room * sizeof *near);
    if (!keys || !positions || !near)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to split a set");
    for (size_t i = first, m; i < end; i += m) {
        m = VV_MIN(end - i, (size_t)GRAPH_PAIRS_ROWS);
        VV_TRY(graph_tile_compare(&s->leaders, s->points + i, m, keys, err));
        for (size_t j = 0; j < m; j++) {
            size_t found = graph_nearest(s->p->pairs, keys + j * padded, padded, s->fan, UINT32_MAX,
                                         positions, near);
            uint16_t *joined = s->joined + (i + j) * s->fan;
            for (size_t k = 0; k < s->fan; k++)
                joined[k] = (uint16_t)(k < found ? graph_entry_point(near[k]) : k);
        }
    }
    return VARVE_OK;
}

/* By counting, so that points stay ascending within a set. */
static varve_status collect(const split *s, sets *ret, varve_error *err)
{
    size_t count = s->leaders.count, total = s->n * s->fan;
    ret->count = count;
    ret->ends = calloc(count + 1, sizeof *ret->ends);
    ret->points = malloc(total * sizeof *ret->points);
    if (!ret->ends || !ret->points)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the sets of %zu points", s->n);
    for (size_t i = 0; i < total; i++)
        ret->ends[s->joined[i] + 1]++;
    for (size_t i = 1; i <= count; i++)
        ret->ends[i] += ret->ends[i - 1];
    for (size_t i = 0; i < total; i++)
        ret->points[ret->ends[s->joined[i]]++] = s->points[i / s->fan];
    return VARVE_OK;
}

/* Work NULL: in this thread alone. */
static varve_status split_set(const graph_points *p, const uint32_t *points, size_t n,
                              size_t leaders, uint32_t fan, uint64_t seed, graph_work *w, sets *ret,
                              varve_error *err)
{
    size_t parts = (n + PART_POINTS - 1) / PART_POINTS;
    VV_CLEANUP(split_done) split s = {.p = p, .points = points, .n = n};
    s.fan = (uint32_t)VV_MIN((size_t)fan, leaders);
    VV_TRY(graph_tile_init(&s.leaders, p, leaders, err));
    s.joined = malloc(n * s.fan * sizeof *s.joined);
    VV_CLEANUP(vv_freep) uint32_t *drawn = malloc(leaders * sizeof *drawn);
    if (!s.joined || !drawn) return vv_fail(err, VARVE_NO_MEMORY, "no memory to split a set");
    draw(points, n, leaders, seed, drawn);
    graph_tile_fill(&s.leaders, drawn, leaders);
    if (w) VV_TRY(graph_work_run(w, parts, 0, split_part, &s, err));
    for (size_t i = 0; !w && i < parts; i++)
        VV_TRY(split_part(&s, i, err));
    return collect(&s, ret, err);
}

typedef struct partition {
    const graph_points *p;
    const graph_partition_options *options;
    graph_leaf *leaf;
    void *context;
} partition;

static size_t leaders_of(const graph_partition_options *o, size_t n, uint32_t fan)
{
    size_t wanted = FILL * n * fan / o->leaf;
    return VV_MIN(VV_MAX(wanted, (size_t)LEADERS_MIN), (size_t)o->leaders);
}

/* Points that leaders do not tell apart. */
static varve_status cut(const partition *v, const uint32_t *points, size_t n, varve_error *err)
{
    for (size_t first = 0, m; first < n; first += m) {
        m = VV_MIN(n - first, (size_t)v->options->leaf);
        VV_TRY(v->leaf(v->context, points + first, m, err));
    }
    return VARVE_OK;
}

static varve_status divide(const partition *v, const uint32_t *points, size_t n, uint64_t seed,
                           varve_error *err)
{
    const graph_partition_options *o = v->options;
    VV_CLEANUP(sets_done) sets s = {0};
    if (n <= o->leaf) return n > 0 ? v->leaf(v->context, points, n, err) : VARVE_OK;
    size_t leaders = leaders_of(o, n, o->fan_next);
    VV_TRY(split_set(v->p, points, n, leaders, o->fan_next, seed, NULL, &s, err));
    for (size_t i = 0, first = 0; i < s.count; first = s.ends[i++]) {
        size_t m = s.ends[i] - first;
        if (m > n - n / SHRINK)
            VV_TRY(cut(v, s.points + first, m, err));
        else
            VV_TRY(divide(v, s.points + first, m, mix(seed, i), err));
    }
    return VARVE_OK;
}

typedef struct alone {
    const partition *v;
    const sets *s;
    uint64_t seed;
} alone;

static varve_status divide_alone(void *context, size_t part, varve_error *err)
{
    const alone *a = context;
    size_t first = part > 0 ? a->s->ends[part - 1] : 0, n = a->s->ends[part] - first;
    if (n > SET_ALONE) return VARVE_OK;
    return divide(a->v, a->s->points + first, n, mix(a->seed, part), err);
}

static varve_status divide_together(const partition *v, const uint32_t *points, size_t n,
                                    uint32_t fan, uint64_t seed, graph_work *w, uint64_t units,
                                    varve_error *err)
{
    VV_CLEANUP(sets_done) sets s = {0};
    size_t leaders = leaders_of(v->options, n, fan), total = n * fan, large = 0;
    VV_TRY(split_set(v->p, points, n, leaders, fan, seed, w, &s, err));
    alone a = {.v = v, .s = &s, .seed = seed};
    for (size_t i = 0, first = 0; i < s.count; first = s.ends[i++])
        large += s.ends[i] - first > SET_ALONE ? s.ends[i] - first : 0;
    uint64_t together = (uint64_t)((double)units * (double)large / (double)total);
    VV_TRY(graph_work_run(w, s.count, units - together, divide_alone, &a, err));
    for (size_t i = 0, first = 0; i < s.count; first = s.ends[i++]) {
        size_t m = s.ends[i] - first;
        uint64_t share = (uint64_t)((double)units * (double)m / (double)total);
        if (m <= SET_ALONE) continue;
        if (m > n - n / SHRINK)
            VV_TRY(cut(v, s.points + first, m, err));
        else
            VV_TRY(divide_together(v, s.points + first, m, v->options->fan_next, mix(seed, i), w,
                                   share, err));
    }
    return VARVE_OK;
}

varve_status graph_partition(const graph_points *p, const uint32_t *points, uint32_t n,
                             const graph_partition_options *options, graph_work *w, uint64_t units,
                             graph_leaf *leaf, void *context, varve_error *err)
{
    partition v = {.p = p, .options = options, .leaf = leaf, .context = context};
    if (n > options->leaf)
        return divide_together(&v, points, n, options->fan, options->seed, w, units, err);
    VV_TRY(leaf(context, points, n, err));
    return graph_work_step(w, units, err);
}
