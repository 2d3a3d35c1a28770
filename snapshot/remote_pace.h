/* remote_pace.h — when to go on: bandwidth, and the waits between attempts (Brooker, "Exponential
 * Backoff And Jitter", 2015: full jitter).
 *
 *     remote_attempts a;
 *     remote_attempts_begin(&a, r, bytes, cancel);
 *     do status = attempt(...);
 *     while (may_pass(status) && (status = remote_attempts_wait(&a, status, 0, err)) == VARVE_OK);
 *
 * Threads    a remote_attempts belongs to one call; bandwidth is shared by all calls of a
 *            remote. */
#ifndef VARVE_SNAPSHOT_REMOTE_PACE_H
#define VARVE_SNAPSHOT_REMOTE_PACE_H

#include "base/random.h"
#include "remote_inner.h"

/* Waits until `bytes` more may go over the way. False: cancelled. */
bool remote_bandwidth_take(remote *r, uint64_t bytes, const remote_cancel *cancel);

typedef struct remote_attempts {
    const remote_limits *limits;
    const remote_cancel *cancel; /* may be NULL */
    uint64_t made;               /* since the last progress */
    uint64_t end_ns;             /* of the whole call */
    random_state random;
} remote_attempts;

/* bytes: to be moved by the call, which may take longer for it. */
void remote_attempts_begin(remote_attempts *a, const remote *r, uint64_t bytes,
                           const remote_cancel *cancel);
/* An attempt failed with `failed`, whose words are in err. VARVE_OK: waited, try again.
 * Otherwise what the call ends with: VARVE_CANCELLED, or `failed`, with the reason for the end
 * added. */
VV_CHECKED varve_status remote_attempts_wait(remote_attempts *a, varve_status failed,
                                             uint64_t wait_least_ms, varve_error *err);
/* Enough came through for attempts and time to be counted anew. */
void remote_attempts_progress(remote_attempts *a);
/* The longest wait before attempt number `made` + 1; for tests. */
uint64_t remote_attempts_wait_max(const remote_limits *limits, uint64_t made);

#endif
