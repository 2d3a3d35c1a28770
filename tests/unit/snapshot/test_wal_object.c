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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_gaps_are_not_written),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_other_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
