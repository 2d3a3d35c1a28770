/* graph_pairs_avx512.c — kernels over pairs of points for CPUs with AVX-512 F, BW, VL and VNNI. */
#include "index/graph_pairs.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum { GROUP = GRAPH_PAIRS_GROUP, AHEAD = 6, LINE = 64 };

/* |x - y| as bytes, widened to 16 bits, squared and added in pairs. */
INLINE __m512i add_squares(__m512i sum, __m512i x, __m512i y)
{
    __m512i zero = _mm512_setzero_si512();
    __m512i d = _mm512_or_si512(_mm512_subs_epu8(x, y), _mm512_subs_epu8(y, x));
    __m512i low = _mm512_unpacklo_epi8(d, zero), high = _mm512_unpackhi_epi8(d, zero);
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high);
}

/* As unsigned numbers, which may wrap around. */
INLINE uint32_t sum_of(__m512i v)
{
    __m256i h = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
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
        __m512i sum = _mm512_setzero_si512();
        if (i + AHEAD < n) prefetch(points + ids[i + AHEAD] * stride, stride);
        for (size_t j = 0; j < stride; j += LINE)
            sum = add_squares(sum, _mm512_load_si512(x + j), _mm512_load_si512(y + j));
        ret[i] = sum_of(sum);
    }
}

/* 16 points × 16 quads of bytes, transposed as a matrix of 32-bit words. */
INLINE void transpose(__m512i v[GROUP])
{
    __m512i t[GROUP];
    UNROLL for (int i = 0; i < 16; i += 4)
    {
        __m512i a = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        __m512i b = _mm512_unpackhi_epi32(v[i], v[i + 1]);
        __m512i c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]);
        __m512i d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm512_unpacklo_epi64(a, c);
        t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d);
        t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
        __m512i b = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
        __m512i c = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
        __m512i d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
        v[i] = _mm512_shuffle_i32x4(a, c, 0x88);
        v[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
        v[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
}

static void pack(const uint8_t *const *points, size_t n, size_t quads, uint8_t *ret_group,
                 uint32_t *ret_norms)
{
    __m512i norms = _mm512_setzero_si512(), flip = _mm512_set1_epi8((char)0x80);
    __m512i low = _mm512_set1_epi16(0xff);
    for (size_t q = 0; q < quads; q += GROUP) {
        __m512i v[GROUP];
        UNROLL for (size_t i = 0; i < GROUP; i++) v[i] =
            _mm512_load_si512(points[i < n ? i : 0] + 4 * q);
        transpose(v);
        for (size_t i = 0; i < GROUP && q + i < quads; i++) {
            __m512i even = _mm512_and_si512(v[i], low), odd = _mm512_srli_epi16(v[i], 8);
            norms = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(norms, even, even), odd, odd);
            _mm512_store_si512(ret_group + (q + i) * LINE, _mm512_xor_si512(v[i], flip));
        }
    }
    _mm512_storeu_si512(ret_norms, norms);
}

INLINE __m512i quad(const uint8_t *x)
{
    return _mm512_set1_epi32(*(const int32_t *)(const void *)x);
}

/* GCC 12 copies the sum of _mm512_dpbusd_epi32 before and after, and keeps arrays of sums in memory;
 * that makes these loops three times as slow. */
#define MULTIPLY(sum, a, y) __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(y))

INLINE void put_keys(__m512i sum, uint32_t own, const uint32_t *norms, uint32_t *ret)
{
    __m512i both = _mm512_add_epi32(_mm512_set1_epi32((int32_t)own), _mm512_loadu_si512(norms));
    _mm512_storeu_si512(ret, _mm512_sub_epi32(both, _mm512_slli_epi32(sum, 1)));
}

