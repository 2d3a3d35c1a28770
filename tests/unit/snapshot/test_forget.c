/* test_forget.c — what cannot be read is forgotten when a person says so, and nothing else is. */
#include "fixture.h"

#include "forget.h"
#include "pins.h"
#include "prune.h"

#define DAY ((uint64_t)86400000)

static void begin(fixture *f, object_name names[2])
{
    fixture_init(f, NULL);
    fixture_add_rows(f, 100);
    fixture_open_repo(f);
    for (int i = 0; i < 2; i++) {
        names[i] = fixture_backup(f).snapshot;
        fixture_add_rows(f, 70);
    }
    f->now_ms += 5 * DAY;
}

static varve_status prune(fixture *f, uint64_t *ret_blobs)
{
    prune_result result = {0};
    const prune_options options = {.yes = true, .grace_ms = 1, .wait_ms = 1};
    varve_status status = prune_run(f->repo, &options, &result, NULL);
    if (ret_blobs && status == VARVE_OK) *ret_blobs = result.blobs_gone;
    prune_result_done(&result);
    return status;
}

static void spoil(fixture *f, const object_name *name, char ret_key[NAMES_KEY_MAX])
{
    names_build(name, ret_key);
    remote_memory_set(f->store, ret_key, "{\"format\":1}", 12);
}

static void test_snapshot(void **state)
{
    (void)state;
    fixture f;
    object_name names[2];
    char key[NAMES_KEY_MAX];
    forget_result forgotten;
    uint64_t gone = 0;
    begin(&f, names);
    spoil(&f, &names[0], key);
    assert_status(prune(&f, NULL), VARVE_CORRUPT);
    uint64_t before = remote_memory_changes(f.store);
    must(forget_run(f.repo, names[0].id, false, &forgotten, err));
    assert_int_equal(remote_memory_changes(f.store), before);
    assert_string_equal(forgotten.key, key);
    assert_contains(forgotten.why, key);
    must(forget_run(f.repo, names[0].id, true, &forgotten, err));
    assert_false(remote_memory_has(f.store, key));
    size_t len = 0;
    const char *bytes = remote_memory_bytes(f.store, forgotten.copy, &len);
    assert_int_equal(len, 12);
    assert_memory_equal(bytes, "{\"format\":1}", 12);
    assert_int_equal(prune(&f, &gone), VARVE_OK);
    assert_true(gone > 0);
    assert_true(remote_memory_has(f.store, forgotten.copy));
    assert_status(forget_run(f.repo, names[0].id, true, &forgotten, NULL), VARVE_NOT_FOUND);
    const restore_result restored = fixture_restore(&f, NULL);
    assert_string_equal(restored.snapshot.id, names[1].id);
    fixture_done(&f);
}

static void test_pin(void **state)
{
    (void)state;
    fixture f;
    object_name names[2];
    char key[NAMES_KEY_MAX];
    forget_result forgotten;
    begin(&f, names);
    object_name pin = {.kind = NAME_PIN};
    memcpy(pin.db_id, FIXTURE_DB, sizeof pin.db_id);
    memcpy(pin.id, FIXTURE_OTHER, sizeof pin.id);
    spoil(&f, &pin, key);
    assert_status(prune(&f, NULL), VARVE_CORRUPT);
    must(forget_run(f.repo, FIXTURE_OTHER, true, &forgotten, err));
    assert_int_equal(prune(&f, NULL), VARVE_OK);
    fixture_done(&f);
}

/* What can be read, what a newer version wrote, what the store does not hand over. */
static remote_memory_action fail_reads(void *arg, const remote_memory_request *request)
{
    bool fails = *(bool *)arg && request->step == REMOTE_MEMORY_GET && !request->done;
    return fails ? REMOTE_MEMORY_FAIL : REMOTE_MEMORY_GO;
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    object_name names[2];
    char key[NAMES_KEY_MAX];
    forget_result forgotten;
    bool failing = false;
    begin(&f, names);
    fixture_close_repo(&f);
    f.hook = fail_reads;
    f.hook_arg = &failing;
    fixture_open_repo(&f);
    assert_status(forget_run(f.repo, names[0].id, true, &forgotten, NULL), VARVE_CONFLICT);
    assert_status(forget_run(f.repo, FIXTURE_OTHER, true, &forgotten, NULL), VARVE_NOT_FOUND);
    spoil(&f, &names[0], key);
    failing = true;
    assert_status(forget_run(f.repo, names[0].id, true, &forgotten, NULL), VARVE_IO);
    failing = false;
    remote_memory_set(f.store, key, "{\"format\":2}", 12);
    assert_status(forget_run(f.repo, names[0].id, true, &forgotten, NULL), VARVE_NEWER_FORMAT);
    assert_true(remote_memory_has(f.store, key));
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_snapshot), cmocka_unit_test(test_pin),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
