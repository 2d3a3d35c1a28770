/* segment_writer.c — rows in, a published file out. Vectors stream; the other columns wait in
 * memory for segment_writer_finish, because each is a section of its own. */
#include "base/block_stream.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/hash.h"
#include "segment/images_beside.h"
#include "segment/norm.h"
#include "segment/segment.h"
#include "segment/segment_column.h"
#include "segment/segment_format.h"
#include "segment/segment_inner.h"

#include <assert.h>
#include <stdlib.h>

#define SECTION_COUNT (SEGMENT_SECTION_END - 1) /* each known kind, at most once */

struct segment_writer {
    segment_spec spec;
    size_t stride; /* bytes of a vector */
    block_stream stream;
    segment_column rowvers, ordinals, id_offsets, field_offsets;
    buffer ids, fields;
    buffer images[ROW_IMAGES]; /* made by finish */
    image_builder *builders[ROW_IMAGES];
    images_beside *beside; /* NULL: the builders are fed here */
    bool without_images;
    segment_record record; /* what is known so far */
    bool failed;
    uint8_t directory[SECTION_COUNT * SEGMENT_ENTRY_BYTES];
    size_t entries;
};

/* ---- life ---------------------------------------------------------------------------------- */

static varve_status writer_init(segment_writer *w, const char *temporary_path,
                                const segment_spec *spec, varve_error *err)
{
    w->spec = *spec;
    w->stride = varve_dtype_row_bytes(spec->dtype, spec->dim);
    w->record = (segment_record){.number = spec->number, .ordinal_min = UINT64_MAX};
    segment_column_init(&w->rowvers);
    segment_column_init(&w->ordinals);
    segment_column_init(&w->id_offsets);
    segment_column_init(&w->field_offsets);
    buffer_init(&w->ids, SIZE_MAX / 2, "ids of a segment");
    buffer_init(&w->fields, SIZE_MAX / 2, "fields of a segment");
    for (size_t i = 0; i < ROW_IMAGES; i++)
        buffer_init(&w->images[i], SIZE_MAX / 2, "field indexes of a segment");
    VV_TRY(segment_column_add(&w->id_offsets, 0, err));
    VV_TRY(segment_column_add(&w->field_offsets, 0, err));
    return block_stream_init(&w->stream, temporary_path, SEGMENT_HEADER_BYTES, err);
}

varve_status segment_writer_new(const char *temporary_path, const segment_spec *spec,
                                segment_writer **ret, varve_error *err)
{
    VV_CLEANUP(segment_writer_discardp) segment_writer *w = NULL;
    if (spec->dim == 0 || (unsigned)spec->dtype >= VARVE_DTYPE_COUNT)
        return vv_fail(err, VARVE_INVALID, "a segment needs a dimension and a known vector type");
    w = calloc(1, sizeof *w);
    if (!w) return vv_fail(err, VARVE_NO_MEMORY, "no memory to write %s", temporary_path);
    VV_TRY(writer_init(w, temporary_path, spec, err));
    *ret = w;
    w = NULL;
    return VARVE_OK;
}

void segment_writer_build_beside(segment_writer *w)
{
    assert(w->record.rows == 0 && !w->beside);
    if (images_beside_new(w->spec.content, &w->spec.text, &w->beside, NULL) != VARVE_OK)
        w->beside = NULL; /* then here */
}

void segment_writer_drop_images(segment_writer *w)
{
    for (int i = 0; i < ROW_IMAGES; i++) {
        image_builder_free(w->builders[i]);
        w->builders[i] = NULL;
    }
    images_beside_free(w->beside);
    w->beside = NULL;
    w->without_images = true;
}

void segment_writer_discard(segment_writer *w)
{
    if (!w) return;
    block_stream_done(&w->stream);
    segment_column_done(&w->rowvers);
    segment_column_done(&w->ordinals);
    segment_column_done(&w->id_offsets);
    segment_column_done(&w->field_offsets);
    buffer_done(&w->ids);
    buffer_done(&w->fields);
    for (size_t i = 0; i < ROW_IMAGES; i++)
        buffer_done(&w->images[i]);
    segment_writer_drop_images(w);
    free(w);
}

void segment_writer_discardp(segment_writer **w)
{
    segment_writer_discard(*w);
    *w = NULL;
}

/* ---- rows in ------------------------------------------------------------------------------- */

typedef struct row {
    uint64_t rowver, ordinal;
    const uint8_t *id_key;
    size_t id_key_len;
    const void *vector;
    varve_text fields;
} row;

