/* sparse_vector.c — sparse vectors as bytes, and their inner product. */
#include "base/bytes.h"
#include "field/sparse_index.h"

#include <math.h>
#include <stdlib.h>

typedef struct pair {
    uint32_t index;
    float value;
} pair;

/* Equal ones by value too, so that their sum does not depend on the order they came in. */
static int compare_pairs(const void *x, const void *y)
{
    const pair *a = x, *b = y;
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Sum equal indices, drop zeros; sorted in, sorted out. */
static varve_status sum_equal(pair *pairs, size_t *count, size_t row, varve_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count;) {
        uint32_t index = pairs[i].index;
        double sum = 0;
        for (; i < *count && pairs[i].index == index; i++)
            sum += (double)pairs[i].value;
        if (fabs(sum) > (double)__FLT_MAX__)
            return vv_fail(err, VARVE_INVALID,
                           "vectors[%zu]: the values of index %u have too large a sum", row, index);
        if ((float)sum != 0) pairs[kept++] = (pair){index, (float)sum};
    }
    *count = kept;
    return VARVE_OK;
}

varve_status sparse_encode(const uint32_t *indices, const float *values, size_t count, size_t row,
                           buffer *out, varve_error *err)
{
    VV_CLEANUP(vv_freep) pair *pairs = calloc(count + 1, sizeof *pairs);
    if (!pairs) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sparse vector");
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return vv_fail(err, VARVE_INVALID, "vectors[%zu].values[%zu] is not finite", row, i);
        pairs[i] = (pair){indices[i], values[i]};
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    VV_TRY(sum_equal(pairs, &count, row, err));
    if (count > SPARSE_NONZERO_MAX)
        return vv_fail(err, VARVE_LIMIT,
                       "vectors[%zu] has %zu values that are not zero; at most %d", row, count,
                       SPARSE_NONZERO_MAX);
    VV_TRY(buffer_reserve(out, count ? 4 + 8 * count : 0, err));
    if (count == 0) return VARVE_OK;
    char *at = out->data + out->len;
    put_u32(at, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_u32(at + 4 + 4 * i, pairs[i].index);
        put_f32(at + 4 + 4 * (count + i), pairs[i].value);
    }
    out->len += 4 + 8 * count;
    return VARVE_OK;
}

static bool is_sound(const sparse_vector *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        if ((i > 0 && v->indices[i] <= v->indices[i - 1]) || !isfinite(v->values[i]) ||
            v->values[i] == 0)
            return false;
    return true;
}

bool sparse_decode(varve_text bytes, buffer *scratch, sparse_vector *ret)
{
    sparse_vector v = {0};
    if (bytes.len == 0) {
        *ret = v;
        return true;
    }
    if (bytes.len < 4) return false;
    v.count = get_u32(bytes.data);
    if (v.count > SPARSE_NONZERO_MAX || bytes.len != 4 + 8 * (size_t)v.count) return false;
    if (v.count == 0) {
        *ret = v;
        return true;
    }
    const char *numbers = bytes.data + 4;
    if ((uintptr_t)numbers % _Alignof(uint32_t) != 0) {
        buffer_clear(scratch);
        if (buffer_add(scratch, numbers, bytes.len - 4, NULL) != VARVE_OK) return false;
        numbers = scratch->data;
    }
    v.indices = (const uint32_t *)(const void *)numbers;
    v.values = (const float *)(const void *)(numbers + 4 * (size_t)v.count);
    if (!is_sound(&v)) return false;
    *ret = v;
    return true;
}

double sparse_dot(const sparse_vector *a, const sparse_vector *b)
{
    double sum = 0;
    for (uint32_t i = 0, j = 0; i < a->count && j < b->count;) {
        uint32_t x = a->indices[i], y = b->indices[j];
        if (x == y) sum += (double)a->values[i] * (double)b->values[j];
        i += x <= y;
        j += y <= x;
    }
    return sum;
}
