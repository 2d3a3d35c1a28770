/* json_string.c — strings of JSON text: eight plain characters at a step, the others one by one. */
#include "base/json_string.h"
#include "base/bytes.h"

#define EVERY_BYTE(x) (0x0101010101010101u * (x))

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0u) == 0x80u; }

size_t json_utf8_length(const char *p, const char *end)
{
    unsigned char lead = (unsigned char)p[0], second;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4 || end - p < 2) return 0;
    second = (unsigned char)p[1];
    if (!is_continuation(p[1])) return 0;
    if (lead < 0xe0) return 2;
    if (end - p < 3 || !is_continuation(p[2])) return 0;
    if (lead < 0xf0) { /* not overlong, not a surrogate */
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
        return 3;
    }
    if (end - p < 4 || !is_continuation(p[3])) return 0;
    return (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f) ? 0 : 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The value of the escape \uXXXX at p, or -1. */
static int32_t unicode_escape(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t c) { return c >= 0xd800 && c <= 0xdbff; }
static bool is_low_surrogate(int32_t c) { return c >= 0xdc00 && c <= 0xdfff; }

static const char *check_escape(const char **at, const char *end, unsigned *flags)
{
    const char *p = *at;
    *flags |= JSON_STRING_ESCAPES;
    if (end - p < 2) return "the text ends inside a string";
    if (p[1] != 'u') {
        if (!memchr("\"\\/bfnrt", p[1], 8)) return "no such escape";
        *at += 2;
        return NULL;
    }
    int32_t value = unicode_escape(p, end);
    if (value < 0) return "\\u wants four hexadecimal digits";
    if (is_low_surrogate(value) ||
        (is_high_surrogate(value) && !is_low_surrogate(unicode_escape(p + 6, end))))
        return "half of a surrogate pair";
    if (value == 0) *flags |= JSON_STRING_NUL;
    *at += is_high_surrogate(value) ? 12 : 6;
    return NULL;
}

/* Over characters that stand for themselves: ASCII but quote, backslash and controls. A byte's high
 * bit comes up for each of the exceptions; borrows can only mark bytes behind the first one. */
static const char *skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t x = get_u64(p), quote = x ^ EVERY_BYTE('"'), backslash = x ^ EVERY_BYTE('\\');
        uint64_t found =
            (x - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (backslash - EVERY_BYTE(1)) | x;
        found &= EVERY_BYTE(0x80u);
        if (found) return p + __builtin_ctzll(found) / 8;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

const char *json_string_check(const char **at, const char *end, unsigned *ret_flags)
{
    unsigned flags = 0;
    for (;;) {
        const char *wrong = NULL, *p = *at = skip_plain(*at, end);
        if (p == end) return "the text ends inside a string";
        if (*p == '"') break;
        if (*p == '\\') {
            if ((wrong = check_escape(at, end, &flags))) return wrong;
        } else if ((unsigned char)*p < 0x20) {
            return "a control character must be escaped";
        } else {
            size_t len;
            while (p < end && (unsigned char)*p >= 0x80 && (len = json_utf8_length(p, end)) > 0)
                p += len;
            *at = p;
            if (p < end && (unsigned char)*p >= 0x80) return "not UTF-8";
        }
    }
    *ret_flags = flags;
    return NULL;
}

static uint32_t next_escape(const char **at, const char *end)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *p = *at;
    if (p[1] != 'u') {
        const char *letter = strchr(letters, p[1]);
        *at = p + 2;
        return (unsigned char)(letter ? meanings[letter - letters] : p[1]);
    }
    int32_t high = unicode_escape(p, end);
    *at = p + 6;
    if (!is_high_surrogate(high)) return (uint32_t)high;
    int32_t low = unicode_escape(p + 6, end);
    *at = p + 12;
    return 0x10000u + (((uint32_t)high - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u);
}

uint32_t json_string_next(const char **at, const char *end)
{
    const char *p = *at;
    unsigned char lead = (unsigned char)*p;
    if (lead == '\\') return next_escape(at, end);
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t value = len == 1 ? lead : lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        value = value << 6 | ((unsigned char)p[i] & 0x3fu);
    *at = p + len;
    return value;
}

int json_string_compare(varve_text a, varve_text b)
{
    const char *p = a.data, *p_end = p + a.len, *q = b.data, *q_end = q + b.len;
    while (p < p_end && q < q_end) {
        uint32_t x = json_string_next(&p, p_end), y = json_string_next(&q, q_end);
        if (x != y) return x < y ? -1 : 1;
    }
    return (p < p_end) - (q < q_end);
}
