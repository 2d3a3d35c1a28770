/* test_segment.c — segments: what is written is read, by all types and encodings; who may open
 * what; the record; the life of a handle. */
#include "segment_reseal.h"
#include "segment_rows.h"

#include "base/hash.h"

#include <pthread.h>

#define FORMAT_HASH   0xdea772ce2d28b632 /* of the file that test_format_is_fixed writes */
#define FORMAT_1_HASH 0x883a1b25f016cdc1 /* of what version 1 wrote of the same rows */

static void round_trip(size_t rows, uint32_t dim, varve_dtype dtype, rows_style style)
{
    test_rows t = make_rows(rows, dim, dtype, style, rows + dim);
    const char *path = in_folder("a.seg");
    segment_record record = write_rows(&t, path);
    segment *s = NULL;
    row_source source;
    OK(segment_open(path, &t.spec, &record, &s, err));
    assert_int_equal(record.rows, rows);
    assert_int_equal(record.number, t.spec.number);
    assert_true(record.rowver_min == t.rows[0].rowver);
    assert_true(record.rowver_max == t.rows[rows - 1].rowver);
    assert_string_equal(segment_path(s), path);
    assert_int_equal(segment_get_spec(s)->dim, dim);
    source = source_of_segment(s);
    assert_rows(&source, &t);
    OK(segment_check(s, err));
    segment_unref(s);
    free_rows(&t);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < VARVE_DTYPE_COUNT; dtype++) {
        for (uint32_t dim = 1; dim <= 300; dim += dim < 20 ? 1 : 23)
            round_trip(1 + dim % 37, dim, (varve_dtype)dtype, dim % 2 ? ROWS_MIXED : ROWS_PLAIN);
    }
    round_trip(1, 5, VARVE_FLOAT32, ROWS_MIXED);
    round_trip(2, 65536, VARVE_FLOAT32, ROWS_PLAIN); /* rows larger than blocks */
    round_trip(20000, 64, VARVE_FLOAT32, ROWS_MIXED);
    round_trip(20000, 16, VARVE_UINT8, ROWS_PLAIN);
}

/* Sections that end exactly at, just before and just after the end of a block. */
static void test_block_edges(void **state)
{
    (void)state;
    for (size_t rows = 2000; rows <= 2100; rows += 1)
        if (rows < 2004 || rows > 2040) round_trip(rows, 32, VARVE_INT8, ROWS_PLAIN);
    for (size_t rows = 1020; rows <= 1026; rows++) /* (65536 - 128) / 64 = 1022 */
        round_trip(rows, 64, VARVE_UINT8, ROWS_PLAIN);
    for (size_t rows = 4092; rows <= 4098; rows++)
        round_trip(rows, 64, VARVE_UINT8, ROWS_PLAIN);
}

static void test_plain_columns_cost_nothing(void **state)
{
    test_rows t = make_rows(10000, 4, VARVE_UINT8, ROWS_PLAIN, 1);
    segment_record record = write_rows(&t, in_folder("a.seg"));
    (void)state;
    /* vector, id key, "{}" and a length for text search per row */
    assert_in_range(record.file_bytes, 10000 * (4 + 9 + 2), 10000 * (4 + 9 + 2 + 1) + 2500);
    free_rows(&t);
}

static void test_find(void **state)
{
    (void)state;
    for (int style = ROWS_PLAIN; style <= ROWS_MIXED; style++) {
        test_rows t = make_rows(style ? 3000 : 1, 2, VARVE_UINT8, (rows_style)style, 3);
        uint64_t slot, last = t.rows[t.count - 1].rowver;
        size_t at = 0;
        segment *s;
        (void)write_rows(&t, in_folder("a.seg"));
        s = open_segment(in_folder("a.seg"));
        for (uint64_t rowver = 0; rowver <= last + 2; rowver++) {
            bool found, here = at < t.count && t.rows[at].rowver == rowver;
            OK(segment_find(s, rowver, &found, &slot, err));
            assert_int_equal(found, here);
            if (here) assert_int_equal(slot, at++);
        }
        segment_unref(s);
        free_rows(&t);
    }
}

