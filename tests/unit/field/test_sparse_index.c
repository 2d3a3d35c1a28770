/* test_sparse_index.c — sparse vectors: their bytes, and searches against scoring every row. */
#include "field/sparse_index.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NONZERO_MOST 300

typedef struct rows {
    buffer *vectors;
    uint32_t count;
    buffer image;
    sparse_index *index;
    uint64_t looked_at; /* exact vectors asked for */
} rows;

static varve_status get_row(void *context, uint32_t slot, varve_text *ret, varve_error *err)
{
    rows *r = context;
    (void)err;
    assert_true(slot < r->count);
    r->looked_at++;
    *ret = (varve_text){r->vectors[slot].data, r->vectors[slot].len};
    return VARVE_OK;
}

static varve_status get_bytes(void *context, uint64_t offset, uint64_t len, const uint8_t **ret,
                              varve_error *err)
{
    const rows *r = context;
    (void)err;
    assert_true(offset <= r->image.len && len <= r->image.len - offset);
    *ret = (const uint8_t *)r->image.data + offset;
    return VARVE_OK;
}

/* Dimensions by Zipf's law, some values negative, some rows without any. */
static void random_vector(random_state *random, uint32_t dimensions, unsigned least, unsigned most,
                          double negative, buffer *ret)
{
    uint32_t indices[NONZERO_MOST];
    float values[NONZERO_MOST];
    size_t n = least + random_below(random, most - least + 1);
    if (random_below(random, 50) == 0) n = 0;
    for (size_t i = 0; i < n; i++) {
        double at = pow((double)dimensions + 1, random_unit(random)) - 1;
        indices[i] = (uint32_t)at * 7919u;
        values[i] = (float)exp((double)random_gauss(random)) *
                    (random_unit(random) < negative ? -1.0F : 1.0F);
        if (random_below(random, 4) == 0) values[i] = 1; /* ties */
    }
    buffer_init(ret, 1 << 20, "vector");
    assert_int_equal(sparse_encode(indices, values, n, 0, ret, NULL), VARVE_OK);
}

static void build(rows *r)
{
    sparse_builder *b = NULL;
    varve_error err = {0};
    buffer_init(&r->image, SIZE_MAX / 2, "image");
    assert_int_equal(sparse_builder_new(&b, &err), VARVE_OK);
    for (uint32_t i = 0; i < r->count; i++) {
        varve_text bytes = {r->vectors[i].data, r->vectors[i].len};
        assert_int_equal(sparse_builder_add(b, bytes, &err), VARVE_OK);
    }
    assert_true(sparse_builder_bytes(b) > 0);
    assert_int_equal(sparse_builder_finish(b, &r->image, &err), VARVE_OK);
    sparse_builder_free(b);
    field_image image = {r->image.len, get_bytes, r};
    assert_int_equal(sparse_index_open(&image, r->count, &r->index, &err), VARVE_OK);
    sparse_rows source = {get_row, r};
    if (sparse_index_check(r->index, &source, &err) != VARVE_OK) fail_msg("%s", err.message);
}

static void done(rows *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        buffer_done(&r->vectors[i]);
    free(r->vectors);
    buffer_done(&r->image);
    sparse_index_free(r->index);
}

/* A sum in the order of the indices, by looking each up; false: no index in common. */
static bool plain_dot(const sparse_vector *a, const sparse_vector *b, double *ret)
{
    bool shared = false;
    *ret = 0;
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t j = 0; j < b->count; j++)
            if (a->indices[i] == b->indices[j]) {
                *ret += (double)a->values[i] * (double)b->values[j];
                shared = true;
            }
    return shared;
}

static void expect_brute_force(rows *r, const sparse_vector *q, const uint64_t *allowed, size_t k)
{
    VV_CLEANUP(buffer_done) buffer scratch;
    topk_entry *expected = calloc(k, sizeof *expected), *found = calloc(k, sizeof *found);
    topk all, best;
    uint64_t work = 0;
    sparse_rows source = {get_row, r};
    assert_true(expected && found);
    buffer_init(&scratch, 1 << 20, "vector");
    topk_init(&all, expected, k);
    topk_init(&best, found, k);
    for (uint32_t i = 0; i < r->count; i++) {
        sparse_vector v;
        double dot;
        if (allowed && !(allowed[i / 64] >> (i % 64) & 1)) continue;
        varve_text bytes = {r->vectors[i].data, r->vectors[i].len};
        assert_true(sparse_decode(bytes, &scratch, &v));
        if (plain_dot(q, &v, &dot)) topk_push(&all, -dot, 5 + i);
    }
    assert_int_equal(sparse_search(q, r->index, &source, allowed, 5, &best, 0, &work, NULL),
                     VARVE_OK);
    topk_sort(&all);
    topk_sort(&best);
    assert_int_equal(best.count, all.count);
    for (size_t i = 0; i < best.count; i++) {
        assert_int_equal(found[i].slot, expected[i].slot);
        assert_true(found[i].key == expected[i].key);
    }
    free(expected);
    free(found);
}

