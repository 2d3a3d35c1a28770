/* value.c — values out of minified JSON text, and their order. */
#include "record/value.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/json_string.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define EVERY_BYTE(x)  (UINT64_C(0x0101010101010101) * (x))
#define TWO_TO_63      9223372036854775808.0
#define TWO_TO_64      18446744073709551616.0
#define DOUBLE_EXACT   (UINT64_C(1) << 53) /* integers up to here are doubles */
#define POWER_EXACT    22                  /* 10^22 is a double, 10^23 is none */
#define EXPONENT_CLAMP 100000
#define DIGITS_IN_UINT 19 /* that many always fit */

/* ---- order --------------------------------------------------------------------------------- */

static int compare_doubles(double a, double b) { return (a > b) - (a < b); }

static int compare_int_double(int64_t i, double d)
{
    if (d >= TWO_TO_63) return -1;
    if (d < -TWO_TO_63) return 1;
    int64_t whole = (int64_t)d;
    if (i != whole) return i < whole ? -1 : 1;
    return compare_doubles(0, d - (double)whole);
}

static int compare_uint_double(uint64_t u, double d)
{
    if (d >= TWO_TO_64) return -1;
    if (d < 0) return 1;
    uint64_t whole = (uint64_t)d;
    if (u != whole) return u < whole ? -1 : 1;
    return compare_doubles(0, d - (double)whole);
}

static int compare_with_double(const value *a, double d)
{
    if (a->kind == VALUE_INT) return compare_int_double(a->integer, d);
    if (a->kind == VALUE_UINT) return compare_uint_double(a->big, d);
    return compare_doubles(a->real, d);
}

int value_compare_numbers(const value *a, const value *b)
{
    if (VV_LIKELY(a->kind == VALUE_INT && b->kind == VALUE_INT))
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (b->kind == VALUE_DOUBLE) return compare_with_double(a, b->real);
    if (a->kind == VALUE_DOUBLE) return -compare_with_double(b, a->real);
    if (a->kind == VALUE_INT && a->integer < 0) return -1;
    if (b->kind == VALUE_INT && b->integer < 0) return 1;
    uint64_t x = a->kind == VALUE_INT ? (uint64_t)a->integer : a->big;
    uint64_t y = b->kind == VALUE_INT ? (uint64_t)b->integer : b->big;
    return (x > y) - (x < y);
}

int value_compare_texts(varve_text a, varve_text b)
{
    size_t common = VV_MIN(a.len, b.len);
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool value_equal(const value *a, const value *b)
{
    if (value_is_number(a)) return value_is_number(b) && value_compare_numbers(a, b) == 0;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case VALUE_NULL: return true;
    case VALUE_BOOL: return a->boolean == b->boolean;
    case VALUE_TEXT:
        return a->text.len == b->text.len &&
               (a->text.len == 0 || memcmp(a->text.data, b->text.data, a->text.len) == 0);
    default: return false;
    }
}

/* ---- text of JSON -------------------------------------------------------------------------- */

/* The high bit of the lowest byte of x that is 0; those above it may be set without cause. */
static uint64_t zero_byte(uint64_t x) { return (x - EVERY_BYTE(1)) & ~x & EVERY_BYTE(0x80); }

const char *value_string_end(const char *p, const char *end, bool *ret_escapes)
{
    bool escapes = false;
    for (;;) {
        while (end - p >= 8) {
            uint64_t x = get_u64(p);
            uint64_t found = zero_byte(x ^ EVERY_BYTE('"')) | zero_byte(x ^ EVERY_BYTE('\\'));
            if (found) {
                p += __builtin_ctzll(found) / 8;
                break;
            }
            p += 8;
        }
        while (p < end && *p != '"' && *p != '\\')
            p++;
        if (p == end || *p == '"') break;
        escapes = true;
        p = end - p > 2 ? p + 2 : end;
    }
    *ret_escapes = escapes;
    return p;
}

