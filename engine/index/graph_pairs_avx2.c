/* graph_pairs_avx2.c — kernels over pairs of points for CPUs with AVX2. It has no product of bytes
 * that cannot saturate, so even and odd bytes are multiplied apart, as 16-bit integers. */
#include "index/graph_pairs.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum { GROUP = GRAPH_PAIRS_GROUP, AHEAD = 6, LINE = 64, HALF = 8 };

INLINE __m256i load(const void *p) { return _mm256_loadu_si256(p); }

INLINE __m256i add_squares(__m256i sum, __m256i x, __m256i y)
{
    __m256i zero = _mm256_setzero_si256();
    __m256i d = _mm256_or_si256(_mm256_subs_epu8(x, y), _mm256_subs_epu8(y, x));
    __m256i low = _mm256_unpacklo_epi8(d, zero), high = _mm256_unpackhi_epi8(d, zero);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, low));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(high, high));
}

INLINE uint32_t sum_of(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

INLINE void prefetch(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += LINE)
        _mm_prefetch((const char *)p + i, _MM_HINT_T0);
}

static void scan(const uint8_t *points, size_t stride, const uint8_t *x, const uint32_t *ids,
                 size_t n, uint32_t *ret)
{
    for (size_t i = 0; i < n && i < AHEAD; i++)
        prefetch(points + ids[i] * stride, stride);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *y = points + ids[i] * stride;
        __m256i sum = _mm256_setzero_si256();
        if (i + AHEAD < n) prefetch(points + ids[i + AHEAD] * stride, stride);
        for (size_t j = 0; j < stride; j += 32)
            sum = add_squares(sum, load(x + j), load(y + j));
        ret[i] = sum_of(sum);
    }
}

static void pack(const uint8_t *const *points, size_t n, size_t quads, uint8_t *ret_group,
                 uint32_t *ret_norms)
{
    const uint32_t flip = 0x80808080u;
    for (size_t i = 0; i < GROUP; i++) {
        const uint8_t *x = points[i < n ? i : 0];
        __m256i norm = _mm256_setzero_si256();
        for (size_t j = 0; j < 4 * quads; j += 32) /* zeros follow the coordinates */
            norm = add_squares(norm, load(x + j), _mm256_setzero_si256());
        for (size_t q = 0; q < quads; q++) {
            uint32_t word;
            __builtin_memcpy(&word, x + 4 * q, 4);
            word ^= flip;
            __builtin_memcpy(ret_group + q * LINE + i * 4, &word, 4);
        }
        ret_norms[i] = sum_of(norm);
    }
}

INLINE __m256i quad(const uint8_t *x)
{
    int32_t word;
    __builtin_memcpy(&word, x, 4);
    return _mm256_set1_epi32(word);
}

/* m points against half a group. */
INLINE void square(const uint8_t *const *x, const uint32_t *own, int m, const uint8_t *tile,
                   const uint32_t *norms, size_t quads, uint32_t *ret, size_t ret_stride)
{
    __m256i sum[4], even = _mm256_set1_epi16(0xff);
    UNROLL for (int i = 0; i < m; i++) sum[i] = _mm256_setzero_si256();
    for (size_t q = 0; q < quads; q++) {
        __m256i y = load(tile + q * LINE);
        __m256i y0 = _mm256_srai_epi16(_mm256_slli_epi16(y, 8), 8), y1 = _mm256_srai_epi16(y, 8);
        UNROLL for (int i = 0; i < m; i++)
        {
            __m256i a = quad(x[i] + 4 * q);
            __m256i p = _mm256_madd_epi16(_mm256_and_si256(a, even), y0);
            sum[i] = _mm256_add_epi32(sum[i], p);
            p = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), y1);
            sum[i] = _mm256_add_epi32(sum[i], p);
        }
    }
    UNROLL for (int i = 0; i < m; i++)
    {
        __m256i both = _mm256_add_epi32(_mm256_set1_epi32((int32_t)own[i]), load(norms));
        __m256i d = _mm256_sub_epi32(both, _mm256_slli_epi32(sum[i], 1));
        _mm256_storeu_si256((__m256i *)(void *)(ret + (size_t)i * ret_stride), d);
    }
}

/* |x|^2 - 256 sum x */
static uint32_t own_part(const uint8_t *x, size_t quads)
{
    __m256i squares = _mm256_setzero_si256(), sum = _mm256_setzero_si256();
    for (size_t j = 0; j < 4 * quads; j += 32) {
        __m256i v = load(x + j);
        squares = add_squares(squares, v, _mm256_setzero_si256());
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(v, _mm256_setzero_si256()));
    }
    return sum_of(squares) - 256u * sum_of(sum); /* sums fit the low halves of their words */
}

INLINE void strip(const uint8_t *const *x, int m, const uint8_t *tile, const uint32_t *norms,
                  size_t groups, size_t quads, uint32_t *ret)
{
    uint32_t own[4];
    for (int i = 0; i < m; i++)
        own[i] = own_part(x[i], quads);
    for (size_t h = 0; h < 2 * groups; h++)
        square(x, own, m, tile + h / 2 * quads * LINE + h % 2 * 32, norms + h * HALF, quads,
               ret + h * HALF, groups * GROUP);
}

static void block(const uint8_t *const *x, size_t m, const uint8_t *tile, const uint32_t *norms,
                  size_t groups, size_t quads, uint32_t *ret)
{
    size_t i = 0, stride = groups * GROUP;
    for (; i + 4 <= m; i += 4)
        strip(x + i, 4, tile, norms, groups, quads, ret + i * stride);
    for (; i < m; i++)
        strip(x + i, 1, tile, norms, groups, quads, ret + i * stride);
}

/* Unsigned comparison, by a shift of both sides into the signed range. */
INLINE unsigned mask_below(const uint32_t *keys, uint32_t bound)
{
    __m256i flip = _mm256_set1_epi32(INT32_MIN);
    __m256i most = _mm256_xor_si256(_mm256_set1_epi32((int32_t)bound), flip);
    __m256i low = _mm256_cmpgt_epi32(most, _mm256_xor_si256(load(keys), flip));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low));
}

static size_t count(const uint32_t *keys, size_t groups, uint32_t bound)
{
    size_t n = 0;
    for (size_t h = 0; h < 2 * groups; h++)
        n += (size_t)__builtin_popcount(mask_below(keys + h * HALF, bound));
    return n;
}

static size_t below(const uint32_t *keys, size_t groups, uint32_t bound, uint32_t *ret)
{
    size_t n = 0;
    for (size_t h = 0; h < 2 * groups; h++) {
        unsigned m = mask_below(keys + h * HALF, bound);
        for (; m; m &= m - 1)
            ret[n++] = (uint32_t)(h * HALF) + (uint32_t)__builtin_ctz(m);
    }
    return n;
}

const graph_pairs graph_pairs_avx2 = {"avx2", scan, pack, block, count, below};
#endif
