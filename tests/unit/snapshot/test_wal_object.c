/* test_wal_object.c — objects of the log: written and read, bent at every byte, cut at every
 * length, and under names that are not theirs. */
#include "fixture.h"

#include "base/bytes.h"
#include "wal_object.h"
#include "wal_object_format.h"

/* A batch of `count` deletes of nothing. */
static size_t make_batch(uint64_t first, uint32_t count, uint8_t *ret)
{
    size_t len = 12;
    put_u64(ret, first);
    put_u32(ret + 8, count);
    for (uint32_t i = 0; i < count; i++) {
        ret[len++] = 0x4;
        ret[len++] = 1;
        ret[len++] = 0;
    }
    return len;
}

static void add(wal_writer *w, uint64_t first, uint32_t count)
{
    uint8_t bytes[64];
    varve_log_batch batch = {0};
    size_t len = make_batch(first, count, bytes);
    must(varve_log_parse(bytes, len, &batch, err));
    must(wal_writer_add(w, &batch, NULL, err));
    varve_log_batch_done(&batch);
}

/* Sequences 5 to 9 in two batches. */
static void make_object(fixture *f, buffer *ret, object_name *name)
{
    static const uint8_t none[SUMS_BYTES];
    uint8_t foot[SUMS_BYTES];
    wal_writer w;
    wal_writer_init(&w);
    add(&w, 5, 2);
    add(&w, 7, 3);
    must(wal_writer_end(&w, f->repo, 1, none, ret, foot, err));
    assert_memory_equal(ret->data + ret->len - SUMS_BYTES, foot, SUMS_BYTES);
    wal_writer_done(&w);
    *name =
        (object_name){.kind = NAME_WAL, .db_id = FIXTURE_DB, .timeline = 1, .lsn = 5, .last = 9};
}

