/* test_random.c — random numbers, hashes, clocks, half floats: against published or known values.
 */
#include "unit.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/random.h"

#include <math.h>

/* splitmix64 from 0 gives the first state; the outputs are those of the reference code. */
static void test_known_stream(void **state)
{
    (void)state;
    random_state r;
    random_seed(&r, 0);
    assert_int_equal(r.s[0], 0xe220a8397b1dcdafu);
    assert_int_equal(r.s[1], 0x6e789e6aa1b965f4u);
    assert_int_equal(r.s[2], 0x06c45d188009454fu);
    assert_int_equal(r.s[3], 0xf88bb8a8724c81ecu);
    assert_int_equal(random_u64(&r), 0x99ec5f36cb75f2b4u);
    assert_int_equal(random_u64(&r), 0xbf6e1f784956452au);
}

static void test_below(void **state)
{
    (void)state;
    random_state r;
    size_t counts[7] = {0};
    random_seed(&r, 1);
    for (int i = 0; i < 70000; i++)
        counts[random_below(&r, 7)]++;
    for (size_t i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(random_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(random_below(&r, ((uint64_t)1 << 63) + 1) <= (uint64_t)1 << 63);
}

static void test_gauss(void **state)
{
    (void)state;
    random_state r;
    double sum = 0, squares = 0;
    random_seed(&r, 2);
    for (int i = 0; i < 100000; i++) {
        double unit = random_unit(&r), gauss = (double)random_gauss(&r);
        assert_true(unit >= 0 && unit < 1);
        sum += gauss;
        squares += gauss * gauss;
    }
    assert_true(fabs(sum / 100000) < 0.02);
    assert_true(fabs(squares / 100000 - 1) < 0.03);
}

/* Values of the reference implementation of XXH3-64, seed 0. */
static void test_hash(void **state)
{
    (void)state;
    char long_text[300];
    memset(long_text, 'a', sizeof long_text);
    assert_int_equal(hash_bytes("", 0), 0x2d06800538d394c2u);
    assert_int_equal(hash_bytes("a", 1), 0xe6c632b61e964e1fu);
    assert_int_equal(hash_bytes("abc", 3), 0x78af5f94892f3950u);
    assert_int_not_equal(hash_bytes(long_text, 299), hash_bytes(long_text, 300));
}

static void test_clock(void **state)
{
    (void)state;
    char text[32];
    clock_wall_text(0, text, sizeof text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_wall_text(1795222863004, text, sizeof text);
    assert_string_equal(text, "2026-11-21T01:01:03.004Z");
    clock_wall_text(UINT64_MAX, text, sizeof text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    uint64_t before = clock_now_ns();
    clock_sleep_ms(3);
    assert_true(clock_now_ns() - before >= 3000000);
    assert_true(clock_wall_ms() > 1600000000000);
}

/* Every half value survives the way to float32 and back; between two of them, the nearer wins. */
static void test_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h <= 0xffff; h++) {
        float f = half_to_float((uint16_t)h);
        if ((h & 0x7fff) > 0x7c00)
            assert_true(isnan(f));
        else
            assert_int_equal(half_from_float(f), h);
    }
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = half_to_float((uint16_t)h), high = half_to_float((uint16_t)(h + 1));
        float middle = (low + high) / 2;
        assert_int_equal(half_from_float(middle), h + (h & 1)); /* ties to even */
        assert_int_equal(half_from_float(nextafterf(middle, low)), h);
        assert_int_equal(half_from_float(nextafterf(middle, high)), h + 1);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    uint8_t bytes[8];
    size_t sum;
    put_be64(bytes, 0x0102030405060708u);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(get_be32(bytes + 4), 0x05060708);
    put_u32(bytes, 0x01020304);
    assert_memory_equal(bytes, "\4\3\2\1", 4);
    assert_false(size_add(SIZE_MAX, 1, &sum));
    assert_false(size_mul(SIZE_MAX / 2, 3, &sum));
    assert_true(size_mul(5, 7, &sum) && sum == 35);
    assert_int_equal(size_align(65, 64), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_stream), cmocka_unit_test(test_below),
        cmocka_unit_test(test_gauss),        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_clock),        cmocka_unit_test(test_half),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
