/* half.h — IEEE 754 binary16 <-> float32, rounding to nearest even. Source: IEEE 754-2008; F.
 * Giesen's bit method. */
#ifndef VARVE_BASE_HALF_H
#define VARVE_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu, bits;
    float value;
    if (rest >= 0x7c00u) {
        bits = sign | 0x7f800000u | ((rest & 0x3ffu) << 13);
    } else if (rest >= 0x0400u) {
        bits = sign | ((rest + 0x1c000u) << 13);
    } else { /* zero and subnormals: rest * 2^-24, exact in float32 */
        float tiny = (float)rest * 0x1p-24f;
        memcpy(&bits, &tiny, 4);
        bits |= sign;
    }
    memcpy(&value, &bits, 4);
    return value;
}

static inline uint16_t half_from_float(float value)
{
    uint32_t bits, sign;
    memcpy(&bits, &value, 4);
    sign = (bits >> 16) & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (bits >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds past 65504 */
    if (bits < 0x38800000u) { /* subnormal: adding 0.5 leaves the rounded result in the low mantissa
                                 bits */
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, 4);
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    bits += 0xc8000fffu + ((bits >> 13) & 1u);
    return (uint16_t)(sign | (bits >> 13));
}

#endif
