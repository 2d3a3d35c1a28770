/* segment_parse.c — header, footer and directory of a mapped file, believing nothing: every number
 * is checked against the file's size, the number of rows and each other before it is used. */
#include "base/bytes.h"
#include "base/hash.h"
#include "segment/segment_inner.h"

#include <math.h>

static varve_status bad(const segment *s, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "segment %s: %s", s->path, what);
}

/* ---- header -------------------------------------------------------------------------------- */

static varve_status check_header(const segment *s, const uint8_t *h, varve_error *err)
{
    uint32_t version = get_u32(h + 8);
    if (memcmp(h, SEGMENT_MAGIC, 8) != 0) return bad(s, "this is not a segment file", err);
    if (get_u64(h + SEGMENT_HEADER_HASH_AT) != hash_bytes(h, SEGMENT_HEADER_HASH_AT))
        return bad(s, "the header does not match its checksum", err);
    if (version > SEGMENT_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT,
                       "segment %s has format version %u; this program reads up to %u", s->path,
                       version, SEGMENT_VERSION);
    return version == 0 ? bad(s, "format version 0", err) : VARVE_OK;
}

static varve_status read_text_options(const segment *s, const uint8_t *h, text_options *ret,
                                      varve_error *err)
{
    if (h[38] & ~SEGMENT_TEXT_KNOWN) return bad(s, "unknown options of texts", err);
    if (h[80 + sizeof ret->language - 1] != 0) return bad(s, "the language does not end", err);
    *ret = (text_options){.stem = h[38] & SEGMENT_TEXT_STEM,
                          .stop_words = h[38] & SEGMENT_TEXT_STOP_WORDS,
                          .fold_accents = h[38] & SEGMENT_TEXT_FOLD_ACCENTS};
    memcpy(ret->language, h + 80, sizeof ret->language);
    return VARVE_OK;
}

static varve_status read_header(segment *s, varve_error *err)
{
    const uint8_t *h = s->map.data;
    segment_record *r = &s->record;
    VV_TRY(check_header(s, h, err));
    if (h[36] >= VARVE_DTYPE_COUNT) return bad(s, "unknown vector type", err);
    if (h[37] > SEGMENT_SPARSE_VECTOR) return bad(s, "unknown content", err);
    s->spec = (segment_spec){.collection = get_u32(h + 12),
                             .number = get_u64(h + 16),
                             .dim = get_u32(h + 32),
                             .dtype = h[36],
                             .content = h[37]};
    VV_TRY(read_text_options(s, h, &s->spec.text, err));
    *r = (segment_record){
        .number = s->spec.number,
        .rows = get_u64(h + 24),
        .rowver_min = get_u64(h + 40),
        .rowver_max = get_u64(h + 48),
        .ordinal_min = get_u64(h + 56),
        .ordinal_max = get_u64(h + 64),
        .file_bytes = s->map.size,
        .norm_max = get_f64(h + 72),
    };
    if (s->spec.dim == 0 || r->rows == 0) return bad(s, "no rows or no dimensions", err);
    if (r->rowver_min > r->rowver_max || r->rows - 1 > r->rowver_max - r->rowver_min)
        return bad(s, "the rowver range does not fit the rows", err);
    if (r->ordinal_min > r->ordinal_max) return bad(s, "the ordinal range is empty", err);
    if (!(r->norm_max >= 0 && isfinite(r->norm_max))) return bad(s, "the norm is no number", err);
    s->stride = varve_dtype_row_bytes(s->spec.dtype, s->spec.dim);
    return VARVE_OK;
}

/* ---- footer, and where the directory is ---------------------------------------------------- */

