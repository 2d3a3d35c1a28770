/* exact.c — exhaustive search. The rows of a view are cut into pieces, which the threads of a
 * search take one by one from a counter: a thread that starts late, or a pool that is busy, only
 * means that others take more. A piece is read in blocks that fit the second-level cache, and each
 * block is scanned with all queries of a group before the next; so a batch reads memory once per
 * group. Every thread has a collector per query; at the end they are merged. */
#include "base/bytes.h"
#include "base/clock.h"
#include "query/collector.h"
#include "query/hits.h"
#include "query/request.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WORD_ROWS           64
#define BLOCK_BYTES         ((size_t)256 << 10)
#define BLOCK_ROWS_MAX      ((size_t)4096)
#define PIECE_BLOCKS        4
#define GROUP_QUERIES_MAX   ((size_t)64)
#define COLLECTOR_BYTES_MAX ((size_t)64 << 20) /* of all collectors of a group at once */

typedef struct part { /* of a group's search, on one thread */
    collector *collectors;
    float *scores; /* of a block */
    uint64_t rows_scanned;
    varve_status status;
    varve_error error;
} part;

typedef struct search {
    view *v;
    const varve_search_request *request;
    varve_metric metric;
    size_t keep, block_rows, piece_rows; /* rows: multiples of 64 */
    uint64_t piece_count;
    uint64_t deadline_ns; /* 0: none */
    size_t part_count, group_max;
    part *parts;
    /* The group of queries that is being searched. */
    size_t group_count;
    float *values; /* group_max × dim */
    collector_query *queries;
    _Atomic(uint64_t) next_piece;
    _Atomic(bool) stop; /* a part has failed */
    /* The hits of all groups so far. */
    hit_list hits;
} search;

/* ---- one part ------------------------------------------------------------------------------ */

static varve_status check_time(const search *s, varve_error *err)
{
    if (s->deadline_ns == 0 || clock_now_ns() < s->deadline_ns) return VARVE_OK;
    return vv_fail(err, VARVE_TIMEOUT, "not done within %llu ms",
                   (unsigned long long)s->request->timeout_ms);
}

/* The slots of a word, of those in [first, end), that are not hidden. */
static uint64_t visible_in_word(const row_source *source, uint64_t first, uint64_t end)
{
    uint64_t word = first - first % WORD_ROWS, mask = UINT64_MAX << first % WORD_ROWS;
    if (end - word < WORD_ROWS) mask &= (UINT64_C(1) << (end - word)) - 1;
    return ~tombstones_word(source->hidden, word) & mask;
}

/* The next stretch of words with visible rows at or after *from; false: none before end. */
static bool next_stretch(const row_source *source, uint64_t *from, uint64_t end, uint64_t *ret_to)
{
    uint64_t at = *from, to;
    if (!source->hidden) {
        *ret_to = end;
        return at < end;
    }
    while (at < end && visible_in_word(source, at, end) == 0)
        at = at - at % WORD_ROWS + WORD_ROWS;
    for (to = at; to < end && visible_in_word(source, to, end) != 0;)
        to = to - to % WORD_ROWS + WORD_ROWS;
    *from = at;
    *ret_to = VV_MIN(to, end);
    return at < end;
}

static uint64_t count_visible(const row_source *source, uint64_t first, uint64_t end)
{
    uint64_t count = 0;
    if (!source->hidden) return end - first;
    for (uint64_t at = first; at < end; at = at - at % WORD_ROWS + WORD_ROWS)
        count += (uint64_t)__builtin_popcountll(visible_in_word(source, at, end));
    return count;
}

static varve_status scan_block(search *s, part *p, size_t source, uint64_t first, uint64_t n,
                               uint64_t *ret_done, varve_error *err)
{
    const uint8_t *vectors;
    scored_rows rows = {.source = source, .first = first, .scores = p->scores};
    VV_TRY(check_time(s, err));
    VV_TRY(source_vectors(&s->v->sources[source], first, n, &vectors, ret_done, err));
    rows.count = (size_t)*ret_done;
    for (size_t i = 0; i < s->group_count; i++) {
        distance_scan(s->queries[i].prepared, vectors, rows.count, p->scores);
        VV_TRY(collector_offer(&p->collectors[i], &rows, err));
    }
    p->rows_scanned += count_visible(&s->v->sources[source], first, first + *ret_done);
    return VARVE_OK;
}

static varve_status scan_rows(search *s, part *p, size_t source, uint64_t first, uint64_t end,
                              varve_error *err)
{
    uint64_t to, done;
    while (next_stretch(&s->v->sources[source], &first, end, &to)) {
        for (; first < to; first += done)
            VV_TRY(scan_block(s, p, source, first, VV_MIN(to - first, s->block_rows), &done, err));
    }
    return VARVE_OK;
}

static varve_status scan_piece(search *s, part *p, uint64_t piece, varve_error *err)
{
    for (size_t i = 0; i < s->v->source_count; i++) {
        uint64_t rows = s->v->sources[i].rows;
        uint64_t pieces = (rows + s->piece_rows - 1) / s->piece_rows;
        if (piece < pieces) {
            uint64_t first = piece * s->piece_rows;
            return scan_rows(s, p, i, first, VV_MIN(rows, first + s->piece_rows), err);
        }
        piece -= pieces;
    }
    return VARVE_OK;
}

