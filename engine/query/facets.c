/* facets.c — the distinct values at a path, and how many rows have each. Values that are equal are
 * one, however they are written; an array is looked into; null, arrays and objects are no values. A
 * row counts once for each of its values. */
#include "base/bytes.h"
#include "base/json.h"
#include "query/facets_inner.h"

#include <stdlib.h>

#define CHECK_ROWS  256
#define FACET_BYTES 256 /* of memory that a value takes beside its texts, about */
#define SORT_ROWS   ((size_t)4096)
#define TEXT_MAX    ((size_t)16 << 20)

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
    return json_out_double(out, v->real, err);
}

/* The one text of a value: equal values have equal ones. */
static varve_status print_value(buffer *out, const value *v, varve_error *err)
{
    if (v->kind == VALUE_BOOL) return buffer_add_text(out, v->boolean ? "true" : "false", err);
    if (v->kind == VALUE_TEXT) return json_out_string(out, v->text.data, v->text.len, err);
    return print_number(out, v, err);
}

static varve_status check_memory(const counting *c, varve_error *err)
{
    uint64_t most = c->in->limits->query_bytes_max;
    if (most == 0 || c->out->memory.used + c->out->count * FACET_BYTES <= most) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT, "facets: the values of '%.*s' exceed query_bytes_max %llu",
                   (int)c->path.text.len, c->path.text.data, (unsigned long long)most);
}

static varve_status facet_new(counting *c, const value *v, facet **ret, varve_error *err)
{
    varve_facets *f = c->out;
    VV_TRY(check_memory(c, err));
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

varve_status facet_of(counting *c, const value *v, facet **ret, varve_error *err)
{
    value one = *v; /* numbers that are equal have one form, whatever they were written as */
    if (value_is_number(v)) one = column_number_of_key(column_key_number(v));
    buffer_clear(&c->json);
    VV_TRY(print_value(&c->json, &one, err));
    uintptr_t known = (uintptr_t)hashmap_get(&c->by_json, c->json.data, c->json.len);
    if (!known) return facet_new(c, &one, ret, err);
    *ret = &c->out->facets[known - 1];
    return VARVE_OK;
}

/* ---- one row ------------------------------------------------------------------------------- */

static bool is_counted(const counting *c, const value *v)
{
    if (v->kind == VALUE_TEXT) return !c->long_only || v->text.len > COLUMN_KEYWORD_BYTES;
    return !c->long_only && (v->kind == VALUE_BOOL || value_is_number(v));
}

static varve_status count_value(counting *c, varve_text raw, varve_error *err)
{
    const char *at = raw.data;
    facet *f;
    value v;
    if (!value_read(&at, raw.data + raw.len, &c->scratch, &v))
        return vv_fail(err, VARVE_CORRUPT, "the fields of a row are malformed");
    if (!is_counted(c, &v)) return VARVE_OK;
    VV_TRY(facet_of(c, &v, &f, err));
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

varve_status facets_count_row(counting *c, const row_stretch *s, uint32_t slot, bool long_only,
                              varve_error *err)
{
    varve_text fields;
    if (++c->row % CHECK_ROWS == 0) VV_TRY(query_clock_check(c->clock, err));
    VV_TRY(source_fields(s->from, s->part.first + slot, &fields, err));
    c->out->rows_read++;
    c->long_only = long_only;
    c->err = err;
    path_walk(&c->path, fields, visit, c);
    return c->status;
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

/* The first `limit` in order: sorted some at a time, so that the clock is looked at between. */
static varve_status pick(const counting *c, size_t limit, varve_error *err)
{
    varve_facets *f = c->out;
    size_t kept = 0;
    for (size_t from = 0, n; from < f->count; from += n) {
        VV_TRY(query_clock_check(c->clock, err));
        n = VV_MIN(f->count - from, VV_MAX(limit, SORT_ROWS));
        memmove(f->facets + kept, f->facets + from, n * sizeof *f->facets);
        qsort(f->facets, kept + n, sizeof *f->facets, compare_facets);
        kept = VV_MIN(kept + n, limit);
    }
    f->count = kept;
    return VARVE_OK;
}

static varve_status count_stretch(counting *c, const row_stretch *s, bool by_rows, varve_error *err)
{
    bool done = false;
    VV_TRY(query_clock_check(c->clock, err));
    if (s->count > 0 && !by_rows) VV_TRY(facets_by_columns(c, s, &done, err));
    for (uint32_t slot = 0; !done && row_stretch_next(s, &slot); slot++)
        VV_TRY(facets_count_row(c, s, slot, false, err));
    return VARVE_OK;
}

static varve_status count_all(counting *c, const row_bits *rows, bool by_rows, varve_error *err)
{
    row_stretch s;
    for (size_t i = 0; i < rows->v->source_count; i++) {
        for (size_t part = 0; part < source_part_count(&rows->v->sources[i]); part++) {
            VV_TRY(row_stretch_get(rows, i, part, &s, err));
            VV_TRY(count_stretch(c, &s, by_rows, err));
        }
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
    arena_init(&c->out->memory, SIZE_MAX / 2, "facets"); /* check_memory() has the limit */
    return path_parse((varve_text){text, strlen(text)}, &c->out->memory, &c->path, err);
}

varve_status query_facets(const query_input *in, const facets_request *request, varve_facets **ret,
                          varve_error *err)
{
    query_clock clock;
    VV_CLEANUP(counting_done) counting c = {.in = in, .clock = &clock};
    VV_CLEANUP(row_bits_done) row_bits rows = {0};
    uint64_t top = in->limits->max_top_k;
    if (top && request->limit > top)
        return vv_fail(err, VARVE_LIMIT, "limit %zu exceeds limit max_top_k %llu", request->limit,
                       (unsigned long long)top);
    query_clock_start(&clock, 0, NULL);
    VV_TRY(counting_init(&c, request->path, err));
    VV_TRY(row_bits_init(&rows, in, request->filter, false, &clock, err));
    VV_TRY(count_all(&c, &rows, request->by_rows, err));
    VV_TRY(pick(&c, request->limit, err));
    *ret = c.out;
    c.out = NULL;
    return VARVE_OK;
}

void facets_work(const varve_facets *f, uint64_t *ret_postings, uint64_t *ret_rows)
{
    *ret_postings = f->postings;
    *ret_rows = f->rows_read;
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
