/* graph_kernels_avx2.c — the kernels of graph_kernels.h with AVX2 and F16C. */
#include "index/graph_kernels.h"

#if defined(__x86_64__)
#include "base/bytes.h"
#include "index/graph_links.h"

#include <immintrin.h>

/* Bits of codes whose sums surely fit 16 bits: 256 entries of at most 255. */
#define CHUNK_PADDED 1024

/* ---- own vectors --------------------------------------------------------------------------- */

/* 16 partial sums. */
typedef struct lanes {
    __m256 low, high;
} lanes;

static inline float sum_lanes(lanes x)
{
    __m256 a = _mm256_add_ps(x.low, x.high);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

static inline __m256 add_square(__m256 sum, __m256 d)
{
    return _mm256_add_ps(sum, _mm256_mul_ps(d, d));
}

static float own_none(const graph_point *p, const uint8_t *own)
{
    (void)p;
    (void)own;
    return 0;
}

/* Sums stay below 2^32: rows have at most 65536 coordinates. */
static float own_integers(const graph_point *p, const uint8_t *own)
{
    __m256i sum = _mm256_setzero_si256();
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m256i a = _mm256_cvtepu8_epi16(_mm_load_si128((const __m128i *)(p->bytes + i)));
        __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(own + i)));
        __m256i d = _mm256_sub_epi16(a, b);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(d, d));
    }
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (float)(uint32_t)_mm_cvtsi128_si32(half) * p->bytes_scale;
}

static float own_bytes(const graph_point *p, const uint8_t *own)
{
    lanes s = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    if (p->bytes) return own_integers(p, own);
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(own + i));
        __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(x));
        __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)));
        s.low = add_square(s.low, _mm256_sub_ps(_mm256_load_ps(p->values + i), low));
        s.high = add_square(s.high, _mm256_sub_ps(_mm256_load_ps(p->values + i + 8), high));
    }
    return sum_lanes(s) * p->bytes_scale;
}

static float own_halves(const graph_point *p, const uint8_t *own)
{
    lanes s = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (uint32_t i = 0; i < p->filled; i += 16) {
        const __m128i *x = (const __m128i *)(own + 2 * (size_t)i);
        __m256 low = _mm256_cvtph_ps(_mm_loadu_si128(x));
        __m256 high = _mm256_cvtph_ps(_mm_loadu_si128(x + 1));
        s.low = add_square(s.low, _mm256_sub_ps(_mm256_load_ps(p->values + i), low));
        s.high = add_square(s.high, _mm256_sub_ps(_mm256_load_ps(p->values + i + 8), high));
    }
    return sum_lanes(s);
}

static float own_scaled(const graph_point *p, const uint8_t *own)
{
    lanes s = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    __m256 scale = _mm256_set1_ps(get_f32(own + p->filled));
    for (uint32_t i = 0; i < p->filled; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(own + i));
        __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x));
        __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)));
        low = _mm256_sub_ps(_mm256_load_ps(p->values + i), _mm256_mul_ps(scale, low));
        high = _mm256_sub_ps(_mm256_load_ps(p->values + i + 8), _mm256_mul_ps(scale, high));
        s.low = add_square(s.low, low);
        s.high = add_square(s.high, high);
    }
    return sum_lanes(s);
}

/* ---- codes --------------------------------------------------------------------------------- */

typedef struct half_sums {
    __m256 squares, lengths, centers;
} half_sums;

/* Eight coordinates; returns their signs. */
static inline unsigned code_half(half_sums *s, __m128i values, float scale, const float *center)
{
    __m256 c = _mm256_loadu_ps(center), minus = _mm256_set1_ps(-0.0F);
    __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values));
    __m256 o = _mm256_sub_ps(_mm256_mul_ps(_mm256_set1_ps(scale), x), c);
    __m256 positive = _mm256_cmp_ps(o, _mm256_setzero_ps(), _CMP_GT_OQ);
    s->squares = add_square(s->squares, o);
    s->lengths = _mm256_add_ps(s->lengths, _mm256_andnot_ps(minus, o));
    s->centers = _mm256_add_ps(s->centers, _mm256_xor_ps(c, _mm256_andnot_ps(positive, minus)));
    return (unsigned)_mm256_movemask_ps(positive);
}

