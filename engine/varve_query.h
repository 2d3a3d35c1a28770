/* varve_query.h — the third part of the public face, brought along by varve.h: filters, fields of
 * vectors, and searches that combine several. What varve.h says of ownership, threads and errors
 * holds here. */
#ifndef VARVE_QUERY_FACE_H
#define VARVE_QUERY_FACE_H

#include "varve.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- filters ------------------------------------------------------------------------------- */

/* A filter is parsed once and may be used in any number of calls at once, on any collection.
 * Limits: 1000 conditions, 64 deep, 65536 values in its lists. */
typedef struct varve_filter varve_filter;

typedef struct varve_parameter {
    varve_text name; /* of :name; absent: the next ? */
    varve_text json; /* a scalar; for IN (:list) an array */
} varve_parameter;

/* The SQL-like grammar (docs/filters.md). VARVE_INVALID has the column, and a caret under it. */
VARVE_API VARVE_CHECKED varve_status varve_filter_where(varve_text where,
                                                        const varve_parameter *parameters,
                                                        size_t parameter_count,
                                                        varve_filter **ret_filter,
                                                        varve_error *err);
/* The JSON grammar of Qdrant: must, should, must_not, min_should. */
VARVE_API VARVE_CHECKED varve_status varve_filter_json(varve_text json, varve_filter **ret_filter,
                                                       varve_error *err);
/* GoVector's: must, must_not; exact, range, prefix, contains, regex. */
VARVE_API VARVE_CHECKED varve_status varve_filter_govector(varve_text json,
                                                           varve_filter **ret_filter,
                                                           varve_error *err);
VARVE_API void varve_filter_free(varve_filter *filter);
/* Canonical text, NUL-terminated and cut at size; for logs. */
VARVE_API VARVE_CHECKED varve_status varve_filter_text(const varve_filter *filter, char *ret_text,
                                                       size_t size, varve_error *err);
/* Does a row with this id and these fields (a JSON object) match? */
VARVE_API VARVE_CHECKED varve_status varve_filter_matches(const varve_filter *filter, varve_id id,
                                                          varve_text fields, bool *ret_matches,
                                                          varve_error *err);

/* ---- rows by filter ------------------------------------------------------------------------ */

