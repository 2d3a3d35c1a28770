/* rerank.c — see rerank.h. */
#include "query/rerank.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_ROWS 256 /* between looks at the clock */

typedef struct reranking {
    size_t count, order_count;
    varve_id *ids;
    varve_text *fields;
    float *scores, *before;
    size_t *order;
    bool *placed;
    ranked_row *rows;
} reranking;

static void reranking_done(reranking *r)
{
    free(r->ids);
    free(r->fields);
    free(r->scores);
    free(r->before);
    free(r->order);
    free(r->placed);
    free(r->rows);
}

static varve_status reranking_init(reranking *r, size_t count, varve_error *err)
{
    r->count = r->order_count = count;
    r->ids = calloc(count + 1, sizeof *r->ids);
    r->fields = calloc(count + 1, sizeof *r->fields);
    r->scores = calloc(count + 1, sizeof *r->scores);
    r->before = calloc(count + 1, sizeof *r->before);
    r->order = calloc(count + 1, sizeof *r->order);
    r->placed = calloc(count + 1, sizeof *r->placed);
    r->rows = calloc(count + 1, sizeof *r->rows);
    if (r->ids && r->fields && r->scores && r->before && r->order && r->placed && r->rows)
        return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory to rerank %zu hits", count);
}

static varve_status fill(reranking *r, const view *v, const leg_rows *l, const query_clock *clock,
                         varve_error *err)
{
    for (size_t i = 0; i < r->count; i++) {
        row_place place = l->rows[i].place;
        const row_source *s = &v->sources[place.source];
        const uint8_t *key;
        size_t len;
        if (i % CHECK_ROWS == 0) VV_TRY(query_clock_check(clock, err));
        VV_TRY(source_id_key(s, place.slot, &key, &len, err));
        if (!id_key_get(key, len, &r->ids[i]))
            return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
        VV_TRY(source_fields(s, place.slot, &r->fields[i], err));
        r->scores[i] = r->before[i] = (float)(l->larger ? -l->rows[i].key : l->rows[i].key);
        r->order[i] = i;
    }
    return VARVE_OK;
}

/* A score that was not touched keeps its digits. */
static ranked_row row_of(const reranking *r, const leg_rows *l, size_t i)
{
    ranked_row row = l->rows[i];
    if (r->scores[i] != r->before[i]) row.key = l->larger ? -(double)r->scores[i] : r->scores[i];
    return row;
}

static varve_status apply(reranking *r, leg_rows *l, varve_error *err)
{
    size_t count = 0;
    if (r->order_count > r->count)
        return vv_fail(err, VARVE_INVALID, "rerank: %zu places for %zu hits", r->order_count,
                       r->count);
    for (size_t i = 0; i < r->order_count; i++) {
        size_t from = r->order[i];
        if (from >= r->count || r->placed[from])
            return vv_fail(err, VARVE_INVALID, "rerank: place %zu is wrong: %zu", i, from);
        r->placed[from] = true;
        r->rows[count++] = row_of(r, l, from);
    }
    for (size_t i = 0; i < r->count; i++) {
        if (!r->placed[i]) r->rows[count++] = row_of(r, l, i);
    }
    memcpy(l->rows, r->rows, count * sizeof *r->rows);
    return VARVE_OK;
}

varve_status rerank_rows(const view *v, const varve_query_request *request, leg_rows *l,
                         const query_clock *clock, varve_error *err)
{
    VV_CLEANUP(reranking_done) reranking r = {0};
    size_t count = request->rerank_k ? VV_MIN(request->rerank_k, l->count) : l->count;
    if (count == 0) return VARVE_OK;
    VV_TRY(reranking_init(&r, count, err));
    VV_TRY(fill(&r, v, l, clock, err));
    VV_TRY(request->rerank(request->rerank_context, r.ids, r.fields, r.scores, count, r.order,
                           &r.order_count, err));
    VV_TRY(query_clock_check(clock, err));
    return apply(&r, l, err);
}
