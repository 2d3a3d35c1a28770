/* graph_links.c — the build of a graph's edges, step by step; see graph_links.h.
 *
 *   rows ──encode──> points ──partition, leaves──> lists of near points ──prune──> edges
 *        ──both ways──> edges ──refine, both ways──> edges ──reach──> ──copies of rows──> links */
#include "index/graph_links.h"

#include "base/bytes.h"
#include "index/graph_links_far.h"
#include "index/graph_links_reach.h"
#include "index/graph_refine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Progress: units of a row for each stage, about in proportion to the time they take. Without walks
 * the first edges take those of the refining too: the total is told before it is known which. */
enum { ENCODE_UNITS = 2, NEAR_UNITS = 8, REFINE_UNITS = 16, FAR_UNITS = 1 };

enum {
    WALKS_EFFORT = 512, /* points that are bytes: effort from which edges are refined by walks */
    FAN_EFFORT = 16,    /* and effort for each set of the first split that a point joins: */
    FAN_MIN = 4,
    FAN_MAX = GRAPH_FAN_MAX,
    FAN_ROWS = 1 << 18 /* each doubling of the rows beyond asks for a quarter more of them */
};

/* What the effort asked for means. */
typedef struct recipe {
    graph_near near;
    uint32_t breadth; /* of a refining walk */
    bool walks;       /* refine at all */
} recipe;

/* A kernel compares a byte point with a leaf's points tenfold as fast as a walk does with those it
 * meets, all over memory. So for bytes wider partitions come before walks. */
static recipe recipe_of(const graph_links_options *o, bool bytes, uint32_t rows)
{
    uint32_t asked = o->candidates / FAN_EFFORT, doublings = 0;
    while (doublings < 8 && rows >> doublings > FAN_ROWS)
        doublings++;
    uint32_t list = VV_MIN(VV_MAX(o->candidates / 2, o->degree), (uint32_t)GRAPH_LIST_MAX);
    asked += asked * doublings / 4;
    uint32_t fan = VV_MIN(VV_MAX(asked, (uint32_t)FAN_MIN), (uint32_t)FAN_MAX);
    recipe r = {.breadth = o->candidates / 2, .walks = !bytes || o->candidates >= WALKS_EFFORT};
    r.near = (graph_near){.list = list, .near = list / 2};
    r.near.partition = (graph_partition_options){
        .leaf = 1000, .leaders = 1000, .fan = bytes ? fan : FAN_MIN, .fan_next = 2};
    return r;
}

/* ---- copies of rows ------------------------------------------------------------------------ */

/* The rows that are equal to a point's row, but for the first: those of point i end at ends[i]. */
typedef struct copies {
    uint32_t *ends, *rows;
} copies;

static void copies_done(copies *c)
{
    free(c->ends);
    free(c->rows);
}

static varve_status find_copies(const graph_points *p, copies *ret, varve_error *err)
{
    ret->ends = calloc((size_t)p->count + 1, sizeof *ret->ends);
    ret->rows = malloc(((size_t)p->rows - p->count + 1) * sizeof *ret->rows);
    if (!ret->ends || !ret->rows)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for copies of rows");
    for (uint32_t i = 0; i < p->rows; i++)
        ret->ends[p->firsts[i] + 1] += p->slots[p->firsts[i]] != i;
    for (uint32_t i = 1; i <= p->count; i++)
        ret->ends[i] += ret->ends[i - 1];
    for (uint32_t i = 0; i < p->rows; i++) {
        uint32_t point = p->firsts[i];
        if (p->slots[point] != i) ret->rows[ret->ends[point]++] = i;
    }
    return VARVE_OK;
}

/* The copies of a row are a tree below it; each has an edge to that row and some of its edges. */
static void link_copies(graph_links *l, uint32_t row, const uint32_t *rows, uint32_t n)
{
    uint32_t fan = l->degree / 2;
    const uint32_t *first = l->edges + (size_t)row * l->degree;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *to = l->edges + (size_t)rows[i] * l->degree, count = 0;
        for (uint64_t j = (uint64_t)i * fan + 1; j <= ((uint64_t)i + 1) * fan && j < n; j++)
            to[count++] = rows[j];
        to[count++] = row;
        for (uint32_t j = 1; j < l->degree && count < l->degree; j++)
            to[count++] = first[j];
        while (count < l->degree)
            to[count++] = GRAPH_NONE;
    }
}

