/* throttle.c — see throttle.h. */
#include "throttle.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       1000000000u
#define PERCENT        100.0
#define NICE_IDLE      19
#define IOPRIO_PROCESS 1 /* linux/ioprio.h, which older headers lack */
#define IOPRIO_NONE    0
#define IOPRIO_IDLE    (3 << 13)

void throttle_init(throttle *t, const job_limits *limits, uint64_t wall_ns, uint64_t cpu_ns)
{
    *t = (throttle){.wall_ns = wall_ns, .cpu_ns = cpu_ns};
    if (limits->cpu_percent < (uint32_t)PERCENT)
        t->cpu_ns_per_ns = limits->threads * limits->cpu_percent / PERCENT;
    t->io_bytes_per_ns = (double)limits->io_bytes_per_s / NS_PER_S;
}

/* cost: what has been done since, in time; passed: the time that pays for it. */
static double pay(double debt_ns, double cost_ns, double passed_ns)
{
    return VV_MAX(debt_ns + cost_ns - passed_ns, (double)-THROTTLE_CREDIT_NS);
}

uint64_t throttle_due_ns(throttle *t, uint64_t wall_ns, uint64_t cpu_ns, uint64_t bytes)
{
    double passed_ns = (double)(wall_ns - t->wall_ns), worked_ns = (double)(cpu_ns - t->cpu_ns);
    t->wall_ns = wall_ns;
    t->cpu_ns = cpu_ns;
    if (t->cpu_ns_per_ns > 0)
        t->cpu_debt_ns = pay(t->cpu_debt_ns, worked_ns / t->cpu_ns_per_ns, passed_ns);
    if (t->io_bytes_per_ns > 0)
        t->io_debt_ns = pay(t->io_debt_ns, (double)bytes / t->io_bytes_per_ns, passed_ns);
    double due_ns = VV_MAX(t->cpu_debt_ns, t->io_debt_ns);
    return due_ns > 0 ? (uint64_t)VV_MIN(due_ns, (double)INT64_MAX) : 0;
}

uint64_t throttle_cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Refusals are passed over: a job at another priority is still the same job. */
void throttle_set_priority(uint32_t nice)
{
    (void)setpriority(PRIO_PROCESS, 0, (int)nice);
    (void)syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, nice == NICE_IDLE ? IOPRIO_IDLE : IOPRIO_NONE);
}
