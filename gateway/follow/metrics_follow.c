/* metrics_follow.c — the follower's figures as Prometheus text. */
#include "metrics_follow.h"

#include "follower.h"
#include "metrics_lines.h"

void metrics_follow(metrics_lines *t, follower *f)
{
    follower_view v;
    if (!f) return;
    follower_look(f, &v);
    lines_family(t, "follow_state", "gauge", "1 for the state that the follower is in");
    for (int s = FOLLOWER_BOOTSTRAP; s <= FOLLOWER_FAILED; s++)
        lines_labelled(t, "follow_state", "state", follower_state_word((follower_state)s),
                       v.state == (follower_state)s);
    lines_single(t, "follow_applied_lsn", "gauge", "Sequence number applied", v.applied);
    lines_single(t, "follow_shown_lsn", "gauge", "Sequence number that reads show", v.shown);
    lines_single(t, "follow_known_lsn", "gauge", "Sequence number seen in the repository", v.known);
    if (v.staleness_ms != UINT64_MAX)
        lines_single_real(t, "follow_lag_seconds", "gauge",
                          "Since all that the repository held was shown",
                          (double)v.staleness_ms * 1e-3);
    if (v.commit_ms)
        lines_single_real(t, "follow_applied_time_seconds", "gauge",
                          "Time of the last commit applied, since 1970",
                          (double)v.commit_ms * 1e-3);
    lines_single(t, "follow_objects_total", "counter", "Objects of the log applied", v.objects);
    lines_single(t, "follow_batches_total", "counter", "Batches applied", v.batches);
    lines_single(t, "follow_applied_bytes_total", "counter", "Bytes of batches applied", v.bytes);
    lines_single(t, "follow_rebootstraps_total", "counter", "Times that the folder was made anew",
                 v.bootstraps ? v.bootstraps - 1 : 0);
    lines_single(t, "follow_refreshes_total", "counter", "Times that newer rows were shown",
                 v.refreshes);
    lines_single_real(t, "follow_refresh_seconds_total", "counter", "Time for it",
                      (double)v.refresh_us * 1e-6);
    lines_single(t, "follow_handles_in_use", "gauge", "Older states that requests still read",
                 v.handles);
    lines_single(t, "follow_waiting", "gauge", "Requests that wait for a sequence number",
                 v.waiting);
    lines_single(t, "follow_failures_total", "counter", "Looks at the repository that failed",
                 v.failures);
}
