/* text_score.c — see text_score.h. */
#include "field/text_score.h"

#include <math.h>
#include <stdlib.h>

#define SUM_BITS   61
#define SLACK_BITS 48 /* a bound is larger by this part: divisions round */

static double idf(const text_query *q, size_t term)
{
    double rows = (double)q->rows, df = (double)VV_MIN(q->df[term], q->rows);
    return log1p((rows - df + 0.5) / (df + 0.5));
}

varve_status text_scorer_init(text_scorer *s, const text_query *q, varve_error *err)
{
    double total = 0, average = q->rows ? q->length_total / (double)q->rows : 0;
    int exponent;
    if (!(q->k1 >= 0) || q->k1 > 1e9 || !(q->b >= 0 && q->b <= 1))
        return vv_fail(err, VARVE_INVALID, "k1 must be 0 or more, b from 0 to 1");
    if (!(average > 0)) average = 1;
    double *weights = calloc(q->term_count + 1, sizeof *weights);
    if (!weights) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text query");
    for (size_t i = 0; i < q->term_count; i++) {
        weights[i] = idf(q, i) * q->counts[i] * (q->k1 + 1);
        total += weights[i];
    }
    (void)frexp(total, &exponent);
    double scale = ldexp(1, SUM_BITS - exponent);
    for (size_t i = 0; i < q->term_count; i++)
        weights[i] *= scale;
    *s = (text_scorer){weights, scale, q->k1 * (1 - q->b), q->k1 * q->b / average};
    return VARVE_OK;
}

void text_scorer_done(text_scorer *s)
{
    free(s->weights);
    s->weights = NULL;
}

void text_contributions(const text_scorer *s, size_t term, const uint32_t *tfs,
                        const uint32_t *lengths, size_t n, int64_t *ret)
{
    const double weight = s->weights[term], norm = s->norm, per_token = s->norm_per_token;
    for (size_t i = 0; i < n; i++) {
        double tf = tfs[i], length = lengths[i];
        ret[i] = (int64_t)(weight * (tf / (tf + (norm + per_token * length)))) + 1;
    }
}

static int64_t with_slack(double bound) { return (int64_t)(bound + ldexp(bound, -SLACK_BITS)) + 2; }

int64_t text_weight_bound(const text_scorer *s, size_t term)
{
    return with_slack(s->weights[term]);
}

int64_t text_impact_bound(const text_scorer *s, size_t term, const uint8_t *impact, bool some_paths)
{
    double best = 0;
    const uint8_t *end = impact + TEXT_IMPACT_PAIRS * TEXT_IMPACT_PAIR_BYTES;
    if (some_paths) impact = end;
    do {
        double tf = impact[0], length = get_u16(impact + 1);
        if (impact[0] == TEXT_IMPACT_TF_ANY) return text_weight_bound(s, term);
        double part = tf / (tf + (s->norm + s->norm_per_token * length));
        best = part > best ? part : best;
        impact += TEXT_IMPACT_PAIR_BYTES;
    } while (impact < end && get_u16(impact + 1) != get_u16(impact - 2));
    return with_slack(s->weights[term] * best);
}

int64_t text_threshold(const text_scorer *s, const topk *best)
{
    double key = topk_bound(best);
    if (!(key < 0)) return key == 0 ? 1 : 0;
    double sum = -key * s->scale;
    if (!(sum < ldexp(1, SUM_BITS + 1))) return INT64_MAX;
    return (int64_t)(sum - ldexp(sum, -SLACK_BITS));
}

/* ---- lengths -------------------------------------------------------------------------------- */

varve_status text_row_lengths_init(text_row_lengths *l, const text_index *x,
                                   const text_paths *paths, varve_error *err)
{
    size_t count = paths->all ? 1 : paths->count;
    text_row_lengths made = {calloc(count + 1, sizeof *made.parts), 0};
    varve_status status = VARVE_OK;
    if (!made.parts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a text query");
    if (paths->all) status = text_index_lengths(x, POSTINGS_NONE, &made.parts[made.count++], err);
    for (uint32_t i = 0; !paths->all && i < x->path_count && status == VARVE_OK; i++)
        if (postings_bit(paths->bits, i))
            status = text_index_lengths(x, i, &made.parts[made.count++], err);
    if (status != VARVE_OK)
        free(made.parts);
    else
        *l = made;
    return status;
}

void text_row_lengths_done(text_row_lengths *l)
{
    free(l->parts);
    l->parts = NULL;
}

void text_row_lengths_get(const text_row_lengths *l, const uint32_t *slots, size_t n, uint32_t *ret)
{
    const text_lengths *first = &l->parts[0];
    if (l->count == 1 && !first->slots && first->width == 1) { /* the most common by far */
        for (size_t i = 0; i < n; i++)
            ret[i] = first->lengths[slots[i]];
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ret[i] = 0;
        for (size_t part = 0; part < l->count; part++)
            ret[i] += text_length_get(&l->parts[part], slots[i]);
    }
}
