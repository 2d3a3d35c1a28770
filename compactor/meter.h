/* meter.h — the progress of a job: told to the owner a few times per second, also while the job is
 * slowed down; and the place where it is slowed down, and learns that it has to end. A job is
 * parts, each with its share of the work; what was reported never goes back.
 * Threads  one. */
#ifndef COMPACTOR_METER_H
#define COMPACTOR_METER_H

#include "channel.h"
#include "throttle.h"

#define METER_INTERVAL_MS 200  /* between two messages */
#define METER_REST_MS     1000 /* of sleep between two messages */

typedef struct meter {
    channel *to;
    throttle limits;
    double work;                   /* of the whole job, in any unit */
    double part_begin, part_work;  /* of the part in hand */
    const index_spec *part_builds; /* its stages are those of this index; NULL: it has one */
    double part_share;             /* done of it */
    job_progress state;
    uint64_t sent_ns;
} meter;

/* rows: what the owner sees as the whole. */
void meter_init(meter *m, channel *to, const job_order *order, uint64_t rows, double work);
/* The part before is done. */
void meter_begin(meter *m, double work, const index_spec *builds);
/* An index_progress; context is the meter. */
bool meter_step(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes);

#endif