static varve_status make_links(const graph_points *p, const graph_edges *e, uint32_t entry,
                               graph_links *ret, varve_error *err)
{
    VV_CLEANUP(copies_done) copies c = {0};
    VV_CLEANUP(graph_links_done) graph_links l = {.count = p->rows, .degree = e->degree};
    VV_TRY(find_copies(p, &c, err));
    l.entry = p->slots[entry];
    l.edges = malloc((size_t)l.count * l.degree * sizeof *l.edges);
    if (!l.edges)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the edges of %u rows", l.count);
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t first = i > 0 ? c.ends[i - 1] : 0, n = c.ends[i] - first, count = 0;
        uint32_t *to = l.edges + (size_t)p->slots[i] * l.degree;
        const uint32_t *from = graph_edges_of(e, i);
        if (n > 0) to[count++] = c.rows[first];
        for (uint32_t j = 0; count < l.degree; j++)
            to[count++] = from[j] == GRAPH_NONE ? GRAPH_NONE : p->slots[from[j]];
        link_copies(&l, p->slots[i], c.rows + first, n);
    }
    *ret = l;
    l.edges = NULL;
    return VARVE_OK;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static varve_status build(const graph_points *p, const recipe *r, const graph_links_options *o,
                          graph_work *w, graph_links *ret, varve_error *err)
{
    graph_edges_rule rule = {p, o->degree, o->alpha};
    VV_CLEANUP(graph_edges_done) graph_edges a = {0}, b = {0};
    uint64_t near_units = NEAR_UNITS + (r->walks ? 0 : REFINE_UNITS), half = REFINE_UNITS / 2;
    uint32_t entry;
    VV_TRY(graph_edges_init(&b, p->count, o->degree, err));
    VV_TRY(graph_near_edges(&rule, &r->near, w, near_units * p->rows, &b, err));
    if (r->walks) {
        VV_TRY(graph_edges_init(&a, p->count, o->degree, err));
        VV_TRY(graph_refine(&rule, &b, r->breadth, w, half * p->rows, &a, err));
        VV_TRY(graph_edges_both_ways(&rule, &a, w, half * p->rows, &b, err));
        graph_edges_done(&a);
    }
    VV_TRY(graph_center(p, &entry, err));
    VV_TRY(graph_far_edges(&rule, &r->near, entry, w, FAR_UNITS * (uint64_t)p->rows, &b, err));
    VV_TRY(graph_reach(p, entry, w, &b, err));
    return make_links(p, &b, entry, ret, err);
}

varve_status graph_links_build(const index_build_context *c, const space *s,
                               const graph_links_options *options, graph_links *ret,
                               varve_error *err)
{
    uint64_t rows = c->rows->count, most = c->options->memory_max;
    uint64_t bytes = graph_links_bytes(rows, s ? s->width : 0, options);
    graph_work w = {.c = c};
    VV_CLEANUP(graph_points_done) graph_points p = {0};
    if (most > 0 && bytes > most) {
        return vv_fail(err, VARVE_LIMIT,
                       "a graph over %" PRIu64 " rows needs %" PRIu64
                       " bytes to be built, of which memory_max allows %" PRIu64,
                       rows, bytes, most);
    }
    w.total = rows * (ENCODE_UNITS + NEAR_UNITS + REFINE_UNITS + FAR_UNITS);
    VV_TRY(graph_points_init(&p, &w, s, err));
    recipe r = recipe_of(options, p.codes != NULL, p.count);
    r.near.partition.seed = c->options->seed;
    return build(&p, &r, options, &w, ret, err);
}

void graph_links_done(graph_links *l)
{
    free(l->edges);
    *l = (graph_links){0};
}

uint32_t graph_links_entry(const graph_links *l) { return l->entry; }

uint64_t graph_links_bytes(uint64_t rows, uint32_t width, const graph_links_options *options)
{
    recipe r = recipe_of(options, width > 0, (uint32_t)VV_MIN(rows, (uint64_t)UINT32_MAX));
    uint64_t point = size_align(width, 64) + 13, edges = 4 * (uint64_t)options->degree;
    uint64_t lists = 8 * (uint64_t)r.near.list + 6 * (uint64_t)r.near.partition.fan;
    return rows * (point + edges + VV_MAX(lists, 2 * edges + 8));
}
