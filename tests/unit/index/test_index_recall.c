/* test_index_recall.c — every mode reaches the recall that a search asks for, on the bundled set of
 * 8,000 text vectors with 200 queries that were not in it, and on synthetic bits. */
#include "index_vectors.h"

#include "base/bytes.h"
#include "base/topk.h"

#define K       10
#define QUERIES 200
#define DIM     384
#define HEADER  128 /* of a .npy file */

static test_vectors *packages; /* float16, as bundled */
static float queries[QUERIES][DIM];

static void load_halves(const char *name, char **ret, size_t *ret_values)
{
    char path[512];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", VARVE_BENCH_DATA, name);
    OK(file_read(path, SIZE_MAX / 2, ret, &size, err));
    *ret_values = (size - HEADER) / 2;
}

static void load_bundled(void)
{
    char *bytes;
    size_t values;
    load_halves("packages.f16.npy", &bytes, &values);
    packages = new_vectors((uint32_t)(values / DIM), DIM, VARVE_FLOAT16);
    memcpy(packages->bytes, bytes + HEADER, values * 2);
    free(bytes);
    load_halves("queries.f16.npy", &bytes, &values);
    assert_int_equal(values, QUERIES * DIM);
    for (size_t i = 0; i < values; i++)
        queries[i / DIM][i % DIM] = half_to_float(get_u16(bytes + HEADER + 2 * i));
    free(bytes);
}

/* The bundled rows in another form. */
typedef float map_value(float x, uint32_t slot);
static float as_is(float x, uint32_t slot)
{
    (void)slot;
    return x;
}
static float as_bit(float x, uint32_t slot)
{
    (void)slot;
    return x > 0;
}
static float as_byte(float x, uint32_t slot)
{
    (void)slot;
    return roundf(fminf(fmaxf(x * 400, -127), 127));
}
static float as_lengths(float x, uint32_t slot) { return x * (0.2f + (float)(slot % 97) / 97); }

static test_vectors *converted(varve_dtype dtype, map_value *map)
{
    test_vectors *t = new_vectors(packages->rows.count, DIM, dtype);
    for (uint32_t slot = 0; slot < t->rows.count; slot++) {
        float x[DIM];
        distance_row_floats(VARVE_FLOAT16, DIM, packages->bytes + slot * packages->stride, x);
        for (size_t i = 0; i < DIM; i++)
            x[i] = map(x[i], slot);
        set_vector(t, slot, x);
    }
    return t;
}

/* ---- recall -------------------------------------------------------------------------------- */

/* All rows by one metric: keys of every query. Indexes of the same metric share it. */
typedef struct exam {
    const test_vectors *t;
    varve_metric metric;
    float values[QUERIES][DIM];
    float *keys; /* QUERIES × rows */
    tombstones *hidden;
    float worst_all[QUERIES], worst_some[QUERIES]; /* the K-th key; of rows not hidden */
} exam;

/* The K-th key of each query. */
static void find_worst(const exam *e, const tombstones *hidden, float ret[QUERIES])
{
    uint32_t rows = e->t->rows.count;
    for (size_t i = 0; i < QUERIES; i++) {
        topk_entry entries[K];
        topk best;
        topk_init(&best, entries, K);
        for (uint32_t slot = 0; slot < rows; slot++) {
            if (!tombstones_has(hidden, slot))
                topk_push(&best, (double)e->keys[i * rows + slot], slot);
        }
        ret[i] = (float)topk_bound(&best);
    }
}

static tombstones *hide_every(uint32_t count, uint32_t step)
{
    uint64_t *slots = calloc(count, sizeof *slots);
    size_t n = 0;
    tombstones *hidden;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (slot % step != 0) slots[n++] = slot;
    }
    OK(tombstones_change(NULL, slots, n, NULL, 0, &hidden, err));
    free(slots);
    return hidden;
}

static void exam_init(exam *e, const test_vectors *t, varve_metric metric, map_value *map)
{
    uint32_t rows = t->rows.count;
    e->t = t;
    e->metric = metric;
    e->keys = malloc((size_t)QUERIES * rows * sizeof *e->keys);
    assert_non_null(e->keys);
    for (size_t i = 0; i < QUERIES; i++) {
        distance_query *q;
        for (size_t j = 0; j < DIM; j++)
            e->values[i][j] = map(queries[i][j], 0);
        OK(distance_query_new(metric, t->rows.dtype, DIM, e->values[i], &q, err));
        distance_scan(q, t->bytes, rows, e->keys + i * rows);
        for (uint32_t slot = 0; metric == VARVE_METRIC_IP && slot < rows; slot++)
            e->keys[i * rows + slot] *= -1;
        distance_query_free(q);
    }
    e->hidden = hide_every(rows, 5);
    find_worst(e, NULL, e->worst_all);
    find_worst(e, e->hidden, e->worst_some);
}

static void exam_done(exam *e)
{
    tombstones_unref(e->hidden);
    free(e->keys);
    e->keys = NULL;
}

typedef struct outcome { /* means over the queries */
    double recall, hits;
} outcome;

