/* meter.h — the progress of a job: told to the owner a few times per second, and the place where
 * the job is slowed down and learns that it has to end. A job is parts of so many rows; within a
 * part, stages come and go, and what was reported never goes back.
 * Threads  one. */
#ifndef COMPACTOR_METER_H
#define COMPACTOR_METER_H

#include "channel.h"
#include "throttle.h"

#define METER_INTERVAL_MS 200 /* between two messages */

typedef struct meter {
    channel *to;
    throttle limits;
    uint64_t part_begin, part_rows; /* of the whole job */
    job_progress state;
    uint64_t sent_ns;
} meter;

void meter_init(meter *m, channel *to, const job_order *order, uint64_t total_rows);
/* The part before is done; the next has so many rows. */
void meter_begin(meter *m, uint64_t rows);
/* An index_progress; context is the meter. */
bool meter_step(void *context, const char *stage, uint64_t done, uint64_t total, uint64_t bytes);

#endif
