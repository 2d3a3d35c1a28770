/* facets.c — the distinct values at a path, and how many rows have each. Values that are equal are
 * one, however they are written; an array is looked into; null, arrays and objects are no values. A
 * row counts once for each of its values. */
#include "base/bytes.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "query/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_ROWS   256
#define FACETS_BYTES ((size_t)256 << 20)
#define TEXT_MAX     ((size_t)16 << 20)

typedef struct facet {
    varve_text json;
    value v; /* texts are in the arena */
    uint64_t rows, last_row;
} facet;

struct varve_facets {
    size_t count;
    arena memory; /* of the texts */
    facet *facets;
};

typedef struct counting {
    varve_facets *out;
    size_t room;
    hashmap by_json; /* facet + 1 */
    path path;
    buffer scratch, json;
    uint64_t row; /* in hand, from 1 */
    varve_status status;
    varve_error *err;
} counting;

static void counting_done(counting *c)
{
    hashmap_done(&c->by_json);
    buffer_done(&c->scratch);
    buffer_done(&c->json);
    varve_facets_free(c->out);
}

/* ---- one value ----------------------------------------------------------------------------- */

static varve_status print_number(buffer *out, const value *v, varve_error *err)
{
    if (v->kind == VALUE_INT) return buffer_printf(out, err, "%lld", (long long)v->integer);
    if (v->kind == VALUE_UINT) return json_out_u64(out, v->big, err);
    if (v->real == 0) return buffer_add_text(out, "0", err);
    if (v->real == floor(v->real) && fabs(v->real) < 0x1p53)
        return buffer_printf(out, err, "%.0f", v->real);
    return json_out_double(out, v->real, err);
}

/* The one text of a value: equal values have equal ones. */
static varve_status print_value(buffer *out, const value *v, varve_error *err)
{
    if (v->kind == VALUE_BOOL) return buffer_add_text(out, v->boolean ? "true" : "false", err);
    if (v->kind == VALUE_TEXT) return json_out_string(out, v->text.data, v->text.len, err);
    return print_number(out, v, err);
}

static varve_status facet_new(counting *c, const value *v, facet **ret, varve_error *err)
{
    varve_facets *f = c->out;
    if (f->count == c->room) {
        size_t room = VV_MAX((size_t)64, 2 * c->room);
        facet *larger = realloc(f->facets, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu facets", room);
        f->facets = larger;
        c->room = room;
    }
    facet *made = &f->facets[f->count];
    *made = (facet){.v = *v};
    VV_TRY(arena_text(&f->memory, c->json.data, c->json.len, &made->json, err));
    if (v->kind == VALUE_TEXT)
        VV_TRY(arena_text(&f->memory, v->text.data, v->text.len, &made->v.text, err));
    f->count++;
    if (!hashmap_put(&c->by_json, made->json.data, made->json.len, (void *)(uintptr_t)f->count))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for facets");
    *ret = made;
    return VARVE_OK;
}

static varve_status count_value(counting *c, varve_text raw, varve_error *err)
{
    const char *at = raw.data;
    facet *f;
    value v;
    if (!value_read(&at, raw.data + raw.len, &c->scratch, &v))
        return vv_fail(err, VARVE_CORRUPT, "the fields of a row are malformed");
    if (v.kind != VALUE_BOOL && v.kind != VALUE_TEXT && !value_is_number(&v)) return VARVE_OK;
    buffer_clear(&c->json);
    VV_TRY(print_value(&c->json, &v, err));
    uintptr_t known = (uintptr_t)hashmap_get(&c->by_json, c->json.data, c->json.len);
    if (known)
        f = &c->out->facets[known - 1];
    else
        VV_TRY(facet_new(c, &v, &f, err));
    f->rows += f->last_row != c->row;
    f->last_row = c->row;
    return VARVE_OK;
}

static bool visit(void *context, varve_text raw)
{
    counting *c = context;
    varve_text element;
    const char *at = raw.data + 1;
    c->status = count_value(c, raw, c->err);
    if (raw.len == 0 || raw.data[0] != '[') return c->status == VARVE_OK;
    while (c->status == VARVE_OK && value_next_element(&at, raw.data + raw.len, &element))
        c->status = count_value(c, element, c->err);
    return c->status == VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static int kind_rank(const value *v)
{
    return v->kind == VALUE_BOOL ? 0 : v->kind == VALUE_TEXT ? 2 : 1;
}

static int compare_facets(const void *a, const void *b)
{
    const facet *x = a, *y = b;
    if (x->rows != y->rows) return x->rows > y->rows ? -1 : 1;
    if (kind_rank(&x->v) != kind_rank(&y->v)) return kind_rank(&x->v) - kind_rank(&y->v);
    if (x->v.kind == VALUE_BOOL) return (int)x->v.boolean - (int)y->v.boolean;
    if (x->v.kind == VALUE_TEXT) return value_compare_texts(x->v.text, y->v.text);
    return value_compare_numbers(&x->v, &y->v);
}

static varve_status count_rows(counting *c, const row_bits *rows, const query_clock *clock,
                               varve_error *err)
{
    row_place at = {0, 0};
    varve_text fields;
    c->err = err;
    for (; row_bits_next(rows, &at); at.slot++) {
        if (c->row++ % CHECK_ROWS == 0) VV_TRY(query_clock_check(clock, err));
        VV_TRY(source_fields(&rows->v->sources[at.source], at.slot, &fields, err));
        path_walk(&c->path, fields, visit, c);
        if (c->status != VARVE_OK) return c->status;
    }
    return VARVE_OK;
}

static varve_status counting_init(counting *c, const char *text, varve_error *err)
{
    hashmap_init(&c->by_json);
    buffer_init(&c->scratch, TEXT_MAX, "text of a field");
    buffer_init(&c->json, TEXT_MAX, "text of a field");
    c->out = calloc(1, sizeof *c->out);
    if (!c->out) return vv_fail(err, VARVE_NO_MEMORY, "no memory for facets");
    arena_init(&c->out->memory, FACETS_BYTES, "facets");
    return path_parse((varve_text){text, strlen(text)}, &c->out->memory, &c->path, err);
}

varve_status query_facets(const query_input *in, const char *text,
                          const struct varve_filter *filter, size_t limit, varve_facets **ret,
                          varve_error *err)
{
    VV_CLEANUP(counting_done) counting c = {0};
    VV_CLEANUP(row_bits_done) row_bits rows = {0};
    uint64_t top = in->limits->max_top_k;
    query_clock clock;
    if (top && limit > top)
        return vv_fail(err, VARVE_LIMIT, "limit %zu exceeds limit max_top_k %llu", limit,
                       (unsigned long long)top);
    query_clock_start(&clock, 0, NULL);
    VV_TRY(counting_init(&c, text, err));
    VV_TRY(row_bits_init(&rows, in, filter, false, &clock, err));
    VV_TRY(count_rows(&c, &rows, &clock, err));
    if (c.out->count > 0)
        qsort(c.out->facets, c.out->count, sizeof *c.out->facets, compare_facets);
    c.out->count = VV_MIN(c.out->count, limit);
    *ret = c.out;
    c.out = NULL;
    return VARVE_OK;
}

size_t varve_facets_size(const varve_facets *f) { return f->count; }
varve_text varve_facets_value(const varve_facets *f, size_t i) { return f->facets[i].json; }
uint64_t varve_facets_rows(const varve_facets *f, size_t i) { return f->facets[i].rows; }

void varve_facets_free(varve_facets *f)
{
    if (!f) return;
    arena_done(&f->memory);
    free(f->facets);
    free(f);
}
