/* import_url.c — import into a server: one streamed POST /bulk, encoded batch by batch while it is
 * being sent. Rows without ids of their own go as binary frames; rows with ids, which may be
 * strings, as NDJSON with the vector in base64.
 *
 *   FRAME  offset size
 *            0     4   "VRVB"
 *            4     4   rows
 *            8     4   dim
 *           12     1   vectors: the varve_dtype
 *           13     1   ids: 0 numbered by the engine, 2 a range
 *           14     1   fields: 0 none, 1 present
 *           15     1   zero
 *           16     8   first id of a range, else zero
 *           24         vectors, row after row; then, with fields, per row: u32 length, JSON object
 */
#include "import.h"

#include "base64.h"
#include "floats.h"
#include "http_client.h"
#include "server.h"
#include "text.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_HEAD_BYTES 24
#define PIECE_BYTES_MAX  ((size_t)512 << 20) /* an encoded batch */

typedef struct job {
    const import_plan *plan;
    source *from;
    progress *bar;
    http_client *http;
    varve_rows rows; /* read, not yet sent; count 0: no more */
    bool as_frames, made;
    uint64_t rows_sent;
} job;

/* ---- encoding ---- */

static varve_status add_frame_fields(const varve_rows *rows, buffer *out, varve_error *err)
{
    for (size_t i = 0; rows->fields && i < rows->count; i++) {
        uint8_t length[4];
        put_u32(length, (uint32_t)rows->fields[i].len);
        VV_TRY(buffer_add(out, length, sizeof length, err));
        VV_TRY(buffer_add(out, rows->fields[i].data, rows->fields[i].len, err));
    }
    return VARVE_OK;
}

static varve_status add_frame(const varve_rows *rows, buffer *out, varve_error *err)
{
    uint8_t head[FRAME_HEAD_BYTES] = "VRVB";
    put_u32(head + 4, (uint32_t)rows->count);
    put_u32(head + 8, (uint32_t)rows->dim);
    head[12] = (uint8_t)rows->vectors_type;
    head[13] = rows->ids_from_first ? 2 : 0;
    head[14] = rows->fields != NULL;
    put_u64(head + 16, rows->ids_from_first ? rows->first_id : 0);
    VV_TRY(buffer_add(out, head, sizeof head, err));
    size_t row_bytes = varve_dtype_row_bytes(rows->vectors_type, rows->dim);
    VV_TRY(buffer_add(out, rows->vectors, rows->count * row_bytes, err));
    return add_frame_fields(rows, out, err);
}

static varve_status add_line(const varve_rows *rows, size_t i, float *vector, buffer *out,
                             varve_error *err)
{
    size_t row_bytes = varve_dtype_row_bytes(rows->vectors_type, rows->dim);
    size_t float_bytes = rows->dim * sizeof(float);
    floats_of_row(rows->vectors_type, rows->dim, (const uint8_t *)rows->vectors + i * row_bytes,
                  vector);
    VV_TRY(buffer_add_text(out, "{\"id\":", err));
    VV_TRY(text_add_id(out, rows->ids[i], err));
    VV_TRY(buffer_add_text(out, ",\"vector_b64\":\"", err));
    VV_TRY(buffer_reserve(out, base64_length(float_bytes), err));
    base64_encode(vector, float_bytes, out->data + out->len);
    out->len += base64_length(float_bytes);
    VV_TRY(buffer_add_text(out, "\"", err));
    if (rows->fields && rows->fields[i].data) {
        VV_TRY(buffer_add_text(out, ",\"fields\":", err));
        VV_TRY(buffer_add(out, rows->fields[i].data, rows->fields[i].len, err));
    }
    return buffer_add_text(out, "}\n", err);
}

static varve_status add_lines(const varve_rows *rows, buffer *out, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *vector = malloc(rows->dim * sizeof *vector);
    if (!vector) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a vector");
    for (size_t i = 0; i < rows->count; i++)
        VV_TRY(add_line(rows, i, vector, out, err));
    return VARVE_OK;
}

