/* test_graph_links_pairs.c — kernels over pairs of points: those of every instruction set that this
 * CPU offers give what the plain definition gives, at every width; and what is built on them. */
#include "test_graph_links_fixture.h"

#include "distance/distance_kernels.h"
#include "index/graph_links_lists.h"
#include "index/graph_prune.h"

#include <math.h>

enum { POINTS = 150, WIDTH_MAX = 200, ROOM = 160 };

typedef struct points {
    size_t width, stride, quads;
    uint8_t *bytes;
    uint32_t *ids;
} points;

static void make_points(points *p, size_t width, uint64_t seed)
{
    random_state r;
    random_seed(&r, seed);
    *p = (points){width, (width + 63) / 64 * 64, (width + 3) / 4, NULL, NULL};
    p->bytes = aligned_alloc(64, POINTS * p->stride);
    p->ids = malloc(POINTS * sizeof *p->ids);
    memset(p->bytes, 0, POINTS * p->stride);
    for (size_t i = 0; i < POINTS; i++) {
        p->ids[i] = (uint32_t)(i * 7 % POINTS);
        for (size_t j = 0; j < width;
             j++) /* the first two: as far from each other as bytes can be */
            p->bytes[i * p->stride + j] = i == 0   ? 0
                                          : i == 1 ? 255
                                                   : (uint8_t)random_below(&r, 256);
    }
}

static void free_points(points *p)
{
    free(p->bytes);
    free(p->ids);
}

static uint32_t expected(const points *p, size_t a, size_t b)
{
    int64_t sum = 0;
    for (size_t j = 0; j < p->width; j++) {
        int64_t d = (int64_t)p->bytes[a * p->stride + j] - p->bytes[b * p->stride + j];
        sum += d * d;
    }
    return (uint32_t)sum;
}

static void check_scan(const graph_pairs *k, const points *p)
{
    uint32_t keys[POINTS];
    for (size_t n = 0; n <= POINTS; n += 31) {
        memset(keys, 0, sizeof keys);
        k->scan(p->bytes, p->stride, p->bytes + 1 * p->stride, p->ids, n, keys);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(keys[i], expected(p, 1, p->ids[i]));
    }
}

static void check_block(const graph_pairs *k, const points *p, size_t n)
{
    size_t groups = (n + 15) / 16;
    uint8_t *tile = aligned_alloc(64, groups * 64 * p->quads);
    uint32_t norms[ROOM], keys[GRAPH_PAIRS_ROWS * ROOM];
    const uint8_t *rows[ROOM];
    for (size_t i = 0; i < n; i++)
        rows[i] = p->bytes + p->ids[i] * p->stride;
    for (size_t g = 0; g < groups; g++)
        k->pack(rows + 16 * g, VV_MIN((size_t)16, n - 16 * g), p->quads, tile + g * 64 * p->quads,
                norms + 16 * g);
    for (size_t m = 1; m <= VV_MIN((size_t)GRAPH_PAIRS_ROWS, n); m++) {
        k->block(rows, m, tile, norms, groups, p->quads, keys);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < 16 * groups; j++) {
                size_t other = j < n ? j : 16 * (groups - 1); /* missing: the group's first */
                assert_int_equal(keys[i * 16 * groups + j], expected(p, p->ids[i], p->ids[other]));
            }
        }
    }
    free(tile);
}

static void check_counts(const graph_pairs *k)
{
    random_state r;
    uint32_t keys[ROOM], positions[ROOM + 16];
    random_seed(&r, 5);
    for (uint32_t range = 1; range != 0; range = range > UINT32_MAX / 60 ? 0 : range * 60) {
        for (size_t i = 0; i < ROOM; i++)
            keys[i] = (uint32_t)random_below(&r, range) + (i % 3 ? 0 : UINT32_MAX - range);
        for (size_t b = 0; b < ROOM; b++) {
            size_t n = 0, got = k->below(keys, ROOM / 16, keys[b], positions);
            for (uint32_t i = 0; i < ROOM; i++) {
                if (keys[i] >= keys[b]) continue;
                assert_true(n < got);
                assert_int_equal(positions[n++], i);
            }
            assert_int_equal(n, got);
            assert_int_equal(k->count(keys, ROOM / 16, keys[b]), n);
        }
    }
}

static void check_kernels(const graph_pairs *k)
{
    for (size_t width = 1; width <= WIDTH_MAX; width += width < 70 ? 1 : 13) {
        points p;
        make_points(&p, width, width);
        check_scan(k, &p);
        for (size_t n = 1; n <= POINTS; n = n * 2 + 1)
            check_block(k, &p, n);
        free_points(&p);
    }
    check_counts(k);
}

static void test_every_kernel_is_exact(void **state)
{
    const distance_isa_kernels *offered[DISTANCE_ISAS_MAX];
    (void)state;
    check_kernels(&graph_pairs_scalar);
    check_kernels(graph_pairs_choose());
    distance_isas(offered);
    for (size_t i = 0; offered[i]; i++) {
#if defined(__x86_64__)
        if (strcmp(offered[i]->name, "avx2") == 0) check_kernels(&graph_pairs_avx2);
        if (strcmp(offered[i]->name, "avx512") == 0) check_kernels(&graph_pairs_avx512);
#endif
    }
}

