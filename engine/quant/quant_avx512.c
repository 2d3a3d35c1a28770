/* quant_avx512.c — kernels for CPUs with AVX-512 F, BW, DQ, VL and VNNI. Only this file is compiled
 * with that instruction set.
 *
 * dots: VPDPBUSD multiplies 64 unsigned codes with signed bytes of the query and adds them by
 * fours:
 * 16 rows × 4 coordinates at a time, in int32, for the high and the low byte of the query apart.
 * 255 × 127 × 65600 < 2^31, so nothing overflows.
 * lookups: VPSHUFB looks up 64 entries; even and odd rows are summed in 16 bits. The sums of even
 * rows also take in those of the odd rows, 256-fold, which is taken off at the end: modulo 2^16 it
 * is exact. 32 blocks of 8 entries up to 255 stay below 2^16. */
#define QUANT_LANES 16
#include "quant/quant_body.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* The sums of 32 rows. */
typedef struct dots_sums {
    __m512i high[2], low[2];
} dots_sums;

INLINE __m512i dots_field(__m512i codes, unsigned bits, unsigned field)
{
    if (bits == 8) return codes;
    __m512i v = field ? _mm512_srli_epi32(codes, field * bits) : codes;
    return _mm512_and_si512(v, _mm512_set1_epi8((char)((1u << bits) - 1)));
}

INLINE void dots_block(const quant_ints *y, unsigned bits, bool both, size_t block,
                       const uint8_t *codes, dots_sums *s)
{
    const unsigned fields = 8 / bits;
    __m512i first = _mm512_loadu_si512(codes + block * 128);
    __m512i second = _mm512_loadu_si512(codes + block * 128 + 64);
#pragma GCC unroll 8
    for (unsigned f = 0; f < fields; f++) {
        size_t at = 4 * (block * fields + f);
        __m512i a = dots_field(first, bits, f), b = dots_field(second, bits, f);
        __m512i high = _mm512_set1_epi32((int)get_u32(y->high + at));
        s->high[0] = _mm512_dpbusd_epi32(s->high[0], a, high);
        s->high[1] = _mm512_dpbusd_epi32(s->high[1], b, high);
        if (both) {
            __m512i low = _mm512_set1_epi32((int)get_u32(y->low + at));
            s->low[0] = _mm512_dpbusd_epi32(s->low[0], a, low);
            s->low[1] = _mm512_dpbusd_epi32(s->low[1], b, low);
        }
    }
}

INLINE void dots_add(__m512i high, __m512i low, double weight, double *sums)
{
    const __m512d base = _mm512_set1_pd(1 << QUANT_LOW_BITS);
    __m512d w = _mm512_set1_pd(weight);
    for (int half = 0; half < 2; half++) {
        __m256i h = half ? _mm512_extracti64x4_epi64(high, 1) : _mm512_castsi512_si256(high);
        __m256i l = half ? _mm512_extracti64x4_epi64(low, 1) : _mm512_castsi512_si256(low);
        __m512d sum = _mm512_mul_pd(_mm512_cvtepi32_pd(h), base);
        sum = _mm512_mul_pd(_mm512_add_pd(sum, _mm512_cvtepi32_pd(l)), w);
        _mm512_storeu_pd(sums + 8 * half, _mm512_add_pd(_mm512_loadu_pd(sums + 8 * half), sum));
    }
}

INLINE void dots_of(const quant_ints *y, unsigned bits, bool both, const uint8_t *codes,
                    double weight, double *sums)
{
    size_t blocks = y->quads * bits / 8, block = 0;
    const __m512i zero = _mm512_setzero_si512();
    dots_sums s = {{zero, zero}, {zero, zero}}, t = s; /* two chains hide the latency */
    for (; block + 2 <= blocks; block += 2) {
        dots_block(y, bits, both, block, codes, &s);
        dots_block(y, bits, both, block + 1, codes, &t);
    }
    if (block < blocks) dots_block(y, bits, both, block, codes, &s);
    for (int i = 0; i < 2; i++) {
        __m512i high = _mm512_add_epi32(s.high[i], t.high[i]);
        __m512i low = _mm512_add_epi32(s.low[i], t.low[i]);
        dots_add(both ? high : zero, both ? low : high, weight, sums + 16 * i);
    }
}

