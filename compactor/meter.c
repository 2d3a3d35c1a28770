/* meter.c — see meter.h. */
#include "meter.h"

#include "stages.h"

#include "base/clock.h"

#include <stdio.h>

#define NS_PER_MS 1000000u

void meter_init(meter *m, channel *to, const job_order *order, uint64_t rows, double work)
{
    *m = (meter){.to = to, .work = work};
    m->state = (job_progress){.epoch = order->epoch, .job = order->job, .total = rows};
    throttle_init(&m->limits, &order->limits, clock_now_ns(), throttle_cpu_ns());
}

void meter_begin(meter *m, double work, const index_spec *builds)
{
    m->part_begin += m->part_work;
    m->part_work = work;
    m->part_builds = builds;
    m->part_share = 0;
}

static void note(meter *m, const char *stage, uint64_t done, uint64_t total)
{
    double share = m->part_share, of_all;
    if (m->part_builds)
        share = stages_share(m->part_builds, stage, done, total, share);
    else if (total > 0)
        share = VV_MAX(share, (double)VV_MIN(done, total) / (double)total);
    m->part_share = share;
    of_all = m->work > 0 ? (m->part_begin + share * m->part_work) / m->work : 0;
    m->state.done = (uint64_t)(VV_MIN(of_all, 1.0) * (double)m->state.total);
    m->state.done = VV_MIN(m->state.done, m->state.total);
    (void)snprintf(m->state.stage, sizeof m->state.stage, "%s", stage);
}

/* A message that cannot be sent ends nothing: if the owner is gone, the channel says so. */
static void tell(meter *m, uint64_t now_ns)
{
    const handoff_message message = {.kind = HANDOFF_PROGRESS, .progress = m->state};
    if (now_ns - m->sent_ns < METER_INTERVAL_MS * (uint64_t)NS_PER_MS) return;
    m->sent_ns = now_ns;
    (void)!channel_send(m->to, &message, NULL);
}

/* Long debts are paid in pieces: an owner that hears nothing takes us for one that hangs. */
static void rest(meter *m, uint64_t now_ns, uint64_t due_ns)
{
    uint64_t end_ns = now_ns + due_ns;
    while (now_ns < end_ns && channel_check(m->to, NULL) == VARVE_OK) {
        channel_sleep(m->to, VV_MIN(end_ns - now_ns, METER_REST_MS * (uint64_t)NS_PER_MS));
        now_ns = clock_now_ns();
        tell(m, now_ns);
    }
}

bool meter_step(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes)
{
    meter *m = context;
    uint64_t now_ns = clock_now_ns();
    uint64_t due_ns = throttle_due_ns(&m->limits, now_ns, throttle_cpu_ns(), bytes);
    note(m, stage, done, total);
    tell(m, now_ns);
    rest(m, now_ns, due_ns);
    return channel_check(m->to, NULL) == VARVE_OK;
}
