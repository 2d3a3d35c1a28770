/* lynse_binary_records.c — rows in by binary bodies, little-endian:
 *
 *   /bulk_add_binary                     vectors
 *   /add_records_binary, /upsert_…       vectors | n x u64 id (only ids_encoding=raw) | LDBF1 or
 *                                        nothing
 */
#include "ldbf1.h"
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_binary.h"
#include "lynse_handlers.h"
#include "lynse_ids.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* [first, first + 1, …] */
static varve_status out_range(buffer *out, uint64_t first, uint64_t count, varve_error *err)
{
    VV_TRY(buffer_add(out, "[", 1, err));
    for (uint64_t i = 0; i < count; i++) {
        if (i) VV_TRY(buffer_add(out, ",", 1, err));
        VV_TRY(json_out_u64(out, first + i, err));
    }
    return buffer_add(out, "]", 1, err);
}

static varve_status check_range(uint64_t first, uint64_t count, varve_error *err)
{
    if (count == 0 || first <= UINT64_MAX - (count - 1)) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID,
                   "Invalid argument: %" PRIu64 " ids from %" PRIu64 " on pass 64 bits", count,
                   first);
}

static varve_status next_ordinal(lynse_call *c, uint64_t *ret, varve_error *err)
{
    varve_collection_stats stats;
    VV_TRY(lynse_of_engine(varve_collection_get_stats(c->collection, &stats, err), err));
    *ret = (uint64_t)(stats.max_ordinal + 1);
    return VARVE_OK;
}

/* Insert the block under the ids its ordinals will have, which is what the client assumed before it
 * sent. If an id is taken and the ordinals have moved on, another block was faster, and the next
 * ids are tried: a write is refused only after the one it met was published. If they stand still, a
 * client had given that id to a row, and that is for the client to solve. */
static varve_status insert_numbered(lynse_call *c, varve_rows *rows, varve_error *err)
{
    uint64_t next;
    varve_status status;
    VV_TRY(next_ordinal(c, &next, err));
    do {
        varve_error stats_err;
        rows->first_id = next;
        status = varve_insert(c->collection, rows, NULL, NULL, err);
        if (status != VARVE_EXISTS) break;
        if (next_ordinal(c, &next, &stats_err) != VARVE_OK) break;
    } while (next != rows->first_id);
    return lynse_of_rows(c, status, err);
}

static varve_status bulk_add_binary(lynse_call *c, varve_error *err)
{
    buffer *out = &c->reply->body;
    lynse_block block;
    const char *body;
    bool return_ids;
    VV_TRY(lynse_block_read(c, "n_vectors", &block, err));
    VV_TRY(lynse_query_bool(c, "return_ids", &return_ids, err));
    if (block.dim == 0)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: vector dimension must be greater than zero");
    VV_TRY(lynse_block_body(c, &block, &body, err));
    varve_rows rows = {.count = block.rows,
                       .dim = block.dim,
                       .ids_from_first = true,
                       .vectors = body,
                       .vectors_type = block.dtype};
    if (block.rows) VV_TRY(insert_numbered(c, &rows, err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(out, err, ",\"n_vectors\":%" PRIu64, block.rows));
    if (block.rows) VV_TRY(buffer_printf(out, err, ",\"ids_start\":%" PRIu64, rows.first_id));
    if (return_ids) {
        VV_TRY(buffer_add_text(out, ",\"ids\":", err));
        VV_TRY(out_range(out, rows.first_id, block.rows, err));
    }
    return lynse_reply_end(c, err);
}

void lynse_bulk_add_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_JSON, bulk_add_binary);
}

typedef struct records {
    lynse_block block;
    bool range;
    uint64_t first_id; /* of a range */
    varve_id *ids;     /* else */
    lynse_fields fields;
    bool fields_given;
} records;

static void records_done(records *r)
{
    free(r->ids);
    lynse_fields_done(&r->fields);
}

