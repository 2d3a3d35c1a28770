/* test_prune.c — collections one step at a time: what they take, what they leave, and what keeps
 * them from starting. The interleavings are the simulator's (tests/sim). */
#include "fixture.h"

#include "base/bytes.h"
#include "blobs.h"
#include "gc_record.h"
#include "pins.h"
#include "prune.h"
#include "snapshots.h"
#include "verify.h"
#include "wal_object.h"

#define DAY ((uint64_t)86400000)

typedef struct counted {
    size_t blobs, snapshots, wal, gc, pins, generations;
} counted;

static varve_status count_key(void *arg, const char *key, uint64_t size, varve_error *err)
{
    counted *c = arg;
    object_name n;
    (void)size, (void)err;
    if (!names_parse(key, &n)) return VARVE_OK;
    c->blobs += n.kind == NAME_BLOB;
    c->generations += n.kind == NAME_BLOB && n.generation > 0;
    c->snapshots += n.kind == NAME_SNAP;
    c->wal += n.kind == NAME_WAL;
    c->gc += n.kind == NAME_GC;
    c->pins += n.kind == NAME_PIN;
    return VARVE_OK;
}

static counted count(fixture *f)
{
    counted c = {0};
    must(remote_list(f->remote, "", NULL, count_key, &c, err));
    return c;
}

/* Three snapshots, a day apart. */
static void begin(fixture *f, object_name names[3])
{
    fixture_init(f, NULL);
    fixture_add_rows(f, 100);
    fixture_open_repo(f);
    for (int i = 0; i < 3; i++) {
        names[i] = fixture_backup(f).snapshot;
        f->now_ms += DAY;
        remote_memory_set_clock(f->store, f->now_ms);
        fixture_add_rows(f, 70);
    }
}

static prune_result prune(fixture *f, bool yes, uint32_t last)
{
    prune_result result = {0};
    const prune_options options = {.rules = {.last = last}, .yes = yes};
    f->now_ms += 2 * DAY;
    must(prune_run(f->repo, &options, &result, err));
    return result;
}

static void expect_restorable(fixture *f, const object_name *name)
{
    restore_result result;
    const restore_options options = {.folder = f->target, .snap_id = name->id, .no_open = true};
    must(restore_run(f->repo, &options, &result, err));
    must(file_remove_tree(f->target, err));
}

static void test_dry_run_changes_nothing(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    begin(&f, names);
    uint64_t before = remote_memory_changes(f.store);
    prune_result result = prune(&f, false, 1);
    assert_int_equal(result.snapshot_count, 3);
    assert_int_equal(result.snapshots_gone, 2);
    assert_true(result.blobs_gone > 0 && result.blobs_gone < result.blobs);
    assert_true(result.bytes_gone > 0);
    assert_int_equal(remote_memory_changes(f.store), before);
    uint64_t promised = result.blobs_gone;
    prune_result_done(&result);
    result = prune(&f, true, 1);
    assert_int_equal(result.blobs_gone, promised);
    prune_result_done(&result);
    fixture_done(&f);
}

static void test_prune(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    begin(&f, names);
    counted before = count(&f);
    prune_result result = prune(&f, true, 2);
    assert_int_equal(result.snapshots_gone, 1);
    assert_int_equal(result.snapshots[0].why, 0);
    assert_int_equal(result.snapshots[2].why, RETENTION_LAST | RETENTION_NEWEST);
    counted after = count(&f);
    assert_int_equal(after.snapshots, 2);
    assert_int_equal(after.blobs, before.blobs - result.blobs_gone);
    assert_int_equal(after.gc, 0);
    prune_result_done(&result);
    expect_restorable(&f, &names[1]);
    expect_restorable(&f, &names[2]);
    object_name gone;
    assert_status(snapshots_find(f.repo, names[0].id, &gone, NULL), VARVE_NOT_FOUND);
    result = prune(&f, true, 2); /* nothing is left to do */
    assert_int_equal(result.snapshots_gone + result.blobs_gone, 0);
    prune_result_done(&result);
    fixture_done(&f);
}

static void test_no_rules_take_only_garbage(void **state)
{
    (void)state;
    static const char key[] =
        "blobs/ab/ab23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    fixture f;
    object_name names[3];
    begin(&f, names);
    counted before = count(&f);
    remote_memory_set(f.store, key, "garbage", 7);
    prune_result result = prune(&f, true, 0);
    assert_int_equal(result.snapshots_gone, 0);
    assert_int_equal(result.blobs_gone, 1);
    prune_result_done(&result);
    assert_int_equal(count(&f).blobs, before.blobs);
    remote_memory_set_clock(f.store, f.now_ms + 2 * DAY);
    remote_memory_set(f.store, key, "garbage", 7); /* young: within the grace */
    result = prune(&f, true, 0);
    assert_int_equal(result.blobs_gone, 0);
    assert_int_equal(result.blobs_young, 1);
    prune_result_done(&result);
    assert_true(remote_memory_has(f.store, key));
    fixture_done(&f);
}

