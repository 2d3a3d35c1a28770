/* leg_check.c — a tree of legs, checked before anything is done: what is missing, what is out of
 * range, how much of it there is. Errors name the leg: "legs[1].prefetch[0].limit …". */
#include "base/bytes.h"
#include "query/groups.h"

#include <math.h>
#include <stdio.h>

#define NAME_MAX_BYTES 256

typedef struct checking {
    const varve_options *limits;
    size_t count, depth;
} checking;

static varve_status check_count(const checking *c, size_t count, const char *name, const char *what,
                                varve_error *err)
{
    uint64_t top = c->limits->max_top_k;
    if (top && count > top)
        return vv_fail(err, VARVE_LIMIT, "%s.%s %zu exceeds limit max_top_k %llu", name, what,
                       count, (unsigned long long)top);
    return VARVE_OK;
}

static varve_status check_vectors(const checking *c, const varve_leg *leg, const char *name,
                                  varve_error *err)
{
    varve_search_request r = {.vectors = leg->vectors,
                              .vectors_type = leg->vectors_type,
                              .count = leg->by_id ? 0 : VV_MAX(leg->vector_count, (size_t)1),
                              .dim = leg->dim,
                              .k = 1,
                              .metric_given = leg->metric_given,
                              .metric = leg->metric,
                              .recall_target = leg->recall_target};
    varve_status status = query_check(&r, c->limits, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "%s", name);
        return status;
    }
    if (!leg->by_id && leg->dim == 0)
        return vv_fail(err, VARVE_INVALID, "%s.vectors: missing", name);
    if (!(leg->mmr_diversity >= 0 && leg->mmr_diversity <= 1))
        return vv_fail(err, VARVE_INVALID, "%s.mmr_diversity must be from 0 to 1", name);
    return check_count(c, leg->mmr_candidates, name, "mmr_candidates", err);
}

static varve_status check_text(const varve_leg *leg, const char *name, varve_error *err)
{
    if (leg->path_count > LEG_PATHS_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s.paths %zu exceeds the limit of %d", name,
                       leg->path_count, LEG_PATHS_MAX);
    if (leg->text.len > LEG_TEXT_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s.text %zu exceeds the limit of %d bytes", name,
                       leg->text.len, LEG_TEXT_MAX);
    if (!leg->text.data) return vv_fail(err, VARVE_INVALID, "%s.text: missing", name);
    if (!(leg->k1 >= 0 && isfinite(leg->k1)))
        return vv_fail(err, VARVE_INVALID, "%s.k1 must be 0 or more", name);
    if (leg->b_given && !(leg->b >= 0 && leg->b <= 1))
        return vv_fail(err, VARVE_INVALID, "%s.b must be from 0 to 1", name);
    return VARVE_OK;
}

static varve_status check_sparse(const varve_leg *leg, const char *name, varve_error *err)
{
    if (leg->nonzero > SPARSE_NONZERO_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s.indices %zu exceeds the limit of %d", name,
                       leg->nonzero, SPARSE_NONZERO_MAX);
    if (leg->nonzero > 0 && (!leg->indices || !leg->values))
        return vv_fail(err, VARVE_INVALID, "%s.indices, values: missing", name);
    return VARVE_OK;
}

static varve_status check_example(const varve_leg *leg, const varve_example *x, const char *name,
                                  varve_error *err)
{
    if (x->by_id) return VARVE_OK;
    if (!x->vector || leg->dim == 0)
        return vv_fail(err, VARVE_INVALID, "%s: an example without a vector", name);
    for (size_t i = 0; i < leg->dim; i++) {
        if (!isfinite(x->vector[i]))
            return vv_fail(err, VARVE_INVALID, "%s: an example is not of finite numbers", name);
    }
    return VARVE_OK;
}

