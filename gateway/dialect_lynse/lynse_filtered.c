/* lynse_filtered.c — rows by filter: count, facets, scroll; and the measure of recall. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_legs.h"
#include "lynse_rows.h"
#include "lynse_search.h"

#include "base/clock.h"

#include <inttypes.h>

static void facets_freep(varve_facets **facets) { varve_facets_free(*facets); }

static varve_status count_rows(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_filter_freep) varve_filter *filter = NULL;
    uint64_t count;
    VV_TRY(lynse_filter_of_body(c, &filter, err));
    uint64_t since = clock_now_ns();
    varve_status status = filter ? varve_count_matching(c->collection, filter, &count, err)
                                 : varve_count(c->collection, &count, err);
    VV_TRY(lynse_of_engine(status, err));
    gateway_count_search(c->gateway, SEARCH_ROWS, filter != NULL, clock_now_ns() - since);
    return lynse_reply_with(c, err, ",\"count\":%" PRIu64, count);
}

void lynse_count(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, count_rows);
}

static varve_status facets(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_filter_freep) varve_filter *filter = NULL;
    VV_CLEANUP(facets_freep) varve_facets *all = NULL;
    buffer *out = &c->reply->body;
    const char *path;
    uint64_t limit;
    VV_TRY(lynse_filter_of_body(c, &filter, err));
    VV_TRY(lynse_need_text(c, "field", &path, err));
    VV_TRY(lynse_uint(c, "limit", 10, &limit, err));
    VV_TRY(LYNSE_LIMIT(c, "limit", limit, max_top_k, err));
    uint64_t since = clock_now_ns();
    varve_status status = varve_facets_count(c->collection, path, filter, limit, &all, err);
    VV_TRY(lynse_of_rows(c, status, err));
    gateway_count_search(c->gateway, SEARCH_FACETS, filter != NULL, clock_now_ns() - since);
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"facets\":[", err));
    for (size_t i = 0; i < varve_facets_size(all); i++) {
        varve_text value = varve_facets_value(all, i);
        VV_TRY(buffer_add_text(out, i ? ",{\"value\":" : "{\"value\":", err));
        VV_TRY(buffer_add(out, value.data, value.len, err));
        VV_TRY(buffer_printf(out, err, ",\"count\":%" PRIu64 "}", varve_facets_rows(all, i)));
    }
    VV_TRY(buffer_add(out, "]", 1, err));
    return lynse_reply_end(c, err);
}

void lynse_facets(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, facets);
}

typedef struct scroll_args {
    varve_rows_query query;
    varve_filter *filter;
    varve_id from;
    arena memory;
} scroll_args;

static void scroll_done(scroll_args *a)
{
    varve_filter_free(a->filter);
    arena_done(&a->memory);
}

static varve_status read_order(lynse_call *c, scroll_args *a, varve_error *err)
{
    const json_t *from = lynse_member(c, "from");
    varve_rows_query *q = &a->query;
    VV_TRY(lynse_text(c, "order_by", &q->order_by, err));
    VV_TRY(lynse_bool(c, "descending", &q->descending, err));
    VV_TRY(lynse_start_from(&a->memory, lynse_member(c, "start_from"), &q->start_from, err));
    q->by_id = !q->order_by;
    if (!from) return VARVE_OK;
    if (q->order_by)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: from is for pages in id order; with order_by use offset "
                       "or start_from");
    VV_TRY(lynse_id_read(from, "from", &a->from, err));
    q->from = &a->from;
    return VARVE_OK;
}

static varve_status read_scroll(lynse_call *c, scroll_args *a, varve_error *err)
{
    bool fields, vectors;
    uint64_t n, offset;
    arena_init(&a->memory, 1 << 16, "start_from");
    VV_TRY(lynse_filter_of_body(c, &a->filter, err));
    VV_TRY(read_order(c, a, err));
    VV_TRY(lynse_uint(c, "n", 10, &n, err));
    VV_TRY(LYNSE_LIMIT(c, "n", n, max_top_k, err));
    if (n == 0) return vv_fail(err, VARVE_INVALID, "Invalid argument: n must be at least 1");
    VV_TRY(lynse_uint(c, "offset", 0, &offset, err));
    VV_TRY(lynse_bool_or(c, "return_fields", true, &fields, err));
    VV_TRY(lynse_bool(c, "return_vectors", &vectors, err));
    a->query.filter = a->filter;
    a->query.n = n;
    a->query.offset = offset;
    a->query.with = (fields ? VARVE_WITH_FIELDS : 0U) | (vectors ? VARVE_WITH_VECTORS : 0U);
    return VARVE_OK;
}

static varve_status out_page(lynse_call *c, const lynse_rows *rows, unsigned with, varve_error *err)
{
    buffer *out = &c->reply->body;
    varve_id next;
    VV_TRY(buffer_add_text(out, ",\"ids\":", err));
    VV_TRY(lynse_out_row_ids(out, rows, err));
    if (with & VARVE_WITH_FIELDS) {
        VV_TRY(buffer_add_text(out, ",\"fields\":", err));
        VV_TRY(lynse_out_row_fields(out, rows, err));
    }
    if (with & VARVE_WITH_VECTORS) {
        VV_TRY(buffer_add_text(out, ",\"vectors\":", err));
        VV_TRY(lynse_out_row_vectors(out, rows, err));
    }
    VV_TRY(buffer_add_text(out, ",\"next\":", err));
    if (!varve_rowset_next(rows->sets[0], &next)) return buffer_add_text(out, "null", err);
    return lynse_out_id(out, next, err);
}

static varve_status scroll(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    VV_CLEANUP(scroll_done) scroll_args a = {0};
    varve_rowset *set = NULL;
    VV_TRY(read_scroll(c, &a, err));
    uint64_t since = clock_now_ns();
    VV_TRY(lynse_of_rows(c, varve_query_rows(c->collection, &a.query, &set, err), err));
    gateway_count_search(c->gateway, SEARCH_ROWS, a.filter != NULL, clock_now_ns() - since);
    VV_TRY(lynse_rows_add(&rows, set, false, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(out_page(c, &rows, a.query.with, err));
    return lynse_reply_end(c, err);
}

void lynse_scroll(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, scroll);
}

static varve_status out_recall(buffer *out, const varve_recall *r, varve_error *err)
{
    VV_TRY(buffer_add_text(out, ",\"recall\":", err));
    VV_TRY(json_out_double(out, r->recall, err));
    VV_TRY(buffer_add_text(out, ",\"recall_min\":", err));
    VV_TRY(json_out_double(out, r->recall_min, err));
    return buffer_printf(out, err,
                         ",\"samples\":%zu,\"search_us\":%" PRIu64 ",\"exact_us\":%" PRIu64,
                         r->samples, r->search_us, r->exact_us);
}

static varve_status recall(lynse_call *c, varve_error *err)
{
    uint64_t k, samples, seed, timeout_ms;
    const char *field;
    varve_recall r;
    double target;
    VV_TRY(lynse_text(c, "vector_field", &field, err));
    VV_TRY(lynse_uint(c, "k", LYNSE_K_DEFAULT, &k, err));
    VV_TRY(LYNSE_LIMIT(c, "k", k, max_top_k, err));
    VV_TRY(lynse_uint(c, "samples", 100, &samples, err));
    VV_TRY(LYNSE_LIMIT(c, "samples", samples, max_batch_vectors, err));
    VV_TRY(lynse_uint(c, "seed", 1, &seed, err));
    VV_TRY(lynse_uint(c, "timeout_ms", 60000, &timeout_ms, err));
    VV_TRY(lynse_number(c, "recall_target", 0, &target, err));
    if (!(target >= 0 && target <= 1) || k == 0 || samples == 0)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: k and samples must be at least 1, recall_target greater "
                       "than 0 and at most 1");
    if (lynse_field_is_primary(field)) field = NULL;
    varve_status status =
        varve_recall_measure(c->collection, field, k, samples, seed, target, timeout_ms, &r, err);
    VV_TRY(lynse_of_rows(c, status, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(&c->reply->body, err, ",\"k\":%" PRIu64, k));
    VV_TRY(out_recall(&c->reply->body, &r, err));
    return lynse_reply_end(c, err);
}

void lynse_recall(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, recall);
}
