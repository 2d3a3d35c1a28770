/* base64.c — see base64.h. */
#include "base64.h"

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t len, uint8_t *ret, size_t *ret_len)
{
    size_t done = 0;
    if (len % 4 != 0) return false;
    for (size_t i = 0; i < len; i += 4) {
        int d[4], pad = 0;
        uint32_t bits = 0;
        for (int j = 0; j < 4; j++) {
            bool is_pad = text[i + (size_t)j] == '=' && i + 4 == len && j >= 2;
            if (pad > 0 && !is_pad) return false;
            pad += is_pad;
            d[j] = is_pad ? 0 : digit(text[i + (size_t)j]);
            if (d[j] < 0) return false;
            bits = bits << 6 | (uint32_t)d[j];
        }
        if ((pad == 1 && (d[2] & 3)) || (pad == 2 && (d[1] & 15))) return false;
        for (int j = 0; j < 3 - pad; j++)
            ret[done++] = (uint8_t)(bits >> (16 - 8 * j));
    }
    *ret_len = done;
    return true;
}

void base64_encode(const void *bytes, size_t len, char *ret)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)from[i] << 16;
        if (n > 1) bits |= (uint32_t)from[i + 1] << 8;
        if (n > 2) bits |= from[i + 2];
        *ret++ = digits[bits >> 18];
        *ret++ = digits[bits >> 12 & 63];
        *ret++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *ret++ = n > 2 ? digits[bits & 63] : '=';
    }
}
