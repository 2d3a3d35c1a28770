/* test_retention.c — which snapshots stay, by tables. */
#include "retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define HOUR ((uint64_t)3600000)
#define DAY  (24 * HOUR)
/* 2026-11-21T00:00Z, a Saturday */
#define TODAY     ((uint64_t)20778 * DAY)
#define ITEMS_MAX 64

typedef struct plan {
    retention_item items[ITEMS_MAX];
    unsigned why[ITEMS_MAX];
    size_t count;
} plan;

static void add(plan *p, uint64_t time_ms)
{
    p->items[p->count++] = (retention_item){.time_ms = time_ms, .needs = RETENTION_NEEDS_NONE};
}

/* '.': it goes; otherwise it stays, and '#' does not say why. */
static void expect(plan *p, retention_rules rules, uint64_t now, const char *wanted)
{
    char found[ITEMS_MAX + 1] = "";
    retention_decide(&rules, p->items, p->count, now, p->why);
    for (size_t i = 0; i < p->count; i++)
        found[i] = p->why[i] ? '#' : '.';
    assert_string_equal(found, wanted);
}

static void test_no_rules_keep_all(void **state)
{
    (void)state;
    plan p = {0};
    for (int i = 0; i < 5; i++)
        add(&p, (uint64_t)i);
    expect(&p, (retention_rules){0}, TODAY, "#####");
    assert_int_equal(p.why[0], RETENTION_NO_RULES);
    retention_decide(&(retention_rules){.last = 1}, NULL, 0, TODAY, NULL);
}

static void test_last(void **state)
{
    (void)state;
    plan p = {0};
    for (int i = 0; i < 6; i++)
        add(&p, TODAY);
    expect(&p, (retention_rules){.last = 1}, TODAY, ".....#");
    expect(&p, (retention_rules){.last = 3}, TODAY, "...###");
    expect(&p, (retention_rules){.last = 99}, TODAY, "######");
}

static void test_hours_and_days(void **state)
{
    (void)state;
    plan p = {0};
    for (uint64_t i = 0; i < 12; i++) /* every 6 hours: 3 days */
        add(&p, TODAY + i * 6 * HOUR);
    expect(&p, (retention_rules){.hourly = 2}, TODAY + 3 * DAY, "..........##");
    expect(&p, (retention_rules){.daily = 2}, TODAY + 3 * DAY, ".......#...#");
    expect(&p, (retention_rules){.daily = 9}, TODAY + 3 * DAY, "...#...#...#");
    expect(&p, (retention_rules){.hourly = 2, .daily = 3}, TODAY + 3 * DAY, "...#...#..##");
}

static void test_weeks_begin_on_monday(void **state)
{
    (void)state;
    plan p = {0};
    for (uint64_t i = 0; i < 10; i++) /* Sat Sun | Mon … Sun | Mon */
        add(&p, TODAY + i * DAY);
    expect(&p, (retention_rules){.weekly = 5}, TODAY + 10 * DAY, ".#......##");
}

static void test_months_and_years(void **state)
{
    (void)state;
    plan p = {0};
    add(&p, TODAY + 9 * DAY);   /* 2026-11-30 */
    add(&p, TODAY + 10 * DAY);  /* 2026-12-01 */
    add(&p, TODAY + 40 * DAY);  /* 2026-12-31 */
    add(&p, TODAY + 41 * DAY);  /* 2027-01-01 */
    add(&p, TODAY + 465 * DAY); /* 2028-02-29 */
    add(&p, TODAY + 466 * DAY); /* 2028-03-01 */
    expect(&p, (retention_rules){.monthly = 9}, TODAY + 500 * DAY, "#.####");
    expect(&p, (retention_rules){.monthly = 2}, TODAY + 500 * DAY, "....##");
    expect(&p, (retention_rules){.yearly = 9}, TODAY + 500 * DAY, "..##.#");
}

static void test_age(void **state)
{
    (void)state;
    plan p = {0};
    add(&p, TODAY - 3 * DAY);
    add(&p, TODAY - 2 * DAY);
    add(&p, TODAY + DAY); /* from the future */
    add(&p, TODAY - 5 * DAY);
    add(&p, TODAY - 4 * DAY);
    expect(&p, (retention_rules){.min_age_ms = 2 * DAY + 1}, TODAY, ".##.#");
}

static void test_pinned_verified_needed(void **state)
{
    (void)state;
    plan p = {0};
    for (uint64_t i = 0; i < 8; i++)
        add(&p, TODAY + i);
    p.items[1].pinned = true;
    p.items[3].verified = p.items[4].verified = true;
    p.items[4].needs = 2;
    p.items[2].needs = 0;
    expect(&p, (retention_rules){.last = 1}, TODAY, "###.#..#");
    assert_int_equal(p.why[0], RETENTION_NEEDED);
    assert_int_equal(p.why[1], RETENTION_PINNED);
    assert_int_equal(p.why[4], RETENTION_VERIFIED);
    assert_int_equal(p.why[7], RETENTION_LAST | RETENTION_NEWEST);
    p.items[0].needs = 2; /* a ring ends */
    expect(&p, (retention_rules){.last = 1}, TODAY, "###.#..#");
}

static void test_clock_steps_back(void **state)
{
    (void)state;
    plan p = {0};
    add(&p, TODAY + 3 * DAY);
    add(&p, TODAY + 2 * DAY);
    add(&p, TODAY + 1 * DAY);
    expect(&p, (retention_rules){.daily = 1}, TODAY, "..#");
    add(&p, UINT64_MAX); /* beyond every calendar */
    expect(&p, (retention_rules){.yearly = 2}, TODAY, "..##");
}

static void test_words(void **state)
{
    (void)state;
    char text[128];
    retention_why_text(RETENTION_LAST | RETENTION_PINNED, text, sizeof text);
    assert_string_equal(text, "last, pinned");
    retention_why_text(0, text, sizeof text);
    assert_string_equal(text, "");
    retention_why_text(4095, text, sizeof text);
    assert_non_null(strstr(text, "no rules"));
    retention_why_text(4095, text, 10);
    assert_true(strlen(text) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rules_keep_all),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_hours_and_days),
        cmocka_unit_test(test_weeks_begin_on_monday),
        cmocka_unit_test(test_months_and_years),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_pinned_verified_needed),
        cmocka_unit_test(test_clock_steps_back),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