static const char *string_behind(const char *p, const char *end)
{
    bool escapes;
    const char *close = value_string_end(p + 1, end, &escapes);
    return close < end ? close + 1 : end;
}

static const char *container_behind(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        char c = *p, folded = (char)(c | 0x20); /* of '[' and ']' this makes '{' and '}' */
        if (c == '"') {
            p = string_behind(p, end);
            continue;
        }
        p++;
        if (folded == '{')
            depth++;
        else if (folded == '}' && --depth == 0)
            break;
    }
    return p;
}

const char *value_end(const char *p, const char *end)
{
    if (p < end && *p == '"') return string_behind(p, end);
    if (p < end && (*p == '{' || *p == '[')) return container_behind(p, end);
    while (p < end && *p != ',' && *p != '}' && *p != ']')
        p++;
    return p;
}

static char *put_character(uint32_t c, char *to)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *to++ = (char)((0xff00u >> (more + 1)) | (c >> (6 * more)));
    while (more-- > 0)
        *to++ = (char)(0x80u | ((c >> (6 * more)) & 0x3fu));
    return to;
}

bool value_unescape(varve_text raw, char *ret, size_t room, size_t *ret_len)
{
    const char *at = raw.data, *end = raw.data + raw.len;
    char *to = ret, bytes[4];
    unsigned flags;
    /* The closing quote is not part of it: that it misses is all that may be wrong. */
    (void)json_string_check(&at, end, &flags);
    if (at != end) return false;
    for (at = raw.data; at < end;) {
        size_t len = (size_t)(put_character(json_string_next(&at, end), bytes) - bytes);
        if (len > room - (size_t)(to - ret)) return false;
        memcpy(to, bytes, len);
        to += len;
    }
    *ret_len = (size_t)(to - ret);
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------- */

typedef struct number { /* digits * 10^exponent */
    uint64_t digits;
    int exponent;
    bool negative, real;
    bool inexact; /* more digits than fit */
} number;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *read_digits(const char *p, const char *end, uint64_t *digits, size_t *count)
{
    for (; p < end && is_digit(*p); p++) {
        *digits = *digits * 10 + (uint64_t)(*p - '0'); /* wraps if too many: count tells */
        if (*digits || *count) ++*count;
    }
    return p;
}

static const char *read_exponent(const char *p, const char *end, int *exponent)
{
    int n = 0;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || !is_digit(*p)) return NULL;
    for (; p < end && is_digit(*p); p++)
        n = VV_MIN(n * 10 + (*p - '0'), EXPONENT_CLAMP);
    *exponent += negative ? -n : n;
    return p;
}

static const char *scan_number(const char *p, const char *end, number *ret)
{
    number n = {.negative = *p == '-'};
    size_t count = 0;
    const char *first = p += n.negative, *whole_end;
    p = whole_end = read_digits(p, end, &n.digits, &count);
    if (p == first) return NULL;
    if (p < end && *p == '.') {
        first = p + 1;
        p = read_digits(first, end, &n.digits, &count);
        if (p == first) return NULL;
        n.exponent = (int)(first - p);
        n.real = true;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (!(p = read_exponent(p + 1, end, &n.exponent))) return NULL;
        n.real = true;
    }
    n.inexact = count > DIGITS_IN_UINT;
    *ret = n;
    return p;
}

static double with_sign(double d, bool negative) { return negative ? -d : d; }

/* Both factors are doubles without error, so that the result is rounded once, as strtod's is. */
static bool exact_double(const number *n, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n->inexact || n->digits > DOUBLE_EXACT || abs(n->exponent) > POWER_EXACT) return false;
    double d = (double)n->digits;
    *ret = with_sign(n->exponent < 0 ? d / powers[-n->exponent] : d * powers[n->exponent],
                     n->negative);
    return true;
}

static double slow_double(const char *start, size_t len)
{
    char text[JSON_NUMBER_CHARS_MAX + 1];
    memcpy(text, start, len);
    text[len] = '\0';
    double d = strtod(text, NULL);
    return isinf(d) ? copysign(DBL_MAX, d) : d;
}

