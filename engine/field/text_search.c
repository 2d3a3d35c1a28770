/* text_search.c — BM25 over a stretch, window by window (MaxScore: Turtle & Flood 1995, with a
 * bound per block of postings).
 *
 * Terms are in the order of what they can add. Those that together stay below the worst of the best
 * hits so far cannot bring a row in by themselves: they are not essential. In each window of rows
 * the bounds are those of the blocks in it; the postings of essential terms are added into an
 * accumulator per row, and the others are looked up for rows that may still get in. Where the
 * filter leaves a few rows of a window only, nothing is accumulated: all terms are looked up. */
#include "field/text_score.h"

#include <stdlib.h>

#define WINDOW   4096
#define FEW_ROWS 48 /* of a window allowed: looked up one by one */

typedef struct term {
    text_list list;
    size_t number;       /* in the query */
    int64_t most;        /* of all its postings */
    int64_t window_most; /* of those in the window */
    uint32_t near;       /* first block that is not wholly before the position */
} term;

typedef struct search {
    const text_query *q;
    const text_index *x;
    const uint64_t *allowed;
    topk *best;
    uint64_t first_slot, work;
    text_paths paths;
    text_scorer scorer;
    text_row_lengths lengths;
    term *terms;   /* ascending by `most` */
    term **order;  /* of the window, ascending by window_most */
    int64_t *sums; /* of window_most, up to and with each of the order */
    size_t count;
    uint32_t begin, end; /* of the window */
    int64_t threshold;
    int64_t scores[WINDOW];
    uint64_t touched[WINDOW / 64];
} search;

static void search_done(search **at)
{
    search *s = *at;
    text_scorer_done(&s->scorer);
    text_row_lengths_done(&s->lengths);
    free(s->terms);
    free(s->order);
    free(s->sums);
    free(s);
}

/* ---- terms ---------------------------------------------------------------------------------- */

static varve_status read_block(search *s, term *t, uint32_t block, varve_error *err)
{
    VV_TRY(text_list_read(&t->list, block, err));
    s->work += t->list.count;
    return VARVE_OK;
}

static void contributions(const search *s, const term *t, uint32_t at, size_t n, int64_t *ret)
{
    uint32_t lengths[POSTINGS_BLOCK];
    text_row_lengths_get(&s->lengths, t->list.slots + at, n, lengths);
    text_contributions(&s->scorer, t->number, t->list.tfs + at, lengths, n, ret);
}

/* A list of one block has no bound written: it is read at once. */
static varve_status bound_term(search *s, term *t, varve_error *err)
{
    int64_t parts[POSTINGS_BLOCK];
    if (t->list.blocks) {
        t->most = text_impact_bound(&s->scorer, t->number, t->list.blocks - TEXT_IMPACT_BYTES,
                                    !s->paths.all);
        return VARVE_OK;
    }
    VV_TRY(read_block(s, t, 0, err));
    contributions(s, t, 0, t->list.count, parts);
    for (uint32_t i = 0; i < t->list.count; i++)
        t->most = VV_MAX(t->most, parts[i]);
    return VARVE_OK;
}

static int compare_terms(const void *x, const void *y)
{
    const term *a = x, *b = y;
    return (a->most > b->most) - (a->most < b->most);
}

static varve_status open_terms(search *s, varve_error *err)
{
    text_entry entry;
    uint32_t df;
    for (size_t i = 0; i < s->q->term_count; i++) {
        VV_TRY(text_index_find(s->x, s->q->terms[i], &entry, err));
        if (entry.rows == 0) continue;
        term *t = &s->terms[s->count];
        t->number = i;
        VV_TRY(text_list_open(s->x, &entry, &s->paths, &t->list, err));
        if (text_list_df(&t->list, &df) && df == 0) continue; /* in other fields alone */
        VV_TRY(bound_term(s, t, err));
        if (t->list.blocks || t->list.count) s->count++;
    }
    qsort(s->terms, s->count, sizeof *s->terms, compare_terms);
    for (size_t i = 0; i < s->count; i++)
        s->order[i] = &s->terms[i];
    return VARVE_OK;
}

