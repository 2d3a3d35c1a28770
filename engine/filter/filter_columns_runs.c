/* filter_columns_runs.c — where literals and ranges are in the sorted values of a column. */
#include "filter/filter_columns_inner.h"

bool range_is_of_instants(const filter_range *r)
{
    if (r->kind != RANGE_TEXT) return r->kind == RANGE_DATETIME;
    return (r->has_low || r->has_high) && (!r->has_low || r->low.datetime) &&
           (!r->has_high || r->high.datetime);
}

static column_seek_to seek_low(const filter_range *r)
{
    return r->low_open ? COLUMN_BEHIND : COLUMN_AT;
}
static column_seek_to seek_high(const filter_range *r)
{
    return r->high_open ? COLUMN_AT : COLUMN_BEHIND;
}

static varve_status keys_run(const column *c, column_table table, const filter_range *r,
                             column_key low, column_key high, column_run *ret, varve_error *err)
{
    column_run run = {0, c->tables[table].count};
    if (r->has_low) VV_TRY(column_seek(c, table, low, seek_low(r), &run.first, err));
    if (r->has_high) VV_TRY(column_seek(c, table, high, seek_high(r), &run.end, err));
    *ret = run;
    return VARVE_OK;
}

static varve_status key_run(const column *c, column_table table, column_key key, column_run *ret,
                            varve_error *err)
{
    VV_TRY(column_seek(c, table, key, COLUMN_AT, &ret->first, err));
    return column_seek(c, table, key, COLUMN_BEHIND, &ret->end, err);
}

varve_status number_range_run(const column *c, const filter_range *r, column_run *ret,
                              varve_error *err)
{
    column_key low = {0}, high = {0};
    if (r->has_low) low = column_key_number(&r->low.v);
    if (r->has_high) high = column_key_number(&r->high.v);
    return keys_run(c, COLUMN_NUMBERS, r, low, high, ret, err);
}

varve_status number_run(const column *c, const value *number, column_run *ret, varve_error *err)
{
    return key_run(c, COLUMN_NUMBERS, column_key_number(number), ret, err);
}

varve_status instant_range_run(const column *c, const filter_range *r, column_run *ret,
                               varve_error *err)
{
    return keys_run(c, COLUMN_INSTANTS, r, column_key_instant(r->low.instant),
                    column_key_instant(r->high.instant), ret, err);
}

varve_status instant_run(const column *c, int64_t instant, column_run *ret, varve_error *err)
{
    return key_run(c, COLUMN_INSTANTS, column_key_instant(instant), ret, err);
}

/* ---- texts --------------------------------------------------------------------------------- */

static varve_text cut(varve_text text)
{
    text.len = VV_MIN(text.len, (size_t)COLUMN_KEYWORD_BYTES + 1);
    return text;
}

/* The keywords that are equal to text as far as they go. */
static varve_status equal_run(const column *c, varve_text text, column_run *ret, varve_error *err)
{
    VV_TRY(column_seek_keyword(c, cut(text), COLUMN_AT, &ret->first, err));
    return column_seek_keyword(c, cut(text), COLUMN_BEHIND, &ret->end, err);
}

varve_status text_run(const column *c, varve_text text, column_run *ret, column_run *ret_open,
                      varve_error *err)
{
    column_run run;
    VV_TRY(equal_run(c, text, &run, err));
    bool open = text.len > COLUMN_KEYWORD_BYTES;
    *ret = open ? (column_run){0, 0} : run;
    *ret_open = open ? run : (column_run){0, 0};
    return VARVE_OK;
}

varve_status prefix_run(const column *c, varve_text prefix, column_run *ret, column_run *ret_open,
                        varve_error *err)
{
    column_run run;
    bool open = prefix.len > (size_t)COLUMN_KEYWORD_BYTES + 1;
    VV_TRY(column_seek_keyword(c, cut(prefix), COLUMN_AT, &run.first, err));
    VV_TRY(column_seek_keyword(c, cut(prefix), COLUMN_BEHIND_PREFIX, &run.end, err));
    *ret = open ? (column_run){0, 0} : run;
    *ret_open = open ? run : (column_run){0, 0};
    return VARVE_OK;
}

varve_status text_range_run(const column *c, const filter_range *r, column_run *ret,
                            column_run ret_open[2], varve_error *err)
{
    column_run run = {0, c->tables[COLUMN_KEYWORDS].count}, open[2] = {{0, 0}, {0, 0}};
    varve_text low = r->low.v.text, high = r->high.v.text;
    if (r->has_low && low.len > COLUMN_KEYWORD_BYTES) {
        VV_TRY(equal_run(c, low, &open[0], err));
        run.first = open[0].end;
    } else if (r->has_low) {
        VV_TRY(column_seek_keyword(c, low, seek_low(r), &run.first, err));
    }
    if (r->has_high && high.len > COLUMN_KEYWORD_BYTES) {
        VV_TRY(equal_run(c, high, &open[1], err));
        run.end = open[1].first;
    } else if (r->has_high) {
        VV_TRY(column_seek_keyword(c, high, seek_high(r), &run.end, err));
    }
    *ret = run;
    ret_open[0] = open[0];
    ret_open[1] = open[1];
    return VARVE_OK;
}