static varve_status read_footer(segment *s, section *ret_directory, varve_error *err)
{
    uint64_t footer_at = s->map.size - SEGMENT_FOOTER_BYTES;
    const uint8_t *h = s->map.data, *f = h + footer_at;
    section d = {get_u64(f + 8), (uint64_t)get_u32(f + 16) * SEGMENT_ENTRY_BYTES};
    if (memcmp(f, SEGMENT_FOOTER_MAGIC, 8) != 0)
        return bad(s, "no footer: the file was cut short, or is something else", err);
    s->record.directory_hash = get_u64(f + SEGMENT_FOOTER_HASH_AT);
    if (s->record.directory_hash != hash_bytes(f, SEGMENT_FOOTER_HASH_AT))
        return bad(s, "the footer does not match its checksum", err);
    if (get_u64(f + 24) != s->map.size)
        return bad(s, "the file has another size than it says", err);
    if (get_u32(f + 20) != SEGMENT_BLOCK_BYTES) return bad(s, "unknown block size", err);
    if (get_u64(f + 32) != get_u64(h + SEGMENT_HEADER_HASH_AT))
        return bad(s, "header and footer are of different files", err);
    if (d.offset < SEGMENT_HEADER_BYTES || d.offset > footer_at || d.size != footer_at - d.offset)
        return bad(s, "the directory is not where the footer says", err);
    if (get_u64(f + 40) != hash_bytes(h + d.offset, d.size))
        return bad(s, "the directory does not match its checksum", err);
    *ret_directory = d;
    return VARVE_OK;
}

/* ---- directory ----------------------------------------------------------------------------- */

typedef struct entry {
    uint32_t kind;
    uint16_t field, flags;
    section at;
    uint64_t first, step;
} entry;

static entry read_entry(const uint8_t *p)
{
    return (entry){get_u32(p),      get_u16(p + 4),
                   get_u16(p + 6),  {get_u64(p + 8), get_u64(p + 16)},
                   get_u64(p + 24), get_u64(p + 32)};
}

/* The block sums end the directory and say how far the blocks reach. */
static varve_status read_sums(segment *s, section directory, varve_error *err)
{
    const uint8_t *d = s->map.data + directory.offset;
    entry e;
    if (directory.size == 0) return bad(s, "the directory is empty", err);
    e = read_entry(d + directory.size - SEGMENT_ENTRY_BYTES);
    if (e.kind != SEGMENT_BLOCK_SUMS || e.field != 0 || e.flags != 0)
        return bad(s, "the directory does not end with the block sums", err);
    if (e.at.offset < SEGMENT_HEADER_BYTES || e.at.offset > directory.offset ||
        e.at.size != directory.offset - e.at.offset || e.at.offset % SEGMENT_SECTION_ALIGNMENT != 0)
        return bad(s, "the block sums are not before the directory", err);
    if (!block_sums_fit(e.at.offset, e.at.size))
        return bad(s, "the block sums do not fit the sections", err);
    if (e.first != hash_bytes(s->map.data + e.at.offset, e.at.size))
        return bad(s, "the block sums do not match their checksum", err);
    return block_sums_init(&s->blocks, "segment", s->path, &s->map, SEGMENT_HEADER_BYTES,
                           e.at.offset, err);
}

static varve_status place_section(const segment *s, const entry *e, uint64_t previous_end,
                                  varve_error *err)
{
    if (e->at.offset < previous_end || e->at.offset > s->blocks.end ||
        e->at.size > s->blocks.end - e->at.offset || e->at.offset % SEGMENT_SECTION_ALIGNMENT != 0)
        return bad(s, "a section is not where it may be", err);
    return VARVE_OK;
}

/* All entries but the last, by kind; those of unknown kinds or fields are only checked for place.
 */
static varve_status read_entries(const segment *s, section directory, entry *ret_known,
                                 varve_error *err)
{
    uint64_t end = SEGMENT_HEADER_BYTES;
    for (uint64_t at = 0; at < directory.size - SEGMENT_ENTRY_BYTES; at += SEGMENT_ENTRY_BYTES) {
        entry e = read_entry(s->map.data + directory.offset + at);
        VV_TRY(place_section(s, &e, end, err));
        end = e.at.offset + e.at.size;
        if (e.kind == 0 || e.kind == SEGMENT_BLOCK_SUMS || e.kind >= SEGMENT_SECTION_END ||
            e.field != 0)
            continue;
        if (ret_known[e.kind].kind != 0) return bad(s, "a section is there twice", err);
        ret_known[e.kind] = e;
    }
    for (uint32_t kind = 1; kind < SEGMENT_BLOCK_SUMS; kind++) {
        if (ret_known[kind].kind == 0) return bad(s, "a section is missing", err);
    }
    return VARVE_OK;
}

static varve_status take_bytes(const segment *s, const entry *e, section *ret, varve_error *err)
{
    if (e->flags != 0) return bad(s, "unknown flags on a section", err);
    *ret = e->at;
    return VARVE_OK;
}

