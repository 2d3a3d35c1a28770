/* rows.c — rows by filter: in order of insertion, of ids, or of a field; and how many there are. */
#include "query/rows.h"

#include "base/bytes.h"
#include "query/order.h"

#include <stdlib.h>

#define CHECK_ROWS 1024
#define SLACK      1024

typedef struct rows_job {
    const query_input *in;
    const varve_rows_query *query;
    query_clock clock;
    row_bits bits;
    size_t n, keep; /* keep: n, what is skipped, and one more */
    row_place *places;
    size_t count;
} rows_job;

static void rows_job_done(rows_job *j)
{
    row_bits_done(&j->bits);
    free(j->places);
}

static varve_status alloc_places(rows_job *j, size_t count, varve_error *err)
{
    j->places = malloc((count + 1) * sizeof *j->places);
    return j->places ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", count);
}

/* ---- in order of insertion ----------------------------------------------------------------- */

typedef struct inserted {
    uint64_t ordinal;
    row_place place;
} inserted;

typedef struct inserted_list {
    inserted *rows;
    size_t count, room, most;
} inserted_list;

static void inserted_done(inserted_list *l) { free(l->rows); }

static int compare_inserted(const void *a, const void *b)
{
    uint64_t x = ((const inserted *)a)->ordinal, y = ((const inserted *)b)->ordinal;
    return (x > y) - (x < y);
}

static void cut(inserted_list *l, size_t keep)
{
    if (l->count > 0) qsort(l->rows, l->count, sizeof *l->rows, compare_inserted);
    l->count = VV_MIN(l->count, keep);
}

