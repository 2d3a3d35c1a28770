/* leg.h — inside query/: one leg of a query, from varve_leg to a ranked list of rows.
 *
 *   leg_run ── scope: its filter ── prefetch: the rows of other legs alone ──┐
 *      ├── leg_vector, leg_multi, leg_sparse, leg_text: nearest or best matching
 *      ├── leg_examples: recommend, discover, context        leg_order: order, sample
 *      └── leg_fusion: the lists of its prefetch legs, fused (fusion.h)
 *                                              └── threshold, limit ── leg_rows
 *
 * Lists are of the parent's rows, best first: by key (smaller is better), ties by id. A leg that
 * leaves out rows by id (its query, its examples) looks for so many more, and drops them.
 *
 * Limits: LEG_DEPTH_MAX levels of prefetch, LEG_COUNT_MAX legs, LEG_EXAMPLES_MAX examples,
 * LEG_PATHS_MAX paths and LEG_TEXT_MAX bytes of a text; and query_bytes_max.
 *
 * Ownership  leg_rows_done() frees a list; its ids are borrowed from the views of the input.
 * Threads    each leg_context is one thread's; legs that do not wait for each other have their own
 *            (leg_several.h), and long ones hand tasks to the threads of the pool (leg_tasks.h).
 * Errors     VARVE_INVALID, VARVE_LIMIT name the leg; VARVE_NOT_FOUND a field or an id. */
#ifndef VARVE_QUERY_LEG_H
#define VARVE_QUERY_LEG_H

#include "query/scope.h"
#include "query/search.h"

#define LEG_DEPTH_MAX    8
#define LEG_COUNT_MAX    64
#define LEG_EXAMPLES_MAX 1024
#define LEG_PATHS_MAX    1024
#define LEG_TEXT_MAX     (1 << 20)

typedef struct leg_rows {
    ranked_row *rows; /* owned */
    size_t count;
    bool larger; /* are larger scores better? a score is a key, or minus a key */
} leg_rows;
void leg_rows_done(leg_rows *l);
/* Drop rows at these places; order is kept. */
void leg_rows_drop(leg_rows *l, const row_place *places, size_t count);

/* What all legs of a query share. */
typedef struct leg_context {
    const query_input *in;
    query_clock *clock;
    explain *explain;
    size_t base_limit; /* k + offset */
    unsigned started;  /* legs so far, for explain */
} leg_context;

/* Checks that need no view, of the whole tree. `name`: "legs". */
VV_CHECKED varve_status legs_check(const varve_leg *legs, size_t count, const varve_options *limits,
                                   const char *name, varve_error *err);
/* The hits of one leg among the rows of a scope. in_fusion: the default of its limit is four
 * times as large. */
VV_CHECKED varve_status leg_run(leg_context *c, const varve_leg *leg, const scope *from,
                                bool in_fusion, leg_rows *ret, varve_error *err);
/* Several legs, fused; not cut. */
VV_CHECKED varve_status legs_fuse(leg_context *c, const varve_leg *legs, size_t count,
                                  const varve_fusion *fusion, const scope *from, leg_rows *ret,
                                  varve_error *err);

/* ---- kinds: rows of scope s, at most limit --------------------------------------------------- */

typedef struct leg_job {
    leg_context *context;
    const varve_leg *leg;
    scope *s;
    size_t limit; /* > 0 */
} leg_job;
VV_CHECKED varve_status leg_vector(const leg_job *job, leg_rows *ret, varve_error *err);
VV_CHECKED varve_status leg_multi(const leg_job *job, const query_field *field, leg_rows *ret,
                                  varve_error *err);
VV_CHECKED varve_status leg_sparse(const leg_job *job, leg_rows *ret, varve_error *err);
VV_CHECKED varve_status leg_text(const leg_job *job, leg_rows *ret, varve_error *err);
VV_CHECKED varve_status leg_examples(const leg_job *job, leg_rows *ret, varve_error *err);
VV_CHECKED varve_status leg_order(const leg_job *job, leg_rows *ret, varve_error *err);
VV_CHECKED varve_status leg_sample(const leg_job *job, leg_rows *ret, varve_error *err);

/* ---- for kinds ------------------------------------------------------------------------------- */

/* The live row with an id; VARVE_NOT_FOUND "id X does not exist". */
VV_CHECKED varve_status find_id(const query_input *in, varve_id id, row_place *ret,
                                varve_error *err);
/* Its vector in a dense field (NULL: the primary one), dim floats. VARVE_NOT_FOUND. */
VV_CHECKED varve_status row_vector(const query_input *in, const query_field *field, varve_id id,
                                   row_place *ret_place, float *ret, varve_error *err);
/* One query by vector over the rows of a dense field. */
VV_CHECKED varve_status nearest(const leg_job *job, const query_field *field,
                                const varve_search_request *request, leg_rows *ret,
                                varve_error *err);
/* Sorted, and taken over as a list. */
VV_CHECKED varve_status leg_rows_take(best_rows *b, bool larger, leg_rows *ret, varve_error *err);
/* As many hits as are wanted, and `more` that will be dropped. */
size_t leg_keep(size_t limit, size_t more, const view *v);
/* The dense field that a leg names; *ret_view is the child's, or the parent's: borrowed. */
VV_CHECKED varve_status dense_field(const query_input *in, const char *name,
                                    const query_field **ret, const view **ret_view,
                                    varve_error *err);

#endif
