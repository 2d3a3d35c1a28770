/* test_lease.c — leases, timelines and pins over a store in memory: who may write, and who lost. */
#include "fixture.h"

#include "gc_record.h"
#include "pins.h"
#include "snapshots.h"

static lease take(fixture *f, const char *holder, uint64_t lsn)
{
    lease l = {0};
    const lease_options options = {.holder = holder, .lsn = lsn};
    must(lease_take(f->repo, &options, &l, err));
    return l;
}

static void begin(fixture *f)
{
    fixture_init(f, NULL);
    fixture_open_repo(f);
}

static void test_first_writer(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    const lease l = take(&f, FIXTURE_HOLDER, 5);
    assert_int_equal(l.epoch, 1);
    assert_int_equal(l.timeline, 1);
    timelines t = {0};
    must(timelines_read(f.repo, &t, err));
    assert_int_equal(t.count, 1);
    assert_string_equal(t.items[0].holder, FIXTURE_HOLDER);
    assert_string_equal(t.items[0].reason, "created");
    assert_int_equal(t.items[0].parent, 0);
    timelines_done(&t);
    fixture_done(&f);
}

static void test_second_writer_waits_and_branches(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    lease first = take(&f, FIXTURE_HOLDER, 5), second = {0};
    const lease_options options = {.holder = FIXTURE_OTHER, .lsn = 9};
    varve_error wrong = {0};
    assert_status(lease_take(f.repo, &options, &second, &wrong), VARVE_LOCKED);
    assert_contains(wrong.message, FIXTURE_HOLDER);
    f.now_ms += LEASE_LIFE_MS + LEASE_SKEW_MS / 2; /* expired, but within the skew of clocks */
    assert_status(lease_take(f.repo, &options, &second, &wrong), VARVE_LOCKED);
    f.now_ms += LEASE_SKEW_MS;
    must(lease_take(f.repo, &options, &second, err));
    assert_int_equal(second.epoch, 2);
    assert_int_equal(second.timeline, 2);
    assert_status(lease_renew(&first, &wrong), VARVE_CONFLICT);
    assert_status(lease_drop(&first, &wrong), VARVE_CONFLICT);
    must(lease_renew(&second, err));
    timelines t = {0};
    must(timelines_read(f.repo, &t, err));
    assert_int_equal(t.items[1].parent, 1);
    assert_int_equal(t.items[1].parent_lsn, 9);
    assert_true(timelines_reach(&t, 2, 1, 9));
    assert_false(timelines_reach(&t, 2, 1, 10)); /* what the old writer shipped beyond */
    assert_true(timelines_reach(&t, 1, 1, 10));
    assert_false(timelines_reach(&t, 1, 2, 1));
    timelines_done(&t);
    fixture_done(&f);
}

static void test_own_lease_is_taken_again(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    lease first = take(&f, FIXTURE_HOLDER, 5);
    lease again = take(&f, FIXTURE_HOLDER, 6); /* after a crash */
    assert_int_equal(again.timeline, 1);
    assert_int_equal(again.epoch, 2);
    assert_status(lease_renew(&first, NULL), VARVE_CONFLICT);
    must(lease_drop(&again, err));
    const lease other = take(&f, FIXTURE_OTHER, 7); /* at once: it was given back */
    assert_int_equal(other.timeline, 2);
    fixture_done(&f);
}

#define RENEWALS 200

static void *renew_often(void *arg)
{
    lease *shared = arg;
    varve_status status = VARVE_OK;
    for (int i = 0; i < RENEWALS && status == VARVE_OK; i++)
        status = i % 3 ? lease_renew(shared, NULL) : lease_keep(shared, NULL);
    return status == VARVE_OK ? NULL : shared;
}

/* Threads that share one renew it in turn: none of them is told that it was lost. */
static void test_shared_lease(void **state)
{
    (void)state;
    fixture f;
    pthread_t threads[4];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    begin(&f);
    lease shared = take(&f, FIXTURE_HOLDER, 5);
    shared.lock = &lock;
    for (size_t i = 0; i < VV_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, renew_often, &shared), 0);
    for (size_t i = 0; i < VV_COUNT(threads); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    lease_state now = {0};
    must(lease_read(f.repo, &now, err));
    assert_int_equal(now.expires_ms, lease_now(&shared).expires_ms);
    assert_string_equal(now.tag, lease_now(&shared).tag);
    must(lease_drop(&shared, err));
    fixture_done(&f);
}

