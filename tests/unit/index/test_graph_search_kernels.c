/* test_graph_search_kernels.c — all instruction sets give what the plain kernels give: bit by bit,
 * for every width and kind of own vector; and estimates are near what they estimate. */
#include "test_graph_search.h"

#include "index/graph_codes.h"
#include "index/graph_kernels.h"

#define WIDTH_MAX 2100 /* wider than what 16-bit sums hold */
#define PADDED    2112

typedef struct arrays {
    float values[PADDED] __attribute__((aligned(64)));
    float center[PADDED] __attribute__((aligned(64)));
    uint8_t bytes[PADDED] __attribute__((aligned(64)));
    uint8_t own[PADDED * 2 + 64] __attribute__((aligned(64)));
    uint8_t tables[PADDED * 4] __attribute__((aligned(64)));
    uint8_t group[128 + PADDED * 4] __attribute__((aligned(64)));
    uint8_t rows[128] __attribute__((aligned(64)));
    int16_t rounded[PADDED];
} arrays;

static arrays a;

static void fill_arrays(random_state *r, uint32_t width)
{
    memset(&a, 0, sizeof a);
    for (size_t i = 0; i < width; i++) {
        a.values[i] = random_gauss(r) * 40;
        a.bytes[i] = (uint8_t)random_u64(r);
    }
    for (size_t i = 0; i < PADDED; i++) {
        a.center[i] = random_gauss(r);
        a.rounded[i] = (int16_t)random_u64(r);
    }
    for (size_t i = 0; i < sizeof a.tables; i++)
        a.tables[i] = (uint8_t)random_u64(r);
    for (size_t i = 128; i < sizeof a.group; i++)
        a.group[i] = (uint8_t)random_u64(r);
    for (size_t i = 0; i < 64; i++)
        put_u16(a.group + 2 * i, half_from_float(random_gauss(r) * 30));
}

static void fill_own(random_state *r, graph_own own, uint32_t filled)
{
    for (size_t i = 0; i < filled; i++) {
        if (own == GRAPH_OWN_HALVES)
            put_u16(a.own + 2 * i, half_from_float(random_gauss(r) * 40));
        else
            a.own[i] = (uint8_t)random_u64(r);
    }
    if (own == GRAPH_OWN_SCALED) put_f32(a.own + filled, 0.3F);
}

static graph_point point_of(uint32_t filled, uint32_t padded, bool bytes)
{
    return (graph_point){.values = a.values,
                         .bytes = bytes ? a.bytes : NULL,
                         .filled = filled,
                         .bytes_scale = 0.25F,
                         .tables = a.tables,
                         .padded = padded,
                         .per_sum = 0.01F,
                         .bias = 3};
}

static void test_own(void **state)
{
    const graph_kernels *isas[GRAPH_ISAS_MAX];
    random_state r;
    (void)state;
    graph_isas(isas);
    random_seed(&r, 1);
    for (uint32_t filled = 16; filled <= WIDTH_MAX; filled += filled < 300 ? 16 : 304) {
        for (int own = GRAPH_OWN_BYTES; own <= GRAPH_OWN_SCALED; own++) {
            fill_arrays(&r, filled);
            fill_own(&r, (graph_own)own, filled);
            for (int bytes = 0; bytes < 2; bytes++) {
                graph_point p = point_of(filled, 64, bytes);
                float plain = graph_kernels_scalar.own[own](&p, a.own);
                for (size_t i = 0; isas[i]; i++) {
                    float got = isas[i]->own[own](&p, a.own);
                    assert_memory_equal(&got, &plain, sizeof got);
                }
            }
        }
    }
}

static void set_rows(random_state *r, uint32_t count)
{
    for (size_t i = 0; i < 32; i++) {
        uint64_t kind = random_below(r, 12);
        uint32_t row = (uint32_t)random_below(r, count);
        put_u32(a.rows + 4 * i, kind == 0 ? GRAPH_NONE : kind == 1 ? count : row);
    }
}