/* 65,536 coordinates at opposite ends: sums wrap around on the way, the result must not. */
static void test_the_widest_points_do_not_overflow(void **state)
{
    enum { WIDE = 65536 };
    (void)state;
    uint8_t *bytes = aligned_alloc(64, 2 * WIDE), *tile = aligned_alloc(64, 16 * WIDE);
    const uint8_t *rows[2] = {bytes, bytes + WIDE};
    const graph_pairs *all[] = {&graph_pairs_scalar, graph_pairs_choose()};
    uint32_t norms[16], keys[16], ids[] = {1};
    memset(bytes, 0, WIDE);
    memset(bytes + WIDE, 255, WIDE);
    for (size_t i = 0; i < VV_COUNT(all); i++) {
        all[i]->scan(bytes, WIDE, bytes, ids, 1, keys);
        assert_int_equal(keys[0], 255u * 255u * WIDE);
        all[i]->pack(rows, 2, WIDE / 4, tile, norms);
        all[i]->block(rows, 1, tile, norms, 1, WIDE / 4, keys);
        assert_int_equal(keys[0], 0);
        assert_int_equal(keys[1], 255u * 255u * WIDE);
        all[i]->block(rows + 1, 1, tile, norms, 1, WIDE / 4, keys);
        assert_int_equal(keys[0], 255u * 255u * WIDE);
        assert_int_equal(keys[1], 0);
    }
    free(bytes);
    free(tile);
}

