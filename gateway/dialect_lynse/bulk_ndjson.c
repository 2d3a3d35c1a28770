/* bulk_ndjson.c — rows as lines of JSON. */
#include "bulk_base64.h"
#include "bulk_formats.h"
#include "lynse_fields.h"
#include "lynse_ids.h"
#include "lynse_vectors.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef enum id_use { IDS_UNKNOWN, IDS_GIVEN, IDS_NONE } id_use;

/* Rows gathered until they are a batch. */
typedef struct batch {
    buffer vectors; /* float32 */
    buffer ids;     /* varve_id; until it is put, a string id holds in num where its text begins */
    buffer id_texts;
    lynse_fields fields;
    size_t count, dim;
    uint64_t first_line, line; /* lines of the first row and of the one at hand, from 1 */
    id_use use;
} batch;

static void batch_init(batch *b)
{
    *b = (batch){0};
    buffer_init(&b->vectors, 4 * BULK_ITEM_BYTES_MAX, "vectors of a batch");
    buffer_init(&b->ids, BULK_ITEM_BYTES_MAX, "ids of a batch");
    buffer_init(&b->id_texts, BULK_ITEM_BYTES_MAX, "ids of a batch");
    lynse_fields_init(&b->fields, 4 * BULK_ITEM_BYTES_MAX);
}

static void batch_done(batch *b)
{
    buffer_done(&b->vectors);
    buffer_done(&b->ids);
    buffer_done(&b->id_texts);
    lynse_fields_done(&b->fields);
}

static void batch_clear(batch *b)
{
    buffer_clear(&b->vectors);
    buffer_clear(&b->ids);
    buffer_clear(&b->id_texts);
    lynse_fields_clear(&b->fields);
    b->count = 0;
}

static size_t batch_bytes(const batch *b)
{
    return b->vectors.len + b->ids.len + b->id_texts.len + b->fields.text.len;
}

static varve_id *batch_ids(batch *b)
{
    varve_id *ids = (varve_id *)(void *)b->ids.data;
    for (size_t i = 0; i < b->count; i++)
        if (ids[i].kind == VARVE_ID_STR) ids[i].text.data = b->id_texts.data + ids[i].num;
    return ids;
}

static varve_status batch_put(batch *b, bulk_sink *out, varve_error *err)
{
    varve_rows rows = {.count = b->count,
                       .dim = b->dim,
                       .ids = b->use == IDS_GIVEN ? batch_ids(b) : NULL,
                       .vectors = b->vectors.data,
                       .fields = lynse_fields_texts(&b->fields)};
    varve_status status = bulk_sink_put(out, &rows, err);
    if (status != VARVE_OK)
        vv_error_prefix(err, "lines %" PRIu64 " to %" PRIu64, b->first_line, b->line);
    batch_clear(b);
    return status;
}

static varve_status take_id(batch *b, const json_t *value, varve_error *err)
{
    id_use use = value && !json_is_null(value) ? IDS_GIVEN : IDS_NONE;
    varve_id id;
    if (b->use == IDS_UNKNOWN) b->use = use;
    if (b->use != use)
        return vv_fail(err, VARVE_INVALID, "some lines have an id and some have none");
    if (use == IDS_NONE) return VARVE_OK;
    VV_TRY(lynse_id_read(value, "id", &id, err));
    if (id.kind == VARVE_ID_STR) {
        id.num = b->id_texts.len;
        VV_TRY(buffer_add(&b->id_texts, id.text.data, id.text.len, err));
    }
    return buffer_add(&b->ids, &id, sizeof id, err);
}

static varve_status check_dim(batch *b, size_t dim, varve_error *err)
{
    if (dim == 0) return vv_fail(err, VARVE_INVALID, "vector cannot be empty");
    if (b->dim && b->dim != dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %zu, got %zu", b->dim,
                       dim);
    b->dim = dim;
    return VARVE_OK;
}

static varve_status take_base64(batch *b, const json_t *value, varve_error *err)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value), got;
    if (!text) return vv_fail(err, VARVE_INVALID, "vector_b64 is not a string");
    VV_TRY(buffer_reserve(&b->vectors, bulk_base64_size(len), err));
    if (!bulk_base64_decode(text, len, b->vectors.data + b->vectors.len, &got) || got % 4)
        return vv_fail(err, VARVE_INVALID, "vector_b64 is not base64 of float32 values");
    VV_TRY(check_dim(b, got / 4, err));
    b->vectors.len += got;
    return VARVE_OK;
}

static varve_status take_vector(batch *b, const json_document *d, varve_error *err)
{
    lynse_matrix m;
    const json_t *encoded = json_object_get(d->root, "vector_b64");
    if (encoded && !json_is_null(encoded)) return take_base64(b, encoded, err);
    VV_TRY(lynse_matrix_read(d, "vector", false, &m, err));
    VV_TRY(check_dim(b, m.dim, err));
    return buffer_add(&b->vectors, m.values, m.dim * sizeof(float), err);
}

/* A session writes primary vectors. Others must not be lost in silence. */
static varve_status refuse_named(const json_t *row, varve_error *err)
{
    static const char *const members[] = {"vectors", "named_vectors", "multi_vectors",
                                          "sparse_vector", "sparse_vectors"};
    for (size_t i = 0; i < VV_COUNT(members); i++)
        if (json_object_get(row, members[i]))
            return vv_fail(err, VARVE_INVALID,
                           "%s: rows of a stream have a primary vector alone; put those of vector "
                           "fields in afterwards, with /add_named_vectors or /add_sparse_vectors",
                           members[i]);
    return VARVE_OK;
}

static varve_status take_line(batch *b, char *line, size_t len, varve_error *err)
{
    VV_CLEANUP(json_document_done) json_document d = {0};
    VV_TRY(lynse_parse(line, len, BULK_ITEM_BYTES_MAX, &d, err));
    if (!json_is_object(d.root)) return vv_fail(err, VARVE_INVALID, "not a JSON object");
    VV_TRY(refuse_named(d.root, err));
    VV_TRY(take_id(b, json_object_get(d.root, "id"), err));
    VV_TRY(take_vector(b, &d, err));
    return lynse_fields_add(&b->fields, json_object_get(d.root, "fields"), err);
}

static bool is_blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", line[i])) return false;
    return true;
}

/* One more row of the stream, in the batch or in the sink; *ret_end true: there is none. */
static varve_status read_row(bulk_stream *in, batch *b, bool *ret_end, varve_error *err)
{
    char *line;
    size_t len;
    do {
        VV_TRY(bulk_stream_line(in, &line, &len, err));
        if (!line) {
            *ret_end = true;
            return VARVE_OK;
        }
        b->line++;
    } while (is_blank(line, len));
    if (b->count == 0) b->first_line = b->line;
    VV_TRY(take_line(b, line, len, err));
    b->count++;
    return VARVE_OK;
}

varve_status bulk_read_ndjson(bulk_stream *in, bulk_sink *out, const bulk_args *args,
                              varve_error *err)
{
    VV_CLEANUP(batch_done) batch b;
    batch_init(&b);
    b.dim = out->dim;
    for (bool end = false; !end;) {
        varve_status status = read_row(in, &b, &end, err);
        if (status != VARVE_OK) {
            vv_error_prefix(err, "line %" PRIu64, b.line);
            return status;
        }
        bool full = b.count >= args->batch_rows || batch_bytes(&b) >= BULK_BATCH_BYTES;
        if (full || end) VV_TRY(batch_put(&b, out, err));
    }
    return VARVE_OK;
}
