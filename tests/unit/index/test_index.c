/* test_index.c — the face: specs and their hashes, records, builds that are refused, cancelled or
 * cut short, files of other segments, and damage to any byte of any structure. */
#include "index_reseal.h"
#include "index_vectors.h"

#include "base/bytes.h"
#include "base/fault.h"

/* One of each structure and of each way to code rows. */
static const struct {
    index_kind kind;
    const char *mode;
} structures[] = {
    {INDEX_KIND_FRESH, "FLAT-IP"},       {INDEX_KIND_FRESH, "FLAT-COS"},
    {INDEX_KIND_FULL, "FLAT-L2-SQ8"},    {INDEX_KIND_FULL, "FLAT-IP-PQ4"},
    {INDEX_KIND_FULL, "FLAT-L2-RABITQ"}, {INDEX_KIND_FULL, "FLAT-COS-POLARVEC"},
    {INDEX_KIND_FULL, "FLAT-HAMMING"},   {INDEX_KIND_FULL, "IVF-L2"},
    {INDEX_KIND_FULL, "SPANN-IP"},       {INDEX_KIND_FULL, "IVF-JACCARD"},
    {INDEX_KIND_FULL, "HNSW-L2"},        {INDEX_KIND_FULL, "HNSW-L1"},
    {INDEX_KIND_FULL, "DISKANN-IP-PQ"},  {INDEX_KIND_FULL, "HNSW-COS-SQ8"},
};

static test_vectors *random_vectors(uint32_t count, uint32_t dim, uint64_t seed)
{
    test_vectors *t = new_vectors(count, dim, VARVE_FLOAT32);
    float x[256];
    random_state r;
    random_seed(&r, seed);
    for (uint32_t slot = 0; slot < count; slot++) {
        for (uint32_t i = 0; i < dim; i++)
            x[i] = slot % 50 == 7 ? 0 : random_gauss(&r);
        set_vector(t, slot, x);
    }
    return t;
}

/* ---- specs --------------------------------------------------------------------------------- */

static index_spec plain_spec(const char *mode)
{
    index_spec s = {.kind = INDEX_KIND_FULL, .dim = 8, .dtype = VARVE_FLOAT32};
    OK(index_mode_parse(mode, &s.mode, err));
    return s;
}

/* Files in the field carry these: they never change. */
static void test_hashes_stay(void **state)
{
    static const struct {
        const char *mode;
        uint64_t hash;
    } known[] = {
        {"FLAT-L2-SQ8", 0x711c26f57998d8dd}, {"IVF-IP", 0x796bb51c63cba85d},
        {"HNSW-COS", 0xb8faf14bd273b76f},    {"DISKANN-L2-PQ8", 0xefbecc6849d72737},
        {"SPANN-L2", 0xb85e695d2fdca2af},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(known); i++) {
        index_spec s = plain_spec(known[i].mode);
        if (index_spec_hash(&s) != known[i].hash)
            fail_msg("%s: 0x%llx", known[i].mode, (unsigned long long)index_spec_hash(&s));
    }
}

static void test_hash_sees_what_matters(void **state)
{
    index_spec a = plain_spec("HNSW-L2"), b = a;
    (void)state;
    b.params.nprobe = 3; /* of a search, and of another mode */
    b.params.ef_search = 99;
    b.params.n_clusters = 12;
    b.params.m = 16; /* the default, said aloud */
    b.params.alpha = 1.2;
    assert_true(index_spec_hash(&a) == index_spec_hash(&b));
    b.params.m = 17;
    assert_true(index_spec_hash(&a) != index_spec_hash(&b));
    b = a;
    b.params.alpha = 1.3;
    assert_true(index_spec_hash(&a) != index_spec_hash(&b));
    b = a;
    b.dim = 9;
    assert_true(index_spec_hash(&a) != index_spec_hash(&b));
    b = a;
    b.dtype = VARVE_FLOAT16;
    assert_true(index_spec_hash(&a) != index_spec_hash(&b));
    a = plain_spec("IVF-L2");
    b = a;
    b.params.n_clusters = 256; /* asked for; 0: as many as suit */
    assert_true(index_spec_hash(&a) != index_spec_hash(&b));
    a = plain_spec("HNSW-L2-SQ8"); /* fresh files depend on the metric alone */
    b = plain_spec("IVF-L2");
    a.kind = b.kind = INDEX_KIND_FRESH;
    b.params.n_clusters = 5;
    assert_true(index_spec_hash(&a) == index_spec_hash(&b));
}

