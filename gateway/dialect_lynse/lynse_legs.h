/* lynse_legs.h — legs of a search out of JSON. A leg is one of
 *
 *   {"vector": [..]}                            nearest to it; [[..], ..] for a field of several
 *   {"like": id}                                nearest to the vector of that row
 *   {"sparse_vector": {"indices", "values"}}    largest inner product
 *   {"text": "..", "text_fields": [..]}         BM25; "k1", "b"
 *   {"legs": [..], "fusion": ".."}              legs, fused
 *   {"recommend": {"positive": [..], "negative": [..], "strategy": ".."}}   ids or vectors
 *   {"discover": {"target": .., "context": [{"positive": .., "negative": ..}]}}
 *   {"context": [{"positive": .., "negative": ..}]}
 *   {"order_by": "path"}                        "descending", "start_from"
 *   {"sample": seed}                            rows at random
 *
 * and all take "vector_field", "weight", "limit", "score_threshold", a filter (lynse_filter.h),
 * "prefetch" (legs whose hits alone are looked at), "exact", "ef", "recall_target"; "mmr":
 * {"diversity", "candidates"}.
 *
 * Ownership  legs and all they point to live in the set: lynse_legs_done frees them. Texts and ids
 *            are borrowed from the JSON.
 * Threads    one at a time.
 * Errors     VARVE_INVALID naming the member; VARVE_LIMIT past LYNSE_LEGS_MAX legs. */
#ifndef LYNSE_LEGS_H
#define LYNSE_LEGS_H

#include "lynse_request.h"

#include "base/arena.h"

enum { LYNSE_LEGS_MAX = 64, LYNSE_LEG_DEPTH_MAX = 8 };

typedef struct lynse_legs {
    lynse_call *call;
    arena memory;
    size_t example_dim; /* of the field that the leg being read looks at */
    varve_filter *filters[LYNSE_LEGS_MAX];
    size_t filter_count, leg_count;
    uint64_t limit_max;     /* of "limit"; 0: none */
    size_t limit_of_others; /* limit of legs that name none; 0: the engine chooses */
} lynse_legs;

void lynse_legs_init(lynse_legs *l, lynse_call *c);
void lynse_legs_done(lynse_legs *l); /* also fits VV_CLEANUP */
/* `array` is a list of legs. */
VV_CHECKED varve_status lynse_legs_read(lynse_legs *l, const json_t *array, const varve_leg **ret,
                                        size_t *ret_count, varve_error *err);
/* Parts, for routes that take them by themselves. */
VV_CHECKED varve_status lynse_leg_sparse(lynse_legs *l, const json_t *vector, varve_leg *leg,
                                         varve_error *err);
VV_CHECKED varve_status lynse_leg_text(lynse_legs *l, const json_t *object, varve_leg *leg,
                                       varve_error *err);
/* Recommend, discover, context; false in *ret_is: the object is none of them. lynse_examples.c */
VV_CHECKED varve_status lynse_leg_examples(lynse_legs *l, const json_t *object, varve_leg *leg,
                                           bool *ret_is, varve_error *err);
/* Numbers of a JSON array into the arena. */
VV_CHECKED varve_status lynse_legs_floats(lynse_legs *l, const json_t *array, const char *name,
                                          const float **ret, size_t *ret_count, varve_error *err);
/* Where an order begins, a number or a text; absent when `value` is NULL. */
VV_CHECKED varve_status lynse_start_from(arena *memory, const json_t *value, varve_text *ret,
                                         varve_error *err);
/* "rrf", "weighted", "dbsf", any case; whatever else is RRF, as in LynseDB. */
varve_fusion_kind lynse_fusion_read(const char *name);
/* Weight 0 or less: no part in the fusion. */
void lynse_leg_weigh(varve_leg *leg, double weight);

#endif
