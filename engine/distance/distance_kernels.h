/* distance_kernels.h — what the files of distance/ share: the prepared query, and the table of
 * kernels that each instruction set fills in. Nobody outside distance/ and its tests includes it.
 *
 * A scan belongs to one of four families; only the first three have kernels per instruction set:
 *   FLOATS    IP, L2, cosine, L1, chebyshev over non-binary rows, in float32
 *   INTEGERS  IP, L2, cosine over 8-bit rows when the query is integral too, exact in int32
 *   COUNTS    bits in common and bits set: the bit metrics, and most others over binary rows
 *   DOUBLES   all the rest: distance_exact itself, rounded to float32
 * Kernels read unaligned rows and never past the last one. Query arrays are zero-padded to
 * DISTANCE_PADDING elements, so that the tail of a row needs a mask on one side only.
 *
 * Ownership  kernels own nothing.
 * Threads    kernels and their tables are read-only; any number of threads.
 * Errors     distance_query_new_for: those of distance_query_new; kernels have none. */
#ifndef VARVE_DISTANCE_KERNELS_H
#define VARVE_DISTANCE_KERNELS_H

#include "distance/distance.h"

#include <math.h>
#include <string.h>

#define DISTANCE_PADDING   64    /* elements, and bytes of bits */
#define DISTANCE_CHUNK     256   /* rows that one call of a kernel scores at most */
#define DISTANCE_DIM_INT32 33025 /* the largest dim with dim * 255 * 255 < 2^31 */

typedef enum distance_float_op {
    FLOAT_IP,
    FLOAT_L2,
    FLOAT_COSINE,
    FLOAT_L1,
    FLOAT_CHEBYSHEV,
    FLOAT_OPS
} distance_float_op;
typedef enum distance_int_op { INT_IP, INT_L2, INT_COSINE, INT_OPS } distance_int_op;

/* n rows against the query. ret_norms: squared norms of the rows, written for cosine only (then
 * ret_sums has the inner products). */
typedef void distance_float_kernel(const distance_query *q, const uint8_t *rows, size_t n,
                                   float *ret_sums, float *ret_norms);
typedef void distance_int_kernel(const distance_query *q, const uint8_t *rows, size_t n,
                                 int32_t *ret_sums, int32_t *ret_norms);
/* ret_common: bits set in both; ret_set: bits set in the row. */
typedef void distance_count_kernel(const distance_query *q, const uint8_t *rows, size_t n,
                                   uint32_t *ret_common, uint32_t *ret_set);

static inline size_t distance_element_bytes(varve_dtype stored) /* not for BINARY */
{
    return stored == VARVE_FLOAT32 ? 4 : stored == VARVE_FLOAT16 ? 2 : 1;
}

typedef struct distance_isa_kernels {
    const char *name;
    unsigned lanes; /* elements of one row that a float kernel sums side by side */
    distance_float_kernel *floats[FLOAT_OPS][4]; /* by dtype, without BINARY */
    distance_int_kernel *ints[INT_OPS][2];       /* UINT8, INT8 */
    distance_count_kernel *counts[VARVE_DTYPE_COUNT];
} distance_isa_kernels;

/* All kernels of an instruction set: its file gives three macros that define one function each,
 * then fills its table with them. */
#define DISTANCE_FLOAT_KERNELS(F, OP) F(OP, FLOAT32) F(OP, FLOAT16) F(OP, UINT8) F(OP, INT8)
#define DISTANCE_INT_KERNELS(I, OP)   I(OP, UINT8) I(OP, INT8)
#define DISTANCE_KERNELS(F, I, C)                                                                  \
    DISTANCE_FLOAT_KERNELS(F, IP)                                                                  \
    DISTANCE_FLOAT_KERNELS(F, L2)                                                                  \
    DISTANCE_FLOAT_KERNELS(F, COSINE)                                                              \
    DISTANCE_FLOAT_KERNELS(F, L1)                                                                  \
    DISTANCE_FLOAT_KERNELS(F, CHEBYSHEV)                                                           \
    DISTANCE_INT_KERNELS(I, IP)                                                                    \
    DISTANCE_INT_KERNELS(I, L2)                                                                    \
    DISTANCE_INT_KERNELS(I, COSINE)                                                                \
    C(FLOAT32) C(FLOAT16) C(UINT8) C(INT8)
#define DISTANCE_FLOAT_ROW(OP)                                                                     \
    {                                                                                              \
        float_##OP##_FLOAT32, float_##OP##_FLOAT16, float_##OP##_UINT8, float_##OP##_INT8          \
    }