static void test_which_have_files(void **state)
{
    static const struct {
        index_kind kind;
        const char *mode;
        varve_dtype dtype;
        bool has;
    } cases[] = {
        {INDEX_KIND_FRESH, "FLAT-IP", VARVE_FLOAT32, true},
        {INDEX_KIND_FRESH, "HNSW-COS", VARVE_FLOAT16, true},
        {INDEX_KIND_FRESH, "FLAT-L2", VARVE_UINT8, false},
        {INDEX_KIND_FRESH, "FLAT-L1", VARVE_FLOAT32, false},
        {INDEX_KIND_FULL, "FLAT-L2", VARVE_FLOAT32, false},
        {INDEX_KIND_FULL, "FLAT-L1", VARVE_FLOAT32, false},
        {INDEX_KIND_FULL, "FLAT-L2-SQ8", VARVE_INT8, true},
        {INDEX_KIND_FULL, "FLAT-HAMMING", VARVE_FLOAT32, true},
        {INDEX_KIND_FULL, "FLAT-DICE-BINARY", VARVE_UINT8, true},
        {INDEX_KIND_FULL, "FLAT-HAMMING-BINARY", VARVE_BINARY, false},
        {INDEX_KIND_FULL, "IVF-HAMMING", VARVE_BINARY, true},
        {INDEX_KIND_FULL, "HNSW-L1", VARVE_FLOAT32, true},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        index_spec s = plain_spec(cases[i].mode);
        s.kind = cases[i].kind;
        s.dtype = cases[i].dtype;
        assert_int_equal(index_spec_has_file(&s), cases[i].has);
    }
}

static void test_what_is_unsupported(void **state)
{
    index_spec s = plain_spec("FLAT-L2-PQ16");
    varve_error e;
    (void)state;
    assert_int_equal(index_spec_check(&s, &e), VARVE_UNSUPPORTED); /* 8 dimensions */
    assert_non_null(strstr(e.message, "FLAT-L2-PQ16"));
    s.dim = 16;
    OK(index_spec_check(&s, err));
    s = plain_spec("HNSW-HAVERSINE");
    assert_int_equal(index_spec_check(&s, &e), VARVE_UNSUPPORTED);
    s.dim = 2;
    OK(index_spec_check(&s, err));
    s.dim = 0;
    assert_int_equal(index_spec_check(&s, &e), VARVE_UNSUPPORTED);
    s = plain_spec("FLAT-L1");
    s.kind = INDEX_KIND_FRESH;
    assert_int_equal(index_spec_check(&s, &e), VARVE_UNSUPPORTED);
}

static void test_ranges_of_params(void **state)
{
    varve_index_params p = {.alpha = 0};
    varve_error e;
    (void)state;
    OK(index_params_check(&p, err));
    p.replica_count = 9;
    assert_int_equal(index_params_check(&p, &e), VARVE_INVALID);
    assert_non_null(strstr(e.message, "replica_count"));
    p = (varve_index_params){.n_clusters = (1u << 20) + 1};
    assert_int_equal(index_params_check(&p, &e), VARVE_INVALID);
    assert_non_null(strstr(e.message, "n_clusters"));
    static const double bad[] = {0.99, -1, INFINITY, NAN};
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        p = (varve_index_params){.alpha = bad[i]};
        assert_int_equal(index_params_check(&p, &e), VARVE_INVALID);
        assert_non_null(strstr(e.message, "alpha"));
    }
    p = (varve_index_params){.alpha = 1, .m = 512, .max_degree = 1024};
    OK(index_params_check(&p, err));
}

/* ---- records ------------------------------------------------------------------------------- */

