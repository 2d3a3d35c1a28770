/* distance_body.h — the loops that AVX2, AVX-512 and NEON share, included by the file of each after
 * it has defined, for its registers:
 *
 *   FLOAT_LANES  floats   floats_zero() floats_load(type, p) floats_load_some(type, p, n)
 *                         floats_fold(op, sum, x, y) floats_sum(v) floats_max(v)
 *   INT_LANES    ints     ints_zero() ints_load(type, p) ints_load_some(type, p, n) ints_query(p)
 *                         ints_fold(op, sum, x, y) ints_sum(v)
 *   WORD_BYTES   words    words_zero() words_load(p) words_load_some(p, n) words_and(a, b)
 *                         words_count(sum, v) words_sum(v)
 *   mask64(type, p)       bit i: element i of 64 is > 0.5
 *
 * _load_some reads n elements (of words: bytes) and zeros behind them. A zero on both sides adds
 * nothing to any sum. Rows are taken ROWS at a time: that many independent chains hide the latency
 * of multiply-add, the query is loaded once for all of them, and short rows are not dominated by
 * their reductions. op, type and rows are constants wherever these are called, so that each kernel
 * is compiled for its own. */

#define ROWS 4

/* Hardware prefetchers lose their place among short rows; asking this many bytes ahead measured
 * 5 to 40 % faster from memory than not asking, and no slower from the cache. An address behind
 * the last row does no harm: a prefetch never faults. */
#define PREFETCH(p) __builtin_prefetch((p) + 8192)

INLINE void float_rows(distance_float_op op, varve_dtype type, size_t rows, const distance_query *q,
                       const uint8_t *row, float *ret_sums, float *ret_norms)
{
    size_t size = distance_element_bytes(type), dim = q->dim, i = 0;
    floats sum[ROWS], norm[ROWS];
    for (size_t r = 0; r < rows; r++)
        sum[r] = norm[r] = floats_zero();
    for (; i + FLOAT_LANES <= dim; i += FLOAT_LANES) {
        floats y = floats_load(VARVE_FLOAT32, (const uint8_t *)(q->values + i));
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *p = row + r * q->row_bytes + i * size;
            floats x = floats_load(type, p);
            PREFETCH(p);
            sum[r] = floats_fold(op, sum[r], x, y);
            if (op == FLOAT_COSINE) norm[r] = floats_fold(FLOAT_IP, norm[r], x, x);
        }
    }
    if (i < dim) {
        floats y = floats_load(VARVE_FLOAT32, (const uint8_t *)(q->values + i));
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            floats x = floats_load_some(type, row + r * q->row_bytes + i * size, dim - i);
            sum[r] = floats_fold(op, sum[r], x, y);
            if (op == FLOAT_COSINE) norm[r] = floats_fold(FLOAT_IP, norm[r], x, x);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        ret_sums[r] = op == FLOAT_CHEBYSHEV ? floats_max(sum[r]) : floats_sum(sum[r]);
        if (op == FLOAT_COSINE) ret_norms[r] = floats_sum(norm[r]);
    }
}

INLINE void int_rows(distance_int_op op, varve_dtype type, size_t rows, const distance_query *q,
                     const uint8_t *row, int32_t *ret_sums, int32_t *ret_norms)
{
    size_t dim = q->dim;
    ints sum[ROWS], norm[ROWS];
    for (size_t r = 0; r < rows; r++)
        sum[r] = norm[r] = ints_zero();
    for (size_t i = 0; i < dim; i += INT_LANES) {
        bool whole = i + INT_LANES <= dim;
        ints y = ints_query(q->ints + i);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *p = row + r * q->row_bytes + i;
            PREFETCH(p);
            ints x = whole ? ints_load(type, p) : ints_load_some(type, p, dim - i);
            sum[r] = ints_fold(op, sum[r], x, y);
            if (op == INT_COSINE) norm[r] = ints_fold(INT_IP, norm[r], x, x);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        ret_sums[r] = ints_sum(sum[r]);
        if (op == INT_COSINE) ret_norms[r] = ints_sum(norm[r]);
    }
}

