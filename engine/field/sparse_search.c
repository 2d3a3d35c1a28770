/* sparse_search.c — inner products over a stretch, window by window, on quantised values.
 *
 * What is added up are upper bounds: a quantised value's product with the query's, and the error
 * that quantising can have made. Dimensions that together cannot lift a row over the worst of the
 * best hits are not added to all rows of a window, but only to those that are still in, one by one
 * or, where there are many, all at once. Rows whose bound is good enough are scored by their exact
 * vectors, the most promising first. */
#include "field/sparse_inner.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW      4096
#define LOOKUP_COST 6     /* of a row, in postings that are added */
#define KEEP_COST   8     /* of looking at a candidate, in postings that are added */
#define FEW_ROWS    48    /* of a window allowed: looked up one by one */
#define ROUNDING    1e-10 /* part of a product that double precision may lose, generously */

typedef struct term {
    sparse_list list;
    double base, slope; /* upper bound of a product: base + slope * quantised */
    double most;        /* of all its postings, at least 0 */
    double window_most; /* of those in the window, at least 0 */
    uint32_t near;      /* first block that is not wholly before the position */
    uint32_t window_blocks;
} term;

typedef struct candidate {
    double bound;
    uint32_t slot;
} candidate;

typedef struct search {
    const sparse_vector *q;
    const sparse_index *x;
    const sparse_rows *rows;
    const uint64_t *allowed;
    topk *best;
    uint64_t first_slot, work;
    buffer scratch;
    term *terms;  /* ascending by `most` */
    term **order; /* of the window, ascending by window_most */
    double *sums; /* of window_most, up to and with each of the order */
    size_t count;
    uint32_t begin, end; /* of the window */
    double threshold;    /* a bound below this is out; -infinity while there is room */
    bool tracked;        /* whether touched is kept: else rows without a term are out anyway */
    double scores[WINDOW];
    uint64_t touched[WINDOW / 64];
    candidate candidates[WINDOW];
    size_t candidate_count;
} search;

static void search_done(search **at)
{
    search *s = *at;
    free(s->terms);
    free(s->order);
    free(s->sums);
    buffer_done(&s->scratch);
    free(s);
}

/* ---- terms ---------------------------------------------------------------------------------- */

static double bound_of(const term *t, unsigned least, unsigned most)
{
    double bound = t->base + t->slope * (t->slope > 0 ? most : least);
    return bound > 0 ? bound : 0;
}

static void weigh(term *t, double weight)
{
    const sparse_list *l = &t->list;
    double largest = fabs(l->low) + l->step * SPARSE_LEVELS;
    t->slope = weight * l->step;
    t->base = weight * l->low + fabs(weight) * (l->error + ROUNDING * largest);
    t->most = bound_of(t, 0, SPARSE_LEVELS);
}

static int compare_terms(const void *x, const void *y)
{
    const term *a = x, *b = y;
    return (a->most > b->most) - (a->most < b->most);
}

static varve_status open_terms(search *s, varve_error *err)
{
    for (uint32_t i = 0; i < s->q->count; i++) {
        term *t = &s->terms[s->count];
        VV_TRY(sparse_list_open(s->x, s->q->indices[i], &t->list, err));
        if (t->list.rows == 0) continue;
        weigh(t, (double)s->q->values[i]);
        s->count++;
    }
    if (s->count) qsort(s->terms, s->count, sizeof *s->terms, compare_terms);
    for (size_t i = 0; i < s->count; i++)
        s->order[i] = &s->terms[i];
    return VARVE_OK;
}

static uint32_t find_block(const sparse_list *l, uint32_t from, uint32_t slot)
{
    while (from < l->block_count && sparse_list_last(l, from) < slot)
        from++;
    return from;
}

static varve_status read_block(search *s, term *t, uint32_t block, varve_error *err)
{
    if (t->list.block == block) return VARVE_OK;
    VV_TRY(sparse_list_read(&t->list, block, err));
    s->work += t->list.count;
    return VARVE_OK;
}

/* Move to the first posting at or after slot; false: there is none. */
static varve_status seek(search *s, term *t, uint32_t slot, bool *ret, varve_error *err)
{
    sparse_list *l = &t->list;
    uint32_t from = l->block == POSTINGS_NONE || l->block < t->near ? t->near : l->block;
    *ret = false;
    for (uint32_t block = find_block(l, from, slot); block < l->block_count; block++) {
        VV_TRY(read_block(s, t, block, err));
        while (l->at < l->count && l->slots[l->at] < slot)
            l->at++;
        *ret = l->at < l->count;
        if (*ret) break;
    }
    return VARVE_OK;
}

/* No posting at or after slot is before this one; rows: there is none. */
static uint32_t next_possible(const search *s, term *t, uint32_t slot)
{
    t->near = find_block(&t->list, t->near, slot);
    if (t->near == t->list.block_count) return s->x->rows;
    return t->near ? VV_MAX(slot, sparse_list_last(&t->list, t->near - 1) + 1) : slot;
}