static void test_estimate(void **state)
{
    const graph_kernels *isas[GRAPH_ISAS_MAX];
    random_state r;
    (void)state;
    graph_isas(isas);
    random_seed(&r, 2);
    for (uint32_t padded = 64; padded <= PADDED; padded += padded < 512 ? 64 : 512) {
        float plain[32], limit = random_gauss(&r) * 200;
        uint32_t bad, mask;
        fill_arrays(&r, padded);
        set_rows(&r, 1u << 31);
        graph_point p = point_of(64, padded, false);
        mask = graph_kernels_scalar.estimate(&p, a.group, a.rows, 5, limit, 1u << 31, plain, &bad);
        for (size_t i = 0; isas[i]; i++) {
            float got[32] __attribute__((aligned(64)));
            uint32_t got_bad;
            assert_int_equal(
                isas[i]->estimate(&p, a.group, a.rows, 5, limit, 1u << 31, got, &got_bad), mask);
            assert_int_equal(got_bad, bad);
            assert_memory_equal(got, plain, sizeof got);
        }
    }
}

static void test_code(void **state)
{
    const graph_kernels *isas[GRAPH_ISAS_MAX];
    random_state r;
    (void)state;
    graph_isas(isas);
    random_seed(&r, 3);
    for (uint32_t padded = 64; padded <= PADDED; padded += 64) {
        uint16_t plain_signs[PADDED / 16], signs[PADDED / 16];
        fill_arrays(&r, padded);
        graph_code_sums plain =
            graph_kernels_scalar.code(a.center, a.rounded, 1e-4F, padded, plain_signs);
        for (size_t i = 0; isas[i]; i++) {
            graph_code_sums got = isas[i]->code(a.center, a.rounded, 1e-4F, padded, signs);
            assert_memory_equal(&got, &plain, sizeof got);
            assert_memory_equal(signs, plain_signs, padded / 8);
        }
    }
}

/* ---- frontier: the same calls, the same arrays -------------------------------------------------
 * */

#define ROOM 700

typedef struct frontier_arrays {
    float keys[ROOM + 64] __attribute__((aligned(64)));
    float waiting[ROOM + 64] __attribute__((aligned(64)));
    uint32_t rows[ROOM + 64] __attribute__((aligned(64)));
} frontier_arrays;

static graph_frontier frontier_of(frontier_arrays *f)
{
    graph_frontier made = {f->keys, f->waiting, f->rows, 0, ROOM};
    graph_frontier_close(&made);
    return made;
}

static void expect_same_frontier(const graph_frontier *x, const graph_frontier *y)
{
    assert_int_equal(x->count, y->count);
    assert_memory_equal(x->keys, y->keys, x->count * 4);
    assert_memory_equal(x->waiting, y->waiting, x->count * 4);
    assert_memory_equal(x->rows, y->rows, x->count * 4);
}

static void step(const graph_kernels *k, graph_frontier *f, const float *keys, uint32_t mask,
                 uint32_t hidden, size_t *ret_next, size_t *ret_below)
{
    if (f->count + 32 > ROOM) k->keep(f, 1);
    if (f->count + 64 > ROOM) k->keep(f, 0);
    k->join(f, a.rows, keys, mask, hidden);
    *ret_next = k->next(f, 40);
    *ret_below = k->below(f, 0.5F);
    if (*ret_next != SIZE_MAX) f->waiting[*ret_next] = INFINITY;
}

static void test_frontier(void **state)
{
    static frontier_arrays mine, plains;
    const graph_kernels *isas[GRAPH_ISAS_MAX];
    (void)state;
    graph_isas(isas);
    for (size_t i = 0; isas[i]; i++) {
        graph_frontier f = frontier_of(&mine), plain = frontier_of(&plains);
        random_state r;
        random_seed(&r, 4);
        for (unsigned n = 0; n < 400; n++) {
            float keys[32] __attribute__((aligned(64)));
            size_t next, below, plain_next, plain_below;
            uint32_t mask = (uint32_t)random_u64(&r), hidden = (uint32_t)random_u64(&r);
            for (size_t j = 0; j < 32; j++)
                keys[j] = (float)(random_below(&r, 64)) / 16;
            set_rows(&r, 1000);
            step(isas[i], &f, keys, mask, hidden, &next, &below);
            step(&graph_kernels_scalar, &plain, keys, mask, hidden, &plain_next, &plain_below);
            assert_int_equal(next, plain_next);
            assert_int_equal(below, plain_below);
            expect_same_frontier(&f, &plain);
        }
    }
}

