/* test_ivf.c — partitions: every row in its own, none much too large, copies counted once, and k
 * rows found even where the nearest partitions hold none. */
#include "index_reseal.h"
#include "index_vectors.h"

#include "index/ivf.h"

#include <math.h>

/* Rows in clumps of very different sizes. */
static test_vectors *clumps(uint32_t count, uint32_t dim, uint64_t seed)
{
    test_vectors *t = new_vectors(count, dim, VARVE_FLOAT32);
    random_state r;
    float x[64];
    random_seed(&r, seed);
    for (uint32_t slot = 0; slot < count; slot++) {
        uint64_t clump = random_below(&r, 1 + random_below(&r, 1 + random_below(&r, 40)));
        for (uint32_t i = 0; i < dim; i++)
            x[i] = (float)((clump * 37 + i * clump * 11) % 23) + 0.5f * random_gauss(&r);
        set_vector(t, slot, x);
    }
    return t;
}

static vector_index *open_with(const test_vectors *t, const char *mode, uint32_t n_clusters,
                               uint32_t replica_count)
{
    index_spec s = spec_of(t, INDEX_KIND_FULL, mode);
    vector_index *x;
    s.params.n_clusters = n_clusters;
    s.params.replica_count = replica_count;
    index_record record = build_index(t, &s, 2, "t.idx");
    OK(index_open(in_folder("t.idx"), &record, &x, err));
    return x;
}

/* The largest breadth that makes a difference. */
static uint64_t partitions_of(vector_index *x, const test_vectors *t)
{
    index_query q = query_of((const float *)(const void *)t->bytes, 1);
    q.breadth = UINT32_MAX;
    found_hits f = search_index(x, t, &q);
    free(f.hits);
    return f.work.nodes;
}

static void expect_best_of_all(vector_index *x, const test_vectors *t, size_t k,
                               const tombstones *hidden, random_state *r)
{
    varve_metric metric = index_get_spec(x)->mode.metric;
    ranked *all = calloc(t->rows.count + 1, sizeof *all);
    float values[64];
    distance_row_floats(t->rows.dtype, t->rows.dim,
                        t->bytes + random_below(r, t->rows.count) * t->stride, values);
    index_query q = query_of(values, k);
    q.hidden = hidden;
    q.breadth = UINT32_MAX;
    found_hits f = search_index(x, t, &q);
    ranked *got = calloc(f.count + 1, sizeof *got);
    size_t live = rank_all(t, metric, &q, all);
    (void)rank_hits(t, metric, &q, f.hits, f.count, got);
    assert_true(f.count >= VV_MIN(k, live));
    for (size_t i = 0; i < VV_MIN(k, live); i++)
        assert_int_equal(got[i].slot, all[i].slot);
    free(f.hits);
    free(got);
    free(all);
}

/* All partitions opened, a search is exact; with copies too. */
static void test_all_partitions_hold_all_rows(void **state)
{
    static const uint32_t counts[] = {1, 2, 33, 63, 64, 130, 1000, 3000};
    static const char *const modes[] = {"IVF-L2", "SPANN-IP", "SPANN-COS-SQ8", "IVF-HAMMING",
                                        "IVF-JACCARD"};
    random_state r;
    (void)state;
    random_seed(&r, 1);
    for (size_t c = 0; c < VV_COUNT(counts); c++) {
        test_vectors *t = clumps(counts[c], 24, c);
        for (size_t m = 0; m < VV_COUNT(modes); m++) {
            vector_index *x = open_with(t, modes[m], c % 2 ? 7 : 0, 1 + (uint32_t)c % 4);
            OK(index_check(x, &t->rows, err));
            for (unsigned i = 0; i < 5; i++)
                expect_best_of_all(x, t, 1 + random_below(&r, 20), NULL, &r);
            index_unref(x);
        }
        free_vectors(t);
    }
}

