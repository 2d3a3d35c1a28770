/* test_ship.c — decisions, lag, and waiting writes of the shipper, without a repository. */
#include "ship/ship_acks.h"
#include "ship/ship_lag.h"
#include "ship/ship_plan.h"

#include "gateway_unit.h"

#include "base/clock.h"

#include <stdatomic.h>

#define S_NS ((uint64_t)1000000000)

/* ---- what follows a step ------------------------------------------------------------------- */

static void test_every_end_of_a_step(void **state)
{
    static const struct {
        ship_ended ended;
        ship_phase phase;
        uint64_t wait_least, wait_most;
        bool snapshot;
    } cases[] = {
        {{.status = VARVE_OK}, SHIP_RUNNING, 1000, 1000, false},
        {{.status = VARVE_OK, .more = true}, SHIP_RUNNING, 0, 0, false},
        {{.status = VARVE_IO, .failures = 1}, SHIP_RETRYING, 100, 200, false},
        {{.status = VARVE_IO, .failures = 2}, SHIP_RETRYING, 200, 400, false},
        {{.status = VARVE_TIMEOUT, .failures = 5, .random = UINT64_MAX},
         SHIP_RETRYING,
         1600,
         3200,
         false},
        {{.status = VARVE_IO, .failures = 1000, .random = 77}, SHIP_RETRYING, 2500, 5000, false},
        {{.status = VARVE_NOT_FOUND, .failures = 1}, SHIP_GAP, 100, 200, true},
        {{.status = VARVE_NOT_FOUND, .failures = 99}, SHIP_GAP, 2000, 2000, true},
        {{.status = VARVE_LOCKED, .failures = 3}, SHIP_FENCED, 400, 800, false},
        {{.status = VARVE_CONFLICT, .failures = 1, .lost = true}, SHIP_FENCED, 100, 200, false},
        {{.status = VARVE_CONFLICT, .failures = 1}, SHIP_RETRYING, 100, 200, false},
        {{.status = VARVE_CONFLICT, .failures = 3}, SHIP_DIVERGED, 400, 800, false},
        {{.status = VARVE_CORRUPT, .failures = 9}, SHIP_RETRYING, 2500, 5000, false},
    };
    (void)state;
    for (size_t i = 0; i < VV_COUNT(cases); i++) {
        ship_ended ended = cases[i].ended;
        ended.interval_ms = 1000;
        ship_next next = ship_plan(&ended);
        assert_int_equal(next.phase, cases[i].phase);
        assert_in_range(next.wait_ms, cases[i].wait_least, cases[i].wait_most);
        assert_int_equal(next.ask_snapshot, cases[i].snapshot);
        assert_true(strlen(ship_phase_word(next.phase)) > 2);
    }
}

/* ---- lag ----------------------------------------------------------------------------------- */

static double lag_at(ship_lag *l, uint64_t now_ns)
{
    ship_lag_view v;
    ship_lag_look(l, now_ns, &v);
    return v.seconds;
}

static void test_lag_is_the_age_of_the_oldest_write(void **state)
{
    ship_lag l;
    ship_lag_view v;
    (void)state;
    ship_lag_init(&l);
    assert_true(lag_at(&l, 5 * S_NS) == 0);
    ship_lag_note(&l, 10 * S_NS, true);
    ship_lag_note(&l, 12 * S_NS, true); /* a later write is not the oldest */
    assert_true(lag_at(&l, 13 * S_NS) == 3);
    /* A step that has not reached all: the oldest is now later than the last that was shipped. */
    ship_lag_stepped(
        &l, &(ship_lag_step){
                .began_ns = 13 * S_NS, .now_ns = 14 * S_NS, .commit_ns = 11 * S_NS, .put = true});
    assert_true(lag_at(&l, 14 * S_NS) == 3);
    /* One that has, while others wrote. */
    ship_lag_stepped(&l, &(ship_lag_step){.began_ns = 14 * S_NS,
                                          .now_ns = 15 * S_NS,
                                          .put = true,
                                          .reached = true,
                                          .behind = true});
    assert_true(lag_at(&l, 16 * S_NS) == 2);
    ship_lag_stepped(
        &l,
        &(ship_lag_step){.began_ns = 16 * S_NS, .now_ns = 17 * S_NS, .put = true, .reached = true});
    ship_lag_look(&l, 20 * S_NS, &v);
    assert_true(v.seconds == 0 && v.p99 == 4 && v.p50 == 4);
    assert_int_equal(v.delays.sum_ns, 11 * S_NS); /* 4 + 4 + 3 */
    ship_lag_done(&l);
}

