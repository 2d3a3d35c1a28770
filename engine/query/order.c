/* order.c — see order.h. Rows are gathered until there are twice as many as are kept, and some;
 * then they are sorted and cut. */
#include "query/order_inner.h"

#include "base/bytes.h"
#include "record/id.h"

#include <math.h>
#include <stdlib.h>

#define SLACK      1024
#define CHECK_ROWS 256
#define TEXT_MAX   ((size_t)16 << 20)

static void ordering_done(ordering *o)
{
    arena_done(&o->memory);
    buffer_done(&o->scratch);
    free(o->rows);
}

void ordered_rows_done(ordered_rows *r)
{
    free(r->rows);
    *r = (ordered_rows){0};
}

/* ---- values -------------------------------------------------------------------------------- */

static int compare_values(const order_value *a, const order_value *b)
{
    if (a->instant != b->instant) return a->instant ? 1 : -1;
    if (a->key.key != b->key.key) return a->key.key < b->key.key ? -1 : 1;
    return (a->key.residual > b->key.residual) - (a->key.residual < b->key.residual);
}

double order_about(const value *v)
{
    if (v->kind == VALUE_INT) return (double)v->integer;
    return v->kind == VALUE_UINT ? (double)v->big : v->real;
}

/* false: neither a number nor a date-time. */
static bool value_of(varve_text raw, buffer *scratch, order_value *ret)
{
    const char *at = raw.data;
    int64_t instant;
    value v;
    if (raw.len == 0 || raw.data[0] == '[' || raw.data[0] == '{') return false;
    if (!value_read(&at, raw.data + raw.len, scratch, &v)) return false;
    if (value_is_number(&v)) {
        *ret = (order_value){false, column_key_number(&v), order_about(&v)};
        return true;
    }
    if (v.kind != VALUE_TEXT || !value_datetime(v.text, &instant)) return false;
    *ret = (order_value){true, column_key_instant(instant), (double)instant / 1e6};
    return true;
}

int order_compare(const ordering *o, const order_value *a, const order_value *b)
{
    int order = compare_values(a, b);
    return o->request->descending ? -order : order;
}

static void take_value(ordering *o, varve_text raw)
{
    order_value v;
    if (!value_of(raw, &o->scratch, &v)) return;
    if (o->starts && order_compare(o, &v, &o->start) < 0) return;
    if (!o->found || order_compare(o, &v, &o->value) < 0) o->value = v;
    o->found = true;
}

static bool visit(void *context, varve_text raw)
{
    ordering *o = context;
    varve_text element;
    const char *at = raw.data + 1;
    take_value(o, raw);
    if (raw.len == 0 || raw.data[0] != '[') return true;
    while (value_next_element(&at, raw.data + raw.len, &element))
        take_value(o, element);
    return true;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int compare_ids(const ordered_row *a, const ordered_row *b)
{
    return id_key_compare(a->id_key, a->id_key_len, b->id_key, b->id_key_len);
}

static int compare_ascending(const void *a, const void *b)
{
    const ordered_row *x = a, *y = b;
    int order = compare_values(&x->value, &y->value);
    return order ? order : compare_ids(x, y);
}

static int compare_descending(const void *a, const void *b)
{
    const ordered_row *x = a, *y = b;
    int order = -compare_values(&x->value, &y->value);
    return order ? order : compare_ids(x, y);
}

static void cut(ordering *o)
{
    size_t keep = o->request->keep;
    if (o->count == 0) return;
    qsort(o->rows, o->count, sizeof *o->rows,
          o->request->descending ? compare_descending : compare_ascending);
    o->count = VV_MIN(o->count, keep);
    o->bounded = o->count == keep;
    if (o->bounded) o->worst = o->rows[keep - 1].value;
}

varve_status order_add(ordering *o, row_place place, const order_value *value, varve_error *err)
{
    ordered_row row = {.value = *value, .place = place};
    if (o->bounded && order_compare(o, value, &o->worst) > 0) return VARVE_OK;
    if (o->count == o->most) cut(o);
    if (o->count == o->room) {
        size_t room = VV_MIN(o->most, VV_MAX((size_t)256, 2 * o->room));
        ordered_row *larger = realloc(o->rows, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", room);
        o->rows = larger;
        o->room = room;
    }
    VV_TRY(
        source_id_key(&o->v->sources[place.source], place.slot, &row.id_key, &row.id_key_len, err));
    o->rows[o->count++] = row;
    return VARVE_OK;
}

static varve_status look_at(ordering *o, row_place place, varve_error *err)
{
    varve_text fields;
    VV_TRY(source_fields(&o->v->sources[place.source], place.slot, &fields, err));
    o->found = false;
    path_walk(&o->path, fields, visit, o);
    return o->found ? order_add(o, place, &o->value, err) : VARVE_OK;
}

static varve_status look_at_rows(ordering *o, const row_stretch *s, varve_error *err)
{
    for (uint32_t slot = 0; row_stretch_next(s, &slot); slot++) {
        if (++o->rows_read % CHECK_ROWS == 0) VV_TRY(query_clock_check(o->clock, err));
        VV_TRY(look_at(o, (row_place){s->source, s->part.first + slot}, err));
    }
    return VARVE_OK;
}

static varve_status look_at_stretch(ordering *o, const row_stretch *s, varve_error *err)
{
    bool done = false;
    VV_TRY(query_clock_check(o->clock, err));
    if (s->count > 0 && !o->request->by_rows) VV_TRY(order_by_columns(o, s, &done, err));
    return done ? VARVE_OK : look_at_rows(o, s, err);
}

static varve_status look_at_all(ordering *o, const row_bits *rows, varve_error *err)
{
    row_stretch s;
    for (size_t i = 0; i < rows->v->source_count; i++) {
        for (size_t part = 0; part < source_part_count(&rows->v->sources[i]); part++) {
            VV_TRY(row_stretch_get(rows, i, part, &s, err));
            VV_TRY(look_at_stretch(o, &s, err));
        }
    }
    return VARVE_OK;
}

static varve_status take_start(ordering *o, varve_error *err)
{
    if (!o->request->start_from.data) return VARVE_OK;
    if (!value_of(o->request->start_from, &o->scratch, &o->start))
        return vv_fail(err, VARVE_INVALID, "start_from: neither a number nor a date-time");
    o->starts = true;
    return VARVE_OK;
}

varve_status order_rows(const row_bits *rows, const order_request *request,
                        const query_clock *clock, ordered_rows *ret, varve_error *err)
{
    VV_CLEANUP(ordering_done) ordering o = {.v = rows->v, .request = request, .clock = clock};
    varve_text text = {request->path, strlen(request->path)};
    arena_init(&o.memory, TEXT_MAX, "order_by");
    buffer_init(&o.scratch, TEXT_MAX, "text of a field");
    VV_TRY(path_parse(text, &o.memory, &o.path, err));
    VV_TRY(take_start(&o, err));
    o.most = request->keep + VV_MAX(request->keep, (size_t)SLACK);
    if (request->keep > 0) VV_TRY(look_at_all(&o, rows, err));
    cut(&o);
    *ret = (ordered_rows){o.rows, o.count, o.postings, o.rows_read};
    o.rows = NULL;
    return VARVE_OK;
}
