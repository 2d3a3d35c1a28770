/* graph_scratch.c — what a search needs beside the graph, kept for the next one; see graph_index.h.
 */
#include "index/graph_index.h"

#include "base/bytes.h"

#include <stdlib.h>

#define ALIGNMENT 64

static void *new_array(size_t bytes)
{
    size_t room = size_align(VV_MAX(bytes, (size_t)1), ALIGNMENT);
    void *p = aligned_alloc(ALIGNMENT, room);
    if (p) memset(p, 0, room);
    return p;
}

/* ---- frontier ------------------------------------------------------------------------------ */

static void *grow(void *old, size_t count, size_t room)
{
    void *p = new_array(room * 4);
    if (p && old) memcpy(p, old, count * 4);
    return p;
}

/* Behind the rows: a group that joins, a step to close the arrays, and one more that is stored
 * whole. */
varve_status graph_frontier_reserve(graph_frontier *f, size_t count, varve_error *err)
{
    size_t room = count + GRAPH_GROUP + 2 * GRAPH_LANES;
    if (count <= f->capacity) return VARVE_OK;
    float *keys = grow(f->keys, f->count, room), *waiting = grow(f->waiting, f->count, room);
    uint32_t *rows = grow(f->rows, f->count, room);
    if (!keys || !waiting || !rows) {
        free(keys);
        free(waiting);
        free(rows);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a walk over %zu rows", count);
    }
    free(f->keys);
    free(f->waiting);
    free(f->rows);
    *f = (graph_frontier){keys, waiting, rows, f->count, count};
    graph_frontier_close(f);
    return VARVE_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void scratch_free(graph_scratch *s)
{
    if (!s) return;
    free(s->visited);
    free(s->touched);
    free(s->frontier.keys);
    free(s->frontier.waiting);
    free(s->frontier.rows);
    free(s->values);
    free(s->raw);
    free(s->rotated);
    free(s->bytes);
    free(s->tables);
    free(s->best);
    free(s);
}

static graph_scratch *scratch_new(const graph *x)
{
    size_t filled = size_align(VV_MAX(x->shape.width, 1U), GRAPH_OWN_FILL);
    graph_scratch *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->touched_max = x->rows / 64 + 64;
    s->visited = new_array((x->rows / 64 + 1) * sizeof *s->visited);
    s->touched = new_array(s->touched_max * sizeof *s->touched);
    s->values = new_array(filled * sizeof *s->values);
    s->raw = new_array(filled * sizeof *s->raw);
    s->rotated = new_array(x->shape.padded * sizeof *s->rotated);
    s->bytes = new_array(filled);
    s->tables = new_array((size_t)x->shape.padded * 4);
    if (s->visited && s->touched && s->values && s->raw && s->rotated && s->bytes && s->tables)
        return s;
    scratch_free(s);
    return NULL;
}

varve_status graph_scratch_take(graph *x, graph_scratch **ret, varve_error *err)
{
    (void)pthread_mutex_lock(&x->lock);
    graph_scratch *s = x->idle;
    if (s) x->idle = s->next;
    (void)pthread_mutex_unlock(&x->lock);
    if (!s) s = scratch_new(x);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
    *ret = s;
    return VARVE_OK;
}

void graph_visit_none(const graph *x, graph_scratch *s)
{
    if (s->touched_count > s->touched_max)
        memset(s->visited, 0, (x->rows / 64 + 1) * sizeof *s->visited);
    else
        for (size_t i = 0; i < s->touched_count; i++)
            s->visited[s->touched[i] / 64] = 0;
    s->touched_count = 0;
}

void graph_scratch_give(graph *x, graph_scratch *s)
{
    graph_visit_none(x, s);
    s->frontier.count = 0;
    (void)pthread_mutex_lock(&x->lock);
    s->next = x->idle;
    x->idle = s;
    (void)pthread_mutex_unlock(&x->lock);
}

void graph_scratch_free_all(graph *x)
{
    while (x->idle) {
        graph_scratch *s = x->idle;
        x->idle = s->next;
        scratch_free(s);
    }
}

varve_status graph_scratch_keep(graph_scratch *s, size_t keep, varve_error *err)
{
    if (keep <= s->best_max) return VARVE_OK;
    topk_entry *best = calloc(keep, sizeof *best);
    if (!best) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", keep);
    free(s->best);
    s->best = best;
    s->best_max = keep;
    return VARVE_OK;
}

static uint64_t bytes_of(const graph *x, const graph_scratch *s)
{
    return sizeof *s + (x->rows / 64 + 1) * sizeof *s->visited +
           s->touched_max * sizeof *s->touched + s->frontier.capacity * 12 +
           (uint64_t)x->shape.width * 9 + (uint64_t)x->shape.padded * 8 +
           s->best_max * sizeof *s->best;
}

uint64_t graph_scratch_bytes(const graph *x)
{
    graph *locked = (graph *)x; /* the lock is all that is changed */
    uint64_t bytes = 0;
    (void)pthread_mutex_lock(&locked->lock);
    for (const graph_scratch *s = x->idle; s; s = s->next)
        bytes += bytes_of(x, s);
    (void)pthread_mutex_unlock(&locked->lock);
    return bytes;
}