/* Rowvers 3, 13, 23, ...: stepped, but not by one. */
static void test_find_with_step(void **state)
{
    test_rows t = make_rows(100, 2, VARVE_UINT8, ROWS_PLAIN, 3);
    segment *s;
    (void)state;
    for (size_t i = 0; i < t.count; i++)
        t.rows[i].rowver = 3 + 10 * i;
    (void)write_rows(&t, in_folder("a.seg"));
    s = open_segment(in_folder("a.seg"));
    for (uint64_t rowver = 0; rowver < 1100; rowver++) {
        uint64_t slot = 0;
        bool found;
        OK(segment_find(s, rowver, &found, &slot, err));
        assert_int_equal(found, rowver % 10 == 3 && rowver < 1000);
        if (found) assert_int_equal(slot, rowver / 10);
    }
    OK(segment_check(s, err));
    segment_unref(s);
    free_rows(&t);
}

static void test_renumber(void **state)
{
    test_rows t = make_rows(500, 8, VARVE_FLOAT16, ROWS_MIXED, 5);
    const char *path = in_folder("a.seg");
    segment_record record;
    segment_writer *w;
    segment *s;
    row_source source;
    (void)state;
    OK(segment_writer_new(in_folder("a.tmp"), &t.spec, &w, err));
    segment_writer_renumber(w, 1, 1); /* of no rows: nothing */
    add_rows(w, &t);
    segment_writer_renumber(w, UINT64_MAX - 499, 77);
    for (size_t i = 0; i < t.count; i++) {
        t.rows[i].rowver = UINT64_MAX - 499 + i;
        t.rows[i].ordinal = 77 + i;
    }
    OK(segment_writer_finish(w, path, &record, err));
    assert_true(record.rowver_max == UINT64_MAX);
    assert_int_equal(record.ordinal_max, 77 + 499);
    OK(segment_open(path, &t.spec, &record, &s, err));
    source = source_of_segment(s);
    assert_rows(&source, &t);
    OK(segment_check(s, err));
    segment_unref(s);
    free_rows(&t);
}

/* A session that replaces rows: consecutive rowvers, ordinals of the rows replaced. */
static void test_set_ordinals(void **state)
{
    test_rows t = make_rows(500, 8, VARVE_UINT8, ROWS_PLAIN, 5);
    uint64_t ordinals[500];
    segment_record record;
    segment_writer *w;
    segment *s;
    row_source source;
    (void)state;
    OK(segment_writer_new(in_folder("a.tmp"), &t.spec, &w, err));
    add_rows(w, &t);
    segment_writer_renumber(w, 9, 77);
    for (size_t i = 0; i < t.count; i++) {
        t.rows[i].rowver = 9 + i;
        t.rows[i].ordinal = ordinals[i] = i < 400 ? 1000 - i : 5000 + i;
    }
    OK(segment_writer_set_ordinals(w, ordinals, err));
    OK(segment_writer_finish(w, in_folder("a.seg"), &record, err));
    assert_int_equal(record.ordinal_min, 601);
    assert_int_equal(record.ordinal_max, 5499);
    OK(segment_open(in_folder("a.seg"), &t.spec, &record, &s, err));
    source = source_of_segment(s);
    assert_rows(&source, &t);
    OK(segment_check(s, err));
    segment_unref(s);
    free_rows(&t);
}

/* segment_writer_bytes foretells the size, but for what is built of fields; memory counts the
 * columns, not the vectors. */
static void test_writer_sizes(void **state)
{
    (void)state;
    for (int style = ROWS_PLAIN; style <= ROWS_MIXED; style++) {
        test_rows t = make_rows(3000, 100, VARVE_FLOAT32, (rows_style)style, 6);
        segment_record record;
        segment_writer *w;
        uint64_t bytes;
        OK(segment_writer_new(in_folder("a.tmp"), &t.spec, &w, err));
        add_rows(w, &t);
        assert_int_equal(segment_writer_rows(w), 3000);
        assert_in_range(segment_writer_memory_bytes(w), 3000 * 11, 4000000);
        bytes = segment_writer_bytes(w);
        OK(segment_writer_finish(w, in_folder("a.seg"), &record, err));
        assert_in_range(record.file_bytes, bytes * 3 / 4, bytes * 5 / 4);
        free_rows(&t);
    }
}

/* What version 1 wrote of the same rows: without the sections that are made of fields. It is read,
 * and found sound, and has nothing built of its fields. */
