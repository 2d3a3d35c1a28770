/* index_scan.c — see index_scan.h. */
#include "index/index_scan.h"

#include "base/bit_count.h"
#include "base/bytes.h"

#define BLOCK_ROWS  256 /* a multiple of 64 */
#define WORD_ROWS   64
#define FEW_SHARE   4 /* fewer live rows of a block are fetched one by one, */
#define BATCH_ROWS  32
#define SHORT_ROW   512 /* bytes; shorter ones are put side by side, for one call of a kernel */
#define LINE_BYTES  64
#define FETCH_BYTES 512 /* a row fetched by itself takes as long as this and its bytes in a row */

typedef struct scan {
    const index_rows *rows;
    const index_query *q;
    bool larger; /* scores are better */
    const distance_query *prepared;
    topk *best;
    index_work *work;
} scan;

typedef struct batch {
    uint32_t rows[BATCH_ROWS];
    const uint8_t *at[BATCH_ROWS];
    size_t count, row_bytes;
    uint8_t together[BATCH_ROWS * SHORT_ROW];
} batch;

static void push(const scan *s, uint32_t row, float score)
{
    topk_push(s->best, s->larger ? -(double)score : (double)score, row);
}

static void score_batch(const scan *s, batch *b)
{
    float scores[BATCH_ROWS];
    if (b->row_bytes <= SHORT_ROW) {
        for (size_t i = 0; i < b->count; i++)
            memcpy(b->together + i * b->row_bytes, b->at[i], b->row_bytes);
        distance_scan(s->prepared, b->together, b->count, scores);
    } else {
        for (size_t i = 0; i < b->count; i++)
            distance_scan(s->prepared, b->at[i], 1, &scores[i]);
    }
    for (size_t i = 0; i < b->count; i++)
        push(s, b->rows[i], scores[i]);
    s->work->rescored += b->count;
    b->count = 0;
}

static uint64_t live_word(const scan *s, uint32_t first)
{
    uint64_t word = ~tombstones_word(s->q->hidden, first);
    if (s->rows->count - first < WORD_ROWS) word &= (UINT64_C(1) << (s->rows->count - first)) - 1;
    if (s->q->skip - first < WORD_ROWS) word &= ~(UINT64_C(1) << (s->q->skip - first));
    return word;
}

/* Rows [first, first + n), at most BLOCK_ROWS, those that are hidden too: they cost little. */
static varve_status scan_block(const scan *s, uint32_t first, uint32_t n, varve_error *err)
{
    float scores[BLOCK_ROWS];
    const uint8_t *bytes;
    VV_TRY(s->rows->get(s->rows->context, first, n, &bytes, err));
    distance_scan(s->prepared, bytes, n, scores);
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        for (uint64_t live = live_word(s, first + at); live; live &= live - 1) {
            uint32_t i = at + (uint32_t)__builtin_ctzll(live);
            push(s, first + i, scores[i]);
        }
    s->work->rescored += n;
    return VARVE_OK;
}

/* The live ones alone: asked for by batches before they are scored. */
static varve_status fetch_block(const scan *s, batch *b, uint32_t first, uint32_t n,
                                varve_error *err)
{
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        for (uint64_t live = live_word(s, first + at); live; live &= live - 1) {
            uint32_t row = first + at + (uint32_t)__builtin_ctzll(live);
            b->rows[b->count] = row;
            VV_TRY(s->rows->get(s->rows->context, row, 1, &b->at[b->count], err));
            for (size_t line = 0; line < b->row_bytes; line += LINE_BYTES)
                __builtin_prefetch(b->at[b->count] + line);
            if (++b->count == BATCH_ROWS) score_batch(s, b);
        }
    return VARVE_OK;
}

static uint64_t count_live(const scan *s, uint32_t first, uint32_t n)
{
    uint64_t live[BLOCK_ROWS / WORD_ROWS];
    size_t words = 0;
    for (uint32_t at = 0; at < n; at += WORD_ROWS)
        live[words++] = live_word(s, first + at);
    return bit_count(live, words);
}

varve_status index_scan_live(const index_rows *rows, const index_query *q, varve_metric metric,
                             const distance_query *prepared, topk *best, index_work *work,
                             varve_error *err)
{
    const scan s = {rows, q, metric == VARVE_METRIC_IP, prepared, best, work};
    batch b;
    b.count = 0;
    b.row_bytes = varve_dtype_row_bytes(rows->dtype, rows->dim);
    for (uint32_t first = 0, n; first < rows->count; first += n) {
        n = VV_MIN((uint32_t)BLOCK_ROWS, rows->count - first);
        VV_TRY(count_live(&s, first, n) < n / FEW_SHARE ? fetch_block(&s, &b, first, n, err)
                                                        : scan_block(&s, first, n, err));
        if (first / BLOCK_ROWS % BATCH_ROWS == 0) VV_TRY(index_in_time(q, err));
    }
    score_batch(&s, &b);
    return VARVE_OK;
}

double index_scan_bytes(const index_rows *rows, const index_query *q)
{
    double row_bytes = (double)varve_dtype_row_bytes(rows->dtype, rows->dim);
    uint64_t live = rows->count - VV_MIN(tombstones_count(q->hidden), (uint64_t)rows->count);
    return VV_MIN((double)live * (row_bytes + FETCH_BYTES), (double)rows->count * row_bytes);
}
