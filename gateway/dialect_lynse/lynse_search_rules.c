/* lynse_search_rules.c — what the search routes share: refusals, rounding, size of the answer. */
#include "lynse_search.h"

#include "base/bytes.h"

#include <math.h>
#include <string.h>
#include <strings.h>

varve_status lynse_refuse_filter(bool given, varve_error *err)
{
    if (!given) return VARVE_OK;
    return vv_fail(err, VARVE_UNSUPPORTED, "where: filters are not available yet");
}

varve_status lynse_check_field(const char *vector_field, varve_error *err)
{
    if (!vector_field || strcmp(vector_field, "default") == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' does not exist",
                   vector_field);
}

static bool rounds(varve_metric metric)
{
    switch (metric) {
    case VARVE_METRIC_IP:
    case VARVE_METRIC_L2:
    case VARVE_METRIC_COSINE:
    case VARVE_METRIC_L1:
    case VARVE_METRIC_CHEBYSHEV:
    case VARVE_METRIC_CANBERRA:
    case VARVE_METRIC_BRAY_CURTIS: return true;
    default: return false;
    }
}

/* Flat, and not by codes whose scores LynseDB shows as they are. */
static bool is_plain_flat(const char *index_mode)
{
    static const char *const codes[] = {"-PQ", "-RABITQ", "-POLARVEC"};
    if (!*index_mode) return true;
    if (strncasecmp(index_mode, "FLAT", 4) != 0) return false;
    for (size_t i = 0; i < VV_COUNT(codes); i++)
        if (strcasestr(index_mode, codes[i])) return false;
    return true;
}

varve_status lynse_scores_choose(lynse_call *c, bool approx, double eps, lynse_scores *ret,
                                 varve_error *err)
{
    varve_collection_stats stats;
    *ret = (lynse_scores){0};
    if (!approx) return VARVE_OK;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    if (!is_plain_flat(stats.index_mode) || !rounds(stats.metric)) return VARVE_OK;
    if (!isfinite(eps) || eps <= 0) eps = LYNSE_EPS_DEFAULT;
    ret->step = fmax(eps, 1e-8);
    return VARVE_OK;
}

float lynse_score(const lynse_scores *s, float score)
{
    if (s->step == 0 || !isfinite(score)) return score;
    return (float)(round((double)score / s->step) * s->step);
}

/* Many queries with many hits each: count what they take at the least before it is taken. */
static varve_status check_answer(lynse_call *c, const varve_search_request *request,
                                 varve_error *err)
{
    enum { HIT_BYTES = 4, UNSUSPICIOUS = 1 << 20 };
    varve_collection_stats stats;
    size_t hits, bytes, max = c->reply->body.max_bytes;
    if (size_mul(request->count, request->k, &hits) && hits <= UNSUSPICIOUS) return VARVE_OK;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    size_t k = VV_MIN(request->k, stats.rows_live);
    if (size_mul(request->count, k * HIT_BYTES, &bytes) && (max == 0 || bytes <= max))
        return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "Invalid argument: the hits of %zu queries do not fit one answer of %zu bytes; "
                   "ask for fewer at a time",
                   request->count, max);
}

varve_status lynse_search_run(lynse_call *c, const varve_search_request *request, varve_hits **ret,
                              varve_error *err)
{
    VV_TRY(check_answer(c, request, err));
    return lynse_of_rows(c, varve_search(c->collection, request, ret, err), err);
}
