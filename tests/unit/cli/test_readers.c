/* test_readers.c — good files of every kind come out as they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "files.h"
#include "source.h"

#include "base/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const float six[] = {0, 1, -2.5f, 3, 4, 1e30f};

static batch new_batch(void)
{
    batch b;
    assert_int_equal(batch_init(&b, 100, NULL), VARVE_OK);
    return b;
}

static void expect_read(const char *path, const reader_type *type, const reader_options *o,
                        batch *b)
{
    varve_error err = {0};
    if (read_whole(path, type, o, b, &err) != VARVE_OK) fail_msg("%s", err.message);
}

static void expect_text(varve_text got, const char *text)
{
    if (got.len != strlen(text) || memcmp(got.data, text, got.len) != 0)
        fail_msg("%.*s, not %s", (int)got.len, got.data, text);
}

/* ---- npy ---- */

static void npy_versions(void **state)
{
    (void)state;
    static const char *const dictionaries[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
        "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}"};
    for (int version = 1; version <= 3; version++)
        for (size_t i = 0; i < VV_COUNT(dictionaries); i++) {
            uint8_t bytes[512];
            size_t len = npy_bytes(bytes, version, dictionaries[i], six, sizeof six);
            batch b = new_batch();
            expect_read(file_of(bytes, len), &reader_npy, NULL, &b);
            assert_int_equal(b.vectors_count, 2);
            assert_int_equal(b.dim, 3);
            assert_int_equal(b.type, VARVE_FLOAT32);
            assert_memory_equal(b.vectors.data, six, sizeof six);
            batch_clear(&b);
            expect_read(file_of_zstd(bytes, len), &reader_npy, NULL, &b);
            assert_int_equal(b.vectors_count, 2);
            assert_memory_equal(b.vectors.data, six, sizeof six);
            batch_done(&b);
        }
}

static void npy_types(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        varve_dtype type;
    } cases[] = {{"<f2", VARVE_FLOAT16}, {"|u1", VARVE_UINT8}, {"|i1", VARVE_INT8}};
    static const uint8_t data[12] = {0, 60, 2, 61, 4, 62, 6, 63, 0x80, 64, 255, 1};
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        char dictionary[128];
        uint8_t bytes[512];
        size_t data_len = varve_dtype_row_bytes(cases[i].type, 3) * 2;
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3)}", cases[i].descr);
        size_t len = npy_bytes(bytes, 1, dictionary, data, data_len);
        batch b = new_batch();
        expect_read(file_of(bytes, len), &reader_npy, NULL, &b);
        assert_int_equal(b.type, cases[i].type);
        assert_int_equal(b.vectors_count, 2);
        assert_memory_equal(b.vectors.data, data, data_len);
        batch_done(&b);
    }
}

static void npy_one_row(void **state)
{
    (void)state;
    uint16_t halves[6];
    uint8_t bytes[256];
    float *row = NULL;
    size_t dim;
    varve_error err = {0};
    for (size_t i = 0; i < 6; i++)
        halves[i] = half_from_float((float)i / 4);
    size_t len = npy_bytes(bytes, 1, "{'descr':'<f2','fortran_order':False,'shape':(3,2)}", halves,
                           sizeof halves);
    assert_int_equal(reader_npy_row(file_of(bytes, len), 2, &row, &dim, &err), VARVE_OK);
    assert_int_equal(dim, 2);
    assert_true(row[0] == 1.0f && row[1] == 1.25f);
    free(row);
    assert_int_equal(reader_npy_row(file_of(bytes, len), 3, &row, &dim, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "has no row 3"));
}

/* ---- fvecs, bvecs ---- */

static void vecs(void **state)
{
    (void)state;
    static const uint8_t bvecs[] = {2, 0, 0, 0, 7, 255, 2, 0, 0, 0, 1, 0};
    uint8_t fvecs[2 * (4 + 12)];
    for (size_t i = 0; i < 2; i++) {
        static const uint8_t three[] = {3, 0, 0, 0};
        memcpy(fvecs + i * 16, three, 4);
        memcpy(fvecs + i * 16 + 4, six + 3 * i, 12);
    }
    batch b = new_batch();
    expect_read(file_of(fvecs, sizeof fvecs), &reader_fvecs, NULL, &b);
    assert_int_equal(b.vectors_count, 2);
    assert_memory_equal(b.vectors.data, six, sizeof six);
    batch_done(&b);
    b = new_batch();
    expect_read(file_of(bvecs, sizeof bvecs), &reader_bvecs, NULL, &b);
    assert_int_equal(b.vectors_count, 2);
    assert_int_equal(b.type, VARVE_UINT8);
    assert_memory_equal(b.vectors.data, "\7\377\1\0", 4);
    batch_done(&b);
}

/* ---- ndjson ---- */

