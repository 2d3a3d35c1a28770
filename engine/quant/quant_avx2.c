/* quant_avx2.c — kernels for CPUs with AVX2 and FMA. Only this file is compiled with that
 * instruction set.
 *
 * dots: 8 rows × 4 codes are widened to 16 bits and multiplied with 4 coordinates of the query,
 * which are the same for each row; VPMADDWD adds two products, so each row has two sums, added at
 * the end. lookups: as with AVX-512 (see there), in registers of half the width. */
#include "quant/quant_body.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FLUSH_QUADS 128 /* 4 × 128 × 255 × 16319 < 2^31 */
#define OCTETS      (QUANT_GROUP / 8)

/* Of 8 rows: rows 0, 1, 4, 5 and rows 2, 3, 6, 7, two sums each. */
typedef struct dots_sums {
    __m256i first, second;
} dots_sums;

INLINE void dots_quad(dots_sums *s, __m256i bytes, __m256i y)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i first = _mm256_madd_epi16(_mm256_unpacklo_epi8(bytes, zero), y);
    __m256i second = _mm256_madd_epi16(_mm256_unpackhi_epi8(bytes, zero), y);
    s->first = _mm256_add_epi32(s->first, first);
    s->second = _mm256_add_epi32(s->second, second);
}

INLINE void dots_block(const int16_t *y, unsigned bits, unsigned fields, const uint8_t *codes,
                       dots_sums *s)
{
    const __m256i mask = _mm256_set1_epi8((char)((1u << bits) - 1));
    __m256i rows[OCTETS];
#pragma GCC unroll 4
    for (size_t o = 0; o < OCTETS; o++)
        rows[o] = _mm256_loadu_si256((const __m256i *)(codes + 32 * o));
#pragma GCC unroll 8
    for (unsigned f = 0; f < fields; f++) {
        __m256i query = _mm256_set1_epi64x((long long)get_u64(y + 4 * f));
#pragma GCC unroll 4
        for (size_t o = 0; o < OCTETS; o++) {
            __m256i v = bits == 8 ? rows[o] : _mm256_and_si256(rows[o], mask);
            dots_quad(&s[o], v, query);
            if (bits != 8) rows[o] = _mm256_srli_epi32(rows[o], (int)bits);
        }
    }
}

INLINE void dots_add(__m128i part, double weight, double *sums)
{
    __m256d sum = _mm256_mul_pd(_mm256_cvtepi32_pd(part), _mm256_set1_pd(weight));
    _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), sum));
}

INLINE void dots_of(const quant_ints *y, unsigned bits, const uint8_t *codes, double weight,
                    double *sums)
{
    const unsigned fields = 8 / bits;
    for (size_t quad = 0; quad < y->quads;) {
        size_t end = VV_MIN(quad + FLUSH_QUADS, y->quads);
        dots_sums s[OCTETS];
        for (size_t o = 0; o < OCTETS; o++)
            s[o] = (dots_sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (; quad < end; quad += fields, codes += 4 * QUANT_GROUP)
            dots_block(y->full + 4 * quad, bits, fields, codes, s);
        for (size_t o = 0; o < OCTETS; o++) {
            __m256i both = _mm256_hadd_epi32(s[o].first, s[o].second);
            dots_add(_mm256_castsi256_si128(both), weight, sums + 8 * o);
            dots_add(_mm256_extracti128_si256(both, 1), weight, sums + 8 * o + 4);
        }
    }
}

static void dots(const quant_ints *y, unsigned bits, const uint8_t *codes, double weight,
                 double *sums)
{
    switch (bits) {
    case 1: dots_of(y, 1, codes, weight, sums); return;
    case 2: dots_of(y, 2, codes, weight, sums); return;
    case 4: dots_of(y, 4, codes, weight, sums); return;
    default: dots_of(y, 8, codes, weight, sums); return;
    }
}

/* ---- lookups ------------------------------------------------------------------------------- */

#define FLUSH_BLOCKS 32

typedef struct lookups_sums {
    __m256i even, odd;
} lookups_sums;

INLINE void lookups_add(lookups_sums *s, __m256i entries)
{
    s->even = _mm256_add_epi16(s->even, entries);
    s->odd = _mm256_add_epi16(s->odd, _mm256_srli_epi16(entries, 8));
}

/* Two lanes of 16 rows: two subspaces from the low halves of the codes, two from the high ones. */
INLINE void lookups_part(lookups_sums *s, const uint8_t *tables, const uint8_t *bytes)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i codes = _mm256_loadu_si256((const __m256i *)bytes);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble);
    __m256i low_tables = _mm256_loadu_si256((const __m256i *)tables);
    __m256i high_tables = _mm256_loadu_si256((const __m256i *)(tables + 64));
    lookups_add(s, _mm256_shuffle_epi8(low_tables, _mm256_and_si256(codes, nibble)));
    lookups_add(s, _mm256_shuffle_epi8(high_tables, high));
}

INLINE __m128i sum_lanes(__m256i v)
{
    return _mm_add_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
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
        const __m256i zero = _mm256_setzero_si256();
        lookups_sums first = {zero, zero}, second = first;
        for (; i < end; i++) {
            const uint8_t *t = tables + 128 * i, *c = codes + 128 * i;
            lookups_part(&first, t, c);
            lookups_part(&first, t + 32, c + 32);
            lookups_part(&second, t, c + 64);
            lookups_part(&second, t + 32, c + 96);
        }
        lookups_flush(&first, ret_sums);
        lookups_flush(&second, ret_sums + 16);
    }
}

const quant_isa_kernels quant_kernels_avx2 = {.name = "avx2",
                                              .dots = dots,
                                              .lookups = lookups,
                                              QUANT_BODY_KERNELS,
                                              .tile = &kmeans_tile_avx2};
#endif
