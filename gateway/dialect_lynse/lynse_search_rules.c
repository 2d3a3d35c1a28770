/* lynse_search_rules.c — what the search routes share: fields, rounding, size of the answer. */
#include "lynse_search.h"

#include "lynse_hits.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <math.h>
#include <string.h>
#include <strings.h>

bool lynse_field_is_primary(const char *name) { return !name || strcmp(name, "default") == 0; }

varve_status lynse_field_look(lynse_call *c, const char *name, bool *ret_found,
                              varve_field_info *ret, varve_error *err)
{
    varve_status status = varve_field_find(c->collection, name, ret, err);
    *ret_found = status == VARVE_OK;
    return status == VARVE_NOT_FOUND ? VARVE_OK : lynse_of_engine(status, err);
}

varve_status lynse_field_find(lynse_call *c, const char *name, varve_field_info *ret,
                              varve_error *err)
{
    bool found;
    VV_TRY(lynse_field_look(c, name, &found, ret, err));
    if (found) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' does not exist", name);
}

varve_status lynse_field_find_named(lynse_call *c, const char *name, varve_field_info *ret,
                                    varve_error *err)
{
    if (!lynse_field_is_primary(name)) return lynse_field_find(c, name, ret, err);
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: 'default' is the primary vector, which comes and goes with "
                   "its row");
}

varve_status lynse_field_check_dense(const varve_field_info *info, varve_error *err)
{
    if (info->kind == VARVE_FIELD_DENSE) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: vector field '%s' is %s", info->name,
                   info->kind == VARVE_FIELD_SPARSE ? "sparse: ask /sparse_search"
                                                    : "of several vectors per row: ask /search");
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

varve_status lynse_scores_choose(lynse_call *c, const char *field, bool filtered, bool approx,
                                 double eps, lynse_scores *ret, varve_error *err)
{
    varve_field_info info;
    *ret = (lynse_scores){0};
    if (!approx || (filtered && lynse_field_is_primary(field))) return VARVE_OK;
    VV_TRY(lynse_field_find(c, field, &info, err));
    if (info.kind != VARVE_FIELD_DENSE || !is_plain_flat(info.index_mode) || !rounds(info.metric))
        return VARVE_OK;
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

static varve_status check_field(lynse_call *c, const char *name, varve_error *err)
{
    varve_field_info info;
    if (lynse_field_is_primary(name)) return VARVE_OK;
    VV_TRY(lynse_field_find(c, name, &info, err));
    return lynse_field_check_dense(&info, err);
}

varve_status lynse_search_run(lynse_call *c, search_kind kind, const varve_search_request *request,
                              varve_hits **ret, varve_error *err)
{
    uint64_t since;
    VV_TRY(check_field(c, request->vector_field, err));
    VV_TRY(check_answer(c, request, err));
    since = clock_now_ns();
    VV_TRY(lynse_of_rows(c, varve_search(c->collection, request, ret, err), err));
    gateway_count_search(c->gateway, kind, request->filter != NULL, clock_now_ns() - since);
    if (request->filter) lynse_note_unindexed(c, *ret);
    return VARVE_OK;
}

static search_kind kind_of(const varve_query_request *request)
{
    if (request->leg_count != 1) return SEARCH_HYBRID;
    switch (request->legs[0].kind) {
    case VARVE_LEG_VECTOR: return SEARCH_VECTOR;
    case VARVE_LEG_SPARSE: return SEARCH_SPARSE;
    case VARVE_LEG_TEXT: return SEARCH_TEXT;
    default: return SEARCH_HYBRID;
    }
}

static bool is_filtered(const varve_query_request *request)
{
    bool filtered = request->filter != NULL;
    for (size_t i = 0; i < request->leg_count; i++)
        filtered |= request->legs[i].filter != NULL;
    return filtered;
}

varve_status lynse_query_run(lynse_call *c, const varve_query_request *request, varve_hits **ret,
                             varve_error *err)
{
    uint64_t since = clock_now_ns();
    VV_TRY(lynse_of_rows(c, varve_query(c->collection, request, ret, err), err));
    uint64_t elapsed_ns = clock_now_ns() - since;
    gateway_count_search(c->gateway, kind_of(request), is_filtered(request), elapsed_ns);
    lynse_note_unindexed(c, *ret);
    return VARVE_OK;
}
