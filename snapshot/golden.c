/* golden.c — see golden.h. */
#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ABSOLUTE_TOLERANCE 1e-7 /* beside the relative one: of distances that are next to nothing */

static void hits_freep(varve_hits **h) { varve_hits_free(*h); }
static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

varve_status golden_wanted(varve_collection *c, bool *ret, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(varve_collection_get_stats(c, &stats, err));
    *ret = stats.rows_live > 0 && (stats.index_mode[0] || stats.rows_live > GOLDEN_ROWS_MIN);
    return VARVE_OK;
}

static varve_status search(varve_collection *c, const float *queries, size_t count, size_t dim,
                           size_t k, varve_hits **ret, varve_error *err)
{
    const varve_search_request request = {.vectors = queries,
                                          .vectors_type = VARVE_FLOAT32,
                                          .count = count,
                                          .dim = dim,
                                          .k = k,
                                          .exact = true};
    return varve_search(c, &request, ret, err);
}

/* ---- make ---------------------------------------------------------------------------------- */

static varve_status copy_floats(arena *memory, const float *values, size_t count, const float **ret,
                                varve_error *err)
{
    void *copy;
    VV_TRY(arena_take(memory, count, sizeof *values, &copy, err));
    memcpy(copy, values, count * sizeof *values);
    *ret = copy;
    return VARVE_OK;
}

static varve_status copy_hits(arena *memory, const varve_hits *hits, size_t query,
                              manifest_golden *g, varve_error *err)
{
    void *ids, *scores;
    g->count = varve_hits_count(hits, query);
    VV_TRY(arena_take(memory, g->count, sizeof *g->ids, &ids, err));
    VV_TRY(arena_take(memory, g->count, sizeof *g->scores, &scores, err));
    for (size_t i = 0; i < g->count; i++) {
        varve_id *id = &((varve_id *)ids)[i];
        *id = varve_hits_id(hits, query, i);
        ((float *)scores)[i] = varve_hits_score(hits, query, i);
        if (id->kind == VARVE_ID_STR)
            VV_TRY(arena_text(memory, id->text.data, id->text.len, &id->text, err));
    }
    g->ids = ids;
    g->scores = scores;
    return VARVE_OK;
}

static varve_status make_all(varve_collection *c, const varve_rowset *rows, arena *memory,
                             manifest_golden *list, varve_error *err)
{
    VV_CLEANUP(hits_freep) varve_hits *hits = NULL;
    size_t count = varve_rowset_count(rows), dim = varve_rowset_dim(rows);
    /* The vectors of a rowset lie one behind the other. */
    VV_TRY(search(c, varve_rowset_vector(rows, 0), count, dim, GOLDEN_K, &hits, err));
    for (size_t i = 0; i < count; i++) {
        list[i].dim = dim;
        list[i].k = GOLDEN_K;
        VV_TRY(copy_floats(memory, varve_rowset_vector(rows, i), dim, &list[i].query, err));
        VV_TRY(copy_hits(memory, hits, i, &list[i], err));
    }
    return VARVE_OK;
}

varve_status golden_make(varve_collection *c, const digest_rows *picked, arena *memory,
                         const manifest_golden **ret, size_t *ret_count, varve_error *err)
{
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    varve_id ids[DIGEST_PICKS_MAX];
    void *list;
    for (size_t i = 0; i < picked->pick_count; i++)
        ids[i] = picked->picks[i].id;
    VV_TRY(varve_get(c, ids, picked->pick_count, VARVE_WITH_VECTORS, true, &rows, err));
    VV_TRY(arena_take(memory, picked->pick_count, sizeof **ret, &list, err));
    if (picked->pick_count) VV_TRY(make_all(c, rows, memory, list, err));
    *ret = list;
    *ret_count = picked->pick_count;
    return VARVE_OK;
}

/* ---- check --------------------------------------------------------------------------------- */

static bool same_score(float a, float b)
{
    double larger = fmax(fabs((double)a), fabs((double)b));
    if (a == b || (isnan(a) && isnan(b))) return true;
    return fabs((double)a - (double)b) <= GOLDEN_TOLERANCE * larger + ABSOLUTE_TOLERANCE;
}

static bool same_id(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == VARVE_ID_NUM) return a.num == b.num;
    return a.text.len == b.text.len && memcmp(a.text.data, b.text.data, a.text.len) == 0;
}

/* A row found at another rank has the score of that rank, too: it was one of several equal ones. */
static bool is_found(const varve_hits *hits, varve_id id, float score)
{
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++)
        if (same_id(varve_hits_id(hits, 0, i), id))
            return same_score(varve_hits_score(hits, 0, i), score);
    return false;
}

static varve_status compare(const manifest_golden *g, size_t number, const varve_hits *hits,
                            varve_error *err)
{
    if (varve_hits_count(hits, 0) != g->count)
        return vv_fail(err, VARVE_CORRUPT, "golden search %zu finds %zu rows, not %zu", number,
                       varve_hits_count(hits, 0), g->count);
    for (size_t i = 0; i < g->count; i++) {
        if (!is_found(hits, g->ids[i], g->scores[i]))
            return vv_fail(err, VARVE_CORRUPT,
                           "golden search %zu finds another row, or another score, at rank %zu: "
                           "%.9g, not %.9g",
                           number, i + 1, (double)varve_hits_score(hits, 0, i),
                           (double)g->scores[i]);
    }
    return VARVE_OK;
}

varve_status golden_check(varve_collection *c, const manifest_golden *list, size_t count,
                          varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        VV_CLEANUP(hits_freep) varve_hits *hits = NULL;
        varve_status status = search(c, list[i].query, 1, list[i].dim, list[i].k, &hits, err);
        if (status == VARVE_INVALID) /* such as another dimension */
            return vv_fail(err, VARVE_CORRUPT, "golden search %zu cannot be asked any more", i);
        VV_TRY(status);
        VV_TRY(compare(&list[i], i, hits, err));
    }
    return VARVE_OK;
}