/* An http_pull: the batch in hand goes out, the next one is read. */
static varve_status pull(void *context, buffer *out, varve_error *err)
{
    job *j = context;
    if (j->rows.count == 0) return VARVE_OK;
    if (j->as_frames)
        VV_TRY(add_frame(&j->rows, out, err));
    else
        VV_TRY(add_lines(&j->rows, out, err));
    j->rows_sent += j->rows.count;
    progress_show(j->bar, j->rows_sent, source_share(j->from));
    return source_next(j->from, &j->rows, err);
}

/* ---- the request ---- */

static varve_status start(job *j, varve_error *err)
{
    const import_plan *plan = j->plan;
    varve_collection_spec spec = {
        .dim = j->rows.dim, .dtype = j->rows.vectors_type, .index_mode = plan->index_mode};
    bool exists;
    if (plan->dtype && !text_to_dtype(plan->dtype, &spec.dtype))
        return vv_fail(err, VARVE_INVALID, "there is no vector type '%s'", plan->dtype);
    VV_TRY(http_open(plan->to.where, plan->to.api_key, &j->http, err));
    VV_TRY(server_exists(j->http, &plan->to, &exists, err));
    if (!exists) {
        VV_TRY(server_create(j->http, &plan->to, &spec, err));
        j->made = true;
        return VARVE_OK;
    }
    if (plan->dtype) VV_TRY(server_check_dtype(j->http, &plan->to, plan->dtype, err));
    if (!plan->index_mode) return VARVE_OK;
    return server_index_mode(j->http, &plan->to, plan->index_mode, err);
}

static varve_status make_path(const job *j, buffer *path, varve_error *err)
{
    const import_plan *plan = j->plan;
    char batch_rows[32];
    snprintf(batch_rows, sizeof batch_rows, "%zu", plan->from.batch_rows);
    const char *const query[][2] = {{"database_name", plan->to.database},
                                    {"collection_name", plan->to.collection},
                                    {"format", j->as_frames ? "frames" : "ndjson"},
                                    {"mode", plan->upsert ? "upsert" : "insert"},
                                    {"commit", plan->commit_batches ? "batch" : "end"},
                                    {"batch_rows", batch_rows}};
    VV_TRY(buffer_add_text(path, "/bulk", err));
    for (size_t i = 0; i < VV_COUNT(query); i++)
        VV_TRY(http_add_query(j->http, path, query[i][0], query[i][1], err));
    return buffer_add(path, "", 1, err); /* the NUL */
}

static varve_status send(job *j, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer path;
    VV_CLEANUP(http_answer_freep) json_t *params = NULL;
    buffer_init(&path, 4096, "URL");
    VV_TRY(make_path(j, &path, err));
    VV_TRY(http_upload(j->http, path.data, pull, j, PIECE_BYTES_MAX, &params, err));
    json_int_t taken = json_integer_value(json_object_get(params, "rows"));
    if ((uint64_t)taken != j->rows_sent)
        return vv_fail(err, VARVE_INTERNAL, "%llu rows were sent, the server counts %lld",
                       (unsigned long long)j->rows_sent, (long long)taken);
    return VARVE_OK;
}

varve_status import_to_url(const import_plan *plan, source *from, progress *bar, uint64_t *ret_rows,
                           varve_error *err)
{
    job j = {.plan = plan, .from = from, .bar = bar};
    VV_TRY(source_next(from, &j.rows, err));
    if (j.rows.count == 0) return vv_fail(err, VARVE_INVALID, "there are no rows");
    j.as_frames = j.rows.ids == NULL;
    varve_status status = start(&j, err);
    if (status == VARVE_OK) status = send(&j, err);
    if (status == VARVE_OK) *ret_rows = j.rows_sent;
    if (status != VARVE_OK && j.made && !plan->commit_batches) {
        varve_status ignored = server_drop(j.http, &plan->to, NULL);
        (void)ignored; /* the failure that led here is the one to report */
    }
    http_close(j.http);
    return status;
}