INLINE void binary_rows(size_t rows, const distance_query *q, const uint8_t *row,
                        uint32_t *ret_common, uint32_t *ret_set)
{
    size_t bytes = q->row_bytes;
    words common[ROWS], set[ROWS];
    for (size_t r = 0; r < rows; r++)
        common[r] = set[r] = words_zero();
    for (size_t i = 0; i < bytes; i += WORD_BYTES) {
        bool whole = i + WORD_BYTES <= bytes;
        words y = words_load((const uint8_t *)q->bits + i);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *p = row + r * bytes + i;
            PREFETCH(p);
            words x = whole ? words_load(p) : words_load_some(p, bytes - i);
            common[r] = words_count(common[r], words_and(x, y));
            set[r] = words_count(set[r], x);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        ret_common[r] = words_sum(common[r]);
        ret_set[r] = words_sum(set[r]);
    }
}

INLINE void count_row(varve_dtype type, const distance_query *q, const uint8_t *row,
                      uint32_t *ret_common, uint32_t *ret_set)
{
    size_t size = distance_element_bytes(type), dim = q->dim;
    int common = 0, set = 0;
    for (size_t i = 0; i < dim; i += 64) {
        uint8_t tail[64 * 4] = {0};
        const uint8_t *p = row + i * size;
        if (i + 64 > dim) p = memcpy(tail, p, (dim - i) * size);
        uint64_t mask = mask64(type, p);
        common += __builtin_popcountll(mask & q->bits[i / 64]);
        set += __builtin_popcountll(mask);
    }
    *ret_common = (uint32_t)common;
    *ret_set = (uint32_t)set;
}

#define FLOAT_KERNEL(OP, TYPE)                                                                     \
    static void float_##OP##_##TYPE(const distance_query *q, const uint8_t *rows, size_t n,        \
                                    float *ret_sums, float *ret_norms)                             \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + ROWS <= n; i += ROWS)                                                           \
            float_rows(FLOAT_##OP, VARVE_##TYPE, ROWS, q, rows + i * q->row_bytes, ret_sums + i,   \
                       FLOAT_##OP == FLOAT_COSINE ? ret_norms + i : NULL);                         \
        for (; i < n; i++)                                                                         \
            float_rows(FLOAT_##OP, VARVE_##TYPE, 1, q, rows + i * q->row_bytes, ret_sums + i,      \
                       FLOAT_##OP == FLOAT_COSINE ? ret_norms + i : NULL);                         \
    }
#define INT_KERNEL(OP, TYPE)                                                                       \
    static void int_##OP##_##TYPE(const distance_query *q, const uint8_t *rows, size_t n,          \
                                  int32_t *ret_sums, int32_t *ret_norms)                           \
    {                                                                                              \
        size_t i = 0;                                                                              \
        for (; i + ROWS <= n; i += ROWS)                                                           \
            int_rows(INT_##OP, VARVE_##TYPE, ROWS, q, rows + i * q->row_bytes, ret_sums + i,       \
                     ret_norms + i);                                                               \
        for (; i < n; i++)                                                                         \
            int_rows(INT_##OP, VARVE_##TYPE, 1, q, rows + i * q->row_bytes, ret_sums + i,          \
                     ret_norms + i);                                                               \
    }
#define COUNT_KERNEL(TYPE)                                                                         \
    static void count_##TYPE(const distance_query *q, const uint8_t *rows, size_t n,               \
                             uint32_t *ret_common, uint32_t *ret_set)                              \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            count_row(VARVE_##TYPE, q, rows + i * q->row_bytes, ret_common + i, ret_set + i);      \
    }

static void count_BINARY(const distance_query *q, const uint8_t *rows, size_t n,
                         uint32_t *ret_common, uint32_t *ret_set)
{
    size_t i = 0;
    for (; i + ROWS <= n; i += ROWS)
        binary_rows(ROWS, q, rows + i * q->row_bytes, ret_common + i, ret_set + i);
    for (; i < n; i++)
        binary_rows(1, q, rows + i * q->row_bytes, ret_common + i, ret_set + i);
}

DISTANCE_KERNELS(FLOAT_KERNEL, INT_KERNEL, COUNT_KERNEL)
