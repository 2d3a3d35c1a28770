/* bulk_base64.c — base64 to bytes. */
#include "bulk_base64.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool bulk_base64_decode(const char *text, size_t len, void *ret, size_t *ret_len)
{
    unsigned char *out = ret;
    unsigned bits = 0, count = 0;
    if (len % 4 == 0 && len && text[len - 1] == '=') len -= text[len - 2] == '=' ? 2 : 1;
    if (len % 4 == 1) return false;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (unsigned)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        *out++ = (unsigned char)(bits >> count);
    }
    *ret_len = (size_t)(out - (unsigned char *)ret);
    return (bits & ((1u << count) - 1)) == 0;
}