static varve_status run_part(search *s, part *p, varve_error *err)
{
    uint64_t piece;
    while (!atomic_load_explicit(&s->stop, memory_order_relaxed) &&
           (piece = atomic_fetch_add(&s->next_piece, 1)) < s->piece_count)
        VV_TRY(scan_piece(s, p, piece, err));
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
    double worst = r->range ? key_of(s->metric, r->threshold) : INFINITY;
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
    atomic_store(&s->next_piece, 0);
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
        VV_TRY(hit_list_add(&s->hits, c->best + skip, c->best_count - skip, err));
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

static size_t plan_parts(const search *s, const varve_options *limits, const thread_pool *pool)
{
    size_t threads = pool_threads(pool) + 1, row_bytes, bytes;
    if (limits->search_threads > 0) threads = VV_MIN(threads, (size_t)limits->search_threads);
    row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim);
    if (size_mul(row_bytes, VV_MIN(s->request->count, GROUP_QUERIES_MAX), &bytes) &&
        size_mul(bytes, (size_t)s->v->rows_live, &bytes) && bytes < limits->parallel_bytes_min)
        return 1;
    return VV_MAX(VV_MIN(threads, (size_t)s->piece_count), (size_t)1);
}

static void plan(search *s, const varve_options *limits, const thread_pool *pool)
{
    size_t row_bytes = VV_MAX(varve_dtype_row_bytes(s->v->dtype, s->v->dim), (size_t)1);
    size_t rows = VV_MIN(BLOCK_BYTES / row_bytes, BLOCK_ROWS_MAX);
    s->block_rows = VV_MAX(rows / WORD_ROWS * WORD_ROWS, (size_t)WORD_ROWS);
    s->piece_rows = PIECE_BLOCKS * s->block_rows;
    for (size_t i = 0; i < s->v->source_count; i++)
        s->piece_count += (s->v->sources[i].rows + s->piece_rows - 1) / s->piece_rows;
    s->part_count = plan_parts(s, limits, pool);
    size_t fit = COLLECTOR_BYTES_MAX / VV_MAX(collector_bytes_max(s->keep), (size_t)1);
    s->group_max = VV_MIN(GROUP_QUERIES_MAX, VV_MAX(fit / s->part_count, (size_t)1));
    s->group_max = VV_MIN(s->group_max, s->request->count);
}

static varve_status search_alloc(search *s, varve_error *err)
{
    s->parts = calloc(s->part_count, sizeof *s->parts);
    s->queries = calloc(s->group_max, sizeof *s->queries);
    s->values = calloc(s->group_max, VV_MAX(s->v->dim, 1u) * sizeof *s->values);
    bool all = s->parts && s->queries && s->values;
    for (size_t i = 0; all && i < s->part_count; i++) {
        s->parts[i].collectors = calloc(s->group_max, sizeof *s->parts[i].collectors);
        s->parts[i].scores = malloc(s->block_rows * sizeof *s->parts[i].scores);
        all = s->parts[i].collectors && s->parts[i].scores;
    }
    return all ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for a search");
}

static void search_done(search *s)
{
    group_done(s);
    for (size_t i = 0; s->parts && i < s->part_count; i++) {
        free(s->parts[i].collectors);
        free(s->parts[i].scores);
    }
    free(s->parts);
    free(s->queries);
    free(s->values);
    hit_list_done(&s->hits);
}

static varve_status search_all(search *s, thread_pool *pool, varve_error *err)
{
    VV_TRY(search_alloc(s, err));
    for (size_t first = 0, count; first < s->request->count; first += count) {
        count = VV_MIN(s->group_max, s->request->count - first);
        VV_TRY(search_group(s, first, count, pool, err));
        group_done(s);
    }
    return VARVE_OK;
}

static uint64_t deadline_of(uint64_t timeout_ms)
{
    uint64_t now = clock_now_ns();
    return timeout_ms > 0 && timeout_ms < (UINT64_MAX - now) / 1000000 ? now + timeout_ms * 1000000
                                                                       : 0;
}

/* How many live rows were looked at, once however many queries there are. */
static uint64_t rows_scanned(const search *s)
{
    uint64_t rows = 0;
    size_t groups = s->group_max ? (s->request->count + s->group_max - 1) / s->group_max : 0;
    for (size_t i = 0; s->parts && i < s->part_count; i++)
        rows += s->parts[i].rows_scanned;
    return groups ? rows / groups : 0;
}

varve_status query_search(view *v, const varve_search_request *request, const varve_options *limits,
                          thread_pool *pool, varve_hits **ret, varve_error *err)
{
    VV_CLEANUP(search_done) search s = {.v = v, .request = request};
    s.metric = request_metric(request, v);
    s.keep = request_keep(request, v);
    if (v->dim != 0 && request->count > 0 && request->dim != v->dim) {
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", v->dim,
                       request->dim);
    }
    if (v->dim != 0 && s.metric == VARVE_METRIC_HAVERSINE && v->dim != 2) {
        return vv_fail(err, VARVE_UNSUPPORTED,
                       "haversine needs 2 dimensions (longitude, latitude), not %u", v->dim);
    }
    s.deadline_ns = deadline_of(request->timeout_ms);
    if (s.keep > 0 && request->count > 0) {
        plan(&s, limits, pool);
        VV_TRY(search_all(&s, pool, err));
    }
    return hits_new(v, s.metric, request, &s.hits, rows_scanned(&s), ret, err);
}
