/* test_throttle.c — the arithmetic of the throttle over clocks that the test turns: rates and
 * shares are kept in the long run, and nobody saves up for later. */
#include "throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS  ((uint64_t)1000000)
#define S   (1000 * MS)
#define MIB ((uint64_t)1 << 20)

typedef struct job {
    throttle t;
    uint64_t wall_ns, cpu_ns, slept_ns, bytes;
} job;

static job start(job_limits limits)
{
    job j = {.wall_ns = 5 * S, .cpu_ns = 2 * S};
    throttle_init(&j.t, &limits, j.wall_ns, j.cpu_ns);
    return j;
}

/* Works for so long and moves so much; then sleeps as told. */
static void work(job *j, uint64_t wall_ns, uint64_t cpu_ns, uint64_t bytes)
{
    j->wall_ns += wall_ns;
    j->cpu_ns += cpu_ns;
    j->bytes += bytes;
    uint64_t due_ns = throttle_due_ns(&j->t, j->wall_ns, j->cpu_ns, bytes);
    j->wall_ns += due_ns;
    j->slept_ns += due_ns;
}

static void test_no_limits(void **state)
{
    job j = start((job_limits){.threads = 4, .cpu_percent = 100});
    (void)state;
    for (int i = 0; i < 1000; i++)
        work(&j, MS, 4 * MS, 100 * MIB);
    assert_int_equal(j.slept_ns, 0);
}

static void test_io_rate(void **state)
{
    static const uint64_t rates[] = {1, 1000, 10 * MIB, 1000 * MIB};
    (void)state;
    for (unsigned i = 0; i < VV_COUNT(rates); i++) {
        job j = start((job_limits){.threads = 1, .cpu_percent = 100, .io_bytes_per_s = rates[i]});
        uint64_t begin_ns = j.wall_ns;
        for (int n = 0; n < 1000; n++)
            work(&j, MS / 1000, 0, rates[i] / 100 + 1); /* ten milliseconds' worth, and more */
        double seconds = (double)(j.wall_ns - begin_ns) / S;
        double rate = (double)j.bytes / seconds;
        assert_true(rate <= (double)rates[i] * 1.011 + 0.2);
        assert_true(rate >= (double)rates[i] * 0.98);
    }
}

static void test_cpu_share(void **state)
{
    static const job_limits limits[] = {{.threads = 1, .cpu_percent = 50},
                                        {.threads = 2, .cpu_percent = 25},
                                        {.threads = 8, .cpu_percent = 1},
                                        {.threads = 1, .cpu_percent = 99}};
    (void)state;
    for (unsigned i = 0; i < VV_COUNT(limits); i++) {
        job j = start(limits[i]);
        uint64_t begin_ns = j.wall_ns, cpu_begin_ns = j.cpu_ns;
        for (int n = 0; n < 1000; n++)
            work(&j, 10 * MS, 10 * MS * limits[i].threads, 0);
        double share = (double)(j.cpu_ns - cpu_begin_ns) / (double)(j.wall_ns - begin_ns);
        double wanted = limits[i].threads * limits[i].cpu_percent / 100.0;
        assert_true(share <= wanted * 1.02 && share >= wanted * 0.98);
    }
}

static void test_stricter_of_both(void **state)
{
    job j = start((job_limits){.threads = 1, .cpu_percent = 50, .io_bytes_per_s = MIB});
    (void)state;
    work(&j, 100 * MS, 100 * MS, MIB); /* 200 ms of share, 1 s of rate: less what has passed */
    assert_in_range(j.slept_ns, 890 * MS, 910 * MS);
    work(&j, 100 * MS, 100 * MS, 0);
    assert_in_range(j.slept_ns, 890 * MS, 910 * MS); /* the share was paid by that sleep */
}

static void test_no_saving_up(void **state)
{
    job j = start((job_limits){.threads = 1, .cpu_percent = 100, .io_bytes_per_s = MIB});
    (void)state;
    work(&j, 3600 * S, 0, 0); /* an hour of waiting */
    assert_int_equal(j.slept_ns, 0);
    work(&j, 0, 0, MIB);
    assert_in_range(j.slept_ns, S - THROTTLE_CREDIT_NS - MS, S);
}

static void test_clock_goes_on(void **state)
{
    uint64_t before_ns = throttle_cpu_ns(), after_ns;
    (void)state;
    do
        after_ns = throttle_cpu_ns();
    while (after_ns == before_ns);
    assert_true(after_ns > before_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limits),    cmocka_unit_test(test_io_rate),
        cmocka_unit_test(test_cpu_share),    cmocka_unit_test(test_stricter_of_both),
        cmocka_unit_test(test_no_saving_up), cmocka_unit_test(test_clock_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