/* Images have limits of their own, which rows have not: a segment does without them then. */
static varve_status unless_limit(segment_writer *w, varve_status status, const varve_error *why,
                                 varve_error *err)
{
    if (status != VARVE_LIMIT)
        return status == VARVE_OK ? VARVE_OK : vv_fail(err, status, "%s", why->message);
    segment_writer_drop_images(w);
    return VARVE_OK;
}

static varve_status build_images(segment_writer *w, varve_text fields, varve_error *err)
{
    if (w->beside) return images_beside_add(w->beside, fields, err);
    for (int i = 0; i < ROW_IMAGES; i++) {
        if (!image_suits(w->spec.content, i)) continue;
        if (!w->builders[i]) VV_TRY(image_builder_new(i, &w->spec.text, &w->builders[i], err));
        VV_TRY(image_builder_add(w->builders[i], fields, err));
    }
    return VARVE_OK;
}

static varve_status add_to_images(segment_writer *w, varve_text fields, varve_error *err)
{
    varve_error why = {0};
    if (w->without_images) return VARVE_OK;
    return unless_limit(w, build_images(w, fields, &why), &why, err);
}

static varve_status add_row(segment_writer *w, const row *r, varve_error *err)
{
    VV_TRY(segment_column_add(&w->rowvers, r->rowver, err));
    VV_TRY(segment_column_add(&w->ordinals, r->ordinal, err));
    VV_TRY(buffer_add(&w->ids, r->id_key, r->id_key_len, err));
    VV_TRY(segment_column_add(&w->id_offsets, w->ids.len, err));
    VV_TRY(buffer_add(&w->fields, r->fields.data, r->fields.len, err));
    VV_TRY(segment_column_add(&w->field_offsets, w->fields.len, err));
    VV_TRY(add_to_images(w, r->fields, err));
    return block_stream_put(&w->stream, r->vector, w->stride, err);
}

static void note_row(segment_record *record, const row *r, double norm)
{
    if (record->rows == 0) record->rowver_min = r->rowver;
    record->rowver_max = r->rowver;
    record->ordinal_min = VV_MIN(record->ordinal_min, r->ordinal);
    record->ordinal_max = VV_MAX(record->ordinal_max, r->ordinal);
    record->norm_max = VV_MAX(record->norm_max, norm);
    record->rows++;
}

varve_status segment_writer_add(segment_writer *w, uint64_t rowver, uint64_t ordinal,
                                const uint8_t *id_key, size_t id_key_len, const void *vector,
                                varve_text fields, varve_error *err)
{
    row r = {rowver, ordinal, id_key, id_key_len, vector, fields};
    varve_status status;
    assert(w->record.rows == 0 || rowver > w->record.rowver_max);
    assert(id_key_len > 0 && fields.len >= 2);
    status = add_row(w, &r, err);
    if (status == VARVE_OK)
        note_row(&w->record, &r, norm_bound(w->spec.dtype, w->spec.dim, vector));
    else
        w->failed = true;
    return status;
}

void segment_writer_renumber(segment_writer *w, uint64_t first_rowver, uint64_t first_ordinal)
{
    segment_record *r = &w->record;
    if (r->rows == 0) return;
    assert(first_rowver <= UINT64_MAX - (r->rows - 1));
    assert(first_ordinal <= UINT64_MAX - (r->rows - 1));
    segment_column_renumber(&w->rowvers, first_rowver);
    segment_column_renumber(&w->ordinals, first_ordinal);
    r->rowver_min = first_rowver;
    r->rowver_max = first_rowver + (r->rows - 1);
    r->ordinal_min = first_ordinal;
    r->ordinal_max = first_ordinal + (r->rows - 1);
}

varve_status segment_writer_set_ordinals(segment_writer *w, const uint64_t *ordinals,
                                         varve_error *err)
{
    segment_record *r = &w->record;
    segment_column_done(&w->ordinals);
    segment_column_init(&w->ordinals);
    r->ordinal_min = UINT64_MAX;
    r->ordinal_max = 0;
    for (uint64_t i = 0; i < r->rows; i++) {
        varve_status status = segment_column_add(&w->ordinals, ordinals[i], err);
        if (status != VARVE_OK) {
            w->failed = true;
            return status;
        }
        r->ordinal_min = VV_MIN(r->ordinal_min, ordinals[i]);
        r->ordinal_max = VV_MAX(r->ordinal_max, ordinals[i]);
    }
    return VARVE_OK;
}

uint64_t segment_writer_rows(const segment_writer *w) { return w->record.rows; }

