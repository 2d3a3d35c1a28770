/* search.c — a search from request to hits: which source is searched how, tasks for the threads,
 * groups of queries, the merge. A thread that starts late, or a pool that is busy, only means that
 * others take more tasks. */
#include "query/search.h"

#include "base/bytes.h"
#include "query/request.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define WORD_ROWS           64
#define BLOCK_BYTES         ((size_t)256 << 10)
#define BLOCK_ROWS_MAX      ((size_t)4096)
#define PIECE_BLOCKS        4
#define GROUP_QUERIES_MAX   ((size_t)64)
#define INDEXED_ROWS        2048 /* a search by index takes about as long as a scan of so many */
#define COLLECTOR_BYTES_MAX ((size_t)64 << 20) /* of all collectors of a group at once */

/* ---- one part ------------------------------------------------------------------------------ */

static varve_status run_task(search *s, part *p, uint64_t task, varve_error *err)
{
    uint64_t by_index = s->group_count * s->indexed_count;
    if (task >= by_index) return scan_piece(s, p, task - by_index, err);
    size_t i = task % s->group_count, source = s->indexed[task / s->group_count];
    if (s->v->sources[source].mem) return search_memory(s, p, i, source, err);
    return search_indexed(s, p, i, source, err);
}

static varve_status run_part(search *s, part *p, varve_error *err)
{
    uint64_t task;
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed) &&
           (task = atomic_fetch_add(&s->next_task, 1)) < s->task_count)
        VV_TRY(run_task(s, p, task, err));
    for (size_t i = 0; i < s->group_count; i++)
        VV_TRY(collector_settle(&p->collectors[i], err));
    return VARVE_OK;
}

static void part_main(void *context, size_t i)
{
    search *s = context;
    part *p = &s->parts[i];
    p->status = run_part(s, p, &p->error);
    if (p->status != VARVE_OK) atomic_store(&s->stop, true);
}

/* ---- one group of queries ------------------------------------------------------------------ */

static void group_done(search *s)
{
    for (size_t i = 0; i < s->group_count; i++) {
        for (size_t j = 0; j < s->part_count; j++)
            collector_done(&s->parts[j].collectors[i]);
        distance_query_free(s->queries[i].prepared);
    }
    s->group_count = 0;
}

static varve_status group_prepare(search *s, size_t first, size_t count, varve_error *err)
{
    const varve_search_request *r = s->request;
    double worst = r->range ? request_worst_key(key_of(s->metric, r->threshold)) : INFINITY;
    request_floats(r, first, count, s->values);
    for (size_t i = 0; i < count; i++) {
        collector_query *q = &s->queries[i];
        *q = (collector_query){.v = s->v, .metric = s->metric, .keep = s->keep, .worst = worst};
        q->values = s->values + i * s->v->dim;
        VV_TRY(distance_query_new(s->metric, s->v->dtype, s->v->dim, q->values, &q->prepared, err));
        for (size_t j = 0; j < s->part_count; j++)
            collector_init(&s->parts[j].collectors[i], q);
        s->group_count++;
    }
    s->task_count = s->group_count * s->indexed_count + s->piece_count;
    atomic_store(&s->next_task, 0);
    return VARVE_OK;
}

static varve_status group_merge(search *s, varve_error *err)
{
    for (size_t j = 0; j < s->part_count; j++) {
        part *p = &s->parts[j];
        if (p->status == VARVE_OK) continue;
        if (err) *err = p->error;
        return p->status;
    }
    for (size_t i = 0; i < s->group_count; i++) {
        collector *c = &s->parts[0].collectors[i];
        for (size_t j = 1; j < s->part_count; j++)
            VV_TRY(collector_merge(c, &s->parts[j].collectors[i], err));
        size_t skip = VV_MIN(s->request->offset, c->best_count);
        VV_TRY(hit_list_add(s->hits, c->best + skip, c->best_count - skip, err));
    }
    return VARVE_OK;
}

