/* gather.c — the live rows of a source by their stored vectors where they are few: what lies
 * between them is not read. Rows are asked for a batch ahead: while one comes out of memory, the
 * one before it is scored, by all queries of a group. Short rows are first put side by side, so
 * that one call of a kernel scores them all. */
#include "base/bytes.h"
#include "query/search.h"

#define WORD_ROWS  64
#define BATCH_ROWS 32
#define CACHE_LINE 64
#define SHORT_ROW  512 /* bytes: copying more takes longer than calls of the kernel do */

typedef struct batch {
    size_t count;
    uint64_t slots[BATCH_ROWS];
    const uint8_t *rows[BATCH_ROWS];
} batch;

typedef struct gathering {
    search *s;
    part *p;
    size_t source, row_bytes;
    batch batches[2];
    size_t now; /* which of them is being filled */
    uint8_t together[BATCH_ROWS * SHORT_ROW];
} gathering;

static void score_rows(gathering *g, const batch *b, size_t query, float *ret_scores)
{
    const distance_query *prepared = g->s->queries[query].prepared;
    if (g->row_bytes <= SHORT_ROW) {
        distance_scan(prepared, g->together, b->count, ret_scores);
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        distance_scan(prepared, b->rows[i], 1, &ret_scores[i]);
}

static varve_status score_batch(gathering *g, batch *b, varve_error *err)
{
    float scores[BATCH_ROWS];
    if (b->count == 0) return VARVE_OK;
    VV_TRY(query_clock_check(g->s->clock, err));
    for (size_t i = 0; i < b->count && g->row_bytes <= SHORT_ROW; i++)
        memcpy(g->together + i * g->row_bytes, b->rows[i], g->row_bytes);
    for (size_t i = 0; i < g->s->group_count; i++) {
        score_rows(g, b, i, scores);
        scored_slots found = {g->source, b->count, b->slots, scores};
        VV_TRY(collector_offer_slots(&g->p->collectors[i], &found, err));
    }
    g->p->work.rows_scanned += b->count;
    b->count = 0;
    return VARVE_OK;
}

static varve_status take_row(gathering *g, uint64_t slot, varve_error *err)
{
    uint64_t contiguous;
    batch *b = &g->batches[g->now];
    const uint8_t **row = &b->rows[b->count];
    VV_TRY(source_vectors(&g->s->v->sources[g->source], slot, 1, row, &contiguous, err));
    for (size_t line = 0; line < g->row_bytes; line += CACHE_LINE)
        __builtin_prefetch(*row + line);
    b->slots[b->count++] = slot;
    if (b->count < BATCH_ROWS) return VARVE_OK;
    g->now = !g->now;
    return score_batch(g, &g->batches[g->now], err);
}

varve_status gather_rows(search *s, part *p, size_t source, uint64_t first, uint64_t end,
                         varve_error *err)
{
    gathering g;
    const row_source *rows = &s->v->sources[source];
    g.s = s;
    g.p = p;
    g.source = source;
    g.now = g.batches[0].count = g.batches[1].count = 0;
    g.row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim);
    for (uint64_t word = first; word < end; word += WORD_ROWS) {
        uint64_t visible = ~tombstones_word(rows->hidden, word);
        if (end - word < WORD_ROWS) visible &= (UINT64_C(1) << (end - word)) - 1;
        for (; visible; visible &= visible - 1)
            VV_TRY(take_row(&g, word + (uint64_t)__builtin_ctzll(visible), err));
    }
    VV_TRY(score_batch(&g, &g.batches[!g.now], err));
    return score_batch(&g, &g.batches[g.now], err);
}