static graph_code_sums code(const float *center, const int16_t *values, float scale,
                            uint32_t padded, uint16_t *ret_signs)
{
    half_sums a = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()}, b = a;
    for (uint32_t i = 0; i < padded; i += GRAPH_LANES) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(values + i));
        unsigned low = code_half(&a, _mm256_castsi256_si128(x), scale, center + i);
        unsigned high = code_half(&b, _mm256_extracti128_si256(x, 1), scale, center + i + 8);
        ret_signs[i / GRAPH_LANES] = (uint16_t)(low | high << 8);
    }
    return (graph_code_sums){sum_lanes((lanes){a.squares, b.squares}),
                             sum_lanes((lanes){a.lengths, b.lengths}),
                             sum_lanes((lanes){a.centers, b.centers})};
}

/* Sums of 16 neighbours: of even ones in the low bytes of 16-bit lanes plus 256 times those of odd
 * ones, and of odd ones alone. */
typedef struct byte_sums {
    __m256i both, odd;
} byte_sums;

static inline byte_sums add_bytes(byte_sums s, __m256i entries)
{
    s.both = _mm256_add_epi16(s.both, entries);
    s.odd = _mm256_add_epi16(s.odd, _mm256_srli_epi16(entries, 8));
    return s;
}

static inline __m128i add_halves(__m256i x)
{
    return _mm_add_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

/* Added to 16 sums. */
static inline void add_sums(byte_sums s, __m256i *to)
{
    __m128i even = add_halves(_mm256_sub_epi16(s.both, _mm256_slli_epi16(s.odd, 8)));
    __m128i odd = add_halves(s.odd);
    to[0] = _mm256_add_epi32(to[0], _mm256_cvtepu16_epi32(_mm_unpacklo_epi16(even, odd)));
    to[1] = _mm256_add_epi32(to[1], _mm256_cvtepu16_epi32(_mm_unpackhi_epi16(even, odd)));
}

/* Bits [from, to) of the codes, added to 32 sums. */
static inline void add_chunk(const graph_point *p, const uint8_t *codes, size_t from, size_t to,
                             __m256i *sums)
{
    const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    byte_sums a = {zero, zero}, b = {zero, zero};
    for (size_t at = from * 4; at < to * 4; at += 32) {
        __m256i code = _mm256_load_si256((const __m256i *)(codes + at));
        __m256i table = _mm256_load_si256((const __m256i *)(p->tables + at));
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
        a = add_bytes(a, _mm256_shuffle_epi8(table, _mm256_and_si256(code, nibble)));
        b = add_bytes(b, _mm256_shuffle_epi8(table, high));
    }
    add_sums(a, sums);
    add_sums(b, sums + 2);
}

typedef struct row_masks {
    uint32_t below, bad;
} row_masks;

/* Eight neighbours. */
static inline row_masks finish(const graph_point *p, __m256i sums, const uint8_t *factors,
                               const uint8_t *rows, float own, float limit, uint32_t row_count,
                               float *ret_keys)
{
    __m256 a = _mm256_cvtph_ps(_mm_load_si128((const __m128i *)factors));
    __m256 b = _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(factors + 2 * GRAPH_GROUP)));
    __m256 product =
        _mm256_sub_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(p->per_sum)),
                      _mm256_set1_ps(p->bias));
    __m256 key = _mm256_add_ps(_mm256_add_ps(_mm256_set1_ps(own), a), _mm256_mul_ps(b, product));
    __m256i row = _mm256_load_si256((const __m256i *)rows);
    __m256i last = _mm256_set1_epi32((int)(row_count - 1));
    __m256i is_row = _mm256_cmpeq_epi32(_mm256_min_epu32(row, last), row);
    __m256i none = _mm256_cmpeq_epi32(row, _mm256_set1_epi32(-1));
    __m256 below = _mm256_cmp_ps(key, _mm256_set1_ps(limit), _CMP_LT_OQ);
    _mm256_store_ps(ret_keys, key);
    int rows_mask = _mm256_movemask_ps(_mm256_castsi256_ps(is_row));
    int none_mask = _mm256_movemask_ps(_mm256_castsi256_ps(none));
    return (row_masks){(uint32_t)(rows_mask & _mm256_movemask_ps(below)),
                       (uint32_t)(uint8_t) ~(rows_mask | none_mask)};
}

