/* filter_columns_values.c — a leaf against the numbers, lengths and points of one column. */
#include "filter/filter_columns_inner.h"

#include <math.h>
#include <stdlib.h>

#define LON_MAX 180
#define LAT_MAX 90

varve_status question_kind(leaf_question *q, const column *c, column_kind kind, uint64_t *bits,
                           varve_error *err)
{
    return column_or_kind(c, kind, bits, &q->e->work->postings, err);
}

varve_status question_run(leaf_question *q, const column *c, column_table table, column_run run,
                          uint64_t *bits, varve_error *err)
{
    return column_or_run(c, table, run, bits, &q->e->work->postings, err);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static int compare_runs(const void *x, const void *y)
{
    const column_run *a = x, *b = y;
    return (a->first > b->first) - (a->first < b->first);
}

/* The runs of all literals that are numbers. */
static varve_status listed_runs(const leaf_question *q, const column *c, column_run *runs,
                                size_t *ret, varve_error *err)
{
    *ret = 0;
    for (size_t i = 0; i < q->leaf->value_count; i++) {
        const value *v = &q->leaf->values[i].v;
        VV_TRY(evaluation_turn(q->e, i, err));
        if (!value_is_number(v)) continue;
        VV_TRY(number_run(c, v, &runs[*ret], err));
        *ret += runs[*ret].first < runs[*ret].end;
    }
    return VARVE_OK;
}

static varve_status or_runs(leaf_question *q, const column *c, const column_run *runs, size_t count,
                            uint64_t *bits, varve_error *err)
{
    for (size_t i = 0; i < count; i++) {
        VV_TRY(evaluation_turn(q->e, i, err));
        VV_TRY(question_run(q, c, COLUMN_NUMBERS, runs[i], bits, err));
    }
    return VARVE_OK;
}

/* ---- by the rest ---------------------------------------------------------------------------- */

/* Where no slot has two values, those of some runs are the slots of the kind without those of the
 * other runs, which are taken when they are fewer. */
static varve_status or_rest(leaf_question *q, const column *c, column_kind kind,
                            const uint64_t *others, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *all = NULL;
    VV_TRY(bits_new(q->e, &all, err));
    VV_TRY(question_kind(q, c, kind, all, err));
    bits_and_not(q->e, all, others);
    bits_or(q->e, q->sure, all);
    return VARVE_OK;
}

varve_status question_range(leaf_question *q, const column *c, column_kind kind, column_table table,
                            column_run run, varve_error *err)
{
    uint64_t slots = 0;
    if (c->single) VV_TRY(column_run_slots(c, table, run, &slots, err));
    if (slots <= c->kinds[kind].count / 2) return question_run(q, c, table, run, q->sure, err);
    VV_CLEANUP(vv_freep) uint64_t *others = NULL;
    const column_run below = {0, run.first}, above = {run.end, c->tables[table].count};
    VV_TRY(bits_new(q->e, &others, err));
    VV_TRY(question_run(q, c, table, below, others, err));
    VV_TRY(question_run(q, c, table, above, others, err));
    return or_rest(q, c, kind, others, err);
}

static varve_status or_between(leaf_question *q, const column *c, column_run *runs, size_t count,
                               varve_error *err)
{
    column_run gap = {0, 0};
    qsort(runs, count, sizeof *runs, compare_runs);
    for (size_t i = 0; i < count; i++) {
        gap.end = runs[i].first;
        VV_TRY(evaluation_turn(q->e, i, err));
        VV_TRY(question_run(q, c, COLUMN_NUMBERS, gap, q->sure, err));
        gap.first = runs[i].end;
    }
    gap.end = c->tables[COLUMN_NUMBERS].count;
    return question_run(q, c, COLUMN_NUMBERS, gap, q->sure, err);
}

static varve_status or_other_than(leaf_question *q, const column *c, const column_run *runs,
                                  size_t count, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *others = NULL;
    VV_TRY(bits_new(q->e, &others, err));
    VV_TRY(or_runs(q, c, runs, count, others, err));
    return or_rest(q, c, COLUMN_NUMBER, others, err);
}

static varve_status listed_numbers(leaf_question *q, const column *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) column_run *runs = malloc((q->leaf->value_count + 1) * sizeof *runs);
    size_t count;
    if (!runs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a filter");
    VV_TRY(listed_runs(q, c, runs, &count, err));
    if (q->leaf->op == FILTER_EQUAL) return or_runs(q, c, runs, count, q->sure, err);
    if (count == 0) return question_kind(q, c, COLUMN_NUMBER, q->sure, err);
    return c->single ? or_other_than(q, c, runs, count, err) : or_between(q, c, runs, count, err);
}

varve_status numbers_rows(leaf_question *q, const column *c, varve_error *err)
{
    column_run run;
    if (c->kinds[COLUMN_NUMBER].count == 0) return VARVE_OK;
    if (q->leaf->op == FILTER_EQUAL || q->leaf->op == FILTER_EXCEPT)
        return listed_numbers(q, c, err);
    if (q->leaf->op == FILTER_RANGE && q->leaf->range.kind == RANGE_NUMBER) {
        VV_TRY(number_range_run(c, &q->leaf->range, &run, err));
        return question_range(q, c, COLUMN_NUMBER, COLUMN_NUMBERS, run, err);
    }
    if (q->threshold == TRUTH_TRUE) return VARVE_OK;
    return question_kind(q, c, COLUMN_NUMBER, q->sure, err); /* UNKNOWN for all other leaves */
}

/* ---- lengths ------------------------------------------------------------------------------- */

/* A bound among lengths: whole numbers, none below 0. */
static varve_status seek_length(const column *c, const value *bound, column_seek_to to,
                                uint32_t *ret, varve_error *err)
{
    column_key key = {bound->kind == VALUE_UINT ? bound->big : (uint64_t)bound->integer, 0};
    bool below = bound->kind == VALUE_INT && bound->integer < 0;
    if (bound->kind == VALUE_DOUBLE) {
        below = bound->real < 0;
        if (bound->real != floor(bound->real)) to = COLUMN_BEHIND;
        key.key = bound->real < 0x1p32 && !below ? (uint64_t)bound->real : UINT64_C(1) << 32;
    }
    if (!below) return column_seek(c, COLUMN_LENGTHS, key, to, ret, err);
    *ret = 0;
    return VARVE_OK;
}

varve_status lengths_rows(leaf_question *q, const column *c, varve_error *err)
{
    const filter_range *r = &q->leaf->range;
    column_run run = {0, c->tables[COLUMN_LENGTHS].count};
    if (r->has_low)
        VV_TRY(seek_length(c, &r->low.v, r->low_open ? COLUMN_BEHIND : COLUMN_AT, &run.first, err));
    if (r->has_high)
        VV_TRY(seek_length(c, &r->high.v, r->high_open ? COLUMN_AT : COLUMN_BEHIND, &run.end, err));
    return question_run(q, c, COLUMN_LENGTHS, run, q->sure, err);
}

/* ---- points -------------------------------------------------------------------------------- */

typedef struct point_rows {
    const evaluation *e;
    const filter_node *leaf;
    size_t seen;
    uint64_t *inside, *points; /* points: that are some */
} point_rows;

static varve_status visit_point(void *context, uint32_t slot, double lon, double lat,
                                varve_error *err)
{
    point_rows *p = context;
    VV_TRY(evaluation_turn(p->e, p->seen++, err));
    if (!(fabs(lon) <= LON_MAX && fabs(lat) <= LAT_MAX)) return VARVE_OK;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    p->points[slot / 64] |= bit;
    if (filter_geo_contains(p->leaf, (geo_point){lon, lat})) p->inside[slot / 64] |= bit;
    return VARVE_OK;
}

/* An object that is a point is TRUE or FALSE, one that is none UNKNOWN. Where a row has several,
 * one that is a point may hide one that is none. */
varve_status points_rows(leaf_question *q, const column *c, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint64_t *points = NULL;
    VV_CLEANUP(vv_freep) uint64_t *objects = NULL;
    VV_TRY(bits_new(q->e, &points, err));
    point_rows p = {.e = q->e, .leaf = q->leaf, .inside = q->sure, .points = points};
    VV_TRY(column_walk_points(c, visit_point, &p, &q->e->work->postings, err));
    if (q->threshold == TRUTH_TRUE) return VARVE_OK;
    VV_TRY(bits_new(q->e, &objects, err));
    VV_TRY(question_kind(q, c, COLUMN_OBJECT, objects, err));
    if (!c->single) bits_or(q->e, q->open, points);
    bits_and_not(q->e, objects, points);
    bits_or(q->e, q->sure, objects);
    return VARVE_OK;
}
