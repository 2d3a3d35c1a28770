/* lynse_rows.c — rows read, as a list, and as JSON. */
#include "lynse_rows.h"

#include "lynse_answer.h"
#include "lynse_ids.h"

#include "base/bytes.h"

#include <stdlib.h>

void lynse_rows_done(lynse_rows *rows)
{
    for (size_t i = 0; i < rows->set_count; i++)
        varve_rowset_free(rows->sets[i]);
    free(rows->sets);
    free(rows->items);
}

static varve_status keep_set(lynse_rows *rows, varve_rowset *set, varve_error *err)
{
    varve_rowset **sets = reallocarray(rows->sets, rows->set_count + 1, sizeof *sets);
    if (!sets) {
        varve_rowset_free(set);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
    }
    rows->sets = sets;
    sets[rows->set_count++] = set;
    return VARVE_OK;
}

varve_status lynse_rows_add(lynse_rows *rows, varve_rowset *set, bool live_only, varve_error *err)
{
    VV_TRY(keep_set(rows, set, err));
    size_t wanted = rows->count + varve_rowset_count(set);
    if (wanted > rows->capacity) {
        size_t capacity = VV_MAX(2 * rows->capacity, wanted);
        lynse_row *items = reallocarray(rows->items, capacity, sizeof *items);
        if (!items) return vv_fail(err, VARVE_NO_MEMORY, "no memory for rows");
        rows->items = items;
        rows->capacity = capacity;
    }
    for (size_t i = 0; i < varve_rowset_count(set); i++)
        if (!live_only || varve_rowset_state(set, i) == VARVE_ROW_LIVE)
            rows->items[rows->count++] = (lynse_row){set, i};
    return VARVE_OK;
}

/* Refuse early what cannot fit the answer: a row takes at least `row_bytes` of it. */
static varve_status check_answer(lynse_call *c, uint64_t rows, size_t row_bytes, varve_error *err)
{
    size_t bytes, max = c->reply->body.max_bytes;
    if (size_mul(rows, row_bytes, &bytes) && (max == 0 || bytes <= max)) return VARVE_OK;
    return vv_fail(err, VARVE_LIMIT,
                   "Invalid argument: all rows of this collection do not fit one answer of %zu "
                   "bytes; ask for some of them by filter_ids",
                   max);
}

static int by_ordinal(const void *a, const void *b)
{
    const lynse_row *x = a, *y = b;
    uint64_t m = varve_rowset_ordinal(x->set, x->i), n = varve_rowset_ordinal(y->set, y->i);
    return (m > n) - (m < n);
}

/* Every matching row (filter NULL: every row), in pages of n. The id the next page begins with is
 * borrowed from the page before it, which the list keeps. */
static varve_status read_pages(lynse_rows *rows, lynse_call *c, const varve_filter *filter,
                               size_t n, unsigned with, varve_error *err)
{
    varve_rows_query query = {.filter = filter, .by_id = true, .n = n, .with = with};
    varve_id next;
    do {
        varve_rowset *page = NULL;
        varve_status status = filter ? varve_query_rows(c->collection, &query, &page, err)
                                     : varve_scroll(c->collection, query.from, n, with, &page, err);
        VV_TRY(lynse_of_rows(c, status, err));
        VV_TRY(lynse_rows_add(rows, page, true, err));
        query.from = varve_rowset_next(page, &next) ? &next : NULL;
    } while (query.from);
    if (rows->count) qsort(rows->items, rows->count, sizeof *rows->items, by_ordinal);
    return VARVE_OK;
}

varve_status lynse_rows_matching(lynse_rows *rows, lynse_call *c, const varve_filter *filter,
                                 unsigned with, varve_error *err)
{
    uint64_t most = gateway_limits(c->gateway)->max_top_k, count;
    varve_collection_stats stats;
    varve_rowset *set = NULL;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    if (most && stats.rows_live > most) {
        VV_TRY(lynse_of_engine(varve_count_matching(c->collection, filter, &count, err), err));
        VV_TRY(check_answer(c, count, with & VARVE_WITH_VECTORS ? 2 * stats.dim + 4 : 2, err));
        if (count > most) return read_pages(rows, c, filter, most, with, err);
    }
    const varve_rows_query query = {.filter = filter, .with = with};
    VV_TRY(lynse_of_rows(c, varve_query_rows(c->collection, &query, &set, err), err));
    return lynse_rows_add(rows, set, true, err);
}

varve_status lynse_rows_all(lynse_rows *rows, lynse_call *c, unsigned with, varve_error *err)
{
    uint64_t most = gateway_limits(c->gateway)->max_top_k;
    varve_collection_stats stats;
    varve_rowset *set = NULL;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    VV_TRY(
        check_answer(c, stats.rows_live, with & VARVE_WITH_VECTORS ? 2 * stats.dim + 4 : 2, err));
    if (most && stats.rows_live > most) return read_pages(rows, c, NULL, most, with, err);
    varve_status status = varve_head(c->collection, most ? most : SIZE_MAX, with, &set, err);
    VV_TRY(lynse_of_rows(c, status, err));
    return lynse_rows_add(rows, set, true, err);
}

typedef varve_status out_part(buffer *out, lynse_row row, varve_error *err);

static varve_status part_vector(buffer *out, lynse_row row, varve_error *err)
{
    return json_out_floats(out, varve_rowset_vector(row.set, row.i), varve_rowset_dim(row.set),
                           err);
}

static varve_status part_id(buffer *out, lynse_row row, varve_error *err)
{
    return lynse_out_id(out, varve_rowset_id(row.set, row.i), err);
}

static varve_status part_fields(buffer *out, lynse_row row, varve_error *err)
{
    return lynse_out_fields(out, varve_rowset_fields(row.set, row.i), err);
}

static varve_status out_parts(buffer *out, const lynse_rows *rows, out_part *part, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < rows->count; i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(part(out, rows->items[i], err));
    }
    return buffer_add(out, "]", 1, err);
}

varve_status lynse_out_row_ids(buffer *out, const lynse_rows *rows, varve_error *err)
{
    return out_parts(out, rows, part_id, err);
}

varve_status lynse_out_row_fields(buffer *out, const lynse_rows *rows, varve_error *err)
{
    return out_parts(out, rows, part_fields, err);
}

varve_status lynse_out_row_vectors(buffer *out, const lynse_rows *rows, varve_error *err)
{
    return out_parts(out, rows, part_vector, err);
}

varve_status lynse_out_rows(buffer *out, const lynse_rows *rows, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    VV_TRY(out_parts(out, rows, part_vector, err));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(out_parts(out, rows, part_id, err));
    VV_TRY(buffer_add(out, ",", 1, err));
    VV_TRY(out_parts(out, rows, part_fields, err));
    return buffer_add(out, "]", 1, err);
}