/* n_clusters as asked, but partitions that came out too large are divided. */
static void test_balance(void **state)
{
    test_vectors *t = clumps(20000, 8, 3);
    vector_index *x = open_with(t, "IVF-L2", 50, 1);
    uint64_t partitions = partitions_of(x, t), largest = 0;
    (void)state;
    assert_true(partitions >= 40 && partitions <= 150);
    for (uint32_t slot = 0; slot < 20000; slot += 97) {
        index_query q = query_of((const float *)(const void *)(t->bytes + slot * t->stride), 1);
        q.breadth = 1;
        found_hits f = search_index(x, t, &q);
        assert_int_equal(f.work.nodes, 1);
        largest = VV_MAX(largest, f.work.codes);
        free(f.hits);
    }
    assert_true(largest <= 4 * 20000 / 50);
    index_unref(x);
    free_vectors(t);
}

/* Rows that are all the same cannot be told apart; they are found all the same. */
static void test_equal_rows(void **state)
{
    static const char *const modes[] = {"IVF-L2", "IVF-COS", "SPANN-IP", "IVF-HAMMING"};
    test_vectors *t = new_vectors(2000, 8, VARVE_FLOAT32);
    (void)state;
    for (size_t m = 0; m < VV_COUNT(modes); m++) {
        vector_index *x = open_with(t, modes[m], 0, 3); /* all zero */
        float values[8] = {1};
        index_query q = query_of(values, 10);
        found_hits f = search_index(x, t, &q);
        assert_true(f.count >= 10);
        OK(index_check(x, &t->rows, err));
        free(f.hits);
        index_unref(x);
    }
    free_vectors(t);
}

/* ---- lists that lie, under sums that fit ----------------------------------------------------- */

static vector_index *open_bytes(uint8_t *bytes, size_t size)
{
    vector_index *x;
    index_reseal(bytes, size);
    put_file(in_folder("bad.idx"), bytes, size);
    OK(index_open(in_folder("bad.idx"), NULL, &x, err));
    return x;
}

static uint8_t *read_index(const test_vectors *t, const char *mode, size_t *ret_size)
{
    char *bytes;
    index_unref(open_with(t, mode, 0, 1));
    OK(file_read(in_folder("t.idx"), SIZE_MAX / 2, &bytes, ret_size, err));
    return (uint8_t *)bytes;
}

/* What fills up the groups becomes rows that are there already, all of them equally far: more hits
 * than there are rows. */
static void test_rows_listed_again(void **state)
{
    enum { ROWS = 70 };
    test_vectors *t = new_vectors(ROWS, 8, VARVE_FLOAT32);
    size_t size, count;
    uint8_t *bytes = read_index(t, "IVF-L2", &size),
            *entry = index_entry_of(bytes, size, INDEX_SLOTS);
    uint8_t *slots = bytes + get_u64(entry + 8);
    float values[8] = {1};
    index_query q = query_of(values, ROWS);
    index_work work = {0};
    (void)state;
    assert_true(get_u64(entry + 16) / 4 > ROWS);
    for (size_t i = 0; i < get_u64(entry + 16) / 4; i++)
        if (get_u32(slots + 4 * i) == UINT32_MAX) put_u32(slots + 4 * i, 0);
    vector_index *x = open_bytes(bytes, size);
    index_hit *hits = calloc(index_hits_max(x, &q), sizeof *hits);
    assert_int_equal(index_search(x, &t->rows, &q, hits, &count, &work, NULL), VARVE_CORRUPT);
    assert_int_equal(index_check(x, &t->rows, NULL), VARVE_CORRUPT);
    free(hits);
    index_unref(x);
    free(bytes);
    free_vectors(t);
}

