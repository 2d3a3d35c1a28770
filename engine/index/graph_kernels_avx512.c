/* graph_kernels_avx512.c — the kernels of graph_kernels.h with AVX-512 F, BW, DQ, VL and VNNI. */
#include "index/graph_kernels.h"

#if defined(__x86_64__)
#include "base/bytes.h"
#include "index/graph_links.h"

#include <immintrin.h>

#define CHUNK_PADDED                                                                               \
    1024 /* bits of codes whose sums surely fit 16 bits: 256 entries of at most 255 */

/* ---- own vectors --------------------------------------------------------------------------- */

/* Halves are added to halves, as in the plain kernel. */
static inline float sum_lanes(__m512 x)
{
    __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

static inline __m512 add_square(__m512 sum, __m512 d)
{
    return _mm512_add_ps(sum, _mm512_mul_ps(d, d));
}

static float own_none(const graph_point *p, const uint8_t *own)
{
    (void)p;
    (void)own;
    return 0;
}

static inline __m512i add_byte_squares(__m512i sum, __m512i a, __m512i b)
{
    __m512i zero = _mm512_setzero_si512();
    __m512i d = _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
    __m512i low = _mm512_unpacklo_epi8(d, zero), high = _mm512_unpackhi_epi8(d, zero);
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high);
}

static float own_integers(const graph_point *p, const uint8_t *own)
{
    __m512i sum = _mm512_setzero_si512();
    uint32_t i = 0;
    for (; i + 64 <= p->filled; i += 64)
        sum = add_byte_squares(sum, _mm512_load_si512(p->bytes + i), _mm512_loadu_si512(own + i));
    if (i < p->filled) {
        __mmask64 rest = (UINT64_C(1) << (p->filled - i)) - 1;
        sum = add_byte_squares(sum, _mm512_maskz_loadu_epi8(rest, p->bytes + i),
                               _mm512_maskz_loadu_epi8(rest, own + i));
    }
    return (float)(uint32_t)_mm512_reduce_add_epi32(sum) * p->bytes_scale;
}

static float own_bytes(const graph_point *p, const uint8_t *own)
{
    __m512 sum = _mm512_setzero_ps();
    if (p->bytes) return own_integers(p, own);
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m512i x = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(own + i)));
        sum = add_square(sum, _mm512_sub_ps(_mm512_load_ps(p->values + i), _mm512_cvtepi32_ps(x)));
    }
    return sum_lanes(sum) * p->bytes_scale;
}

static float own_halves(const graph_point *p, const uint8_t *own)
{
    __m512 sum = _mm512_setzero_ps();
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m512 x = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(own + 2 * (size_t)i)));
        sum = add_square(sum, _mm512_sub_ps(_mm512_load_ps(p->values + i), x));
    }
    return sum_lanes(sum);
}

static float own_scaled(const graph_point *p, const uint8_t *own)
{
    __m512 sum = _mm512_setzero_ps(), scale = _mm512_set1_ps(get_f32(own + p->filled));
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m512 x =
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(own + i))));
        sum =
            add_square(sum, _mm512_sub_ps(_mm512_load_ps(p->values + i), _mm512_mul_ps(scale, x)));
    }
    return sum_lanes(sum);
}

/* ---- codes --------------------------------------------------------------------------------- */

static graph_code_sums code(const float *center, const int16_t *values, float scale,
                            uint32_t padded, uint16_t *ret_signs)
{
    __m512 squares = _mm512_setzero_ps(), lengths = squares, centers = squares;
    for (uint32_t i = 0; i < padded; i += GRAPH_LANES) {
        __m512i x = _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(values + i)));
        __m512 c = _mm512_loadu_ps(center + i);
        __m512 o = _mm512_sub_ps(_mm512_mul_ps(_mm512_set1_ps(scale), _mm512_cvtepi32_ps(x)), c);
        __mmask16 positive = _mm512_cmp_ps_mask(o, _mm512_setzero_ps(), _CMP_GT_OQ);
        squares = add_square(squares, o);
        lengths = _mm512_add_ps(lengths, _mm512_abs_ps(o));
        centers = _mm512_mask_add_ps(_mm512_sub_ps(centers, c), positive, centers, c);
        ret_signs[i / GRAPH_LANES] = positive;
    }
    return (graph_code_sums){sum_lanes(squares), sum_lanes(lengths), sum_lanes(centers)};
}

