/* test_names.c — the grammar of keys and of a data folder's paths: what is built is read back, and
 * nothing else is. */
#include "folder_path.h"
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define DB "00000000-0000-4000-8000-0000000000db"
#define ID "01234567-89ab-4cde-8f01-23456789abcd"
#define H  "ab23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const good_keys[] = {
    "repo.json",
    "keys/" ID ".json",
    "blobs/ab/" H,
    "blobs/ab/" H ".g1",
    "blobs/ab/" H ".g9999",
    "db/" DB "/WRITER.json",
    "db/" DB "/tl/00000001/HISTORY.json",
    "db/" DB "/tl/00000002/snap/00000000000000123456-" ID ".json",
    "db/" DB "/tl/00000002/wal/00000000000000000001-00000000000000000002.wlb",
    "db/" DB "/tl/00000002/wal/18446744073709551615-18446744073709551615.wlb",
    "db/" DB "/pins/" ID ".json",
    "db/" DB "/gc/" ID ".json",
    "db/" DB "/verified/00000000000000123456-" ID ".json",
};

static const char *const bad_keys[] = {
    "",
    "repo.json/",
    "repo.jsonx",
    "keys/" ID,
    "keys/../repo.json",
    "blobs/ac/" H,
    "blobs/ab/" H "0",
    "blobs/ab/" H ".g0",
    "blobs/ab/" H ".g01",
    "blobs/ab/" H ".g10000",
    "blobs/ab/" H ".tmp",
    "blobs/AB/AB23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "blobs/ab/../" H,
    "db/" DB,
    "db/" DB "/",
    "db/../WRITER.json",
    "db/" DB "/writer.json",
    "db/" DB "/tl/00000000/HISTORY.json",
    "db/" DB "/tl/1/HISTORY.json",
    "db/" DB "/tl/00000001/HISTORY.json.bak",
    "db/" DB "/tl/00000001/snap/123456-" ID ".json",
    "db/" DB "/tl/00000001/snap/99999999999999999999-" ID ".json",
    "db/" DB "/tl/00000001/wal/00000000000000000003-00000000000000000002.wlb",
    "db/" DB "/pins/" ID ".json.json",
    "db/" DB "/gc/.json",
    "db/00000000-0000-4000-8000-0000000000DB/WRITER.json"};

static void test_keys_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(good_keys); i++) {
        object_name n;
        char key[NAMES_KEY_MAX];
        assert_true(names_parse(good_keys[i], &n));
        names_build(&n, key);
        assert_string_equal(key, good_keys[i]);
    }
}

static void test_other_keys_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(bad_keys); i++) {
        object_name n = {.timeline = 77};
        if (names_parse(bad_keys[i], &n)) fail_msg("'%s' was taken for a key", bad_keys[i]);
        assert_int_equal(n.timeline, 77);
    }
}

static void test_parts_are_read(void **state)
{
    (void)state;
    object_name n;
    assert_true(names_parse(good_keys[7], &n));
    assert_int_equal(n.kind, NAME_SNAP);
    assert_int_equal(n.timeline, 2);
    assert_int_equal(n.lsn, 123456);
    assert_string_equal(n.id, ID);
    assert_string_equal(n.db_id, DB);
    assert_true(names_parse(good_keys[3], &n));
    assert_int_equal(n.generation, 1);
    assert_int_equal(n.blob[0], 0xab);
}

static void test_ids(void **state)
{
    (void)state;
    char id[NAMES_ID_SIZE];
    uint8_t bytes[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    names_make_id(bytes, id);
    assert_string_equal(id, "ffffffff-ffff-4fff-bf00-000000000000");
    assert_true(names_is_id(id));
    assert_false(names_is_id("ffffffff-ffff-4fff-bfff-ff00000000000"));
    assert_false(names_is_id("ffffffff-ffff-4fff-bfff-ff000000000"));
    assert_false(names_is_id(""));
}

static void expect_path(const char *path, file_role role, uint32_t collection)
{
    file_role found = FILE_ROLE_COUNT;
    uint32_t of = 99;
    if (!folder_path_parse(path, &found, &of)) fail_msg("'%s' was refused", path);
    assert_int_equal(found, role);
    assert_int_equal(of, collection);
}

static void test_paths(void **state)
{
    (void)state;
    expect_path("FORMAT", ROLE_CONFIG, 0);
    expect_path("ACKED", ROLE_CONFIG, 0);
    expect_path("rocks/CURRENT", ROLE_CURRENT, 0);
    expect_path("rocks/IDENTITY", ROLE_CONFIG, 0);
    expect_path("rocks/GUARD", ROLE_CONFIG, 0);
    expect_path("rocks/MANIFEST-000005", ROLE_MANIFEST, 0);
    expect_path("rocks/OPTIONS-000007", ROLE_OPTIONS, 0);
    expect_path("rocks/000123.sst", ROLE_SST, 0);
    expect_path("rocks/1234567.log", ROLE_WAL, 0);
    expect_path("segments/7/12.seg", ROLE_SEGMENT, 7);
    expect_path("segments/7/12.0.3.idx", ROLE_INDEX, 7);
}

static void test_other_paths_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "/FORMAT",
                                      "./FORMAT",
                                      "../FORMAT",
                                      "FORMAT/",
                                      "format",
                                      "LOCK",
                                      "rocks",
                                      "rocks/",
                                      "rocks/..",
                                      "rocks/../FORMAT",
                                      "rocks/LOCK",
                                      "rocks/LOG",
                                      "rocks/12.sst",
                                      "rocks/000123.SST",
                                      "rocks/000123.sst.link",
                                      "rocks/MANIFEST-",
                                      "rocks/MANIFEST-5/x",
                                      "rocks/00000000000000000001.sst",
                                      "segments/7",
                                      "segments/7/",
                                      "segments/../7/1.seg",
                                      "segments/07/12.seg",
                                      "segments/7/012.seg",
                                      "segments/7/12.seg/x",
                                      "segments/7/12.tmp",
                                      "segments/4294967296/1.seg",
                                      "segments/-1/1.seg",
                                      "segments/7/12.0.idx",
                                      "segments/7/12.0.0.0.idx",
                                      "segments//12.seg",
                                      "work/session-1/x",
                                      "etc/passwd",
                                      "segments/7/99999999999999999999999999999999.seg"};
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        file_role role;
        uint32_t of;
        if (folder_path_parse(bad[i], &role, &of)) fail_msg("'%s' was taken", bad[i]);
    }
    assert_true(folder_path_passed_over("rocks/LOG.old.1234"));
    assert_true(folder_path_passed_over("LOCK"));
    assert_false(folder_path_passed_over("rocks/CURRENT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_come_back), cmocka_unit_test(test_other_keys_are_refused),
        cmocka_unit_test(test_parts_are_read), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_paths),          cmocka_unit_test(test_other_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