static varve_status take_column(const segment *s, const entry *e, uint64_t count,
                                stored_column *ret, varve_error *err)
{
    uint64_t bytes, last;
    *ret = (stored_column){e->at, e->flags == SEGMENT_FLAG_STEP, e->first, e->step};
    if (e->flags & ~SEGMENT_FLAG_STEP) return bad(s, "unknown flags on a section", err);
    if (!ret->stepped) {
        if (!size_mul(count, sizeof(uint64_t), &bytes) || e->at.size != bytes)
            return bad(s, "a column does not fit the rows", err);
    } else if (e->at.size != 0 || !size_mul(e->step, count - 1, &last) ||
               !size_add(e->first, last, &last)) {
        return bad(s, "a stepped column is too large", err);
    }
    return VARVE_OK;
}

static uint64_t column_last(const stored_column *c, uint64_t count)
{
    return c->first + c->step * (count - 1);
}

/* The ends of stepped columns can be checked now; lists are checked as they are read. */
static varve_status check_columns(const segment *s, varve_error *err)
{
    const segment_record *r = &s->record;
    if (s->rowvers.stepped &&
        (s->rowvers.first != r->rowver_min || column_last(&s->rowvers, r->rows) != r->rowver_max ||
         (r->rows > 1 && s->rowvers.step == 0)))
        return bad(s, "the rowvers are not in their range", err);
    if (s->ordinals.stepped && (s->ordinals.first != r->ordinal_min ||
                                column_last(&s->ordinals, r->rows) != r->ordinal_max))
        return bad(s, "the ordinals are not in their range", err);
    if (s->id_offsets.stepped &&
        (s->id_offsets.first != 0 || column_last(&s->id_offsets, r->rows + 1) != s->id_bytes.size))
        return bad(s, "the ids do not fit the rows", err);
    if (s->field_offsets.stepped &&
        (s->field_offsets.first != 0 ||
         column_last(&s->field_offsets, r->rows + 1) != s->field_bytes.size))
        return bad(s, "the fields do not fit the rows", err);
    return VARVE_OK;
}

/* Those that are not in the file have size 0. */
static varve_status take_images(segment *s, const entry *known, varve_error *err)
{
    static const segment_section kinds[ROW_IMAGES] = {SEGMENT_COLUMNS, SEGMENT_TEXT,
                                                      SEGMENT_SPARSE};
    for (size_t i = 0; i < ROW_IMAGES; i++) {
        section at = {0, 0};
        if (known[kinds[i]].kind != 0) VV_TRY(take_bytes(s, &known[kinds[i]], &at, err));
        segment_place_image(s, i, at);
    }
    return VARVE_OK;
}

static varve_status take_sections(segment *s, const entry *known, varve_error *err)
{
    uint64_t rows = s->record.rows, bytes;
    VV_TRY(take_bytes(s, &known[SEGMENT_VECTORS], &s->vectors, err));
    if (!size_mul(rows, s->stride, &bytes) || s->vectors.size != bytes)
        return bad(s, "the vectors do not fit rows and dimension", err);
    /* rows + 1 does not overflow: stride is at least 1 and the vectors are in the file */
    VV_TRY(take_column(s, &known[SEGMENT_ROWVERS], rows, &s->rowvers, err));
    VV_TRY(take_column(s, &known[SEGMENT_ORDINALS], rows, &s->ordinals, err));
    VV_TRY(take_column(s, &known[SEGMENT_ID_OFFSETS], rows + 1, &s->id_offsets, err));
    VV_TRY(take_bytes(s, &known[SEGMENT_ID_BYTES], &s->id_bytes, err));
    VV_TRY(take_column(s, &known[SEGMENT_FIELD_OFFSETS], rows + 1, &s->field_offsets, err));
    VV_TRY(take_bytes(s, &known[SEGMENT_FIELD_BYTES], &s->field_bytes, err));
    VV_TRY(take_images(s, known, err));
    return check_columns(s, err);
}

varve_status segment_parse(segment *s, varve_error *err)
{
    entry known[SEGMENT_SECTION_END] = {{0}};
    section directory = {0, 0};
    if (s->map.size < SEGMENT_HEADER_BYTES + SEGMENT_FOOTER_BYTES)
        return bad(s, "the file is too short", err);
    VV_TRY(read_header(s, err));
    VV_TRY(read_footer(s, &directory, err));
    VV_TRY(read_sums(s, directory, err));
    VV_TRY(read_entries(s, directory, known, err));
    return take_sections(s, known, err);
}
