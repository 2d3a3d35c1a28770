/* lynse_bulk.c — POST /bulk: a stream of rows of any length, in bounded memory.
 *
 *   format      ndjson (default), npy or frames: bulk_formats.h
 *   mode        insert (default) or upsert
 *   commit      end (default): all rows become visible when the stream has ended, or none
 *               batch: as they come; a failure says how many stay
 *   batch_rows  1000; rows of a batch of ndjson or npy
 *   ids_start   npy: first id; absent: numbered by the engine
 *   create      true: create the collection if it is missing, with dim and dtypes
 *   dim         of every row; 0 or absent: that of the collection, or of the first row
 */
#include "bulk_formats.h"
#include "lynse_answer.h"
#include "lynse_args.h"
#include "lynse_dtype.h"
#include "lynse_handlers.h"
#include "reply.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

typedef struct stream_args {
    bulk_format *format;
    const char *format_name;
    bool upsert, at_end, create;
    varve_collection_spec spec; /* dim and dtype */
    bulk_args bulk;
} stream_args;

/* One of two words; the first when absent. */
static varve_status read_choice(lynse_call *c, const char *key, const char *first,
                                const char *second, bool *ret_second, varve_error *err)
{
    const char *text = http_query(c->request, key);
    *ret_second = text && strcmp(text, second) == 0;
    if (!text || *ret_second || strcmp(text, first) == 0) return VARVE_OK;
    return vv_fail(err, VARVE_INVALID, "Invalid argument: %s must be %s or %s", key, first, second);
}

static varve_status read_format(lynse_call *c, stream_args *a, varve_error *err)
{
    static const struct {
        const char *name;
        bulk_format *read;
    } formats[] = {
        {"ndjson", bulk_read_ndjson}, {"npy", bulk_read_npy}, {"frames", bulk_read_frames}};
    const char *text = http_query(c->request, "format");
    if (!text) text = formats[0].name;
    for (size_t i = 0; i < VV_COUNT(formats); i++) {
        if (strcmp(text, formats[i].name) != 0) continue;
        a->format = formats[i].read;
        a->format_name = formats[i].name;
        return VARVE_OK;
    }
    return vv_fail(err, VARVE_INVALID, "Invalid argument: format must be ndjson, npy or frames");
}

static varve_status read_args(lynse_call *c, stream_args *ret, varve_error *err)
{
    stream_args a = {0};
    uint64_t dim, batch_rows;
    bool by_batch;
    const char *dtype = http_query(c->request, "dtypes");
    VV_TRY(read_format(c, &a, err));
    VV_TRY(read_choice(c, "mode", "insert", "upsert", &a.upsert, err));
    VV_TRY(read_choice(c, "commit", "end", "batch", &by_batch, err));
    VV_TRY(lynse_query_bool(c, "create", &a.create, err));
    VV_TRY(lynse_query_uint(c, "dim", 0, &dim, err));
    VV_TRY(LYNSE_LIMIT(c, "dim", dim, dim_max, err));
    VV_TRY(lynse_query_uint(c, "batch_rows", 1000, &batch_rows, err));
    VV_TRY(LYNSE_LIMIT(c, "batch_rows", batch_rows, max_batch_vectors, err));
    if (batch_rows == 0)
        return vv_fail(err, VARVE_INVALID, "Invalid argument: batch_rows must be greater than 0");
    if (dtype && !lynse_dtype_read(dtype, &a.spec.dtype))
        return vv_fail(err, VARVE_INVALID, "Invalid argument: unsupported vector dtype '%s'",
                       dtype);
    a.at_end = !by_batch;
    a.spec.dim = dim;
    a.bulk.batch_rows = batch_rows;
    a.bulk.ids_given = http_query(c->request, "ids_start") != NULL;
    VV_TRY(lynse_query_uint(c, "ids_start", 0, &a.bulk.ids_start, err));
    *ret = a;
    return VARVE_OK;
}

static varve_status open_or_create(lynse_call *c, const stream_args *a, varve_error *err)
{
    if (!a->create) return lynse_open(c, err);
    VV_TRY(lynse_need_database(c, err));
    varve_status status = varve_collection_create(http_db(c->request), c->database, c->name,
                                                  &a->spec, &c->collection, err);
    return status == VARVE_EXISTS ? lynse_open(c, err) : lynse_of_engine(status, err);
}

static varve_status run(lynse_call *c, const stream_args *a, bulk_sink *out, varve_error *err)
{
    VV_CLEANUP(bulk_stream_done) bulk_stream in;
    bulk_stream_init(&in, c->request, BULK_ITEM_BYTES_MAX);
    VV_TRY(bulk_sink_init(out, c, a->upsert, a->at_end, a->spec.dim, err));
    VV_TRY(a->format(&in, out, &a->bulk, err));
    return bulk_sink_finish(out, err);
}

static varve_status answer(lynse_call *c, const stream_args *a, const bulk_sink *out,
                           uint64_t started_ns, varve_error *err)
{
    buffer *body = &c->reply->body;
    VV_TRY(lynse_reply_begin(c, err));
    VV_TRY(buffer_printf(body, err,
                         ",\"format\":\"%s\",\"rows\":%" PRIu64 ",\"rows_committed\":%" PRIu64
                         ",\"rows_new\":%" PRIu64 ",\"rows_changed\":%" PRIu64 ",\"seconds\":%.6f",
                         a->format_name, out->rows, out->committed, out->rows_new,
                         out->rows_changed, (double)(clock_now_ns() - started_ns) / 1e9));
    if (out->numbered) VV_TRY(buffer_printf(body, err, ",\"ids_start\":%" PRIu64, out->first_id));
    return lynse_reply_end(c, err);
}

/* The error body, and in it how many rows stay: {"error":…,"code":…,"rows_committed":n} */
static void answer_error(http_reply *reply, const bulk_sink *out, const varve_error *err)
{
    buffer *body = &reply->body;
    reply_error(reply, err);
    reply->close = true; /* the rest of the body is not read */
    if (body->len == 0) return;
    body->len--;
    if (buffer_printf(body, NULL, ",\"rows_committed\":%" PRIu64 "}", out->committed) != VARVE_OK)
        body->data[body->len++] = '}';
}

static varve_status bulk(lynse_call *c, bulk_sink *out, varve_error *err)
{
    uint64_t started_ns = clock_now_ns();
    stream_args a;
    VV_TRY(lynse_names_of_query(c, err));
    VV_TRY(read_args(c, &a, err));
    VV_TRY(open_or_create(c, &a, err));
    VV_TRY(run(c, &a, out, err));
    return answer(c, &a, out, started_ns, err);
}

void lynse_bulk(gateway *g, http_request *request, http_reply *reply)
{
    VV_CLEANUP(lynse_call_done)
    lynse_call c = {.gateway = g, .request = request, .reply = reply};
    VV_CLEANUP(bulk_sink_done) bulk_sink out = {0};
    varve_error err = {0};
    if (bulk(&c, &out, &err) != VARVE_OK) answer_error(reply, &out, &err);
}
