/* digest_row.c — see digest_row.h; the bytes are listed in digest.h. */
#include "digest_row.h"

#include "base/bytes.h"

#include <openssl/evp.h>
#include <string.h>

#define ROW_VERSION   1
#define ROW_BYTES_MAX ((size_t)1 << 31)
#define TITLE         "varve collection digest 1"

varve_status digest_sums_init(digest_sums *s, varve_error *err)
{
    *s = (digest_sums){0};
    buffer_init(&s->row, ROW_BYTES_MAX, "the bytes of a row");
    s->context = EVP_MD_CTX_new();
    if (s->context && EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) == 1) return VARVE_OK;
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a digest");
}

void digest_sums_done(digest_sums *s)
{
    EVP_MD_CTX_free(s->context);
    buffer_done(&s->row);
    *s = (digest_sums){0};
}

/* ---- the bytes of a row -------------------------------------------------------------------- */

static varve_status add_u8(buffer *out, uint8_t value, varve_error *err)
{
    return buffer_add(out, &value, 1, err);
}

static varve_status add_u32(buffer *out, size_t value, varve_error *err)
{
    uint8_t bytes[4];
    if (value > UINT32_MAX) return vv_fail(err, VARVE_LIMIT, "a row is too long for a digest");
    put_u32(bytes, (uint32_t)value);
    return buffer_add(out, bytes, sizeof bytes, err);
}

/* As they lie in memory: bytes.h holds us to little-endian machines. */
static varve_status add_floats(buffer *out, const float *values, size_t count, varve_error *err)
{
    return buffer_add(out, values, count * sizeof *values, err);
}

static varve_status add_id(buffer *out, varve_id id, varve_error *err)
{
    uint8_t number[8];
    VV_TRY(add_u8(out, (uint8_t)id.kind, err));
    if (id.kind == VARVE_ID_NUM) {
        put_u64(number, id.num);
        return buffer_add(out, number, sizeof number, err);
    }
    VV_TRY(add_u32(out, id.text.len, err));
    return buffer_add(out, id.text.data, id.text.len, err);
}

varve_status digest_row_begin(digest_sums *s, const varve_rowset *rows, size_t i, varve_error *err)
{
    varve_text fields = varve_rowset_fields(rows, i);
    size_t dim = varve_rowset_dim(rows);
    buffer *out = &s->row;
    buffer_clear(out);
    VV_TRY(add_u8(out, ROW_VERSION, err));
    VV_TRY(add_id(out, varve_rowset_id(rows, i), err));
    VV_TRY(add_u32(out, fields.len, err));
    VV_TRY(buffer_add(out, fields.data, fields.len, err));
    VV_TRY(add_u32(out, dim, err));
    return add_floats(out, varve_rowset_vector(rows, i), dim, err);
}

varve_status digest_row_field(digest_sums *s, const varve_field_info *field,
                              const varve_field_vectors *v, size_t i, varve_error *err)
{
    size_t count = varve_field_vectors_count(v, i), dim = varve_field_vectors_dim(v);
    bool sparse = field->kind == VARVE_FIELD_SPARSE;
    buffer *out = &s->row;
    if (count == 0) return VARVE_OK;
    VV_TRY(add_u8(out, (uint8_t)strlen(field->name), err));
    VV_TRY(buffer_add(out, field->name, strlen(field->name), err));
    VV_TRY(add_u8(out, (uint8_t)field->kind, err));
    VV_TRY(add_u32(out, count, err));
    VV_TRY(add_u32(out, dim, err));
    if (sparse)
        VV_TRY(buffer_add(out, varve_field_vectors_indices(v, i), count * sizeof(uint32_t), err));
    return add_floats(out, varve_field_vectors_values(v, i), sparse ? count : count * dim, err);
}

/* ---- sums ---------------------------------------------------------------------------------- */

static void add_number(uint64_t into[4], const uint64_t other[4])
{
    unsigned carry = 0;
    for (size_t i = 0; i < 4; i++) {
        uint64_t sum = into[i] + other[i], with_carry = sum + carry;
        carry = (sum < other[i]) | (with_carry < sum);
        into[i] = with_carry;
    }
}

varve_status digest_row_end(digest_sums *s, uint8_t ret[SUMS_BYTES], varve_error *err)
{
    uint64_t number[4];
    bool fine = EVP_DigestInit_ex(s->context, NULL, NULL) == 1 &&
                EVP_DigestUpdate(s->context, s->row.data, s->row.len) == 1 &&
                EVP_DigestFinal_ex(s->context, ret, NULL) == 1;
    if (!fine) return vv_fail(err, VARVE_NO_MEMORY, "libcrypto could not sum a row");
    for (size_t i = 0; i < 4; i++)
        number[i] = get_u64(ret + 8 * i);
    add_number(s->total, number);
    s->rows++;
    return VARVE_OK;
}

void digest_sums_add(digest_sums *into, const digest_sums *other)
{
    add_number(into->total, other->total);
    into->rows += other->rows;
}

varve_status digest_sums_end(const digest_sums *s, uint8_t ret[SUMS_BYTES], varve_error *err)
{
    uint8_t bytes[sizeof TITLE - 1 + 8 + SUMS_BYTES], *at = bytes + sizeof TITLE - 1;
    memcpy(bytes, TITLE, sizeof TITLE - 1);
    put_u64(at, s->rows);
    for (size_t i = 0; i < 4; i++)
        put_u64(at + 8 + 8 * i, s->total[i]);
    return sums_of_bytes(bytes, sizeof bytes, ret, err);
}
