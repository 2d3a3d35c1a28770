/* text_stats.c — what a stretch says of a query: live rows, their tokens, and how many of them have
 * each term. */
#include "field/text_score.h"

/* Tokens under the paths, in all rows. */
static double stored_length(const text_index *x, const text_paths *paths)
{
    double total = paths->all ? (double)x->tokens : 0;
    for (uint32_t i = 0; !paths->all && i < x->path_count; i++)
        if (postings_bit(paths->bits, i)) total += (double)x->paths[i].tokens;
    return total;
}

/* The tokens of rows that are not live, of which there usually are few. */
static varve_status dead_length(const text_index *x, const text_paths *paths, const uint64_t *live,
                                double *ret, varve_error *err)
{
    VV_CLEANUP(text_row_lengths_done) text_row_lengths lengths = {0};
    double total = 0;
    VV_TRY(text_row_lengths_init(&lengths, x, paths, err));
    for (uint32_t first = 0; lengths.count && first < x->rows; first += 64) {
        uint64_t dead = ~live[first / 64];
        if (x->rows - first < 64) dead &= (UINT64_C(1) << (x->rows - first)) - 1;
        for (; dead; dead &= dead - 1) {
            uint32_t slot = first + (uint32_t)__builtin_ctzll(dead), length;
            text_row_lengths_get(&lengths, &slot, 1, &length);
            total += length;
        }
        if (x->rows - first < 64) break;
    }
    *ret = total;
    return VARVE_OK;
}

static varve_status count_rows(text_list *l, const uint64_t *live, uint64_t *ret, varve_error *err)
{
    uint64_t count = 0;
    for (uint32_t block = 0; block < l->block_count; block++) {
        VV_TRY(text_list_read(l, block, err));
        if (!live) count += l->count;
        for (uint32_t i = 0; live && i < l->count; i++)
            count += postings_bit(live, l->slots[i]);
    }
    *ret = count;
    return VARVE_OK;
}

/* The next row that is not live; rows: none. */
static uint32_t next_dead(const uint64_t *live, uint32_t slot, uint32_t rows)
{
    uint64_t at = slot / 64, words = ((uint64_t)rows + 63) / 64;
    if (slot >= rows) return rows;
    uint64_t word = ~live[at] & (~UINT64_C(0) << (slot % 64));
    while (!word && ++at < words)
        word = ~live[at];
    if (!word) return rows;
    uint64_t found = at * 64 + (uint64_t)__builtin_ctzll(word);
    return (uint32_t)VV_MIN(found, rows);
}

/* Rows that are not live and have the term: only the blocks that they are in are read. */
static varve_status count_dead(text_list *l, const uint64_t *live, uint64_t *ret, varve_error *err)
{
    uint64_t count = 0;
    uint32_t block = 0, slot = next_dead(live, 0, l->index_rows);
    for (; slot < l->index_rows; slot = next_dead(live, slot + 1, l->index_rows)) {
        block = text_list_block(l, block, slot);
        if (block >= l->block_count) break;
        if (l->block != block) VV_TRY(text_list_read(l, block, err));
        while (l->at < l->count && l->slots[l->at] < slot)
            l->at++;
        count += l->at < l->count && l->slots[l->at] == slot;
    }
    *ret = count;
    return VARVE_OK;
}

/* dead: how many rows are not live. */
static varve_status term_rows(const text_index *x, const text_paths *paths, varve_text term,
                              const uint64_t *live, uint32_t dead, uint64_t *ret, varve_error *err)
{
    text_entry entry;
    text_list list;
    uint64_t dead_rows;
    uint32_t written;
    *ret = 0;
    VV_TRY(text_index_find(x, term, &entry, err));
    if (entry.rows == 0) return VARVE_OK;
    VV_TRY(text_list_open(x, &entry, paths, &list, err));
    bool known = text_list_df(&list, &written);
    if (!known || (live && dead > entry.rows)) return count_rows(&list, live, ret, err);
    if (live) {
        VV_TRY(count_dead(&list, live, &dead_rows, err));
        written -= (uint32_t)VV_MIN(dead_rows, written);
    }
    *ret = written;
    return VARVE_OK;
}

varve_status text_stats_add(text_query *q, const text_index *x, const uint64_t *live,
                            const time_limit *limit, varve_error *err)
{
    text_paths paths;
    double dead = 0;
    uint64_t rows;
    text_paths_find(x, q->paths, q->path_count, &paths);
    uint32_t live_rows = postings_count_bits(live, 0, x->rows);
    if (live_rows == x->rows) live = NULL; /* then no postings need be read */
    if (live) VV_TRY(dead_length(x, &paths, live, &dead, err));
    for (size_t i = 0; i < q->term_count; i++) {
        VV_TRY(time_limit_check(limit, err));
        VV_TRY(term_rows(x, &paths, q->terms[i], live, x->rows - live_rows, &rows, err));
        q->df[i] += rows;
    }
    q->rows += live_rows;
    q->length_total += stored_length(x, &paths) - dead;
    return VARVE_OK;
}
