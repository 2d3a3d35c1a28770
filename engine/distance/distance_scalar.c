/* distance_scalar.c — the kernels in plain C, for CPUs without any of the others. A row is loaded
 * in blocks of floats and summed in LANES independent lanes, which a compiler can turn into
 * whatever short vectors the baseline has. */
#include "distance/distance_kernels.h"

#include <math.h>

#define LANES  8
#define BLOCK  256
#define INLINE static inline __attribute__((always_inline))

INLINE float fold(distance_float_op op, float sum, float x, float y)
{
    switch (op) {
    case FLOAT_L2: return sum + (x - y) * (x - y);
    case FLOAT_L1: return sum + fabsf(x - y);
    case FLOAT_CHEBYSHEV: return fabsf(x - y) > sum ? fabsf(x - y) : sum;
    default: return sum + x * y;
    }
}

INLINE float reduce(distance_float_op op, const float lane[LANES])
{
    float sum = lane[0];
    for (size_t j = 1; j < LANES; j++)
        sum = op == FLOAT_CHEBYSHEV ? fmaxf(sum, lane[j]) : sum + lane[j];
    return sum;
}

INLINE void float_row(distance_float_op op, varve_dtype type, const distance_query *q,
                      const uint8_t *row, float *ret_sum, float *ret_norm)
{
    float sum[LANES] = {0}, norm[LANES] = {0}, x[BLOCK];
    for (size_t first = 0; first < q->dim; first += BLOCK) {
        size_t n = VV_MIN((size_t)BLOCK, q->dim - first), padded = (n + LANES - 1) / LANES * LANES;
        const float *y = q->values + first;
        distance_load(type, row, first, n, x);
        memset(x + n, 0, (padded - n) * sizeof *x);
        for (size_t i = 0; i < padded; i += LANES) {
            for (size_t j = 0; j < LANES; j++) {
                sum[j] = fold(op, sum[j], x[i + j], y[i + j]);
                if (op == FLOAT_COSINE) norm[j] += x[i + j] * x[i + j];
            }
        }
    }
    *ret_sum = reduce(op, sum);
    if (op == FLOAT_COSINE) *ret_norm = reduce(op, norm);
}

INLINE void int_row(distance_int_op op, bool is_signed, const distance_query *q, const uint8_t *row,
                    int32_t *ret_sum, int32_t *ret_norm)
{
    int32_t sum = 0, norm = 0;
    for (size_t i = 0; i < q->dim; i++) {
        int32_t x = is_signed ? (int8_t)row[i] : row[i], y = q->ints[i];
        sum += op == INT_L2 ? (x - y) * (x - y) : x * y;
        norm += x * x;
    }
    *ret_sum = sum;
    *ret_norm = norm;
}

static void binary_row(const distance_query *q, const uint8_t *row, uint32_t *ret_common,
                       uint32_t *ret_set)
{
    int common = 0, set = 0;
    for (size_t i = 0; i < q->row_bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, row + i, VV_MIN((size_t)8, q->row_bytes - i));
        common += __builtin_popcountll(word & q->bits[i / 8]);
        set += __builtin_popcountll(word);
    }
    *ret_common = (uint32_t)common;
    *ret_set = (uint32_t)set;
}

INLINE void count_row(varve_dtype type, const distance_query *q, const uint8_t *row,
                      uint32_t *ret_common, uint32_t *ret_set)
{
    float x[BLOCK];
    uint32_t common = 0, set = 0;
    for (size_t first = 0; first < q->dim; first += BLOCK) {
        size_t n = VV_MIN((size_t)BLOCK, q->dim - first);
        distance_load(type, row, first, n, x);
        for (size_t i = 0; i < n; i++) {
            uint32_t bit = x[i] > 0.5f;
            set += bit;
            common += bit & (uint32_t)(q->bits[(first + i) / 64] >> ((first + i) % 64));
        }
    }
    *ret_common = common;
    *ret_set = set;
}

#define FLOAT_KERNEL(OP, TYPE)                                                                     \
    static void float_##OP##_##TYPE(const distance_query *q, const uint8_t *rows, size_t n,        \
                                    float *ret_sums, float *ret_norms)                             \
    {                                                                                              \
        float ignored;                                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            float_row(FLOAT_##OP, VARVE_##TYPE, q, rows + i * q->row_bytes, ret_sums + i,          \
                      FLOAT_##OP == FLOAT_COSINE ? ret_norms + i : &ignored);                      \
    }
#define INT_KERNEL(OP, TYPE)                                                                       \
    static void int_##OP##_##TYPE(const distance_query *q, const uint8_t *rows, size_t n,          \
                                  int32_t *ret_sums, int32_t *ret_norms)                           \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            int_row(INT_##OP, VARVE_##TYPE == VARVE_INT8, q, rows + i * q->row_bytes,              \
                    ret_sums + i, ret_norms + i);                                                  \
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
    for (size_t i = 0; i < n; i++)
        binary_row(q, rows + i * q->row_bytes, ret_common + i, ret_set + i);
}

DISTANCE_KERNELS(FLOAT_KERNEL, INT_KERNEL, COUNT_KERNEL)
const distance_isa_kernels distance_kernels_scalar = DISTANCE_TABLE("scalar", LANES);
