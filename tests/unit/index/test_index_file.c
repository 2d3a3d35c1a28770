/* test_index_file.c — the container: what is put in comes out, a draft reads like the final file,
 * damage of any byte is found, lies with right checksums are refused or harmless, and a failure of
 * any file call leaves nothing behind. */
#include "index_folder.h"
#include "index_reseal.h"

#include "base/fault.h"
#include "base/random.h"
#include "index/index_file.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL = 40, LARGE = 41, EMPTY = 42, LATE = 43 };
#define LARGE_BYTES 200001u

static const index_spec spec = {.kind = INDEX_KIND_FULL,
                                .mode = {INDEX_FLAT, VARVE_METRIC_L2, QUANT_SQ8, 0},
                                .dim = 7,
                                .dtype = VARVE_FLOAT32};

static uint8_t large[LARGE_BYTES];

static void fill_large(void)
{
    random_state r;
    random_seed(&r, 3);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)random_u64(&r);
}

static varve_status put_sections(index_file_writer *w, size_t large_bytes, varve_error *err)
{
    VV_TRY(index_file_add(w, SMALL, "small", 5, err));
    VV_TRY(index_file_begin(w, LARGE, 4096, err));
    for (size_t at = 0; at < large_bytes; at += 777)
        VV_TRY(index_file_put(w, large + at, VV_MIN((size_t)777, large_bytes - at), err));
    return index_file_add(w, EMPTY, NULL, 0, err);
}

static varve_status write_file(size_t large_bytes, bool draft, index_record *ret, varve_error *err)
{
    VV_CLEANUP(index_file_discardp) index_file_writer *w = NULL;
    index_file_writer *finishing;
    VV_TRY(index_file_create(in_folder("x.tmp"), &spec, 7, 12, &w, err));
    VV_TRY(put_sections(w, large_bytes, err));
    if (draft) {
        VV_TRY(index_file_draft(w, err));
        VV_TRY(index_file_amend(w, err));
    }
    VV_TRY(index_file_add(w, LATE, "later", 5, err));
    finishing = w;
    w = NULL;
    return index_file_finish(finishing, in_folder("x.idx"), ret, err);
}

static void expect_sections(index_file *f, size_t large_bytes, bool late)
{
    const uint8_t *at;
    uint64_t size;
    OK(index_file_need(f, SMALL, 5, 5, "small", &at, &size, err));
    assert_memory_equal(at, "small", 5);
    at = index_file_section(f, LARGE, &size);
    assert_int_equal(size, large_bytes);
    assert_int_equal((uintptr_t)at % 4096, 0);
    OK(index_file_verify(f, at, size, err));
    assert_memory_equal(at, large, large_bytes);
    uint8_t *copy = malloc(large_bytes + 1);
    OK(index_file_read(f, LARGE, copy, err));
    assert_memory_equal(copy, large, large_bytes);
    free(copy);
    OK(index_file_need(f, EMPTY, 0, 0, "empty", &at, &size, err));
    assert_true((index_file_section(f, LATE, &size) != NULL) == late);
    assert_null(index_file_section(f, 99, &size));
    OK(index_file_verify_all(f, err));
    assert_int_equal(index_file_rows(f), 12);
}

static void test_contents(void **state)
{
    static const size_t sizes[] = {0, 1, 64, 777, 61000, 65535, 65536, 131072, LARGE_BYTES};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(sizes); i++) {
        index_record made;
        index_file *f;
        OK(write_file(sizes[i], i % 2, &made, err));
        assert_false(file_exists(in_folder("x.tmp")));
        OK(index_file_open(in_folder("x.idx"), &f, err));
        assert_memory_equal(index_file_record(f), &made, sizeof made);
        assert_string_equal(made.mode, "FLAT-L2-SQ8");
        assert_int_equal(made.generation, 7);
        assert_int_equal(index_file_spec(f)->dim, 7);
        expect_sections(f, sizes[i], true);
        index_file_close(f);
    }
}

/* A draft is a whole file; amended, it becomes what it would have been without. */
static void test_draft(void **state)
{
    (void)state;
    for (size_t n = 64000; n < 66000; n += 13) {
        index_record plain, drafted;
        index_file_writer *w;
        index_file *f;
        OK(write_file(n, false, &plain, err));
        OK(index_file_create(in_folder("x.tmp"), &spec, 7, 12, &w, err));
        OK(put_sections(w, n, err));
        OK(index_file_draft(w, err));
        OK(index_file_open(in_folder("x.tmp"), &f, err));
        expect_sections(f, n, false);
        index_file_close(f);
        OK(index_file_amend(w, err));
        OK(index_file_add(w, LATE, "later", 5, err));
        OK(index_file_finish(w, in_folder("x.idx"), &drafted, err));
        assert_true(plain.footer_hash == drafted.footer_hash);
        OK(index_file_open(in_folder("x.idx"), &f, err));
        expect_sections(f, n, true);
        index_file_close(f);
    }
}

/* ---- damage -------------------------------------------------------------------------------- */

static varve_status read_all(const char *path, varve_error *err)
{
    VV_CLEANUP(index_file_closep) index_file *f = NULL;
    static const index_section kinds[] = {SMALL, LARGE, EMPTY, LATE};
    VV_TRY(index_file_open(path, &f, err));
    for (size_t i = 0; i < VV_COUNT(kinds); i++) {
        uint64_t size;
        const uint8_t *at = index_file_section(f, kinds[i], &size);
        if (at) VV_TRY(index_file_verify(f, at, size, err));
    }
    return VARVE_OK;
}