/* ---- a window ------------------------------------------------------------------------------- */

static void bound_in_window(const search *s, term *t)
{
    const sparse_list *l = &t->list;
    t->near = find_block(l, t->near, s->begin);
    t->window_blocks = 0;
    t->window_most = 0;
    for (uint32_t b = t->near; b < l->block_count; b++) {
        const uint8_t *entry = l->blocks ? sparse_list_entry(l, b) : NULL;
        double most = entry ? bound_of(t, entry[8], entry[9]) : t->most;
        t->window_most = VV_MAX(t->window_most, most);
        t->window_blocks++;
        if (sparse_list_last(l, b) >= s->end - 1) break;
    }
}

/* Order the terms, sum their bounds; how many of them cannot bring a row in together. */
static size_t split_terms(search *s)
{
    size_t minor = 0;
    double sum = 0;
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
        s->sums[i] = sum * (1 + ROUNDING);
        if (s->sums[i] < s->threshold) minor = i + 1;
    }
    return minor;
}

/* Add the postings of the block that is read, from its `at` on to the end of the window. */
static void add_postings(search *s, const term *t)
{
    const sparse_list *l = &t->list;
    const double base = t->base, slope = t->slope;
    uint32_t end = l->count;
    while (end > l->at && l->slots[end - 1] >= s->end)
        end--;
    for (uint32_t at = l->at; at < end; at++)
        s->scores[l->slots[at] - s->begin] += base + slope * l->quantised[at];
    for (uint32_t at = l->at; s->tracked && at < end; at++) {
        uint32_t row = l->slots[at] - s->begin;
        s->touched[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

static varve_status add_term(search *s, term *t, varve_error *err)
{
    sparse_list *l = &t->list;
    for (uint32_t block = t->near; block < l->block_count; block++) {
        bool last = sparse_list_last(l, block) >= s->end - 1;
        VV_TRY(read_block(s, t, block, err));
        while (l->at < l->count && l->slots[l->at] < s->begin)
            l->at++;
        add_postings(s, t);
        if (last) break;
    }
    return VARVE_OK;
}

static void add_candidate(search *s, uint32_t row)
{
    uint32_t slot = s->begin + row;
    if (s->allowed && !postings_bit(s->allowed, slot)) return;
    s->candidates[s->candidate_count++].slot = slot;
}

/* Rows with a term that may be among the best, if the terms not added yet add `rest`. */
static void collect(search *s, double rest)
{
    s->candidate_count = 0;
    for (uint32_t row = 0; !s->tracked && row < s->end - s->begin; row++)
        if (VV_UNLIKELY(s->scores[row] + rest >= s->threshold)) add_candidate(s, row);
    for (uint32_t word = 0; s->tracked && word < WINDOW / 64; word++)
        for (uint64_t bits = s->touched[word]; bits; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (s->scores[row] + rest >= s->threshold) add_candidate(s, row);
        }
}

/* Keep the candidates that may still be among the best; bare: those without a term too. */
static void keep(search *s, double rest, bool bare)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->candidate_count; i++) {
        uint32_t slot = s->candidates[i].slot, row = slot - s->begin;
        if (s->scores[row] + rest < s->threshold || !(bare || postings_bit(s->touched, row)))
            continue;
        s->candidates[kept++] = (candidate){s->scores[row], slot};
    }
    s->candidate_count = kept;
}

static varve_status look_up(search *s, term *t, varve_error *err)
{
    for (size_t i = 0; i < s->candidate_count; i++) {
        uint32_t slot = s->candidates[i].slot, row = slot - s->begin;
        bool found;
        VV_TRY(seek(s, t, slot, &found, err));
        if (!found) break;
        if (t->list.slots[t->list.at] != slot) continue;
        s->scores[row] += t->base + t->slope * t->list.quantised[t->list.at];
        if (s->tracked) s->touched[row / 64] |= UINT64_C(1) << (row % 64);
    }
    return VARVE_OK;
}

/* Where few rows are allowed, all of them are candidates. */
static bool take_allowed(search *s)
{
    if (!s->allowed || postings_count_bits(s->allowed, s->begin, s->end) > FEW_ROWS) return false;
    uint32_t slot = postings_next_bit(s->allowed, s->begin, s->end);
    for (s->candidate_count = 0; slot < s->end;
         slot = postings_next_bit(s->allowed, slot + 1, s->end))
        s->candidates[s->candidate_count++].slot = slot;
    return true;
}

/* Candidates with the bounds of all their terms. */
static varve_status find_candidates(search *s, size_t minor, varve_error *err)
{
    bool few_rows = take_allowed(s);
    s->tracked = few_rows || s->threshold <= (minor ? s->sums[minor - 1] : 0);
    if (few_rows) {
        minor = s->count;
    } else {
        for (size_t i = s->count; i-- > minor;)
            VV_TRY(add_term(s, s->order[i], err));
        collect(s, minor ? s->sums[minor - 1] : 0);
    }
    for (size_t i = minor, added = 0; i-- > 0 && s->candidate_count > 0;) {
        term *t = s->order[i];
        size_t postings = (size_t)t->window_blocks * POSTINGS_BLOCK;
        bool look = few_rows || s->candidate_count * LOOKUP_COST < postings;
        VV_TRY(look ? look_up(s, t, err) : add_term(s, t, err));
        added += postings;
        if (!look && added < KEEP_COST * s->candidate_count)
            continue; /* looking at all costs more than it saves */
        keep(s, i ? s->sums[i - 1] : 0, true);
        added = 0;
    }
    keep(s, 0, !s->tracked);
    return VARVE_OK;
}

/* A heap with the largest bound at its root, of which few are taken. */
static void sift(candidate *heap, size_t count, size_t at)
{
    candidate moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1].bound > heap[child].bound) child++;
        if (heap[child].bound <= moved.bound) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void update_threshold(search *s)
{
    double worst = -topk_bound(s->best);
    s->threshold = worst - fabs(worst) * ROUNDING; /* -infinity while there is room */
    if (isinf(worst)) s->threshold = -INFINITY;
}