/* One more coded row, in the zeros behind the sections: it is of no slot. */
static void test_bits_of_no_row(void **state)
{
    enum { ROWS = 70, HEAD = IVF_HEAD_BYTES };
    test_vectors *t = new_vectors(ROWS, 8, VARVE_FLOAT32);
    size_t size;
    uint8_t *bytes = read_index(t, "IVF-HAMMING", &size);
    uint8_t *partitions = index_entry_of(bytes, size, INDEX_PARTITIONS);
    uint8_t *slots = index_entry_of(bytes, size, INDEX_SLOTS);
    uint8_t *bits = index_entry_of(bytes, size, INDEX_BITS);
    uint8_t *head = bytes + get_u64(partitions + 8);
    (void)state;
    assert_int_equal(get_u64(slots + 16), 4 * ROWS);
    put_u64(head + HEAD + 8 * get_u32(head), ROWS + 1);
    put_u64(slots + 16, 4 * (ROWS + 1));
    put_u64(bits + 16, ROWS + 1);
    put_u32(bytes + get_u64(slots + 8) + 4 * ROWS, UINT32_MAX);
    vector_index *x = open_bytes(bytes, size);
    assert_int_equal(index_check(x, &t->rows, NULL), VARVE_CORRUPT);
    index_unref(x);
    free(bytes);
    free_vectors(t);
}

/* With copies more rows lie near the border that a query falls on: fewer partitions reach the same
 * recall, and no row is returned twice (search_index looks). */
static void test_copies(void **state)
{
    test_vectors *t = clumps(6000, 12, 5);
    vector_index *one = open_with(t, "SPANN-L2", 80, 1), *four = open_with(t, "SPANN-L2", 80, 4);
    double found_one = 0, found_four = 0;
    (void)state;
    assert_true(index_get_record(four)->file_bytes > index_get_record(one)->file_bytes);
    for (uint32_t slot = 0; slot < 6000; slot += 31) {
        ranked *all = calloc(6001, sizeof *all);
        index_query q = query_of((const float *)(const void *)(t->bytes + slot * t->stride), 10);
        q.breadth = 1;
        q.skip = slot;
        (void)rank_all(t, VARVE_METRIC_L2, &q, all);
        found_hits a = search_index(one, t, &q), b = search_index(four, t, &q);
        for (size_t i = 0; i < a.count; i++)
            found_one += exact_key(t, VARVE_METRIC_L2, q.values, a.hits[i].slot) <= all[9].key;
        for (size_t i = 0; i < b.count; i++)
            found_four += exact_key(t, VARVE_METRIC_L2, q.values, b.hits[i].slot) <= all[9].key;
        free(a.hits);
        free(b.hits);
        free(all);
    }
    print_message("one partition opened: %.0f of 1940 found, with copies %.0f\n", found_one,
                  found_four);
    assert_true(found_four > found_one);
    OK(index_check(four, &t->rows, err));
    index_unref(one);
    index_unref(four);
    free_vectors(t);
}

/* The nearest partitions may be hidden altogether. */
static void test_goes_on_until_k(void **state)
{
    static const char *const modes[] = {"IVF-L2", "SPANN-COS", "IVF-HAMMING"};
    test_vectors *t = clumps(5000, 16, 7);
    random_state r;
    (void)state;
    random_seed(&r, 8);
    for (size_t m = 0; m < VV_COUNT(modes); m++) {
        vector_index *x = open_with(t, modes[m], 60, 2);
        for (size_t visible = 0; visible < 40; visible += 13) {
            uint64_t *slots = calloc(5000, sizeof *slots);
            tombstones *hidden;
            for (uint64_t i = 0; i < 5000; i++)
                slots[i] = i;
            for (size_t i = 0; i < visible; i++) /* the last of the list are not hidden */
                slots[4999 - i] = slots[random_below(&r, 5000 - i)];
            OK(tombstones_change(NULL, slots, 5000 - visible, NULL, 0, &hidden, err));
            free(slots);
            index_query q = query_of((const float *)(const void *)t->bytes, 10);
            size_t live = 5000 - tombstones_count(hidden);
            q.hidden = hidden;
            q.breadth = 1;
            found_hits f = search_index(x, t, &q);
            assert_true(f.count >= VV_MIN(10, live));
            free(f.hits);
            tombstones_unref(hidden);
        }
        index_unref(x);
    }
    free_vectors(t);
}

