/* leg_sparse.c — the largest inner products with a sparse vector, over the child that keeps the
 * sparse vectors of a field. */
#include "query/leg.h"
#include "query/stretches.h"

#define SPARSE_BYTES_MAX ((size_t)8 * SPARSE_NONZERO_MAX + 64)
#define CHECK_ROWS       256

typedef struct sparse_leg {
    const leg_job *job;
    sparse_vector query;
    buffer query_bytes, query_scratch, scratch;
    view *v; /* of the child: a reference */
    best_rows best;
    stretches stretches;
    uint64_t count, unindexed, postings;
} sparse_leg;

static void sparse_leg_done(sparse_leg *l)
{
    buffer_done(&l->query_bytes);
    buffer_done(&l->query_scratch);
    buffer_done(&l->scratch);
    best_rows_done(&l->best);
    stretches_done(&l->stretches);
    view_unref(l->v);
}

static varve_status sparse_of(const leg_job *job, const query_field *field, sparse_leg *l,
                              varve_error *err)
{
    const varve_leg *leg = job->leg;
    varve_text bytes;
    row_place place;
    uint64_t ordinal;
    if (leg->by_id) {
        VV_TRY(find_id(job->context->in, leg->id, &place, err));
        const row_source *s = &job->context->in->v->sources[place.source];
        VV_TRY(source_ordinal(s, place.slot, &ordinal, err));
        VV_TRY(view_find_ordinals(field->v, &ordinal, 1, job->context->clock, &place, err));
        if (place.source == SIZE_MAX)
            return vv_fail(err, VARVE_NOT_FOUND, "the row has no vector in field '%s'",
                           field->name);
        VV_TRY(source_fields(&field->v->sources[place.source], place.slot, &bytes, err));
    } else {
        VV_TRY(sparse_encode(leg->indices, leg->values, leg->nonzero, 0, &l->query_bytes, err));
        bytes = (varve_text){l->query_bytes.data, l->query_bytes.len};
    }
    if (!sparse_decode(bytes, &l->query_scratch, &l->query))
        return vv_fail(err, VARVE_CORRUPT, "a sparse vector of field '%s' is malformed",
                       field->name);
    return VARVE_OK;
}

static varve_status stretch_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    const stretch *s = context;
    return source_fields(s->rows, s->part.first + slot, ret, err);
}

static varve_status search_index(void *context, const stretch *s, topk *best, varve_error *err)
{
    sparse_leg *l = context;
    stretch here = *s;
    const sparse_rows rows = {stretch_row, &here};
    return sparse_search(&l->query, s->part.images.sparse, &rows, s->visible, s->part.first, best,
                         l->job->context->clock, &l->postings, err);
}

static bool shares_an_index(const sparse_vector *a, const sparse_vector *b)
{
    for (uint32_t i = 0, j = 0; i < a->count && j < b->count;) {
        if (a->indices[i] == b->indices[j]) return true;
        if (a->indices[i] < b->indices[j])
            i++;
        else
            j++;
    }
    return false;
}

static varve_status search_rows(sparse_leg *l, const stretch *s, varve_error *err)
{
    uint32_t at = 0, slot;
    sparse_vector row;
    varve_text bytes;
    for (uint64_t i = 0; stretch_next_row(s, &at, &slot); i++) {
        if (i % CHECK_ROWS == 0) VV_TRY(query_clock_check(l->job->context->clock, err));
        VV_TRY(source_fields(s->rows, s->part.first + slot, &bytes, err));
        if (!sparse_decode(bytes, &l->scratch, &row))
            return vv_fail(err, VARVE_CORRUPT, "a sparse vector is malformed");
        if (!shares_an_index(&l->query, &row)) continue;
        VV_TRY(best_rows_push(&l->best, -sparse_dot(&l->query, &row),
                              (row_place){s->source, s->part.first + slot}, err));
    }
    return VARVE_OK;
}

static varve_status search_all(sparse_leg *l, varve_error *err)
{
    const stretch_search search = {search_index, l};
    bool more;
    stretch s;
    stretches_init(&l->stretches, l->v);
    for (;;) {
        VV_TRY(query_clock_check(l->job->context->clock, err));
        VV_TRY(stretches_next(&l->stretches, &s, &more, err));
        if (!more) return VARVE_OK;
        if (s.visible_count == 0) continue;
        l->count++;
        l->unindexed += !s.part.images.sparse;
        if (s.part.images.sparse)
            VV_TRY(stretch_best(&s, &search, &l->best, err));
        else
            VV_TRY(search_rows(l, &s, err));
    }
}

static varve_status drop_self(const leg_job *job, leg_rows *l, varve_error *err)
{
    row_place self;
    if (!job->leg->by_id) return VARVE_OK;
    VV_TRY(find_id(job->context->in, job->leg->id, &self, err));
    leg_rows_drop(l, &self, 1);
    return VARVE_OK;
}

varve_status leg_sparse(const leg_job *job, leg_rows *ret, varve_error *err)
{
    VV_CLEANUP(sparse_leg_done) sparse_leg l = {.job = job};
    explain *e = job->context->explain;
    const query_field *field;
    ret->larger = true;
    VV_TRY(query_field_find(job->context->in, job->leg->field, &field, err));
    if (!field || field->kind != VECTOR_SPARSE)
        return vv_fail(err, VARVE_INVALID, "vector field '%s' is not sparse",
                       job->leg->field ? job->leg->field : "default");
    buffer_init(&l.query_bytes, SPARSE_BYTES_MAX, "sparse vector");
    buffer_init(&l.query_scratch, SPARSE_BYTES_MAX, "sparse vector");
    buffer_init(&l.scratch, SPARSE_BYTES_MAX, "sparse vector");
    VV_TRY(sparse_of(job, field, &l, err));
    VV_TRY(scope_child(job->s, field, &l.v, err));
    size_t keep = leg_keep(job->limit, job->leg->by_id, l.v);
    if (keep == 0 || l.query.count == 0) return VARVE_OK;
    best_rows_init(&l.best, l.v, keep);
    VV_TRY(search_all(&l, err));
    e->profile.sparse_postings += l.postings;
    VV_TRY(explain_add(e, EXPLAIN_SPARSE, l.count, l.unindexed, l.postings, err));
    VV_TRY(leg_rows_take(&l.best, true, ret, err));
    varve_status status = scope_to_parent(job->s, field, ret->rows, ret->count, err);
    if (status == VARVE_OK) status = drop_self(job, ret, err);
    return status;
}