static void test_branch(void **state)
{
    (void)state;
    fixture f;
    backup_result result = {0};
    varve_error wrong = {0};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 20);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    backup_options options = fixture_backup_options(&f);
    options.sequence -= 3; /* the folder was put back to what it was before */
    assert_status(backup_run(f.repo, &options, &result, &wrong), VARVE_CONFLICT);
    assert_contains(wrong.message, "new timeline");
    lease l = {0};
    const lease_options branch = {
        .holder = FIXTURE_HOLDER, .lsn = options.sequence, .branch = true, .reason = "restore"};
    must(lease_take(f.repo, &branch, &l, err));
    assert_int_equal(l.timeline, 2);
    assert_int_equal(l.parent, 1);
    options.lease = &l;
    must(backup_run(f.repo, &options, &result, err));
    assert_int_equal(result.snapshot.timeline, 2);
    fixture_done(&f);
}

static void test_force(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    lease first = take(&f, FIXTURE_HOLDER, 5), second = {0};
    const lease_options options = {
        .holder = FIXTURE_OTHER, .lsn = 7, .force = true, .reason = "promote"};
    must(lease_take(f.repo, &options, &second, err));
    assert_status(lease_renew(&first, NULL), VARVE_CONFLICT);
    timelines t = {0};
    must(timelines_read(f.repo, &t, err));
    assert_string_equal(t.items[1].reason, "promote");
    timelines_done(&t);
    fixture_done(&f);
}

static void test_store_without_conditions(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, NULL);
    remote_memory_set_abilities(f.store, (remote_abilities){0});
    fixture_open_repo(&f);
    lease l = take(&f, FIXTURE_HOLDER, 5), none = {0};
    must(lease_renew(&l, err));
    const lease_options options = {.holder = FIXTURE_OTHER, .lsn = 9};
    varve_error wrong = {0};
    f.now_ms += 100 * LEASE_LIFE_MS;
    assert_status(lease_take(f.repo, &options, &none, &wrong), VARVE_UNSUPPORTED);
    assert_contains(wrong.message, "one writer alone");
    must(lease_drop(&l, err));
    assert_status(lease_take(f.repo, &options, &none, &wrong), VARVE_UNSUPPORTED);
    const lease_options force = {.holder = FIXTURE_OTHER, .lsn = 9, .force = true};
    must(lease_take(f.repo, &force, &none, err));
    assert_status(lease_renew(&l, &wrong), VARVE_CONFLICT);
    fixture_done(&f);
}

/* The put of WRITER.json took effect, HISTORY.json did not follow. */
static remote_memory_action refuse_history(void *arg, const remote_memory_request *request)
{
    bool *on = arg;
    bool history = strstr(request->key, "HISTORY") && request->step == REMOTE_MEMORY_PUT;
    return *on && history && !request->done ? REMOTE_MEMORY_FAIL : REMOTE_MEMORY_GO;
}

static void test_crash_between_lease_and_history(void **state)
{
    (void)state;
    fixture f;
    bool on = false;
    fixture_init(&f, NULL);
    f.hook = refuse_history;
    f.hook_arg = &on;
    fixture_open_repo(&f);
    lease first = take(&f, FIXTURE_HOLDER, 5), second = {0};
    must(lease_drop(&first, err));
    on = true;
    const lease_options options = {.holder = FIXTURE_OTHER, .lsn = 9};
    assert_status(lease_take(f.repo, &options, &second, NULL), VARVE_IO);
    on = false;
    second = take(&f, FIXTURE_OTHER, 12);
    assert_int_equal(second.timeline, 2);
    timelines t = {0};
    must(timelines_read(f.repo, &t, err));
    assert_int_equal(t.count, 2);
    assert_int_equal(t.items[1].parent, 1);
    assert_int_equal(t.items[1].parent_lsn, 9); /* as it was decided the first time */
    timelines_done(&t);
    fixture_done(&f);
}

static void test_newest_follows_the_line(void **state)
{
    (void)state;
    fixture f;
    object_name newest;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 20);
    fixture_open_repo(&f);
    const backup_result first = fixture_backup(&f); /* timeline 1 */
    uint64_t at = f.sequence;
    fixture_add_rows(&f, 20);
    const backup_result ahead = fixture_backup(&f); /* what nobody will take over */
    lease l = {0};
    const lease_options options = {.holder = FIXTURE_OTHER, .lsn = at};
    must(lease_take(f.repo, &options, &l, err));
    must(snapshots_newest(f.repo, UINT64_MAX, &newest, err));
    assert_string_equal(newest.id, first.snapshot.id);
    must(snapshots_find(f.repo, ahead.snapshot.id, &newest, err)); /* still there by name */
    fixture_done(&f);
}

