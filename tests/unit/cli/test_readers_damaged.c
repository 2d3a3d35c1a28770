/* test_readers_damaged.c — files that are not what they should be are refused with a sentence that
 * says why; and whatever bytes come, nothing breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "files.h"

#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bad_text {
    const char *text, *why; /* why: in the message */
} bad_text;

static void expect_refused(const char *path, const reader_type *type, const reader_options *o,
                           const char *why)
{
    batch b;
    varve_error err = {0};
    assert_int_equal(batch_init(&b, 100, NULL), VARVE_OK);
    varve_status status = read_whole(path, type, o, &b, &err);
    batch_done(&b);
    if (status == VARVE_OK) fail_msg("was taken, though: %s", why);
    if (status != err.status || !strstr(err.message, why))
        fail_msg("says \"%s\", not \"%s\"", err.message, why);
}

static void npy_headers(void **state)
{
    (void)state;
    static const bad_text cases[] = {
        {"{'descr':'>f4','fortran_order':False,'shape':(2,3)}", "'>f4'"},
        {"{'descr':'<f8','fortran_order':False,'shape':(2,3)}", "'<f8'"},
        {"{'descr':'<i4','fortran_order':False,'shape':(2,3)}", "'<i4'"},
        {"{'descr':'<f4','fortran_order':True,'shape':(2,3)}", "Fortran"},
        {"{'descr':'<f4','fortran_order':False,'shape':(6,)}", "1 dimensions, not 2"},
        {"{'descr':'<f4','fortran_order':False,'shape':(1,2,3)}", "3 dimensions, not 2"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,0)}", "rows of 0 values"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,99999999999)}", "rows of 99999999999"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,99999999999999999999)}", "header"},
        {"{'descr':'<f4','fortran_order':False,'shape':(-2,3)}", "header"},
        {"{'descr':'<f4','fortran_order':False}", "header"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,3),'shape':(2,3)}", "header"},
        {"{'descr':'<f4','fortran_order':False,'shape':(2,3),'x':1}", "header"},
        {"{'descr':'<f4','fortran_order':0,'shape':(2,3)}", "header"},
        {"{'descr':'<f4' 'fortran_order':False,'shape':(2,3)}", "header"},
        {"{'descr':['<f4'],'fortran_order':False,'shape':(2,3)}", "header"},
        {"{'descr':'<f4", "header"},
        {"", "header"},
    };
    float data[6] = {0};
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        uint8_t bytes[512];
        size_t len = npy_bytes(bytes, 1, cases[i].text, data, sizeof data);
        expect_refused(file_of(bytes, len), &reader_npy, NULL, cases[i].why);
    }
}

static void npy_lengths(void **state)
{
    (void)state;
    float data[7] = {0};
    uint8_t bytes[512];
    const char *good = "{'descr':'<f4','fortran_order':False,'shape':(2,3)}";
    size_t len = npy_bytes(bytes, 1, good, data, 24);
    expect_refused(file_of(bytes, 5), &reader_npy, NULL, "not an npy file");
    expect_refused(file_of(bytes, 9), &reader_npy, NULL, "ends in its npy header");
    expect_refused(file_of(bytes, 30), &reader_npy, NULL, "ends in its npy header");
    expect_refused(file_of(bytes, len - 1), &reader_npy, NULL, "ends in row 1 of the 2");
    expect_refused(file_of(bytes, len - 13), &reader_npy, NULL, "ends in row 0 of the 2");
    expect_refused(file_of(bytes, npy_bytes(bytes, 1, good, data, 25)), &reader_npy, NULL,
                   "goes on after the 2 rows");
    bytes[6] = 9;
    expect_refused(file_of(bytes, len), &reader_npy, NULL, "npy version 9.0");
    const char *endless = "{'descr':'|u1','fortran_order':False,'shape':(18446744073709551615,3)}";
    len = npy_bytes(bytes, 1, endless, data, 24);
    expect_refused(file_of(bytes, len), &reader_npy, NULL, "ends in row 8");
    len = npy_bytes(bytes, 2, good, data, 24);
    memset(bytes + 8, 0xff, 4);
    expect_refused(file_of(bytes, len), &reader_npy, NULL, "too long");
}

static void vecs(void **state)
{
    (void)state;
    static const uint8_t ragged[] = {2, 0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 3};
    static const uint8_t none[] = {0, 0, 0, 0};
    static const uint8_t negative[] = {0xff, 0xff, 0xff, 0xff, 0};
    expect_refused(file_of(ragged, sizeof ragged), &reader_bvecs, NULL, "row 1");
    expect_refused(file_of(ragged, 5), &reader_bvecs, NULL, "in the middle of row 0");
    expect_refused(file_of(ragged, 8), &reader_bvecs, NULL, "in the middle of row 1");
    expect_refused(file_of(none, sizeof none), &reader_fvecs, NULL, "cannot have 0 values");
    expect_refused(file_of(negative, 5), &reader_fvecs, NULL, "cannot have 4294967295 values");
}

