/* test_graph_search.c — graphs of every mode: recall, hidden rows, small segments, rows that are
 * hard, and the same answers from file and memory, by one thread or several. */
#include "test_graph_search.h"

#include "base/clock.h"

#include <pthread.h>

static const struct mode_case {
    const char *mode;
    uint32_t dim;
    varve_dtype dtype;
} cases[] = {
    {"HNSW-L2", 24, VARVE_FLOAT32},
    {"HNSW-IP", 70, VARVE_FLOAT16},
    {"HNSW-COS", 32, VARVE_FLOAT32},
    {"HNSW-L2", 40, VARVE_UINT8},
    {"HNSW-L2", 20, VARVE_INT8},
    {"HNSW-COS", 33, VARVE_INT8},
    {"HNSW-L2-SQ8", 24, VARVE_FLOAT32},
    {"HNSW-IP-SQ8", 31, VARVE_FLOAT32},
    {"HNSW-COS-SQ8", 50, VARVE_FLOAT16},
    {"HNSW-L2-SQ8", 40, VARVE_UINT8},
    {"DISKANN-L2", 24, VARVE_FLOAT32},
    {"DISKANN-IP", 70, VARVE_FLOAT32},
    {"DISKANN-COS-SQ8", 24, VARVE_FLOAT32},
    {"DISKANN-L2", 65, VARVE_UINT8},
    {"DISKANN-L2-PQ", 24, VARVE_FLOAT32},
    {"DISKANN-IP-PQ8", 16, VARVE_FLOAT32},
    {"DISKANN-L2-PQ16", 64, VARVE_UINT8},
    {"HNSW-L1", 12, VARVE_FLOAT32},
    {"HNSW-HAVERSINE", 2, VARVE_FLOAT32},
    {"HNSW-CORRELATION", 16, VARVE_FLOAT32},
    {"HNSW-HELLINGER", 10, VARVE_FLOAT32},
    {"HNSW-WASSERSTEIN", 10, VARVE_FLOAT32},
    {"HNSW-JENSEN-SHANNON", 10, VARVE_FLOAT32},
    {"HNSW-CHEBYSHEV", 8, VARVE_UINT8},
};

static void test_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        random_state r;
        random_seed(&r, 100 + i);
        index_spec s = {.dim = 1};
        OK(index_mode_parse(cases[i].mode, &s.mode, err));
        varve_metric metric = s.mode.metric;
        test_vectors *t = make_vectors(1000, cases[i].dim, cases[i].dtype, metric, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, cases[i].mode);
        index_query q = query_of(NULL, 10);
        q.breadth = 128;
        double recall = mean_recall(x, t, metric, q, 20, &r);
        if (recall < 0.97) fail_msg("%s: recall %.3f", cases[i].mode, recall);
        OK(index_check(x, &t->rows, err));
        index_unref(x);
        free_vectors(t);
    }
}

/* ---- rows that are not there ----------------------------------------------------------------- */

static const char *const few_modes[] = {"HNSW-L2", "HNSW-IP-SQ8", "DISKANN-COS", "DISKANN-L2-PQ",
                                        "HNSW-L1"};

/* A walk through thousands of hidden rows to a few live ones would take long. */
static void test_mostly_hidden_rows_cost_little(void **state)
{
    static const double lives[] = {2, 40};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(few_modes); i++) {
        random_state r;
        random_seed(&r, 900 + i);
        index_spec s = {.dim = 1};
        OK(index_mode_parse(few_modes[i], &s.mode, err));
        test_vectors *t = make_vectors(3000, 16, VARVE_FLOAT32, s.mode.metric, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, few_modes[i]);
        for (size_t j = 0; j < VV_COUNT(lives); j++) {
            tombstones *hidden = hide_rows(t->rows.count, lives[j], &r);
            size_t live = t->rows.count - (size_t)tombstones_count(hidden);
            float values[16] = {0.5f, 0.25f};
            index_query q = query_of(values, 10);
            q.hidden = hidden;
            found_hits f = search_index(x, t, &q);
            assert_true(f.count >= VV_MIN(live, (size_t)10));
            assert_true(f.work.nodes + f.work.rescored <= live);
            assert_true(recall_of(x, t, s.mode.metric, &q) >= 1);
            free(f.hits);
            tombstones_unref(hidden);
        }
        index_unref(x);
        free_vectors(t);
    }
}

