/* field_keys.c — keys of the rows of MULTI fields; see vector_fields.h. */
#include "base/bytes.h"
#include "db/field_rows.h"

enum { TAG_STRING = 1, SUFFIX_DIGITS = 4, ID_DIGITS = 16, NUM_KEY_LEN = 2 + ID_DIGITS };

static void put_hex(uint64_t value, size_t digits, char *ret)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = digits; i > 0; i--, value >>= 4)
        ret[i - 1] = digit[value & 15];
}

static bool get_hex(const uint8_t *text, size_t digits, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned c = text[i], d;
        if (c >= '0' && c <= '9') {
            d = c - '0';
        } else if (c >= 'a' && c <= 'f') {
            d = c - 'a' + 10;
        } else {
            return false;
        }
        value = value << 4 | d;
    }
    *ret = value;
    return true;
}

varve_status field_key(const uint8_t *id_key, size_t id_key_len, uint32_t index, buffer *out,
                       varve_error *err)
{
    varve_id id;
    char head[2 + ID_DIGITS] = {TAG_STRING, 's'}, suffix[SUFFIX_DIGITS];
    if (!id_key_get(id_key, id_key_len, &id))
        return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
    put_hex(index, SUFFIX_DIGITS, suffix);
    if (id.kind == VARVE_ID_NUM) {
        head[1] = 'n';
        put_hex(id.num, ID_DIGITS, head + 2);
        VV_TRY(buffer_add(out, head, sizeof head, err));
    } else {
        VV_TRY(buffer_add(out, head, 2, err));
        VV_TRY(buffer_add(out, id.text.data, id.text.len, err));
    }
    return buffer_add(out, suffix, sizeof suffix, err);
}

static bool multi_key_get(const uint8_t *key, size_t len, varve_id *ret_id, uint32_t *ret_index)
{
    uint64_t index, num;
    if (len < 2 + 1 + SUFFIX_DIGITS || key[0] != TAG_STRING) return false;
    size_t id_end = len - SUFFIX_DIGITS;
    if (!get_hex(key + id_end, SUFFIX_DIGITS, &index)) return false;
    if (key[1] == 'n') {
        if (id_end != NUM_KEY_LEN || !get_hex(key + 2, ID_DIGITS, &num)) return false;
        *ret_id = (varve_id){.kind = VARVE_ID_NUM, .num = num};
    } else if (key[1] == 's') {
        *ret_id = (varve_id){.kind = VARVE_ID_STR, .text = {(const char *)key + 2, id_end - 2}};
    } else {
        return false;
    }
    *ret_index = (uint32_t)index;
    return true;
}

bool field_key_get(vector_kind kind, const uint8_t *key, size_t len, varve_id *ret_id,
                   uint32_t *ret_index)
{
    if (kind == VECTOR_MULTI) return multi_key_get(key, len, ret_id, ret_index);
    *ret_index = 0;
    return id_key_get(key, len, ret_id);
}

/* ---- the first row's fields */

varve_text field_count_text(size_t count, char ret[FIELD_COUNT_TEXT])
{
    int len = snprintf(ret, FIELD_COUNT_TEXT, "{\"count\":%zu}", count);
    return (varve_text){ret, (size_t)len};
}

bool field_count_get(varve_text fields, size_t *ret)
{
    static const char head[] = "{\"count\":";
    size_t at = sizeof head - 1, count = 0;
    if (fields.len < at + 2 || memcmp(fields.data, head, at) != 0) return false;
    if (fields.data[fields.len - 1] != '}') return false;
    for (; at < fields.len - 1; at++) {
        if (fields.data[at] < '0' || fields.data[at] > '9' || count > FIELD_MULTI_MAX) return false;
        count = 10 * count + (size_t)(fields.data[at] - '0');
    }
    *ret = count;
    return count > 0 && count <= FIELD_MULTI_MAX;
}