static void test_records(void **state)
{
    index_record r = {INDEX_KIND_FULL, 3, 0x1122334455667788, 1000, 1 << 20, 42, "IVF-L2-SQ8"}, got;
    buffer b;
    (void)state;
    buffer_init(&b, 1000, "record");
    OK(index_record_put(&r, &b, err));
    OK(index_record_get(b.data, b.len, &got, err));
    assert_memory_equal(&r, &got, sizeof r);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(index_record_get(b.data, n, &got, NULL), VARVE_CORRUPT);
    for (size_t i = 0; i < b.len; i++) { /* an error or another record: nothing else */
        varve_status status;
        b.data[i] ^= 0x40;
        status = index_record_get(b.data, b.len, &got, NULL);
        assert_true(status == VARVE_OK || status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        b.data[i] ^= 0x40;
    }
    OK(buffer_add(&b, "x", 1, err));
    assert_int_equal(index_record_get(b.data, b.len, &got, NULL), VARVE_CORRUPT);
    b.data[0] = 2;
    assert_int_equal(index_record_get(b.data, b.len, &got, NULL), VARVE_NEWER_FORMAT);
    buffer_done(&b);
}

/* ---- builds -------------------------------------------------------------------------------- */

static varve_status build(const test_vectors *t, const index_spec *s,
                          const index_build_options *options, varve_error *err)
{
    index_record record;
    return index_build(s, &t->rows, 1, options, in_folder("b.tmp"), in_folder("b.idx"), &record,
                       err);
}

static void expect_nothing_left(void)
{
    assert_false(file_exists(in_folder("b.tmp")));
    assert_false(file_exists(in_folder("b.idx")));
}

static void test_memory_limit(void **state)
{
    test_vectors *t = random_vectors(1000, 16, 1);
    index_build_options options = {.threads = 1, .memory_max = 1000};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        char numbers[64];
        varve_error e;
        uint64_t bytes = index_build_bytes(&s, 1000);
        assert_true(bytes > 1000 && bytes < 100 << 20);
        assert_int_equal(build(t, &s, &options, &e), VARVE_LIMIT);
        snprintf(numbers, sizeof numbers, "%llu bytes of memory, the limit is 1000",
                 (unsigned long long)bytes);
        assert_non_null(strstr(e.message, numbers));
        expect_nothing_left();
    }
    free_vectors(t);
}

typedef struct watcher {
    uint64_t calls, stop_at;
} watcher;

static bool watch(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes)
{
    watcher *w = context;
    (void)bytes;
    assert_true(stage[0] != '\0' && done <= total);
    return ++w->calls != w->stop_at;
}

/* Ended at each of its steps, a build leaves nothing. */
static void test_cancel(void **state)
{
    test_vectors *t = random_vectors(700, 16, 2);
    (void)state;
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        watcher w = {0};
        index_build_options options = {.threads = 1, .progress = watch, .context = &w};
        OK(build(t, &s, &options, err));
        OK(file_unlink(in_folder("b.idx"), err));
        assert_true(w.calls >= 1);
        for (uint64_t steps = w.calls, at = 1; at <= steps; at += 1 + steps / 6) {
            w = (watcher){.stop_at = at};
            assert_int_equal(build(t, &s, &options, NULL), VARVE_CANCELLED);
            expect_nothing_left();
        }
    }
    free_vectors(t);
}

static void test_refused_builds(void **state)
{
    test_vectors *t = random_vectors(10, 16, 3);
    index_build_options options = {.threads = 1};
    index_spec s = spec_of(t, INDEX_KIND_FULL, "FLAT-L2");
    (void)state;
    assert_int_equal(build(t, &s, &options, NULL), VARVE_UNSUPPORTED); /* needs no file */
    s = spec_of(t, INDEX_KIND_FULL, "FLAT-L2-PQ17");
    assert_int_equal(build(t, &s, &options, NULL), VARVE_UNSUPPORTED);
    s = spec_of(t, INDEX_KIND_FULL, "IVF-L2");
    s.params.replica_count = 100;
    assert_int_equal(build(t, &s, &options, NULL), VARVE_INVALID);
    s = spec_of(t, INDEX_KIND_FULL, "IVF-L2");
    s.dim = 17;
    assert_int_equal(build(t, &s, &options, NULL), VARVE_INVALID);
    t->rows.count = 0;
    s.dim = 16;
    assert_int_equal(build(t, &s, &options, NULL), VARVE_INVALID);
    expect_nothing_left();
    t->rows.count = 10;
    free_vectors(t);
}

/* Rows that cannot be read end the build with what they said. */
static varve_status no_rows(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                            varve_error *err)
{
    test_vectors *t = context;
    if (first + n > 700) return vv_fail(err, VARVE_CORRUPT, "row 700 is damaged");
    *ret = t->bytes + first * t->stride;
    return VARVE_OK;
}