static uint32_t estimate(const graph_point *p, const uint8_t *group, const uint8_t *rows, float own,
                         float limit, uint32_t row_count, float *ret_keys, uint32_t *ret_bad)
{
    __m256i zero = _mm256_setzero_si256(), sums[4] = {zero, zero, zero, zero};
    uint32_t below = 0, bad = 0;
    for (size_t from = 0; from < p->padded; from += CHUNK_PADDED)
        add_chunk(p, group + 4 * GRAPH_GROUP, from, VV_MIN(from + CHUNK_PADDED, (size_t)p->padded),
                  sums);
    for (size_t i = 0; i < 4; i++) {
        row_masks m = finish(p, sums[i], group + 16 * i, rows + 32 * i, own, limit, row_count,
                             ret_keys + 8 * i);
        below |= m.below << (8 * i);
        bad |= m.bad << (8 * i);
    }
    *ret_bad = bad;
    return below;
}

/* ---- frontier ------------------------------------------------------------------------------ */

static void join(graph_frontier *f, const uint8_t *rows, const float *keys, uint32_t mask,
                 uint32_t hidden)
{
    size_t count = f->count;
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        f->keys[count] = hidden >> i & 1 ? INFINITY : keys[i];
        f->waiting[count] = keys[i];
        f->rows[count++] = get_u32(rows + 4 * (size_t)i);
    }
    f->count = count;
    graph_frontier_close(f);
}

static size_t below(const graph_frontier *f, float limit)
{
    __m256 most = _mm256_set1_ps(limit);
    size_t count = 0;
    for (size_t i = 0; i < f->count; i += 8)
        count += (size_t)__builtin_popcount((unsigned)_mm256_movemask_ps(
            _mm256_cmp_ps(_mm256_load_ps(f->keys + i), most, _CMP_LT_OQ)));
    return count;
}

static inline float least_lane(__m256 x)
{
    __m128 a = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    a = _mm_min_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)));
}

static size_t next(const graph_frontier *f, size_t breadth)
{
    __m256 least = _mm256_set1_ps(INFINITY);
    for (size_t i = 0; i < f->count; i += 8)
        least = _mm256_min_ps(least, _mm256_load_ps(f->waiting + i));
    float key = least_lane(least);
    if (!(key < INFINITY) || below(f, key) >= breadth) return SIZE_MAX;
    for (size_t i = 0;; i += 8) {
        int found = _mm256_movemask_ps(
            _mm256_cmp_ps(_mm256_load_ps(f->waiting + i), _mm256_set1_ps(key), _CMP_EQ_OQ));
        if (found) return i + (size_t)__builtin_ctz((unsigned)found);
    }
}

static void keep(graph_frontier *f, float limit)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        float key = f->keys[i], waiting = f->waiting[i];
        f->keys[count] = key;
        f->waiting[count] = waiting;
        f->rows[count] = f->rows[i];
        count += (size_t)(key < limit) | (size_t)(waiting < limit);
    }
    f->count = count;
    graph_frontier_close(f);
}

const graph_kernels graph_kernels_avx2 = {
    .name = "avx2",
    .code = code,
    .own = {own_none, own_bytes, own_halves, own_scaled},
    .estimate = estimate,
    .join = join,
    .next = next,
    .below = below,
    .keep = keep,
};
#endif
