/* collector.c — from scan scores to the few rows that could be hits; see collector.h. */
#include "query/collector.h"

#include "base/bytes.h"
#include "base/topk.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define WORD_ROWS 64
#define SLACK     256 /* candidates beside the ones to keep, so that cutting is rare */

void collector_init(collector *c, const collector_query *query)
{
    *c = (collector){.query = query, .bound = query->worst};
}

void collector_done(collector *c)
{
    free(c->candidates);
    free(c->best);
}

static size_t candidates_max(size_t keep)
{
    return keep < (SIZE_MAX - SLACK) / 2 ? 2 * keep + SLACK : SIZE_MAX;
}

size_t collector_bytes_max(size_t keep)
{
    size_t candidates = candidates_max(keep), bytes, best;
    if (!size_mul(candidates, sizeof(candidate), &bytes) ||
        !size_mul(candidates, 2 * sizeof(ranked_row), &best) || !size_add(bytes, best, &bytes))
        return SIZE_MAX;
    return bytes;
}

/* ---- cutting ------------------------------------------------------------------------------- */

/* The keep-th smallest upper end of what is known, if that lowers the bound. */
static varve_status lower_bound(collector *c, varve_error *err)
{
    size_t keep = c->query->keep;
    if (c->candidate_count + c->best_count < keep) return VARVE_OK;
    VV_CLEANUP(vv_freep) topk_entry *entries = malloc(keep * sizeof *entries);
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", keep);
    topk t;
    topk_init(&t, entries, keep);
    for (size_t i = 0; i < c->best_count; i++)
        topk_push(&t, c->best[i].key, 0);
    for (size_t i = 0; i < c->candidate_count; i++)
        topk_push(&t, c->candidates[i].high, 0);
    c->bound = fmin(c->bound, topk_bound(&t));
    return VARVE_OK;
}

static varve_status cut(collector *c, varve_error *err)
{
    size_t count = 0;
    VV_TRY(lower_bound(c, err));
    for (size_t i = 0; i < c->candidate_count; i++) {
        if (c->candidates[i].low <= c->bound) c->candidates[count++] = c->candidates[i];
    }
    c->candidate_count = count;
    return VARVE_OK;
}

varve_status collector_settle(collector *c, varve_error *err)
{
    VV_TRY(cut(c, err));
    VV_TRY(rescore_candidates(c, err));
    VV_TRY(rank_best(c, err));
    c->candidate_count = 0;
    if (c->best_count == c->query->keep) c->bound = fmin(c->bound, c->best[c->best_count - 1].key);
    return VARVE_OK;
}

varve_status collector_merge(collector *c, const collector *from, varve_error *err)
{
    size_t count = c->best_count + from->best_count;
    if (from->best_count == 0) return VARVE_OK;
    ranked_row *all = realloc(c->best, count * sizeof *all);
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", count);
    memcpy(all + c->best_count, from->best, from->best_count * sizeof *all);
    c->best = all;
    c->best_count = c->best_room = count;
    return rank_best(c, err);
}

/* ---- offering ------------------------------------------------------------------------------ */

/* The scan score beyond which a row is certainly above the bound. */
static float cutoff_key(const collector *c, double norm_max)
{
    const distance_query *q = c->query->prepared;
    double bound = c->bound, slack;
    if (!(fabs(bound) < (double)FLT_MAX)) return INFINITY;
    slack = 2 * distance_scan_error(q, (float)bound, norm_max);
    for (int tries = 0; tries < 16; tries++, slack *= 2) {
        float key = nextafterf((float)(bound + slack), INFINITY);
        if ((double)key - distance_scan_error(q, key, norm_max) > bound) return key;
    }
    return INFINITY;
}

/* Does any of 64 scores pass? Written so that compilers turn it into vector compares. A score that
 * overflowed, infinitely bad as it looks, passes too: nothing is known of the exact one. */
