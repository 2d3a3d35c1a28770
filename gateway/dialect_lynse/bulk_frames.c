/* bulk_frames.c — rows as binary frames, one after the other; all integers little-endian.
 *
 *   FRAME  offset size
 *            0     4   "VRVB"
 *            4     4   rows
 *            8     4   dim
 *           12     1   vectors: 0 float32, 1 float16, 2 uint8, 3 int8, 4 binary (packed)
 *           13     1   ids: 0 numbered by the engine, 1 a u64 each, 2 a range
 *           14     1   fields: 0 none, 1 present
 *           15     1   zero
 *           16     8   first id of a range, else zero
 *           24         vectors: rows x row bytes
 *                      ids: rows x u64; only with ids 1
 *                      fields: rows x (u32 length | JSON object); only with fields 1
 *
 * Packed: eight dimensions in a byte, lowest bit first. A length of 0 is a row without fields. A
 * frame is one write when commit=batch.
 * Version history. 1: first; a later one has another magic. */
#include "bulk_formats.h"
#include "lynse_args.h"
#include "lynse_fields.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEAD_BYTES = 24, IDS_NUMBERED = 0, IDS_EACH = 1, IDS_RANGE = 2 };

typedef struct frame {
    uint32_t rows, dim;
    uint8_t dtype, ids, fields;
    uint64_t first_id;
    varve_id *id_list; /* ids 1 */
    lynse_fields field_list;
    char *vectors;
} frame;

static void frame_done(frame *f)
{
    free(f->id_list);
    free(f->vectors);
    lynse_fields_done(&f->field_list);
}

static varve_status read_head(bulk_stream *in, frame *f, varve_error *err)
{
    const char *head;
    VV_TRY(bulk_stream_bytes(in, FRAME_HEAD_BYTES, &head, err));
    f->rows = get_u32(head + 4);
    f->dim = get_u32(head + 8);
    f->dtype = (uint8_t)head[12];
    f->ids = (uint8_t)head[13];
    f->fields = (uint8_t)head[14];
    f->first_id = get_u64(head + 16);
    if (memcmp(head, "VRVB", 4) != 0) return vv_fail(err, VARVE_INVALID, "its magic is not VRVB");
    if (f->dtype >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "unknown vector type %d", f->dtype);
    if (f->ids > IDS_RANGE) return vv_fail(err, VARVE_INVALID, "unknown id kind %d", f->ids);
    if (f->fields > 1 || head[15] != 0)
        return vv_fail(err, VARVE_INVALID, "bytes 14 and 15 are not 0 or 1, and 0");
    if (f->ids == IDS_RANGE && f->rows && f->first_id > UINT64_MAX - (f->rows - 1))
        return vv_fail(err, VARVE_INVALID, "ids from %" PRIu64 " on pass 64 bits", f->first_id);
    return VARVE_OK;
}

/* The vectors are copied: what is read next moves the stream's bytes. */
static varve_status read_vectors(bulk_stream *in, frame *f, varve_error *err)
{
    const char *bytes;
    size_t len;
    if (!size_mul(varve_dtype_row_bytes(f->dtype, f->dim), f->rows, &len)) len = SIZE_MAX;
    VV_TRY(bulk_stream_bytes(in, len, &bytes, err));
    f->vectors = malloc(len ? len : 1);
    if (!f->vectors) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a frame");
    memcpy(f->vectors, bytes, len);
    return VARVE_OK;
}

static varve_status read_ids(bulk_stream *in, frame *f, varve_error *err)
{
    const char *bytes;
    VV_TRY(bulk_stream_bytes(in, (size_t)f->rows * 8, &bytes, err));
    f->id_list = calloc(f->rows ? f->rows : 1, sizeof *f->id_list);
    if (!f->id_list) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a frame");
    for (size_t i = 0; i < f->rows; i++)
        f->id_list[i] = (varve_id){.kind = VARVE_ID_NUM, .num = get_u64(bytes + i * 8)};
    return VARVE_OK;
}

static varve_status read_fields(bulk_stream *in, frame *f, varve_error *err)
{
    for (size_t i = 0; i < f->rows; i++) {
        const char *bytes;
        VV_TRY(bulk_stream_bytes(in, 4, &bytes, err));
        size_t len = get_u32(bytes);
        VV_TRY(bulk_stream_bytes(in, len, &bytes, err));
        VV_TRY(buffer_add(&f->field_list.text, bytes, len, err));
        VV_TRY(lynse_fields_end_row(&f->field_list, len > 0, err));
    }
    return VARVE_OK;
}

static varve_status read_frame(bulk_stream *in, bulk_sink *out, varve_error *err)
{
    VV_CLEANUP(frame_done) frame f = {0};
    lynse_fields_init(&f.field_list, BULK_ITEM_BYTES_MAX);
    VV_TRY(read_head(in, &f, err));
    VV_TRY(LYNSE_LIMIT(out->call, "rows", f.rows, max_batch_vectors, err));
    VV_TRY(read_vectors(in, &f, err));
    if (f.ids == IDS_EACH) VV_TRY(read_ids(in, &f, err));
    if (f.fields) VV_TRY(read_fields(in, &f, err));
    varve_rows rows = {.count = f.rows,
                       .dim = f.dim,
                       .ids = f.id_list,
                       .ids_from_first = f.ids == IDS_RANGE,
                       .first_id = f.first_id,
                       .vectors = f.vectors,
                       .vectors_type = f.dtype,
                       .fields = f.fields ? lynse_fields_texts(&f.field_list) : NULL};
    return bulk_sink_put(out, &rows, err);
}

varve_status bulk_read_frames(bulk_stream *in, bulk_sink *out, const bulk_args *args,
                              varve_error *err)
{
    bool end;
    (void)args;
    for (uint64_t n = 1;; n++) {
        VV_TRY(bulk_stream_at_end(in, &end, err));
        if (end) return VARVE_OK;
        varve_status status = read_frame(in, out, err);
        if (status != VARVE_OK) vv_error_prefix(err, "frame %" PRIu64, n);
        VV_TRY(status);
    }
}
