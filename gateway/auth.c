/* auth.c — comparison of keys in constant time. */
#include "auth.h"

#include "base/status.h"

#include <string.h>

#define SECRET_MAX 4096

/* Bytes past the end of the key are compared with its NUL, which differs from every byte sent. */
static bool same_secret(const char *key, const char *sent, size_t sent_len)
{
    size_t key_len = strlen(key);
    unsigned differs = key_len != sent_len;
    for (size_t i = 0; i < sent_len; i++)
        differs |= (unsigned char)(key[VV_MIN(i, key_len)] ^ sent[i]);
    return differs == 0;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Standard alphabet, padding optional; false for anything else or too long. */
static bool base64_decode(const char *text, char *ret, size_t size, size_t *ret_len)
{
    unsigned bits = 0, count = 0;
    size_t len = 0;
    for (; *text && *text != '='; text++) {
        int value = base64_value(*text);
        if (value < 0) return false;
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        if (len == size) return false;
        ret[len++] = (char)(bits >> count);
    }
    if (strspn(text, "=") != strlen(text) || strlen(text) > 2) return false;
    *ret_len = len;
    return true;
}

static bool basic_passes(const char *key, const char *encoded)
{
    char pair[SECRET_MAX];
    size_t len;
    const char *colon;
    bool passes;
    if (!base64_decode(encoded, pair, sizeof pair, &len)) return false;
    colon = memchr(pair, ':', len);
    passes = colon && same_secret(key, colon + 1, len - (size_t)(colon + 1 - pair));
    explicit_bzero(pair, sizeof pair);
    return passes;
}

bool auth_passes(const char *key, const char *header)
{
    if (!*key) return true;
    if (!header) return false;
    if (strncmp(header, "Bearer ", 7) == 0) return same_secret(key, header + 7, strlen(header + 7));
    if (strncmp(header, "Basic ", 6) == 0) return basic_passes(key, header + 6);
    return false;
}