static void reads_version_1(uint8_t *now, size_t len)
{
    uint8_t old[4096] = {0}, *footer;
    const uint8_t *fields = entry_of(now, len, SEGMENT_FIELD_BYTES);
    uint64_t end = get_u64(fields + 8) + get_u64(fields + 16);
    uint64_t sums_at = (end + SEGMENT_SECTION_ALIGNMENT - 1) / SEGMENT_SECTION_ALIGNMENT *
                       SEGMENT_SECTION_ALIGNMENT;
    uint64_t directory_at = sums_at + SEGMENT_SUM_BYTES;
    size_t size = directory_at + 8 * SEGMENT_ENTRY_BYTES + SEGMENT_FOOTER_BYTES;
    const row_images *images;
    segment *s;
    assert_true(size <= sizeof old);
    memcpy(old, now, end);
    put_u32(old + 8, 1);
    memcpy(old + directory_at, now + get_u64(now + len - SEGMENT_FOOTER_BYTES + 8),
           7 * SEGMENT_ENTRY_BYTES);
    put_u32(old + directory_at + 7 * SEGMENT_ENTRY_BYTES, SEGMENT_BLOCK_SUMS);
    put_u64(old + directory_at + 7 * SEGMENT_ENTRY_BYTES + 8, sums_at);
    put_u64(old + directory_at + 7 * SEGMENT_ENTRY_BYTES + 16, SEGMENT_SUM_BYTES);
    footer = old + size - SEGMENT_FOOTER_BYTES;
    memcpy(footer, SEGMENT_FOOTER_MAGIC, 8);
    put_u64(footer + 8, directory_at);
    put_u32(footer + 16, 8);
    put_u32(footer + 20, SEGMENT_BLOCK_BYTES);
    put_u64(footer + 24, size);
    reseal(old, size);
    assert_true(hash_bytes(old, size) == FORMAT_1_HASH);
    OK(file_replace(in_folder("old.seg"), (const char *)old, size, err));
    OK(segment_open(in_folder("old.seg"), NULL, NULL, &s, err));
    OK(segment_check(s, err));
    OK(segment_images(s, &images, err));
    assert_true(!images->columns && !images->text && !images->sparse);
    segment_unref(s);
}

/* The same rows give the same bytes, today and in a year: version 2 of the format does not drift.
 * When this fails, readers of existing files may fail too: a new version is due, not a new hash. */
static void test_format_is_fixed(void **state)
{
    const struct {
        uint64_t rowver, ordinal;
        varve_id id;
        const char *fields;
        uint8_t vector[3];
    } rows[] = {
        {4, 70, {.kind = VARVE_ID_NUM, .num = 1}, "{}", {0, 0, 1}},
        {6, 10, {.kind = VARVE_ID_STR, .text = {"ab", 2}}, "{\"k\":[1,2]}", {3, 4, 0}},
        {9, 30, {.kind = VARVE_ID_NUM, .num = UINT64_MAX}, "{\"k\":null}", {255, 255, 255}},
    };
    const segment_spec spec = {.collection = 5, .number = 6, .dim = 3, .dtype = VARVE_UINT8};
    segment_record record;
    segment_writer *w;
    char *bytes;
    size_t len;
    (void)state;
    OK(segment_writer_new(in_folder("a.tmp"), &spec, &w, err));
    for (size_t i = 0; i < VV_COUNT(rows); i++) {
        uint8_t key[16];
        varve_text fields = {rows[i].fields, strlen(rows[i].fields)};
        id_key_put(rows[i].id, key);
        OK(segment_writer_add(w, rows[i].rowver, rows[i].ordinal, key, id_key_size(rows[i].id),
                              rows[i].vector, fields, err));
    }
    OK(segment_writer_finish(w, in_folder("a.seg"), &record, err));
    OK(file_read(in_folder("a.seg"), 1 << 20, &bytes, &len, err));
    assert_int_equal(len, record.file_bytes);
    assert_true(hash_bytes(bytes, len) == FORMAT_HASH);
    reads_version_1((uint8_t *)bytes, len);
    free(bytes);
}

static void test_refused(void **state)
{
    segment_spec spec = {.collection = 1, .number = 2, .dim = 3, .dtype = VARVE_FLOAT32};
    segment_record record;
    segment_writer *w = NULL;
    varve_error e = {0};
    segment *s = NULL;
    (void)state;
    OK(segment_writer_new(in_folder("z.tmp"), &spec, &w, err));
    assert_int_equal(segment_writer_finish(w, in_folder("z.seg"), &record, &e), VARVE_INVALID);
    assert_false(file_exists(in_folder("z.tmp")) || file_exists(in_folder("z.seg")));
    OK(segment_writer_new(in_folder("z.tmp"), &spec, &w, err));
    assert_true(file_exists(in_folder("z.tmp")));
    segment_writer_discard(w);
    segment_writer_discard(NULL);
    assert_false(file_exists(in_folder("z.tmp")));
    spec.dim = 0;
    assert_int_equal(segment_writer_new(in_folder("z.tmp"), &spec, &w, &e), VARVE_INVALID);
    assert_int_equal(segment_open(in_folder("z.seg"), NULL, NULL, &s, &e), VARVE_NOT_FOUND);
    assert_null(s);
}

