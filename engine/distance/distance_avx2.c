/* distance_avx2.c — kernels for CPUs with AVX2, FMA, F16C and POPCNT. Only this file is compiled
 * with that instruction set. Bits are counted by table lookup of nibbles (W. Mula, "Faster
 * population counts using AVX2 instructions", 2016). */
#include "distance/distance_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE      static inline __attribute__((always_inline))
#define UNROLL      _Pragma("GCC unroll 4")
#define FLOAT_LANES 8
#define INT_LANES   16
#define WORD_BYTES  32

typedef __m256 floats;

INLINE floats floats_zero(void) { return _mm256_setzero_ps(); }

INLINE floats floats_load(varve_dtype type, const uint8_t *p)
{
    switch (type) {
    case VARVE_FLOAT32: return _mm256_loadu_ps((const float *)p);
    case VARVE_FLOAT16: return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
    case VARVE_UINT8: return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadu_si64(p)));
    default: return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(p)));
    }
}

INLINE floats floats_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    if (type == VARVE_FLOAT32) {
        __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        return _mm256_maskload_ps((const float *)p,
                                  _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
    }
    uint8_t some[FLOAT_LANES * 2] = {0};
    memcpy(some, p, n * distance_element_bytes(type));
    return floats_load(type, some);
}

INLINE floats floats_fold(distance_float_op op, floats sum, floats x, floats y)
{
    floats d = _mm256_sub_ps(x, y), sign = _mm256_set1_ps(-0.0f);
    switch (op) {
    case FLOAT_L2: return _mm256_fmadd_ps(d, d, sum);
    case FLOAT_L1: return _mm256_add_ps(sum, _mm256_andnot_ps(sign, d));
    case FLOAT_CHEBYSHEV: return _mm256_max_ps(sum, _mm256_andnot_ps(sign, d));
    default: return _mm256_fmadd_ps(x, y, sum);
    }
}

INLINE float floats_sum(floats v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

INLINE float floats_max(floats v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

typedef __m256i ints; /* 16 of 16 bits loaded, 8 sums of 32 bits */

INLINE ints ints_zero(void) { return _mm256_setzero_si256(); }
INLINE ints ints_query(const int16_t *p) { return _mm256_loadu_si256((const __m256i *)p); }

INLINE ints ints_load(varve_dtype type, const uint8_t *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    return type == VARVE_INT8 ? _mm256_cvtepi8_epi16(v) : _mm256_cvtepu8_epi16(v);
}

INLINE ints ints_load_some(varve_dtype type, const uint8_t *p, size_t n)
{
    uint8_t some[INT_LANES] = {0};
    memcpy(some, p, n);
    return ints_load(type, some);
}

INLINE ints ints_fold(distance_int_op op, ints sum, ints x, ints y)
{
    ints d = _mm256_sub_epi16(x, y);
    return _mm256_add_epi32(sum, op == INT_L2 ? _mm256_madd_epi16(d, d) : _mm256_madd_epi16(x, y));
}

INLINE int32_t ints_sum(ints v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

typedef __m256i words;

INLINE words words_zero(void) { return _mm256_setzero_si256(); }
INLINE words words_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE words words_load_some(const uint8_t *p, size_t n)
{
    uint8_t some[WORD_BYTES] = {0};
    memcpy(some, p, n);
    return words_load(some);
}
INLINE words words_and(words a, words b) { return _mm256_and_si256(a, b); }
INLINE words words_count(words sum, words v)
{
    __m256i low = _mm256_set1_epi8(15);
    __m256i bits =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    __m256i first = _mm256_shuffle_epi8(bits, _mm256_and_si256(v, low));
    __m256i second = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
    __m256i bytes = _mm256_add_epi8(first, second);
    return _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
}
INLINE uint32_t words_sum(words v)
{
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi64(s, _mm_unpackhi_epi64(s, s)));
}

/* Bit i: element i of 32 bytes is above 0.5. */
INLINE uint64_t mask32(varve_dtype type, const uint8_t *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p), zero = _mm256_setzero_si256();
    if (type == VARVE_INT8) return (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(v, zero));
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, zero));
}

INLINE uint64_t mask64(varve_dtype type, const uint8_t *p)
{
    uint64_t mask = 0;
    switch (type) {
    case VARVE_FLOAT32:
        for (unsigned i = 0; i < 8; i++) {
            __m256 v = _mm256_loadu_ps((const float *)(p + 32 * i));
            v = _mm256_cmp_ps(v, _mm256_set1_ps(0.5f), _CMP_GT_OQ);
            mask |= (uint64_t)_mm256_movemask_ps(v) << (8 * i);
        }
        return mask;
    case VARVE_FLOAT16: /* as integers, halfs above 0.5 follow 0x3800 */
        for (unsigned i = 0; i < 4; i++) {
            __m128i half = _mm_set1_epi16(0x3800);
            __m128i a = _mm_cmpgt_epi16(_mm_loadu_si128((const __m128i *)(p + 32 * i)), half);
            __m128i b = _mm_cmpgt_epi16(_mm_loadu_si128((const __m128i *)(p + 32 * i + 16)), half);
            mask |= (uint64_t)_mm_movemask_epi8(_mm_packs_epi16(a, b)) << (16 * i);
        }
        return mask;
    default: return mask32(type, p) | mask32(type, p + 32) << 32;
    }
}

#include "distance/distance_body.h"

const distance_isa_kernels distance_kernels_avx2 = DISTANCE_TABLE("avx2", FLOAT_LANES);
#endif
