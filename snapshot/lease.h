/* lease.h — who may write: db/<db_id>/WRITER.json, changed by conditional puts alone.
 *
 *              lease_take                  lease_renew (the tag still fits)
 *   (free) ---------------> HELD, epoch e ----------------------------------> HELD
 *      ^                        |  lease_drop      else: VARVE_CONFLICT, somebody took it
 *      +------------------------+
 *
 * (1) A timeline has one holder, for ever (timeline.h). Taking over from another holder, whose
 *     lease has expired, begins a new one. So two writers never commit to one timeline, whatever
 *     their clocks say and however long one of them slept.
 * (2) A holder who finds his own lease takes it again at once: after a crash nobody waits. A
 *     holder's id belongs to one data folder; whoever copies the folder makes a new one.
 * (3) Nobody takes over before expires_ms + LEASE_SKEW_MS of his own clock, unless forced.
 *
 * Where the store has no conditional puts, only one holder may ever write: another one is refused
 * (VARVE_UNSUPPORTED) unless he forces it.
 *
 * Ownership  none.
 * Threads    a lease belongs to one thread, unless it has a `lock`: then any number renew and read
 *            it (lease_now), and the lock is held over the put of a renewal.
 * Errors     VARVE_LOCKED held by somebody else; the message names him and until when ·
 *            VARVE_CONFLICT lost · those of repo.h. */
#ifndef VARVE_SNAPSHOT_LEASE_H
#define VARVE_SNAPSHOT_LEASE_H

#include "timeline.h"

#include <pthread.h>

#define LEASE_LIFE_MS ((uint64_t)900000)
#define LEASE_SKEW_MS ((uint64_t)60000)

typedef struct lease {
    repo *r;
    char holder[NAMES_ID_SIZE];
    uint64_t epoch, expires_ms, life_ms;
    uint32_t timeline, parent; /* parent, parent_lsn: where the timeline branched; 0: nowhere */
    uint64_t parent_lsn;
    char tag[REMOTE_TAG_MAX];
    pthread_mutex_t *lock; /* guards expires_ms, epoch and tag; NULL: one thread's lease */
} lease;

typedef struct lease_options {
    const char *holder; /* a UUID, kept with the data folder */
    uint64_t lsn;       /* of the data at hand: where a new timeline begins */
    const char *reason; /* of a new timeline; NULL: "takeover" */
    uint64_t life_ms;   /* 0: LEASE_LIFE_MS */
    bool force;         /* take it whoever holds it */
    bool branch;     /* begin a new timeline at lsn also if it is ours: after a restore in place */
    uint32_t parent; /* VARVE_CONFLICT unless the writer's timeline is this one; 0: any */
} lease_options;

VV_CHECKED varve_status lease_take(repo *r, const lease_options *options, lease *ret,
                                   varve_error *err);
VV_CHECKED varve_status lease_renew(lease *l, varve_error *err);
/* Renewed if half of its life is over. */
VV_CHECKED varve_status lease_keep(lease *l, varve_error *err);
VV_CHECKED varve_status lease_drop(lease *l, varve_error *err);
/* A copy as it is now. */
lease lease_now(const lease *l);

typedef struct lease_state {
    bool exists;
    char holder[NAMES_ID_SIZE];
    uint64_t epoch, expires_ms;
    uint32_t timeline, parent;
    uint64_t parent_lsn;
    char tag[REMOTE_TAG_MAX];
} lease_state;
VV_CHECKED varve_status lease_read(repo *r, lease_state *ret, varve_error *err);

#endif
