/* lynse_reads.c — rows out by JSON: head, tail, query, by id, deleted ones. */
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_filter.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"
#include "lynse_rows.h"

#include "base/clock.h"

#include <string.h>

typedef varve_status read_end(varve_collection *, size_t, unsigned, varve_rowset **, varve_error *);

static varve_status end_rows(lynse_call *c, const char *key, read_end *read, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS | VARVE_WITH_DELETED;
    varve_rowset *set = NULL;
    uint64_t n;
    VV_TRY(lynse_uint(c, "n", 5, &n, err));
    VV_TRY(LYNSE_LIMIT(c, "n", n, max_top_k, err));
    VV_TRY(lynse_of_rows(c, read(c->collection, n, with, &set, err), err));
    VV_TRY(lynse_rows_add(&rows, set, false, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(&c->reply->body, err, ",\"%s\":", key));
    VV_TRY(lynse_out_rows(&c->reply->body, &rows, err));
    return lynse_reply_end(c, err);
}

static varve_status head(lynse_call *c, varve_error *err)
{
    return end_rows(c, "head", varve_head, err);
}

void lynse_head(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, head);
}

static varve_status tail(lynse_call *c, varve_error *err)
{
    return end_rows(c, "tail", varve_tail, err);
}

void lynse_tail(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, tail);
}

/* Add the rows of some ids, deleted ones too unless live_only; an id that never was one is 400. */
static varve_status read_ids(lynse_call *c, const varve_id *ids, size_t count, unsigned with,
                             bool live_only, lynse_rows *rows, varve_error *err)
{
    varve_rowset *set = NULL;
    varve_status status =
        varve_get(c->collection, ids, count, with | VARVE_WITH_DELETED, true, &set, err);
    VV_TRY(lynse_of_rows(c, status, err));
    return lynse_rows_add(rows, set, live_only, err);
}

static varve_status read_list(lynse_call *c, const json_t *list, const char *field, unsigned with,
                              bool live_only, lynse_rows *rows, varve_error *err)
{
    VV_CLEANUP(lynse_ids_done) lynse_ids ids = {0};
    VV_TRY(lynse_ids_read(list, field, &ids, err));
    VV_TRY(LYNSE_LIMIT(c, field, ids.count, max_batch_vectors, err));
    return read_ids(c, ids.items, ids.count, with, live_only, rows, err);
}

/* What /query and /query_vectors select: the live rows that match the filter, else those of
 * filter_ids, else all. */
static varve_status read_selected(lynse_call *c, unsigned with, lynse_rows *rows, varve_error *err)
{
    VV_CLEANUP(lynse_filter_freep) varve_filter *filter = NULL;
    const json_t *list = lynse_member(c, "filter_ids");
    VV_TRY(lynse_filter_of_body(c, &filter, err));
    uint64_t since = clock_now_ns();
    if (filter)
        VV_TRY(lynse_rows_matching(rows, c, filter, with, err));
    else if (list)
        VV_TRY(read_list(c, list, "filter_ids", with, true, rows, err));
    else
        VV_TRY(lynse_rows_all(rows, c, with, err));
    gateway_count_search(c->gateway, SEARCH_ROWS, filter != NULL, clock_now_ns() - since);
    return VARVE_OK;
}

/* {…fields, "id": id}: the record's id takes the place of a field of that name. */
static varve_status out_record(buffer *out, varve_text fields, varve_id id, varve_error *err)
{
    const char *at = fields.data, *end = fields.data + fields.len;
    varve_text key, value;
    VV_TRY(buffer_add(out, "{", 1, err));
    while (at && json_next_member(&at, end, &key, &value)) {
        if (key.len == 2 && memcmp(key.data, "id", 2) == 0) continue;
        VV_TRY(buffer_add(out, "\"", 1, err));
        VV_TRY(buffer_add(out, key.data, key.len, err));
        VV_TRY(buffer_add(out, "\":", 2, err));
        VV_TRY(buffer_add(out, value.data, value.len, err));
        VV_TRY(buffer_add(out, ",", 1, err));
    }
    VV_TRY(buffer_add(out, "\"id\":", 5, err));
    VV_TRY(lynse_out_id(out, id, err));
    return buffer_add(out, "}", 1, err);
}