static varve_status read_arguments(lynse_call *c, records *r, varve_error *err)
{
    const char *encoding = http_query(c->request, "ids_encoding");
    VV_TRY(lynse_block_read(c, "n_vectors", &r->block, err));
    if (r->block.rows == 0) return vv_fail(err, VARVE_INVALID, "ids cannot be empty");
    if (r->block.dim == 0) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    r->range = encoding && strcmp(encoding, "range") == 0;
    if (encoding && *encoding && !r->range && strcmp(encoding, "raw") != 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: unsupported ids_encoding '%s'",
                       encoding);
    if (!r->range) return VARVE_OK;
    if (!http_query(c->request, "ids_start"))
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: ids_start is required for range id encoding");
    VV_TRY(lynse_query_need_uint(c, "ids_start", &r->first_id, err));
    return check_range(r->first_id, r->block.rows, err);
}

static varve_status read_ids(records *r, const char *at, size_t len, varve_error *err)
{
    size_t count = r->block.rows;
    if (len < count * 8)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: expected at least %zu raw id bytes after vectors, got "
                       "%zu",
                       count * 8, len);
    r->ids = calloc(count, sizeof *r->ids);
    if (!r->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for ids");
    for (size_t i = 0; i < count; i++)
        r->ids[i] = (varve_id){.kind = VARVE_ID_NUM, .num = get_u64(at + i * 8)};
    return VARVE_OK;
}

static varve_status read_records(lynse_call *c, records *r, const char **ret_vectors,
                                 varve_error *err)
{
    size_t len;
    const char *body = http_body(c->request, &len);
    VV_TRY(read_arguments(c, r, err));
    if (len < r->block.bytes)
        return vv_fail(err, VARVE_INVALID,
                       "Invalid argument: expected at least %zu vector bytes, got %zu",
                       r->block.bytes, len);
    const char *at = body + r->block.bytes, *end = body + len;
    if (!r->range) {
        VV_TRY(read_ids(r, at, (size_t)(end - at), err));
        at += r->block.rows * 8;
    }
    lynse_fields_init(&r->fields, gateway_limits(c->gateway)->batch_bytes_max);
    if (at < end)
        VV_TRY(lynse_of_engine(ldbf1_decode(at, (size_t)(end - at), r->block.rows, &r->fields, err),
                               err));
    *ret_vectors = body;
    return VARVE_OK;
}

typedef varve_status write_rows(varve_collection *, const varve_rows *, const varve_write_options *,
                                varve_receipt *, varve_error *);

static varve_status write(lynse_call *c, write_rows *how, varve_error *err)
{
    VV_CLEANUP(records_done) records r = {0};
    buffer *out = &c->reply->body;
    const char *vectors;
    VV_TRY(read_records(c, &r, &vectors, err));
    if (how == varve_upsert && r.ids) VV_TRY(lynse_ids_check_once(r.ids, r.block.rows, err));
    varve_rows rows = {.count = r.block.rows,
                       .dim = r.block.dim,
                       .ids = r.ids,
                       .ids_from_first = r.range,
                       .first_id = r.first_id,
                       .vectors = vectors,
                       .vectors_type = r.block.dtype,
                       .fields = lynse_fields_texts(&r.fields)};
    VV_TRY(lynse_of_rows(c, how(c->collection, &rows, NULL, NULL, err), err));
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_add_text(out, ",\"ids\":", err));
    if (r.range)
        VV_TRY(out_range(out, r.first_id, r.block.rows, err));
    else
        VV_TRY(lynse_out_ids(out, r.ids, r.block.rows, err));
    return lynse_reply_end(c, err);
}

static varve_status add_records(lynse_call *c, varve_error *err)
{
    return write(c, varve_insert, err);
}

void lynse_add_records_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_JSON, add_records);
}

static varve_status upsert_records(lynse_call *c, varve_error *err)
{
    return write(c, varve_upsert, err);
}

void lynse_upsert_records_binary(gateway *g, http_request *request, http_reply *reply)
{
    lynse_run_binary(g, request, reply, LYNSE_ANSWER_JSON, upsert_records);
}