static void test_verified_stays(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    verify_report report = {0};
    begin(&f, names);
    for (int i = 0; i < 2; i++) {
        const verify_options options = {.level = VERIFY_CHECKSUMS, .snap_id = names[i].id};
        must(verify_run(f.repo, &options, &report, err));
        assert_int_equal(report.count, 0);
        verify_report_done(&report);
    }
    prune_result result = prune(&f, true, 1);
    assert_int_equal(result.snapshots[0].why, 0);
    assert_int_equal(result.snapshots[1].why, RETENTION_VERIFIED);
    prune_result_done(&result);
    object_name mark = names[0];
    char key[NAMES_KEY_MAX];
    mark.kind = NAME_VERIFIED;
    names_build(&mark, key);
    assert_false(remote_memory_has(f.store, key));
    remote_memory_set(f.store, key, "{}", 2); /* of a verification that ended too late */
    result = prune(&f, true, 1);
    prune_result_done(&result);
    assert_false(remote_memory_has(f.store, key));
    expect_restorable(&f, &names[1]);
    fixture_done(&f);
}

static void test_pins_protect(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    manifest m;
    pin_handle h = {0};
    begin(&f, names);
    must(snapshots_load(f.repo, &names[0], &m, err));
    uint8_t(*blobs)[SUMS_BYTES] = calloc(m.file_count, sizeof *blobs);
    for (size_t i = 0; i < m.file_count; i++)
        memcpy(blobs[i], m.files[i].blob, SUMS_BYTES);
    const pin what = {.kind = PIN_RESTORE,
                      .blobs = (const uint8_t(*)[SUMS_BYTES])blobs,
                      .blob_count = m.file_count};
    must(pin_take(f.repo, &what, 30 * DAY, &h, err));
    prune_result result = prune(&f, true, 1);
    prune_result_done(&result);
    for (size_t i = 0; i < m.file_count; i++)
        must(blobs_stat(f.repo, &m.files[i], err));
    f.now_ms += 60 * DAY; /* expired: revoked, and then removed */
    result = prune(&f, true, 1);
    assert_int_equal(result.pins_revoked, 1);
    assert_true(result.blobs_gone > 0);
    prune_result_done(&result);
    assert_status(pin_renew(&h, NULL), VARVE_CONFLICT);
    assert_int_equal(count(&f).pins, 1);
    result = prune(&f, true, 1);
    prune_result_done(&result);
    assert_int_equal(count(&f).pins, 0);
    expect_restorable(&f, &names[2]);
    free(blobs);
    manifest_done(&m);
    fixture_done(&f);
}

/* A run that ended in the middle: its record makes backups store anew what it may delete. */
static void test_doomed_blobs_get_a_generation(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    manifest m;
    gc_record record = {0};
    char key[NAMES_KEY_MAX], record_key[NAMES_KEY_MAX];
    begin(&f, names);
    must(snapshots_load(f.repo, &names[2], &m, err));
    size_t segment = 0; /* the next snapshot has it too */
    while (m.files[segment].role != ROLE_SEGMENT)
        segment++;
    manifest_blob_key(&m.files[segment], key);
    const char *doomed[] = {key};
    must(gc_record_write(f.repo, &record, doomed, 1, DAY, record_key, err));
    const object_name made = fixture_backup(&f).snapshot;
    assert_int_equal(count(&f).generations, 1);
    must(remote_delete(f.remote, key, err)); /* the delete arrives */
    expect_restorable(&f, &made);
    assert_int_equal(count(&f).gc, 1);
    prune_result result = {0};
    const prune_options options = {.rules = {.last = 1}, .yes = true};
    must(prune_run(f.repo, &options, &result, err)); /* not yet time to remove the record */
    prune_result_done(&result);
    assert_int_equal(count(&f).gc, 1);
    f.now_ms += 10 * DAY;
    result = prune(&f, true, 1);
    assert_int_equal(result.records_gone, 1);
    prune_result_done(&result);
    assert_int_equal(count(&f).gc, 0);
    expect_restorable(&f, &made);
    manifest_done(&m);
    fixture_done(&f);
}