/* Sums of 16 neighbours: of even ones in the low bytes of 16-bit lanes plus 256 times those of odd
 * ones, and of odd ones alone. */
typedef struct byte_sums {
    __m512i both, odd;
} byte_sums;

static inline byte_sums add_bytes(byte_sums s, __m512i entries)
{
    s.both = _mm512_add_epi16(s.both, entries);
    s.odd = _mm512_add_epi16(s.odd, _mm512_srli_epi16(entries, 8));
    return s;
}

static inline __m128i add_quarters(__m512i x)
{
    __m256i half = _mm256_add_epi16(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static inline __m512i sums_of(byte_sums s)
{
    __m128i even = add_quarters(_mm512_sub_epi16(s.both, _mm512_slli_epi16(s.odd, 8)));
    __m128i odd = add_quarters(s.odd);
    return _mm512_cvtepu16_epi32(
        _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd)));
}

/* Bits [from, to) of the codes. */
static inline void add_chunk(const graph_point *p, const uint8_t *codes, size_t from, size_t to,
                             __m512i *low, __m512i *high)
{
    const __m512i nibble = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
    byte_sums a = {zero, zero}, b = {zero, zero};
    for (size_t at = from * 4; at < to * 4; at += 64) {
        __m512i code = _mm512_load_si512(codes + at), table = _mm512_load_si512(p->tables + at);
        a = add_bytes(a, _mm512_shuffle_epi8(table, _mm512_and_si512(code, nibble)));
        b = add_bytes(
            b, _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble)));
    }
    *low = _mm512_add_epi32(*low, sums_of(a));
    *high = _mm512_add_epi32(*high, sums_of(b));
}

/* A mask as an integer, by an instruction of our own: see bits_below in graph_pairs_avx512.c. */
static inline __attribute__((always_inline)) uint32_t bits_of(__mmask16 mask)
{
    uint32_t bits;
    __asm__("kmovw %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

typedef struct row_masks {
    uint32_t below, bad;
} row_masks;

static inline row_masks finish(const graph_point *p, __m512i sums, const uint8_t *factors,
                               const uint8_t *rows, float own, float limit, uint32_t row_count,
                               float *ret_keys)
{
    __m512 a = _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)factors));
    __m512 b = _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)(factors + 2 * GRAPH_GROUP)));
    __m512 product =
        _mm512_sub_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(p->per_sum)),
                      _mm512_set1_ps(p->bias));
    __m512 key = _mm512_add_ps(_mm512_add_ps(_mm512_set1_ps(own), a), _mm512_mul_ps(b, product));
    __m512i row = _mm512_load_si512(rows);
    __mmask16 is_row = _mm512_cmplt_epu32_mask(row, _mm512_set1_epi32((int)row_count));
    __mmask16 none = _mm512_cmpeq_epu32_mask(row, _mm512_set1_epi32(-1));
    _mm512_store_ps(ret_keys, key);
    return (row_masks){
        bits_of(_mm512_mask_cmp_ps_mask(is_row, key, _mm512_set1_ps(limit), _CMP_LT_OQ)),
        ~(bits_of(is_row) | bits_of(none)) & 0xffff};
}

static uint32_t estimate(const graph_point *p, const uint8_t *group, const uint8_t *rows, float own,
                         float limit, uint32_t row_count, float *ret_keys, uint32_t *ret_bad)
{
    __m512i low = _mm512_setzero_si512(), high = low;
    const uint8_t *codes = group + 4 * GRAPH_GROUP;
    for (size_t from = 0; from < p->padded; from += CHUNK_PADDED)
        add_chunk(p, codes, from, VV_MIN(from + CHUNK_PADDED, (size_t)p->padded), &low, &high);
    row_masks a = finish(p, low, group, rows, own, limit, row_count, ret_keys);
    row_masks b = finish(p, high, group + GRAPH_GROUP, rows + 2 * GRAPH_GROUP, own, limit,
                         row_count, ret_keys + GRAPH_GROUP / 2);
    *ret_bad = a.bad | b.bad << 16;
    return a.below | b.below << 16;
}

