/* leg_order.c — rows by the values of a field, and rows at random. */
#include "base/bytes.h"
#include "base/hash.h"
#include "query/leg.h"
#include "query/order.h"

#include <stdlib.h>

varve_status leg_order(const leg_job *job, leg_rows *ret, varve_error *err)
{
    const varve_leg *leg = job->leg;
    leg_context *c = job->context;
    order_request r = {leg->order_by, leg->descending, leg->start_from,
                       leg_keep(job->limit, 0, job->s->v), false};
    VV_CLEANUP(ordered_rows_done) ordered_rows ordered = {0};
    VV_CLEANUP(row_bits_done) row_bits bits = {0};
    VV_TRY(row_bits_of_view(&bits, job->s->v, err));
    VV_TRY(order_rows(&bits, &r, c->clock, &ordered, err));
    ret->rows = malloc((ordered.count + 1) * sizeof *ret->rows);
    if (!ret->rows) return vv_fail(err, VARVE_NO_MEMORY, "no memory for hits");
    for (size_t i = 0; i < ordered.count; i++) {
        const ordered_row *from = &ordered.rows[i];
        double key = leg->descending ? -from->value.about : from->value.about;
        ret->rows[i] = (ranked_row){key, from->place, from->id_key, from->id_key_len};
    }
    ret->count = ordered.count;
    ret->larger = leg->descending;
    c->explain->profile.order_postings += ordered.postings;
    c->explain->profile.order_rows += ordered.rows_read;
    return explain_add(c->explain, EXPLAIN_ROWS, ordered.rows_read, ordered.postings, 0, err);
}

/* ---- at random ----------------------------------------------------------------------------- */

typedef struct sampling {
    best_rows best;
    uint64_t seed;
} sampling;

static void sampling_done(sampling *s) { best_rows_done(&s->best); }

/* The rows whose ordinals have the smallest hashes: the same for as long as they are there. */
static varve_status sample_row(void *context, row_place place, uint64_t ordinal, varve_error *err)
{
    sampling *s = context;
    uint8_t bytes[16];
    put_u64(bytes, s->seed);
    put_u64(bytes + 8, ordinal);
    return best_rows_push(&s->best, (double)(hash_bytes(bytes, sizeof bytes) >> 11), place, err);
}

varve_status leg_sample(const leg_job *job, leg_rows *ret, varve_error *err)
{
    VV_CLEANUP(sampling_done) sampling s = {.seed = job->leg->seed};
    size_t keep = leg_keep(job->limit, 0, job->s->v);
    ret->larger = true;
    if (keep == 0) return VARVE_OK;
    best_rows_init(&s.best, job->s->v, keep);
    VV_TRY(view_walk_ordinals(job->s->v, sample_row, &s, job->context->clock, err));
    VV_TRY(leg_rows_take(&s.best, true, ret, err));
    for (size_t i = 0; i < ret->count; i++)
        ret->rows[i].key = 0;
    return explain_add(job->context->explain, EXPLAIN_ROWS, job->s->v->rows_live, 0, 0, err);
}