/* Move to the first posting at or after slot; false: there is none. */
static varve_status seek(search *s, term *t, uint32_t slot, bool *ret, varve_error *err)
{
    text_list *l = &t->list;
    uint32_t block = l->block;
    *ret = true;
    if (block == POSTINGS_NONE || text_list_last(l, block) < slot)
        block = text_list_block(l, t->near, slot);
    for (; block < l->block_count; block++) {
        if (l->block != block) VV_TRY(read_block(s, t, block, err));
        while (l->at < l->count && l->slots[l->at] < slot)
            l->at++;
        if (l->at < l->count) return VARVE_OK;
    }
    *ret = false;
    return VARVE_OK;
}

/* No posting at or after slot is before this one; rows: there is none. */
static uint32_t next_possible(const search *s, term *t, uint32_t slot)
{
    const text_list *l = &t->list;
    t->near = text_list_block(l, t->near, slot);
    if (t->near >= l->block_count) return s->x->rows;
    if (l->block == t->near) {
        uint32_t at = l->at;
        while (at < l->count && l->slots[at] < slot)
            at++;
        if (at < l->count) return l->slots[at];
        if (t->near + 1 == l->block_count) return s->x->rows;
        return VV_MAX(slot, text_list_last(l, t->near)); /* a bound will do */
    }
    return t->near ? VV_MAX(slot, text_list_last(l, t->near - 1) + 1) : slot;
}

/* ---- a window ------------------------------------------------------------------------------- */

static void bound_in_window(search *s, term *t)
{
    const text_list *l = &t->list;
    t->near = text_list_block(l, t->near, s->begin);
    t->window_most = t->near < l->block_count && !l->blocks ? t->most : 0;
    for (uint32_t b = t->near; l->blocks && b < l->block_count; b++) {
        int64_t most =
            text_impact_bound(&s->scorer, t->number, text_list_impact(l, b), !s->paths.all);
        t->window_most = VV_MAX(t->window_most, most);
        if (text_list_last(l, b) >= s->end - 1) break;
    }
}

/* Order the terms, sum their bounds; how many of them are not essential. */
static size_t split_terms(search *s)
{
    size_t minor = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        term *t = s->order[i];
        size_t at = i;
        bound_in_window(s, t);
        for (; at > 0 && s->order[at - 1]->window_most > t->window_most; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = t;
    }
    for (size_t i = 0; i < s->count; i++) {
        sum += s->order[i]->window_most;
        s->sums[i] = sum;
        if (sum < s->threshold) minor = i + 1;
    }
    return minor;
}