/* Hidden are all rows but those that a walk would find early, late or anywhere. */
static tombstones *hide_by_place(const test_vectors *t, const float *query, const char *live,
                                 size_t count, random_state *r)
{
    index_query q = query_of(query, 10);
    uint32_t rows = t->rows.count;
    ranked *all = calloc(rows + 1, sizeof *all);
    uint64_t *slots = calloc(rows, sizeof *slots);
    tombstones *hidden;
    rank_all(t, VARVE_METRIC_L2, &q, all);
    if (strcmp(live, "random") == 0)
        for (uint32_t i = rows - 1; i > 0; i--) {
            uint64_t j = random_below(r, i + 1);
            ranked moved = all[i];
            all[i] = all[j];
            all[j] = moved;
        }
    for (uint32_t i = 0; i < rows - count; i++)
        slots[i] = all[strcmp(live, "far") == 0 ? i : rows - 1 - i].slot;
    OK(tombstones_change(NULL, slots, rows - count, NULL, 0, &hidden, err));
    free(slots);
    free(all);
    return hidden;
}

/* Wherever the live rows are, a walk finds them, and does not go through the hidden ones. */
static void test_where_live_rows_are(void **state)
{
    static const char *const modes[] = {"HNSW-L2", "HNSW-L2-SQ8", "DISKANN-L2-PQ"};
    static const char *const places[] = {"near", "random", "far"};
    static const double shares[] = {0.2, 0.5, 0.9};
    random_state r;
    (void)state;
    random_seed(&r, 77);
    test_vectors *t = make_vectors(6000, 48, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    for (size_t i = 0; i < VV_COUNT(modes) * VV_COUNT(places) * VV_COUNT(shares); i++) {
        const char *mode = modes[i / 9], *place = places[i / 3 % 3];
        double recall = 0, share = shares[i % 3];
        static vector_index *x;
        if (i % 9 == 0) x = build_and_open(t, INDEX_KIND_FULL, mode);
        for (unsigned j = 0; j < 5; j++) {
            float query[48];
            fill(query, 48, &r);
            tombstones *hidden = hide_by_place(t, query, place, (size_t)(6000 * share), &r);
            for (unsigned k = 0; k < 2; k++) { /* by target, and as asked */
                index_query q = query_of(query, 10);
                q.breadth = k ? 48 : 0;
                q.recall_target = 0.95;
                q.hidden = hidden;
                found_hits f = search_index(x, t, &q);
                assert_true(f.work.nodes <= 600);
                assert_true(f.work.nodes > 0 || f.work.rescored >= 6000 * share);
                free(f.hits);
                recall += recall_of(x, t, VARVE_METRIC_L2, &q) / 10;
            }
            tombstones_unref(hidden);
        }
        if (recall < 0.9) fail_msg("%s, %s %g: recall %.3f", mode, place, share, recall);
        if (i % 9 == 8) index_unref(x);
    }
    free_vectors(t);
}

static void test_hidden(void **state)
{
    static const double shares[] = {0.1, 0.9, 5, 1};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(few_modes); i++) {
        random_state r;
        random_seed(&r, 200 + i);
        index_spec s = {.dim = 1};
        OK(index_mode_parse(few_modes[i], &s.mode, err));
        test_vectors *t = make_vectors(1200, 16, VARVE_FLOAT32, s.mode.metric, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, few_modes[i]);
        for (size_t j = 0; j < VV_COUNT(shares); j++) {
            tombstones *hidden = hide_rows(t->rows.count, shares[j], &r);
            index_query q = query_of(NULL, 10);
            q.breadth = 96;
            q.hidden = hidden;
            q.skip = j % 2 ? 7 : UINT64_MAX;
            double recall = mean_recall(x, t, s.mode.metric, q, 15, &r);
            if (recall < 0.95)
                fail_msg("%s: %g hidden: recall %.3f", few_modes[i], shares[j], recall);
            tombstones_unref(hidden);
        }
        index_unref(x);
        free_vectors(t);
    }
}

