/* graph_links_edges.c — see graph_links_edges.h. */
#include "index/graph_links_edges.h"

#include "index/graph_memory.h"
#include "index/graph_prune.h"

#include <stdlib.h>

enum {
    PART_POINTS = 256,
    COMING_SHARE = 3 /* times the degree: candidates of both ways together */
};

varve_status graph_edges_init(graph_edges *e, uint32_t count, uint32_t degree, varve_error *err)
{
    *e = (graph_edges){.count = count, .degree = degree};
    e->to = graph_memory((size_t)count * degree * sizeof *e->to);
    if (!e->to) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the edges of %u points", count);
    return VARVE_OK;
}

void graph_edges_done(graph_edges *e)
{
    free(e->to);
    *e = (graph_edges){0};
}

uint32_t graph_edges_count(const graph_edges *e, uint32_t point)
{
    const uint32_t *to = graph_edges_of(e, point);
    uint32_t n = 0;
    while (n < e->degree && to[n] != GRAPH_NONE)
        n++;
    return n;
}

uint32_t graph_edges_limit(const graph_edges *e, const graph_points *p, uint32_t point)
{
    return e->degree - p->copied[point];
}

static size_t parts_of(uint32_t count) { return (count + (size_t)PART_POINTS - 1) / PART_POINTS; }

static void end_edges(const graph_edges *e, uint32_t point, uint32_t first)
{
    for (uint32_t i = first; i < e->degree; i++)
        graph_edges_of(e, point)[i] = GRAPH_NONE;
}

/* ---- from lists ---------------------------------------------------------------------------- */

typedef struct list_job {
    const graph_edges_rule *rule;
    const graph_lists *lists;
    graph_edges *ret;
} list_job;

static varve_status list_part(void *context, size_t part, varve_error *err)
{
    list_job *j = context;
    uint32_t first = (uint32_t)part * PART_POINTS;
    uint32_t end = VV_MIN(j->ret->count, first + PART_POINTS);
    VV_CLEANUP(graph_pruner_done) graph_pruner u = {0};
    VV_TRY(graph_pruner_init(&u, j->rule->points, j->rule->alpha, j->lists->room, err));
    for (uint32_t i = first; i < end; i++) {
        size_t n;
        const uint64_t *list = graph_lists_get(j->lists, i, &n);
        uint32_t limit = graph_edges_limit(j->ret, j->rule->points, i);
        VV_TRY(graph_prune(&u, list, n, limit, graph_edges_of(j->ret, i), err));
        end_edges(j->ret, i, limit);
    }
    return VARVE_OK;
}

varve_status graph_edges_from_lists(const graph_edges_rule *rule, const graph_lists *l,
                                    graph_work *w, uint64_t units, graph_edges *ret,
                                    varve_error *err)
{
    list_job j = {rule, l, ret};
    return graph_work_run(w, parts_of(ret->count), units, list_part, &j, err);
}

/* ---- both ways ----------------------------------------------------------------------------- */

/* For each point those that have an edge to it, ascending. */
typedef struct coming {
    size_t *ends; /* of point i: ends[i - 1] .. ends[i] */
    uint32_t *from;
} coming;

static void coming_done(coming *c)
{
    free(c->ends);
    free(c->from);
}