static void searches_equal_brute_force(void **state)
{
    (void)state;
    static const double parts[] = {0, 0.5, 0.02, 0.002};
    for (uint64_t seed = 0; seed < 10; seed++) {
        rows r = {.count = seed == 9 ? 0 : 200 + (uint32_t)seed * 900};
        random_state random;
        double negative = (double)(seed % 3) * 0.25;
        uint32_t dimensions = seed % 2 ? 300 : 20000;
        random_seed(&random, seed);
        r.vectors = calloc(r.count + 1, sizeof *r.vectors);
        assert_non_null(r.vectors);
        for (uint32_t i = 0; i < r.count; i++)
            random_vector(&random, dimensions, 30, 200, negative, &r.vectors[i]);
        build(&r);
        for (size_t round = 0; round < 12; round++) {
            VV_CLEANUP(buffer_done) buffer bytes, scratch;
            sparse_vector q;
            double part = parts[round % 4];
            uint64_t *allowed = calloc(r.count / 64 + 1, sizeof *allowed);
            assert_non_null(allowed);
            for (uint32_t i = 0; i < r.count; i++)
                if (random_unit(&random) < part) allowed[i / 64] |= UINT64_C(1) << (i % 64);
            random_vector(&random, dimensions, 3, round % 2 ? 200 : 20, negative, &bytes);
            buffer_init(&scratch, 1 << 20, "vector");
            assert_true(sparse_decode((varve_text){bytes.data, bytes.len}, &scratch, &q));
            expect_brute_force(&r, &q, part > 0 ? allowed : NULL, round == 5 ? 3000 : 10);
            free(allowed);
        }
        done(&r);
    }
}

/* Of many rows, few are scored by their exact vectors. */
static void most_rows_are_left_out(void **state)
{
    (void)state;
    rows r = {.count = 30000};
    random_state random;
    random_seed(&random, 77);
    r.vectors = calloc(r.count, sizeof *r.vectors);
    assert_non_null(r.vectors);
    for (uint32_t i = 0; i < r.count; i++)
        random_vector(&random, 5000, 30, 60, 0, &r.vectors[i]);
    build(&r);
    r.looked_at = 0;
    for (size_t round = 0; round < 5; round++) {
        VV_CLEANUP(buffer_done) buffer bytes, scratch;
        sparse_vector q;
        random_vector(&random, 5000, 20, 40, 0, &bytes);
        buffer_init(&scratch, 1 << 20, "vector");
        assert_true(sparse_decode((varve_text){bytes.data, bytes.len}, &scratch, &q));
        expect_brute_force(&r, &q, NULL, 10);
    }
    assert_true(r.looked_at < 5 * 400);
    done(&r);
}

static void vectors_as_bytes(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer out, scratch;
    const uint32_t indices[] = {9, 2, 9, 5, 7, 7, 4294967295u};
    const float values[] = {1, 2, 0.5F, 0, 3, -3, -1};
    varve_error err;
    sparse_vector v;
    buffer_init(&out, 1 << 20, "vector");
    buffer_init(&scratch, 1 << 20, "vector");
    assert_int_equal(buffer_add(&out, "x", 1, NULL), VARVE_OK);
    assert_int_equal(sparse_encode(indices, values, 7, 3, &out, &err), VARVE_OK);
    assert_true(sparse_decode((varve_text){out.data + 1, out.len - 1}, &scratch, &v));
    assert_int_equal(v.count, 3);
    assert_int_equal(v.indices[0], 2);
    assert_int_equal(v.indices[1], 9);
    assert_int_equal(v.indices[2], 4294967295u);
    assert_true(v.values[0] == 2 && v.values[1] == 1.5F && v.values[2] == -1);
    assert_true(sparse_dot(&v, &v) == 4 + 2.25 + 1);
    size_t len = out.len;
    assert_int_equal(sparse_encode(indices, values + 5, 2, 0, &out, NULL), VARVE_OK);
    assert_true(out.len > len);
    len = out.len;
    assert_int_equal(sparse_encode(indices, values, 0, 0, &out, NULL), VARVE_OK);
    assert_int_equal(out.len, len); /* the empty vector has no bytes */
    assert_true(sparse_decode((varve_text){"", 0}, &scratch, &v));
    assert_int_equal(v.count, 0);
    /* So is one of no pairs, wherever its bytes lie: scratch is not needed for it. */
    static const _Alignas(uint32_t) char none[8] = {0};
    VV_CLEANUP(buffer_done) buffer untouched;
    buffer_init(&untouched, 1 << 20, "vector");
    for (size_t at = 0; at < 4; at++)
        assert_true(sparse_decode((varve_text){none + at, 4}, &untouched, &v));
    assert_int_equal(v.count, 0);
    assert_null(untouched.data);
}

