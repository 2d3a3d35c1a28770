/* columns_key.c — keys of numbers and instants: integers that ascend as the values do.
 *
 * A number becomes the largest double that is not above it and what is left over: doubles and
 * integers below 2^53 leave nothing, a uint64 at most 2047. Both together keep the exact order. */
#include "base/bytes.h"
#include "field/columns.h"

#include <math.h>

#define SIGN_BIT (UINT64_C(1) << 63)

static uint64_t ascending_bits(double d)
{
    uint64_t bits;
    d += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &d, sizeof bits);
    return bits & SIGN_BIT ? ~bits : bits | SIGN_BIT;
}

/* whole is within int64 or uint64. */
static column_key integer_key(__int128 whole)
{
    double d = (double)whole;
    if ((__int128)d > whole) d = nextafter(d, -INFINITY);
    return (column_key){ascending_bits(d), (uint32_t)(whole - (__int128)d)};
}

column_key column_key_number(const value *number)
{
    if (number->kind == VALUE_INT) return integer_key(number->integer);
    if (number->kind == VALUE_UINT) return integer_key(number->big);
    return (column_key){ascending_bits(number->real), 0};
}

value column_number_of_key(column_key key)
{
    uint64_t bits = key.key & SIGN_BIT ? key.key ^ SIGN_BIT : ~key.key;
    double d;
    memcpy(&d, &bits, sizeof d);
    if (!(d >= -0x1p63 && d < 0x1p64) || d != floor(d))
        return (value){.kind = VALUE_DOUBLE, .real = d};
    __int128 whole = (__int128)d + key.residual;
    if (whole > INT64_MAX) return (value){.kind = VALUE_UINT, .big = (uint64_t)whole};
    return (value){.kind = VALUE_INT, .integer = (int64_t)whole};
}

int64_t column_instant_of_key(column_key key) { return (int64_t)(key.key ^ SIGN_BIT); }

column_key column_key_instant(int64_t microseconds)
{
    return (column_key){(uint64_t)microseconds ^ SIGN_BIT, 0};
}