static void dots(const quant_ints *y, unsigned bits, const uint8_t *codes, double weight,
                 double *sums)
{
    bool both = y->low != NULL;
    switch (bits) {
    case 1:
        both ? dots_of(y, 1, true, codes, weight, sums) : dots_of(y, 1, false, codes, weight, sums);
        return;
    case 2:
        both ? dots_of(y, 2, true, codes, weight, sums) : dots_of(y, 2, false, codes, weight, sums);
        return;
    case 4:
        both ? dots_of(y, 4, true, codes, weight, sums) : dots_of(y, 4, false, codes, weight, sums);
        return;
    default:
        both ? dots_of(y, 8, true, codes, weight, sums) : dots_of(y, 8, false, codes, weight, sums);
        return;
    }
}

/* ---- lookups ------------------------------------------------------------------------------- */

#define FLUSH_BLOCKS 32

typedef struct lookups_sums {
    __m512i even, odd;
} lookups_sums;

INLINE void lookups_add(lookups_sums *s, __m512i entries)
{
    s->even = _mm512_add_epi16(s->even, entries);
    s->odd = _mm512_add_epi16(s->odd, _mm512_srli_epi16(entries, 8));
}

INLINE void lookups_half(lookups_sums *s, __m512i low_tables, __m512i high_tables, __m512i codes)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble);
    lookups_add(s, _mm512_shuffle_epi8(low_tables, _mm512_and_si512(codes, nibble)));
    lookups_add(s, _mm512_shuffle_epi8(high_tables, high));
}

INLINE __m128i sum_lanes(__m512i v) /* 16-bit sums of the four lanes */
{
    __m256i half = _mm256_add_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

INLINE void lookups_flush(const lookups_sums *s, uint32_t *sums) /* of 16 rows */
{
    __m128i odd = sum_lanes(s->odd);
    __m128i even = _mm_sub_epi16(sum_lanes(s->even), _mm_slli_epi16(odd, 8));
    __m256i first = _mm256_cvtepu16_epi32(_mm_unpacklo_epi16(even, odd));
    __m256i second = _mm256_cvtepu16_epi32(_mm_unpackhi_epi16(even, odd));
    __m256i *to = (__m256i *)sums;
    _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), first));
    _mm256_storeu_si256(to + 1, _mm256_add_epi32(_mm256_loadu_si256(to + 1), second));
}

static void lookups(const uint8_t *tables, size_t blocks, const uint8_t *codes, uint32_t *ret_sums)
{
    memset(ret_sums, 0, QUANT_GROUP * sizeof *ret_sums);
    for (size_t i = 0; i < blocks;) {
        size_t end = VV_MIN(i + FLUSH_BLOCKS, blocks);
        const __m512i zero = _mm512_setzero_si512();
        lookups_sums first = {zero, zero}, second = first;
        for (; i < end; i++) {
            __m512i low = _mm512_loadu_si512(tables + 128 * i);
            __m512i high = _mm512_loadu_si512(tables + 128 * i + 64);
            lookups_half(&first, low, high, _mm512_loadu_si512(codes + 128 * i));
            lookups_half(&second, low, high, _mm512_loadu_si512(codes + 128 * i + 64));
        }
        lookups_flush(&first, ret_sums);
        lookups_flush(&second, ret_sums + 16);
    }
}

const quant_isa_kernels quant_kernels_avx512 = {.name = "avx512",
                                                .dots = dots,
                                                .lookups = lookups,
                                                QUANT_BODY_KERNELS,
                                                .tile = &kmeans_tile_avx512};
#endif