static void test_damaged_rows(void **state)
{
    test_vectors *t = random_vectors(1000, 16, 4);
    (void)state;
    t->rows.get = no_rows;
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        for (size_t threads = 1; threads <= 2; threads++) {
            index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
            index_build_options options = {.threads = threads};
            varve_error e;
            assert_int_equal(build(t, &s, &options, &e), VARVE_CORRUPT);
            assert_string_equal(e.message, "row 700 is damaged");
            expect_nothing_left();
        }
    }
    free_vectors(t);
}

/* Any number of threads: the same bytes. */
static void test_same_bytes(void **state)
{
    test_vectors *t = random_vectors(1500, 24, 5);
    (void)state;
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        index_record one = build_index(t, &s, 1, "one.idx"), two = build_index(t, &s, 3, "two.idx");
        if (one.footer_hash != two.footer_hash) fail_msg("%s", structures[i].mode);
        assert_int_equal(one.file_bytes, two.file_bytes);
    }
    free_vectors(t);
}

#ifdef VARVE_FAULTS
static void test_faults(void **state)
{
    static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC, VV_FAULT_SHORT};
    test_vectors *t = random_vectors(600, 16, 6);
    (void)state;
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        index_build_options options = {.threads = 1};
        bool hit = true;
        for (uint64_t nth = 1; hit; nth++) {
            fault_kind kind = kinds[nth % VV_COUNT(kinds)];
            varve_error e = {0};
            fault_arm(NULL, nth, kind);
            varve_status status = build(t, &s, &options, &e);
            hit = fault_was_hit();
            fault_disarm();
            assert_false(file_exists(in_folder("b.tmp")));
            if (!hit) assert_int_equal(status, VARVE_OK);
            if (status == VARVE_OK) {
                OK(file_unlink(in_folder("b.idx"), err));
                continue;
            }
            assert_int_equal(status, kind == VV_FAULT_EIO ? VARVE_IO : VARVE_NO_SPACE);
            assert_true(e.message[0] != '\0');
            expect_nothing_left();
            assert_true(nth < 100);
        }
    }
    free_vectors(t);
}
#endif

/* ---- open ---------------------------------------------------------------------------------- */

static void test_open_compares(void **state)
{
    test_vectors *t = random_vectors(100, 16, 7);
    index_spec s = spec_of(t, INDEX_KIND_FULL, "FLAT-L2-SQ8");
    index_record r = build_index(t, &s, 1, "o.idx"), other = r;
    vector_index *x;
    (void)state;
    OK(index_open(in_folder("o.idx"), NULL, &x, err));
    assert_memory_equal(index_get_record(x), &r, sizeof r);
    assert_true(index_spec_hash(index_get_spec(x)) == index_spec_hash(&s));
    assert_string_equal(index_path(x), in_folder("o.idx"));
    index_unref(index_ref(x));
    index_doom(x);
    index_unref(x);
    assert_false(file_exists(in_folder("o.idx")));
    assert_int_equal(index_open(in_folder("o.idx"), &r, &x, NULL), VARVE_NOT_FOUND);
    r = build_index(t, &s, 1, "o.idx");
    other.generation++;
    assert_int_equal(index_open(in_folder("o.idx"), &other, &x, NULL), VARVE_CORRUPT);
    other = r;
    other.footer_hash++;
    assert_int_equal(index_open(in_folder("o.idx"), &other, &x, NULL), VARVE_CORRUPT);
    other = r;
    other.rows++;
    assert_int_equal(index_open(in_folder("o.idx"), &other, &x, NULL), VARVE_CORRUPT);
    free_vectors(t);
}

static void test_rows_of_another_segment(void **state)
{
    test_vectors *t = random_vectors(100, 16, 8), *other = random_vectors(101, 16, 8);
    vector_index *x = build_and_open(t, INDEX_KIND_FULL, "FLAT-L2-SQ8");
    index_query q = query_of((const float *)(const void *)t->bytes, 3);
    index_work work = {0};
    index_hit hits[100];
    size_t count;
    (void)state;
    assert_int_equal(index_search(x, &other->rows, &q, hits, &count, &work, NULL), VARVE_CORRUPT);
    assert_int_equal(index_check(x, &other->rows, NULL), VARVE_CORRUPT);
    index_unref(x);
    free_vectors(t);
    free_vectors(other);
}

/* ---- damage -------------------------------------------------------------------------------- */