static bool any_pass(const float *scores, float cutoff, bool larger)
{
    unsigned any = 0;
    if (larger) {
        for (size_t i = 0; i < WORD_ROWS; i++)
            any |= (unsigned)(scores[i] >= -cutoff) | (unsigned)(scores[i] == -INFINITY);
    } else {
        for (size_t i = 0; i < WORD_ROWS; i++)
            any |= (unsigned)(scores[i] <= cutoff) | (unsigned)(scores[i] == INFINITY);
    }
    return any;
}

static varve_status add(collector *c, row_place place, double low, double high, varve_error *err)
{
    size_t most = candidates_max(c->query->keep);
    if (c->candidate_count == c->candidate_room && c->candidate_room < most) {
        size_t room = VV_MIN(most, VV_MAX((size_t)256, 2 * c->candidate_room));
        candidate *larger = realloc(c->candidates, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu candidates", room);
        c->candidates = larger;
        c->candidate_room = room;
    }
    c->candidates[c->candidate_count++] = (candidate){low, high, place};
    if (c->candidate_count < most) return VARVE_OK;
    VV_TRY(cut(c, err));
    return c->candidate_count > most - most / 4 ? collector_settle(c, err) : VARVE_OK;
}

/* The bounds of a score's exact key; false: it cannot be a hit. */
static bool key_bounds(const collector *c, float score, double norm_max, double *ret_low,
                       double *ret_high)
{
    double key = key_of(c->query->metric, (double)score);
    double error = distance_scan_error(c->query->prepared, score, norm_max);
    *ret_low = isinf(error) ? -INFINITY : key - error;
    *ret_high = isinf(error) ? INFINITY : key + error;
    return *ret_low <= c->bound;
}

/* Rows [first, first + n) of one word of 64 slots. */
static varve_status offer_word(collector *c, const scored_rows *rows, size_t first, size_t n,
                               uint64_t visible, float *cutoff, varve_error *err)
{
    double norm_max = source_norm_max(&c->query->v->sources[rows->source]), low, high;
    const float *scores = rows->scores + first;
    for (; visible; visible &= visible - 1) {
        size_t i = (size_t)__builtin_ctzll(visible);
        if (i >= n) break;
        float key = (float)key_of(c->query->metric, (double)scores[i]), cutoff_now = *cutoff;
        if (key > cutoff_now && key < INFINITY) continue;
        if (!key_bounds(c, scores[i], norm_max, &low, &high)) continue;
        double before = c->bound;
        VV_TRY(add(c, (row_place){rows->source, rows->first + first + i}, low, high, err));
        if (c->bound < before) *cutoff = cutoff_key(c, norm_max);
    }
    return VARVE_OK;
}

varve_status collector_offer(collector *c, const scored_rows *rows, varve_error *err)
{
    const row_source *source = &c->query->v->sources[rows->source];
    bool larger = varve_metric_larger_is_better(c->query->metric);
    float cutoff = cutoff_key(c, source_norm_max(source));
    size_t n;
    for (size_t first = 0; first < rows->count; first += n) {
        uint64_t slot = rows->first + first, in_word = slot % WORD_ROWS, visible = UINT64_MAX;
        n = VV_MIN((size_t)(WORD_ROWS - in_word), rows->count - first);
        if (n == WORD_ROWS && !any_pass(rows->scores + first, cutoff, larger)) continue;
        if (source->hidden) visible = ~tombstones_word(source->hidden, slot - in_word) >> in_word;
        VV_TRY(offer_word(c, rows, first, n, visible, &cutoff, err));
    }
    return VARVE_OK;
}

varve_status collector_offer_slots(collector *c, const scored_slots *rows, varve_error *err)
{
    double norm_max = source_norm_max(&c->query->v->sources[rows->source]), low, high;
    float cutoff = cutoff_key(c, norm_max);
    for (size_t i = 0; i < rows->count; i++) {
        float key = (float)key_of(c->query->metric, (double)rows->scores[i]);
        if (key > cutoff && key < INFINITY) continue;
        if (!key_bounds(c, rows->scores[i], norm_max, &low, &high)) continue;
        VV_TRY(add(c, (row_place){rows->source, rows->slots[i]}, low, high, err));
    }
    return VARVE_OK;
}