static void test_quantiles_are_of_the_last_objects(void **state)
{
    ship_lag l;
    ship_lag_view v;
    uint64_t counted = 0;
    (void)state;
    ship_lag_init(&l);
    for (uint64_t i = 0; i < 3 * SHIP_LAGS_KEPT; i++) {
        bool slow = i < SHIP_LAGS_KEPT || i % 64 == 0; /* 8 of the last 512: more than 1 % */
        uint64_t began_ns = (i + 1) * 100 * S_NS;
        ship_lag_note(&l, began_ns, true);
        ship_lag_stepped(&l, &(ship_lag_step){.began_ns = began_ns,
                                              .now_ns = began_ns + (slow ? 9 : 1) * S_NS,
                                              .put = true,
                                              .reached = true});
    }
    ship_lag_look(&l, 0, &v);
    assert_true(v.p50 == 1 && v.p99 == 9);
    for (size_t i = 0; i < SHIP_BUCKETS; i++)
        counted += v.delays.buckets[i];
    assert_int_equal(counted, 3 * SHIP_LAGS_KEPT);
    ship_lag_done(&l);
}

/* ---- waiting writes ------------------------------------------------------------------------ */

typedef struct write_model {
    ship_ack ack;
    _Atomic int end; /* -1: not yet */
} write_model;

static void on_done(void *arg, ship_ack_end end)
{
    write_model *w = arg;
    atomic_store(&w->end, (int)end);
}

static void count_call(void *arg)
{
    atomic_int *calls = arg;
    atomic_fetch_add(calls, 1);
}

static void count_ended(void *arg, const ship_ack *ack)
{
    (void)ack;
    count_call((atomic_int *)arg + 1);
}

static bool add(ship_acks *a, write_model *w, uint64_t lsn, uint64_t timeout_ms)
{
    uint64_t now_ns = clock_now_ns();
    atomic_store(&w->end, -1);
    w->ack = (ship_ack){.lsn = lsn,
                        .began_ns = now_ns,
                        .until_ns = now_ns + timeout_ms * 1000000,
                        .done = on_done,
                        .arg = w};
    return ship_acks_add(a, &w->ack);
}

static int wait_end(write_model *w)
{
    for (int i = 0; i < 10000 && atomic_load(&w->end) < 0; i++)
        clock_sleep_ms(1);
    return atomic_load(&w->end);
}

static void test_writes_end_when_the_log_is_there(void **state)
{
    atomic_int calls[2] = {0, 0};
    ship_acks a = {.tick = count_call, .ended = count_ended, .arg = calls};
    write_model w[4];
    ship_acks_view v;
    (void)state;
    assert_ok(ship_acks_start(&a, NULL));
    for (uint64_t i = 0; i < 3; i++)
        assert_true(add(&a, &w[i], 10 + i, 60000));
    ship_acks_advance(&a, 11);
    assert_int_equal(wait_end(&w[0]), SHIP_ACK_STORED);
    assert_int_equal(wait_end(&w[1]), SHIP_ACK_STORED);
    assert_int_equal(atomic_load(&w[2].end), -1);
    assert_false(add(&a, &w[3], 9, 60000)); /* it is there already */
    assert_int_equal(w[3].ack.end, SHIP_ACK_STORED);
    ship_acks_advance(&a, 5); /* never back */
    ship_acks_look(&a, &v);
    assert_int_equal(v.shipped, 11);
    assert_int_equal(v.wanted, 12);
    assert_int_equal(v.count, 1);
    ship_acks_stop(&a);
    assert_int_equal(atomic_load(&w[2].end), SHIP_ACK_TIMEOUT);
    assert_int_equal(atomic_load(&calls[1]), 3);
    assert_true(atomic_load(&calls[0]) > 0);
}

static void test_writes_end_in_time_and_at_the_fence(void **state)
{
    atomic_int calls[2] = {0, 0};
    ship_acks a = {.tick = count_call, .ended = count_ended, .arg = calls};
    write_model w[3];
    uint64_t began_ns = clock_now_ns();
    (void)state;
    assert_ok(ship_acks_start(&a, NULL));
    assert_true(add(&a, &w[0], 10, 60000));
    assert_true(add(&a, &w[1], 10, 5));
    assert_int_equal(wait_end(&w[1]), SHIP_ACK_TIMEOUT);
    assert_true(clock_now_ns() - began_ns < 5 * S_NS);
    assert_int_equal(atomic_load(&w[0].end), -1);
    ship_acks_fence(&a, true);
    assert_int_equal(wait_end(&w[0]), SHIP_ACK_FENCED);
    assert_false(add(&a, &w[2], 10, 60000));
    assert_int_equal(w[2].ack.end, SHIP_ACK_FENCED);
    ship_acks_fence(&a, false); /* the lease was taken back */
    assert_true(add(&a, &w[2], 10, 60000));
    ship_acks_advance(&a, 10);
    assert_int_equal(wait_end(&w[2]), SHIP_ACK_STORED);
    ship_acks_stop(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_end_of_a_step),
        cmocka_unit_test(test_lag_is_the_age_of_the_oldest_write),
        cmocka_unit_test(test_quantiles_are_of_the_last_objects),
        cmocka_unit_test(test_writes_end_when_the_log_is_there),
        cmocka_unit_test(test_writes_end_in_time_and_at_the_fence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