/* A row that is to be skipped is not even a way: its neighbours are found all the same. */
static void test_skip(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 3);
    test_vectors *t = make_vectors(800, 12, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "HNSW-L2");
    double recall = 0;
    for (uint32_t slot = 0; slot < 50; slot++) {
        float values[12];
        distance_row_floats(VARVE_FLOAT32, 12, t->bytes + slot * t->stride, values);
        index_query q = query_of(values, 10);
        q.breadth = 64;
        q.skip = slot;
        recall += recall_of(x, t, VARVE_METRIC_L2, &q) / 50;
    }
    assert_true(recall > 0.97);
    index_unref(x);
    free_vectors(t);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void expect_all_rows(const char *mode, varve_metric metric, uint32_t count, random_state *r)
{
    float values[9];
    test_vectors *t = make_vectors(count, 9, VARVE_FLOAT32, metric, r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, mode);
    fill_for(metric, VARVE_FLOAT32, values, 9, r);
    index_query q = query_of(values, 100);
    found_hits f = search_index(x, t, &q);
    assert_in_range(f.count, VV_MIN(count, 100), count);
    free(f.hits);
    q.k = 10000;
    q.breadth = 1;
    f = search_index(x, t, &q);
    assert_int_equal(f.count, count);
    free(f.hits);
    OK(index_check(x, &t->rows, err));
    index_unref(x);
    free_vectors(t);
}

static void test_small(void **state)
{
    static const uint32_t counts[] = {1, 2, 40, 700};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(few_modes); i++) {
        random_state r;
        random_seed(&r, 300 + i);
        index_spec s = {.dim = 1};
        OK(index_mode_parse(few_modes[i], &s.mode, err));
        for (size_t j = 0; j < VV_COUNT(counts); j++)
            expect_all_rows(few_modes[i], s.mode.metric, counts[j], &r);
    }
}

static void test_large_k(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 4);
    test_vectors *t = make_vectors(4000, 8, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "HNSW-L2");
    index_query q = query_of(NULL, 1500);
    assert_true(mean_recall(x, t, VARVE_METRIC_L2, q, 3, &r) > 0.9);
    q.k = 1;
    q.breadth = 1;
    assert_true(mean_recall(x, t, VARVE_METRIC_L2, q, 20, &r) > 0.2);
    index_unref(x);
    free_vectors(t);
}

/* ---- rows that are hard ---------------------------------------------------------------------- */

typedef void change_row(uint32_t slot, float *x, uint32_t dim, random_state *r);

static void make_copies(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    random_state same;
    (void)r;
    random_seed(&same, slot % 40);
    fill(x, dim, &same);
}
static void make_equal(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    (void)r;
    (void)slot;
    for (uint32_t i = 0; i < dim; i++)
        x[i] = 0.5f;
}
static void make_lengths(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    float scale = (float)pow(10, 2 * random_unit(r) - 1);
    (void)slot;
    for (uint32_t i = 0; i < dim; i++)
        x[i] *= scale;
}
static void make_far(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    (void)slot;
    (void)r;
    for (uint32_t i = 0; i < dim; i++)
        x[i] = 1000 + x[i];
}
static void make_huge(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    (void)slot;
    (void)r;
    for (uint32_t i = 0; i < dim; i++)
        x[i] *= 1e36f;
}
static void make_tiny(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    (void)slot;
    (void)r;
    for (uint32_t i = 0; i < dim; i++)
        x[i] *= 1e-37f;
}
static void make_zeros(uint32_t slot, float *x, uint32_t dim, random_state *r)
{
    (void)r;
    if (slot % 3 == 0) memset(x, 0, dim * sizeof *x);
}

