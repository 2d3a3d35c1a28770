/* graph_prune.c — see graph_prune.h. */
#include "index/graph_prune.h"

#include <math.h>
#include <stdlib.h>

static const float STEP = 1.2f; /* of alpha, from round to round */

#define EQUAL     0x1p-40f /* stands for the distance of equal points */
#define QUADS_MAX 8192     /* 4 * 8192 * 255^2 < 2^31 */

varve_status graph_pruner_init(graph_pruner *u, const graph_points *p, float alpha, size_t room,
                               varve_error *err)
{
    size_t padded = (room + GRAPH_PAIRS_GROUP - 1) / GRAPH_PAIRS_GROUP * GRAPH_PAIRS_GROUP;
    *u = (graph_pruner){.points = p, .room = room, .limit = alpha};
    VV_TRY(graph_tile_init(&u->tile, p, room, err));
    u->ids = malloc(room * sizeof *u->ids);
    u->keys = malloc(padded * sizeof *u->keys);
    u->distances = malloc(padded * sizeof *u->distances);
    u->factors = malloc(padded * sizeof *u->factors);
    u->taken = malloc(room * sizeof *u->taken);
    if (u->ids && u->keys && u->distances && u->factors && u->taken) return VARVE_OK;
    graph_pruner_done(u);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to prune edges");
}

void graph_pruner_done(graph_pruner *u)
{
    graph_tile_done(&u->tile);
    free(u->ids);
    free(u->keys);
    free(u->distances);
    free(u->factors);
    free(u->taken);
    *u = (graph_pruner){0};
}

/* How much farther the point is from candidate j than candidate i is: the most over all i taken.
 *
 * Bytes: keys are whole numbers below 2^31, so that the larger of them and 1 changes no factor
 * above 1, and an equal point gets one above all limits. No branches: this becomes vectors. */
static void hide_bytes(graph_pruner *u, size_t i)
{
    const uint32_t *keys = u->keys;
    const float *distances = u->distances;
    float *factors = u->factors;
    for (size_t j = i + 1; j < u->tile.count; j++) {
        float between = (float)(int32_t)keys[j], distance = distances[j];
        between = between > EQUAL ? between : EQUAL;
        distance = distance > 1 ? distance : 1;
        float factor = distance / between;
        factors[j] = factors[j] > factor ? factors[j] : factor;
    }
}

static void hide(graph_pruner *u, size_t i)
{
    if (u->points->codes && u->points->quads <= QUADS_MAX) {
        hide_bytes(u, i);
        return;
    }
    for (size_t j = i + 1; j < u->tile.count; j++) {
        float between = graph_points_distance(u->points, u->keys[j]);
        float factor = between > 0 ? u->distances[j] / between : INFINITY;
        u->factors[j] = u->factors[j] >= factor ? u->factors[j] : factor;
    }
}

static void load(graph_pruner *u, const uint64_t *candidates, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u->ids[i] = graph_entry_point(candidates[i]);
        u->distances[i] = graph_points_distance(u->points, graph_entry_key(candidates[i]));
        u->factors[i] = 0;
        u->taken[i] = false;
    }
    graph_tile_fill(&u->tile, u->ids, n);
}

/* One round: those hidden by no more than the limit. */
static varve_status take(graph_pruner *u, float limit, uint32_t degree, uint32_t *ret_edges,
                         uint32_t *count, varve_error *err)
{
    for (size_t i = 0; i < u->tile.count && *count < degree; i++) {
        if (u->taken[i] || !(u->factors[i] <= limit)) continue;
        ret_edges[(*count)++] = u->ids[i];
        u->taken[i] = true;
        VV_TRY(graph_tile_compare_behind(&u->tile, i, u->keys, err));
        hide(u, i);
    }
    return VARVE_OK;
}

varve_status graph_prune(graph_pruner *u, const uint64_t *candidates, size_t n, uint32_t degree,
                         uint32_t *ret_edges, varve_error *err)
{
    uint32_t count = 0;
    load(u, candidates, n);
    float limit = 1;
    while (limit < u->limit) {
        VV_TRY(take(u, limit, degree, ret_edges, &count, err));
        limit *= STEP;
    }
    VV_TRY(take(u, u->limit, degree, ret_edges, &count, err));
    for (size_t i = 0; i < n && count < degree; i++) {
        if (!u->taken[i]) ret_edges[count++] = u->ids[i];
    }
    while (count < degree)
        ret_edges[count++] = GRAPH_NONE;
    return VARVE_OK;
}
