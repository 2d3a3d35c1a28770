/* json_number.c — binary to shortest decimal.
 *
 * float32: R. Giulietti, "The Schubfach way to render doubles" (2020). A float is c * 2^q; every
 * decimal between the middles to its neighbours reads back as it. With k the largest power of ten
 * not above that gap, one or two multiples of 10^k lie in it, and at most one multiple of 10^(k+1),
 * which is then shorter. Value and middles are scaled by 10^-k with a 64-bit power, keeping one
 * sticky bit for what is cut off, which suffices to compare exactly.
 *
 * double: most that people write have few digits: the least p for which value * 10^p, rounded to an
 * integer below 10^15, divided by 10^p gives the value again; both are exact doubles, so that the
 * division rounds as reading does. Others try 15, 16 and 17 digits; 15 digits show every shorter
 * text, but for subnormal values, which have fewer. */
#include "base/json_number.h"
#include "base/bytes.h"
#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PLAIN_EXPONENT_MIN (-5) /* 0.00001 */
#define PLAIN_EXPONENT_MAX 15   /* 1000000000000000 */
#define POWER_MIN          (-31)
#define DOUBLE_POWER_MAX   22 /* 10^22 is a double, 10^23 is none */
#define DOUBLE_DIGITS_SURE 1e15

typedef struct decimal {
    uint64_t digits;
    int exponent; /* of ten */
} decimal;

/* ---- float32 ------------------------------------------------------------------------------- */

/* 10^i for i from -31 to 45, as 64-bit integers with the high bit set, rounded up. */
static const uint64_t powers[] = {
    // clang-format off
    0x81ceb32c4b43fcf5u, 0xa2425ff75e14fc32u, 0xcad2f7f5359a3b3fu, 0xfd87b5f28300ca0eu,
    0x9e74d1b791e07e49u, 0xc612062576589ddbu, 0xf79687aed3eec552u, 0x9abe14cd44753b53u,
    0xc16d9a0095928a28u, 0xf1c90080baf72cb2u, 0x971da05074da7befu, 0xbce5086492111aebu,
    0xec1e4a7db69561a6u, 0x9392ee8e921d5d08u, 0xb877aa3236a4b44au, 0xe69594bec44de15cu,
    0x901d7cf73ab0acdau, 0xb424dc35095cd810u, 0xe12e13424bb40e14u, 0x8cbccc096f5088ccu,
    0xafebff0bcb24aaffu, 0xdbe6fecebdedd5bfu, 0x89705f4136b4a598u, 0xabcc77118461cefdu,
    0xd6bf94d5e57a42bdu, 0x8637bd05af6c69b6u, 0xa7c5ac471b478424u, 0xd1b71758e219652cu,
    0x83126e978d4fdf3cu, 0xa3d70a3d70a3d70bu, 0xcccccccccccccccdu, 0x8000000000000000u,
    0xa000000000000000u, 0xc800000000000000u, 0xfa00000000000000u, 0x9c40000000000000u,
    0xc350000000000000u, 0xf424000000000000u, 0x9896800000000000u, 0xbebc200000000000u,
    0xee6b280000000000u, 0x9502f90000000000u, 0xba43b74000000000u, 0xe8d4a51000000000u,
    0x9184e72a00000000u, 0xb5e620f480000000u, 0xe35fa931a0000000u, 0x8e1bc9bf04000000u,
    0xb1a2bc2ec5000000u, 0xde0b6b3a76400000u, 0x8ac7230489e80000u, 0xad78ebc5ac620000u,
    0xd8d726b7177a8000u, 0x878678326eac9000u, 0xa968163f0a57b400u, 0xd3c21bcecceda100u,
    0x84595161401484a0u, 0xa56fa5b99019a5c8u, 0xcecb8f27f4200f3au, 0x813f3978f8940985u,
    0xa18f07d736b90be6u, 0xc9f2c9cd04674edfu, 0xfc6f7c4045812297u, 0x9dc5ada82b70b59eu,
    0xc5371912364ce306u, 0xf684df56c3e01bc7u, 0x9a130b963a6c115du, 0xc097ce7bc90715b4u,
    0xf0bdc21abb48db21u, 0x96769950b50d88f5u, 0xbc143fa4e250eb32u, 0xeb194f8e1ae525feu,
    0x92efd1b8d0cf37bfu, 0xb7abc627050305aeu, 0xe596b7b0c643c71au, 0x8f7e32ce7bea5c70u,
    0xb35dbf821ae4f38cu,
    // clang-format on
};

/* Right shifts of negative numbers round down here, as gcc and clang define them. */
static int floor_log10_of_pow2(int q) { return (q * 1262611) >> 22; }
static int floor_log10_of_three_quarters_pow2(int q) { return (q * 1262611 - 524031) >> 22; }
static int floor_log2_of_pow10(int k) { return (k * 1741647) >> 19; }

/* power * c / 2^64, the lowest bit set when something was cut off. */
static uint32_t scale(uint64_t power, uint32_t c)
{
    unsigned __int128 product = (unsigned __int128)power * c;
    return (uint32_t)(product >> 64) | ((uint32_t)((uint64_t)product >> 32) > 1);
}

