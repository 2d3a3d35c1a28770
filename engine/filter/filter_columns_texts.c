/* filter_columns_texts.c — a leaf against the texts of one column: literals, ranges and prefixes by
 * the order of its dictionary, patterns by walking it. Keywords that are cut, of which only the
 * beginning is known, stay open where that does not decide. */
#include "filter/filter_columns_inner.h"

#include <stdlib.h>
#include <string.h>

#define WALK_FACTOR   8    /* a row costs as much to decide as this many keywords */
#define DEADLINE_STEP 1024 /* keywords between two looks at the clock */

static varve_status or_texts(leaf_question *q, const column *c, uint64_t *bits, varve_error *err)
{
    VV_TRY(question_kind(q, c, COLUMN_PLAIN, bits, err));
    return question_kind(q, c, COLUMN_DATETIME, bits, err);
}

static varve_status or_keywords(leaf_question *q, const column *c, column_run run, uint64_t *bits,
                                varve_error *err)
{
    return question_run(q, c, COLUMN_KEYWORDS, run, bits, err);
}

/* ---- literals ------------------------------------------------------------------------------ */

/* Texts that equal a literal, and those that may. */
static varve_status or_listed(leaf_question *q, const column *c, uint64_t *listed, uint64_t *open,
                              varve_error *err)
{
    column_run run, open_run = {0, 0};
    for (size_t i = 0; i < q->leaf->value_count; i++) {
        const filter_value *l = &q->leaf->values[i];
        VV_TRY(evaluation_turn(q->e, i, err));
        if (l->v.kind != VALUE_TEXT) continue;
        if (l->datetime)
            VV_TRY(instant_run(c, l->instant, &run, err));
        else
            VV_TRY(text_run(c, l->v.text, &run, &open_run, err));
        VV_TRY(
            question_run(q, c, l->datetime ? COLUMN_INSTANTS : COLUMN_KEYWORDS, run, listed, err));
        VV_TRY(or_keywords(q, c, open_run, open, err));
        open_run = (column_run){0, 0};
    }
    return VARVE_OK;
}

/* One value per row: who is not listed is something else. */
static varve_status or_unlisted(leaf_question *q, const column *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *all = NULL;
    VV_CLEANUP(vv_freep) uint64_t *listed = NULL;
    VV_TRY(bits_new(q->e, &all, err));
    VV_TRY(bits_new(q->e, &listed, err));
    VV_TRY(or_texts(q, c, all, err));
    VV_TRY(or_listed(q, c, listed, listed, err));
    bits_and_not(q->e, all, listed);
    bits_or(q->e, q->sure, all);
    memset(listed, 0, q->e->words * 8);
    return or_listed(q, c, listed, q->open, err);
}

/* ---- walking ------------------------------------------------------------------------------- */

typedef truth keyword_truth(const void *context, varve_text keyword);

typedef struct keyword_walk {
    leaf_question *q;
    const column *c;
    keyword_truth *judge;
    const void *context;
    column_run found, open; /* not yet read */
    uint32_t seen;
} keyword_walk;

/* Add keyword i to a run, which is read before it ends elsewhere. */
static varve_status extend(keyword_walk *w, column_run *run, uint32_t i, uint64_t *bits,
                           varve_error *err)
{
    if (run->end != i || run->first == run->end) {
        VV_TRY(or_keywords(w->q, w->c, *run, bits, err));
        run->first = i;
    }
    run->end = i + 1;
    return VARVE_OK;
}

static varve_status visit_keyword(void *context, uint32_t i, varve_text keyword, varve_error *err)
{
    keyword_walk *w = context;
    if (++w->seen % DEADLINE_STEP == 0) VV_TRY(evaluation_late(w->q->e, err));
    if (column_keyword_is_cut(keyword)) return extend(w, &w->open, i, w->q->open, err);
    if (w->judge(w->context, keyword) < w->q->threshold) return VARVE_OK;
    return extend(w, &w->found, i, w->q->sure, err);
}

static varve_status walk_run(leaf_question *q, const column *c, column_run run,
                             keyword_truth *judge, const void *context, varve_error *err)
{
    keyword_walk w = {.q = q, .c = c, .judge = judge, .context = context};
    VV_TRY(column_walk_keywords(c, run, visit_keyword, &w, err));
    VV_TRY(or_keywords(q, c, w.found, q->sure, err));
    return or_keywords(q, c, w.open, q->open, err);
}

static truth judge_leaf(const void *leaf, varve_text keyword)
{
    value v = {.kind = VALUE_TEXT, .text = keyword};
    return filter_leaf_value(leaf, &v);
}

static varve_status walk_pattern(leaf_question *q, const column *c, varve_error *err)
{
    column_run all = {0, c->tables[COLUMN_KEYWORDS].count};
    if (q->leaf->op == FILTER_TOKENS || q->e->candidates * WALK_FACTOR < all.end)
        return or_texts(q, c, q->open, err);
    return walk_run(q, c, all, judge_leaf, q->leaf, err);
}

static truth judge_plain(const void *none, varve_text keyword)
{
    int64_t instant;
    (void)none;
    return value_datetime(keyword, &instant) ? TRUTH_FALSE : TRUTH_TRUE;
}

/* ---- literals, several values per row -------------------------------------------------------- */

static bool lists_instants(const filter_node *leaf)
{
    for (size_t i = 0; i < leaf->value_count; i++)
        if (leaf->values[i].datetime) return true;
    return false;
}

