/* json_scan.c — decimal text to float32, rounded as strtof rounds.
 *
 * Up to 19 digits w fit a uint64_t exactly; the value is w * 10^e. In double precision, w, the
 * table's power and the product are each off by half a unit in the last place at most. Rounding
 * that double to float32 is right unless it lies near the middle between two float32 values, where
 * the small error, or the second rounding itself, could choose the wrong side. So a double within
 * 16 units of a middle is given to strtof; so are subnormal results, overflow, and more digits.
 *
 * Digits are read eight at a time: the 8-byte word minus '0's tells by its high bits how many of
 * its bytes are digits, and three multiplications join them. */
#include "base/json_scan.h"
#include "base/bytes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define POWER_MIN            (-60)
#define DOUBLE_BITS_LOST     29 /* of a double's significand, in rounding to float32 */
#define MIDDLE               ((uint64_t)1 << (DOUBLE_BITS_LOST - 1))
#define MIDDLE_DISTANCE      16
#define DIGITS_COMMON        18 /* they and one before the point fit a uint64_t */
#define COMMON_BYTES_READ    48 /* scan_common reads less than this of one number */
#define ZEROS                0x3030303030303030u
#define DIGITS_EXACT         19
#define EXPONENT_CLAMP       100000
#define SLOW_PATH_TEXT_BYTES (JSON_NUMBER_CHARS_MAX + 1)
#define BOUNDED_TEXT_BYTES   (JSON_NUMBER_CHARS_MAX + 1 + JSON_TEXT_PADDING)

static const double powers[] = {
    /* 10^-60 to 10^40 */
    // clang-format off
    1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49, 1e-48,
    1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35,
    1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22,
    1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,
    1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23,
    1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38,
    1e39, 1e40,
    // clang-format on
};

/* ---- digits -------------------------------------------------------------------------------- */

/* How many of the low bytes of x are 0..9. */
static inline unsigned leading_digits(uint64_t x)
{
    uint64_t others = ((x + 0x7676767676767676u) | x) & 0x8080808080808080u;
    return others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
}

/* Eight digits, the most significant in the lowest byte. */
static inline uint64_t join_digits(uint64_t x)
{
    x = (x * 10 + (x >> 8)) & 0x00ff00ff00ff00ffu;
    x = (x * 100 + (x >> 16)) & 0x0000ffff0000ffffu;
    return (x * 10000 + (x >> 32)) & 0xffffffffu;
}

/* Append the digits at p to *w (which wraps, if there are too many). May run past end, by less than
 * 8 bytes. */
static inline const char *read_digits(const char *p, const char *end, uint64_t *w)
{
    static const uint64_t shifts[] = {1,      10,      100,      1000,     10000,
                                      100000, 1000000, 10000000, 100000000};
    for (;;) {
        uint64_t x = get_u64(p) ^ ZEROS;
        unsigned count = leading_digits(x);
        if (count == 8) {
            *w = *w * shifts[8] + join_digits(x);
            p += 8;
            if (p < end) continue;
            return p;
        }
        x = x << (56 - 8 * count) << 8; /* leaves count digits, behind zeros */
        *w = *w * shifts[count] + join_digits(x);
        return p + count;
    }
}

static inline bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

/* ---- one number ---------------------------------------------------------------------------- */

static float scan_slowly(const char *start, const char *stop)
{
    char text[SLOW_PATH_TEXT_BYTES];
    size_t len = (size_t)(stop - start);
    memcpy(text, start, len);
    text[len] = '\0';
    return strtof(text, NULL);
}

/* [e|E][+-]digits at p, which is there and before end; NULL without digits. */
static const char *read_exponent(const char *p, const char *end, int *exponent)
{
    int value = 0;
    bool negative = p + 1 < end && p[1] == '-';
    p += 1 + (p + 1 < end && (p[1] == '-' || p[1] == '+'));
    if (p >= end || !is_digit(*p)) return NULL;
    for (; p < end && is_digit(*p); p++)
        if (value < EXPONENT_CLAMP) value = value * 10 + (*p - '0');
    *exponent += negative ? -value : value;
    return p;
}

/* Digits but for zeros in front. */
static size_t significant_digits(const char *p, const char *stop)
{
    size_t count = 0;
    for (; p < stop && (is_digit(*p) || *p == '.'); p++)
        count += *p != '.' && (count || *p != '0');
    return count;
}

static inline bool near_middle(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, 8);
    return (bits & (2 * MIDDLE - 1)) - (MIDDLE - MIDDLE_DISTANCE) <= 2 * MIDDLE_DISTANCE;
}

/* w * 10^exponent, if that surely rounds right. */
static inline bool round_to_float(uint64_t w, int exponent, float *ret)
{
    size_t at = (size_t)(exponent - POWER_MIN);
    if (at >= VV_COUNT(powers)) return false;
    double d = (double)w * powers[at];
    if (d < 2 * (double)FLT_MIN || d > (double)FLT_MAX || near_middle(d)) return false;
    *ret = (float)d;
    return true;
}

static inline float with_sign(float value, uint32_t negative)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits |= negative << 31;
    memcpy(&value, &bits, 4);
    return value;
}