static void assert_refused(const char *path, const segment_spec *spec, const segment_record *record)
{
    varve_error err = {0};
    segment *s = NULL;
    assert_int_equal(segment_open(path, spec, record, &s, &err), VARVE_CORRUPT);
    assert_null(s);
    assert_non_null(strstr(err.message, path));
}

static void test_spec_and_record_must_agree(void **state)
{
    test_rows t = make_rows(50, 8, VARVE_INT8, ROWS_MIXED, 7), u;
    const char *path = in_folder("a.seg"), *other = in_folder("b.seg");
    segment_record record = write_rows(&t, path), wrong;
    segment_spec spec;
    (void)state;
#define REFUSE_SPEC(change)   (spec = t.spec, (change), assert_refused(path, &spec, &record))
#define REFUSE_RECORD(change) (wrong = record, (change), assert_refused(path, &t.spec, &wrong))
    REFUSE_SPEC(spec.number++);
    REFUSE_SPEC(spec.dim++);
    REFUSE_SPEC(spec.dtype = VARVE_UINT8);
    REFUSE_SPEC(spec.content = SEGMENT_SPARSE_VECTOR);
    REFUSE_SPEC(spec.text.stem = true);
    REFUSE_SPEC(spec.text.stop_words = true);
    REFUSE_SPEC(spec.text.fold_accents = true);
    REFUSE_SPEC(spec.text.language[0] = 'e');
    REFUSE_RECORD(wrong.number++);
    REFUSE_RECORD(wrong.rows--);
    REFUSE_RECORD(wrong.rowver_min--);
    REFUSE_RECORD(wrong.rowver_max++);
    REFUSE_RECORD(wrong.ordinal_min++);
    REFUSE_RECORD(wrong.ordinal_max--);
    REFUSE_RECORD(wrong.file_bytes++);
    REFUSE_RECORD(wrong.directory_hash ^= 1);
    REFUSE_RECORD(wrong.norm_max += 1);
    /* A file of the same shape and number, with one byte of content changed. */
    u = make_rows(50, 8, VARVE_INT8, ROWS_MIXED, 7);
    u.vectors[17] ^= 1;
    (void)write_rows(&u, other);
    assert_refused(other, &u.spec, &record);
    free_rows(&t);
    free_rows(&u);
}

/* A copy has another place, and is the same file by its hash; without a record the place counts. */
static void test_born_elsewhere(void **state)
{
    test_rows t = make_rows(50, 8, VARVE_INT8, ROWS_MIXED, 7);
    const char *path = in_folder("a.seg");
    segment_record record = write_rows(&t, path);
    segment_spec spec = t.spec;
    segment *s = NULL;
    (void)state;
    spec.collection += 3;
    assert_refused(path, &spec, NULL);
    OK(segment_open(path, &spec, &record, &s, err));
    assert_int_equal(segment_get_spec(s)->collection, t.spec.collection + 3);
    segment_unref(s);
    spec.number = record.number += 5;
    assert_refused(path, &spec, NULL);
    OK(segment_open(path, &spec, &record, &s, err));
    assert_int_equal(segment_get_record(s)->number, t.spec.number + 5);
    assert_int_equal(segment_get_spec(s)->number, t.spec.number + 5);
    OK(segment_check(s, err));
    segment_unref(s);
    record.directory_hash ^= 1;
    assert_refused(path, &spec, &record);
    free_rows(&t);
}