static int compare_runs(const void *x, const void *y)
{
    const column_run *a = x, *b = y;
    return (a->first > b->first) - (a->first < b->first);
}

/* What lies between the keywords of the literals. Those that are open count as between, and may
 * make rows that are not: all of it is open then. */
static varve_status or_between(leaf_question *q, const column *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) column_run *runs = malloc((q->leaf->value_count + 1) * sizeof *runs);
    column_run open, gap = {0, 0};
    size_t count = 0;
    if (!runs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    for (size_t i = 0; i < q->leaf->value_count; i++) {
        VV_TRY(evaluation_turn(q->e, i, err));
        if (q->leaf->values[i].v.kind != VALUE_TEXT) continue;
        VV_TRY(text_run(c, q->leaf->values[i].v.text, &runs[count], &open, err));
        VV_TRY(or_keywords(q, c, open, q->open, err));
        if (open.first < open.end) runs[count] = open;
        count += runs[count].first < runs[count].end;
    }
    qsort(runs, count, sizeof *runs, compare_runs);
    for (size_t i = 0; i <= count; i++) {
        gap.end = i < count ? runs[i].first : c->tables[COLUMN_KEYWORDS].count;
        VV_TRY(evaluation_turn(q->e, i, err));
        VV_TRY(or_keywords(q, c, gap, q->sure, err));
        if (i < count) gap.first = VV_MAX(gap.first, runs[i].end);
    }
    return VARVE_OK;
}

/* Of two lists the shorter one is walked. */
static varve_status equal_texts(leaf_question *q, const column *c, varve_error *err)
{
    column_run all = {0, c->tables[COLUMN_KEYWORDS].count};
    if (all.end < q->leaf->value_count) return walk_run(q, c, all, judge_leaf, q->leaf, err);
    return or_listed(q, c, q->sure, q->open, err);
}

static varve_status except_texts(leaf_question *q, const column *c, varve_error *err)
{
    column_run all = {0, c->tables[COLUMN_KEYWORDS].count};
    if (c->single) return or_unlisted(q, c, err);
    if (c->kinds[COLUMN_DATETIME].count == 0 || !lists_instants(q->leaf))
        return or_between(q, c, err);
    return walk_run(q, c, all, judge_leaf, q->leaf, err);
}

/* ---- ranges -------------------------------------------------------------------------------- */

/* The plain ones of a run. */
static varve_status or_plain(leaf_question *q, const column *c, column_run run, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *found = NULL;
    VV_CLEANUP(vv_freep) uint64_t *dated = NULL;
    if (c->kinds[COLUMN_PLAIN].count == 0) return VARVE_OK;
    if (c->kinds[COLUMN_DATETIME].count == 0) return or_keywords(q, c, run, q->sure, err);
    if (!c->single) return walk_run(q, c, run, judge_plain, NULL, err);
    VV_TRY(bits_new(q->e, &found, err));
    VV_TRY(bits_new(q->e, &dated, err));
    VV_TRY(or_keywords(q, c, run, found, err));
    VV_TRY(question_kind(q, c, COLUMN_DATETIME, dated, err));
    bits_and_not(q->e, found, dated);
    bits_or(q->e, q->sure, found);
    return VARVE_OK;
}

static varve_status range_texts(leaf_question *q, const column *c, varve_error *err)
{
    const filter_range *r = &q->leaf->range;
    bool instants = range_is_of_instants(r);
    column_run run, open[2];
    if (r->kind == RANGE_NUMBER)
        return q->threshold == TRUTH_TRUE ? VARVE_OK : or_texts(q, c, q->sure, err);
    if (instants) {
        VV_TRY(instant_range_run(c, r, &run, err));
        VV_TRY(question_run(q, c, COLUMN_INSTANTS, run, q->sure, err));
    }
    if (r->kind == RANGE_DATETIME)
        return q->threshold == TRUTH_TRUE ? VARVE_OK
                                          : question_kind(q, c, COLUMN_PLAIN, q->sure, err);
    VV_TRY(text_range_run(c, r, &run, open, err));
    VV_TRY(or_keywords(q, c, open[0], q->open, err));
    VV_TRY(or_keywords(q, c, open[1], q->open, err));
    return instants ? or_plain(q, c, run, err) : or_keywords(q, c, run, q->sure, err);
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status prefix_texts(leaf_question *q, const column *c, varve_error *err)
{
    column_run run, open;
    if (q->leaf->ignore_case) return walk_pattern(q, c, err);
    VV_TRY(prefix_run(c, q->leaf->pattern, &run, &open, err));
    VV_TRY(or_keywords(q, c, open, q->open, err));
    return or_keywords(q, c, run, q->sure, err);
}

varve_status texts_rows(leaf_question *q, const column *c, varve_error *err)
{
    if (c->tables[COLUMN_KEYWORDS].count == 0) return VARVE_OK;
    switch (q->leaf->op) {
    case FILTER_EQUAL: return equal_texts(q, c, err);
    case FILTER_EXCEPT: return except_texts(q, c, err);
    case FILTER_RANGE: return range_texts(q, c, err);
    case FILTER_PREFIX: return prefix_texts(q, c, err);
    case FILTER_LIKE:
    case FILTER_SUBSTRING:
    case FILTER_REGEX:
    case FILTER_TOKENS: return walk_pattern(q, c, err);
    default: return q->threshold == TRUTH_TRUE ? VARVE_OK : or_texts(q, c, q->sure, err);
    }
}
