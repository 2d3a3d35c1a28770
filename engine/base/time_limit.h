/* time_limit.h — when a piece of work has to end: at a moment, or when its caller has had enough.
 *
 * Loops whose length depends on a request or on what is stored look at it at bounded intervals,
 * about every millisecond of work at the least, and pass on what it answers.
 *
 * Ownership  a time_limit is borrowed by all who look at it; cancel by the time_limit.
 * Threads    any number look at one; another may set *cancel meanwhile.
 * Errors     VARVE_TIMEOUT, VARVE_CANCELLED. A test makes the n-th look fail by the fault point
 *            "time_limit.look": VV_FAULT_EIO as if cancelled, any other as if it were too late. */
#ifndef VARVE_BASE_TIME_LIMIT_H
#define VARVE_BASE_TIME_LIMIT_H

#include "base/status.h"

typedef struct time_limit {
    uint64_t deadline_ns;       /* monotonic; 0: none */
    uint64_t timeout_ms;        /* for the message; 0: not known */
    const volatile int *cancel; /* not 0: end; NULL: nobody cancels */
} time_limit;

/* timeout_ms 0: none. */
void time_limit_start(time_limit *t, uint64_t timeout_ms, const volatile int *cancel);
/* t NULL: no limit. */
VV_CHECKED varve_status time_limit_check(const time_limit *t, varve_error *err);

#endif
