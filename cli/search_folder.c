/* search_folder.c — `varve search` on a data folder. */
#include "search_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hits_freep(varve_hits **h) { varve_hits_free(*h); }
static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }

static varve_status folder_vector(search *s, varve_collection *c, varve_error *err)
{
    VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
    if (!s->like) return VARVE_OK;
    VV_TRY(varve_get(c, &s->like_id, 1, VARVE_WITH_VECTORS, true, &rows, err));
    s->dim = varve_rowset_dim(rows);
    s->vector = malloc(s->dim * sizeof *s->vector);
    if (!s->vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    memcpy(s->vector, varve_rowset_vector(rows, 0), s->dim * sizeof *s->vector);
    return VARVE_OK;
}

static varve_status search_vector(search *s, varve_collection *c, const varve_filter *filter,
                                  varve_hits **ret, varve_error *err)
{
    varve_search_request request = {.vectors = s->vector,
                                    .count = 1,
                                    .dim = s->dim,
                                    .k = search_hits_to_ask(s),
                                    .range = s->range,
                                    .threshold = s->threshold,
                                    .metric_given = s->metric_given,
                                    .metric = s->metric,
                                    .filter = filter,
                                    .vector_field = s->field,
                                    .with = s->fields ? VARVE_WITH_FIELDS : 0,
                                    .exact = s->exact,
                                    .breadth = s->breadth,
                                    .recall_target = s->recall_target};
    return varve_search(c, &request, ret, err);
}

/* ---- several legs ---- */

enum { LEGS_MAX = 3 };

typedef struct legs {
    varve_leg items[LEGS_MAX];
    size_t count;
    uint32_t *indices;
    float *values;
} legs;

static void legs_done(legs *l)
{
    free(l->indices);
    free(l->values);
}

static varve_status add_sparse(const search *s, legs *l, varve_error *err)
{
    const json_t *indices = json_object_get(s->sparse, "indices");
    size_t count = json_array_size(indices);
    l->indices = calloc(count, sizeof *l->indices);
    l->values = calloc(count, sizeof *l->values);
    if (!l->indices || !l->values)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse vector");
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(json_object_get(s->sparse, "values"), i);
        l->indices[i] = (uint32_t)json_integer_value(json_array_get(indices, i));
        l->values[i] = (float)json_number_value(value);
    }
    l->items[l->count++] = (varve_leg){.kind = VARVE_LEG_SPARSE,
                                       .field = s->sparse_field ? s->sparse_field : "sparse",
                                       .indices = l->indices,
                                       .values = l->values,
                                       .nonzero = count};
    return VARVE_OK;
}

static varve_status make_legs(const search *s, legs *l, varve_error *err)
{
    if (search_has_vector(s))
        l->items[l->count++] = (varve_leg){.kind = VARVE_LEG_VECTOR,
                                           .field = s->field,
                                           .vectors = s->vector,
                                           .dim = s->dim,
                                           .exact = s->exact,
                                           .breadth = s->breadth,
                                           .recall_target = s->recall_target};
    if (s->sparse) VV_TRY(add_sparse(s, l, err));
    if (s->text)
        l->items[l->count++] = (varve_leg){.kind = VARVE_LEG_TEXT,
                                           .text = {s->text, strlen(s->text)},
                                           .paths = s->text_field_count ? s->text_fields : NULL,
                                           .path_count = s->text_field_count};
    return VARVE_OK;
}

static varve_fusion_kind fusion_of(const search *s)
{
    if (s->fusion && strcmp(s->fusion, "weighted") == 0) return VARVE_FUSION_WEIGHTED;
    if (s->fusion && strcmp(s->fusion, "dbsf") == 0) return VARVE_FUSION_DBSF;
    return VARVE_FUSION_RRF;
}

static varve_status search_legs(const search *s, varve_collection *c, const varve_filter *filter,
                                varve_hits **ret, varve_error *err)
{
    VV_CLEANUP(legs_done) legs l = {0};
    VV_TRY(make_legs(s, &l, err));
    varve_query_request request = {.legs = l.items,
                                   .leg_count = l.count,
                                   .fusion = {.kind = fusion_of(s)},
                                   .filter = filter,
                                   .k = search_hits_to_ask(s),
                                   .with = s->fields ? VARVE_WITH_FIELDS : 0};
    return varve_query(c, &request, ret, err);
}

/* ---- answer ---- */

static void print_profile(const varve_hits *hits)
{
    varve_profile p;
    const char *line;
    varve_hits_profile(hits, &p);
    for (size_t i = 0; (line = varve_hits_explain(hits, i)) != NULL; i++)
        fprintf(stderr, "%s\n", line);
    if (p.filtered)
        fprintf(stderr, "filter: %" PRIu64 " of %" PRIu64 " rows match, %" PRIu64 " rows read\n",
                p.filter_matches, p.rows_total, p.filter_rows);
    if (p.filter_unindexed[0])
        fprintf(stderr, "filter: no field index helped with %s\n", p.filter_unindexed);
    fprintf(stderr,
            "%" PRIu64 " rows scanned, %" PRIu64 " codes, %" PRIu64 " nodes, %" PRIu64
            " rescored; %" PRIu64 " us\n",
            p.work.rows_scanned, p.work.codes_scanned, p.work.nodes_visited, p.work.rows_rescored,
            p.total_us);
}

varve_status search_folder(search *s, out *o, varve_error *err)
{
    VV_CLEANUP(folder_done) folder_session folder = {0};
    VV_CLEANUP(filter_flags_freep) varve_filter *filter = NULL;
    VV_CLEANUP(hits_freep) varve_hits *hits = NULL;
    uint64_t shown = 0;
    VV_TRY(filter_flags_make(&s->filter, &filter, err));
    VV_TRY(folder_open_collection(&s->at, FOLDER_READ, &folder, err));
    VV_TRY(folder_vector(s, folder.collection, err));
    if (search_is_query(s) || s->explain)
        VV_TRY(search_legs(s, folder.collection, filter, &hits, err));
    else
        VV_TRY(search_vector(s, folder.collection, filter, &hits, err));
    for (size_t i = 0; i < varve_hits_count(hits, 0); i++) {
        out_row row = {.id = varve_hits_id(hits, 0, i),
                       .has_score = true,
                       .score = varve_hits_score(hits, 0, i)};
        if (s->fields) row.fields = varve_hits_fields(hits, 0, i);
        VV_TRY(search_show(s, o, &shown, &row, err));
    }
    if (s->explain) print_profile(hits);
    return VARVE_OK;
}
