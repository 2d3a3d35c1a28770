/* test_remote_pace.c — waits between attempts, their end, and the bandwidth of a remote. */
#include "unit.h"

#include "base/clock.h"
#include "remote_fixture.h"
#include "remote_pace.h"

static void test_longest_waits(void **state)
{
    const remote_limits limits = {.wait_first_ms = 200, .wait_max_ms = 30000};
    static const uint64_t expected[] = {200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000};
    (void)state;
    for (size_t i = 0; i < VV_COUNT(expected); i++)
        assert_int_equal(remote_attempts_wait_max(&limits, i), expected[i]);
    assert_int_equal(remote_attempts_wait_max(&limits, UINT64_MAX), 30000);
}

static void test_attempts(void **state)
{
    remote_attempts a;
    varve_error err = {VARVE_IO, "words"};
    (void)state;
    r->limits.attempts_max = 3;
    r->limits.wait_first_ms = r->limits.wait_max_ms = 1;
    remote_attempts_begin(&a, r, 0, NULL);
    assert_ok(remote_attempts_wait(&a, VARVE_IO, 0, &err));
    assert_ok(remote_attempts_wait(&a, VARVE_IO, 0, &err));
    assert_status(remote_attempts_wait(&a, VARVE_IO, 0, &err), VARVE_IO);
    assert_string_equal(err.message, "given up after 3 attempts: words");
    remote_attempts_progress(&a);
    assert_ok(remote_attempts_wait(&a, VARVE_IO, 0, &err));
}

static void test_deadline(void **state)
{
    remote_attempts a;
    varve_error err = {VARVE_TIMEOUT, "words"};
    (void)state;
    r->limits.deadline_ms = 5;
    r->limits.wait_first_ms = r->limits.wait_max_ms = 60000;
    remote_attempts_begin(&a, r, 0, NULL);
    uint64_t began = clock_now_ns();
    varve_status status = VARVE_OK;
    while (status == VARVE_OK) /* a short wait may be drawn */
        status = remote_attempts_wait(&a, VARVE_TIMEOUT, 6, &err);
    assert_int_equal(status, VARVE_TIMEOUT);
    assert_string_equal(err.message, "given up at the deadline: words");
    assert_true(clock_now_ns() - began < UINT64_C(1000000000));
    remote_attempts_begin(&a, r, UINT64_MAX, NULL); /* far away, and not wrapped around */
    assert_true(a.end_ns > clock_now_ns() + UINT64_C(1000000000000));
}

static bool yes(void *arg)
{
    ++*(int *)arg;
    return *(int *)arg > 2;
}

static void test_cancel(void **state)
{
    remote_attempts a;
    int asked = 0;
    const remote_cancel cancel = {yes, &asked};
    (void)state;
    r->limits.wait_first_ms = r->limits.wait_max_ms = 60000;
    remote_attempts_begin(&a, r, 0, &cancel);
    assert_status(remote_attempts_wait(&a, VARVE_IO, 60000, NULL), VARVE_CANCELLED);
    assert_int_equal(asked, 3);
}

static void test_bandwidth(void **state)
{
    (void)state;
    r->limits.bytes_per_s = 100000;
    uint64_t began = clock_now_ns();
    for (int i = 0; i < 40; i++)
        assert_true(remote_bandwidth_take(r, 1000, NULL));
    uint64_t took_ms = (clock_now_ns() - began) / 1000000;
    assert_true(took_ms >= 140); /* 400 less what may be caught up, 250 */
    r->limits.bytes_per_s = 0;
    assert_true(remote_bandwidth_take(r, UINT64_MAX, NULL));
    int asked = 5;
    assert_false(remote_bandwidth_take(r, 1, &(remote_cancel){yes, &asked}));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    static const struct CMUnitTest tests[] = {T(test_longest_waits), T(test_attempts),
                                              T(test_deadline), T(test_cancel), T(test_bandwidth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
