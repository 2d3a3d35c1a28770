/* ldbf1.c — the fields payload of LynseDB's binary writes, to JSON. */
#include "ldbf1.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <math.h>

static const char magic[] = {'L', 'D', 'B', 'F', '1'};

enum {
    TAG_NULL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_I64,
    TAG_U64,
    TAG_F64,
    TAG_STRING,
    TAG_ARRAY,
    TAG_OBJECT
};

typedef struct reader {
    const unsigned char *at, *end;
    buffer *out;
    int depth;
} reader;

/* The next `len` bytes, or NULL when there are not that many. */
static const unsigned char *take(reader *r, size_t len)
{
    if ((size_t)(r->end - r->at) < len) return NULL;
    r->at += len;
    return r->at - len;
}

static varve_status take_u32(reader *r, uint32_t *ret, varve_error *err)
{
    const unsigned char *p = take(r, 4);
    if (!p) return vv_fail(err, VARVE_INVALID, "the payload ends early");
    *ret = get_u32(p);
    return VARVE_OK;
}

/* Also without NUL characters, which stored JSON cannot hold either. */
static bool is_text(const char *bytes, size_t len)
{
    json_t *string = memchr(bytes, 0, len) ? NULL : json_stringn(bytes, len);
    json_decref(string);
    return string;
}

static varve_status copy_string(reader *r, varve_error *err)
{
    uint32_t len;
    VV_TRY(take_u32(r, &len, err));
    const unsigned char *p = take(r, len);
    if (!p) return vv_fail(err, VARVE_INVALID, "the payload ends early");
    if (!is_text((const char *)p, len))
        return vv_fail(err, VARVE_INVALID, "a string is not UTF-8 without NUL");
    return json_out_string(r->out, (const char *)p, len, err);
}

static varve_status copy_number(reader *r, int tag, varve_error *err)
{
    const unsigned char *p = take(r, 8);
    if (!p) return vv_fail(err, VARVE_INVALID, "the payload ends early");
    if (tag == TAG_U64) return json_out_u64(r->out, get_u64(p), err);
    if (tag == TAG_I64) return buffer_printf(r->out, err, "%" PRId64, (int64_t)get_u64(p));
    if (!isfinite(get_f64(p))) return vv_fail(err, VARVE_INVALID, "a number is not finite");
    return lynse_out_real(r->out, get_f64(p), err);
}

static varve_status copy_value(reader *r, varve_error *err);

static varve_status copy_pairs(reader *r, varve_error *err)
{
    uint32_t n;
    VV_TRY(take_u32(r, &n, err));
    VV_TRY(buffer_add(r->out, "{", 1, err));
    for (uint32_t i = 0; i < n; i++) {
        if (i) VV_TRY(buffer_add(r->out, ",", 1, err));
        VV_TRY(copy_string(r, err));
        VV_TRY(buffer_add(r->out, ":", 1, err));
        VV_TRY(copy_value(r, err));
    }
    return buffer_add(r->out, "}", 1, err);
}

static varve_status copy_array(reader *r, varve_error *err)
{
    uint32_t n;
    VV_TRY(take_u32(r, &n, err));
    VV_TRY(buffer_add(r->out, "[", 1, err));
    for (uint32_t i = 0; i < n; i++) {
        if (i) VV_TRY(buffer_add(r->out, ",", 1, err));
        VV_TRY(copy_value(r, err));
    }
    return buffer_add(r->out, "]", 1, err);
}

static varve_status copy_nested(reader *r, int tag, varve_error *err)
{
    if (r->depth == LDBF1_DEPTH_MAX)
        return vv_fail(err, VARVE_INVALID, "nested deeper than %d", LDBF1_DEPTH_MAX);
    r->depth++;
    varve_status status = tag == TAG_ARRAY ? copy_array(r, err) : copy_pairs(r, err);
    r->depth--;
    return status;
}

static varve_status copy_value(reader *r, varve_error *err)
{
    const unsigned char *tag = take(r, 1);
    if (!tag) return vv_fail(err, VARVE_INVALID, "the payload ends early");
    switch (*tag) {
    case TAG_NULL: return buffer_add_text(r->out, "null", err);
    case TAG_FALSE: return buffer_add_text(r->out, "false", err);
    case TAG_TRUE: return buffer_add_text(r->out, "true", err);
    case TAG_I64:
    case TAG_U64:
    case TAG_F64: return copy_number(r, *tag, err);
    case TAG_STRING: return copy_string(r, err);
    case TAG_ARRAY:
    case TAG_OBJECT: return copy_nested(r, *tag, err);
    default: return vv_fail(err, VARVE_INVALID, "unknown value tag %d", *tag);
    }
}

static varve_status copy_row(reader *r, lynse_fields *ret, varve_error *err)
{
    const unsigned char *present = take(r, 1);
    if (!present) return vv_fail(err, VARVE_INVALID, "the payload ends early");
    if (*present > 1) return vv_fail(err, VARVE_INVALID, "unknown presence %d", *present);
    if (*present) VV_TRY(copy_pairs(r, err));
    return lynse_fields_end_row(ret, *present, err);
}

varve_status ldbf1_decode(const void *bytes, size_t len, size_t rows, lynse_fields *ret,
                          varve_error *err)
{
    reader r = {.at = bytes, .end = (const unsigned char *)bytes + len, .out = &ret->text};
    const unsigned char *start = take(&r, sizeof magic);
    uint32_t count;
    if (!start || memcmp(start, magic, sizeof magic) != 0)
        return vv_fail(err, VARVE_INVALID, "invalid fields payload: its magic is not LDBF1");
    VV_TRY(take_u32(&r, &count, err));
    if (count != rows)
        return vv_fail(err, VARVE_INVALID,
                       "fields length must match vectors length: %u rows of fields, %zu vectors",
                       count, rows);
    for (size_t i = 0; i < rows; i++) {
        varve_status status = copy_row(&r, ret, err);
        if (status != VARVE_OK) vv_error_prefix(err, "invalid fields payload, row %zu", i);
        VV_TRY(status);
    }
    if (r.at != r.end)
        return vv_fail(err, VARVE_INVALID, "invalid fields payload: %zu bytes behind its last row",
                       (size_t)(r.end - r.at));
    return VARVE_OK;
}
