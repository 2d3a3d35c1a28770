/* time_limit.c — see time_limit.h. */
#include "base/time_limit.h"

#include "base/clock.h"
#include "base/fault.h"

void time_limit_start(time_limit *t, uint64_t timeout_ms, const volatile int *cancel)
{
    uint64_t now = clock_now_ns();
    bool ends = timeout_ms > 0 && timeout_ms < (UINT64_MAX - now) / 1000000;
    *t = (time_limit){ends ? now + timeout_ms * 1000000 : 0, timeout_ms, cancel};
}

static bool is_cancelled(const time_limit *t)
{
    return t->cancel && __atomic_load_n(t->cancel, __ATOMIC_RELAXED);
}

static bool is_late(const time_limit *t)
{
    return t->deadline_ns != 0 && clock_now_ns() >= t->deadline_ns;
}

varve_status time_limit_check(const time_limit *t, varve_error *err)
{
    if (!t) return VARVE_OK;
    fault_kind fault = VV_FAULT_NAMED("time_limit.look");
    if (fault == VV_FAULT_EIO || is_cancelled(t))
        return vv_fail(err, VARVE_CANCELLED, "the query was cancelled by its caller");
    if (fault == VV_FAULT_NONE && !is_late(t)) return VARVE_OK;
    if (t->timeout_ms == 0) return vv_fail(err, VARVE_TIMEOUT, "not done in time");
    return vv_fail(err, VARVE_TIMEOUT, "not done within %llu ms",
                   (unsigned long long)t->timeout_ms);
}
