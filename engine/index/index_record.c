/* index_record.c — the manifest's record of an index, to bytes and back. */
#include "base/bytes.h"
#include "index/index.h"

#define RECORD_VERSION   1
#define RECORD_MODE_AT   38 /* u8 length, then the name */
#define RECORD_BYTES_MIN (RECORD_MODE_AT + 1)

varve_status index_record_put(const index_record *r, buffer *out, varve_error *err)
{
    uint8_t bytes[RECORD_BYTES_MIN + SCHEMA_INDEX_MODE_MAX];
    size_t mode_len = strlen(r->mode);
    bytes[0] = RECORD_VERSION;
    bytes[1] = (uint8_t)r->kind;
    put_u32(bytes + 2, r->generation);
    put_u64(bytes + 6, r->spec_hash);
    put_u64(bytes + 14, r->rows);
    put_u64(bytes + 22, r->file_bytes);
    put_u64(bytes + 30, r->footer_hash);
    bytes[RECORD_MODE_AT] = (uint8_t)mode_len;
    memcpy(bytes + RECORD_BYTES_MIN, r->mode, mode_len);
    return buffer_add(out, bytes, RECORD_BYTES_MIN + mode_len, err);
}

static bool is_mode(const char *text)
{
    char canonical[SCHEMA_INDEX_MODE_MAX + 1];
    index_mode mode;
    if (index_mode_parse(text, &mode, NULL) != VARVE_OK) return false;
    index_mode_text(&mode, canonical);
    return strcmp(text, canonical) == 0;
}

varve_status index_record_get(const void *bytes, size_t len, index_record *ret, varve_error *err)
{
    const uint8_t *p = bytes;
    index_record r = {0};
    if (len > 0 && p[0] > RECORD_VERSION)
        return vv_fail(err, VARVE_NEWER_FORMAT, "the record of an index has version %u", p[0]);
    if (len < RECORD_BYTES_MIN || p[0] != RECORD_VERSION || p[1] > INDEX_KIND_FULL ||
        p[RECORD_MODE_AT] > SCHEMA_INDEX_MODE_MAX ||
        len != RECORD_BYTES_MIN + (size_t)p[RECORD_MODE_AT])
        return vv_fail(err, VARVE_CORRUPT, "the record of an index is malformed");
    r.kind = (index_kind)p[1];
    r.generation = get_u32(p + 2);
    r.spec_hash = get_u64(p + 6);
    r.rows = get_u64(p + 14);
    r.file_bytes = get_u64(p + 22);
    r.footer_hash = get_u64(p + 30);
    memcpy(r.mode, p + RECORD_BYTES_MIN, p[RECORD_MODE_AT]);
    if (r.rows == 0 || !is_mode(r.mode))
        return vv_fail(err, VARVE_CORRUPT, "the record of an index contradicts itself");
    *ret = r;
    return VARVE_OK;
}