/* ---- pins ---- */

static void test_pins(void **state)
{
    (void)state;
    fixture f;
    uint8_t blobs[2][SUMS_BYTES] = {{1}, {2}};
    pin_handle h = {0};
    pin p = {0};
    char tag[REMOTE_TAG_MAX];
    begin(&f);
    const pin what = {.kind = PIN_REPLICA,
                      .blobs = (const uint8_t(*)[SUMS_BYTES])blobs,
                      .blob_count = 2,
                      .has_wal = true,
                      .timeline = 3,
                      .wal_from = 77};
    must(pin_take(f.repo, &what, 1000, &h, err));
    must(pin_read(f.repo, h.key, &p, tag, err));
    assert_int_equal(p.kind, PIN_REPLICA);
    assert_int_equal(p.blob_count, 2);
    assert_memory_equal(p.blobs[1], blobs[1], SUMS_BYTES);
    assert_true(p.has_wal && p.timeline == 3 && p.wal_from == 77);
    assert_int_equal(p.expires_ms, f.now_ms + 1000);
    f.now_ms += 5000;
    must(pin_renew(&h, err)); /* late, but nobody has revoked it */
    assert_status(pin_revoke(f.repo, h.key, &p, tag, NULL), VARVE_CONFLICT);
    pin_done(&p);
    must(pin_read(f.repo, h.key, &p, tag, err));
    must(pin_revoke(f.repo, h.key, &p, tag, err));
    pin_done(&p);
    assert_status(pin_renew(&h, NULL), VARVE_CONFLICT);
    must(pin_read(f.repo, h.key, &p, NULL, err));
    assert_true(p.revoked);
    pin_done(&p);
    must(pin_drop(&h, err));
    assert_status(pin_renew(&h, NULL), VARVE_CONFLICT);
    fixture_done(&f);
}

static void test_texts_of_others_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"format\":1}",
        "{\"blobs\":[\"x\"],\"expires_ms\":1,\"format\":1,\"heartbeat_ms\":1,\"id\":"
        "\"" FIXTURE_DB "\",\"kind\":\"backup\",\"revoked\":false}",
        "{\"blobs\":[],\"expires_ms\":1,\"format\":1,\"heartbeat_ms\":1,\"id\":"
        "\"" FIXTURE_DB "\",\"kind\":\"other\",\"revoked\":false}",
        "{\"blobs\":[],\"expires_ms\":-1,\"format\":1,\"heartbeat_ms\":1,\"id\":"
        "\"" FIXTURE_DB "\",\"kind\":\"backup\",\"revoked\":false}"};
    fixture f;
    char key[NAMES_KEY_MAX];
    begin(&f);
    object_name name = {.kind = NAME_PIN, .db_id = FIXTURE_DB, .id = FIXTURE_OTHER};
    for (size_t i = 0; i < VV_COUNT(bad); i++) {
        pin p = {0};
        gc_record record;
        lease_state writer;
        name.kind = NAME_PIN;
        names_build(&name, key);
        remote_memory_set(f.store, key, bad[i], strlen(bad[i]));
        assert_status(pin_read(f.repo, key, &p, NULL, NULL), VARVE_CORRUPT);
        name.kind = NAME_GC;
        names_build(&name, key);
        remote_memory_set(f.store, key, bad[i], strlen(bad[i]));
        assert_status(gc_record_read(f.repo, key, &record, NULL, NULL), VARVE_CORRUPT);
        name.kind = NAME_WRITER;
        names_build(&name, key);
        remote_memory_set(f.store, key, bad[i], strlen(bad[i]));
        assert_status(lease_read(f.repo, &writer, NULL), VARVE_CORRUPT);
    }
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_writer),
        cmocka_unit_test(test_second_writer_waits_and_branches),
        cmocka_unit_test(test_own_lease_is_taken_again),
        cmocka_unit_test(test_shared_lease),
        cmocka_unit_test(test_branch),
        cmocka_unit_test(test_force),
        cmocka_unit_test(test_store_without_conditions),
        cmocka_unit_test(test_crash_between_lease_and_history),
        cmocka_unit_test(test_newest_follows_the_line),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_texts_of_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
