/* text_score.h — inner to text_*: what a posting adds to its row's score.
 *
 * A score is a sum of integers: the contribution of a term, times `scale`, cut, and one, so that
 * a row with a term is above a row without any. scale is the power of two that lets the sum of all
 * weights stay below 2^61.
 *
 * Ownership  text_scorer_done() frees. Threads  immutable once made. */
#ifndef VARVE_FIELD_TEXT_SCORE_H
#define VARVE_FIELD_TEXT_SCORE_H

#include "field/text_list.h"

typedef struct text_scorer {
    double *weights; /* per term of the query: idf * count * (k1 + 1) * scale */
    double scale;
    double norm, norm_per_token; /* k1 * (1 - b), k1 * b / average length */
} text_scorer;

VV_CHECKED varve_status text_scorer_init(text_scorer *s, const text_query *q, varve_error *err);
void text_scorer_done(text_scorer *s);

/* What n postings of a term add. */
void text_contributions(const text_scorer *s, size_t term, const uint32_t *tfs,
                        const uint32_t *lengths, size_t n, int64_t *ret);
/* No posting under this IMPACT adds more; single: within the paths of a set, not all. */
int64_t text_impact_bound(const text_scorer *s, size_t term, const uint8_t *impact,
                          bool some_paths);
/* The most that any posting of the term adds. */
int64_t text_weight_bound(const text_scorer *s, size_t term);

static inline double text_score_of(const text_scorer *s, int64_t sum)
{
    return (double)sum / s->scale;
}
/* Rows with a lesser sum are certainly not among the best any more. */
int64_t text_threshold(const text_scorer *s, const topk *best);

/* Lengths of rows under the paths. */
typedef struct text_row_lengths {
    text_lengths *parts; /* summed */
    size_t count;
} text_row_lengths;
VV_CHECKED varve_status text_row_lengths_init(text_row_lengths *l, const text_index *x,
                                              const text_paths *paths, varve_error *err);
void text_row_lengths_done(text_row_lengths *l);
void text_row_lengths_get(const text_row_lengths *l, const uint32_t *slots, size_t n,
                          uint32_t *ret);

#endif
