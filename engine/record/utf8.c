/* utf8.c — eight ASCII bytes at a time, then character by character. */
#include "record/utf8.h"
#include "base/bytes.h"
#include "base/json_string.h"

static bool is_ascii_8(const char *p) { return !(get_u64(p) & UINT64_C(0x8080808080808080)); }

bool utf8_valid(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        while (len - at >= 8 && is_ascii_8(text + at))
            at += 8;
        if (at == len) break;
        size_t step = json_utf8_length(text + at, text + len);
        if (step == 0) return false;
        at += step;
    }
    return true;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max) return len;
    while (max > 0 && ((uint8_t)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}
