/* quant_data.h — rows for the tests of quantisers: the bundled package descriptions, random ones,
 * and the recall of candidates by estimate after exact rescoring. */
#ifndef QUANT_DATA_H
#define QUANT_DATA_H

#include "base/bytes.h"
#include "base/half.h"
#include "base/random.h"
#include "base/topk.h"
#include "quant/quant_kernels.h"
#include "quant/quant_private.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct quant_rows {
    size_t n, width;
    float *values;
} quant_rows;

static inline float *quant_row(const quant_rows *rows, size_t i)
{
    return rows->values + i * rows->width;
}

/* The first n rows of an .npy file of the bundled set. The test program knows its folder. */
static inline quant_rows quant_bundled(const char *path, size_t n)
{
    quant_rows rows = {n, 384, malloc(n * 384 * sizeof(float))};
    uint16_t *halfs = malloc(n * 384 * sizeof *halfs);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 128, SEEK_SET), 0);
    assert_int_equal(fread(halfs, 384 * sizeof *halfs, n, f), n);
    (void)fclose(f);
    for (size_t i = 0; i < n * 384; i++)
        rows.values[i] = half_to_float(halfs[i]);
    free(halfs);
    return rows;
}

static inline quant_rows quant_gauss(size_t n, size_t width, double mean, double deviation,
                                     uint64_t seed)
{
    quant_rows rows = {n, width, malloc(n * width * sizeof(float))};
    random_state random;
    random_seed(&random, seed);
    for (size_t i = 0; i < n * width; i++)
        rows.values[i] = (float)(mean + deviation * (double)random_gauss(&random));
    return rows;
}

static inline double quant_squared(const float *a, const float *b, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

static inline quantiser *quant_trained(quant_kind kind, unsigned parameter, const quant_rows *rows)
{
    const quant_spec spec = {kind, parameter, (uint32_t)rows->width, 42};
    quantiser *q = NULL;
    varve_error err = {0};
    size_t n = VV_MIN(rows->n, quant_sample_rows(&spec));
    if (quantiser_train(&spec, rows->values, n, NULL, &q, &err) != VARVE_OK)
        fail_msg("%s", err.message);
    return q;
}

/* All rows in groups, aligned. */
static inline uint8_t *quant_encoded(const quantiser *q, const quant_rows *rows)
{
    size_t bytes = quantiser_group_bytes(q), groups = (rows->n + QUANT_GROUP - 1) / QUANT_GROUP;
    uint8_t *codes = aligned_alloc(64, groups * bytes);
    assert_int_equal(bytes % 64, 0);
    for (size_t g = 0; g < groups; g++) {
        size_t first = g * QUANT_GROUP, n = VV_MIN(rows->n - first, (size_t)QUANT_GROUP);
        quantiser_encode(q, quant_row(rows, first), n, codes + g * bytes);
    }
    return codes;
}

/* Estimates for all rows; those of the last group beyond them too. */
static inline float *quant_estimates(const quantiser *q, const uint8_t *codes, size_t n,
                                     const float *query)
{
    size_t groups = (n + QUANT_GROUP - 1) / QUANT_GROUP;
    float *estimates = malloc(groups * QUANT_GROUP * sizeof *estimates);
    quant_query *prepared;
    assert_int_equal(quant_query_new(q, query, &prepared, NULL), VARVE_OK);
    quant_scan(prepared, codes, groups, estimates);
    quant_query_free(prepared);
    return estimates;
}

/* How many of the 10 nearest rows are among the 10 nearest of the `candidates` best estimates? By
 * distance: a tie counts. */
static inline size_t quant_hits(const quant_rows *rows, const float *query, const float *estimates,
                                size_t candidates)
{
    topk_entry *entries = malloc(candidates * sizeof *entries), nearest[10];
    topk best, truth;
    size_t hits = 0;
    topk_init(&best, entries, candidates);
    topk_init(&truth, nearest, 10);
    for (size_t i = 0; i < rows->n; i++) {
        topk_push(&best, (double)estimates[i], i);
        topk_push(&truth, quant_squared(quant_row(rows, i), query, rows->width), i);
    }
    for (size_t i = 0; i < best.count; i++) {
        const float *x = quant_row(rows, entries[i].slot);
        hits += quant_squared(x, query, rows->width) <= topk_bound(&truth);
    }
    free(entries);
    return VV_MIN(hits, (size_t)10);
}

static inline double quant_recall(const quantiser *q, const quant_rows *rows,
                                  const quant_rows *queries, size_t candidates)
{
    uint8_t *codes = quant_encoded(q, rows);
    size_t hits = 0;
    for (size_t i = 0; i < queries->n; i++) {
        const float *query = quant_row(queries, i);
        float *estimates = quant_estimates(q, codes, rows->n, query);
        hits += quant_hits(rows, query, estimates, candidates);
        free(estimates);
    }
    free(codes);
    return (double)hits / (double)(10 * queries->n);
}

/* The same quantiser with the kernels of another instruction set: same codes, same estimates. */
static inline void quant_isas_agree(quantiser *q, const quant_rows *rows, const float *query)
{
    const quant_isa_kernels *isas[QUANT_ISAS_MAX];
    size_t groups = (rows->n + QUANT_GROUP - 1) / QUANT_GROUP;
    quant_isas(isas);
    assert_non_null(isas[0]);
    q->isa = &quant_kernels_scalar;
    uint8_t *codes = quant_encoded(q, rows);
    float *estimates = quant_estimates(q, codes, rows->n, query);
    for (size_t i = 0; isas[i]; i++) {
        q->isa = isas[i];
        uint8_t *other = quant_encoded(q, rows);
        assert_memory_equal(other, codes, groups * quantiser_group_bytes(q));
        float *others = quant_estimates(q, other, rows->n, query);
        assert_memory_equal(others, estimates, groups * QUANT_GROUP * sizeof *others);
        free(others);
        free(other);
    }
    q->isa = quant_isa_choose();
    free(estimates);
    free(codes);
}

/* Saved and opened again it gives the same estimates; every prefix and every flipped byte is found
 * corrupt. */
static inline void quant_bytes_survive(const quantiser *q, const quant_rows *rows,
                                       const float *query)
{
    VV_CLEANUP(buffer_done) buffer bytes;
    quantiser *again = NULL;
    buffer_init(&bytes, 64u << 20, "quantiser");
    assert_int_equal(quantiser_save(q, &bytes, NULL), VARVE_OK);
    assert_int_equal(quantiser_open(bytes.data, bytes.len, &again, NULL), VARVE_OK);
    assert_int_equal(quantiser_group_bytes(again), quantiser_group_bytes(q));
    uint8_t *codes = quant_encoded(q, rows), *others = quant_encoded(again, rows);
    float *a = quant_estimates(q, codes, rows->n, query);
    float *b = quant_estimates(again, others, rows->n, query);
    assert_memory_equal(a, b, rows->n * sizeof *a);
    free(a);
    free(b);
    free(codes);
    free(others);
    quantiser_free(again);
    for (size_t at = 0; at < bytes.len; at += 1 + bytes.len / 300) {
        uint8_t *copy = malloc(bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        copy[at] ^= 16;
        assert_int_equal(quantiser_open(copy, bytes.len, &again, NULL), VARVE_CORRUPT);
        copy = realloc(copy, at + 1); /* a sanitizer sees reads past it */
        assert_int_equal(quantiser_open(copy, at, &again, NULL), VARVE_CORRUPT);
        free(copy);
    }
}

#endif