static varve_status check_examples(const varve_leg *leg, const char *name, varve_error *err)
{
    bool recommend = leg->kind == VARVE_LEG_RECOMMEND;
    size_t count;
    if (!size_add(leg->positive_count, leg->negative_count, &count) || count > LEG_EXAMPLES_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s: more than %d examples", name, LEG_EXAMPLES_MAX);
    if (recommend && (unsigned)leg->strategy > VARVE_RECOMMEND_SUM_SCORES)
        return vv_fail(err, VARVE_INVALID, "%s.strategy: unknown strategy %d", name,
                       (int)leg->strategy);
    if (recommend &&
        (count == 0 || (leg->strategy == VARVE_RECOMMEND_AVERAGE && leg->positive_count == 0)))
        return vv_fail(err, VARVE_INVALID, "%s: a positive example is needed", name);
    if (!recommend && leg->positive_count != leg->negative_count)
        return vv_fail(err, VARVE_INVALID, "%s: context pairs have a positive and a negative",
                       name);
    if ((leg->kind == VARVE_LEG_DISCOVER) != (leg->target != NULL))
        return vv_fail(err, VARVE_INVALID, "%s.target: %s", name,
                       leg->target ? "only discover has one" : "missing");
    for (size_t i = 0; i < leg->positive_count; i++)
        VV_TRY(check_example(leg, &leg->positive[i], name, err));
    for (size_t i = 0; i < leg->negative_count; i++)
        VV_TRY(check_example(leg, &leg->negative[i], name, err));
    return leg->target ? check_example(leg, leg->target, name, err) : VARVE_OK;
}

static varve_status check_how(const varve_fusion *fusion, const char *name, varve_error *err)
{
    if ((unsigned)fusion->kind > VARVE_FUSION_DBSF)
        return vv_fail(err, VARVE_INVALID, "%s.fusion: unknown kind %d", name, (int)fusion->kind);
    if (!(fusion->rrf_k >= 0) || isinf(fusion->rrf_k))
        return vv_fail(err, VARVE_INVALID, "%s.rrf_k must be a number from 0", name);
    return VARVE_OK;
}

static varve_status check_fusion(const varve_leg *leg, const char *name, varve_error *err)
{
    if (leg->prefetch_count == 0)
        return vv_fail(err, VARVE_INVALID, "%s: a fusion needs legs to fuse", name);
    return VARVE_OK;
}

static varve_status check_kind(const checking *c, const varve_leg *leg, const char *name,
                               varve_error *err)
{
    switch (leg->kind) {
    case VARVE_LEG_VECTOR: return check_vectors(c, leg, name, err);
    case VARVE_LEG_SPARSE: return check_sparse(leg, name, err);
    case VARVE_LEG_TEXT: return check_text(leg, name, err);
    case VARVE_LEG_FUSION: return check_fusion(leg, name, err);
    case VARVE_LEG_RECOMMEND:
    case VARVE_LEG_DISCOVER:
    case VARVE_LEG_CONTEXT: return check_examples(leg, name, err);
    case VARVE_LEG_ORDER:
        if (!leg->order_by) return vv_fail(err, VARVE_INVALID, "%s.order_by: missing", name);
        return VARVE_OK;
    case VARVE_LEG_SAMPLE: return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID, "%s.kind: unknown kind %d", name, (int)leg->kind);
}

static varve_status check_legs(checking *c, const varve_leg *legs, size_t count, const char *name,
                               varve_error *err);

static varve_status check_leg(checking *c, const varve_leg *leg, const char *name, varve_error *err)
{
    char below[NAME_MAX_BYTES];
    VV_TRY(check_kind(c, leg, name, err));
    VV_TRY(check_count(c, leg->limit, name, "limit", err));
    if (!isfinite(leg->weight))
        return vv_fail(err, VARVE_INVALID, "%s.weight: not a finite number", name);
    if (leg->threshold_given && isnan(leg->threshold))
        return vv_fail(err, VARVE_INVALID, "%s.threshold: not a number", name);
    VV_TRY(check_how(&leg->fusion, name, err));
    if (leg->prefetch_count == 0) return VARVE_OK;
    snprintf(below, sizeof below, "%.*s.prefetch", NAME_MAX_BYTES - 16, name);
    return check_legs(c, leg->prefetch, leg->prefetch_count, below, err);
}

static varve_status check_legs(checking *c, const varve_leg *legs, size_t count, const char *name,
                               varve_error *err)
{
    char one[NAME_MAX_BYTES];
    if (c->depth == LEG_DEPTH_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s: deeper than %d levels", name, LEG_DEPTH_MAX);
    c->depth++;
    for (size_t i = 0; i < count; i++) {
        if (c->count++ == LEG_COUNT_MAX)
            return vv_fail(err, VARVE_LIMIT, "%s: more than %d legs in all", name, LEG_COUNT_MAX);
        snprintf(one, sizeof one, "%.*s[%zu]", NAME_MAX_BYTES - 32, name, i);
        VV_TRY(check_leg(c, &legs[i], one, err));
    }
    c->depth--;
    return VARVE_OK;
}

varve_status legs_check(const varve_leg *legs, size_t count, const varve_options *limits,
                        const char *name, varve_error *err)
{
    checking c = {.limits = limits};
    return check_legs(&c, legs, count, name, err);
}

varve_status query_run_check(const varve_query_request *r, const varve_options *limits,
                             varve_error *err)
{
    uint64_t top = limits->max_top_k;
    if (top && r->k > top)
        return vv_fail(err, VARVE_LIMIT, "k %zu exceeds limit max_top_k %llu", r->k,
                       (unsigned long long)top);
    if (top ? r->offset > top - r->k : r->offset > SIZE_MAX / 64 || r->k > SIZE_MAX / 64)
        return vv_fail(err, VARVE_LIMIT, "k %zu + offset %zu exceeds limit max_top_k %llu", r->k,
                       r->offset, (unsigned long long)top);
    if (top && r->group_size > top)
        return vv_fail(err, VARVE_LIMIT, "group_size %zu exceeds limit max_top_k %llu",
                       r->group_size, (unsigned long long)top);
    VV_TRY(groups_check(r, limits, err));
    if (r->leg_count == 0 || !r->legs) return vv_fail(err, VARVE_INVALID, "legs: missing");
    VV_TRY(check_how(&r->fusion, "query", err));
    return legs_check(r->legs, r->leg_count, limits, "legs", err);
}
