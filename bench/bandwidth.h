/* bandwidth.h — how fast can this machine read memory, front to back? The unit of every scan.
 * Ownership  bandwidth_done() unmaps. Threads: one at a time. */
#ifndef BENCH_BANDWIDTH_H
#define BENCH_BANDWIDTH_H

#include "bench.h"

typedef struct bandwidth {
    uint8_t *bytes;
    size_t size;
} bandwidth;

VV_CHECKED varve_status bandwidth_init(bandwidth *b, size_t size, varve_error *err);
void bandwidth_done(bandwidth *b);
/* One pass of all threads together, each over its own part: bytes a second. One thread is timed by
 * its own processor time, so that other programs do not count; several by the clock. */
VV_CHECKED varve_status bandwidth_pass(const bandwidth *b, size_t threads, double *ret,
                                       varve_error *err);

#define BANDWIDTH_BYTES ((size_t)1 << 30)

#endif