static void expect_recall(const char *mode, change_row *change, double least)
{
    random_state r;
    float x[20], values[20];
    double recall = 0;
    index_spec s = {.dim = 1};
    random_seed(&r, 5);
    OK(index_mode_parse(mode, &s.mode, err));
    test_vectors *t = new_vectors(1000, 20, VARVE_FLOAT32);
    for (uint32_t slot = 0; slot < t->rows.count; slot++) {
        fill(x, 20, &r);
        change(slot, x, 20, &r);
        set_vector(t, slot, x);
    }
    vector_index *i = build_and_open(t, INDEX_KIND_FULL, mode);
    for (unsigned n = 0; n < 20; n++) {
        fill(values, 20, &r);
        change(n, values, 20, &r);
        index_query q = query_of(values, 10);
        q.breadth = 128;
        recall += recall_of(i, t, s.mode.metric, &q) / 20;
    }
    if (recall < least) fail_msg("%s: recall %.3f, not %.3f", mode, recall, least);
    OK(index_check(i, &t->rows, err));
    index_unref(i);
    free_vectors(t);
}

static void test_hard_rows(void **state)
{
    static const char *const modes[] = {"HNSW-L2", "HNSW-IP", "HNSW-COS", "HNSW-L2-SQ8",
                                        "DISKANN-IP-SQ8"};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(modes); i++) {
        expect_recall(modes[i], make_copies, 0.95);
        expect_recall(modes[i], make_equal, 1);
        expect_recall(modes[i], make_lengths, 0.93);
        expect_recall(modes[i], make_zeros, 0.95);
    }
    for (size_t i = 0; i < 3; i++) {
        expect_recall(modes[i], make_huge, 0.95);
        expect_recall(modes[i], make_tiny, 0.95);
    }
    expect_recall("HNSW-L2", make_far, 0.95);
}

/* Queries far outside the rows: what is nearest there is found too. */
static void test_far_queries(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 6);
    test_vectors *t = make_vectors(1000, 16, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "HNSW-L2");
    for (double scale = 10; scale < 1e38; scale *= 1000) {
        float values[16];
        fill(values, 16, &r);
        for (size_t i = 0; i < 16; i++)
            values[i] = (float)((double)values[i] * scale);
        index_query q = query_of(values, 10);
        q.breadth = 200;
        found_hits f = search_index(x, t, &q);
        assert_true(f.count >= 10);
        free(f.hits);
        if (scale < 1e4) assert_true(recall_of(x, t, VARVE_METRIC_L2, &q) >= 0.5);
    }
    index_unref(x);
    free_vectors(t);
}

/* ---- file and memory, threads, time ------------------------------------------------------------
 * */

#define QUERIES 24

typedef struct answers {
    vector_index *x;
    const test_vectors *t;
    float (*values)[24];
    found_hits hits[QUERIES];
} answers;

static void *answer(void *context)
{
    answers *a = context;
    for (size_t i = 0; i < QUERIES; i++) {
        index_query q = query_of(a->values[i], 1 + i);
        q.breadth = (uint32_t)(20 + 10 * i);
        a->hits[i] = search_index(a->x, a->t, &q);
    }
    return NULL;
}

static void expect_same(const answers *a, const answers *b)
{
    for (size_t i = 0; i < QUERIES; i++) {
        assert_int_equal(a->hits[i].count, b->hits[i].count);
        assert_memory_equal(a->hits[i].hits, b->hits[i].hits,
                            a->hits[i].count * sizeof *a->hits[i].hits);
    }
}

static void free_answers(answers *a)
{
    for (size_t i = 0; i < QUERIES; i++)
        free(a->hits[i].hits);
}

