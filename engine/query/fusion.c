/* fusion.c — see fusion.h. Contributions of all lists are sorted by row and summed in the order of
 * the lists, so that the result does not depend on how they were gathered. */
#include "query/fusion.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

typedef struct contribution {
    row_place place;
    size_t list;
    double score;
} contribution;

typedef struct scale { /* score × factor + offset, or a constant */
    double factor, offset;
} scale;

static double score_at(const fusion_list *l, size_t i) { return -l->rows[i].key; }

/* Scores that are finite lie between these; false: there is none. */
static bool score_range(const fusion_list *l, double *ret_low, double *ret_high)
{
    bool any = false;
    for (size_t i = 0; i < l->count; i++) {
        double score = score_at(l, i);
        if (!isfinite(score)) continue;
        *ret_low = any ? fmin(*ret_low, score) : score;
        *ret_high = any ? fmax(*ret_high, score) : score;
        any = true;
    }
    return any;
}

static scale scale_weighted(const fusion_list *l)
{
    double low = 0, high = 0;
    if (!score_range(l, &low, &high) || !(high > low)) return (scale){0, 1};
    return (scale){1 / (high - low), -low / (high - low)};
}

static scale scale_dbsf(const fusion_list *l)
{
    double low = 0, high = 0, sum = 0, squares = 0, count = 0;
    if (!score_range(l, &low, &high) || !(high > low)) return (scale){0, 0.5};
    for (size_t i = 0; i < l->count; i++) {
        if (!isfinite(score_at(l, i))) continue;
        sum += score_at(l, i);
        count++;
    }
    double mean = sum / count;
    for (size_t i = 0; i < l->count; i++) {
        double away = score_at(l, i) - mean;
        if (isfinite(away)) squares += away * away;
    }
    double deviation = sqrt(squares / (count - 1));
    return (scale){1 / (6 * deviation), (3 * deviation - mean) / (6 * deviation)};
}

static double contribution_of(const fusion_list *l, size_t i, const varve_fusion *fusion, scale s)
{
    bool unsaid = fusion->rrf_k == 0 && !fusion->zero_rrf_k;
    double k = unsaid ? FUSION_RRF_K : fusion->rrf_k, low = 0, high = 0;
    if (fusion->kind == VARVE_FUSION_RRF) return l->weight / (k + (double)(i + 1));
    double score = score_at(l, i);
    if (!isfinite(score)) score = score_range(l, &low, &high) ? (score > 0 ? high : low) : 0;
    return l->weight * (score * s.factor + s.offset);
}

static void add_list(const fusion_list *l, size_t number, const varve_fusion *fusion,
                     contribution *out)
{
    scale s = fusion->kind == VARVE_FUSION_WEIGHTED ? scale_weighted(l) : (scale){0};
    if (fusion->kind == VARVE_FUSION_DBSF) s = scale_dbsf(l);
    for (size_t i = 0; i < l->count; i++)
        out[i] = (contribution){l->rows[i].place, number, contribution_of(l, i, fusion, s)};
}

static int compare_contributions(const void *a, const void *b)
{
    const contribution *x = a, *y = b;
    if (x->place.source != y->place.source) return x->place.source < y->place.source ? -1 : 1;
    if (x->place.slot != y->place.slot) return x->place.slot < y->place.slot ? -1 : 1;
    return (x->list > y->list) - (x->list < y->list);
}

static bool same_row(row_place a, row_place b) { return a.source == b.source && a.slot == b.slot; }

static varve_status sum_rows(const contribution *all, size_t count, best_rows *best,
                             varve_error *err)
{
    for (size_t i = 0, end; i < count; i = end) {
        double sum = 0;
        for (end = i; end < count && same_row(all[end].place, all[i].place); end++)
            sum += all[end].score;
        VV_TRY(best_rows_push(best, -sum, all[i].place, err));
    }
    return best_rows_sort(best, err);
}

varve_status fusion_rows(const view *v, const fusion_list *lists, size_t count,
                         const varve_fusion *fusion, ranked_row **ret_rows, size_t *ret_count,
                         varve_error *err)
{
    size_t total = 0, bytes;
    VV_CLEANUP(best_rows_done) best_rows best = {0};
    for (size_t i = 0; i < count; i++)
        total += lists[i].weight > 0 ? lists[i].count : 0;
    bool fits = size_mul(total + 1, sizeof(contribution), &bytes);
    VV_CLEANUP(vv_freep) contribution *all = fits ? malloc(bytes) : NULL;
    if (!all) return vv_fail(err, VARVE_NO_MEMORY, "no memory to fuse %zu hits", total);
    contribution *at = all;
    for (size_t i = 0; i < count; i++) {
        if (!(lists[i].weight > 0)) continue;
        add_list(&lists[i], i, fusion, at);
        at += lists[i].count;
    }
    qsort(all, total, sizeof *all, compare_contributions);
    best_rows_init(&best, v, VV_MAX(total, (size_t)1));
    VV_TRY(sum_rows(all, total, &best, err));
    *ret_rows = best.rows;
    *ret_count = best.count;
    best.rows = NULL;
    return VARVE_OK;
}
