/* test_rotate.c — a rotation is orthogonal, spreads energy evenly at every width, and
 * never changes. */
#include "base/hash.h"
#include "base/random.h"
#include "quant/quant_kernels.h"
#include "quant/rotate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t widths[] = {1,   2,   63,  64,  65,   100,  128,  129,  384,  385,
                                  500, 768, 960, 961, 1000, 1536, 1984, 2047, 3000, 4096};

static rotation make(uint32_t width, uint64_t seed)
{
    rotation r;
    assert_int_equal(rotation_init(&r, width, seed, NULL), VARVE_OK);
    assert_int_equal(r.width, width);
    assert_true(r.padded >= width && r.padded < width + 64 && r.padded % 64 == 0);
    return r;
}

static float *gauss(size_t n, uint64_t seed)
{
    random_state random;
    float *x = malloc(n * sizeof *x);
    random_seed(&random, seed);
    for (size_t i = 0; i < n; i++)
        x[i] = random_gauss(&random);
    return x;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void products_are_kept(void **state)
{
    (void)state;
    for (size_t w = 0; w < VV_COUNT(widths); w++) {
        uint32_t width = widths[w];
        rotation r = make(width, 7);
        float *x = gauss(5 * width, w), *y = malloc(5 * r.padded * sizeof *y);
        rotation_apply(&r, x, 5, y);
        for (size_t i = 0; i < 5; i++) {
            for (size_t j = 0; j <= i; j++) {
                const float *a = x + i * width, *b = x + j * width;
                double scale = sqrt(dot(a, a, width) * dot(b, b, width));
                double rotated = dot(y + i * r.padded, y + j * r.padded, r.padded);
                assert_true(fabs(rotated - dot(a, b, width)) <= 1e-6 * scale);
            }
        }
        free(x);
        free(y);
        rotation_done(&r);
    }
}

/* Whatever single coordinate held all energy: afterwards none does, and no eighth of them. */
static void energy_spreads(void **state)
{
    (void)state;
    for (size_t w = 0; w < VV_COUNT(widths); w++) {
        uint32_t width = widths[w];
        rotation r = make(width, 42);
        float *x = calloc(width, sizeof *x), *y = malloc(r.padded * sizeof *y);
        for (uint32_t at = 0; at < width; at += 1 + width / 13) {
            double limit = 40.0 / r.padded; /* of a Gaussian, once in 4e9 coordinates */
            x[at] = 1;
            rotation_apply(&r, x, 1, y);
            x[at] = 0;
            for (size_t i = 0; i < r.padded; i++)
                assert_true((double)y[i] * y[i] <= limit);
            for (size_t i = 0; i < 8; i++) {
                size_t n = r.padded / 8;
                double share = dot(y + i * n, y + i * n, n);
                assert_true(share > 0.125 * 0.05 && share < 0.125 * 3);
            }
        }
        free(x);
        free(y);
        rotation_done(&r);
    }
}

static void rotations_go_back(void **state)
{
    (void)state;
    for (size_t w = 0; w < VV_COUNT(widths); w++) {
        rotation r = make(widths[w], 3);
        float *x = gauss(2 * r.width, w), *y = malloc(2 * r.padded * sizeof *y);
        float *back = malloc(2 * r.width * sizeof *back);
        rotation_apply(&r, x, 2, y);
        rotation_invert(&r, y, 2, back);
        for (size_t i = 0; i < 2 * r.width; i++)
            assert_true(fabsf(back[i] - x[i]) < 1e-5f);
        free(x);
        free(y);
        free(back);
        rotation_done(&r);
    }
}

static void instruction_sets_agree(void **state)
{
    const quant_isa_kernels *isas[QUANT_ISAS_MAX];
    (void)state;
    quant_isas(isas);
    for (size_t w = 0; w < VV_COUNT(widths); w++) {
        rotation r = make(widths[w], 3);
        float *x = gauss(r.padded, w), *y = malloc(r.padded * sizeof *y);
        quant_kernels_scalar.rotate(&r, false, memcpy(y, x, r.padded * sizeof *y));
        for (size_t i = 0; isas[i]; i++) {
            float *z = malloc(r.padded * sizeof *z);
            isas[i]->rotate(&r, false, memcpy(z, x, r.padded * sizeof *z));
            assert_memory_equal(z, y, r.padded * sizeof *z);
            free(z);
        }
        free(x);
        free(y);
        rotation_done(&r);
    }
}

static void large_rows_do_not_overflow(void **state)
{
    rotation r = make(1000, 1);
    float *x = malloc(1000 * sizeof *x), *y = malloc(r.padded * sizeof *y);
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        x[i] = 1e37f;
    rotation_apply(&r, x, 1, y);
    for (size_t i = 0; i < r.padded; i++)
        assert_true(isfinite(y[i]));
    free(x);
    free(y);
    rotation_done(&r);
}

/* Part of file formats: these bits may never change. */
static void rotations_stay_the_same(void **state)
{
    static const struct {
        uint32_t width;
        uint64_t hash;
    } golden[] = {{1, 0x3dab038374275c85},
                  {384, 0x755e94b6a0a15d24},
                  {1000, 0x65b37087c919c316},
                  {1024, 0xd9cdef3d0ae5ced8}};
    (void)state;
    for (size_t g = 0; g < VV_COUNT(golden); g++) {
        rotation r = make(golden[g].width, 12345);
        float *x = malloc(r.width * sizeof *x), *y = malloc(r.padded * sizeof *y);
        for (uint32_t i = 0; i < r.width; i++)
            x[i] = (float)((int)(i * 37 % 101) - 50) / 8;
        rotation_apply(&r, x, 1, y);
        assert_int_equal(hash_bytes(y, r.padded * sizeof *y), golden[g].hash);
        free(x);
        free(y);
        rotation_done(&r);
    }
}

static void seeds_differ_and_widths_have_limits(void **state)
{
    rotation a = make(128, 1), b = make(128, 2), c;
    float *x = gauss(128, 3), ya[128], yb[128];
    (void)state;
    rotation_apply(&a, x, 1, ya);
    rotation_apply(&b, x, 1, yb);
    assert_memory_not_equal(ya, yb, sizeof ya);
    assert_int_equal(rotation_init(&c, 0, 1, NULL), VARVE_INVALID);
    assert_int_equal(rotation_init(&c, ROTATE_WIDTH_MAX + 1, 1, NULL), VARVE_INVALID);
    free(x);
    rotation_done(&a);
    rotation_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_kept),
        cmocka_unit_test(energy_spreads),
        cmocka_unit_test(large_rows_do_not_overflow),
        cmocka_unit_test(rotations_stay_the_same),
        cmocka_unit_test(seeds_differ_and_widths_have_limits),
        cmocka_unit_test(rotations_go_back),
        cmocka_unit_test(instruction_sets_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