uint64_t segment_writer_bytes(const segment_writer *w)
{
    const uint64_t sizes[] = {
        segment_column_bytes(&w->rowvers),
        segment_column_bytes(&w->ordinals),
        segment_column_bytes(&w->id_offsets),
        w->ids.len,
        segment_column_bytes(&w->field_offsets),
        w->fields.len,
        w->fields.len, /* about what the images take */
    };
    uint64_t end = SEGMENT_HEADER_BYTES + w->record.rows * w->stride;
    for (size_t i = 0; i < VV_COUNT(sizes); i++)
        end = size_align(end, SEGMENT_SECTION_ALIGNMENT) + sizes[i];
    end = size_align(end, SEGMENT_SECTION_ALIGNMENT);
    end += size_align(end, SEGMENT_BLOCK_BYTES) / SEGMENT_BLOCK_BYTES * SEGMENT_SUM_BYTES;
    return end + sizeof w->directory + SEGMENT_FOOTER_BYTES;
}

/* Bytes that are in use: what buffers have reserved beyond has no pages yet. */
uint64_t segment_writer_memory_bytes(const segment_writer *w)
{
    uint64_t images = w->beside ? images_beside_bytes(w->beside) : 0;
    for (int i = 0; i < ROW_IMAGES; i++)
        if (w->builders[i]) images += image_builder_bytes(w->builders[i]);
    return sizeof *w + SEGMENT_BLOCK_BYTES + w->stream.sums.len + w->rowvers.values.len +
           w->ordinals.values.len + w->id_offsets.values.len + w->ids.len +
           w->field_offsets.values.len + w->fields.len + images;
}

/* Images are finished one after the other. */
uint64_t segment_writer_finish_bytes(const segment_writer *w)
{
    uint64_t most = 0;
    for (int i = 0; i < ROW_IMAGES; i++)
        if (w->builders[i]) most = VV_MAX(most, image_builder_finish_bytes(w->builders[i]));
    return segment_writer_memory_bytes(w) + most;
}

/* ---- the file out -------------------------------------------------------------------------- */

static uint8_t *add_entry(segment_writer *w, segment_section kind, uint64_t offset, uint64_t size)
{
    uint8_t *entry = w->directory + w->entries++ * SEGMENT_ENTRY_BYTES;
    put_u32(entry, kind);
    put_u64(entry + 8, offset);
    put_u64(entry + 16, size);
    return entry;
}

static varve_status put_bytes(segment_writer *w, segment_section kind, const buffer *b,
                              varve_error *err)
{
    VV_TRY(block_stream_align(&w->stream, SEGMENT_SECTION_ALIGNMENT, err));
    (void)add_entry(w, kind, w->stream.position, b->len);
    return block_stream_put(&w->stream, b->data, b->len, err);
}

static varve_status put_column(segment_writer *w, segment_section kind, const segment_column *c,
                               varve_error *err)
{
    uint8_t *entry;
    if (c->listed) return put_bytes(w, kind, &c->values, err);
    VV_TRY(block_stream_align(&w->stream, SEGMENT_SECTION_ALIGNMENT, err));
    entry = add_entry(w, kind, w->stream.position, 0);
    put_u16(entry + 6, SEGMENT_FLAG_STEP);
    put_u64(entry + 24, c->first);
    put_u64(entry + 32, c->step);
    return VARVE_OK;
}

static varve_status finish_images(segment_writer *w, varve_error *err)
{
    if (VV_FAULT("segment.images") != VV_FAULT_NONE)
        return vv_fail(err, VARVE_LIMIT, "a fault in building field indexes");
    if (w->beside) return images_beside_finish(w->beside, w->images, err);
    for (int i = 0; i < ROW_IMAGES; i++) {
        if (w->builders[i]) VV_TRY(image_builder_finish(w->builders[i], &w->images[i], err));
        image_builder_free(w->builders[i]);
        w->builders[i] = NULL;
    }
    return VARVE_OK;
}

static varve_status put_images(segment_writer *w, varve_error *err)
{
    static const segment_section kinds[ROW_IMAGES] = {SEGMENT_COLUMNS, SEGMENT_TEXT,
                                                      SEGMENT_SPARSE};
    varve_error why = {0};
    VV_TRY(unless_limit(w, finish_images(w, &why), &why, err));
    for (int i = 0; i < ROW_IMAGES && !w->without_images; i++) {
        if (w->images[i].len) VV_TRY(put_bytes(w, kinds[i], &w->images[i], err));
        buffer_done(&w->images[i]);
    }
    return VARVE_OK;
}

static varve_status put_sums(segment_writer *w, varve_error *err)
{
    const buffer *sums = &w->stream.sums;
    uint8_t *entry;
    VV_TRY(block_stream_align(&w->stream, SEGMENT_SECTION_ALIGNMENT, err));
    VV_TRY(block_stream_end_blocks(&w->stream, err));
    entry = add_entry(w, SEGMENT_BLOCK_SUMS, w->stream.position, sums->len);
    put_u64(entry + 24, hash_bytes(sums->data, sums->len));
    return block_stream_put_after(&w->stream, sums->data, sums->len, err);
}