static varve_status search_group(search *s, size_t first, size_t count, thread_pool *pool,
                                 varve_error *err)
{
    VV_TRY(group_prepare(s, first, count, err));
    pool_run(s->part_count > 1 ? pool : NULL, s->part_count, part_main, s);
    return group_merge(s, err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool is_certain(const row_source *source)
{
    return source->mem || index_get_spec(source->index)->kind == INDEX_KIND_FRESH;
}

static void choose_paths(search *s)
{
    const varve_search_request *r = s->request;
    plan_request asked = {s->metric, r->exact, r->range, r->count, s->keep};
    for (size_t i = 0; i < s->v->source_count; i++) {
        const row_source *source = &s->v->sources[i];
        plan_source known = {.rows = source->rows, .index_metric = s->metric};
        known.live = source->rows - tombstones_count(source->hidden);
        known.row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim);
        if (source->index) {
            known.has_index = true;
            known.certain = is_certain(source);
            known.index_metric = index_get_spec(source->index)->mode.metric;
        } else if (source->mem) {
            known.has_index = known.certain = memtable_codes(source->mem, &known.index_metric);
        }
        s->paths[i] = plan_path_of(&known, &asked);
        if (s->paths[i] == PLAN_INDEX) s->indexed[s->indexed_count++] = i;
    }
}

/* Vector bytes that the scan of a group reads, or that its indexes stand for as work. */
static size_t estimate_bytes(const search *s)
{
    size_t row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim), rows = 0, bytes;
    for (size_t i = 0; i < s->v->source_count; i++) {
        const row_source *source = &s->v->sources[i];
        uint64_t live = source->rows - tombstones_count(source->hidden);
        if (s->paths[i] == PLAN_SCAN || s->paths[i] == PLAN_GATHER) rows += (size_t)live;
        if (s->paths[i] != PLAN_INDEX) continue;
        rows += is_certain(source) ? (size_t)live / 4 : VV_MIN((size_t)live, (size_t)INDEXED_ROWS);
    }
    if (!size_mul(row_bytes, VV_MIN(s->request->count, GROUP_QUERIES_MAX), &bytes) ||
        !size_mul(bytes, rows, &bytes))
        return SIZE_MAX;
    return bytes;
}

static size_t plan_parts(const search *s, const varve_options *limits, const thread_pool *pool)
{
    size_t threads = pool_threads(pool) + 1;
    uint64_t tasks = s->piece_count + s->indexed_count * s->request->count;
    if (limits->search_threads > 0) threads = VV_MIN(threads, (size_t)limits->search_threads);
    if (estimate_bytes(s) < limits->parallel_bytes_min) return 1;
    return VV_MAX(VV_MIN(threads, (size_t)tasks), (size_t)1);
}

static void plan(search *s, const varve_options *limits, const thread_pool *pool)
{
    size_t row_bytes = VV_MAX(varve_dtype_row_bytes(s->v->dtype, s->v->dim), (size_t)1);
    size_t rows = VV_MIN(BLOCK_BYTES / row_bytes, BLOCK_ROWS_MAX);
    s->block_rows = VV_MAX(rows / WORD_ROWS * WORD_ROWS, (size_t)WORD_ROWS);
    s->piece_rows = PIECE_BLOCKS * s->block_rows;
    s->recall_target = s->request->recall_target;
    if (s->recall_target == 0) s->recall_target = (double)limits->recall_target_percent / 100;
    choose_paths(s);
    for (size_t i = 0; i < s->v->source_count; i++)
        s->piece_count += scan_pieces(s, i);
    s->part_count = plan_parts(s, limits, pool);
    size_t fit = COLLECTOR_BYTES_MAX / VV_MAX(collector_bytes_max(s->keep), (size_t)1);
    s->group_max = VV_MIN(GROUP_QUERIES_MAX, VV_MAX(fit / s->part_count, (size_t)1));
    s->group_max = VV_MIN(s->group_max, s->request->count);
}

static varve_status alloc_paths(search *s, varve_error *err)
{
    s->paths = calloc(s->v->source_count + 1, sizeof *s->paths);
    s->indexed = calloc(s->v->source_count + 1, sizeof *s->indexed);
    if (s->paths && s->indexed) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
}