typedef struct varve_rows_query {
    const varve_filter *filter; /* NULL: all rows */
    const char *order_by; /* path of numbers or date-times; rows without are left out. NULL: in
                                   order of insertion */
    bool descending;
    varve_text start_from; /* with order_by: a JSON number or date-time text to begin at */
    const varve_id *from;  /* without order_by: in id order from this id on, inclusive */
    bool by_id;            /* in id order from the first on */
    size_t offset, n;      /* n 0: as many as there are, within max_top_k */
    unsigned with;         /* VARVE_WITH_…; with VARVE_WITH_DELETED also deleted rows */
    uint64_t timeout_ms;   /* 0: none */
} varve_rows_query;
VARVE_API VARVE_CHECKED varve_status varve_query_rows(varve_collection *collection,
                                                      const varve_rows_query *query,
                                                      varve_rowset **ret_rows, varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_count_matching(varve_collection *collection,
                                                          const varve_filter *filter,
                                                          uint64_t *ret_count, varve_error *err);
/* Soft delete of all rows that match now. */
VARVE_API VARVE_CHECKED varve_status varve_delete_matching(varve_collection *collection,
                                                           const varve_filter *filter,
                                                           const varve_write_options *options,
                                                           varve_receipt *ret_receipt,
                                                           varve_error *err);
/* The distinct values at a path and how many matching rows have each, most frequent first, ties by
 * value; `value` is JSON text. */
typedef struct varve_facets varve_facets;
VARVE_API VARVE_CHECKED varve_status varve_facets_count(varve_collection *collection,
                                                        const char *path,
                                                        const varve_filter *filter, size_t limit,
                                                        varve_facets **ret_facets,
                                                        varve_error *err);
VARVE_API size_t varve_facets_size(const varve_facets *facets);
VARVE_API varve_text varve_facets_value(const varve_facets *facets, size_t i);
VARVE_API uint64_t varve_facets_rows(const varve_facets *facets, size_t i);
VARVE_API void varve_facets_free(varve_facets *facets);

/* ---- vector fields ------------------------------------------------------------------------- */

/* A collection has one primary vector per row, and any number of named fields (up to 64), each with
 * its own dimension, type, metric and index. A row may lack a vector in a named field. Vectors of a
 * deleted row are hidden with it and come back with it; those of a purged row are purged. */
typedef enum varve_field_kind {
    VARVE_FIELD_DENSE,
    VARVE_FIELD_SPARSE, /* u32 → f32, compared by inner product */
    VARVE_FIELD_MULTI   /* several vectors per row; a row's score is the sum over the query's
                           vectors of the best score among its own (max_sim) */
} varve_field_kind;

typedef struct varve_field_spec {
    varve_field_kind kind;
    size_t dim; /* DENSE, MULTI: > 0 */
    varve_dtype dtype;
    varve_metric metric;
    const char *index_mode; /* NULL: FLAT of the metric; its metric must be `metric` */
} varve_field_spec;

typedef struct varve_field_info {
    char name[132];
    varve_field_kind kind;
    size_t dim;
    varve_dtype dtype;
    varve_metric metric;
    char index_mode[64]; /* as typed; "" none */
    uint64_t rows;       /* live rows that have a vector in it */
} varve_field_info;

/* The same spec again is fine; another is VARVE_EXISTS. Names: A-Z a-z 0-9 _ -, not "default". */
VARVE_API VARVE_CHECKED varve_status varve_field_create(varve_collection *collection,
                                                        const char *name,
                                                        const varve_field_spec *spec,
                                                        varve_error *err);
VARVE_API VARVE_CHECKED varve_status varve_field_drop(varve_collection *collection,
                                                      const char *name, varve_error *err);
/* i 0: the primary one, named "default"; then by name. VARVE_NOT_FOUND past the last. */
VARVE_API VARVE_CHECKED varve_status varve_field_get(varve_collection *collection, size_t i,
                                                     varve_field_info *ret_info, varve_error *err);
/* By name (NULL or "default": the primary one), whatever other fields come or go meanwhile, which
 * move the numbers of varve_field_get. VARVE_NOT_FOUND. */
VARVE_API VARVE_CHECKED varve_status varve_field_find(varve_collection *collection,
                                                      const char *name, varve_field_info *ret_info,
                                                      varve_error *err);
/* As varve_index_mode_set and varve_index_build, of a named field ("default": the primary one);
 * mode NULL: FLAT of the metric that the field has. A mode of another metric is refused: a named
 * field keeps that with which it was made. */
VARVE_API VARVE_CHECKED varve_status varve_field_index_set(varve_collection *collection,
                                                           const char *name, const char *index_mode,
                                                           const struct varve_index_params *params,
                                                           varve_error *err);
VARVE_API VARVE_CHECKED varve_status
varve_field_index_build(varve_collection *collection, const char *name, const char *index_mode,
                        const struct varve_index_params *params, bool no_wait, varve_error *err);

typedef struct varve_field_rows { /* vectors handed in for existing rows */
    size_t count;
    const varve_id *ids;
    /* DENSE: count × dim. MULTI: row i has counts[i] vectors, back to back. */
    const void *vectors;
    varve_dtype vectors_type;
    size_t dim;
    const size_t *counts;
    /* SPARSE: row i has nonzero[i] pairs, back to back; duplicates are summed, zeros dropped. */
    const uint32_t *indices;
    const float *values;
    const size_t *nonzero;
} varve_field_rows;
/* replace false: a row that has a vector in the field already is VARVE_EXISTS. Every id must be a
 * live row: VARVE_NOT_FOUND "id X does not exist". An empty sparse or multi vector removes. All or
 * nothing. */
VARVE_API VARVE_CHECKED varve_status varve_field_put(varve_collection *collection, const char *name,
                                                     const varve_field_rows *rows, bool replace,
                                                     const varve_write_options *options,
                                                     varve_receipt *ret_receipt, varve_error *err);
/* Rows without a vector in the field are passed over. */
VARVE_API VARVE_CHECKED varve_status varve_field_remove(
    varve_collection *collection, const char *name, const varve_id *ids, size_t count,
    const varve_write_options *options, varve_receipt *ret_receipt, varve_error *err);
/* Vectors of these rows, in the order asked; absent ones have count 0. */
typedef struct varve_field_vectors varve_field_vectors;
VARVE_API VARVE_CHECKED varve_status varve_field_read(varve_collection *collection,
                                                      const char *name, const varve_id *ids,
                                                      size_t count, varve_field_vectors **ret,
                                                      varve_error *err);
VARVE_API size_t varve_field_vectors_rows(const varve_field_vectors *v);
VARVE_API size_t varve_field_vectors_dim(const varve_field_vectors *v); /* of SPARSE: 0 */
VARVE_API size_t varve_field_vectors_count(const varve_field_vectors *v, size_t i); /* vectors, or
                                                                                       pairs */
VARVE_API const float *varve_field_vectors_values(const varve_field_vectors *v, size_t i);
VARVE_API const uint32_t *varve_field_vectors_indices(const varve_field_vectors *v, size_t i);
VARVE_API void varve_field_vectors_free(varve_field_vectors *v);

/* ---- searches of several legs -------------------------------------------------------------- */

typedef enum varve_leg_kind {
    VARVE_LEG_VECTOR,    /* nearest to vectors: field dense, or multi (several query vectors) */
    VARVE_LEG_SPARSE,    /* largest inner product with indices, values */
    VARVE_LEG_TEXT,      /* BM25 of text */
    VARVE_LEG_FUSION,    /* its prefetch legs, fused */
    VARVE_LEG_RECOMMEND, /* near positive, far from negative examples */
    VARVE_LEG_DISCOVER,  /* near target among what is on the right side of the context pairs */
    VARVE_LEG_CONTEXT,   /* on the right side of the context pairs */
    VARVE_LEG_ORDER,     /* by the values at order_by */
    VARVE_LEG_SAMPLE     /* at random, by seed */
} varve_leg_kind;

typedef enum varve_fusion_kind {
    VARVE_FUSION_RRF,      /* sum of weight / (rrf_k + rank), rank from 1 */
    VARVE_FUSION_WEIGHTED, /* sum of weight × score scaled to 0…1 within its leg (distances turned
                              round; all equal: 1) */
    VARVE_FUSION_DBSF      /* sum of scores scaled by mean ± 3 sample standard deviations */
} varve_fusion_kind;

typedef struct varve_fusion {
    varve_fusion_kind kind;
    double rrf_k;    /* of RRF, not negative; 0: 60, unless: */
    bool zero_rrf_k; /* it is 0 indeed */
} varve_fusion;

typedef enum varve_recommend_strategy {
    VARVE_RECOMMEND_AVERAGE,
    VARVE_RECOMMEND_BEST_SCORE,
    VARVE_RECOMMEND_SUM_SCORES
} varve_recommend_strategy;

typedef struct varve_example { /* a row by id, which is then left out of the hits; or a vector */
    bool by_id;
    varve_id id;
    const float *vector; /* of the field's dim */
} varve_example;

typedef struct varve_leg varve_leg;
struct varve_leg {
    varve_leg_kind kind;
    const char *field; /* NULL: the primary vector; of SPARSE and MULTI its name */
    /* VECTOR */
    const void *vectors; /* vector_count × dim */
    varve_dtype vectors_type;
    size_t vector_count, dim; /* vector_count 0: 1 */
    bool by_id;               /* the vector of row `id` is the query; that row is left out */
    varve_id id;
    bool exact;
    uint32_t breadth;
    double recall_target;
    bool metric_given;
    varve_metric metric;
    double mmr_diversity; /* 0: none; 0 < d <= 1: of the best mmr_candidates, picked one by one by
                             (1 - d) × similarity - d × similarity to those picked */
    size_t mmr_candidates;
    /* SPARSE */
    const uint32_t *indices;
    const float *values;
    size_t nonzero;
    /* TEXT */
    varve_text text;
    const varve_text *paths; /* fields to look at; NULL: all */
    size_t path_count;
    double k1, b; /* b_given false: 1.2 and 0.75 */
    bool b_given;
    /* RECOMMEND, DISCOVER, CONTEXT */
    const varve_example *positive, *negative; /* pairs: positive[i], negative[i] */
    size_t positive_count, negative_count;
    const varve_example *target;
    varve_recommend_strategy strategy;
    /* ORDER, SAMPLE */
    const char *order_by;
    bool descending;
    varve_text start_from;
    uint64_t seed;
    /* all */
    const varve_filter *filter; /* beside that of the request; NULL: none */
    size_t limit;               /* hits of this leg; 0: the request's k + offset, at least 4 × that
                                   in a fusion */
    double weight;              /* in a fusion; 0: 1; negative counts as 0: no part in it */
    bool zero_weight;
    bool threshold_given;
    double threshold;
    /* Legs asked first: this one then looks at their hits alone. FUSION: what it fuses. */
    const varve_leg *prefetch;
    size_t prefetch_count;
    varve_fusion fusion;
};

/* Called with the fused hits, best first, before they are cut to k; scores may be changed and hits
 * reordered by `order` (a permutation of 0 … count - 1, or fewer: the others are appended). */
typedef varve_status varve_rerank(void *context, const varve_id *ids, const varve_text *fields,
                                  float *scores, size_t count, size_t *order, size_t *order_count,
                                  varve_error *err);

typedef struct varve_query_request {
    const varve_leg *legs; /* one: its hits; several: fused by `fusion` */
    size_t leg_count;
    varve_fusion fusion;
    const varve_filter *filter; /* of all legs */
    size_t k, offset;
    unsigned with; /* VARVE_WITH_FIELDS, VARVE_WITH_VECTORS */
    uint64_t timeout_ms;
    const char *group_by; /* path; NULL: no groups. k groups of at most group_size hits */
    size_t group_size;    /* 0: 3 */
    varve_rerank *rerank; /* NULL: none */
    void *rerank_context;
    size_t rerank_k;            /* hits that go to rerank; 0: all */
    const volatile int *cancel; /* not 0: VARVE_CANCELLED soon; NULL: never */
} varve_query_request;

/* Hits as of varve_search with one query. Scores of a fusion are larger-is-better. */
VARVE_API VARVE_CHECKED varve_status varve_query(varve_collection *collection,
                                                 const varve_query_request *request,
                                                 varve_hits **ret_hits, varve_error *err);
/* The group of a hit as JSON text; absent without group_by. Hits of a group follow each other. */
VARVE_API varve_text varve_hits_group(const varve_hits *hits, size_t i);
VARVE_API const float *varve_hits_vector(const varve_hits *hits, size_t query, size_t i);
/* Is a larger score better in these hits? */
VARVE_API bool varve_hits_larger_is_better(const varve_hits *hits);

/* ---- explain ------------------------------------------------------------------------------- */

typedef struct varve_profile {
    bool filtered;
    uint64_t filter_matches;    /* live rows that matched, when filtered */
    uint64_t filter_postings;   /* read from field indexes */
    uint64_t filter_rows;       /* rows whose fields had to be read */
    uint64_t filter_cached;     /* segments whose matching rows were known from before */
    char filter_unindexed[132]; /* a path for which no field index helped; "" when none */
    uint64_t rows_total;        /* live rows */
    varve_search_work work;
    uint64_t text_postings, sparse_postings;
    uint64_t order_postings; /* read from field indexes by legs of ORDER */
    uint64_t order_rows;     /* rows whose fields they had to read */
    uint64_t filter_us, search_us, fusion_us, rerank_us, fetch_us, total_us;
} varve_profile;
VARVE_API void varve_hits_profile(const varve_hits *hits, varve_profile *ret_profile);
/* Line i of what was done with each source of each leg ("segment 12: 65536 rows, 120 match: scan of
 * those"); NULL past the last. */
VARVE_API const char *varve_hits_explain(const varve_hits *hits, size_t i);

/* Mean recall@k of `samples` stored vectors taken as queries (each without itself), the
 * collection's way of searching against exact search. field NULL: the primary one. */
typedef struct varve_recall {
    double recall, recall_min;
    size_t samples;
    uint64_t search_us, exact_us; /* mean of one query */
} varve_recall;
VARVE_API VARVE_CHECKED varve_status varve_recall_measure(
    varve_collection *collection, const char *field, size_t k, size_t samples, uint64_t seed,
    double recall_target, uint64_t timeout_ms, varve_recall *ret_recall, varve_error *err);

#ifdef __cplusplus
}
#endif

#endif