static void test_record_bytes(void **state)
{
    const segment_record r = {9, 10, 20, 40, 1, 5, 4096, 0x1234567890abcdef, 2.5};
    segment_record back = {0};
    uint8_t bytes[SEGMENT_RECORD_BYTES + 1];
    (void)state;
    segment_record_put(&r, bytes);
    OK(segment_record_get(bytes, SEGMENT_RECORD_BYTES, 9, &back, err));
    assert_memory_equal(&r, &back, sizeof r);
    for (size_t len = 0; len <= SEGMENT_RECORD_BYTES + 1; len++) {
        if (len == SEGMENT_RECORD_BYTES) continue;
        assert_int_equal(segment_record_get(bytes, len, 9, &back, NULL), VARVE_CORRUPT);
    }
    put_u64(bytes + 1, 0); /* no rows */
    assert_int_equal(segment_record_get(bytes, SEGMENT_RECORD_BYTES, 9, &back, NULL),
                     VARVE_CORRUPT);
    put_u64(bytes + 1, 22); /* more rows than rowvers */
    assert_int_equal(segment_record_get(bytes, SEGMENT_RECORD_BYTES, 9, &back, NULL),
                     VARVE_CORRUPT);
    bytes[0] = 2;
    assert_int_equal(segment_record_get(bytes, SEGMENT_RECORD_BYTES, 9, &back, NULL),
                     VARVE_NEWER_FORMAT);
}

static void test_doom(void **state)
{
    test_rows t = make_rows(5, 8, VARVE_INT8, ROWS_PLAIN, 8);
    const char *path = in_folder("a.seg");
    segment *s;
    (void)state;
    (void)write_rows(&t, path);
    s = open_segment(path);
    segment_ref(s);
    segment_doom(s);
    segment_unref(s);
    assert_true(file_exists(path));
    segment_unref(s);
    assert_false(file_exists(path));
    segment_unref(NULL);
    free_rows(&t);
}

/* Norms at the ends of float: sums of squares that float could not hold. */
static void test_norms(void **state)
{
    const float values[] = {0, 1e-30f, 1e-25f, 1e-12f, 1, 3e19f, 3e38f};
    segment_spec spec = {.collection = 1, .number = 1, .dim = 200, .dtype = VARVE_FLOAT32};
    (void)state;
    for (size_t v = 0; v < VV_COUNT(values); v++) {
        const uint8_t key[9] = {0};
        float row[200];
        segment_record record;
        segment_writer *w;
        double norm;
        for (size_t i = 0; i < 200; i++)
            row[i] = i % 3 ? values[v] : -values[v];
        norm = distance_norm(VARVE_FLOAT32, 200, row);
        OK(segment_writer_new(in_folder("a.tmp"), &spec, &w, err));
        OK(segment_writer_add(w, 1, 1, key, 9, row, (varve_text){"{}", 2}, err));
        OK(segment_writer_finish(w, in_folder("a.seg"), &record, err));
        assert_true(record.norm_max >= norm && record.norm_max <= norm * 1.000003);
    }
}

/* ---- threads ------------------------------------------------------------------------------- */

typedef struct shared {
    segment *s;
    const test_rows *t;
    bool wrong;
} shared;

static void *read_all(void *context)
{
    shared *sh = context;
    for (size_t i = 0; i < sh->t->count; i++) {
        const uint8_t *v, *id;
        size_t id_len = 0;
        if (segment_vectors(sh->s, i, 1, &v, NULL) != VARVE_OK ||
            memcmp(v, sh->t->vectors + i * sh->t->stride, sh->t->stride) != 0 ||
            segment_id_key(sh->s, i, &id, &id_len, NULL) != VARVE_OK ||
            id_len != sh->t->rows[i].id_len || memcmp(id, sh->t->rows[i].id, id_len) != 0)
            __atomic_store_n(&sh->wrong, true, __ATOMIC_RELAXED);
    }
    segment_unref(sh->s);
    return NULL;
}

static void test_threads_verify_together(void **state)
{
    enum { THREADS = 4 };
    test_rows t = make_rows(8000, 64, VARVE_FLOAT32, ROWS_MIXED, 9);
    pthread_t threads[THREADS];
    shared sh = {.t = &t};
    (void)state;
    (void)write_rows(&t, in_folder("a.seg"));
    sh.s = open_segment(in_folder("a.seg"));
    segment_doom(sh.s);
    for (int i = 0; i < THREADS; i++) {
        segment_ref(sh.s);
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &sh), 0);
    }
    segment_unref(sh.s);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(sh.wrong);
    assert_false(file_exists(in_folder("a.seg")));
    free_rows(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_block_edges),
        cmocka_unit_test(test_plain_columns_cost_nothing),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_with_step),
        cmocka_unit_test(test_renumber),
        cmocka_unit_test(test_set_ordinals),
        cmocka_unit_test(test_writer_sizes),
        cmocka_unit_test(test_format_is_fixed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_spec_and_record_must_agree),
        cmocka_unit_test(test_born_elsewhere),
        cmocka_unit_test(test_record_bytes),
        cmocka_unit_test(test_doom),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_threads_verify_together),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