static varve_status score_exactly(search *s, uint32_t slot, varve_error *err)
{
    sparse_vector v;
    varve_text bytes;
    VV_TRY(s->rows->get(s->rows->context, slot, &bytes, err));
    if (!sparse_decode(bytes, &s->scratch, &v))
        return vv_fail(err, VARVE_CORRUPT, "a row's sparse vector is malformed");
    topk_push(s->best, -sparse_dot(s->q, &v), s->first_slot + slot);
    update_threshold(s);
    return VARVE_OK;
}

static varve_status rescore(search *s, varve_error *err)
{
    candidate *heap = s->candidates;
    size_t count = s->candidate_count;
    for (size_t i = count / 2; i-- > 0;)
        sift(heap, count, i);
    while (count > 0 && heap[0].bound >= s->threshold) {
        VV_TRY(score_exactly(s, heap[0].slot, err));
        heap[0] = heap[--count];
        if (count) sift(heap, count, 0);
    }
    return VARVE_OK;
}

static void clear_window(search *s)
{
    if (!s->tracked) {
        memset(s->scores, 0, sizeof s->scores);
        return;
    }
    for (uint32_t word = 0; word < WINDOW / 64; word++) {
        for (uint64_t bits = s->touched[word]; bits; bits &= bits - 1)
            s->scores[word * 64 + (uint32_t)__builtin_ctzll(bits)] = 0;
        s->touched[word] = 0;
    }
}

static varve_status search_window(search *s, varve_error *err)
{
    size_t minor = split_terms(s);
    if (minor == s->count) return VARVE_OK;
    VV_TRY(find_candidates(s, minor, err));
    VV_TRY(rescore(s, err));
    clear_window(s);
    return VARVE_OK;
}

/* ---- all windows ---------------------------------------------------------------------------- */

static uint32_t next_window(const search *s, uint32_t slot)
{
    uint32_t next = s->x->rows;
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->terms[i].most;
        if (sum * (1 + ROUNDING) < s->threshold) continue;
        next = VV_MIN(next, next_possible(s, &s->terms[i], slot));
    }
    return postings_next_bit(s->allowed, next, s->x->rows);
}

static varve_status search_all(search *s, const time_limit *limit, varve_error *err)
{
    uint32_t slot = 0;
    update_threshold(s);
    while ((s->begin = next_window(s, slot)) < s->x->rows) {
        VV_TRY(time_limit_check(limit, err));
        s->end = s->begin + VV_MIN((uint32_t)WINDOW, s->x->rows - s->begin);
        VV_TRY(search_window(s, err));
        slot = s->end;
    }
    return VARVE_OK;
}

varve_status sparse_search(const sparse_vector *q, const sparse_index *x, const sparse_rows *rows,
                           const uint64_t *allowed, uint64_t first_slot, topk *best,
                           const time_limit *limit, uint64_t *work, varve_error *err)
{
    if (q->count == 0 || x->rows == 0) return VARVE_OK;
    VV_CLEANUP(search_done) search *s = calloc(1, sizeof *s);
    if (!s) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse search");
    s->q = q;
    s->x = x;
    s->rows = rows;
    s->allowed = allowed;
    s->best = best;
    s->first_slot = first_slot;
    buffer_init(&s->scratch, 8 * (size_t)SPARSE_NONZERO_MAX, "sparse vector");
    s->terms = calloc(q->count, sizeof *s->terms);
    s->order = calloc(q->count, sizeof *s->order);
    s->sums = calloc(q->count, sizeof *s->sums);
    if (!s->terms || !s->order || !s->sums)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse search");
    VV_TRY(open_terms(s, err));
    varve_status status = search_all(s, limit, err);
    if (work) *work += s->work;
    return status;
}