/* Opened, searched and loaded: the first failure, or the hits of the last search. */
static varve_status use(const char *path, const test_vectors *t, size_t i, found_hits *ret,
                        varve_error *err)
{
    VV_CLEANUP(index_unrefp) vector_index *x = NULL;
    index_query q = query_of((const float *)(const void *)(t->bytes + 3 * t->stride), 5);
    VV_TRY(index_open(path, NULL, &x, err));
    if (index_get_record(x)->rows != t->rows.count ||
        index_get_spec(x)->mode.structure !=
            spec_of(t, structures[i].kind, structures[i].mode).mode.structure)
        return vv_fail(err, VARVE_CORRUPT, "another index");
    q.breadth = 1000; /* all there is */
    VV_TRY(index_check(x, NULL, err));
    ret->hits = calloc(index_hits_max(x, &q) + 1, sizeof *ret->hits);
    assert_non_null(ret->hits);
    VV_TRY(index_search(x, &t->rows, &q, ret->hits, &ret->count, &ret->work, err));
    for (size_t j = 0; j < ret->count; j++)
        assert_true(ret->hits[j].slot < t->rows.count);
    VV_TRY(index_load(x, err));
    return index_search(x, &t->rows, &q, ret->hits, &ret->count, &ret->work, err);
}

/* A changed byte anywhere is found by whoever reads all of the file. */
static void test_flipped_bytes(void **state)
{
    test_vectors *t = random_vectors(70, 8, 9);
    random_state r;
    (void)state;
    random_seed(&r, 10);
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        char *bytes;
        size_t size;
        (void)build_index(t, &s, 1, "d.idx");
        OK(file_read(in_folder("d.idx"), SIZE_MAX / 2, &bytes, &size, err));
        for (unsigned round = 0; round < 300; round++) {
            size_t at = random_below(&r, size);
            char flip = (char)(1u << random_below(&r, 8));
            found_hits f = {0};
            bytes[at] ^= flip;
            put_file(in_folder("bad.idx"), bytes, size);
            varve_status status = use(in_folder("bad.idx"), t, i, &f, NULL);
            assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
            bytes[at] ^= flip;
            free(f.hits);
        }
        free(bytes);
    }
    free_vectors(t);
}

/* Numbers changed with right sums: an error, or an answer of rows that exist. */
static void test_lies(void **state)
{
    static const uint64_t numbers[] = {
        0,         1, 31, 32, 0x7f, 0xff, 0x7fffffff, 0x7f800000, 0xffffffff, (uint64_t)1 << 40,
        UINT64_MAX};
    test_vectors *t = random_vectors(200, 8, 11);
    random_state r;
    (void)state;
    random_seed(&r, 12);
    for (size_t i = 0; i < VV_COUNT(structures); i++) {
        index_spec s = spec_of(t, structures[i].kind, structures[i].mode);
        char *good;
        size_t size, refused = 0, rounds = 500;
        (void)build_index(t, &s, 1, "d.idx");
        OK(file_read(in_folder("d.idx"), SIZE_MAX / 2, &good, &size, err));
        uint8_t *bytes = malloc(size);
        for (size_t round = 0; round < rounds; round++) {
            static const size_t widths[] = {1, 2, 4, 8};
            uint64_t number = numbers[random_below(&r, VV_COUNT(numbers))];
            size_t width = widths[random_below(&r, 4)];
            found_hits f = {0};
            memcpy(bytes, good, size);
            memcpy(bytes + random_below(&r, size - 8), &number, width);
            index_reseal(bytes, size);
            put_file(in_folder("bad.idx"), bytes, size);
            varve_status status = use(in_folder("bad.idx"), t, i, &f, NULL);
            assert_true(status == VARVE_OK || status == VARVE_CORRUPT ||
                        status == VARVE_NEWER_FORMAT);
            refused += status != VARVE_OK;
            free(f.hits);
        }
        assert_true(refused > 0 && refused < rounds);
        free(bytes);
        free(good);
    }
    free_vectors(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes_stay),      cmocka_unit_test(test_hash_sees_what_matters),
        cmocka_unit_test(test_which_have_files), cmocka_unit_test(test_what_is_unsupported),
        cmocka_unit_test(test_ranges_of_params), cmocka_unit_test(test_records),
        cmocka_unit_test(test_memory_limit),     cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_refused_builds),   cmocka_unit_test(test_damaged_rows),
        cmocka_unit_test(test_same_bytes),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_faults),
#endif
        cmocka_unit_test(test_open_compares),    cmocka_unit_test(test_rows_of_another_segment),
        cmocka_unit_test(test_flipped_bytes),    cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