static varve_status out_records(buffer *out, const lynse_rows *rows, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (size_t i = 0; i < rows->count; i++) {
        lynse_row row = rows->items[i];
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(out_record(out, varve_rowset_fields(row.set, row.i), varve_rowset_id(row.set, row.i),
                          err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status query(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    bool ids_only;
    VV_TRY(lynse_bool(c, "return_ids_only", &ids_only, err));
    VV_TRY(read_selected(c, ids_only ? 0 : VARVE_WITH_FIELDS, &rows, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"result\":", err));
    if (ids_only)
        VV_TRY(lynse_out_row_ids(&c->reply->body, &rows, err));
    else
        VV_TRY(out_records(&c->reply->body, &rows, err));
    return lynse_reply_end(c, err);
}

void lynse_query(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, query);
}

static varve_status query_vectors(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    VV_TRY(read_selected(c, VARVE_WITH_VECTORS | VARVE_WITH_FIELDS, &rows, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"result\":", err));
    VV_TRY(lynse_out_rows(&c->reply->body, &rows, err));
    return lynse_reply_end(c, err);
}

void lynse_query_vectors(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, query_vectors);
}

/* "id" is one id or a flat list of them; like LynseDB, this answers for deleted rows too. */
static varve_status read_by_only_id(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    unsigned with = VARVE_WITH_VECTORS | VARVE_WITH_FIELDS;
    json_t *value;
    varve_id id;
    VV_TRY(lynse_need_member(c, "id", &value, err));
    if (json_is_array(value)) {
        VV_TRY(read_list(c, value, "id", with, false, &rows, err));
    } else {
        VV_TRY(lynse_id_read(value, "id", &id, err));
        VV_TRY(read_ids(c, &id, 1, with, false, &rows, err));
    }
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"item\":", err));
    VV_TRY(lynse_out_rows(&c->reply->body, &rows, err));
    return lynse_reply_end(c, err);
}

void lynse_read_by_only_id(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, read_by_only_id);
}

static varve_status list_deleted_ids(lynse_call *c, varve_error *err)
{
    VV_CLEANUP(lynse_rows_done) lynse_rows rows = {0};
    varve_rowset *set = NULL;
    VV_TRY(lynse_of_rows(c, varve_list_deleted(c->collection, 0, &set, err), err));
    VV_TRY(lynse_rows_add(&rows, set, false, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(&c->reply->body, ",\"ids\":", err));
    VV_TRY(lynse_out_row_ids(&c->reply->body, &rows, err));
    return lynse_reply_end(c, err);
}

void lynse_list_deleted_ids(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_COLLECTION, list_deleted_ids);
}

/* A deleted row still exists; in a collection that does not, nothing does. */
static varve_status is_id_exists(lynse_call *c, varve_error *err)
{
    varve_row_state state = VARVE_ROW_ABSENT;
    json_t *value;
    varve_id id;
    VV_TRY(lynse_need_member(c, "id", &value, err));
    VV_TRY(lynse_id_read(value, "id", &id, err));
    varve_status status = lynse_open(c, err);
    if (status == VARVE_OK) status = varve_exists(c->collection, id, &state, err);
    if (status != VARVE_NOT_FOUND) VV_TRY(lynse_of_engine(status, err));
    return lynse_reply_with(c, err, ",\"is_id_exists\":%s",
                            state == VARVE_ROW_ABSENT ? "false" : "true");
}

void lynse_is_id_exists(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_json(g, request, reply, LYNSE_NAMES, is_id_exists);
}
