/* test_drop_file.c — slots to drop go through a file unchanged; a file that is of something else,
 * or damaged at any byte, is refused. */
#include "segment_rows.h"

#include "base/fault.h"
#include "base/hash.h"
#include "segment/drop_file.h"

static tombstones *some_slots(uint64_t rows, uint64_t every)
{
    tombstones *set = NULL;
    for (uint64_t slot = 0; slot < rows; slot += every) {
        tombstones *next;
        OK(tombstones_change(set, &slot, 1, NULL, 0, &next, err));
        tombstones_unref(set);
        set = next;
    }
    return set;
}

static void round_trip(uint64_t rows, uint64_t every)
{
    tombstones *wrote = some_slots(rows, every), *got = NULL;
    OK(drop_file_write(in_folder("1.drop"), 1, rows, wrote, err));
    OK(drop_file_read(in_folder("1.drop"), 1, rows, tombstones_count(wrote), &got, err));
    assert_true(tombstones_count(got) == tombstones_count(wrote));
    for (uint64_t slot = 0; slot < rows + 70; slot++)
        assert_int_equal(tombstones_has(got, slot), tombstones_has(wrote, slot));
    tombstones_unref(wrote);
    tombstones_unref(got);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t rows = 1; rows < 200; rows += 13)
        for (uint64_t every = 1; every < 100; every += 9)
            round_trip(rows, every);
    round_trip(64, 63);
    round_trip(100000, 1); /* several batches, several chunks */
    round_trip(100000, 7919);
}

static void test_empty(void **state)
{
    tombstones *got = NULL;
    (void)state;
    OK(drop_file_write(in_folder("1.drop"), 1, 65, NULL, err));
    OK(drop_file_read(in_folder("1.drop"), 1, 65, 0, &got, err));
    assert_null(got);
}

static void test_of_another(void **state)
{
    tombstones *set = some_slots(200, 3), *got = NULL;
    uint64_t count = tombstones_count(set);
    const char *path = in_folder("1.drop");
    varve_error why = {0};
    (void)state;
    OK(drop_file_write(path, 1, 200, set, err));
    assert_int_equal(drop_file_read(path, 2, 200, count, &got, &why), VARVE_CORRUPT);
    assert_non_null(strstr(why.message, "1.drop"));
    assert_int_equal(drop_file_read(path, 1, 199, count, &got, NULL), VARVE_CORRUPT);
    assert_int_equal(drop_file_read(path, 1, 300, count, &got, NULL), VARVE_CORRUPT);
    assert_int_equal(drop_file_read(path, 1, 200, count + 1, &got, NULL), VARVE_CORRUPT);
    assert_int_equal(drop_file_read(in_folder("2.drop"), 1, 200, count, &got, NULL),
                     VARVE_NOT_FOUND);
    assert_null(got);
    tombstones_unref(set);
}

static void write_bytes(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void refuse_bytes(const char *bytes, size_t len, uint64_t count)
{
    tombstones *got = NULL;
    varve_status status;
    write_bytes(in_folder("d.drop"), bytes, len);
    status = drop_file_read(in_folder("d.drop"), 1, 130, count, &got, NULL);
    assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
    assert_null(got);
}

static void test_damage(void **state)
{
    tombstones *set = some_slots(130, 5);
    uint64_t count = tombstones_count(set);
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len;
    (void)state;
    OK(drop_file_write(in_folder("1.drop"), 1, 130, set, err));
    OK(file_read(in_folder("1.drop"), 4096, &bytes, &len, err));
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 1;
        refuse_bytes(bytes, len, count);
        bytes[at] ^= 1;
        refuse_bytes(bytes, at, count);
    }
    tombstones_unref(set);
}

/* The checksum is right, the sense is not. */
static void test_sense(void **state)
{
    tombstones *set = some_slots(130, 5);
    uint64_t count = tombstones_count(set);
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len;
    (void)state;
    OK(drop_file_write(in_folder("1.drop"), 1, 130, set, err));
    OK(file_read(in_folder("1.drop"), 4096, &bytes, &len, err));
    bytes[40] ^= 2; /* one more slot than counted */
    put_u64(bytes + len - 8, hash_bytes(bytes, len - 8));
    refuse_bytes(bytes, len, count);
    bytes[40] ^= 3; /* slot 1 for slot 0, and that for one beyond the rows */
    bytes[40 + 16] |= 4;
    put_u64(bytes + len - 8, hash_bytes(bytes, len - 8));
    refuse_bytes(bytes, len, count);
    tombstones_unref(set);
}

static void test_faults(void **state)
{
    (void)state;
#ifdef VARVE_FAULTS
    tombstones *set = some_slots(130, 5);
    bool hit = true;
    uint64_t nth = 1;
    for (; hit; nth++) {
        tombstones *got = NULL;
        varve_status status;
        fault_arm(NULL, nth, VV_FAULT_ENOSPC);
        status = drop_file_write(in_folder("f.drop"), 1, 130, set, NULL);
        if (status != VARVE_OK) assert_false(file_exists(in_folder("f.drop")));
        if (status == VARVE_OK)
            status = drop_file_read(in_folder("f.drop"), 1, 130, tombstones_count(set), &got, NULL);
        hit = fault_was_hit();
        fault_disarm();
        assert_int_equal(status, hit ? VARVE_NO_SPACE : VARVE_OK);
        tombstones_unref(got);
    }
    assert_true(nth > 4);
    tombstones_unref(set);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_of_another), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_sense),      cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