static void load(char **ret, size_t *ret_size, size_t large_bytes)
{
    index_record made;
    OK(write_file(large_bytes, true, &made, err));
    OK(file_read(in_folder("x.idx"), SIZE_MAX / 2, ret, ret_size, err));
}

static void test_every_byte(void **state)
{
    char *bytes;
    size_t size;
    (void)state;
    load(&bytes, &size, 300);
    for (size_t at = 0; at < size; at++) {
        varve_error err = {0};
        varve_status status;
        bytes[at] ^= (char)(1 + at % 255);
        put_file(in_folder("bad.idx"), bytes, size);
        status = read_all(in_folder("bad.idx"), &err);
        assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        assert_non_null(strstr(err.message, "bad.idx"));
        bytes[at] ^= (char)(1 + at % 255);
    }
    free(bytes);
}

static void test_cut(void **state)
{
    char *bytes;
    size_t size;
    (void)state;
    load(&bytes, &size, 300);
    for (size_t n = 0; n < size; n += 3) {
        put_file(in_folder("bad.idx"), bytes, n);
        assert_int_equal(read_all(in_folder("bad.idx"), NULL), VARVE_CORRUPT);
    }
    free(bytes);
}

/* Damage in one block is found by those who read it, again and again, and only by them. */
static void test_other_blocks(void **state)
{
    char *bytes;
    size_t size;
    uint64_t section;
    index_file *f;
    const uint8_t *at;
    (void)state;
    load(&bytes, &size, LARGE_BYTES);
    bytes[140000] ^= 1;
    put_file(in_folder("bad.idx"), bytes, size);
    OK(index_file_open(in_folder("bad.idx"), &f, err));
    at = index_file_section(f, LARGE, &section);
    OK(index_file_verify(f, at, 60000, err));
    for (int i = 0; i < 2; i++)
        assert_int_equal(index_file_verify(f, at, section, NULL), VARVE_CORRUPT);
    OK(index_file_verify(f, at + 196608, section - 196608, err));
    assert_int_equal(index_file_verify_all(f, NULL), VARVE_CORRUPT);
    index_file_close(f);
    free(bytes);
}

/* Any number changed anywhere with right sums: an error or a readable file, never a crash. */
static void test_lies(void **state)
{
    static const uint64_t numbers[] = {0,          1,
                                       63,         64,
                                       255,        0x7fffffff,
                                       0xffffffff, 0x10000000,
                                       UINT64_MAX, UINT64_MAX - 63,
                                       65536,      1ull << 40,
                                       1ull << 63, UINT32_MAX / 2};
    random_state r;
    char *good;
    size_t size, refused = 0, rounds = 20000;
    (void)state;
    load(&good, &size, 300);
    uint8_t *bytes = malloc(size);
    random_seed(&r, 9);
    for (size_t i = 0; i < rounds; i++) {
        static const uint8_t widths[] = {1, 2, 4, 8};
        uint64_t number = numbers[random_below(&r, VV_COUNT(numbers))] + random_below(&r, 2);
        size_t width = widths[random_below(&r, 4)], at;
        bool front = random_below(&r, 2);
        memcpy(bytes, good, size);
        at = front ? random_below(&r, INDEX_HEADER_BYTES) : size - 8 - random_below(&r, 300);
        memcpy(bytes + at, &number, width);
        index_reseal(bytes, size);
        put_file(in_folder("bad.idx"), bytes, size);
        varve_status status = read_all(in_folder("bad.idx"), NULL);
        assert_true(status == VARVE_OK || status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        refused += status != VARVE_OK;
    }
    assert_true(refused > rounds / 4 && refused < rounds);
    free(bytes);
    free(good);
}

/* ---- failures ------------------------------------------------------------------------------ */

#ifdef VARVE_FAULTS
static void test_faults(void **state)
{
    static const fault_kind kinds[] = {VV_FAULT_EIO, VV_FAULT_ENOSPC, VV_FAULT_SHORT};
    (void)state;
    OK(file_unlink(in_folder("x.idx"), err));
    for (size_t k = 0; k < VV_COUNT(kinds); k++) {
        bool hit = true;
        for (uint64_t nth = 1; hit; nth++) {
            index_record made;
            varve_error e = {0};
            fault_arm(NULL, nth, kinds[k]);
            varve_status status = write_file(LARGE_BYTES, true, &made, &e);
            hit = fault_was_hit();
            fault_disarm();
            assert_false(file_exists(in_folder("x.tmp")));
            if (!hit) assert_int_equal(status, VARVE_OK);
            if (status != VARVE_OK) {
                assert_int_equal(status, kinds[k] == VV_FAULT_EIO ? VARVE_IO : VARVE_NO_SPACE);
                assert_false(file_exists(in_folder("x.idx")));
                assert_true(e.message[0] != '\0');
            } else {
                OK(read_all(in_folder("x.idx"), err));
                OK(file_unlink(in_folder("x.idx"), err));
            }
            assert_true(nth < 100);
        }
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),     cmocka_unit_test(test_draft),
        cmocka_unit_test(test_every_byte),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_other_blocks), cmocka_unit_test(test_lies),
#ifdef VARVE_FAULTS
        cmocka_unit_test(test_faults),
#endif
    };
    fill_large();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
