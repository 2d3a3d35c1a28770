/* index_vectors.h — rows in memory for the tests of index/, their exact ranking by
 * distance_exact(), and an index over them. */
#ifndef VARVE_TESTS_INDEX_VECTORS_H
#define VARVE_TESTS_INDEX_VECTORS_H

#include "index_folder.h"

#include "base/half.h"
#include "base/random.h"
#include "distance/distance.h"
#include "index/index.h"

#include <math.h>
#include <string.h>

typedef struct test_vectors {
    index_rows rows; /* context: this struct */
    uint8_t *bytes;
    size_t stride;
    uint64_t gets; /* calls of get */
} test_vectors;

static inline varve_status test_vectors_get(void *context, uint32_t first, uint32_t n,
                                            const uint8_t **ret, varve_error *err)
{
    test_vectors *t = context;
    (void)err;
    assert_true(n > 0 && first < t->rows.count && n <= t->rows.count - first);
    __atomic_add_fetch(&t->gets, 1, __ATOMIC_RELAXED);
    *ret = t->bytes + first * t->stride;
    return VARVE_OK;
}

static inline test_vectors *new_vectors(uint32_t count, uint32_t dim, varve_dtype dtype)
{
    test_vectors *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->stride = varve_dtype_row_bytes(dtype, dim);
    t->bytes = calloc(count, t->stride);
    assert_non_null(t->bytes);
    t->rows = (index_rows){count, dim, dtype, test_vectors_get, t};
    return t;
}

static inline void free_vectors(test_vectors *t)
{
    free(t->bytes);
    free(t);
}

static inline void set_vector(test_vectors *t, uint32_t slot, const float *x)
{
    uint8_t *row = t->bytes + slot * t->stride;
    for (uint32_t i = 0; i < t->rows.dim; i++) {
        uint16_t half = half_from_float(x[i]);
        switch (t->rows.dtype) {
        case VARVE_FLOAT32: memcpy(row + 4 * i, &x[i], 4); break;
        case VARVE_FLOAT16: memcpy(row + 2 * i, &half, 2); break;
        case VARVE_UINT8: row[i] = (uint8_t)x[i]; break;
        case VARVE_INT8: row[i] = (uint8_t)(int8_t)x[i]; break;
        default: row[i / 8] |= (uint8_t)((x[i] > 0.5f) << (i % 8)); break;
        }
    }
}

/* ---- the exact ranking --------------------------------------------------------------------- */

static inline double exact_key(const test_vectors *t, varve_metric metric, const float *query,
                               uint32_t slot)
{
    double d =
        distance_exact(metric, t->rows.dtype, t->rows.dim, query, t->bytes + slot * t->stride);
    return metric == VARVE_METRIC_IP ? -d : d;
}

typedef struct ranked {
    double key;
    uint32_t slot;
} ranked;

static inline int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The slots wanted, nearest first, ties by slot. Returns how many. */
static inline size_t rank_all(const test_vectors *t, varve_metric metric, const index_query *q,
                              ranked *ret)
{
    size_t count = 0;
    for (uint32_t slot = 0; slot < t->rows.count; slot++) {
        if (slot == q->skip || tombstones_has(q->hidden, slot)) continue;
        ret[count++] = (ranked){exact_key(t, metric, q->values, slot), slot};
    }
    qsort(ret, count, sizeof *ret, compare_ranked);
    return count;
}

static inline size_t rank_hits(const test_vectors *t, varve_metric metric, const index_query *q,
                               const index_hit *hits, size_t count, ranked *ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (ranked){exact_key(t, metric, q->values, hits[i].slot), hits[i].slot};
    qsort(ret, count, sizeof *ret, compare_ranked);
    return count;
}

/* ---- an index over them -------------------------------------------------------------------- */

static inline index_spec spec_of(const test_vectors *t, index_kind kind, const char *mode)
{
    index_spec s = {.kind = kind, .dim = t->rows.dim, .dtype = t->rows.dtype};
    OK(index_mode_parse(mode, &s.mode, err));
    return s;
}

static inline index_record build_index(const test_vectors *t, const index_spec *s, size_t threads,
                                       const char *name)
{
    char temporary[600];
    index_record record;
    index_build_options options = {.threads = threads, .seed = 7};
    snprintf(temporary, sizeof temporary, "%s.tmp", in_folder(name));
    OK(index_build(s, &t->rows, 1, &options, temporary, in_folder(name), &record, err));
    assert_false(file_exists(temporary));
    return record;
}

static inline vector_index *build_and_open(const test_vectors *t, index_kind kind, const char *mode)
{
    index_spec s = spec_of(t, kind, mode);
    index_record record = build_index(t, &s, 1, "t.idx");
    vector_index *x;
    OK(index_open(in_folder("t.idx"), &record, &x, err));
    return x;
}

static inline index_query query_of(const float *values, size_t k)
{
    return (index_query){
        .values = values, .k = k, .recall_target = 0.95, .skip = UINT64_MAX, .bound = INFINITY};
}

typedef struct found_hits {
    index_hit *hits;
    size_t count;
    index_work work;
} found_hits;

/* Free the hits. Checks what holds of any search: no more than announced, each slot once, none
 * hidden, best first. */
static inline found_hits search_index(vector_index *x, const test_vectors *t, const index_query *q)
{
    found_hits f = {0};
    size_t most = index_hits_max(x, q);
    f.hits = calloc(most + 1, sizeof *f.hits);
    uint8_t *seen = calloc(1, t->rows.count);
    assert_true(f.hits && seen);
    OK(index_search(x, &t->rows, q, f.hits, &f.count, &f.work, err));
    assert_true(f.count <= most);
    for (size_t i = 0; i < f.count; i++) {
        uint32_t slot = f.hits[i].slot;
        assert_true(slot < t->rows.count && slot != q->skip && !seen[slot]);
        assert_false(tombstones_has(q->hidden, slot));
        assert_true(i == 0 || f.hits[i - 1].key <= f.hits[i].key);
        seen[slot] = 1;
    }
    free(seen);
    return f;
}

#endif
