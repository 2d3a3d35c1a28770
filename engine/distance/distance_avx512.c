/* distance_avx512.c — kernels for CPUs with AVX-512 F, BW, DQ, VL, VNNI and VPOPCNTDQ. Only this
 * file is compiled with that instruction set. Half floats are widened (exact), never multiplied as
 * such; 8-bit integers are widened to 16 and multiplied, added in pairs and accumulated by one
 * VPDPWSSD. */
#include "distance/distance_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE      static inline __attribute__((always_inline))
#define UNROLL      _Pragma("GCC unroll 4")
#define FLOAT_LANES 16
#define INT_LANES   32
#define WORD_BYTES  64

typedef __m512 floats;

INLINE floats floats_zero(void) { return _mm512_setzero_ps(); }

INLINE floats floats_load(varve_dtype type, const uint8_t *p)
{
    switch (type) {
    case VARVE_FLOAT32: return _mm512_loadu_ps(p);
    case VARVE_FLOAT16: return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
    case VARVE_UINT8:
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
    default: return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
    }
}

INLINE floats floats_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    __mmask16 m = (__mmask16)((1u << n) - 1);
    switch (type) {
    case VARVE_FLOAT32: return _mm512_maskz_loadu_ps(m, p);
    case VARVE_FLOAT16: return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p));
    case VARVE_UINT8: return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, p)));
    default: return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(m, p)));
    }
}

INLINE floats floats_fold(distance_float_op op, floats sum, floats x, floats y)
{
    floats d = _mm512_sub_ps(x, y);
    switch (op) {
    case FLOAT_L2: return _mm512_fmadd_ps(d, d, sum);
    case FLOAT_L1: return _mm512_add_ps(sum, _mm512_abs_ps(d));
    case FLOAT_CHEBYSHEV: return _mm512_max_ps(sum, _mm512_abs_ps(d));
    default: return _mm512_fmadd_ps(x, y, sum);
    }
}

INLINE float floats_sum(floats v) { return _mm512_reduce_add_ps(v); }
INLINE float floats_max(floats v) { return _mm512_reduce_max_ps(v); }

typedef __m512i ints; /* 32 of 16 bits loaded, 16 sums of 32 bits */

INLINE ints ints_zero(void) { return _mm512_setzero_si512(); }
INLINE ints ints_query(const int16_t *p) { return _mm512_loadu_si512(p); }

INLINE ints ints_load(varve_dtype type, const uint8_t *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    return type == VARVE_INT8 ? _mm512_cvtepi8_epi16(v) : _mm512_cvtepu8_epi16(v);
}

INLINE ints ints_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    __m256i v = _mm256_maskz_loadu_epi8((__mmask32)((UINT64_C(1) << n) - 1), p);
    return type == VARVE_INT8 ? _mm512_cvtepi8_epi16(v) : _mm512_cvtepu8_epi16(v);
}

INLINE ints ints_fold(distance_int_op op, ints sum, ints x, ints y)
{
    ints d = _mm512_sub_epi16(x, y);
    return op == INT_L2 ? _mm512_dpwssd_epi32(sum, d, d) : _mm512_dpwssd_epi32(sum, x, y);
}

INLINE int32_t ints_sum(ints v) { return _mm512_reduce_add_epi32(v); }

typedef __m512i words;

INLINE words words_zero(void) { return _mm512_setzero_si512(); }
INLINE words words_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE words words_load_some(const uint8_t *p, size_t n)
{
    return _mm512_maskz_loadu_epi8((UINT64_C(1) << n) - 1, p);
}
INLINE words words_and(words a, words b) { return _mm512_and_si512(a, b); }
INLINE words words_count(words sum, words v)
{
    return _mm512_add_epi64(sum, _mm512_popcnt_epi64(v));
}
INLINE uint32_t words_sum(words v) { return (uint32_t)_mm512_reduce_add_epi64(v); }

INLINE uint64_t mask64(varve_dtype type, const uint8_t *p)
{
    uint64_t mask = 0;
    switch (type) {
    case VARVE_FLOAT32:
        for (unsigned i = 0; i < 4; i++) {
            __m512 v = _mm512_loadu_ps(p + 64 * i);
            mask |= (uint64_t)_mm512_cmp_ps_mask(v, _mm512_set1_ps(0.5f), _CMP_GT_OQ) << (16 * i);
        }
        return mask;
    case VARVE_FLOAT16: /* as integers, halfs above 0.5 follow 0x3800 */
        for (unsigned i = 0; i < 2; i++) {
            __m512i v = _mm512_loadu_si512(p + 64 * i);
            mask |= (uint64_t)_mm512_cmpgt_epi16_mask(v, _mm512_set1_epi16(0x3800)) << (32 * i);
        }
        return mask;
    case VARVE_UINT8: return _mm512_test_epi8_mask(_mm512_loadu_si512(p), _mm512_loadu_si512(p));
    default: return _mm512_cmpgt_epi8_mask(_mm512_loadu_si512(p), _mm512_setzero_si512());
    }
}

#include "distance/distance_body.h"

const distance_isa_kernels distance_kernels_avx512 = DISTANCE_TABLE("avx512", FLOAT_LANES);
#endif