static void test_what_cannot_be_read_stops_it(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    char key[NAMES_KEY_MAX];
    prune_result result = {0};
    varve_error wrong = {0};
    begin(&f, names);
    const prune_options options = {.rules = {.last = 1}, .yes = true};
    object_name damaged = names[1];
    for (int i = 0; i < 2; i++) {
        names_build(&damaged, key);
        counted before = count(&f);
        size_t len = 0;
        const char *bytes = remote_memory_bytes(f.store, key, &len);
        char *good = malloc(len + 1);
        if (bytes && len) memcpy(good, bytes, len);
        remote_memory_set(f.store, key, "{}", 2);
        f.now_ms += 2 * DAY;
        assert_status(prune_run(f.repo, &options, &result, &wrong), VARVE_CORRUPT);
        assert_contains(wrong.message, key);
        counted after = count(&f);
        assert_int_equal(after.blobs, before.blobs);
        assert_int_equal(after.snapshots, 3);
        remote_memory_set(f.store, key, len ? good : NULL, len);
        free(good);
        damaged.kind = NAME_PIN; /* next: a pin that nobody understands */
    }
    result = prune(&f, true, 1);
    assert_int_equal(result.snapshots_gone, 2);
    prune_result_done(&result);
    fixture_done(&f);
}

static void test_store_without_conditions(void **state)
{
    (void)state;
    fixture f;
    prune_result result = {0};
    varve_error wrong = {0};
    fixture_init(&f, NULL);
    remote_memory_set_abilities(f.store, (remote_abilities){0});
    fixture_add_rows(&f, 10);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    prune_options options = {.rules = {.last = 1}, .yes = true};
    assert_status(prune_run(f.repo, &options, &result, &wrong), VARVE_UNSUPPORTED);
    assert_contains(wrong.message, "conditional");
    options.alone = true;
    must(prune_run(f.repo, &options, &result, err));
    prune_result_done(&result);
    fixture_done(&f);
}

static void put_wal(fixture *f, uint64_t first, uint64_t last)
{
    object_name n = {
        .kind = NAME_WAL, .db_id = FIXTURE_DB, .timeline = 1, .lsn = first, .last = last};
    char key[NAMES_KEY_MAX];
    names_build(&n, key);
    static const uint8_t none[SUMS_BYTES];
    uint8_t batch[12 + 3 * 4096] = {0}, foot[SUMS_BYTES];
    size_t count = (size_t)(last - first + 1);
    assert_true(count <= 4096);
    put_u64(batch, first);
    put_u32(batch + 8, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        memcpy(batch + 12 + 3 * i, "\4\1\0", 3); /* deletes of nothing */
    const varve_log_batch b = {.first = first, .last = last, .bytes = batch, .len = 12 + 3 * count};
    VV_CLEANUP(buffer_done) buffer bytes = {0};
    VV_CLEANUP(wal_writer_done) wal_writer w;
    wal_writer_init(&w);
    must(wal_writer_add(&w, &b, NULL, err));
    must(wal_writer_end(&w, f->repo, 1, none, &bytes, foot, err));
    remote_memory_set(f->store, key, bytes.data, bytes.len);
}

static void test_log(void **state)
{
    (void)state;
    fixture f;
    object_name names[3];
    begin(&f, names);
    uint64_t kept = names[1].lsn;
    put_wal(&f, 1, 5);
    put_wal(&f, 6, kept);            /* ends where the oldest that stays begins */
    put_wal(&f, kept - 3, kept + 1); /* reaches beyond it */
    put_wal(&f, kept + 2, kept + 9);
    prune_result result = prune(&f, true, 2);
    assert_int_equal(result.wal_gone, 2);
    assert_int_equal(count(&f).wal, 2);
    prune_result_done(&result);
    pin_handle h = {0};
    const pin what = {.kind = PIN_REPLICA, .has_wal = true, .timeline = 1, .wal_from = 3};
    must(pin_take(f.repo, &what, 0, &h, err)); /* a follower that stopped there */
    put_wal(&f, 1, 2);
    put_wal(&f, 3, 5);
    result = prune(&f, true, 2);
    assert_int_equal(result.wal_gone, 1);
    assert_int_equal(count(&f).wal, 3);
    prune_result_done(&result);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dry_run_changes_nothing),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_no_rules_take_only_garbage),
        cmocka_unit_test(test_verified_stays),
        cmocka_unit_test(test_pins_protect),
        cmocka_unit_test(test_doomed_blobs_get_a_generation),
        cmocka_unit_test(test_what_cannot_be_read_stops_it),
        cmocka_unit_test(test_store_without_conditions),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
