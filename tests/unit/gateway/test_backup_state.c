/* test_backup_state.c — what a server remembers of its backups. */
#include "backup/backup_state.h"

#include "gateway_unit.h"
#include "test_dir.h"

#include "base/fault.h"
#include "base/file.h"

static const char *const repo_id = "01234567-89ab-4cde-8f01-23456789abcd";
static const char *const other_id = "01234567-89ab-4cde-8f01-23456789abce";

static backup_state filled(void)
{
    backup_state s;
    backup_state_init(&s);
    s.scheduler = false;
    s.notified_ms = 1;
    s.backups = 2;
    s.failures = 3;
    s.consecutive_failures = 4;
    s.deltas_since_full = 5;
    s.bytes_stored = UINT64_C(1) << 60;
    s.last_prune_ms = 6;
    s.last_ok.ms = 7;
    s.last_ok.full = true;
    s.last_ok.lsn = 8;
    s.last_ok.took_ms = 9;
    s.last_ok.bytes_stored = 10;
    s.last_ok.files_stored = 11;
    s.last_failure.ms = 12;
    strcpy(s.repo_id, repo_id);
    strcpy(s.last_ok.snapshot, other_id);
    strcpy(s.last_failure.status, "IO");
    memset(s.last_failure.message, '"', sizeof s.last_failure.message - 1);
    return s;
}

static void test_there_and_back(void **state)
{
    const backup_state s = filled();
    backup_state got;
    char *text = NULL;
    (void)state;
    assert_ok(backup_state_write(&s, &text, NULL));
    memset(&got, 0xff, sizeof got);
    assert_ok(backup_state_parse(text, strlen(text), &got, NULL));
    assert_string_equal(got.repo_id, s.repo_id);
    assert_string_equal(got.last_ok.snapshot, s.last_ok.snapshot);
    assert_string_equal(got.last_failure.status, s.last_failure.status);
    assert_string_equal(got.last_failure.message, s.last_failure.message);
    assert_false(got.scheduler);
    assert_true(got.last_ok.full);
    const uint64_t want[] = {s.notified_ms,
                             s.backups,
                             s.failures,
                             s.consecutive_failures,
                             s.deltas_since_full,
                             s.bytes_stored,
                             s.last_prune_ms,
                             s.last_ok.ms,
                             s.last_ok.lsn,
                             s.last_ok.took_ms,
                             s.last_ok.bytes_stored,
                             s.last_ok.files_stored,
                             s.last_failure.ms};
    const uint64_t have[] = {got.notified_ms,
                             got.backups,
                             got.failures,
                             got.consecutive_failures,
                             got.deltas_since_full,
                             got.bytes_stored,
                             got.last_prune_ms,
                             got.last_ok.ms,
                             got.last_ok.lsn,
                             got.last_ok.took_ms,
                             got.last_ok.bytes_stored,
                             got.last_ok.files_stored,
                             got.last_failure.ms};
    for (size_t i = 0; i < VV_COUNT(want); i++)
        assert_int_equal(have[i], want[i]);
    free(text);
}

/* Every text that was cut short, and every member of another type, is refused. */
static void test_damage(void **state)
{
    const backup_state s = filled();
    backup_state got = {.backups = 77};
    char *text = NULL;
    (void)state;
    assert_ok(backup_state_write(&s, &text, NULL));
    for (size_t len = 0; len + 1 < strlen(text); len++)
        assert_int_equal(backup_state_parse(text, len, &got, NULL), VARVE_CORRUPT);
    json_t *root = json_loads(text, 0, NULL);
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(root, next, key, value)
    {
        json_t *copy = json_deep_copy(root);
        json_object_set_new(copy, key, json_real(1.5));
        char *damaged = json_dumps(copy, 0);
        assert_int_equal(backup_state_parse(damaged, strlen(damaged), &got, NULL), VARVE_CORRUPT);
        free(damaged);
        json_decref(copy);
    }
    json_decref(root);
    assert_int_equal(got.backups, 77);
    free(text);
}

static void test_another_repository(void **state)
{
    backup_state s = filled();
    (void)state;
    backup_state_bind(&s, repo_id);
    assert_int_equal(s.backups, 2);
    backup_state_bind(&s, other_id);
    assert_string_equal(s.repo_id, other_id);
    assert_int_equal(s.backups + s.deltas_since_full + s.last_ok.ms + s.consecutive_failures, 0);
    assert_false(s.scheduler);
    assert_int_equal(s.notified_ms, 1);
    backup_state_init(&s);
    s.consecutive_failures = s.failures = 3; /* before it was ever reached */
    backup_state_bind(&s, repo_id);
    assert_int_equal(s.consecutive_failures, 3);
}

/* Whatever fails while it is kept, the file holds the old state or the new one. */
static void test_kept_whole(void **state)
{
    test_dir dir;
    backup_state was = filled(), is = filled(), got;
    (void)state;
    test_dir_make(&dir);
    was.backups = 100;
    is.backups = 101;
    assert_int_equal(backup_state_load(dir.path, &got, NULL), VARVE_NOT_FOUND);
    assert_ok(backup_state_save(dir.path, &was, NULL));
    for (uint64_t nth = 1;; nth++) {
        fault_arm(NULL, nth, VV_FAULT_EIO);
        varve_status status = backup_state_save(dir.path, &is, NULL);
        bool hit = fault_was_hit();
        fault_disarm();
        assert_ok(backup_state_load(dir.path, &got, NULL));
        assert_true(got.backups == 100 || got.backups == 101);
        if (!hit) {
            assert_ok(status);
            assert_int_equal(got.backups, 101);
            break;
        }
        assert_ok(backup_state_save(dir.path, &was, NULL));
    }
    test_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_another_repository),
        cmocka_unit_test(test_kept_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