static varve_status add(inserted_list *l, size_t keep, inserted row, varve_error *err)
{
    if (l->count == l->most) cut(l, keep);
    if (l->count == l->room) {
        size_t room = VV_MIN(l->most, VV_MAX((size_t)256, 2 * l->room));
        inserted *larger = realloc(l->rows, room * sizeof *larger);
        if (!larger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", room);
        l->rows = larger;
        l->room = room;
    }
    l->rows[l->count++] = row;
    return VARVE_OK;
}

static varve_status by_insertion(rows_job *j, varve_error *err)
{
    VV_CLEANUP(inserted_done) inserted_list l = {.most = j->keep + VV_MAX(j->keep, (size_t)SLACK)};
    row_place at = {0, 0};
    for (uint64_t seen = 0; row_bits_next(&j->bits, &at); seen++, at.slot++) {
        inserted row = {.place = at};
        if (seen % CHECK_ROWS == 0) VV_TRY(query_clock_check(&j->clock, err));
        VV_TRY(source_ordinal(&j->in->v->sources[at.source], at.slot, &row.ordinal, err));
        VV_TRY(add(&l, j->keep, row, err));
    }
    cut(&l, j->keep);
    VV_TRY(alloc_places(j, l.count, err));
    for (size_t i = 0; i < l.count; i++)
        j->places[j->count++] = l.rows[i].place;
    return VARVE_OK;
}

/* ---- in order of ids ----------------------------------------------------------------------- */

static varve_status is_from(const rows_job *j, row_place at, const uint8_t *key, size_t len,
                            bool *ret, varve_error *err)
{
    const uint8_t *here;
    size_t here_len;
    *ret = true;
    if (!key) return VARVE_OK;
    VV_TRY(source_id_key(&j->in->v->sources[at.source], at.slot, &here, &here_len, err));
    *ret = id_key_compare(here, here_len, key, len) >= 0;
    return VARVE_OK;
}

static varve_status by_id(rows_job *j, varve_error *err)
{
    const varve_id *from = j->query->from;
    size_t len = from ? id_key_size(*from) : 0;
    VV_CLEANUP(vv_freep) uint8_t *key = from ? malloc(len) : NULL;
    VV_CLEANUP(best_rows_done) best_rows best = {0};
    row_place at = {0, 0};
    bool wanted;
    if (from && !key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for an id");
    if (from) id_key_put(*from, key);
    best_rows_init(&best, j->in->v, VV_MAX(j->keep, (size_t)1));
    for (uint64_t seen = 0; row_bits_next(&j->bits, &at); seen++, at.slot++) {
        if (seen % CHECK_ROWS == 0) VV_TRY(query_clock_check(&j->clock, err));
        VV_TRY(is_from(j, at, key, len, &wanted, err));
        if (wanted) VV_TRY(best_rows_push(&best, 0, at, err));
    }
    VV_TRY(best_rows_sort(&best, err));
    VV_TRY(alloc_places(j, best.count, err));
    for (size_t i = 0; i < best.count; i++)
        j->places[j->count++] = best.rows[i].place;
    return VARVE_OK;
}

/* ---- in the order of a field --------------------------------------------------------------- */

static varve_status by_field(rows_job *j, varve_error *err)
{
    const varve_rows_query *q = j->query;
    order_request r = {q->order_by, q->descending, q->start_from, j->keep, false};
    VV_CLEANUP(ordered_rows_done) ordered_rows ordered = {0};
    VV_TRY(order_rows(&j->bits, &r, &j->clock, &ordered, err));
    VV_TRY(alloc_places(j, ordered.count, err));
    for (size_t i = 0; i < ordered.count; i++)
        j->places[j->count++] = ordered.rows[i].place;
    return VARVE_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static varve_status check(const varve_rows_query *q, const varve_options *limits, varve_error *err)
{
    uint64_t top = limits->max_top_k;
    if (top && q->n > top)
        return vv_fail(err, VARVE_LIMIT, "n %zu exceeds limit max_top_k %llu", q->n,
                       (unsigned long long)top);
    if (q->from) VV_TRY(id_check(*q->from, limits->id_bytes_max, err));
    if (q->order_by && (q->by_id || q->from))
        return vv_fail(err, VARVE_INVALID, "order_by: rows are in order of ids already");
    return VARVE_OK;
}

static void plan_sizes(rows_job *j)
{
    const varve_rows_query *q = j->query;
    uint64_t top = j->in->limits->max_top_k;
    size_t rows = (size_t)(j->in->v->rows_live + j->in->v->rows_deleted);
    j->n = q->n ? q->n : (top ? (size_t)top : rows);
    if (!size_add(j->n, q->offset, &j->keep) || j->keep >= rows) j->keep = rows;
    j->keep++;
}

/* The id behind the page, where it is known. */
static varve_status set_next(const rows_job *j, size_t end, varve_rowset *rows, varve_error *err)
{
    const row_place *place = &j->places[end];
    const uint8_t *key;
    size_t len;
    varve_id id;
    VV_TRY(source_id_key(&j->in->v->sources[place->source], place->slot, &key, &len, err));
    if (!id_key_get(key, len, &id))
        return vv_fail(err, VARVE_CORRUPT, "the id of a row is malformed");
    return rowset_set_next(rows, id, err);
}

static void free_rowset(varve_rowset **rows) { varve_rowset_free(*rows); }

static varve_status fetch(const rows_job *j, varve_rowset **ret, varve_error *err)
{
    VV_CLEANUP(free_rowset) varve_rowset *rows = NULL;
    size_t first = VV_MIN(j->query->offset, j->count), n = VV_MIN(j->count - first, j->n);
    VV_TRY(query_fetch(j->in->v, j->places + first, n, j->query->with, j->in->limits, &rows, err));
    if (first + n < j->count) VV_TRY(set_next(j, first + n, rows, err));
    *ret = rows;
    rows = NULL;
    return VARVE_OK;
}

varve_status query_rows(const query_input *in, const varve_rows_query *query, varve_rowset **ret,
                        varve_error *err)
{
    VV_CLEANUP(rows_job_done) rows_job j = {.in = in, .query = query};
    VV_TRY(check(query, in->limits, err));
    query_clock_start(&j.clock, query->timeout_ms, NULL);
    VV_TRY(
        row_bits_init(&j.bits, in, query->filter, query->with & VARVE_WITH_DELETED, &j.clock, err));
    plan_sizes(&j);
    if (query->order_by)
        VV_TRY(by_field(&j, err));
    else if (query->by_id || query->from)
        VV_TRY(by_id(&j, err));
    else
        VV_TRY(by_insertion(&j, err));
    return fetch(&j, ret, err);
}

varve_status query_matching(const query_input *in, const struct varve_filter *filter, view **ret,
                            varve_error *err)
{
    VV_CLEANUP(scope_done) scope all = {0};
    VV_CLEANUP(scope_done) scope wanted = {0};
    VV_CLEANUP(explain_done) explain e;
    query_input here = *in;
    query_clock clock;
    explain_init(&e, in->v->rows_live);
    query_clock_start(&clock, 0, NULL);
    here.clock = &clock;
    VV_TRY(scope_all(&here, &all, err));
    VV_TRY(scope_filter(&all, filter, &clock, &e, &wanted, err));
    *ret = view_ref(wanted.v);
    return VARVE_OK;
}