/* Add postings [from, to) of the block that is read. */
static void add_postings(search *s, const term *t, uint32_t from, uint32_t to)
{
    int64_t parts[POSTINGS_BLOCK];
    contributions(s, t, from, to - from, parts);
    for (uint32_t i = from; i < to; i++) {
        uint32_t row = t->list.slots[i] - s->begin;
        s->scores[row] += parts[i - from];
        s->touched[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

/* Add what a term has in the window, but for blocks whose rows certainly stay out: `others` is the
 * most that the other terms add. */
static varve_status add_term(search *s, term *t, int64_t others, varve_error *err)
{
    text_list *l = &t->list;
    for (uint32_t block = t->near; block < l->block_count; block++) {
        bool last = text_list_last(l, block) >= s->end - 1;
        if (!l->blocks || s->threshold == 0 ||
            text_impact_bound(&s->scorer, t->number, text_list_impact(l, block), !s->paths.all) +
                    others >=
                s->threshold) {
            if (l->block != block) VV_TRY(read_block(s, t, block, err));
            while (l->at < l->count && l->slots[l->at] < s->begin)
                l->at++;
            uint32_t to = l->at;
            while (to < l->count && l->slots[to] < s->end)
                to++;
            if (to > l->at) add_postings(s, t, l->at, to);
            l->at = to;
        }
        if (last) break;
    }
    return VARVE_OK;
}

/* The terms before `minor` are looked up, the one that adds most first, as long as the row may get
 * in; then it is pushed. */
static varve_status finish_row(search *s, uint32_t slot, int64_t score, size_t minor,
                               varve_error *err)
{
    while (minor > 0) {
        term *t = s->order[--minor];
        int64_t part;
        bool found;
        if (score + s->sums[minor] < s->threshold) return VARVE_OK;
        VV_TRY(seek(s, t, slot, &found, err));
        if (!found || t->list.slots[t->list.at] != slot) continue;
        contributions(s, t, t->list.at, 1, &part);
        score += part;
    }
    if (score == 0 || score < s->threshold) return VARVE_OK;
    topk_push(s->best, -text_score_of(&s->scorer, score), s->first_slot + slot);
    s->threshold = text_threshold(&s->scorer, s->best);
    return VARVE_OK;
}

static varve_status scan_touched(search *s, size_t minor, varve_error *err)
{
    for (size_t word = 0; word < WINDOW / 64; word++) {
        uint64_t bits = s->touched[word];
        s->touched[word] = 0;
        for (; bits; bits &= bits - 1) {
            uint32_t row = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
            int64_t score = s->scores[row];
            s->scores[row] = 0;
            if (s->allowed && !postings_bit(s->allowed, s->begin + row)) continue;
            if (score + (minor ? s->sums[minor - 1] : 0) < s->threshold) continue;
            VV_TRY(finish_row(s, s->begin + row, score, minor, err));
        }
    }
    return VARVE_OK;
}

static varve_status scan_allowed(search *s, varve_error *err)
{
    uint32_t slot = postings_next_bit(s->allowed, s->begin, s->end);
    for (; slot < s->end; slot = postings_next_bit(s->allowed, slot + 1, s->end))
        VV_TRY(finish_row(s, slot, 0, s->count, err));
    return VARVE_OK;
}

static varve_status search_window(search *s, varve_error *err)
{
    size_t minor = split_terms(s);
    if (minor == s->count) return VARVE_OK;
    if (s->allowed && postings_count_bits(s->allowed, s->begin, s->end) <= FEW_ROWS)
        return scan_allowed(s, err);
    for (size_t i = s->count; i-- > minor;)
        VV_TRY(add_term(s, s->order[i], s->sums[s->count - 1] - s->order[i]->window_most, err));
    return scan_touched(s, minor, err);
}

/* ---- all windows ---------------------------------------------------------------------------- */

/* The first row from slot on that an essential term may have; rows: none. */
static uint32_t next_window(search *s, uint32_t slot)
{
    uint32_t next = s->x->rows;
    int64_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->terms[i].most;
        if (sum < s->threshold) continue;
        next = VV_MIN(next, next_possible(s, &s->terms[i], slot));
    }
    return postings_next_bit(s->allowed, next, s->x->rows);
}

static varve_status search_all(search *s, const time_limit *limit, varve_error *err)
{
    uint32_t slot = 0;
    s->threshold = text_threshold(&s->scorer, s->best);
    while ((s->begin = next_window(s, slot)) < s->x->rows) {
        VV_TRY(time_limit_check(limit, err));
        s->end = s->begin + VV_MIN((uint32_t)WINDOW, s->x->rows - s->begin);
        VV_TRY(search_window(s, err));
        slot = s->end;
    }
    return VARVE_OK;
}

varve_status text_search(const text_query *q, const text_index *x, const uint64_t *allowed,
                         uint64_t first_slot, topk *best, const time_limit *limit, uint64_t *work,
                         varve_error *err)
{
    if (q->term_count == 0 || x->rows == 0) return VARVE_OK;
    VV_CLEANUP(search_done) search *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text search");
    s->q = q;
    s->x = x;
    s->allowed = allowed;
    s->first_slot = first_slot;
    s->best = best;
    s->terms = calloc(q->term_count, sizeof *s->terms);
    s->order = calloc(q->term_count, sizeof *s->order);
    s->sums = calloc(q->term_count, sizeof *s->sums);
    if (!s->terms || !s->order || !s->sums)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text search");
    text_paths_find(x, q->paths, q->path_count, &s->paths);
    if (!s->paths.all && s->paths.count == 0) return VARVE_OK;
    VV_TRY(text_scorer_init(&s->scorer, q, err));
    VV_TRY(text_row_lengths_init(&s->lengths, x, &s->paths, err));
    VV_TRY(open_terms(s, err));
    varve_status status = search_all(s, limit, err);
    if (work) *work += s->work;
    return status;
}
