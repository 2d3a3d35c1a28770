/* order_columns.c — rows in the order of a column's values: the values of up to four tables
 * (numbers and instants, of the path and of the elements of its arrays) are merged, the first in
 * the direction first, until there are as many rows as are kept. A row counts where it is met
 * first. */
#include "query/order_inner.h"

#include "base/bytes.h"

#include <stdlib.h>

#define RUNS_MAX   4
#define CHECK_ROWS 256 /* values and slots between two looks at the clock */

typedef struct run { /* values [first, end) of a table that are left; `value` comes next */
    column_cursor *cursor;
    bool instants;
    uint32_t first, end;
    order_value value;
} run;

typedef struct merging {
    ordering *o;
    const row_stretch *s;
    run runs[RUNS_MAX];
    size_t run_count;
    uint64_t *seen; /* a bit per row */
    uint64_t taken, turns;
    const order_value *value; /* in hand */
} merging;

static void merging_done(merging *m)
{
    for (size_t i = 0; i < m->run_count; i++) {
        m->o->postings += column_cursor_postings(m->runs[i].cursor);
        column_cursor_free(m->runs[i].cursor);
    }
    free(m->seen);
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* The value of a run that comes next. */
static varve_status load(const merging *m, run *r, varve_error *err)
{
    uint32_t i = m->o->request->descending ? r->end - 1 : r->first;
    column_key key;
    if (r->first == r->end) return VARVE_OK;
    VV_TRY(column_cursor_key(r->cursor, i, &key, err));
    r->value = (order_value){.instant = r->instants, .key = key};
    if (r->instants) {
        r->value.about = (double)column_instant_of_key(key) / 1e6;
    } else {
        value number = column_number_of_key(key);
        r->value.about = order_about(&number);
    }
    return VARVE_OK;
}

/* Values before the start are left out: numbers come before instants. */
static varve_status cut_at_start(const ordering *o, const column *c, column_table table,
                                 column_run *values, varve_error *err)
{
    bool instants = table == COLUMN_INSTANTS, descending = o->request->descending;
    uint32_t at;
    if (!o->starts) return VARVE_OK;
    if (instants != o->start.instant) {
        if (instants == descending) values->first = values->end;
        return VARVE_OK;
    }
    VV_TRY(column_seek(c, table, o->start.key, descending ? COLUMN_BEHIND : COLUMN_AT, &at, err));
    if (descending)
        values->end = at;
    else
        values->first = at;
    return VARVE_OK;
}

static varve_status add_run(merging *m, const column *c, column_table table, uint64_t *slots,
                            varve_error *err)
{
    column_run values = {0, c->tables[table].count};
    uint64_t more;
    if (values.end == 0) return VARVE_OK;
    VV_TRY(cut_at_start(m->o, c, table, &values, err));
    if (values.first >= values.end) return VARVE_OK;
    VV_TRY(column_run_slots(c, table, values, &more, err));
    *slots += more;
    run *r = &m->runs[m->run_count];
    *r = (run){.instants = table == COLUMN_INSTANTS, .first = values.first, .end = values.end};
    VV_TRY(column_cursor_new(c, table, &r->cursor, err));
    m->run_count++;
    return load(m, r, err);
}

static varve_status add_runs(merging *m, const path_columns *c, uint64_t *slots, varve_error *err)
{
    static const column_table tables[] = {COLUMN_NUMBERS, COLUMN_INSTANTS};
    for (size_t i = 0; i < VV_COUNT(tables); i++) {
        if (c->there) VV_TRY(add_run(m, &c->at, tables[i], slots, err));
        if (c->each_there) VV_TRY(add_run(m, &c->each, tables[i], slots, err));
    }
    return VARVE_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static varve_status visit_slot(void *context, uint32_t slot, varve_error *err)
{
    merging *m = context;
    uint64_t bit = UINT64_C(1) << (slot % 64), *seen = &m->seen[slot / 64];
    if (++m->turns % CHECK_ROWS == 0) VV_TRY(query_clock_check(m->o->clock, err));
    if (!(m->s->wanted[slot / 64] & bit) || (*seen & bit)) return VARVE_OK;
    *seen |= bit;
    m->taken++;
    return order_add(m->o, (row_place){m->s->source, m->s->part.first + slot}, m->value, err);
}

static run *next_run(merging *m)
{
    run *best = NULL;
    for (size_t i = 0; i < m->run_count; i++) {
        run *r = &m->runs[i];
        if (r->first == r->end) continue;
        if (!best || order_compare(m->o, &r->value, &best->value) < 0) best = r;
    }
    return best;
}

/* Is what comes behind the last value taken of no use? Rows that tie with it are decided by id. */
static bool is_enough(const merging *m, const order_value *last, const order_value *next)
{
    const ordering *o = m->o;
    if (m->taken == m->s->count) return true;
    if (o->bounded && order_compare(o, next, &o->worst) > 0) return true;
    return m->taken >= o->request->keep && order_compare(o, next, last) != 0;
}

static varve_status merge(merging *m, varve_error *err)
{
    bool descending = m->o->request->descending;
    order_value last = {0};
    for (run *r; (r = next_run(m)) != NULL;) {
        order_value now = r->value;
        if (is_enough(m, &last, &now)) return VARVE_OK;
        if (++m->turns % CHECK_ROWS == 0) VV_TRY(query_clock_check(m->o->clock, err));
        m->value = &now;
        VV_TRY(
            column_cursor_slots(r->cursor, descending ? r->end - 1 : r->first, visit_slot, m, err));
        r->first += !descending;
        r->end -= descending;
        VV_TRY(load(m, r, err));
        last = now;
    }
    return VARVE_OK;
}

/* Where few rows of many are wanted, many values are passed before there are enough of them. */
static bool is_cheaper(const merging *m, uint64_t slots)
{
    double rows = (double)m->s->count, passed = (double)slots;
    double wanted = 2 * (double)m->o->request->keep;
    if (wanted < rows) passed = passed / rows * wanted;
    return passed <= rows * ROW_COST;
}

varve_status order_by_columns(ordering *o, const row_stretch *s, bool *ret_done, varve_error *err)
{
    VV_CLEANUP(merging_done) merging m = {.o = o, .s = s};
    path_columns found;
    uint64_t slots = 0;
    *ret_done = false;
    bool usable;
    VV_TRY(path_columns_find(s->part.images.columns, &o->path, &found, &usable, err));
    if (!usable) return VARVE_OK;
    VV_TRY(add_runs(&m, &found, &slots, err));
    if (!is_cheaper(&m, slots)) return VARVE_OK;
    *ret_done = true;
    if (m.run_count == 0) return VARVE_OK;
    m.seen = calloc(s->part.rows / 64 + 1, sizeof *m.seen);
    if (!m.seen) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an order");
    return merge(&m, err);
}