/* ---- frontier: arrays are closed by whole steps of infinity ---------------------------------- */

/* Packed in a register, then stored whole: to store what a mask picks is slow on some processors.
 */
static inline void join_half(graph_frontier *f, const uint8_t *rows, const float *keys,
                             __mmask16 mask, __mmask16 hidden)
{
    __m512 key = _mm512_load_ps(keys), all = _mm512_set1_ps(INFINITY);
    all = _mm512_mask_mov_ps(key, hidden, all);
    _mm512_storeu_ps(f->keys + f->count, _mm512_maskz_compress_ps(mask, all));
    _mm512_storeu_ps(f->waiting + f->count, _mm512_maskz_compress_ps(mask, key));
    _mm512_storeu_si512(f->rows + f->count,
                        _mm512_maskz_compress_epi32(mask, _mm512_load_si512(rows)));
    f->count += (size_t)__builtin_popcount(bits_of(mask));
}

static inline void close_frontier(graph_frontier *f)
{
    _mm512_storeu_ps(f->keys + f->count, _mm512_set1_ps(INFINITY));
    _mm512_storeu_ps(f->waiting + f->count, _mm512_set1_ps(INFINITY));
}

static void join(graph_frontier *f, const uint8_t *rows, const float *keys, uint32_t mask,
                 uint32_t hidden)
{
    join_half(f, rows, keys, (__mmask16)mask, (__mmask16)hidden);
    join_half(f, rows + 64, keys + 16, (__mmask16)(mask >> 16), (__mmask16)(hidden >> 16));
    close_frontier(f);
}

static size_t below(const graph_frontier *f, float limit)
{
    __m512 most = _mm512_set1_ps(limit);
    size_t count = 0;
    for (size_t i = 0; i < f->count; i += GRAPH_LANES)
        count += (size_t)__builtin_popcount(
            bits_of(_mm512_cmp_ps_mask(_mm512_load_ps(f->keys + i), most, _CMP_LT_OQ)));
    return count;
}

static size_t next(const graph_frontier *f, size_t breadth)
{
    __m512 least = _mm512_set1_ps(INFINITY);
    for (size_t i = 0; i < f->count; i += GRAPH_LANES)
        least = _mm512_min_ps(least, _mm512_load_ps(f->waiting + i));
    float key = _mm512_reduce_min_ps(least);
    if (!(key < INFINITY) || below(f, key) >= breadth) return SIZE_MAX;
    for (size_t i = 0;; i += GRAPH_LANES) {
        uint32_t found = bits_of(
            _mm512_cmp_ps_mask(_mm512_load_ps(f->waiting + i), _mm512_set1_ps(key), _CMP_EQ_OQ));
        if (found) return i + (size_t)__builtin_ctz(found);
    }
}

static void keep(graph_frontier *f, float limit)
{
    __m512 most = _mm512_set1_ps(limit);
    size_t count = 0, all = f->count;
    for (size_t i = 0; i < all; i += GRAPH_LANES) {
        __m512 key = _mm512_load_ps(f->keys + i), waiting = _mm512_load_ps(f->waiting + i);
        __m512i row = _mm512_load_si512(f->rows + i);
        __mmask16 stays = _mm512_cmp_ps_mask(_mm512_min_ps(key, waiting), most, _CMP_LT_OQ);
        _mm512_storeu_ps(f->keys + count, _mm512_maskz_compress_ps(stays, key));
        _mm512_storeu_ps(f->waiting + count, _mm512_maskz_compress_ps(stays, waiting));
        _mm512_storeu_si512(f->rows + count, _mm512_maskz_compress_epi32(stays, row));
        count += (size_t)__builtin_popcount(bits_of(stays));
    }
    f->count = count;
    close_frontier(f);
}

const graph_kernels graph_kernels_avx512 = {
    .name = "avx512",
    .code = code,
    .own = {own_none, own_bytes, own_halves, own_scaled},
    .estimate = estimate,
    .join = join,
    .next = next,
    .below = below,
    .keep = keep,
};
#endif
