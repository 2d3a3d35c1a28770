/* test_backup_drills.c — when the next drill is due, by tables. */
#include "backup/backup_drills.h"

#include "gateway_unit.h"

#define NOW    ((uint64_t)1800000000000)
#define MINUTE ((uint64_t)60000)
#define DAY    (1440 * MINUTE)

static const backup_drill_rules weekly = {.interval_ms = 7 * DAY};

static backup_drill_past past(void)
{
    return (backup_drill_past){.now_ms = NOW,
                               .started_ms = NOW - MINUTE,
                               .enabled = true,
                               .has_snapshot = true,
                               .cron_from_ms = NOW,
                               .last_ms = NOW - 2 * DAY,
                               .last_sound = true};
}

static void expect(const backup_drill_rules *r, const backup_drill_past *p, uint64_t due_ms,
                   const char *reason)
{
    backup_plan plan = backup_drill_next(r, p);
    assert_int_equal(plan.due_ms, due_ms);
    if (reason)
        assert_string_equal(plan.reason, reason);
    else
        assert_null(plan.reason);
}

static void test_interval(void **state)
{
    backup_drill_past p = past();
    backup_drill_rules often = {.interval_ms = 60 * MINUTE}, none = {0};
    (void)state;
    expect(&weekly, &p, NOW + 5 * DAY, "interval");
    expect(&none, &p, BACKUP_PLAN_NEVER, NULL);
    p.last_sound = false; /* a day later */
    expect(&weekly, &p, NOW - DAY, "interval");
    expect(&often, &p, NOW - 2 * DAY + 60 * MINUTE, "interval");
    p.last_ms = NOW + DAY; /* the clock was set back */
    p.last_sound = true;
    expect(&weekly, &p, NOW + 7 * DAY, "interval");
}

static void test_first(void **state)
{
    backup_drill_past p = past();
    backup_drill_rules soon = {.interval_ms = MINUTE};
    (void)state;
    p.last_ms = 0;
    expect(&weekly, &p, NOW + 9 * MINUTE, "first");
    expect(&soon, &p, NOW, "first");
    p.has_snapshot = false;
    expect(&weekly, &p, BACKUP_PLAN_NEVER, NULL);
}

static void test_cron(void **state)
{
    backup_drill_past p = past();
    backup_drill_rules r = {.has_cron = true};
    varve_error err = {0};
    (void)state;
    assert_int_equal(schedule_parse("* * * * *", &r.cron, &err), VARVE_OK);
    expect(&r, &p, NOW + MINUTE, "cron");
    r.interval_ms = 7 * DAY; /* the earlier of the two */
    expect(&r, &p, NOW + MINUTE, "cron");
    p.last_ms = NOW - 8 * DAY;
    expect(&r, &p, NOW - DAY, "interval");
    p.enabled = false;
    expect(&r, &p, BACKUP_PLAN_NEVER, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_cron),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
