/* test_backup_faults.c — backups and restores that fail, or end, at every step: of the store, and
 * of the machine at home. What is listed is whole, what is restored is right, and the next try does
 * it. */
#include "fixture.h"

#include "base/fault.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- every step fails once, or is the last ---- */

typedef struct breaker { /* set while nobody uses the store */
    uint64_t at;
    remote_memory_action action;
    bool after, lasting; /* lasting: nothing works from there on */
    atomic_uint_fast64_t seen;
    atomic_bool hit;
} breaker;

static void set_breaker(breaker *b, uint64_t at, remote_memory_action action)
{
    b->at = at;
    b->action = action;
    atomic_store(&b->seen, 0);
    atomic_store(&b->hit, false);
}

static remote_memory_action break_one(void *arg, const remote_memory_request *request)
{
    breaker *b = arg;
    uint64_t seen = request->done ? atomic_load(&b->seen) : atomic_fetch_add(&b->seen, 1) + 1;
    if (request->done != b->after) return REMOTE_MEMORY_GO;
    bool now = b->lasting ? seen >= b->at : seen == b->at;
    if (now) atomic_store(&b->hit, true);
    return now ? b->action : REMOTE_MEMORY_GO;
}

static void break_backup(remote_memory_action action, bool after, bool lasting)
{
    fixture f;
    breaker b = {.after = after, .lasting = lasting};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 70);
    f.hook = break_one;
    f.hook_arg = &b;
    set_breaker(&b, UINT64_MAX, action);
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    uint64_t steps = atomic_load(&b.seen), failed = 0;
    for (uint64_t at = 1; at < steps + 5; at++) {
        backup_result result = {0};
        backup_options options = fixture_backup_options(&f);
        fixture_add_rows(&f, 1);
        options.sequence = f.sequence;
        set_breaker(&b, at, action);
        varve_status status = backup_run(f.repo, &options, &result, NULL);
        failed += status != VARVE_OK;
        set_breaker(&b, UINT64_MAX, action);
        if (status == VARVE_OK) {
            fixture_remove_target(&f);
            (void)fixture_restore(&f, result.snapshot.id);
            continue;
        }
        object_name newest; /* listed: whole; not listed: the one before is */
        must(snapshots_newest(f.repo, UINT64_MAX, &newest, err));
        if (newest.lsn != f.sequence) (void)fixture_backup(&f);
        fixture_remove_target(&f);
        (void)fixture_restore(&f, NULL);
    }
    assert_true(failed > 5);
    fixture_done(&f);
}

static void test_backup_fails_anywhere(void **state)
{
    (void)state;
    break_backup(REMOTE_MEMORY_FAIL, false, false);
    break_backup(REMOTE_MEMORY_TIMEOUT, true, false);
    break_backup(REMOTE_MEMORY_FAIL, false, true);
}

static void test_restore_fails_anywhere(void **state)
{
    (void)state;
    fixture f;
    breaker b = {.at = UINT64_MAX};
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 70);
    f.hook = break_one;
    f.hook_arg = &b;
    fixture_open_repo(&f);
    (void)fixture_backup(&f);
    static const remote_memory_action actions[] = {REMOTE_MEMORY_FAIL, REMOTE_MEMORY_FLIP,
                                                   REMOTE_MEMORY_SHORT};
    for (size_t a = 0; a < VV_COUNT(actions); a++) {
        bool hit = true;
        for (uint64_t at = 1; hit; at++) {
            const restore_options options = {.folder = f.target, .threads = 1};
            restore_result result = {0};
            set_breaker(&b, at, actions[a]);
            varve_status status = restore_run(f.repo, &options, &result, NULL);
            hit = atomic_load(&b.hit);
            set_breaker(&b, UINT64_MAX, actions[a]);
            assert_int_equal(file_exists(f.target), status == VARVE_OK);
            if (status != VARVE_OK) result = fixture_restore(&f, NULL);
            fixture_expect_same(&f, &result.snapshot);
            fixture_remove_target(&f);
        }
    }
    fixture_done(&f);
}

/* ---- the machine at home fails ---- */

/* In a child, which ends at the n-th use of a file system; false: there was none so far. */
static bool crash_restore(fixture *f, uint64_t nth)
{
    pid_t child = fork();
    if (child == 0) {
        const restore_options options = {.folder = f->target, .threads = 1};
        restore_result result;
        fault_arm(NULL, nth, VV_FAULT_CRASH);
        varve_status status = restore_run(f->repo, &options, &result, NULL);
        _exit(status == VARVE_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    return WEXITSTATUS(status) == 77;
}

static void test_restore_ends_anywhere(void **state)
{
    (void)state;
    fixture f;
    uint64_t nth = 1, whole = 0;
    fixture_init(&f, NULL);
    fixture_add_rows(&f, 70);
    fixture_open_repo(&f);
    const object_name made = fixture_backup(&f).snapshot;
    for (; crash_restore(&f, nth); nth += 3) {
        bool there = file_exists(f.target); /* only after the rename */
        whole += there;
        if (!there) (void)fixture_restore(&f, NULL);
        fixture_expect_same(&f, &made);
        fixture_remove_target(&f);
    }
    assert_true(nth > 100);
    assert_true(whole < 3);
    fixture_done(&f);
}

static void test_local_failures(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "a passphrase");
    fixture_add_rows(&f, 70);
    fixture_open_repo(&f);
    bool hit = true;
    for (uint64_t nth = 1; hit; nth++) {
        backup_result made = {0};
        backup_options options = fixture_backup_options(&f);
        options.kind = BACKUP_FULL;
        fault_arm(NULL, nth, nth % 2 ? VV_FAULT_EIO : VV_FAULT_ENOSPC);
        varve_status status = backup_run(f.repo, &options, &made, NULL);
        hit = fault_was_hit();
        fault_disarm();
        assert_int_equal(fixture_count_pins(&f), 0);
        if (status != VARVE_OK) must(backup_run(f.repo, &options, &made, err));
    }
    hit = true;
    for (uint64_t nth = 1; hit; nth += 5) {
        const restore_options options = {.folder = f.target, .threads = 1};
        restore_result result = {0};
        fault_arm(NULL, nth, VV_FAULT_EIO);
        varve_status status = restore_run(f.repo, &options, &result, NULL);
        hit = fault_was_hit();
        fault_disarm();
        if (status != VARVE_OK && !file_exists(f.target)) (void)fixture_restore(&f, NULL);
        fixture_remove_target(&f);
    }
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup_fails_anywhere),
        cmocka_unit_test(test_restore_fails_anywhere),
        cmocka_unit_test(test_restore_ends_anywhere),
        cmocka_unit_test(test_local_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