static outcome ask_all(vector_index *x, const exam *e, bool some, double target)
{
    outcome o = {0};
    for (size_t i = 0; i < QUERIES; i++) {
        float worst = some ? e->worst_some[i] : e->worst_all[i];
        size_t good = 0;
        index_query q = query_of(e->values[i], K);
        q.recall_target = target;
        q.hidden = some ? e->hidden : NULL;
        found_hits f = search_index(x, e->t, &q);
        for (size_t j = 0; j < f.count && good < K; j++)
            good += e->keys[i * e->t->rows.count + f.hits[j].slot] <= worst;
        o.recall += (double)good / K / QUERIES;
        o.hits += (double)f.count / QUERIES;
        free(f.hits);
    }
    return o;
}

/* These queries are harder than the rows that the breadth was measured with (see curve.c), and two
 * hundred of them tell a recall to half a percent; a filter takes away the rows nearest to them. */
static bool is_enough(const outcome *o, double target, double tolerance)
{
    return o->recall >= target - tolerance;
}

static unsigned expect_targets(vector_index *x, const exam *e, const char *mode)
{
    static const double targets[] = {0.9, 0.95, 0.99};
    unsigned failures = 0;
    for (size_t i = 0; i < VV_COUNT(targets); i++) {
        outcome all = ask_all(x, e, false, targets[i]), some = ask_all(x, e, true, targets[i]);
        print_message("%-19s target %.2f: breadth %5u, recall %.4f of %4.0f hits; with a fifth "
                      "visible %.4f of %4.0f\n",
                      mode, targets[i], index_breadth(x, K, targets[i]), all.recall, all.hits,
                      some.recall, some.hits);
        failures += !is_enough(&all, targets[i], 0.02) + !is_enough(&some, targets[i], 0.03);
    }
    return failures;
}

/* Modes in the order of their metrics. */
static void expect_recall(const test_vectors *t, map_value *map, const char *const *modes,
                          size_t count)
{
    exam *e = calloc(1, sizeof *e);
    unsigned failures = 0;
    for (size_t i = 0; i < count; i++) {
        vector_index *x = build_and_open(t, INDEX_KIND_FULL, modes[i]);
        varve_metric metric = index_get_spec(x)->mode.metric;
        if (!e->keys || metric != e->metric) {
            exam_done(e);
            exam_init(e, t, metric, map);
        }
        failures += expect_targets(x, e, modes[i]);
        OK(index_check(x, &t->rows, err));
        index_unref(x);
    }
    exam_done(e);
    free(e);
    assert_int_equal(failures, 0);
}

static void test_codes(void **state)
{
    static const char *const modes[] = {"FLAT-IP-RABITQ", "FLAT-L2-POLARVEC2", "FLAT-COS-PQ64"};
    (void)state;
    expect_recall(packages, as_is, modes, VV_COUNT(modes));
}

static void test_codes_of_lengths(void **state)
{
    static const char *const modes[] = {"FLAT-IP-PQ", "FLAT-IP-POLARVEC"};
    test_vectors *t = converted(VARVE_FLOAT32, as_lengths);
    (void)state;
    expect_recall(t, as_is, modes, VV_COUNT(modes));
    free_vectors(t);
}

static void test_partitions(void **state)
{
    static const char *const modes[] = {"IVF-IP", "IVF-L2-SQ8", "SPANN-COS"};
    (void)state;
    expect_recall(packages, as_is, modes, VV_COUNT(modes));
}

static void test_partitions_of_lengths(void **state)
{
    static const char *const modes[] = {"IVF-IP"};
    test_vectors *t = converted(VARVE_FLOAT32, as_lengths);
    (void)state;
    expect_recall(t, as_is, modes, VV_COUNT(modes));
    free_vectors(t);
}

static void test_partitions_of_bytes(void **state)
{
    static const char *const modes[] = {"IVF-L2"};
    test_vectors *t = converted(VARVE_INT8, as_byte);
    (void)state;
    expect_recall(t, as_byte, modes, VV_COUNT(modes));
    free_vectors(t);
}

static void test_bits(void **state)
{
    static const char *const modes[] = {"FLAT-HAMMING", "IVF-HAMMING", "IVF-JACCARD-BINARY"};
    test_vectors *t = converted(VARVE_FLOAT32, as_bit);
    (void)state;
    expect_recall(t, as_bit, modes, VV_COUNT(modes));
    free_vectors(t);
}

static void test_stored_bits(void **state)
{
    static const char *const modes[] = {"IVF-HAMMING-BINARY"};
    test_vectors *t = converted(VARVE_BINARY, as_bit);
    (void)state;
    expect_recall(t, as_bit, modes, VV_COUNT(modes));
    free_vectors(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_codes_of_lengths),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_partitions_of_lengths),
        cmocka_unit_test(test_partitions_of_bytes),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_stored_bits),
    };
    load_bundled();
    int failed = cmocka_run_group_tests(tests, make_folder, remove_folder);
    free_vectors(packages);
    return failed;
}
