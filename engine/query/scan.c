/* scan.c — rows of a view by their stored vectors. The rows are cut into pieces; a piece is read in
 * blocks that fit the second-level cache, and each block is scanned with all queries of a group
 * before the next, so a batch reads memory once per group. Hidden rows are passed over by words. */
#include "base/bytes.h"
#include "query/search.h"

#define WORD_ROWS 64

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
    VV_TRY(query_clock_check(s->clock, err));
    VV_TRY(source_vectors(&s->v->sources[source], first, n, &vectors, ret_done, err));
    rows.count = (size_t)*ret_done;
    for (size_t i = 0; i < s->group_count; i++) {
        distance_scan(s->queries[i].prepared, vectors, rows.count, p->scores);
        VV_TRY(collector_offer(&p->collectors[i], &rows, err));
    }
    p->work.rows_scanned += count_visible(&s->v->sources[source], first, first + *ret_done);
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

/* Pieces have about as many rows to score, wherever those lie. */
static uint64_t rows_of_piece(const search *s, size_t source)
{
    const row_source *from = &s->v->sources[source];
    uint64_t live = from->rows - tombstones_count(from->hidden);
    if (s->paths[source] != PLAN_GATHER) return s->piece_rows;
    return s->piece_rows * VV_MAX(from->rows / VV_MAX(live, UINT64_C(1)), UINT64_C(1));
}

uint64_t scan_pieces(const search *s, size_t source)
{
    uint64_t each;
    if (s->paths[source] != PLAN_SCAN && s->paths[source] != PLAN_GATHER) return 0;
    each = rows_of_piece(s, source);
    return s->v->sources[source].rows / each + (s->v->sources[source].rows % each != 0);
}

varve_status scan_piece(search *s, part *p, uint64_t piece, varve_error *err)
{
    for (size_t i = 0; i < s->v->source_count; i++) {
        uint64_t rows = s->v->sources[i].rows, pieces = scan_pieces(s, i), each;
        if (piece < pieces) {
            each = rows_of_piece(s, i);
            uint64_t first = piece * each, end = first + VV_MIN(rows - first, each);
            if (s->paths[i] == PLAN_GATHER) return gather_rows(s, p, i, first, end, err);
            return scan_rows(s, p, i, first, end, err);
        }
        piece -= pieces;
    }
    return VARVE_OK;
}