static void ndjson_rows(void **state)
{
    (void)state;
    batch b = new_batch();
    varve_rows rows;
    expect_read(file_of_text("{\"id\": 18446744073709551615, \"vector\": [ 0.5, -1e2 ], "
                             "\"n\": 1.10, \"deep\": {\"id\": [1, 2.50]}}\r\n"
                             "\n  \n"
                             "{\"vector_b64\":\"AAAAPwAAgD4=\",\"id\":\"a\\u00e9\\\"\","
                             "\"fields\":{\"big\":123456789012345678901234567890}}\n"
                             "{\"vector\":[1,2],\"id\":0}"),
                &reader_ndjson, NULL, &b);
    batch_view(&b, NULL, &rows);
    const float *v = rows.vectors;
    assert_int_equal(rows.count, 3);
    assert_int_equal(rows.dim, 2);
    assert_true(v[0] == 0.5f && v[1] == -100 && v[2] == 0.5f && v[3] == 0.25f && v[5] == 2);
    assert_true(rows.ids[0].num == UINT64_MAX);
    expect_text(rows.ids[1].text, "a\xc3\xa9\"");
    assert_int_equal(rows.ids[2].kind, VARVE_ID_NUM);
    expect_text(rows.fields[0], "{\"n\":1.10,\"deep\":{\"id\":[1,2.50]}}");
    expect_text(rows.fields[1], "{\"big\":123456789012345678901234567890}");
    assert_null(rows.fields[2].data);
    batch_done(&b);
}

static void ndjson_keys(void **state)
{
    (void)state;
    batch b = new_batch();
    varve_rows rows;
    reader_options o = {.id_key = "name", .vector_key = "embedding"};
    expect_read(file_of_text("{\"name\":\"x\",\"embedding\":[1],\"id\":5,\"vector\":[9]}\n"),
                &reader_ndjson, &o, &b);
    batch_view(&b, NULL, &rows);
    expect_text(rows.ids[0].text, "x");
    expect_text(rows.fields[0], "{\"id\":5,\"vector\":[9]}");
    batch_done(&b);
}

static void ndjson_without_ids(void **state)
{
    (void)state;
    batch b = new_batch();
    varve_rows rows;
    uint64_t first = 40;
    expect_read(file_of_text("{\"vector\":[1]}\n{\"vector\":[2]}\n"), &reader_ndjson, NULL, &b);
    batch_view(&b, &first, &rows);
    assert_null(rows.ids);
    assert_null(rows.fields);
    assert_true(rows.ids_from_first && rows.first_id == 40);
    batch_view(&b, NULL, &rows);
    assert_false(rows.ids_from_first);
    batch_done(&b);
}

/* ---- vectors and fields apart ---- */

/* An npy of n rows of one float32 at `path`. */
static void write_npy(const char *path, size_t n)
{
    char dictionary[96];
    uint8_t *bytes = malloc(256 + 4 * n);
    float *data = calloc(n + 1, sizeof *data);
    FILE *f = fopen(path, "wb");
    if (!bytes || !data || !f) abort();
    for (size_t i = 0; i < n; i++)
        data[i] = (float)i;
    snprintf(dictionary, sizeof dictionary, "{'descr':'<f4','fortran_order':False,'shape':(%zu,1)}",
             n);
    fwrite(bytes, 1, npy_bytes(bytes, 1, dictionary, data, 4 * n), f);
    fclose(f);
    free(bytes);
    free(data);
}

/* Rows that a source of two files of `vectors` rows each, labelled by `text`, gives. */
static varve_status read_pair(size_t vectors, const char *text, const char *id_key,
                              uint64_t *ret_rows, varve_error *err)
{
    char path[64];
    char *files[] = {path, path};
    snprintf(path, sizeof path, "/tmp/varve-test-cli-%d.npy", (int)getpid());
    write_npy(path, vectors);
    source_options o = {.files = files,
                        .file_count = 2,
                        .fields_from = file_of_text(text),
                        .id_key = id_key,
                        .batch_rows = 3};
    source *s = NULL;
    varve_rows rows = {.count = 1};
    *ret_rows = 0;
    varve_status status = source_open(&o, &s, err);
    while (status == VARVE_OK && rows.count > 0) {
        status = source_next(s, &rows, err);
        if (status != VARVE_OK) break;
        for (size_t i = 0; id_key && i < rows.count; i++)
            assert_true(rows.ids[i].num == *ret_rows + i);
        *ret_rows += rows.count;
    }
    source_close(s);
    unlink(path);
    return status;
}

static void pairs(void **state)
{
    (void)state;
    varve_error err = {0};
    uint64_t rows;
    const char *four = "{\"k\":0}\n{\"k\":1}\n{\"k\":2}\n{\"k\":3}\n";
    assert_int_equal(read_pair(2, four, NULL, &rows, &err), VARVE_OK);
    assert_true(rows == 4);
    assert_int_equal(read_pair(2, four, "k", &rows, &err), VARVE_OK);
    assert_int_equal(read_pair(3, four, NULL, &rows, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "ends after 4 rows"));
    assert_int_equal(read_pair(1, four, NULL, &rows, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "has more rows than there are vectors (2)"));
}

static void formats_by_name(void **state)
{
    (void)state;
    reader *r = NULL;
    varve_error err = {0};
    assert_int_equal(reader_open(file_of_text("{}"), NULL, NULL, &r, &err), VARVE_INVALID);
    assert_non_null(strstr(err.message, "--format"));
    assert_ptr_equal(reader_type_named("bvecs"), &reader_bvecs);
    assert_null(reader_type_named("csv"));
    assert_int_equal(reader_open("/nowhere/x.npy", NULL, NULL, &r, &err), VARVE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_versions),       cmocka_unit_test(npy_types),
        cmocka_unit_test(npy_one_row),        cmocka_unit_test(vecs),
        cmocka_unit_test(ndjson_rows),        cmocka_unit_test(ndjson_keys),
        cmocka_unit_test(ndjson_without_ids), cmocka_unit_test(pairs),
        cmocka_unit_test(formats_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
