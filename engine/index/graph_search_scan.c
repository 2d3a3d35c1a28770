/* graph_search_scan.c — all live rows by their own distances, for a search that a walk would not
 * serve; see graph_search.h. */
#include "index/graph_search.h"

#include "base/bytes.h"

#define BLOCK_ROWS 256 /* a multiple of 64 */
#define WORD_ROWS  64
#define FEW_SHARE  4 /* fewer live rows of a block are fetched one by one, */
#define BATCH_ROWS 32
#define SHORT_ROW  512 /* bytes; shorter ones are put side by side, for one call of a kernel */
#define LINE_BYTES 64

typedef struct batch {
    uint32_t rows[BATCH_ROWS];
    const uint8_t *at[BATCH_ROWS];
    size_t count, row_bytes;
    uint8_t together[BATCH_ROWS * SHORT_ROW];
} batch;

static void push(graph_walk *w, uint32_t row, float score)
{
    bool larger = w->x->metric == VARVE_METRIC_IP;
    topk_push(&w->best, larger ? -(double)score : (double)score, row);
}

static void score_batch(graph_walk *w, batch *b)
{
    float scores[BATCH_ROWS];
    if (b->row_bytes <= SHORT_ROW) {
        for (size_t i = 0; i < b->count; i++)
            memcpy(b->together + i * b->row_bytes, b->at[i], b->row_bytes);
        distance_scan(w->plain, b->together, b->count, scores);
    } else {
        for (size_t i = 0; i < b->count; i++)
            distance_scan(w->plain, b->at[i], 1, &scores[i]);
    }
    for (size_t i = 0; i < b->count; i++)
        push(w, b->rows[i], scores[i]);
    w->work->rescored += b->count;
    b->count = 0;
}

static uint64_t live_word(const graph_walk *w, uint32_t first)
{
    uint64_t word = ~tombstones_word(w->q->hidden, first);
    if (w->x->rows - first < WORD_ROWS) word &= (UINT64_C(1) << (w->x->rows - first)) - 1;
    if (w->q->skip - first < WORD_ROWS) word &= ~(UINT64_C(1) << (w->q->skip - first));
    return word;
}

/* Rows [first, first + n), at most BLOCK_ROWS, those that are hidden too: they cost little. */
static varve_status scan_block(graph_walk *w, uint32_t first, uint32_t n, varve_error *err)
{
    float scores[BLOCK_ROWS];
    const uint8_t *bytes;
    VV_TRY(w->rows->get(w->rows->context, first, n, &bytes, err));
    distance_scan(w->plain, bytes, n, scores);
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        for (uint64_t live = live_word(w, first + at); live; live &= live - 1) {
            uint32_t i = at + (uint32_t)__builtin_ctzll(live);
            push(w, first + i, scores[i]);
        }
    w->work->rescored += n;
    return VARVE_OK;
}

/* The live ones alone: asked for by batches before they are scored. */
static varve_status fetch_block(graph_walk *w, batch *b, uint32_t first, uint32_t n,
                                varve_error *err)
{
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        for (uint64_t live = live_word(w, first + at); live; live &= live - 1) {
            uint32_t row = first + at + (uint32_t)__builtin_ctzll(live);
            b->rows[b->count] = row;
            VV_TRY(w->rows->get(w->rows->context, row, 1, &b->at[b->count], err));
            for (size_t line = 0; line < b->row_bytes; line += LINE_BYTES)
                __builtin_prefetch(b->at[b->count] + line);
            if (++b->count == BATCH_ROWS) score_batch(w, b);
        }
    return VARVE_OK;
}

static uint32_t count_live(const graph_walk *w, uint32_t first, uint32_t n)
{
    uint32_t live = 0;
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        live += (uint32_t)__builtin_popcountll(live_word(w, first + at));
    return live;
}

varve_status graph_scan_all(graph_walk *w, varve_error *err)
{
    const index_rows *rows = w->rows;
    batch b;
    b.count = 0;
    b.row_bytes = varve_dtype_row_bytes(rows->dtype, rows->dim);
    if (!w->plain)
        VV_TRY(
            distance_query_new(w->x->metric, rows->dtype, rows->dim, w->q->values, &w->plain, err));
    w->best.count = 0;
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        n = VV_MIN((uint32_t)BLOCK_ROWS, rows->count - first);
        VV_TRY(count_live(w, first, n) < n / FEW_SHARE ? fetch_block(w, &b, first, n, err)
                                                       : scan_block(w, first, n, err));
        if (first / BLOCK_ROWS % BATCH_ROWS == 0) VV_TRY(index_in_time(w->q, err));
    }
    score_batch(w, &b);
    return VARVE_OK;
}
