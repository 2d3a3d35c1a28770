/* distance_neon.c — kernels for aarch64, whose baseline has Advanced SIMD with fused multiply-add
 * and the widening of half floats. */
#include "distance/distance_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define INLINE      static inline __attribute__((always_inline))
#define UNROLL      _Pragma("GCC unroll 4")
#define FLOAT_LANES 4
#define INT_LANES   8
#define WORD_BYTES  16

typedef float32x4_t floats;

INLINE floats floats_zero(void) { return vdupq_n_f32(0); }

/* Four bytes as unsigned 16-bit integers, in the lower half. */
INLINE uint16x8_t load4(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, 4);
    return vmovl_u8(vcreate_u8(four));
}

INLINE floats floats_load(varve_dtype type, const uint8_t *p)
{
    uint32_t four;
    switch (type) {
    case VARVE_FLOAT32: return vreinterpretq_f32_u8(vld1q_u8(p));
    case VARVE_FLOAT16: return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
    case VARVE_UINT8: return vcvtq_f32_u32(vmovl_u16(vget_low_u16(load4(p))));
    default:
        memcpy(&four, p, 4);
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
    }
}

INLINE floats floats_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    uint8_t some[FLOAT_LANES * 4] = {0};
    memcpy(some, p, n * distance_element_bytes(type));
    return floats_load(type, some);
}

INLINE floats floats_fold(distance_float_op op, floats sum, floats x, floats y)
{
    floats d = vsubq_f32(x, y);
    switch (op) {
    case FLOAT_L2: return vfmaq_f32(sum, d, d);
    case FLOAT_L1: return vaddq_f32(sum, vabsq_f32(d));
    case FLOAT_CHEBYSHEV: return vmaxq_f32(sum, vabsq_f32(d));
    default: return vfmaq_f32(sum, x, y);
    }
}

INLINE float floats_sum(floats v) { return vaddvq_f32(v); }
INLINE float floats_max(floats v) { return vmaxvq_f32(v); }

typedef int16x8_t ints; /* 8 of 16 bits loaded; 4 sums of 32 bits, reinterpreted */

INLINE ints ints_zero(void) { return vdupq_n_s16(0); }
INLINE ints ints_query(const int16_t *p) { return vld1q_s16(p); }

INLINE ints ints_load(varve_dtype type, const uint8_t *p)
{
    if (type == VARVE_INT8) return vmovl_s8(vreinterpret_s8_u8(vld1_u8(p)));
    return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)));
}

INLINE ints ints_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    uint8_t some[INT_LANES] = {0};
    memcpy(some, p, n);
    return ints_load(type, some);
}

INLINE ints ints_fold(distance_int_op op, ints sum, ints x, ints y)
{
    int32x4_t s = vreinterpretq_s32_s16(sum);
    if (op == INT_L2) x = y = vsubq_s16(x, y);
    s = vmlal_s16(s, vget_low_s16(x), vget_low_s16(y));
    return vreinterpretq_s16_s32(vmlal_high_s16(s, x, y));
}

INLINE int32_t ints_sum(ints v) { return vaddvq_s32(vreinterpretq_s32_s16(v)); }

typedef uint8x16_t words; /* 16 bytes loaded; 4 counts of 32 bits, reinterpreted */

INLINE words words_zero(void) { return vdupq_n_u8(0); }
INLINE words words_load(const uint8_t *p) { return vld1q_u8(p); }
INLINE words words_load_some(const uint8_t *p, size_t n)
{
    uint8_t some[WORD_BYTES] = {0};
    memcpy(some, p, n);
    return words_load(some);
}
INLINE words words_and(words a, words b) { return vandq_u8(a, b); }
INLINE words words_count(words sum, words v)
{
    uint16x8_t pairs = vpaddlq_u8(vcntq_u8(v));
    return vreinterpretq_u8_u32(vpadalq_u16(vreinterpretq_u32_u8(sum), pairs));
}
INLINE uint32_t words_sum(words v) { return vaddvq_u32(vreinterpretq_u32_u8(v)); }

/* Sixteen bytes, each all ones or all zeros, as bits. */
INLINE uint64_t mask_of(uint8x16_t v)
{
    const uint8x16_t weight = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    v = vandq_u8(v, weight);
    return (uint64_t)vaddv_u8(vget_low_u8(v)) | (uint64_t)vaddv_u8(vget_high_u8(v)) << 8;
}

INLINE uint16x4_t above_half_f32(const uint8_t *p)
{
    return vmovn_u32(vcgtq_f32(floats_load(VARVE_FLOAT32, p), vdupq_n_f32(0.5f)));
}

INLINE uint8x8_t above_half_f16(const uint8_t *p) /* as integers, halfs above 0.5 follow 0x3800 */
{
    return vmovn_u16(vcgtq_s16(vreinterpretq_s16_u8(vld1q_u8(p)), vdupq_n_s16(0x3800)));
}

INLINE uint64_t mask16(varve_dtype type, const uint8_t *p)
{
    switch (type) {
    case VARVE_FLOAT32:
        return mask_of(
            vcombine_u8(vmovn_u16(vcombine_u16(above_half_f32(p), above_half_f32(p + 16))),
                        vmovn_u16(vcombine_u16(above_half_f32(p + 32), above_half_f32(p + 48)))));
    case VARVE_FLOAT16: return mask_of(vcombine_u8(above_half_f16(p), above_half_f16(p + 16)));
    case VARVE_UINT8: return mask_of(vcgtq_u8(vld1q_u8(p), vdupq_n_u8(0)));
    default: return mask_of(vcgtq_s8(vreinterpretq_s8_u8(vld1q_u8(p)), vdupq_n_s8(0)));
    }
}

INLINE uint64_t mask64(varve_dtype type, const uint8_t *p)
{
    size_t step = 16 * distance_element_bytes(type);
    uint64_t mask = 0;
    for (unsigned i = 0; i < 4; i++)
        mask |= mask16(type, p + i * step) << (16 * i);
    return mask;
}

#include "distance/distance_body.h"

const distance_isa_kernels distance_kernels_neon = DISTANCE_TABLE("neon", FLOAT_LANES);
#endif
