/* facets_columns.c — the values of a stretch by its columns: each distinct value once, with the
 * number of its rows that are wanted. Texts that are longer than keywords are counted by row. */
#include "query/facets_inner.h"

#include "base/bytes.h"

#include <stdlib.h>

#define VALUE_COST 4 /* a value to print and find again costs as much as so many postings */
#define CHECK_ROWS 256

typedef struct tallying {
    counting *c;
    const row_stretch *s;
    column_cursor *cursor; /* of the table in hand */
    uint64_t *open;        /* rows with a text that is cut */
    uint64_t turns, postings;
} tallying;

static void tallying_done(tallying *t)
{
    if (t->cursor) t->postings += column_cursor_postings(t->cursor);
    column_cursor_free(t->cursor);
    t->c->out->postings += t->postings;
    free(t->open);
}

static varve_status open_table(tallying *t, const column *c, column_table table, varve_error *err)
{
    if (t->cursor) t->postings += column_cursor_postings(t->cursor);
    column_cursor_free(t->cursor);
    t->cursor = NULL;
    return column_cursor_new(c, table, &t->cursor, err);
}

/* ---- values -------------------------------------------------------------------------------- */

static varve_status add(tallying *t, const value *v, uint64_t rows, varve_error *err)
{
    facet *f;
    if (rows == 0) return VARVE_OK;
    VV_TRY(facet_of(t->c, v, &f, err));
    f->rows += rows;
    return VARVE_OK;
}

static varve_status count_boolean(tallying *t, const column *c, bool yes, varve_error *err)
{
    uint64_t words = ((uint64_t)t->s->part.rows + 63) / 64, rows = 0;
    value v = {.kind = VALUE_BOOL, .boolean = yes};
    if (c->kinds[yes ? COLUMN_TRUE : COLUMN_FALSE].count == 0) return VARVE_OK;
    VV_CLEANUP(vv_freep) uint64_t *bits = calloc(words + 1, sizeof *bits);
    if (!bits) return vv_fail(err, VARVE_NO_MEMORY, "no memory for facets");
    VV_TRY(column_or_kind(c, yes ? COLUMN_TRUE : COLUMN_FALSE, bits, &t->postings, err));
    for (uint64_t i = 0; i < words; i++)
        rows += (uint64_t)__builtin_popcountll(bits[i] & t->s->wanted[i]);
    return add(t, &v, rows, err);
}

static varve_status count_numbers(tallying *t, const column *c, varve_error *err)
{
    uint32_t count = c->tables[COLUMN_NUMBERS].count;
    if (count == 0) return VARVE_OK;
    VV_TRY(open_table(t, c, COLUMN_NUMBERS, err));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t rows;
        column_key key;
        if (++t->turns % CHECK_ROWS == 0) VV_TRY(query_clock_check(t->c->clock, err));
        VV_TRY(column_cursor_count(t->cursor, i, t->s->wanted, &rows, err));
        if (rows == 0) continue;
        VV_TRY(column_cursor_key(t->cursor, i, &key, err));
        value v = column_number_of_key(key);
        VV_TRY(add(t, &v, rows, err));
    }
    return VARVE_OK;
}

static varve_status open_row(void *context, uint32_t slot, varve_error *err)
{
    tallying *t = context;
    (void)err;
    t->open[slot / 64] |= UINT64_C(1) << (slot % 64) & t->s->wanted[slot / 64];
    return VARVE_OK;
}

static varve_status count_keyword(void *context, uint32_t i, varve_text keyword, varve_error *err)
{
    tallying *t = context;
    uint64_t rows;
    value v = {.kind = VALUE_TEXT, .text = keyword};
    if (++t->turns % CHECK_ROWS == 0) VV_TRY(query_clock_check(t->c->clock, err));
    if (column_keyword_is_cut(keyword)) return column_cursor_slots(t->cursor, i, open_row, t, err);
    VV_TRY(column_cursor_count(t->cursor, i, t->s->wanted, &rows, err));
    return add(t, &v, rows, err);
}

static varve_status count_texts(tallying *t, const column *c, varve_error *err)
{
    column_run all = {0, c->tables[COLUMN_KEYWORDS].count};
    if (all.end == 0) return VARVE_OK;
    VV_TRY(open_table(t, c, COLUMN_KEYWORDS, err));
    return column_walk_keywords(c, all, count_keyword, t, err);
}

static varve_status count_column(tallying *t, const column *c, varve_error *err)
{
    VV_TRY(count_boolean(t, c, false, err));
    VV_TRY(count_boolean(t, c, true, err));
    VV_TRY(count_numbers(t, c, err));
    return count_texts(t, c, err);
}

/* ---- a stretch ----------------------------------------------------------------------------- */

static varve_status add_cost(const column *c, double *cost, varve_error *err)
{
    static const column_table tables[] = {COLUMN_NUMBERS, COLUMN_KEYWORDS};
    for (size_t i = 0; i < VV_COUNT(tables); i++) {
        column_run all = {0, c->tables[tables[i]].count};
        uint64_t slots;
        if (all.end == 0) continue;
        VV_TRY(column_run_slots(c, tables[i], all, &slots, err));
        *cost += (double)slots + (double)all.end * VALUE_COST;
    }
    return VARVE_OK;
}

static varve_status count_open(const tallying *t, varve_error *err)
{
    row_stretch open = *t->s;
    open.wanted = t->open;
    for (uint32_t slot = 0; row_stretch_next(&open, &slot); slot++)
        VV_TRY(facets_count_row(t->c, &open, slot, true, err));
    return VARVE_OK;
}

varve_status facets_by_columns(counting *c, const row_stretch *s, bool *ret_done, varve_error *err)
{
    VV_CLEANUP(tallying_done) tallying t = {.c = c, .s = s};
    path_columns found;
    double cost = 0;
    bool usable;
    VV_TRY(path_columns_find(s->part.images.columns, &c->path, &found, &usable, err));
    /* A row may have a value both by itself and within an array only where it has several. */
    if (!usable || (found.each_there && !found.at.single)) return VARVE_OK;
    if (found.there) VV_TRY(add_cost(&found.at, &cost, err));
    if (found.each_there) VV_TRY(add_cost(&found.each, &cost, err));
    if (cost > (double)s->count * ROW_COST) return VARVE_OK;
    t.open = calloc(s->part.rows / 64 + 1, sizeof *t.open);
    if (!t.open) return vv_fail(err, VARVE_NO_MEMORY, "no memory for facets");
    if (found.there) VV_TRY(count_column(&t, &found.at, err));
    if (found.each_there) VV_TRY(count_column(&t, &found.each, err));
    *ret_done = true;
    return count_open(&t, err);
}