static varve_status search_alloc(search *s, varve_error *err)
{
    s->parts = calloc(s->part_count, sizeof *s->parts);
    s->queries = calloc(s->group_max, sizeof *s->queries);
    s->values = calloc(s->group_max, VV_MAX(s->v->dim, 1u) * sizeof *s->values);
    bool all = s->parts && s->queries && s->values;
    for (size_t i = 0; all && i < s->part_count; i++) {
        s->parts[i].collectors = calloc(s->group_max, sizeof *s->parts[i].collectors);
        all = s->parts[i].collectors != NULL;
        if (!all || s->piece_count == 0) continue;
        s->parts[i].scores = malloc(s->block_rows * sizeof *s->parts[i].scores);
        all = s->parts[i].scores != NULL;
    }
    return all ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
}

static void search_done(search *s)
{
    group_done(s);
    for (size_t i = 0; s->parts && i < s->part_count; i++) {
        free(s->parts[i].collectors);
        free(s->parts[i].scores);
        free(s->parts[i].found);
    }
    free(s->parts);
    free(s->queries);
    free(s->values);
    free(s->paths);
    free(s->indexed);
}

static varve_status search_all(search *s, const varve_options *limits, thread_pool *pool,
                               varve_error *err)
{
    VV_TRY(search_alloc(s, err));
    for (size_t first = 0, count; first < s->request->count; first += count) {
        count = VV_MIN(s->group_max, s->request->count - first);
        VV_TRY(search_group(s, first, count, pool, err));
        group_done(s);
        VV_TRY(query_bytes_check(limits, "hits", s->hits->row_count, HIT_BYTES, err));
    }
    return VARVE_OK;
}

/* Scanned rows count once however many queries there are; everything else per query. */
static varve_status add_to_explain(const search *s, explain *e, varve_error *err)
{
    varve_search_work *w = &e->profile.work;
    size_t groups = s->group_max ? (s->request->count + s->group_max - 1) / s->group_max : 1;
    uint64_t scanned = 0;
    for (size_t i = 0; s->parts && i < s->part_count; i++) {
        const varve_search_work *p = &s->parts[i].work;
        scanned += p->rows_scanned;
        w->codes_scanned += p->codes_scanned;
        w->nodes_visited += p->nodes_visited;
        w->rows_rescored += p->rows_rescored;
    }
    w->rows_scanned += scanned / groups;
    for (size_t i = 0; s->paths && i < s->v->source_count; i++)
        VV_TRY(explain_source(e, s->v, i, s->paths[i], err));
    return VARVE_OK;
}

static varve_status check_fits(const search *s, varve_error *err)
{
    const varve_search_request *r = s->request;
    if (s->v->dim != 0 && r->count > 0 && r->dim != s->v->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", s->v->dim,
                       r->dim);
    if (s->v->dim != 0 && s->metric == VARVE_METRIC_HAVERSINE && s->v->dim != 2)
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "haversine needs 2 dimensions (longitude, latitude), not %u", s->v->dim);
    return VARVE_OK;
}

/* A range search may find far fewer hits than it may have: they are counted as they come. */
static varve_status check_bytes(const search *s, const varve_options *limits, varve_error *err)
{
    size_t each;
    if (!size_mul(s->keep, HIT_BYTES, &each)) each = SIZE_MAX;
    if (s->request->range) return VARVE_OK;
    return query_bytes_check(limits, "k hits of each query", s->request->count, each, err);
}

varve_status search_view(view *v, const varve_search_request *request, const search_means *means,
                         hit_list *hits, varve_error *err)
{
    VV_CLEANUP(search_done)
    search s = {.v = v, .request = request, .clock = means->clock, .hits = hits};
    s.metric = request_metric(request, v);
    s.keep = request_keep(request, v);
    VV_TRY(check_fits(&s, err));
    if (s.keep == 0 || request->count == 0) return VARVE_OK;
    VV_TRY(check_bytes(&s, means->limits, err));
    VV_TRY(alloc_paths(&s, err));
    plan(&s, means->limits, means->pool);
    VV_TRY(search_all(&s, means->limits, means->pool, err));
    return add_to_explain(&s, means->explain, err);
}