/* 8 points against 3 groups: the sums stay in registers. */
static void square(const uint8_t *const *x, const uint32_t *own, const uint8_t *tile,
                   const uint32_t *norms, size_t quads, uint32_t *ret, size_t stride)
{
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define BEGIN(i)                                                                                   \
    __m512i a##i = _mm512_setzero_si512(), b##i = a##i, c##i = a##i;                               \
    const uint8_t *x##i = x[i];
#define ADD(i)                                                                                     \
    v = quad(x##i + 4 * q);                                                                        \
    MULTIPLY(a##i, v, y0);                                                                         \
    MULTIPLY(b##i, v, y1);                                                                         \
    MULTIPLY(c##i, v, y2);
#define PUT(i)                                                                                     \
    put_keys(a##i, own[i], norms, ret + i * stride);                                               \
    put_keys(b##i, own[i], norms + GROUP, ret + i * stride + GROUP);                               \
    put_keys(c##i, own[i], norms + 2 * GROUP, ret + i * stride + 2 * GROUP);
    EACH_ROW(BEGIN)
    for (size_t q = 0; q < quads; q++) {
        __m512i y0 = _mm512_load_si512(tile + q * LINE), v;
        __m512i y1 = _mm512_load_si512(tile + (quads + q) * LINE);
        __m512i y2 = _mm512_load_si512(tile + (2 * quads + q) * LINE);
        EACH_ROW(ADD)
    }
    EACH_ROW(PUT)
#undef EACH_ROW
#undef BEGIN
#undef ADD
#undef PUT
}

/* One point against 4 groups, or 1. */
static void line(const uint8_t *x, uint32_t own, const uint8_t *tile, const uint32_t *norms,
                 size_t quads, uint32_t *ret)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    size_t group = quads * LINE;
    for (size_t q = 0; q < quads; q++, tile += LINE) {
        __m512i v = quad(x + 4 * q);
        MULTIPLY(a, v, _mm512_load_si512(tile));
        MULTIPLY(b, v, _mm512_load_si512(tile + group));
        MULTIPLY(c, v, _mm512_load_si512(tile + 2 * group));
        MULTIPLY(d, v, _mm512_load_si512(tile + 3 * group));
    }
    put_keys(a, own, norms, ret);
    put_keys(b, own, norms + GROUP, ret + GROUP);
    put_keys(c, own, norms + 2 * GROUP, ret + 2 * GROUP);
    put_keys(d, own, norms + 3 * GROUP, ret + 3 * GROUP);
}

static void short_line(const uint8_t *x, uint32_t own, const uint8_t *tile, const uint32_t *norms,
                       size_t quads, uint32_t *ret)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t q = 0; q < quads; q++)
        MULTIPLY(sum, quad(x + 4 * q), _mm512_load_si512(tile + q * LINE));
    put_keys(sum, own, norms, ret);
}

/* |x|^2 - 256 sum x */
static uint32_t own_part(const uint8_t *x, size_t quads)
{
    __m512i squares = _mm512_setzero_si512(), sum = _mm512_setzero_si512();
    for (size_t q = 0; q < quads; q += GROUP) {
        __m512i v = _mm512_load_si512(x + 4 * q);
        squares = add_squares(squares, v, _mm512_setzero_si512());
        sum = _mm512_dpbusd_epi32(sum, v, _mm512_set1_epi8(1));
    }
    return sum_of(squares) - 256u * sum_of(sum);
}

/* From group `first` on. */
static void one(const uint8_t *x, uint32_t own, const uint8_t *tile, const uint32_t *norms,
                size_t first, size_t groups, size_t quads, uint32_t *ret)
{
    size_t g = first;
    for (; g + 4 <= groups; g += 4)
        line(x, own, tile + g * quads * LINE, norms + g * GROUP, quads, ret + g * GROUP);
    for (; g < groups; g++)
        short_line(x, own, tile + g * quads * LINE, norms + g * GROUP, quads, ret + g * GROUP);
}

static void block(const uint8_t *const *x, size_t m, const uint8_t *tile, const uint32_t *norms,
                  size_t groups, size_t quads, uint32_t *ret)
{
    uint32_t own[GRAPH_PAIRS_ROWS];
    size_t g = 0, stride = groups * GROUP;
    for (size_t i = 0; i < m; i++)
        own[i] = own_part(x[i], quads);
    for (; m == GRAPH_PAIRS_ROWS && g + 3 <= groups; g += 3)
        square(x, own, tile + g * quads * LINE, norms + g * GROUP, quads, ret + g * GROUP, stride);
    for (size_t i = 0; i < m; i++)
        one(x[i], own[i], tile, norms, g, groups, quads, ret + i * stride);
}

/* Which of 16 keys are below the bound, as an integer. Not left to the compiler: GCC 12 may spill a
 * mask that it has widened to 32 bits by writing 16 of them, and reads back what lay beside them
 * (seen in builds with ThreadSanitizer, whose calls make it spill). */
INLINE unsigned bits_below(const uint32_t *keys, __m512i bound)
{
    unsigned bits;
    __mmask16 m = _mm512_cmplt_epu32_mask(_mm512_loadu_si512(keys), bound);
    __asm__("kmovw %1, %0" : "=r"(bits) : "k"(m));
    return bits;
}

static size_t count(const uint32_t *keys, size_t groups, uint32_t bound)
{
    __m512i most = _mm512_set1_epi32((int32_t)bound);
    size_t n = 0;
    for (size_t g = 0; g < groups; g++)
        n += (size_t)__builtin_popcount(bits_below(keys + g * GROUP, most));
    return n;
}

static size_t below(const uint32_t *keys, size_t groups, uint32_t bound, uint32_t *ret)
{
    __m512i most = _mm512_set1_epi32((int32_t)bound);
    size_t n = 0;
    for (size_t g = 0; g < groups; g++) {
        unsigned m = bits_below(keys + g * GROUP, most);
        for (; m; m &= m - 1)
            ret[n++] = (uint32_t)(g * GROUP) + (uint32_t)__builtin_ctz(m);
    }
    return n;
}

const graph_pairs graph_pairs_avx512 = {"avx512", scan, pack, block, count, below};
#endif