static void bad_vectors(void **state)
{
    (void)state;
    VV_CLEANUP(buffer_done) buffer out, scratch;
    uint32_t same[2] = {1, 1};
    float infinite[] = {1, INFINITY}, large[] = {3e38F, 3e38F};
    varve_error err;
    sparse_vector v;
    char bytes[20];
    buffer_init(&out, 1 << 22, "vector");
    buffer_init(&scratch, 1 << 20, "vector");
    assert_int_equal(sparse_encode(same, infinite, 2, 3, &out, &err), VARVE_INVALID);
    assert_string_equal(err.message, "vectors[3].values[1] is not finite");
    assert_int_equal(sparse_encode(same, large, 2, 3, &out, &err), VARVE_INVALID);
    assert_int_equal(out.len, 0);
    uint32_t *indices = calloc(SPARSE_NONZERO_MAX + 1, sizeof *indices);
    float *values = calloc(SPARSE_NONZERO_MAX + 1, sizeof *values);
    assert_true(indices && values);
    for (uint32_t i = 0; i <= SPARSE_NONZERO_MAX; i++) {
        indices[i] = i;
        values[i] = 1;
    }
    assert_int_equal(sparse_encode(indices, values, SPARSE_NONZERO_MAX + 1, 0, &out, &err),
                     VARVE_LIMIT);
    assert_int_equal(sparse_encode(indices, values, SPARSE_NONZERO_MAX, 0, &out, &err), VARVE_OK);
    free(indices);
    free(values);
    put_u32(bytes, 2);
    put_u32(bytes + 4, 1);
    put_u32(bytes + 8, 2);
    put_f32(bytes + 12, 1);
    put_f32(bytes + 16, 1);
    assert_true(sparse_decode((varve_text){bytes, 20}, &scratch, &v));
    assert_false(sparse_decode((varve_text){bytes, 19}, &scratch, &v));
    assert_false(sparse_decode((varve_text){bytes, 3}, &scratch, &v));
    put_u32(bytes + 8, 1);
    assert_false(sparse_decode((varve_text){bytes, 20}, &scratch, &v));
    put_u32(bytes + 8, 2);
    put_f32(bytes + 16, NAN);
    assert_false(sparse_decode((varve_text){bytes, 20}, &scratch, &v));
    put_f32(bytes + 16, 0);
    assert_false(sparse_decode((varve_text){bytes, 20}, &scratch, &v));
}

/* The bytes of version 1 stay what they are: a change of them needs a version of its own. */
static void bytes_of_version_1(void **state)
{
    (void)state;
    rows r = {.count = 500};
    r.vectors = calloc(r.count, sizeof *r.vectors);
    assert_non_null(r.vectors);
    for (uint32_t i = 0; i < r.count; i++) {
        uint32_t indices[] = {i % 11 * 1000, 7, i};
        float values[] = {(float)(i % 13) + 0.5F, -(float)(i % 17) - 1, 0.25F};
        buffer_init(&r.vectors[i], 1 << 20, "vector");
        assert_int_equal(sparse_encode(indices, values, 3, 0, &r.vectors[i], NULL), VARVE_OK);
    }
    build(&r);
    assert_int_equal(SPARSE_INDEX_VERSION, 1);
    assert_int_equal(r.image.len, 17422);
    assert_int_equal(hash_bytes(r.image.data, r.image.len), 0xf1451f3696e90805u);
    done(&r);
}

static void damaged_images(void **state)
{
    (void)state;
    rows r = {.count = 40};
    sparse_index *x = NULL;
    random_state random;
    random_seed(&random, 4);
    r.vectors = calloc(r.count, sizeof *r.vectors);
    assert_non_null(r.vectors);
    for (uint32_t i = 0; i < r.count; i++)
        random_vector(&random, 100, 5, 9, 0, &r.vectors[i]);
    build(&r);
    uint64_t whole = r.image.len;
    for (uint64_t size = 0; size < whole; size += 1 + size / 16) {
        field_image image = {size, get_bytes, &r};
        assert_int_equal(sparse_index_open(&image, r.count, &x, NULL), VARVE_CORRUPT);
    }
    field_image image = {whole, get_bytes, &r};
    assert_int_equal(sparse_index_open(&image, r.count - 1, &x, NULL), VARVE_CORRUPT);
    r.image.data[100] ^= 1;
    sparse_rows source = {get_row, &r};
    assert_int_equal(sparse_index_check(r.index, &source, NULL), VARVE_CORRUPT);
    sparse_builder *b = NULL;
    assert_int_equal(sparse_builder_new(&b, NULL), VARVE_OK);
    assert_int_equal(sparse_builder_add(b, (varve_text){"abc", 3}, NULL), VARVE_CORRUPT);
    sparse_builder_free(b);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_equal_brute_force), cmocka_unit_test(most_rows_are_left_out),
        cmocka_unit_test(vectors_as_bytes),           cmocka_unit_test(bad_vectors),
        cmocka_unit_test(bytes_of_version_1),         cmocka_unit_test(damaged_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
