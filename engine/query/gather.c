/* gather.c — the live rows of a source by their stored vectors where they are few: what lies
 * between them is not read. All queries of a group look at a handful of rows before the next, which
 * are asked for well before they are scored. */
#include "base/bytes.h"
#include "query/search.h"

#define WORD_ROWS  64
#define BATCH_ROWS 32
#define CACHE_LINE 64

typedef struct gathering {
    search *s;
    part *p;
    size_t source, row_bytes, count;
    uint64_t slots[BATCH_ROWS];
    const uint8_t *rows[BATCH_ROWS];
} gathering;

static varve_status score_batch(gathering *g, varve_error *err)
{
    const search *s = g->s;
    float scores[BATCH_ROWS];
    VV_TRY(query_clock_check(s->clock, err));
    for (size_t i = 0; i < s->group_count; i++) {
        for (size_t j = 0; j < g->count; j++)
            distance_scan(s->queries[i].prepared, g->rows[j], 1, &scores[j]);
        scored_slots found = {g->source, g->count, g->slots, scores};
        VV_TRY(collector_offer_slots(&g->p->collectors[i], &found, err));
    }
    g->p->work.rows_scanned += g->count;
    g->count = 0;
    return VARVE_OK;
}

static varve_status take_row(gathering *g, uint64_t slot, varve_error *err)
{
    uint64_t contiguous;
    const uint8_t **row = &g->rows[g->count];
    VV_TRY(source_vectors(&g->s->v->sources[g->source], slot, 1, row, &contiguous, err));
    for (size_t line = 0; line < g->row_bytes; line += CACHE_LINE)
        __builtin_prefetch(*row + line);
    g->slots[g->count++] = slot;
    return g->count == BATCH_ROWS ? score_batch(g, err) : VARVE_OK;
}

varve_status gather_rows(search *s, part *p, size_t source, uint64_t first, uint64_t end,
                         varve_error *err)
{
    gathering g = {.s = s, .p = p, .source = source};
    const row_source *rows = &s->v->sources[source];
    g.row_bytes = varve_dtype_row_bytes(s->v->dtype, s->v->dim);
    for (uint64_t word = first; word < end; word += WORD_ROWS) {
        uint64_t visible = ~tombstones_word(rows->hidden, word);
        if (end - word < WORD_ROWS) visible &= (UINT64_C(1) << (end - word)) - 1;
        for (; visible; visible &= visible - 1)
            VV_TRY(take_row(&g, word + (uint64_t)__builtin_ctzll(visible), err));
    }
    return g.count > 0 ? score_batch(&g, err) : VARVE_OK;
}
