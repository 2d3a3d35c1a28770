/* shipper_inner.h — shared by shipper*.c only: the thread's state.
 * Ownership  shipper_start, shipper_stop.
 * Threads    `lock` is a leaf, never held over requests to the store.
 * Errors     none. */
#ifndef GATEWAY_SHIPPER_INNER_H
#define GATEWAY_SHIPPER_INNER_H

#include "shipper.h"

#include "backup/backup_home.h"
#include "gateway_inner.h"
#include "ship.h"

struct shipper {
    gateway *g;
    bool remote, strict; /* settings: writes wait; the fence of shipper.h (3) */
    ship_acks acks;
    ship_lag lag;
    pthread_t thread;

    /* of the thread alone */
    ship *ship;
    uint64_t random;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool poked, ending;
    uint64_t stop_by_ns;
    ship_phase phase;
    uint64_t lease_until_ms;
    uint64_t time_ms, objects, bytes, files, gaps, bridged, failures, failures_in_row;
    uint64_t refused;
    bool lagging; /* the log was told */
    varve_error why;
};

/* shipper_step.c: one step, and what follows from it. *ret_wait_ms: until the next one. */
void shipper_step(shipper *s, uint64_t *ret_wait_ms);
bool shipper_is_ending(shipper *s);
/* shipper_watch.c: on the thread of the acks, a few times a second. */
void shipper_watch(void *arg);

#endif
