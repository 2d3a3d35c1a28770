/* throttle.h — how much of the machine a job may take: a share of the processors, bytes of reading
 * and writing per second, and its place behind everybody else.
 *
 * A debt is kept in time: c seconds of processor at a share of s cost c / s seconds, b bytes at a
 * rate of r cost b / r; time that passes pays. Whoever is in debt sleeps. A job that waited for
 * something else may catch up THROTTLE_CREDIT_NS at most: it never makes up for an hour of waiting
 * by an hour at full speed.
 *
 * Threads  one. With several threads at work, the one that reports sleeps between two steps, and
 *          the others have nothing to do meanwhile: the share is of the processor time of all. */
#ifndef COMPACTOR_THROTTLE_H
#define COMPACTOR_THROTTLE_H

#include "segment/job.h"

#define THROTTLE_CREDIT_NS 100000000

typedef struct throttle {
    double cpu_ns_per_ns;     /* processors that may be busy; 0: any number */
    double io_bytes_per_ns;   /* 0: any */
    uint64_t wall_ns, cpu_ns; /* at the last call */
    double cpu_debt_ns, io_debt_ns;
} throttle;

void throttle_init(throttle *t, const job_limits *limits, uint64_t wall_ns, uint64_t cpu_ns);
/* bytes read or written since the last call; both clocks as they are now. How long to sleep. */
uint64_t throttle_due_ns(throttle *t, uint64_t wall_ns, uint64_t cpu_ns, uint64_t bytes);
uint64_t throttle_cpu_ns(void); /* of all threads of this process */

/* Nice value of this thread and of those it starts; at 19 the disk serves it when idle. A process
 * without privileges can only give way further: a smaller value than before is then not granted. */
void throttle_set_priority(uint32_t nice);

#endif
