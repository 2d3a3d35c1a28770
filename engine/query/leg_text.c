/* leg_text.c — BM25 over all rows of a scope. What the collection says of the terms is gathered
 * over the live rows of the whole view, whatever the filter; then each stretch of rows is searched
 * for its best, and rows without an index (the youngest of a memtable) are scored one by one. */
#include "query/leg.h"
#include "query/stretches.h"

#define TEXT_MEMORY_MAX ((size_t)16 << 20)
#define CHECK_ROWS      256 /* between looks at the clock */
#define CHECK_BYTES     ((size_t)128 << 10)

typedef struct texting {
    const leg_job *job;
    text_query q;
    arena memory;
    analyzer *analyzer; /* NULL until a row needs it */
    best_rows best;
    stretches stretches;
    uint64_t count, unindexed, postings;
} texting;

static void texting_done(texting *t)
{
    arena_done(&t->memory);
    analyzer_free(t->analyzer);
    best_rows_done(&t->best);
    stretches_done(&t->stretches);
}

typedef varve_status look_at_row(texting *t, const stretch *s, uint64_t slot, varve_text fields,
                                 varve_error *err);

/* Rows that no index knows. */
static varve_status each_row(texting *t, const stretch *s, look_at_row *look, varve_error *err)
{
    varve_text fields;
    uint32_t at = 0, slot;
    size_t bytes = 0;
    if (!t->analyzer) VV_TRY(analyzer_new(source_text_options(s->rows), &t->analyzer, err));
    for (uint64_t i = 0; stretch_next_row(s, &at, &slot); i++) {
        if (i % CHECK_ROWS == 0 || bytes >= CHECK_BYTES) {
            VV_TRY(query_clock_check(t->job->context->clock, err));
            bytes = 0;
        }
        VV_TRY(source_fields(s->rows, s->part.first + slot, &fields, err));
        bytes += fields.len;
        VV_TRY(look(t, s, s->part.first + slot, fields, err));
    }
    return VARVE_OK;
}

static varve_status count_row(texting *t, const stretch *s, uint64_t slot, varve_text fields,
                              varve_error *err)
{
    (void)s, (void)slot;
    return text_stats_add_row(&t->q, t->analyzer, fields, err);
}

static varve_status score_row(texting *t, const stretch *s, uint64_t slot, varve_text fields,
                              varve_error *err)
{
    double score;
    VV_TRY(text_score_row(&t->q, t->analyzer, fields, &score, err));
    if (!(score > 0)) return VARVE_OK;
    return best_rows_push(&t->best, -score, (row_place){s->source, slot}, err);
}

static varve_status gather_stats(texting *t, varve_error *err)
{
    bool more;
    stretch s;
    stretches_done(&t->stretches);
    stretches_init(&t->stretches, t->job->context->in->v);
    for (;;) {
        VV_TRY(query_clock_check(t->job->context->clock, err));
        VV_TRY(stretches_next(&t->stretches, &s, &more, err));
        if (!more) return VARVE_OK;
        if (s.visible_count == 0) continue;
        if (s.part.images.text)
            VV_TRY(
                text_stats_add(&t->q, s.part.images.text, s.visible, t->job->context->clock, err));
        else
            VV_TRY(each_row(t, &s, count_row, err));
    }
}

static varve_status search_index(void *context, const stretch *s, topk *best, varve_error *err)
{
    texting *t = context;
    return text_search(&t->q, s->part.images.text, s->visible, s->part.first, best,
                       t->job->context->clock, &t->postings, err);
}

static varve_status search_all(texting *t, varve_error *err)
{
    const stretch_search search = {search_index, t};
    bool more;
    stretch s;
    stretches_done(&t->stretches);
    stretches_init(&t->stretches, t->job->s->v);
    for (;;) {
        VV_TRY(query_clock_check(t->job->context->clock, err));
        VV_TRY(stretches_next(&t->stretches, &s, &more, err));
        if (!more) return VARVE_OK;
        if (s.visible_count == 0) continue;
        t->count++;
        t->unindexed += !s.part.images.text;
        if (s.part.images.text)
            VV_TRY(stretch_best(&s, &search, &t->best, err));
        else
            VV_TRY(each_row(t, &s, score_row, err));
    }
}

static varve_status query_of(texting *t, varve_error *err)
{
    const varve_leg *leg = t->job->leg;
    const text_options *options = source_text_options(&t->job->context->in->v->sources[0]);
    VV_TRY(
        text_query_init(&t->q, leg->text, options, leg->paths, leg->path_count, &t->memory, err));
    if (leg->k1 > 0) t->q.k1 = leg->k1;
    if (leg->b_given) t->q.b = leg->b;
    return VARVE_OK;
}

varve_status leg_text(const leg_job *job, leg_rows *ret, varve_error *err)
{
    leg_context *c = job->context;
    VV_CLEANUP(texting_done) texting t = {.job = job};
    size_t keep = leg_keep(job->limit, 0, job->s->v);
    ret->larger = true;
    if (keep == 0) return VARVE_OK;
    arena_init(&t.memory, TEXT_MEMORY_MAX, "text query");
    best_rows_init(&t.best, job->s->v, keep);
    VV_TRY(query_of(&t, err));
    if (t.q.term_count > 0) {
        VV_TRY(gather_stats(&t, err));
        VV_TRY(search_all(&t, err));
    }
    c->explain->profile.text_postings += t.postings;
    VV_TRY(explain_add(c->explain, EXPLAIN_TEXT, t.count, t.unindexed, t.postings, err));
    return leg_rows_take(&t.best, true, ret, err);
}
