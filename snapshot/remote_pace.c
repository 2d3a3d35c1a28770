/* remote_pace.c — see remote_pace.h. */
#include "remote_pace.h"

#include "base/bytes.h"
#include "base/clock.h"

#define NS_PER_MS           UINT64_C(1000000)
#define NS_PER_S            UINT64_C(1000000000)
#define SLICE_MS            50             /* between two questions whether to go on */
#define BURST_NS            (NS_PER_S / 4) /* unused bandwidth of so long may be caught up */
#define SLOWEST_BYTES_PER_S (256 * 1024)   /* what a deadline allows for, besides its fixed part */

/* False: cancelled. */
static bool sleep_until(uint64_t end_ns, const remote_cancel *cancel)
{
    for (;;) {
        if (remote_cancelled(cancel)) return false;
        uint64_t now = clock_now_ns();
        if (now >= end_ns) return true;
        uint64_t left_ms = (end_ns - now + NS_PER_MS - 1) / NS_PER_MS;
        clock_sleep_ms(VV_MIN(left_ms, SLICE_MS));
    }
}

/* Each call moves the moment at which all is paid for, and waits until what was before it is. */
bool remote_bandwidth_take(remote *r, uint64_t bytes, const remote_cancel *cancel)
{
    uint64_t rate = r->limits.bytes_per_s;
    if (rate == 0) return !remote_cancelled(cancel);
    uint64_t now = clock_now_ns();
    uint64_t earliest = now > BURST_NS ? now - BURST_NS : 0;
    uint64_t cost_ns = (uint64_t)((double)bytes * (double)NS_PER_S / (double)rate);
    (void)pthread_mutex_lock(&r->bandwidth_lock);
    r->bandwidth_free_ns = VV_MAX(r->bandwidth_free_ns, earliest) + cost_ns;
    uint64_t end_ns = r->bandwidth_free_ns;
    (void)pthread_mutex_unlock(&r->bandwidth_lock);
    return sleep_until(end_ns, cancel);
}

static uint64_t deadline_ms(const remote_limits *limits, uint64_t bytes)
{
    uint64_t rate = SLOWEST_BYTES_PER_S;
    if (limits->bytes_per_s != 0) rate = VV_MIN(rate, VV_MAX(limits->bytes_per_s / 2, 1));
    uint64_t for_bytes = (uint64_t)((double)bytes * 1000.0 / (double)rate);
    uint64_t whole;
    bool fits = size_add(limits->deadline_ms, for_bytes, &whole) && whole < UINT32_MAX * 1000ull;
    return fits ? whole : UINT32_MAX * 1000ull;
}

void remote_attempts_begin(remote_attempts *a, const remote *r, uint64_t bytes,
                           const remote_cancel *cancel)
{
    uint64_t now = clock_now_ns();
    *a = (remote_attempts){.limits = &r->limits, .cancel = cancel};
    a->end_ns = now + deadline_ms(&r->limits, bytes) * NS_PER_MS;
    random_seed(&a->random, now ^ (uint64_t)(uintptr_t)a);
}

void remote_attempts_progress(remote_attempts *a)
{
    uint64_t end_ns = clock_now_ns() + deadline_ms(a->limits, 0) * NS_PER_MS;
    a->made = 0;
    a->end_ns = VV_MAX(a->end_ns, end_ns);
}

uint64_t remote_attempts_wait_max(const remote_limits *limits, uint64_t made)
{
    uint64_t wait = limits->wait_first_ms;
    for (uint64_t i = 0; i < made && wait < limits->wait_max_ms; i++)
        wait *= 2;
    return VV_MIN(wait, limits->wait_max_ms);
}

varve_status remote_attempts_wait(remote_attempts *a, varve_status failed, uint64_t wait_least_ms,
                                  varve_error *err)
{
    uint64_t longest = remote_attempts_wait_max(a->limits, a->made);
    a->made++;
    if (a->made >= a->limits->attempts_max) {
        if (a->made > 1)
            vv_error_prefix(err, "given up after %llu attempts", (unsigned long long)a->made);
        return failed;
    }
    uint64_t wait_ms = random_below(&a->random, longest + 1);
    wait_ms = VV_MAX(wait_ms, VV_MIN(wait_least_ms, a->limits->wait_max_ms));
    uint64_t end_ns = clock_now_ns() + wait_ms * NS_PER_MS;
    if (end_ns > a->end_ns) {
        vv_error_prefix(err, "given up at the deadline");
        return failed;
    }
    if (!sleep_until(end_ns, a->cancel)) return vv_fail(err, VARVE_CANCELLED, "cancelled");
    return VARVE_OK;
}