static void test_crc32c(void **state)
{
    (void)state;
    assert_int_equal(wal_object_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(wal_object_crc32c("", 0), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    fixture f;
    buffer bytes = {0};
    object_name name;
    wal_object o;
    fixture_init(&f, NULL);
    fixture_open_repo(&f);
    make_object(&f, &bytes, &name);
    const wal_expected expected = {.name = name, .repo_id = f.repo->repo_id};
    must(wal_object_parse(bytes.data, bytes.len, &expected, "it", &o, err));
    assert_int_equal(o.first, 5);
    assert_int_equal(o.last, 9);
    assert_int_equal(o.batch_count, 2);
    assert_int_equal(o.batches[1].first, 7);
    assert_int_equal(o.file_count, 0);
    wal_object_done(&o);
    buffer_done(&bytes);
    fixture_done(&f);
}

static void test_gaps_are_not_written(void **state)
{
    (void)state;
    wal_writer w;
    uint8_t bytes[64];
    varve_error wrong = {0};
    wal_writer_init(&w);
    add(&w, 5, 2);
    const varve_log_batch batch = {
        .first = 8, .last = 8, .bytes = bytes, .len = make_batch(8, 1, bytes)};
    assert_status(wal_writer_add(&w, &batch, NULL, &wrong), VARVE_CONFLICT);
    assert_contains(wrong.message, "8");
    assert_contains(wrong.message, "6");
    wal_writer_done(&w);
}

static void refuse(const wal_expected *e, const char *bytes, size_t len, const char *part)
{
    wal_object o = {0};
    varve_error wrong = {0};
    varve_status status = wal_object_parse(bytes, len, e, "the object", &o, &wrong);
    assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
    assert_contains(wrong.message, "the object");
    if (part) assert_contains(wrong.message, part);
    assert_null(o.batches);
}

/* A reader behind the outer sum: every bit of the inside is looked at too. */
static void sign(char *bytes, size_t len)
{
    uint8_t sum[SUMS_BYTES];
    must(sums_of_bytes(bytes, len - SUMS_BYTES, sum, err));
    memcpy(bytes + len - SUMS_BYTES, sum, SUMS_BYTES);
}

static void test_damage(void **state)
{
    (void)state;
    fixture f;
    buffer bytes = {0};
    object_name name;
    fixture_init(&f, NULL);
    fixture_open_repo(&f);
    make_object(&f, &bytes, &name);
    const wal_expected expected = {.name = name, .repo_id = f.repo->repo_id};
    for (size_t i = 0; i < bytes.len; i++) {
        char *exact = malloc(i + 1); /* so that a read beyond its end is seen */
        memcpy(exact, bytes.data, i);
        refuse(&expected, exact, i, NULL);
        free(exact);
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[i] ^= (char)(1 << bit);
            refuse(&expected, bytes.data, bytes.len, NULL);
            if (i < bytes.len - SUMS_BYTES) {
                sign(bytes.data, bytes.len);
                refuse(&expected, bytes.data, bytes.len, NULL);
            }
            bytes.data[i] ^= (char)(1 << bit);
            sign(bytes.data, bytes.len);
        }
    }
    buffer_done(&bytes);
    fixture_done(&f);
}

static void test_other_places(void **state)
{
    (void)state;
    fixture f;
    buffer bytes = {0};
    object_name name;
    fixture_init(&f, NULL);
    fixture_open_repo(&f);
    make_object(&f, &bytes, &name);
    wal_expected e = {.name = name, .repo_id = f.repo->repo_id};
    e.name.timeline = 2;
    refuse(&e, bytes.data, bytes.len, "another object");
    e.name = name;
    e.name.last++;
    refuse(&e, bytes.data, bytes.len, "another object");
    e.name = name;
    memcpy(e.name.db_id, FIXTURE_OTHER, sizeof e.name.db_id);
    refuse(&e, bytes.data, bytes.len, "another database");
    e.name = name;
    e.repo_id = FIXTURE_OTHER;
    refuse(&e, bytes.data, bytes.len, "another repository");
    buffer_done(&bytes);
    fixture_done(&f);
}

/* ---- names alone --------------------------------------------------------------------------- */

#define FILES 150 /* more than the first request fetches */

/* One batch of 300 kB that is said to name so many files. */
static void add_named(fixture *f, wal_writer *w, size_t files)
{
    static uint8_t bytes[300012];
    static char paths[FILES][64];
    static manifest_file list[FILES];
    varve_log_batch batch = {.first = 1, .last = 100000, .bytes = bytes, .file_count = files};
    batch.len = make_batch(1, 100000, bytes);
    for (size_t i = 0; i < files; i++) {
        manifest_file *m = &list[i];
        snprintf(paths[i], sizeof paths[i], "segments/1/%zu.seg", i + 1);
        *m = (manifest_file){.path = paths[i], .size = 1000 + i, .stored_size = 1000 + i};
        memset(m->sha256, (int)i + 1, SUMS_BYTES);
        memset(m->stored_sha256, (int)i + 1, SUMS_BYTES);
        assert_true(!f->repo->secret ||
                    secret_sealed_size(f->repo->secret, m->size, &m->stored_size));
        must(secret_blob_name(f->repo->secret, m->sha256, m->blob, err));
    }
    must(wal_writer_add(w, &batch, list, err));
}

static void make_named(fixture *f, size_t files, buffer *ret, object_name *name)
{
    static const uint8_t none[SUMS_BYTES];
    uint8_t foot[SUMS_BYTES];
    VV_CLEANUP(wal_writer_done) wal_writer w;
    wal_writer_init(&w);
    add_named(f, &w, files);
    must(wal_writer_end(&w, f->repo, 1, none, ret, foot, err));
    *name = (object_name){
        .kind = NAME_WAL, .db_id = FIXTURE_DB, .timeline = 1, .lsn = 1, .last = 100000};
}

static void expect_names(fixture *f, const object_name *name, uint64_t size, size_t files)
{
    wal_object o = {0};
    must(wal_object_read_names(f->repo, name, size, &o, err));
    assert_int_equal(o.file_count, files);
    assert_int_equal(o.batch_count, 1);
    assert_null(o.batches);
    for (size_t i = 0; i < files; i++) {
        uint8_t sum[SUMS_BYTES], blob[SUMS_BYTES];
        memset(sum, (int)i + 1, sizeof sum);
        must(secret_blob_name(f->repo->secret, sum, blob, err));
        assert_memory_equal(o.files[i].blob, blob, SUMS_BYTES);
        assert_int_equal(o.files[i].size, 1000 + i);
    }
    wal_object_done(&o);
}

/* What lies behind the names is not read: it may be wrong. In front of it nothing may. */
static void walk_names(const char *passphrase, size_t files)
{
    fixture f;
    VV_CLEANUP(buffer_done) buffer plain = {0};
    VV_CLEANUP(buffer_done) buffer stored = {0};
    object_name name;
    wal_object o = {0};
    varve_error wrong = {0};
    char key[NAMES_KEY_MAX];
    fixture_init(&f, passphrase);
    fixture_open_repo(&f);
    make_named(&f, files, &plain, &name);
    buffer_init(&stored, WAL_OBJECT_BYTES_MAX, "object");
    must(repo_seal(f.repo, plain.data, plain.len, &stored, err));
    names_build(&name, key);
    stored.data[stored.len - 40] ^= 1;
    remote_memory_set(f.store, key, stored.data, stored.len);
    expect_names(&f, &name, stored.len, files);
    assert_status(wal_object_read(f.repo, &name, &o, &wrong), VARVE_CORRUPT);
    for (size_t at = 0; at < 2000; at += 13) {
        stored.data[at] ^= 4;
        remote_memory_set(f.store, key, stored.data, stored.len);
        varve_status status = wal_object_read_names(f.repo, &name, stored.len, &o, &wrong);
        if (files) assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
        if (files) assert_contains(wrong.message, key);
        if (status == VARVE_OK) wal_object_done(&o);
        stored.data[at] ^= 4;
    }
    for (size_t len = 0; len < 200; len += 7) {
        remote_memory_set(f.store, key, stored.data, len);
        assert_status(wal_object_read_names(f.repo, &name, len, &o, &wrong), VARVE_CORRUPT);
        assert_status(wal_object_read_names(f.repo, &name, stored.len, &o, &wrong), VARVE_CORRUPT);
    }
    fixture_done(&f);
}

static void test_names(void **state)
{
    (void)state;
    walk_names(NULL, FILES);
    walk_names(NULL, 0);
    walk_names("a passphrase", FILES);
    walk_names("a passphrase", 1);
}

static void test_damaged_names(void **state)
{
    (void)state;
    fixture f;
    VV_CLEANUP(buffer_done) buffer plain = {0};
    object_name name;
    wal_object o = {0};
    varve_error wrong = {0};
    fixture_init(&f, NULL);
    fixture_open_repo(&f);
    make_named(&f, 3, &plain, &name);
    const wal_expected e = {.name = name, .repo_id = f.repo->repo_id};
    size_t end = WAL_OBJECT_HEAD_BYTES + 3 * (WAL_OBJECT_FILE_BYTES + sizeof "segments/1/1.seg");
    must(wal_object_parse_names(plain.data, end, plain.len, &e, "it", &o, err));
    wal_object_done(&o);
    for (size_t i = 0; i < end; i++) {
        char *exact = malloc(i + 1);
        memcpy(exact, plain.data, i);
        assert_status(wal_object_parse_names(exact, i, plain.len, &e, "it", &o, &wrong),
                      VARVE_CORRUPT);
        free(exact);
        for (int bit = 0; bit < 8; bit++) {
            plain.data[i] ^= (char)(1 << bit);
            varve_status status =
                wal_object_parse_names(plain.data, end, plain.len, &e, "it", &o, &wrong);
            assert_true(status == VARVE_CORRUPT || status == VARVE_NEWER_FORMAT);
            plain.data[i] ^= (char)(1 << bit);
        }
    }
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_gaps_are_not_written),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_damaged_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