static void load_while_searched(vector_index *x, const test_vectors *t, float (*values)[24])
{
    pthread_t threads[4];
    answers first = {.x = x, .t = t, .values = values}, others[4], last = first;
    (void)answer(&first);
    for (size_t i = 0; i < VV_COUNT(threads); i++) {
        others[i] = (answers){.x = x, .t = t, .values = values};
        assert_int_equal(pthread_create(&threads[i], NULL, answer, &others[i]), 0);
    }
    OK(index_load(x, err));
    for (size_t i = 0; i < VV_COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        expect_same(&first, &others[i]);
        free_answers(&others[i]);
    }
    (void)answer(&last);
    expect_same(&first, &last);
    free_answers(&first);
    free_answers(&last);
}

static void test_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(few_modes); i++) {
        random_state r;
        float values[QUERIES][24];
        index_spec s = {.dim = 1};
        random_seed(&r, 7 + i);
        OK(index_mode_parse(few_modes[i], &s.mode, err));
        test_vectors *t = make_vectors(900, 24, VARVE_FLOAT32, s.mode.metric, &r);
        for (size_t j = 0; j < QUERIES; j++)
            fill_for(s.mode.metric, VARVE_FLOAT32, values[j], 24, &r);
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, few_modes[i]);
        bool disk = s.mode.structure == INDEX_DISKANN;
        assert_int_equal(index_load_bytes(x) == 0, disk);
        load_while_searched(x, t, values);
        index_unref(x);
        free_vectors(t);
    }
}

static void test_deadline(void **state)
{
    random_state r;
    float values[8];
    varve_error error;
    index_hit hits[300];
    index_work work = {0};
    size_t count;
    (void)state;
    random_seed(&r, 8);
    test_vectors *t = make_vectors(300, 8, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "HNSW-L2");
    fill(values, 8, &r);
    index_query q = query_of(values, 300);
    q.deadline_ns = clock_now_ns() - 1;
    assert_int_equal(index_search(x, &t->rows, &q, hits, &count, &work, &error), VARVE_TIMEOUT);
    index_unref(x);
    free_vectors(t);
}

/* Disk modes say how much they read. */
static void test_reads(void **state)
{
    random_state r;
    (void)state;
    random_seed(&r, 9);
    test_vectors *t = make_vectors(1000, 16, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "DISKANN-L2");
    float values[16];
    fill(values, 16, &r);
    index_query q = query_of(values, 10);
    q.breadth = 20;
    found_hits f = search_index(x, t, &q);
    assert_in_range(f.work.reads, 10, 200);
    assert_int_equal(f.work.reads, f.work.nodes);
    free(f.hits);
    index_unref(x);
    free_vectors(t);
}

/* Same rows, spec and seed: same bytes, whatever the number of threads. */
static void test_same_bytes(void **state)
{
    random_state r;
    (void)state;
    for (size_t i = 0; i < VV_COUNT(few_modes); i++) {
        index_spec s;
        random_seed(&r, 10 + i);
        test_vectors *t = make_vectors(700, 10, VARVE_FLOAT32, VARVE_METRIC_L2, &r);
        s = spec_of(t, INDEX_KIND_FULL, few_modes[i]);
        index_record a = build_index(t, &s, 1, "a.idx"), b = build_index(t, &s, 3, "b.idx");
        assert_int_equal(a.footer_hash, b.footer_hash);
        free_vectors(t);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_modes),
        IN_FOLDER(test_hidden),
        IN_FOLDER(test_where_live_rows_are),
        IN_FOLDER(test_mostly_hidden_rows_cost_little),
        IN_FOLDER(test_skip),
        IN_FOLDER(test_small),
        IN_FOLDER(test_large_k),
        IN_FOLDER(test_hard_rows),
        IN_FOLDER(test_far_queries),
        IN_FOLDER(test_load),
        IN_FOLDER(test_deadline),
        IN_FOLDER(test_reads),
        IN_FOLDER(test_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
