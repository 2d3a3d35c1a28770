/* test_backup_plan.c — when the next backup is due, by tables. */
#include "backup/backup_plan.h"

#include "gateway_unit.h"

#define NOW    ((uint64_t)1800000000000)
#define SECOND ((uint64_t)1000)

static const backup_plan_rules interval = {.interval_ms = 300 * SECOND,
                                           .min_interval_ms = 5 * SECOND,
                                           .retry_ms = 30 * SECOND,
                                           .incremental = true,
                                           .max_deltas = 10};

static backup_plan_past past(void)
{
    return (backup_plan_past){.now_ms = NOW,
                              .enabled = true,
                              .cron_from_ms = NOW,
                              .ok_ms = NOW - 100 * SECOND,
                              .try_ms = NOW - 99 * SECOND};
}

static void expect(const backup_plan_rules *r, const backup_plan_past *p, uint64_t due_ms,
                   const char *reason)
{
    backup_plan plan = backup_plan_next(r, p);
    assert_int_equal(plan.due_ms, due_ms);
    if (reason)
        assert_string_equal(plan.reason, reason);
    else
        assert_null(plan.reason);
}

static void test_interval(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules none = interval;
    (void)state;
    expect(&interval, &p, BACKUP_PLAN_NEVER, NULL); /* nothing changed */
    p.changed = true;
    p.changed_ms = NOW;
    expect(&interval, &p, NOW + 200 * SECOND, "interval");
    p.ok_ms = NOW - 3600 * SECOND;
    expect(&interval, &p, NOW - 3300 * SECOND, "interval");
    none.interval_ms = 0;
    expect(&none, &p, BACKUP_PLAN_NEVER, NULL);
    p.ok_ms = 0;
    expect(&interval, &p, NOW, "never");
    expect(&none, &p, BACKUP_PLAN_NEVER, NULL);
    p.enabled = false;
    expect(&interval, &p, BACKUP_PLAN_NEVER, NULL);
}

static void test_change(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules r = interval;
    (void)state;
    r.on_change = true;
    expect(&r, &p, BACKUP_PLAN_NEVER, NULL);
    p.changed = true;
    p.changed_ms = NOW - 1;
    expect(&r, &p, NOW - 1, "change"); /* the last one is long ago */
    p.try_ms = NOW - 2 * SECOND;
    expect(&r, &p, NOW + 3 * SECOND, "change"); /* at the end of the window */
    p.try_ms = 0;
    expect(&r, &p, NOW - 1, "change");
}

static void test_notification(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules r = {.min_interval_ms = 5 * SECOND, .retry_ms = SECOND};
    (void)state;
    p.notified_ms = NOW - 7;
    expect(&r, &p, NOW - 7, "notified");
    p.try_ms = NOW - SECOND;
    expect(&r, &p, NOW + 4 * SECOND, "notified");
    p.enabled = false; /* it waits */
    expect(&r, &p, BACKUP_PLAN_NEVER, NULL);
}

static void test_cron(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules r = {.has_cron = true};
    (void)state;
    assert_ok(schedule_parse("* * * * *", &r.cron, NULL));
    p.cron_from_ms = NOW - 61 * SECOND; /* a minute passed since it was looked at */
    backup_plan plan = backup_plan_next(&r, &p);
    assert_true(plan.due_ms <= NOW && plan.due_ms > NOW - 61 * SECOND);
    assert_string_equal(plan.reason, "cron");
    p.cron_from_ms = NOW;
    plan = backup_plan_next(&r, &p);
    assert_true(plan.due_ms > NOW && plan.due_ms <= NOW + 60 * SECOND);
    assert_int_equal(plan.due_ms % (60 * SECOND), 0);
    assert_ok(schedule_parse("0 0 30 feb *", &r.cron, NULL));
    expect(&r, &p, BACKUP_PLAN_NEVER, NULL);
}

static void test_retry(void **state)
{
    static const struct {
        uint64_t failures, wait_s;
    } table[] = {{1, 30}, {2, 60}, {3, 120}, {7, 1800}, {8, 1800}, {1000000, 1800}};
    backup_plan_past p = past();
    backup_plan_rules r = interval;
    (void)state;
    p.changed = true;
    p.notified_ms = NOW - 50 * SECOND;
    p.try_ms = NOW - SECOND;
    for (size_t i = 0; i < VV_COUNT(table); i++) {
        p.failures = table[i].failures;
        expect(&r, &p, NOW - SECOND + table[i].wait_s * SECOND, "retry");
    }
    r.retry_ms = 7200 * SECOND; /* longer than the doubling goes */
    expect(&r, &p, NOW - SECOND + 7200 * SECOND, "retry");
    r.interval_ms = p.notified_ms = 0;
    expect(&r, &p, BACKUP_PLAN_NEVER, NULL);
}

static void test_a_clock_that_was_set_back(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules r = interval;
    (void)state;
    p.ok_ms = p.try_ms = NOW + 1000000 * SECOND;
    p.changed = true;
    expect(&r, &p, NOW + 300 * SECOND, "interval");
    p.failures = 1;
    expect(&r, &p, NOW + 30 * SECOND, "retry");
}

static void test_full(void **state)
{
    backup_plan_past p = past();
    backup_plan_rules r = interval;
    (void)state;
    p.deltas = 10;
    assert_false(backup_plan_wants_full(&r, &p)); /* nothing changed */
    p.changed = true;
    assert_true(backup_plan_wants_full(&r, &p));
    p.deltas = 9;
    assert_false(backup_plan_wants_full(&r, &p));
    r.max_deltas = 0;
    p.deltas = 1000;
    assert_false(backup_plan_wants_full(&r, &p));
    r.incremental = false;
    assert_true(backup_plan_wants_full(&r, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),     cmocka_unit_test(test_change),
        cmocka_unit_test(test_notification), cmocka_unit_test(test_cron),
        cmocka_unit_test(test_retry),        cmocka_unit_test(test_a_clock_that_was_set_back),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