static void ndjson(void **state)
{
    (void)state;
    static const bad_text cases[] = {
        {"{\"vector\":[1]}\n{\"vector\":[1,2]}\n", "line 2"},
        {"{\"vector\":[1]}\n{\"vector\":[1],\"id\":1}\n", "line 2: this row has an id"},
        {"{\"id\":1,\"vector\":[1]}\n\n{\"vector\":[1]}\n", "line 3: this row has no id"},
        {"{\"id\":1}\n", "no \"vector\""},
        {"{\"vector\":[1],\"vector_b64\":\"AAAAPw==\"}\n", "both \"vector\""},
        {"{\"vector\":[]}\n", "not an array of numbers"},
        {"{\"vector\":\"1\"}\n", "not an array of numbers"},
        {"{\"vector\":{\"a\":1}}\n", "not an array of numbers"},
        {"{\"vector\":[[1]]}\n", "\"vector\"[0]"},
        {"{\"vector\":[1,null]}\n", "\"vector\"[1]"},
        {"{\"vector\":[1,\"2\"]}\n", "\"vector\"[1]"},
        {"{\"vector\":[1e39]}\n", "\"vector\"[0]"},
        {"{\"vector\":[NaN]}\n", "line 1"},
        {"{\"vector_b64\":\"AAAA\"}\n", "base64"},
        {"{\"vector_b64\":\"\"}\n", "base64"},
        {"{\"vector_b64\":7}\n", "base64"},
        {"{\"id\":-1,\"vector\":[1]}\n", "not an id"},
        {"{\"id\":1.0,\"vector\":[1]}\n", "not an id"},
        {"{\"id\":18446744073709551616,\"vector\":[1]}\n", "not an id"},
        {"{\"id\":\"\",\"vector\":[1]}\n", "not an id"},
        {"{\"id\":true,\"vector\":[1]}\n", "not an id"},
        {"{\"id\":null,\"vector\":[1]}\n", "not an id"},
        {"{\"vector\":[1],\"fields\":{},\"x\":1}\n", "beside other members"},
        {"{\"vector\":[1],\"vector\":[2]}\n", "line 1"},
        {"{\"vector\":[1],\"x\":\"\xff\"}\n", "line 1"},
        {"{\"vector\":[1]} x\n", "line 1"},
        {"[1]\n", "line 1"},
        {"{\"vector\":[1]\n", "line 1"},
        {"{", "line 1"},
        {"null", "line 1"},
    };
    for (size_t i = 0; i < VV_COUNT(cases); i++)
        expect_refused(file_of_text(cases[i].text), &reader_ndjson, NULL, cases[i].why);
    reader_options named = {.id_key = "name"};
    expect_refused(file_of_text("{\"vector\":[1]}"), &reader_ndjson, &named, "no \"name\"");
}

static void ndjson_too_long(void **state)
{
    (void)state;
    size_t len = (size_t)17 << 20;
    char *line = malloc(len);
    assert_non_null(line);
    memset(line, ' ', len);
    line[0] = '{';
    line[len - 1] = '}';
    expect_refused(file_of(line, len), &reader_ndjson, NULL, "longer than");
    free(line);
}

static void zstd(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    const char *text = "{\"id\":1,\"vector\":[1]}\n{\"id\":2,\"vector\":[2]}\n";
    FILE *f = fopen(file_of_zstd(text, strlen(text)), "rb");
    assert_non_null(f);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t cut = 4; cut < len; cut++)
        expect_refused(file_of(bytes, cut), &reader_ndjson, NULL, "zstd");
    bytes[5] ^= 0xff;
    expect_refused(file_of(bytes, len), &reader_ndjson, NULL, "zstd");
}

/* Change, cut and double bytes of a good file; any answer will do, as long as there is one. */
static void mutate(const char *good, size_t good_len, const reader_type *type, uint64_t seed)
{
    random_state random;
    random_seed(&random, seed);
    for (int i = 0; i < 500; i++) {
        uint8_t bytes[1024];
        size_t len = good_len;
        batch b;
        memcpy(bytes, good, good_len);
        for (uint64_t n = 1 + random_below(&random, 4); n > 0; n--) {
            size_t at = (size_t)random_below(&random, len);
            static const char marks[] = "{}[](),:'\"\\0919-+.eE \n\xff";
            uint64_t what = random_below(&random, 4);
            if (what == 0) bytes[at] = (uint8_t)random_u64(&random);
            if (what == 1) bytes[at] = (uint8_t)marks[random_below(&random, sizeof marks)];
            if (what == 2 && len > 8) len -= (size_t)random_below(&random, 8);
            if (what == 3) memmove(bytes + at, bytes, len - at);
            if (at >= len) continue;
        }
        assert_int_equal(batch_init(&b, 10, NULL), VARVE_OK);
        varve_error err = {0};
        varve_status status = read_whole(file_of(bytes, len), type, NULL, &b, &err);
        if (status != VARVE_OK) assert_true(err.message[0] != '\0');
        batch_done(&b);
    }
}

static void any_bytes(void **state)
{
    (void)state;
    uint8_t npy[256];
    float data[6] = {1, 2, 3, 4, 5, 6};
    const char *lines =
        "{\"id\": \"a\\u00e9\", \"vector\": [1, 2.5e-3], \"k\": {\"x\": [1]}}\n"
        "{\"id\": 7, \"vector_b64\": \"AAAAPwAAgD4=\", \"fields\": {\"y\": null}}\n";
    static const char vectors[] = "\2\0\0\0abcdefgh\2\0\0\0ijklmnop\2\0\0\0qrstuvwx";
    size_t len = npy_bytes(npy, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                           data, sizeof data);
    mutate((const char *)npy, len, &reader_npy, 1);
    mutate(lines, strlen(lines), &reader_ndjson, 2);
    mutate(vectors, sizeof vectors - 1, &reader_fvecs, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_headers), cmocka_unit_test(npy_lengths),     cmocka_unit_test(vecs),
        cmocka_unit_test(ndjson),      cmocka_unit_test(ndjson_too_long), cmocka_unit_test(zstd),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