/* ---- codes say where a neighbour is ------------------------------------------------------------
 * */

static graph_codes_row rotated_row(const rotation *r, const float *x, int16_t *values)
{
    float rotated[256];
    graph_codes_row row = {values, 0};
    rotation_apply(r, x, 1, rotated);
    graph_codes_round(rotated, r->padded, values, &row.scale);
    return row;
}

#define WIDTH 200

/* A query's table and sums, as graph_search_point.c makes them. */
static graph_point tabled(const rotation *rotate, const float *query)
{
    float rotated[256], most = 0, bias = 0;
    rotation_apply(rotate, query, 1, rotated);
    for (size_t i = 0; i < rotate->padded; i += 4) {
        float sum = fabsf(rotated[i]) + fabsf(rotated[i + 1]) + fabsf(rotated[i + 2]) +
                    fabsf(rotated[i + 3]);
        bias += sum;
        most = fmaxf(most, sum);
    }
    for (size_t i = 0; i < (size_t)rotate->padded * 4; i++) {
        float entry = 0;
        for (size_t k = 0; k < 4; k++) {
            float v = rotated[i / 16 * 4 + k];
            entry += fabsf(v) + (i % 16 >> k & 1 ? v : -v);
        }
        a.tables[i] = (uint8_t)(entry / (2 * most) * 255 + 0.5F);
    }
    return (graph_point){
        .tables = a.tables, .padded = rotate->padded, .per_sum = 2 * most / 255, .bias = bias};
}

static double squared_distance(const float *x, const float *y)
{
    double sum = 0;
    for (size_t i = 0; i < WIDTH; i++)
        sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sum;
}

/* 32 neighbours of the center, coded; their distances from the query, and the mean squared error
 * that one sign per coordinate makes: 0.75 / sqrt(width) of |q - c| |x - c|, twice. */
static double code_neighbours(const rotation *rotate, const float *center, const float *query,
                              random_state *r, double *ret_exact)
{
    float x[WIDTH], middle[256];
    int16_t values[256];
    double expected = 0;
    graph_codes_row c = rotated_row(rotate, center, values);
    graph_codes_center(&c, rotate->padded, middle);
    for (size_t n = 0; n < 32; n++) {
        for (size_t i = 0; i < WIDTH; i++)
            x[i] = center[i] + random_gauss(r);
        ret_exact[n] = squared_distance(query, x);
        expected += 4 * 0.75 * 0.75 / WIDTH * squared_distance(center, x) *
                    squared_distance(center, query) / 32;
        graph_codes_row row = rotated_row(rotate, x, values);
        graph_codes_put(middle, &row, rotate->padded, n, a.group);
        put_u32(a.rows + 4 * n, (uint32_t)n);
    }
    return expected;
}

static void test_estimates_are_near(void **state)
{
    random_state r;
    rotation rotate;
    float center[WIDTH], query[WIDTH], keys[32] __attribute__((aligned(64)));
    double exact[32], errors = 0;
    uint32_t bad;
    (void)state;
    random_seed(&r, 5);
    OK(rotation_init(&rotate, WIDTH, 9, err));
    memset(&a, 0, sizeof a);
    for (size_t i = 0; i < WIDTH; i++)
        query[i] = (center[i] = random_gauss(&r) * 3) + random_gauss(&r);
    double expected = code_neighbours(&rotate, center, query, &r, exact);
    graph_point p = tabled(&rotate, query);
    uint32_t mask = graph_kernels_scalar.estimate(
        &p, a.group, a.rows, (float)squared_distance(center, query), INFINITY, 32, keys, &bad);
    assert_int_equal(mask, UINT32_MAX);
    for (size_t n = 0; n < 32; n++)
        errors += ((double)keys[n] - exact[n]) * ((double)keys[n] - exact[n]) / 32;
    assert_true(errors < 2 * expected && errors > 0.1 * expected);
    rotation_done(&rotate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_frontier),
        cmocka_unit_test(test_estimates_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