#define DISTANCE_TABLE(NAME, LANES)                                                                \
    {                                                                                              \
        .name = NAME, .lanes = LANES,                                                              \
        .floats = {DISTANCE_FLOAT_ROW(IP), DISTANCE_FLOAT_ROW(L2), DISTANCE_FLOAT_ROW(COSINE),     \
                   DISTANCE_FLOAT_ROW(L1), DISTANCE_FLOAT_ROW(CHEBYSHEV)},                         \
        .ints = {{int_IP_UINT8, int_IP_INT8},                                                      \
                 {int_L2_UINT8, int_L2_INT8},                                                      \
                 {int_COSINE_UINT8, int_COSINE_INT8}},                                             \
        .counts = {count_FLOAT32, count_FLOAT16, count_UINT8, count_INT8, count_BINARY},           \
    }

extern const distance_isa_kernels distance_kernels_scalar;
#if defined(__x86_64__)
extern const distance_isa_kernels distance_kernels_avx2, distance_kernels_avx512;
#endif
#if defined(__aarch64__)
extern const distance_isa_kernels distance_kernels_neon;
#endif

/* All kernels this CPU can run, best first, NULL behind the last. */
#define DISTANCE_ISAS_MAX 4
void distance_isas(const distance_isa_kernels *ret[DISTANCE_ISAS_MAX]);
/* The best, or the one that VARVE_ISA names; decided once. */
const distance_isa_kernels *distance_isa_choose(void);

typedef enum distance_family {
    FAMILY_FLOATS,
    FAMILY_INTEGERS,
    FAMILY_COUNTS,
    FAMILY_DOUBLES
} distance_family;

struct distance_query {
    varve_metric metric;
    varve_dtype stored;
    size_t dim, row_bytes;
    distance_family family;
    const distance_isa_kernels *isa;
    float *plain;   /* the query as given */
    void *padded;   /* what owns the one of these that the family uses, aligned and zero-padded: */
    float *values;  /* FLOATS: the query, of unit length for cosine */
    int16_t *ints;  /* INTEGERS: the query */
    uint64_t *bits; /* COUNTS: bit i is plain[i] > 0.5 */
    uint32_t bits_set;
    int64_t ints_norm; /* INTEGERS: squared norm */
    double norm;       /* Euclidean, of plain */
    bool whole;        /* every score is an integer: those up to 2^24 are exact in float32 */
    /* |scan score - exact score| <= relative * |scan score| + per_norm * norm_max + absolute */
    double relative, per_norm, absolute;
};

/* distance_query_new with the kernels of one instruction set. */
VV_CHECKED varve_status distance_query_new_for(const distance_isa_kernels *isa, varve_metric metric,
                                               varve_dtype stored, size_t dim, const float *query,
                                               distance_query **ret, varve_error *err);
/* Fill the three terms of the bound; see distance_error.c for where they come from. */
void distance_error_prepare(distance_query *q);

/* ---- the definitions of the metrics once the bits are counted, or the products summed ----------
 */

/* sqrt(x * x) is x, so that equal vectors are at distance 0. */
static inline double distance_cosine(double product, double norm_x, double norm_y)
{
    if (norm_x == 0 || norm_y == 0) return 1;
    double cosine = product / sqrt(norm_x * norm_y);
    return cosine > 1 ? 0 : cosine < -1 ? 2 : 1 - cosine;
}

static inline double distance_of_counts(varve_metric metric, uint64_t common, uint64_t set,
                                        uint64_t query_set)
{
    uint64_t both = set + query_set, differ = both - 2 * common;
    switch (metric) {
    case VARVE_METRIC_IP: return (double)common;
    case VARVE_METRIC_COSINE:
        return distance_cosine((double)common, (double)set, (double)query_set);
    case VARVE_METRIC_CHEBYSHEV: return differ > 0;
    case VARVE_METRIC_JACCARD: return both == 0 ? 0 : 1 - (double)common / (double)(both - common);
    case VARVE_METRIC_DICE: return both == 0 ? 0 : 1 - (double)(2 * common) / (double)both;
    default: return (double)differ; /* hamming; of 0s and 1s also L1 and L2 */
    }
}

static inline double distance_of_ints(varve_metric metric, int64_t sum, int64_t norm,
                                      int64_t query_norm)
{
    if (metric != VARVE_METRIC_COSINE) return (double)sum;
    return distance_cosine((double)sum, (double)norm, (double)query_norm);
}

/* Elements [first, first + n) of a stored row as floats, exactly; first a multiple of 8. */
void distance_load(varve_dtype stored, const void *row, size_t first, size_t n, float *ret);

#endif
