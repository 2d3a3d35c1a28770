/* test_query_plan.c — which path a source gets: a table of what is known and what must follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/plan.h"

static const struct row {
    const char *what;
    plan_source source;
    plan_request request;
    plan_path path;
} table[] = {
#define L2 VARVE_METRIC_L2
#define IP VARVE_METRIC_IP
    {"nothing lives", {100, 0, 128, true, true, L2}, {L2, false, false, 1, 10}, PLAN_SKIP},
    {"no index", {9000, 9000, 128, false, false, L2}, {L2, false, false, 1, 10}, PLAN_SCAN},
    {"approximate", {9000, 9000, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"a batch of queries",
     {9000, 9000, 128, true, false, L2},
     {L2, false, false, 64, 10},
     PLAN_INDEX},
    {"another metric", {9000, 9000, 128, true, false, L2}, {IP, false, false, 1, 10}, PLAN_SCAN},
    {"exact was asked for",
     {9000, 9000, 128, true, false, L2},
     {L2, true, false, 1, 10},
     PLAN_SCAN},
    {"all within a range", {9000, 9000, 128, true, false, L2}, {L2, false, true, 1, 10}, PLAN_SCAN},
    {"a certain index", {9000, 9000, 128, true, true, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"certain, exact", {9000, 9000, 128, true, true, L2}, {L2, true, false, 1, 10}, PLAN_INDEX},
    {"certain, range", {9000, 9000, 128, true, true, L2}, {L2, false, true, 1, 10}, PLAN_INDEX},
    {"certain, other metric",
     {9000, 9000, 128, true, true, L2},
     {IP, false, false, 1, 10},
     PLAN_SCAN},
    {"a shared scan", {9000, 9000, 128, true, true, L2}, {L2, false, false, 4, 10}, PLAN_SCAN},
    {"a quarter is asked for",
     {9000, 400, 128, true, false, L2},
     {L2, false, false, 1, 100},
     PLAN_GATHER},
    {"a quarter of all",
     {9000, 9000, 128, true, false, L2},
     {L2, false, false, 1, 2250},
     PLAN_SCAN},
    {"less is asked for",
     {9000, 9000, 128, true, false, L2},
     {L2, false, false, 1, 2249},
     PLAN_INDEX},
    {"few live rows", {9000, 1124, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_GATHER},
    {"more live rows", {9000, 1125, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"few of many", {100000, 9999, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_GATHER},
    {"more of many", {100000, 10000, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"few of a million",
     {1000000, 31622, 128, true, false, L2},
     {L2, false, false, 1, 10},
     PLAN_GATHER},
    {"more of a million",
     {1000000, 31623, 128, true, false, L2},
     {L2, false, false, 1, 10},
     PLAN_INDEX},
    {"one in a thousand",
     {1000000, 1000, 128, true, false, L2},
     {L2, false, false, 1, 10},
     PLAN_GATHER},
    {"few rows at all", {2000, 2000, 128, true, false, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"nearly half, long rows",
     {9000, 4499, 512, false, false, L2},
     {L2, false, false, 1, 10},
     PLAN_GATHER},
    {"half, short rows", {9000, 4500, 64, false, false, L2}, {L2, false, false, 1, 10}, PLAN_SCAN},
    {"a fifth, no index",
     {9000, 1800, 128, false, false, L2},
     {L2, false, false, 1, 10},
     PLAN_SCAN},
    {"less, no index", {9000, 1799, 128, false, false, L2}, {L2, false, false, 1, 10}, PLAN_GATHER},
    {"a tenth by codes", {9000, 900, 128, true, true, L2}, {L2, false, false, 1, 10}, PLAN_INDEX},
    {"less by codes", {9000, 899, 128, true, true, L2}, {L2, false, false, 1, 10}, PLAN_GATHER},
    {"exact, half live", {9000, 4500, 128, true, false, L2}, {L2, true, false, 1, 10}, PLAN_SCAN},
};

static void paths_follow_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < VV_COUNT(table); i++) {
        plan_path path = plan_path_of(&table[i].source, &table[i].request);
        if (path != table[i].path) fail_msg("%s: %d", table[i].what, path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths_follow_the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
