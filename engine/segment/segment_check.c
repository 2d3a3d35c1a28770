/* segment_check.c — reads all of a segment and verifies what its format promises of the content,
 * row by row. Open has verified what can be said without reading the sections. */
#include "base/bytes.h"
#include "base/half.h"
#include "base/json.h"
#include "distance/distance.h"
#include "segment/segment_inner.h"

#include <math.h>

typedef struct check {
    segment *s;
    uint64_t rowver_last;
    uint64_t ordinal_min, ordinal_max; /* so far */
    uint64_t id_end, fields_end;       /* bytes of the heaps that rows before this one used */
    buffer fields;                     /* scratch: fields minified again */
} check;

static varve_status bad(const check *c, uint64_t slot, const char *what, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "segment %s: row %llu: %s", segment_path(c->s),
                   (unsigned long long)slot, what);
}

static varve_status check_order(check *c, uint64_t slot, varve_error *err)
{
    const segment_record *r = &c->s->record;
    uint64_t rowver, ordinal;
    VV_TRY(segment_rowver(c->s, slot, &rowver, err));
    VV_TRY(segment_ordinal(c->s, slot, &ordinal, err));
    if (slot > 0 && rowver <= c->rowver_last) return bad(c, slot, "rowvers do not ascend", err);
    if (slot == 0 && rowver != r->rowver_min)
        return bad(c, slot, "the first rowver is not the smallest", err);
    if (slot == r->rows - 1 && rowver != r->rowver_max)
        return bad(c, slot, "the last rowver is not the largest", err);
    c->rowver_last = rowver;
    c->ordinal_min = VV_MIN(c->ordinal_min, ordinal);
    c->ordinal_max = VV_MAX(c->ordinal_max, ordinal);
    return VARVE_OK;
}

/* Rows use up a heap without gaps: what follows row i - 1 is row i. */
static bool continues(const segment *s, const section *heap, const void *bytes, size_t len,
                      uint64_t *end)
{
    const uint8_t *expected = s->map.data + heap->offset + *end;
    *end += len;
    return bytes == expected;
}

static varve_status check_id(check *c, uint64_t slot, varve_error *err)
{
    const uint8_t *key;
    size_t len;
    varve_id id;
    VV_TRY(segment_id_key(c->s, slot, &key, &len, err));
    if (!continues(c->s, &c->s->id_bytes, key, len, &c->id_end))
        return bad(c, slot, "the id does not follow the one before", err);
    if (!id_key_get(key, len, &id) || id_check(id, SIZE_MAX, NULL) != VARVE_OK)
        return bad(c, slot, "the id is malformed", err);
    return VARVE_OK;
}

static varve_status check_fields(check *c, uint64_t slot, varve_error *err)
{
    const json_limits limits = {SIZE_MAX, JSON_DEPTH_MAX, SIZE_MAX};
    varve_text text;
    sparse_vector vector;
    VV_TRY(segment_fields(c->s, slot, &text, err));
    if (!continues(c->s, &c->s->field_bytes, text.data, text.len, &c->fields_end))
        return bad(c, slot, "the fields do not follow those before", err);
    if (c->s->spec.content == SEGMENT_SPARSE_VECTOR) {
        if (sparse_decode(text, &c->fields, &vector)) return VARVE_OK;
        return bad(c, slot, "the sparse vector is malformed", err);
    }
    if (text.len == 2 && memcmp(text.data, "{}", 2) == 0) return VARVE_OK;
    buffer_clear(&c->fields);
    if (json_minify_object(text.data, text.len, &limits, &c->fields, NULL) != VARVE_OK)
        return bad(c, slot, "the fields are not a JSON object", err);
    if (c->fields.len != text.len || memcmp(c->fields.data, text.data, text.len) != 0)
        return bad(c, slot, "the fields are not minified", err);
    return VARVE_OK;
}

static bool is_finite(const segment *s, const uint8_t *row)
{
    uint32_t dim = s->spec.dim;
    bool finite = true;
    if (s->spec.dtype == VARVE_FLOAT32) {
        for (uint32_t i = 0; i < dim; i++)
            finite &= isfinite(get_f32(row + i * sizeof(float))) != 0;
    } else if (s->spec.dtype == VARVE_FLOAT16) {
        for (uint32_t i = 0; i < dim; i++)
            finite &= isfinite(half_to_float(get_u16(row + i * sizeof(uint16_t)))) != 0;
    }
    return finite;
}

static varve_status check_vector(check *c, uint64_t slot, varve_error *err)
{
    const segment *s = c->s;
    unsigned spare = 8 - s->spec.dim % 8; /* BINARY: bits of the last byte that mean nothing */
    const uint8_t *row;
    VV_TRY(segment_vectors(c->s, slot, 1, &row, err));
    if (!is_finite(s, row)) return bad(c, slot, "the vector is not finite", err);
    if (s->spec.dtype == VARVE_BINARY && spare < 8 && row[s->stride - 1] >> (8 - spare) != 0)
        return bad(c, slot, "spare bits of the vector are set", err);
    if (distance_norm(s->spec.dtype, s->spec.dim, row) > s->record.norm_max)
        return bad(c, slot, "the vector is longer than the norm recorded", err);
    return VARVE_OK;
}

static varve_status check_rows(check *c, varve_error *err)
{
    const segment *s = c->s;
    for (uint64_t slot = 0; slot < s->record.rows; slot++) {
        VV_TRY(check_order(c, slot, err));
        VV_TRY(check_id(c, slot, err));
        VV_TRY(check_fields(c, slot, err));
        VV_TRY(check_vector(c, slot, err));
    }
    if (c->id_end != s->id_bytes.size || c->fields_end != s->field_bytes.size)
        return bad(c, s->record.rows - 1, "bytes of no row follow", err);
    if (c->ordinal_min != s->record.ordinal_min || c->ordinal_max != s->record.ordinal_max)
        return bad(c, s->record.rows - 1, "the ordinals are not in their range", err);
    return VARVE_OK;
}

static varve_status get_content(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    return segment_fields(context, slot, ret, err);
}

static varve_status check_images(segment *s, varve_error *err)
{
    const row_contents rows = {get_content, s};
    const row_images *images;
    VV_TRY(segment_images(s, &images, err));
    return row_images_check(images, &rows, err);
}

varve_status segment_check(segment *s, varve_error *err)
{
    check c = {.s = s, .ordinal_min = UINT64_MAX};
    varve_status status;
    VV_TRY(block_sums_verify_all(&s->blocks, err));
    buffer_init(&c.fields, SIZE_MAX / 2, "fields of a row");
    status = check_rows(&c, err);
    if (status == VARVE_OK) status = check_images(s, err);
    buffer_done(&c.fields);
    return status;
}
