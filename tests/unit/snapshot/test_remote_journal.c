/* test_remote_journal.c — the journal of an upload: read back as written, and refused when one byte
 * of it is another, is missing, or too many. */
#include "unit.h"

#include "base/file.h"
#include "remote_s3_journal.h"
#include "test_dir.h"

static test_dir dir;
static char path[300];

static int set_up(void **state)
{
    (void)state;
    test_dir_make(&dir);
    assert_ok(file_join(path, sizeof path, dir.path, "journal", NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_dir_remove(&dir);
    return 0;
}

static s3_upload *make_upload(void)
{
    s3_upload *u = NULL;
    uint8_t sum[32];
    memset(sum, 0xab, sizeof sum);
    assert_ok(s3_upload_new("blobs/ab/cd", 2500, sum, 1000, &u, NULL));
    assert_int_equal(u->part_count, 3);
    strcpy(u->id, "VXBs+/=");
    u->checksums = true;
    for (size_t i = 0; i < 3; i += 2) {
        memset(u->parts[i].sha256, (int)i + 1, 32);
        sprintf(u->parts[i].etag, "\"tag-%zu\"", i);
        u->parts[i].done = true;
    }
    return u;
}

static void test_round_trip(void **state)
{
    VV_CLEANUP(s3_upload_freep) s3_upload *u = make_upload(), *back = NULL;
    (void)state;
    assert_ok(s3_journal_write(path, u, NULL));
    assert_ok(s3_journal_read(path, &back, NULL));
    assert_string_equal(back->key, u->key);
    assert_string_equal(back->id, u->id);
    assert_memory_equal(back->sha256, u->sha256, 32);
    assert_int_equal(back->size, 2500);
    assert_int_equal(back->part_bytes, 1000);
    assert_true(back->checksums);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(back->parts[i].done, u->parts[i].done);
        assert_string_equal(back->parts[i].etag, u->parts[i].etag);
        assert_memory_equal(back->parts[i].sha256, u->parts[i].sha256, 32);
    }
    assert_int_equal(s3_upload_part_len(back, 1), 1000);
    assert_int_equal(s3_upload_part_len(back, 2), 500);
}

static void expect_refused(const char *bytes, size_t len)
{
    VV_CLEANUP(s3_upload_freep) s3_upload *u = NULL;
    assert_ok(file_replace(path, bytes, len, NULL));
    assert_status(s3_journal_read(path, &u, NULL), VARVE_CORRUPT);
    assert_null(u);
}

static void test_damage(void **state)
{
    VV_CLEANUP(s3_upload_freep) s3_upload *u = make_upload();
    VV_CLEANUP(vv_freep) char *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_status(s3_journal_read(path, &u, NULL), VARVE_NOT_FOUND);
    assert_ok(s3_journal_write(path, u, NULL));
    assert_ok(file_read(path, 10000, &bytes, &len, NULL));
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        expect_refused(bytes, len);
        bytes[i] ^= 1;
        expect_refused(bytes, i);
    }
    bytes[len] = '\n';
    expect_refused(bytes, len + 1);
}

static void test_part_limit(void **state)
{
    s3_upload *u = NULL;
    const uint8_t sum[32] = {0};
    (void)state;
    assert_status(s3_upload_new("k", S3_PARTS_MAX * 1000ull + 1, sum, 1000, &u, NULL), VARVE_LIMIT);
    assert_status(s3_upload_new("k", 0, sum, 1000, &u, NULL), VARVE_LIMIT);
    assert_status(s3_upload_new("k", 1, sum, 0, &u, NULL), VARVE_LIMIT);
    assert_null(u);
    assert_ok(s3_upload_new("k", S3_PARTS_MAX * 1000ull, sum, 1000, &u, NULL));
    s3_upload_free(u);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {T(test_round_trip), T(test_damage),
                                              T(test_part_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
