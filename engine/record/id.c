/* id.c — ids, their key form, and how they look in a message. */
#include "record/id.h"
#include "base/bytes.h"
#include "record/utf8.h"

#include <inttypes.h>
#include <stdio.h>

enum { TAG_NUM = 0, TAG_STR = 1, SHOWN_MAX = 64 };

/* row.h keeps the length of a key in 16 bits. */
#define TEXT_BYTES_MAX (UINT16_MAX - 1)

varve_status id_check(varve_id id, uint64_t bytes_max, varve_error *err)
{
    char text[ID_TEXT_MAX];
    uint64_t max = VV_MIN(bytes_max, TEXT_BYTES_MAX);
    if (id.kind == VARVE_ID_NUM) return VARVE_OK;
    if (id.kind != VARVE_ID_STR)
        return vv_fail(err, VARVE_INVALID, "an id is a number or a string, not of kind %d",
                       (int)id.kind);
    if (!id.text.data || id.text.len == 0)
        return vv_fail(err, VARVE_INVALID, "an id must not be an empty string");
    if (id.text.len > max)
        return vv_fail(err, VARVE_LIMIT, "id of %zu bytes exceeds id_bytes_max %" PRIu64,
                       id.text.len, max);
    if (!utf8_valid(id.text.data, id.text.len))
        return vv_fail(err, VARVE_INVALID, "id %s is not valid UTF-8", id_text(id, text));
    return VARVE_OK;
}

void id_key_put(varve_id id, uint8_t *ret_key)
{
    if (id.kind == VARVE_ID_NUM) {
        ret_key[0] = TAG_NUM;
        put_be64(ret_key + 1, id.num);
    } else {
        ret_key[0] = TAG_STR;
        memcpy(ret_key + 1, id.text.data, id.text.len);
    }
}

bool id_key_get(const uint8_t *key, size_t len, varve_id *ret_id)
{
    if (len == ID_KEY_NUM_BYTES && key[0] == TAG_NUM) {
        *ret_id = (varve_id){.kind = VARVE_ID_NUM, .num = get_be64(key + 1)};
        return true;
    }
    if (len < 2 || len > 1 + TEXT_BYTES_MAX || key[0] != TAG_STR) return false;
    *ret_id = (varve_id){.kind = VARVE_ID_STR, .text = {(const char *)key + 1, len - 1}};
    return true;
}

static int compare_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int order = memcmp(a, b, VV_MIN(a_len, b_len));
    if (order) return order;
    return (a_len > b_len) - (a_len < b_len);
}

int id_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return compare_bytes(a, a_len, b, b_len);
}

int id_compare(varve_id a, varve_id b)
{
    if (a.kind != b.kind) return a.kind == VARVE_ID_NUM ? -1 : 1;
    if (a.kind == VARVE_ID_NUM) return (a.num > b.num) - (a.num < b.num);
    return compare_bytes(a.text.data, a.text.len, b.text.data, b.text.len);
}

/* Control characters would break a line of a log: they are shown as '?', and so is every byte that
 * is not ASCII when the whole is not UTF-8. */
const char *id_text(varve_id id, char ret[ID_TEXT_MAX])
{
    if (id.kind == VARVE_ID_NUM) {
        (void)snprintf(ret, ID_TEXT_MAX, "%" PRIu64, id.num);
        return ret;
    }
    size_t len = utf8_cut(id.text.data, id.text.len, SHOWN_MAX);
    bool plain = utf8_valid(id.text.data, len);
    char *out = ret;
    *out++ = '\'';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id.text.data[i];
        *out++ = c < 0x20 || c == 0x7f || (c >= 0x80 && !plain) ? '?' : (char)c;
    }
    (void)snprintf(out, ID_TEXT_MAX - (size_t)(out - ret), "%s", len < id.text.len ? "…'" : "'");
    return ret;
}