/* bits: of a positive finite float. */
static decimal shortest_decimal(uint32_t bits)
{
    uint32_t fraction = bits & 0x7fffffu, biased = bits >> 23;
    uint32_t c = biased ? fraction | 0x800000u : fraction;
    int q = biased ? (int)biased - 150 : -149;
    bool odd = c & 1, lower_is_closer = fraction == 0 && biased > 1;
    int k = lower_is_closer ? floor_log10_of_three_quarters_pow2(q) : floor_log10_of_pow2(q);
    int shift = q + floor_log2_of_pow10(-k) + 1;
    uint64_t power = powers[-k - POWER_MIN];
    /* All in quarters of 10^k; the ends belong to even floats only. */
    uint32_t lower = scale(power, (4 * c - 2 + lower_is_closer) << shift) + odd;
    uint32_t value = scale(power, (4 * c) << shift);
    uint32_t upper = scale(power, (4 * c + 2) << shift) - odd;
    uint32_t s = value / 4;
    if (s >= 10) {
        uint32_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above) return (decimal){tens + above, k + 1};
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above) return (decimal){s + above, k};
    uint32_t middle = 4 * s + 2;
    return (decimal){s + (value > middle || (value == middle && (s & 1))), k};
}

/* ---- text ---------------------------------------------------------------------------------- */

static void drop_zeros(decimal *d)
{
    while (d->digits % 10 == 0) {
        d->digits /= 10;
        d->exponent++;
    }
}

static char *write_zeros(char *to, int count)
{
    for (; count > 0; count--)
        *to++ = '0';
    return to;
}

static size_t digit_count(uint64_t digits)
{
    size_t count = 1;
    for (uint64_t limit = 10; count < 17 && digits >= limit; limit *= 10)
        count++;
    return count;
}

/* The digits, with a point before digit number `point` (none when it is behind the last). */
static char *write_digits(char *to, uint64_t digits, size_t count, size_t point)
{
    char *end = to + count + (point < count);
    for (size_t i = count; i-- > 0; digits /= 10)
        to[i + (i >= point)] = (char)('0' + digits % 10);
    if (point < count) to[point] = '.';
    return end;
}

static char *write_scientific(char *to, uint64_t digits, size_t count, int exponent)
{
    to = write_digits(to, digits, count, 1);
    *to++ = 'e';
    return to + snprintf(to, 8, "%d", exponent);
}

/* d.digits is not 0. */
static size_t write_decimal(char *ret, bool negative, decimal d)
{
    char *to = ret;
    drop_zeros(&d);
    size_t count = digit_count(d.digits);
    int exponent = d.exponent + (int)count - 1; /* of the first digit */
    if (negative) *to++ = '-';
    if (exponent < PLAIN_EXPONENT_MIN || exponent > PLAIN_EXPONENT_MAX) {
        to = write_scientific(to, d.digits, count, exponent);
    } else if (exponent < 0) {
        *to++ = '0';
        *to++ = '.';
        to = write_zeros(to, -exponent - 1);
        to = write_digits(to, d.digits, count, count);
    } else {
        to = write_digits(to, d.digits, count, VV_MIN((size_t)exponent + 1, count));
        to = write_zeros(to, d.exponent);
    }
    *to = '\0';
    return (size_t)(to - ret);
}

static size_t write_zero(char *ret, bool negative)
{
    char *to = ret;
    if (negative) *to++ = '-';
    *to++ = '0';
    *to = '\0';
    return (size_t)(to - ret);
}

size_t json_float_text(float value, char ret[JSON_NUMBER_TEXT_BYTES])
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bool negative = bits >> 31;
    bits &= 0x7fffffffu;
    if (bits == 0) return write_zero(ret, negative);
    return write_decimal(ret, negative, shortest_decimal(bits));
}

/* ---- double -------------------------------------------------------------------------------- */

static bool short_decimal(double value, decimal *ret)
{
    double power = 1;
    for (int p = 0; p <= DOUBLE_POWER_MAX; p++, power *= 10) {
        double scaled = value * power;
        if (scaled >= DOUBLE_DIGITS_SURE) return false;
        uint64_t digits = (uint64_t)(scaled + 0.5);
        if (digits == 0 || (double)digits / power != value) continue;
        *ret = (decimal){digits, -p};
        return true;
    }
    return false;
}

size_t json_double_text(double value, char ret[JSON_NUMBER_TEXT_BYTES])
{
    decimal d;
    int len = 0;
    if (value == 0) return write_zero(ret, signbit(value));
    if (short_decimal(fabs(value), &d)) return write_decimal(ret, value < 0, d);
    for (int precision = isnormal(value) ? 15 : 1; precision <= 17; precision++) {
        len = snprintf(ret, JSON_NUMBER_TEXT_BYTES, "%.*g", precision, value);
        if (strtod(ret, NULL) == value) break;
    }
    return (size_t)len;
}