static bool read_integer(const char *start, const char *stop, const number *n, value *ret)
{
    uint64_t digits = n->digits;
    if (n->inexact) { /* 20 digits may fit */
        digits = 0;
        for (const char *p = start + n->negative; p < stop; p++)
            if (__builtin_mul_overflow(digits, 10, &digits) ||
                __builtin_add_overflow(digits, (uint64_t)(*p - '0'), &digits))
                return false;
    }
    if (digits <= INT64_MAX) {
        int64_t i = (int64_t)digits;
        *ret = (value){.kind = VALUE_INT, .integer = n->negative ? -i : i};
    } else if (!n->negative) {
        *ret = (value){.kind = VALUE_UINT, .big = digits};
    } else if (digits == (uint64_t)INT64_MAX + 1) {
        *ret = (value){.kind = VALUE_INT, .integer = INT64_MIN};
    } else {
        return false;
    }
    return true;
}

static bool read_number(const char **at, const char *end, value *ret)
{
    number n;
    const char *start = *at, *stop = scan_number(start, end, &n);
    if (!stop || stop - start > JSON_NUMBER_CHARS_MAX) return false;
    *at = stop;
    if (!n.real && read_integer(start, stop, &n, ret)) return true;
    *ret = (value){.kind = VALUE_DOUBLE};
    if (!exact_double(&n, &ret->real)) ret->real = slow_double(start, (size_t)(stop - start));
    return true;
}

/* ---- any value ----------------------------------------------------------------------------- */

static bool read_string(const char **at, const char *end, buffer *scratch, value *ret)
{
    bool escapes;
    const char *start = *at + 1, *close = value_string_end(start, end, &escapes);
    varve_text text = {start, (size_t)(close - start)};
    if (close == end) return false;
    if (escapes) {
        size_t len;
        buffer_clear(scratch);
        if (buffer_reserve(scratch, text.len, NULL) != VARVE_OK ||
            !value_unescape(text, scratch->data, text.len, &len))
            return false;
        scratch->len = len;
        text = (varve_text){scratch->data, len};
    }
    *at = close + 1;
    *ret = (value){.kind = VALUE_TEXT, .text = text};
    return true;
}

static bool read_container(const char **at, const char *end, value *ret)
{
    const char *start = *at, *stop = value_end(start, end);
    char close = (char)(*start + 2); /* of '[' and '{' the bracket that closes it */
    if (stop - start < 2 || stop[-1] != close) return false;
    *at = stop;
    *ret = (value){.kind = *start == '[' ? VALUE_ARRAY : VALUE_OBJECT,
                   .text = {start, (size_t)(stop - start)}};
    return true;
}

static bool read_word(const char **at, const char *end, value *ret)
{
    size_t room = (size_t)(end - *at);
    if (room >= 4 && memcmp(*at, "null", 4) == 0) {
        *ret = (value){.kind = VALUE_NULL};
        *at += 4;
    } else if (room >= 4 && memcmp(*at, "true", 4) == 0) {
        *ret = (value){.kind = VALUE_BOOL, .boolean = true};
        *at += 4;
    } else if (room >= 5 && memcmp(*at, "false", 5) == 0) {
        *ret = (value){.kind = VALUE_BOOL};
        *at += 5;
    } else {
        return false;
    }
    return true;
}

bool value_read(const char **at, const char *end, buffer *scratch, value *ret)
{
    if (*at >= end) return false;
    switch (**at) {
    case '"': return read_string(at, end, scratch, ret);
    case '{':
    case '[': return read_container(at, end, ret);
    case 't':
    case 'f':
    case 'n': return read_word(at, end, ret);
    default: return read_number(at, end, ret);
    }
}

bool value_next_element(const char **at, const char *end, varve_text *ret_raw)
{
    const char *start = *at, *stop = value_end(start, end);
    if (stop == start || stop == end) return false; /* ']' follows the last one */
    *ret_raw = (varve_text){start, (size_t)(stop - start)};
    *at = stop + (*stop == ',');
    return true;
}