/* Live rows that are the farthest of all: they are read instead of partitions without any. */
static void test_scans_what_is_far(void **state)
{
    static const char *const modes[] = {"IVF-L2", "SPANN-COS", "IVF-IP"};
    enum { ROWS = 5000, LIVE = 400, K = 10 };
    test_vectors *t = clumps(ROWS, 16, 17);
    (void)state;
    for (size_t m = 0; m < VV_COUNT(modes); m++) {
        vector_index *x = open_with(t, modes[m], 60, 2);
        varve_metric metric = index_get_spec(x)->mode.metric;
        index_query q = query_of((const float *)(const void *)t->bytes, K);
        ranked *all = calloc(ROWS + 1, sizeof *all);
        uint64_t slots[ROWS - LIVE];
        tombstones *hidden;
        assert_int_equal(rank_all(t, metric, &q, all), ROWS);
        for (size_t i = 0; i < ROWS - LIVE; i++)
            slots[i] = all[i].slot;
        OK(tombstones_change(NULL, slots, ROWS - LIVE, NULL, 0, &hidden, err));
        q.hidden = hidden;
        q.skip = all[ROWS - LIVE].slot; /* the nearest of the live ones */
        q.recall_target = 0.95;
        found_hits f = search_index(x, t, &q);
        assert_int_equal(f.count, K);
        assert_true(f.work.rescored >= LIVE - 1);
        for (size_t i = 0; i < K; i++) {
            double key = exact_key(t, metric, q.values, f.hits[i].slot);
            double wanted = all[ROWS - LIVE + 1 + i].key;
            assert_true(fabs(key - wanted) <= 1e-5 * fabs(wanted));
        }
        q.breadth = 3; /* asked for: kept to */
        found_hits few = search_index(x, t, &q);
        assert_int_equal(few.work.rescored, 0);
        free(few.hits);
        free(f.hits);
        free(all);
        tombstones_unref(hidden);
        index_unref(x);
    }
    free_vectors(t);
}

/* ---- the order of partitions --------------------------------------------------------------- */

static void test_nearest(void **state)
{
    float distances[100];
    ivf_lists lists = {.partitions = 100, .copies = 1, .rows = 1000};
    random_state r;
    (void)state;
    random_seed(&r, 9);
    for (unsigned round = 0; round < 100; round++) {
        index_query q = query_of(distances, 10);
        ivf_nearest n;
        uint32_t partition, opened = 0, wanted = 1 + (uint32_t)random_below(&r, 120);
        float last = -1;
        for (size_t i = 0; i < 100; i++)
            distances[i] = (float)random_below(&r, 50);
        OK(ivf_nearest_init(&n, &lists, &q, wanted, distances, err));
        while (ivf_nearest_next(&n, 10, &partition)) {
            assert_true(distances[partition] >= last);
            last = distances[partition];
            opened++;
        }
        assert_int_equal(opened, VV_MIN(wanted, 100));
        while (ivf_nearest_next(&n, 9, &partition)) /* one row short */
            opened++;
        assert_int_equal(opened, 100);
        ivf_nearest_done(&n);
    }
}

static void test_how_many(void **state)
{
    (void)state;
    assert_int_equal(ivf_partition_count(0, 1), 1);
    assert_int_equal(ivf_partition_count(256, 100), 1); /* no partition of a handful of rows */
    assert_int_equal(ivf_partition_count(256, 1000000), 256);
    assert_int_equal(ivf_partition_count(0, 1000000), 1000);
    assert_int_equal(ivf_partition_count(1 << 20, UINT32_MAX - 1), IVF_PARTITIONS_MAX / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_partitions_hold_all_rows),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_rows_listed_again),
        cmocka_unit_test(test_bits_of_no_row),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_goes_on_until_k),
        cmocka_unit_test(test_scans_what_is_far),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_how_many),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
