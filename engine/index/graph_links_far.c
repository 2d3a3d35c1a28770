/* graph_links_far.c — see graph_links_far.h. */
#include "index/graph_links_far.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_SHARE = 16, /* one point in so many */
    SAMPLE_MIN = 4,
    FAR_SHARE = 4 /* far edges of one sample: a share of the degree */
};

/* The first of them, and one at random out of each of equal stretches of the others. */
static void draw(const uint32_t *from, uint32_t n, uint32_t m, uint64_t seed, uint32_t *ret)
{
    random_state r;
    random_seed(&r, seed);
    ret[0] = from[0];
    for (uint64_t i = 1; i < m; i++) {
        uint64_t first = 1 + (i - 1) * (n - 1) / (m - 1), end = 1 + i * (n - 1) / (m - 1);
        ret[i] = from[first + random_below(&r, end - first)];
    }
}

/* Edges of the sample's point i go before those of point ids[i]; the last of these make room. */
static void join(const graph_points *p, const graph_edges *far, const uint32_t *ids, graph_edges *e)
{
    uint32_t joined[2 * GRAPH_DEGREE_MAX];
    for (uint32_t i = 0; i < far->count; i++) {
        const uint32_t *from = graph_edges_of(far, i);
        uint32_t *to = graph_edges_of(e, ids[i]), n = 0, limit = graph_edges_limit(e, p, ids[i]);
        for (uint32_t j = 0; j < far->degree && from[j] != GRAPH_NONE; j++)
            joined[n++] = ids[from[j]];
        for (uint32_t j = 0, first = n; j < e->degree && to[j] != GRAPH_NONE; j++) {
            uint32_t k = 0;
            while (k < first && joined[k] != to[j])
                k++;
            if (k == first) joined[n++] = to[j];
        }
        memcpy(to, joined, VV_MIN(n, limit) * sizeof *to);
    }
}

static varve_status add_sample(const graph_edges_rule *rule, const graph_near *near,
                               const uint32_t *ids, uint32_t n, graph_work *w, uint64_t units,
                               graph_edges *e, varve_error *err)
{
    VV_CLEANUP(graph_points_done) graph_points p = {0};
    VV_CLEANUP(graph_edges_done) graph_edges far = {0};
    VV_TRY(graph_points_sample(rule->points, ids, n, &p, err));
    graph_edges_rule sparse = {&p, rule->degree / FAR_SHARE, rule->alpha};
    VV_TRY(graph_edges_init(&far, n, sparse.degree, err));
    VV_TRY(graph_near_edges(&sparse, near, w, units, &far, err));
    join(rule->points, &far, ids, e);
    return VARVE_OK;
}

varve_status graph_far_edges(const graph_edges_rule *rule, const graph_near *near, uint32_t entry,
                             graph_work *w, uint64_t units, graph_edges *e, varve_error *err)
{
    graph_near smaller = *near;
    uint32_t n = rule->points->count, m;
    VV_CLEANUP(vv_freep) uint32_t *ids = malloc(n * sizeof *ids);
    if (!ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of %u points", n);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = i;
    ids[0] = entry;
    ids[entry] = 0;
    for (; (m = n / SAMPLE_SHARE) >= SAMPLE_MIN; n = m) {
        draw(ids, n, m, ++smaller.partition.seed,
             ids); /* in place: it reads ahead of what it writes */
        uint64_t share = n / SAMPLE_SHARE / SAMPLE_SHARE >= SAMPLE_MIN ? units / 2 : units;
        VV_TRY(add_sample(rule, &smaller, ids, m, w, share, e, err));
        units -= share;
    }
    return graph_work_step(w, units, err);
}