static int by_entry(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_sorting(void **state)
{
    (void)state;
    random_state r;
    uint64_t a[1000], b[1000];
    random_seed(&r, 3);
    for (size_t n = 0; n <= VV_COUNT(a); n = n * 4 / 3 + 1) {
        for (size_t i = 0; i < n; i++)
            a[i] = b[i] = random_below(&r, n % 2 ? UINT64_MAX : 9);
        graph_sort(a, n);
        qsort(b, n, sizeof *b, by_entry);
        assert_memory_equal(a, b, n * sizeof *a);
        size_t kept = graph_unique(a, n);
        for (size_t i = 1; i < kept; i++)
            assert_true(a[i - 1] < a[i]);
        assert_true(n == 0 || (a[0] == b[0] && a[kept - 1] == b[n - 1]));
    }
}

/* With keys all different, few different, and all equal. */
static void test_the_nearest_are_found_under_a_bound(void **state)
{
    enum { MANY = 1600 };
    static uint32_t keys[MANY], positions[MANY + 16];
    static uint64_t all[MANY], near[MANY];
    (void)state;
    random_state r;
    random_seed(&r, 8);
    for (uint32_t range = 1; range <= 100000000; range *= 100) {
        for (uint32_t i = 0; i < MANY; i++) {
            keys[i] = 1000 + (uint32_t)random_below(&r, range);
            all[i] = graph_entry(keys[i], i);
        }
        qsort(all, MANY, sizeof *all, by_entry);
        for (size_t k = 1; k <= 64; k *= 4) {
            uint32_t bound = k == 16 ? 1000 + range / 100 : UINT32_MAX;
            size_t below = graph_pairs_choose()->count(keys, MANY / 16, bound);
            size_t n = graph_nearest(graph_pairs_choose(), keys, MANY, k, bound, positions, near);
            assert_int_equal(n, VV_MIN(k, below));
            assert_memory_equal(near, all, n * sizeof *near);
        }
    }
}

/* Whatever the order of merges, the nearest stay, each once. */
static void test_lists_keep_the_nearest(void **state)
{
    enum { LIST = 20, BATCHES = 30, BATCH = 7 };
    (void)state;
    random_state r;
    uint64_t all[BATCHES * BATCH], batch[BATCH];
    graph_lists l;
    size_t total = 0, n;
    random_seed(&r, 4);
    assert_int_equal(graph_lists_init(&l, 3, LIST, NULL), VARVE_OK);
    assert_int_equal(graph_lists_bound(&l, 1), UINT32_MAX);
    for (size_t i = 0; i < BATCHES; i++) {
        for (size_t j = 0; j < BATCH; j++)
            batch[j] = graph_entry(1 + (uint32_t)random_below(&r, 90), (uint32_t)(j % 3));
        graph_sort(batch, BATCH);
        n = graph_unique(batch, BATCH);
        memcpy(all + total, batch, n * sizeof *batch);
        total += n;
        graph_lists_merge(&l, 1, batch, n);
    }
    qsort(all, total, sizeof *all, by_entry);
    total = graph_unique(all, total);
    const uint64_t *list = graph_lists_get(&l, 1, &n);
    assert_int_equal(n, LIST);
    assert_true(total > LIST);
    assert_memory_equal(list, all, LIST * sizeof *list);
    assert_int_equal(graph_lists_bound(&l, 1), graph_entry_key(list[LIST - 1]) + 1);
    graph_lists_get(&l, 0, &n);
    assert_int_equal(n, 0);
    graph_lists_get(&l, 2, &n);
    assert_int_equal(n, 0);
    graph_lists_done(&l);
}

/* As leaves do it: no more than what is below the bound at that time. Keys are often equal. */
static void merge_under_bound(graph_lists *l, uint32_t list, uint64_t *entries, size_t n)
{
    uint32_t bound = graph_lists_bound(l, list);
    size_t below = 0;
    while (below < n && graph_entry_key(entries[below]) < bound)
        below++;
    graph_lists_merge(l, list, entries, below);
}

static void test_lists_do_not_depend_on_the_order_of_leaves(void **state)
{
    enum { LIST = 12, BATCHES = 20, BATCH = 9 };
    (void)state;
    random_state r;
    uint64_t batches[BATCHES][BATCH];
    graph_lists l;
    size_t n;
    random_seed(&r, 6);
    assert_int_equal(graph_lists_init(&l, 2, LIST, NULL), VARVE_OK);
    for (size_t i = 0; i < BATCHES; i++) {
        for (size_t j = 0; j < BATCH; j++)
            batches[i][j] = graph_entry((uint32_t)random_below(&r, 4),
                                        (uint32_t)(100 * j + random_below(&r, 100)));
        graph_sort(batches[i], BATCH);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        merge_under_bound(&l, 0, batches[i], BATCH);
        merge_under_bound(&l, 1, batches[BATCHES - 1 - i], BATCH);
    }
    const uint64_t *forth = graph_lists_get(&l, 0, &n), *back = graph_lists_get(&l, 1, &n);
    assert_memory_equal(forth, back, LIST * sizeof *forth);
    graph_lists_done(&l);
}

/* ---- pruning ------------------------------------------------------------------------------- */

/* Is candidate i hidden by one that was taken before it? By the words of graph_prune.h. */
static bool is_hidden(const points *p, const uint32_t *ids, const bool *taken, size_t i,
                      float limit)
{
    for (size_t j = 0; j < i; j++) {
        float between = (float)expected(p, ids[j], ids[i]), own = (float)expected(p, 0, ids[i]);
        if (taken[j] && (between == 0 || own / between > limit)) return true;
    }
    return false;
}

static size_t prune_plainly(const points *p, const uint32_t *ids, size_t n, size_t degree,
                            uint32_t *ret)
{
    bool taken[POINTS] = {false};
    size_t count = 0;
    for (int round = 0; round < 3; round++) {
        float limit = round == 0 ? 1 : round == 1 ? 1.2f : INFINITY;
        for (size_t i = 0; i < n && count < degree; i++) {
            if (taken[i] || (round < 2 && is_hidden(p, ids, taken, i, limit))) continue;
            taken[i] = true;
            ret[count++] = ids[i];
        }
    }
    return count;
}

/* Points of few values: many are equal, or as far from each other as from the point. */
static void test_pruning(void **state)
{
    (void)state;
    for (size_t values = 2; values <= 256; values *= 2) {
        points p;
        graph_pruner u;
        uint64_t candidates[POINTS];
        uint32_t ids[POINTS], edges[GRAPH_DEGREE_MAX], plain[GRAPH_DEGREE_MAX];
        make_points(&p, 10, values);
        for (size_t i = 0; i < POINTS * p.stride; i++)
            p.bytes[i] = (uint8_t)(p.bytes[i] % values);
        graph_points all = {
            .count = POINTS, .codes = p.bytes, .stride = p.stride, .quads = p.quads};
        all.pairs = graph_pairs_choose();
        assert_int_equal(graph_pruner_init(&u, &all, 1.2f, POINTS, NULL), VARVE_OK);
        for (uint32_t n = 1; n < POINTS; n += n < 36 ? 1 : 19) {
            for (uint32_t i = 0; i < n; i++)
                candidates[i] = graph_entry(expected(&p, 0, i + 1), i + 1);
            graph_sort(candidates, n);
            for (uint32_t i = 0; i < n; i++)
                ids[i] = graph_entry_point(candidates[i]);
            assert_int_equal(graph_prune(&u, candidates, n, 24, edges, NULL), VARVE_OK);
            size_t count = prune_plainly(&p, ids, n, 24, plain);
            assert_memory_equal(edges, plain, count * sizeof *edges);
            for (size_t i = count; i < 24; i++)
                assert_int_equal(edges[i], GRAPH_NONE);
        }
        graph_pruner_done(&u);
        free_points(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_is_exact),
        cmocka_unit_test(test_the_widest_points_do_not_overflow),
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_pruning),
        cmocka_unit_test(test_the_nearest_are_found_under_a_bound),
        cmocka_unit_test(test_lists_keep_the_nearest),
        cmocka_unit_test(test_lists_do_not_depend_on_the_order_of_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