static varve_status turn(const graph_edges *e, coming *ret, varve_error *err)
{
    size_t all = (size_t)e->count * e->degree, total = 0;
    ret->ends = calloc((size_t)e->count + 1, sizeof *ret->ends);
    if (!ret->ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory to turn edges");
    for (size_t i = 0; i < all; i++) {
        if (e->to[i] == GRAPH_NONE) continue;
        ret->ends[e->to[i] + 1]++;
        total++;
    }
    for (size_t i = 1; i <= e->count; i++)
        ret->ends[i] += ret->ends[i - 1];
    ret->from = malloc(VV_MAX(total, (size_t)1) * sizeof *ret->from);
    if (!ret->from) return vv_fail(err, VARVE_NO_MEMORY, "no memory to turn edges");
    for (size_t i = 0; i < all; i++) {
        if (e->to[i] != GRAPH_NONE) ret->from[ret->ends[e->to[i]]++] = (uint32_t)(i / e->degree);
    }
    return VARVE_OK;
}

typedef struct both_job {
    const graph_edges_rule *rule;
    const graph_edges *from;
    const coming *coming;
    graph_edges *ret;
} both_job;

/* What a part works with. */
typedef struct both_scratch {
    graph_pruner pruner;
    uint32_t *ids, *keys;
    uint64_t *entries;
} both_scratch;

static void both_scratch_done(both_scratch *s)
{
    graph_pruner_done(&s->pruner);
    free(s->ids);
    free(s->keys);
    free(s->entries);
}

static size_t coming_first(const coming *c, uint32_t point)
{
    return point > 0 ? c->ends[point - 1] : 0;
}

static varve_status both_point(const both_job *j, both_scratch *s, uint32_t point, varve_error *err)
{
    uint32_t limit = graph_edges_limit(j->ret, j->rule->points, point);
    uint32_t *edges = graph_edges_of(j->ret, point);
    const uint32_t *own = graph_edges_of(j->from, point);
    size_t n = 0;
    graph_probe q;
    for (size_t i = 0; i < j->from->degree && own[i] != GRAPH_NONE; i++)
        s->ids[n++] = own[i];
    for (size_t i = coming_first(j->coming, point); i < j->coming->ends[point]; i++)
        s->ids[n++] = j->coming->from[i];
    VV_TRY(graph_probe_init(&q, j->rule->points, point, err));
    graph_probe_scan(&q, s->ids, n, s->keys);
    graph_probe_done(&q);
    for (size_t i = 0; i < n; i++)
        s->entries[i] = graph_entry(s->keys[i], s->ids[i]);
    graph_sort(s->entries, n);
    n = graph_unique(s->entries, n);
    n = VV_MIN(n, s->pruner.room);
    if (n > limit) {
        VV_TRY(graph_prune(&s->pruner, s->entries, n, limit, edges, err));
        n = limit;
    } else {
        for (size_t i = 0; i < n; i++)
            edges[i] = graph_entry_point(s->entries[i]);
    }
    end_edges(j->ret, point, (uint32_t)n);
    return VARVE_OK;
}

static varve_status both_part(void *context, size_t part, varve_error *err)
{
    const both_job *j = context;
    uint32_t first = (uint32_t)part * PART_POINTS;
    uint32_t end = VV_MIN(j->ret->count, first + PART_POINTS);
    size_t most = 0;
    VV_CLEANUP(both_scratch_done) both_scratch s = {0};
    for (uint32_t i = first; i < end; i++)
        most = VV_MAX(most, j->coming->ends[i] - coming_first(j->coming, i));
    most += j->from->degree;
    s.ids = malloc(most * sizeof *s.ids);
    s.keys = malloc(most * sizeof *s.keys);
    s.entries = malloc(most * sizeof *s.entries);
    if (!s.ids || !s.keys || !s.entries)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu edges of a point", most);
    VV_TRY(graph_pruner_init(&s.pruner, j->rule->points, j->rule->alpha,
                             (size_t)COMING_SHARE * j->rule->degree, err));
    for (uint32_t i = first; i < end; i++)
        VV_TRY(both_point(j, &s, i, err));
    return VARVE_OK;
}

varve_status graph_edges_both_ways(const graph_edges_rule *rule, const graph_edges *from,
                                   graph_work *w, uint64_t units, graph_edges *ret,
                                   varve_error *err)
{
    VV_CLEANUP(coming_done) coming c = {0};
    both_job j = {rule, from, &c, ret};
    VV_TRY(turn(from, &c, err));
    return graph_work_run(w, parts_of(from->count), units, both_part, &j, err);
}
