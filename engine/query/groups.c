/* groups.c — see groups.h. */
#include "query/groups.h"

#include "base/bytes.h"
#include "base/hashmap.h"

#include <stdlib.h>

#define FIRST_HITS      64
#define CHECK_ROWS      256  /* between looks at the clock */
#define GROUP_BYTES_MAX 1024 /* longer values make no group */

typedef struct group {
    varve_text value;
    ranked_row *rows; /* group_size */
    size_t count;
} group;

typedef struct grouping {
    const view *v;
    path path;
    size_t size, wanted; /* groups: k + offset */
    group *groups;
    size_t count, full;
    hashmap by_value; /* group + 1 */
    row_groups *out;
    /* the row in hand */
    ranked_row row;
    varve_status status;
    varve_error *err;
} grouping;

void row_groups_done(row_groups *g)
{
    arena_done(&g->memory);
    free(g->rows);
    free(g->values);
    *g = (row_groups){0};
}

static void grouping_done(grouping *g)
{
    free(g->groups);
    hashmap_done(&g->by_value);
}

/* ---- how many hits ------------------------------------------------------------------------- */

static size_t capped(size_t limit, const varve_options *limits)
{
    uint64_t top = limits->max_top_k;
    return top ? VV_MIN(limit, (size_t)top) : limit;
}

static size_t size_of(const varve_query_request *r)
{
    return r->group_size ? r->group_size : GROUP_SIZE;
}

varve_status groups_check(const varve_query_request *r, const varve_options *limits,
                          varve_error *err)
{
    size_t bytes;
    if (!r->group_by) return VARVE_OK;
    if (!size_mul(size_of(r), sizeof(ranked_row), &bytes) ||
        !size_add(bytes, GROUP_BYTES_MAX + sizeof(group), &bytes))
        bytes = SIZE_MAX;
    return query_bytes_check(limits, "k groups of group_size", r->k + r->offset, bytes, err);
}

size_t groups_first_limit(const varve_query_request *r, const varve_options *limits)
{
    size_t hits;
    if (!size_mul(r->k + r->offset, 2 * size_of(r), &hits)) hits = SIZE_MAX;
    return capped(VV_MAX(hits, (size_t)FIRST_HITS), limits);
}

size_t groups_next_limit(size_t limit, const varve_options *limits)
{
    size_t wide;
    return capped(size_mul(limit, 8, &wide) ? wide : SIZE_MAX, limits);
}

/* ---- one row ------------------------------------------------------------------------------- */

static varve_status group_new(grouping *g, varve_text value, group **ret, varve_error *err)
{
    group *made = &g->groups[g->count];
    void *rows;
    *ret = NULL;
    if (g->count == g->wanted) return VARVE_OK;
    VV_TRY(arena_text(&g->out->memory, value.data, value.len, &made->value, err));
    VV_TRY(arena_take(&g->out->memory, g->size, sizeof *made->rows, &rows, err));
    made->rows = rows;
    g->count++;
    if (!hashmap_put(&g->by_value, value.data, value.len, (void *)(uintptr_t)g->count))
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for groups");
    *ret = made;
    return VARVE_OK;
}

/* The row in hand belongs to the group of this value; a value that comes twice counts once. */
static varve_status put(grouping *g, varve_text value, varve_error *err)
{
    uintptr_t at = (uintptr_t)hashmap_get(&g->by_value, value.data, value.len);
    group *to = at ? &g->groups[at - 1] : NULL;
    if (!to) VV_TRY(group_new(g, value, &to, err));
    if (!to || to->count == g->size) return VARVE_OK;
    const ranked_row *last = to->count ? &to->rows[to->count - 1] : NULL;
    if (last && last->place.source == g->row.place.source && last->place.slot == g->row.place.slot)
        return VARVE_OK;
    to->rows[to->count++] = g->row;
    g->full += to->count == g->size;
    return VARVE_OK;
}

static bool is_scalar(varve_text raw)
{
    return raw.len > 0 && raw.len <= GROUP_BYTES_MAX && raw.data[0] != '{' && raw.data[0] != '[' &&
           raw.data[0] != 'n';
}

static bool visit(void *context, varve_text raw)
{
    grouping *g = context;
    varve_text element;
    const char *at = raw.data + 1;
    if (is_scalar(raw)) g->status = put(g, raw, g->err);
    if (raw.len == 0 || raw.data[0] != '[') return g->status == VARVE_OK;
    while (g->status == VARVE_OK && value_next_element(&at, raw.data + raw.len, &element)) {
        if (is_scalar(element)) g->status = put(g, element, g->err);
    }
    return g->status == VARVE_OK;
}

static varve_status group_row(grouping *g, const ranked_row *row, varve_error *err)
{
    varve_text fields;
    g->row = *row;
    g->err = err;
    VV_TRY(source_fields(&g->v->sources[row->place.source], row->place.slot, &fields, err));
    path_walk(&g->path, fields, visit, g);
    return g->status;
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status write_out(const grouping *g, size_t skip, varve_error *err)
{
    row_groups *out = g->out;
    size_t most = VV_MAX(g->count * g->size, (size_t)1);
    out->rows = malloc(most * sizeof *out->rows);
    out->values = malloc(most * sizeof *out->values);
    if (!out->rows || !out->values) return vv_fail(err, VARVE_NO_MEMORY, "no memory for groups");
    for (size_t i = VV_MIN(skip, g->count); i < g->count; i++) {
        for (size_t j = 0; j < g->groups[i].count; j++) {
            out->rows[out->count] = g->groups[i].rows[j];
            out->values[out->count++] = g->groups[i].value;
        }
    }
    return VARVE_OK;
}

varve_status groups_make(const query_input *in, const varve_query_request *r, const leg_rows *l,
                         row_groups *ret, bool *ret_full, varve_error *err)
{
    VV_CLEANUP(grouping_done)
    grouping g = {.v = in->v, .size = size_of(r), .wanted = r->k + r->offset, .out = ret};
    varve_text text = {r->group_by, strlen(r->group_by)};
    hashmap_init(&g.by_value);
    row_groups_done(ret);
    arena_init(&ret->memory, SIZE_MAX / 2, "groups"); /* groups_check() has the limit */
    VV_TRY(path_parse(text, &ret->memory, &g.path, err));
    g.groups = calloc(g.wanted + 1, sizeof *g.groups);
    if (!g.groups) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu groups", g.wanted);
    for (size_t i = 0; i < l->count && g.full < g.wanted; i++) {
        if (i % CHECK_ROWS == 0) VV_TRY(query_clock_check(in->clock, err));
        VV_TRY(group_row(&g, &l->rows[i], err));
    }
    *ret_full = g.full == g.wanted;
    return write_out(&g, r->offset, err);
}