static varve_status put_sections(segment_writer *w, varve_error *err)
{
    (void)add_entry(w, SEGMENT_VECTORS, SEGMENT_HEADER_BYTES, w->record.rows * w->stride);
    VV_TRY(put_column(w, SEGMENT_ROWVERS, &w->rowvers, err));
    VV_TRY(put_column(w, SEGMENT_ORDINALS, &w->ordinals, err));
    VV_TRY(put_column(w, SEGMENT_ID_OFFSETS, &w->id_offsets, err));
    VV_TRY(put_bytes(w, SEGMENT_ID_BYTES, &w->ids, err));
    VV_TRY(put_column(w, SEGMENT_FIELD_OFFSETS, &w->field_offsets, err));
    VV_TRY(put_bytes(w, SEGMENT_FIELD_BYTES, &w->fields, err));
    VV_TRY(put_images(w, err));
    return put_sums(w, err);
}

static void make_header(const segment_writer *w, uint8_t ret[SEGMENT_HEADER_BYTES])
{
    const segment_record *r = &w->record;
    memset(ret, 0, SEGMENT_HEADER_BYTES);
    memcpy(ret, SEGMENT_MAGIC, 8);
    put_u32(ret + 8, SEGMENT_VERSION);
    put_u32(ret + 12, w->spec.collection);
    put_u64(ret + 16, w->spec.number);
    put_u64(ret + 24, r->rows);
    put_u32(ret + 32, w->spec.dim);
    ret[36] = (uint8_t)w->spec.dtype;
    ret[37] = (uint8_t)w->spec.content;
    ret[38] = segment_text_flags(&w->spec.text);
    memcpy(ret + 80, w->spec.text.language, sizeof w->spec.text.language);
    put_u64(ret + 40, r->rowver_min);
    put_u64(ret + 48, r->rowver_max);
    put_u64(ret + 56, r->ordinal_min);
    put_u64(ret + 64, r->ordinal_max);
    memcpy(ret + 72, &r->norm_max, sizeof r->norm_max);
    put_u64(ret + SEGMENT_HEADER_HASH_AT, hash_bytes(ret, SEGMENT_HEADER_HASH_AT));
}

static varve_status put_directory_and_footer(segment_writer *w, const uint8_t *header,
                                             varve_error *err)
{
    uint64_t directory_at = w->stream.position;
    size_t directory_bytes = w->entries * SEGMENT_ENTRY_BYTES;
    uint8_t footer[SEGMENT_FOOTER_BYTES] = {0};
    assert(w->entries <= SECTION_COUNT);
    w->record.file_bytes = directory_at + directory_bytes + sizeof footer;
    memcpy(footer, SEGMENT_FOOTER_MAGIC, 8);
    put_u64(footer + 8, directory_at);
    put_u32(footer + 16, (uint32_t)w->entries);
    put_u32(footer + 20, SEGMENT_BLOCK_BYTES);
    put_u64(footer + 24, w->record.file_bytes);
    memcpy(footer + 32, header + SEGMENT_HEADER_HASH_AT, 8);
    put_u64(footer + 40, hash_bytes(w->directory, directory_bytes));
    w->record.directory_hash = hash_bytes(footer, SEGMENT_FOOTER_HASH_AT);
    put_u64(footer + SEGMENT_FOOTER_HASH_AT, w->record.directory_hash);
    VV_TRY(block_stream_put_after(&w->stream, w->directory, directory_bytes, err));
    return block_stream_put_after(&w->stream, footer, sizeof footer, err);
}

varve_status segment_writer_finish(segment_writer *writer, const char *final_path,
                                   segment_record *ret, varve_error *err)
{
    VV_CLEANUP(segment_writer_discardp) segment_writer *w = writer;
    uint8_t header[SEGMENT_HEADER_BYTES];
    if (w->failed)
        return vv_fail(err, VARVE_INTERNAL, "%s: a row before could not be added", final_path);
    if (w->record.rows == 0)
        return vv_fail(err, VARVE_INVALID, "%s: a segment needs rows", final_path);
    if (w->record.rows > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "%s: more than %u rows", final_path, UINT32_MAX);
    if (w->beside) images_beside_end(w->beside);
    VV_TRY(put_sections(w, err));
    make_header(w, header);
    VV_TRY(put_directory_and_footer(w, header, err));
    VV_TRY(block_stream_publish(&w->stream, header, final_path, err));
    *ret = w->record;
    return VARVE_OK;
}
