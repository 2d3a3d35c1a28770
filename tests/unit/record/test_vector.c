/* test_vector.c — every type to every other: exact, or refused naming row and element. */
#include "record_fixture.h"

#include "base/half.h"
#include "record/vector.h"

#include <math.h>
#include <stdio.h>

/* The plain way, value by value, to compare with: false when the value must be refused. */
static bool plain_value(varve_dtype to, float x, float *ret)
{
    if (!isfinite(x)) return false;
    switch (to) {
    case VARVE_FLOAT32: *ret = x; return true;
    case VARVE_FLOAT16: *ret = half_to_float(half_from_float(x)); return isfinite(*ret);
    case VARVE_UINT8: *ret = x; return x >= 0 && x <= 255 && x == floorf(x);
    case VARVE_INT8: *ret = x; return x >= -128 && x <= 127 && x == floorf(x);
    default: *ret = x > 0.5f; return true;
    }
}

static void pack(varve_dtype type, const float *in, size_t dim, uint8_t *ret)
{
    memset(ret, 0, varve_dtype_row_bytes(type, dim));
    for (size_t i = 0; i < dim; i++) {
        uint16_t half = half_from_float(in[i]);
        switch (type) {
        case VARVE_FLOAT32: memcpy(ret + i * 4, &in[i], 4); break;
        case VARVE_FLOAT16: memcpy(ret + i * 2, &half, 2); break;
        case VARVE_UINT8:
        case VARVE_INT8: ret[i] = (uint8_t)(int)in[i]; break;
        default: ret[i / 8] |= (uint8_t)((in[i] > 0.5f) << i % 8);
        }
    }
}

static float sample(varve_dtype from, uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    int n = (int)(*seed >> 40 & 0xff);
    if (from == VARVE_UINT8) return (float)n;
    if (from == VARVE_INT8) return (float)(n - 128);
    if (from == VARVE_BINARY) return (float)(n & 1);
    static const float special[] = {0,      -0.0f,    0.5f,      0.50001f, 65504,  65519, 65520,
                                    1e30f,  -1e30f,   1e-8f,     255,      256,    -128,  -129,
                                    1e-40f, INFINITY, -INFINITY, NAN,      127.5f, 3e9f};
    if (n < 3) return special[(*seed >> 50) % (sizeof special / sizeof *special)];
    return n < 200 ? (float)(n - 100) : (float)n / 7;
}

/* One row of each length, against the plain way. */
static void check_pair(varve_dtype from, varve_dtype to, size_t dim, uint64_t *seed)
{
    float in[200], expected[200], got[200];
    uint8_t packed[800], *exact = malloc(varve_dtype_row_bytes(from, dim) + 1);
    uint8_t *out = malloc(varve_dtype_row_bytes(to, dim) + 1);
    size_t bad = dim;
    assert_true(exact && out);
    for (size_t i = 0; i < dim; i++)
        in[i] = sample(from, seed);
    pack(from, in, dim, exact);
    memcpy(packed, exact, varve_dtype_row_bytes(from, dim));
    vector_to_float(from, exact, dim, in); /* what was really given */
    for (size_t i = dim; i-- > 0;)
        if (!plain_value(to, in[i], &expected[i])) bad = i;
    out[varve_dtype_row_bytes(to, dim)] = 0xa5;
    varve_error why = {0};
    varve_status status = vector_convert(from, exact, to, out, 1, dim, 6, &why);
    assert_int_equal(out[varve_dtype_row_bytes(to, dim)], 0xa5);
    if (bad < dim) {
        char place[40];
        (void)snprintf(place, sizeof place, "vectors[6][%zu]: ", bad);
        assert_int_equal(status, VARVE_INVALID);
        assert_memory_equal(why.message, place, strlen(place));
    } else {
        assert_int_equal(status, VARVE_OK);
        vector_to_float(to, out, dim, got);
        for (size_t i = 0; i < dim; i++)
            assert_true(got[i] == expected[i]);
    }
    assert_memory_equal(packed, exact, varve_dtype_row_bytes(from, dim));
    free(exact);
    free(out);
}

static void all_pairs(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int from = 0; from < VARVE_DTYPE_COUNT; from++)
        for (int to = 0; to < VARVE_DTYPE_COUNT; to++)
            for (size_t dim = 0; dim <= 200; dim++)
                check_pair((varve_dtype)from, (varve_dtype)to, dim, &seed);
}

static void every_half(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        uint16_t in = (uint16_t)h, out = 0;
        bool finite = (h & 0x7c00) != 0x7c00;
        varve_status status =
            vector_convert(VARVE_FLOAT16, &in, VARVE_FLOAT16, &out, 1, 1, 0, NULL);
        assert_int_equal(status, finite ? VARVE_OK : VARVE_INVALID);
        if (finite) assert_int_equal(out, h);
        float x = 0;
        vector_to_float(VARVE_FLOAT16, &in, 1, &x);
        if (finite) assert_true(x == half_to_float(in));
    }
}

static void many_rows(void **state)
{
    (void)state;
    enum { ROWS = 7, DIM = 70 };
    float in[ROWS][DIM];
    uint8_t out[ROWS][DIM], bits[ROWS][(DIM + 7) / 8];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < DIM; i++)
            in[r][i] = (float)((r * DIM + i) % 256);
    assert_ok(vector_convert(VARVE_FLOAT32, in, VARVE_UINT8, out, ROWS, DIM, 0, err));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < DIM; i++)
            assert_int_equal(out[r][i], (r * DIM + i) % 256);
    assert_ok(vector_convert(VARVE_FLOAT32, in, VARVE_BINARY, bits, ROWS, DIM, 0, err));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < DIM; i++)
            assert_int_equal(bits[r][i / 8] >> i % 8 & 1, in[r][i] > 0.5f);
    in[5][69] = 0.25f;
    assert_fails(VARVE_INVALID, "vectors[105][69]: 0.25 is not an integer from 0 to 255",
                 vector_convert(VARVE_FLOAT32, in, VARVE_UINT8, out, ROWS, DIM, 100, err));
    in[2][0] = NAN;
    assert_fails(VARVE_INVALID, "vectors[2][0]: nan is not a finite number",
                 vector_convert(VARVE_FLOAT32, in, VARVE_FLOAT32, in, ROWS, DIM, 0, err));
    in[0][2] = -70000;
    assert_fails(VARVE_INVALID, "vectors[2][0]: -70000 does not fit float16",
                 vector_convert(VARVE_FLOAT32, in, VARVE_FLOAT16, bits, 3, 1, 0, err));
}

static void spare_bits(void **state)
{
    (void)state;
    const uint8_t in[4] = {0xff, 0xff, 0x55, 0xaa};
    uint8_t out[4];
    assert_ok(vector_convert(VARVE_BINARY, in, VARVE_BINARY, out, 2, 11, 0, err));
    assert_memory_equal(out, ((const uint8_t[]){0xff, 0x07, 0x55, 0x02}), 4);
    assert_ok(vector_convert(VARVE_BINARY, in, VARVE_BINARY, out, 2, 16, 0, err));
    assert_memory_equal(out, in, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pairs),
        cmocka_unit_test(every_half),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(spare_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
