/* meter.c — see meter.h. */
#include "meter.h"

#include "base/clock.h"

#include <stdio.h>

#define NS_PER_MS 1000000u

void meter_init(meter *m, channel *to, const job_order *order, uint64_t total_rows)
{
    *m = (meter){.to = to};
    m->state = (job_progress){.epoch = order->epoch, .job = order->job, .total = total_rows};
    throttle_init(&m->limits, &order->limits, clock_now_ns(), throttle_cpu_ns());
}

void meter_begin(meter *m, uint64_t rows)
{
    m->part_begin += m->part_rows;
    m->part_rows = rows;
    m->state.done = VV_MAX(m->state.done, VV_MIN(m->part_begin, m->state.total));
}

/* Stages that pass over the rows of the part move the job on; others are preparations. */
static void note(meter *m, const char *stage, uint64_t done, uint64_t total)
{
    (void)snprintf(m->state.stage, sizeof m->state.stage, "%s", stage);
    if (total != m->part_rows || done > total) return;
    m->state.done = VV_MAX(m->state.done, VV_MIN(m->part_begin + done, m->state.total));
}

/* A message that cannot be sent ends nothing: if the owner is gone, the channel says so. */
static void tell(meter *m, uint64_t now_ns)
{
    const handoff_message message = {.kind = HANDOFF_PROGRESS, .progress = m->state};
    if (now_ns - m->sent_ns < METER_INTERVAL_MS * (uint64_t)NS_PER_MS) return;
    m->sent_ns = now_ns;
    (void)!channel_send(m->to, &message, NULL);
}

bool meter_step(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes)
{
    meter *m = context;
    uint64_t now_ns = clock_now_ns();
    uint64_t due_ns = throttle_due_ns(&m->limits, now_ns, throttle_cpu_ns(), bytes);
    note(m, stage, done, total);
    tell(m, now_ns);
    if (due_ns) channel_sleep(m->to, due_ns);
    return channel_check(m->to, NULL) == VARVE_OK;
}