/* As json_scan_float, but the answer may be past end (by less than 8) when the bytes there go on
 * with digits; the number is then to be read again from a copy that ends. */
static const char *scan_number(const char *start, const char *end, float *ret)
{
    if (start >= end) return NULL;
    uint32_t negative = *start == '-';
    const char *first = start + negative, *p = first, *fraction = NULL;
    uint64_t w = 0;
    int exponent = 0;
    if (p >= end || !is_digit(*p)) return NULL;
    p = *p == '0' ? p + 1 : read_digits(p, end, &w);
    size_t digits = (size_t)(p - first);
    if (p < end && *p == '.') {
        fraction = p + 1;
        if (fraction >= end || !is_digit(*fraction)) return NULL;
        p = read_digits(fraction, end, &w);
        digits += (size_t)(p - fraction);
        exponent = (int)(fraction - p);
    }
    if (p > end) return p;
    const char *mantissa_end = p;
    if (VV_UNLIKELY(p < end && (*p | 0x20) == 'e')) {
        p = read_exponent(p, end, &exponent);
        if (!p) return NULL;
    }
    if (VV_UNLIKELY(p - start > JSON_NUMBER_CHARS_MAX)) return NULL;
    bool exact = digits <= DIGITS_EXACT || significant_digits(first, mantissa_end) <= DIGITS_EXACT;
    float value = 0;
    if (VV_LIKELY(exact) && (round_to_float(w, exponent, &value) || w == 0))
        *ret = with_sign(value, negative);
    else
        *ret = scan_slowly(start, p);
    return p;
}

/* The number again, from a copy with zeros behind it. */
static const char *scan_bounded(const char *p, const char *end, float *ret)
{
    char text[BOUNDED_TEXT_BYTES] = {0};
    size_t len = VV_MIN((size_t)(end - p), (size_t)JSON_NUMBER_CHARS_MAX + 1);
    memcpy(text, p, len);
    const char *stop = scan_number(text, text + len, ret);
    return stop ? p + (stop - text) : NULL;
}

const char *json_scan_float(const char *p, const char *end, float *ret)
{
    float value = 0;
    const char *stop = scan_number(p, end, &value);
    if (VV_UNLIKELY(stop > end)) stop = scan_bounded(p, end, &value);
    if (stop) *ret = value;
    return stop;
}

/* Numbers in the form that vectors mostly have, "-d.ddd" with 1 to 18 digits behind the point, each
 * followed by a comma and perhaps a space, while [p, end) leaves room for all that is read of one.
 * Returns where something else begins. The next number's place waits for this one's end, so that
 * is found first and by few steps; and no branch depends on what varies from number to number. */
static const char *scan_common(const char *p, const char *end, float **ret, const float *ret_end)
{
    static const uint64_t shifts[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    float *out = *ret;
    while (end - p >= COMMON_BYTES_READ && out < ret_end) {
        /* Of '-' and the digits, only '-' lacks this bit. */
        uint32_t negative = (~(uint32_t)(unsigned char)*p >> 4) & 1;
        const char *first = p + negative;
        if (negative && *p != '-') break;
        uint64_t w = (unsigned char)(first[0] - '0'), x = get_u64(first + 2) ^ ZEROS;
        if (w > 9 || first[1] != '.') break;
        unsigned count = leading_digits(x);
        const char *at = first + 2;
        while (count == 8 && at < first + DIGITS_COMMON) {
            w = w * 100000000 + join_digits(x);
            at += 8;
            x = get_u64(at) ^ ZEROS;
            count = leading_digits(x);
        }
        if (count == 8) break;
        w = w * shifts[count] + join_digits(x << (56 - 8 * count) << 8);
        at += count;
        size_t digits = (size_t)(at - first) - 2;
        if (digits - 1 >= DIGITS_COMMON || *at != ',' || (int64_t)w < 0) break;
        double d = (double)(int64_t)w * powers[-POWER_MIN - (int)digits];
        if (near_middle(d)) break;
        *out++ = with_sign((float)d, negative);
        p = at + 1;
        if (*p == ' ') p++;
    }
    *ret = out;
    return p;
}

/* ---- a row --------------------------------------------------------------------------------- */

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

const char *json_scan_row(const char *p, const char *end, float *ret, size_t room,
                          size_t *ret_count, json_scan_stop *ret_stop)
{
    float *out = ret, *out_end = ret + room;
    json_scan_stop stop;
    for (;;) {
        p = scan_common(p, end, &out, out_end);
        p = skip_space(p, end);
        stop = SCAN_FULL;
        if (out == out_end) break;
        const char *next = scan_number(p, end, out);
        stop = SCAN_NO_NUMBER;
        if (next > end) p = end; /* digits up to the end: no bracket can follow */
        if (!next || next > end) break;
        stop = SCAN_OVERFLOW;
        if (isinf(*out)) break;
        out++;
        p = skip_space(next, end);
        stop = SCAN_NO_SEPARATOR;
        if (p == end || (*p != ',' && *p != ']')) break;
        stop = SCAN_CLOSED;
        if (*p++ == ']') break;
    }
    *ret_count = (size_t)(out - ret);
    *ret_stop = stop;
    return p;
}
