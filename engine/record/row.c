/* row.c — keys and values of rows; the byte tables are in row.h. */
#include "record/row.h"
#include "base/bytes.h"

#include <assert.h>

enum { FRESH_FIXED = 8 + 2 + 4, FIELDS_MIN = 2 };

size_t row_key_put(uint32_t cid, varve_id id, uint8_t *ret)
{
    put_be32(ret, cid);
    id_key_put(id, ret + 4);
    return 4 + id_key_size(id);
}

void rowver_key_put(uint32_t cid, uint64_t rowver, uint8_t ret[ROWVER_KEY_BYTES])
{
    put_be32(ret, cid);
    put_be64(ret + 4, rowver);
}

bool rowver_key_get(const void *key, size_t len, uint32_t *ret_cid, uint64_t *ret_rowver)
{
    const uint8_t *p = key;
    if (len != ROWVER_KEY_BYTES) return false;
    *ret_cid = get_be32(p);
    *ret_rowver = get_be64(p + 4);
    return true;
}

void row_current_put(const row_current *r, uint8_t ret[ROW_VALUE_BYTES])
{
    put_u64(ret, r->rowver);
    put_u64(ret + 8, r->ordinal);
    ret[16] = r->deleted ? ROW_FLAG_DELETED : 0;
}

bool row_current_get(const void *value, size_t len, row_current *ret)
{
    const uint8_t *p = value;
    if (len != ROW_VALUE_BYTES || (p[16] & ~ROW_FLAG_DELETED)) return false;
    *ret = (row_current){get_u64(p), get_u64(p + 8), p[16] == ROW_FLAG_DELETED};
    return true;
}

varve_status row_fresh_put(const row_fresh *r, buffer *out, varve_error *err)
{
    size_t total = FRESH_FIXED + r->id_key_len;
    assert(r->id_key_len <= UINT16_MAX && r->fields.len >= FIELDS_MIN);
    if (r->fields.len > UINT32_MAX)
        return vv_fail(err, VARVE_LIMIT, "fields of %zu bytes exceed %u", r->fields.len,
                       UINT32_MAX);
    if (!size_add(total, r->fields.len, &total) || !size_add(total, r->vector_bytes, &total))
        return vv_fail(err, VARVE_LIMIT, "row of %zu bytes is too large", r->vector_bytes);
    VV_TRY(buffer_reserve(out, total, err));
    uint8_t *p = (uint8_t *)out->data + out->len;
    put_u64(p, r->ordinal);
    put_u16(p + 8, (uint16_t)r->id_key_len);
    memcpy(p + 10, r->id_key, r->id_key_len);
    p += 10 + r->id_key_len;
    put_u32(p, (uint32_t)r->fields.len);
    memcpy(p + 4, r->fields.data, r->fields.len);
    p += 4 + r->fields.len;
    if (r->vector_bytes) memcpy(p, r->vector, r->vector_bytes);
    out->len += total;
    return VARVE_OK;
}

/* Does what stands in front of a tail of `left` bytes have room for `len` more? */
static bool take(size_t *left, size_t len)
{
    if (*left < len) return false;
    *left -= len;
    return true;
}

bool row_fresh_get(const void *value, size_t len, row_fresh *ret)
{
    const uint8_t *p = value;
    size_t left = len;
    row_fresh r = {0};
    varve_id id;
    if (!take(&left, 10)) return false;
    r.ordinal = get_u64(p);
    r.id_key_len = get_u16(p + 8);
    r.id_key = p + 10;
    if (!take(&left, r.id_key_len) || !id_key_get(r.id_key, r.id_key_len, &id)) return false;
    p = r.id_key + r.id_key_len;
    if (!take(&left, 4)) return false;
    r.fields = (varve_text){(const char *)p + 4, get_u32(p)};
    if (r.fields.len < FIELDS_MIN || !take(&left, r.fields.len)) return false;
    r.vector = r.fields.data + r.fields.len;
    r.vector_bytes = left;
    *ret = r;
    return true;
}
