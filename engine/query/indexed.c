/* indexed.c — one query in one segment by its index: candidates from the index, each scored by its
 * stored vector, the rest left to the collector, which ranks exactly. Rows of candidates lie
 * anywhere in the segment, so they are asked for well before they are scored. */
#include "base/bytes.h"
#include "query/search.h"

#include <math.h>
#include <stdlib.h>

enum { AHEAD = 16, CACHE_LINE = 64 };

varve_status reserve_found(part *p, size_t room, varve_error *err)
{
    size_t bytes;
    if (room <= p->found_room) return VARVE_OK;
    if (!size_mul(room, sizeof *p->found, &bytes))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu candidates", room);
    void *larger = realloc(p->found, bytes);
    if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu candidates", room);
    p->found = larger;
    p->found_room = room;
    return VARVE_OK;
}

/* Scores of candidates [first, first + n): all rows are asked for before the first is needed. */
static varve_status offer_some(const search *s, part *p, size_t i, size_t source, size_t first,
                               size_t n, varve_error *err)
{
    const row_source *rows = &s->v->sources[source];
    size_t row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim);
    const uint8_t *at[AHEAD];
    uint64_t contiguous;
    for (size_t j = 0; j < n; j++) {
        VV_TRY(source_vectors(rows, p->found[first + j].slot, 1, &at[j], &contiguous, err));
        for (size_t line = 0; line < row_bytes; line += CACHE_LINE)
            __builtin_prefetch(at[j] + line);
    }
    for (size_t j = 0; j < n; j++) {
        float score;
        distance_scan(s->queries[i].prepared, at[j], 1, &score);
        scored_rows one = {source, p->found[first + j].slot, 1, &score};
        VV_TRY(collector_offer(&p->collectors[i], &one, err));
    }
    return VARVE_OK;
}

varve_status offer_found(const search *s, part *p, size_t i, size_t source, size_t count,
                         varve_error *err)
{
    for (size_t first = 0; first < count; first += AHEAD)
        VV_TRY(offer_some(s, p, i, source, first, VV_MIN(count - first, (size_t)AHEAD), err));
    p->work.rows_rescored += count;
    return VARVE_OK;
}

varve_status search_indexed(search *s, part *p, size_t i, size_t source, varve_error *err)
{
    const row_source *from = &s->v->sources[source];
    const varve_search_request *r = s->request;
    index_rows rows;
    index_query q = {.values = s->queries[i].values,
                     .k = s->keep,
                     .breadth = r->breadth,
                     .recall_target = s->recall_target,
                     .hidden = from->hidden,
                     .skip = UINT64_MAX,
                     .deadline_ns = s->clock->deadline_ns,
                     .cancel = s->clock->cancel,
                     .bound = p->collectors[i].bound};
    index_work work = {0};
    size_t count = 0;
    source_index_rows(from, &rows);
    VV_TRY(query_clock_check(s->clock, err));
    VV_TRY(reserve_found(p, index_hits_max(from->index, &q), err));
    VV_TRY(index_search(from->index, &rows, &q, p->found, &count, &work, err));
    VV_TRY(offer_found(s, p, i, source, count, err));
    p->work.codes_scanned += work.codes;
    p->work.nodes_visited += work.nodes;
    p->work.rows_rescored += work.rescored;
    return VARVE_OK;
}
