/* backup_home_inner.h — what backup_home.c and its thread (backup_home_thread.c) share.
 * Ownership  of backup_home_open and backup_home_close.
 * Threads    locks in the order in which they may be taken: work_lock; then lease_lock; or lock,
 *            and under it lease_lock, which is only tried. */
#ifndef GATEWAY_BACKUP_HOME_INNER_H
#define GATEWAY_BACKUP_HOME_INNER_H

#include "backup_home.h"

#include "gateway_inner.h"

struct backup_home {
    gateway *g;
    repo_access access;
    char state[4096];
    pthread_t thread;
    atomic_bool ending;
    atomic_bool suspect;       /* somebody met with VARVE_CONFLICT: renew before the next write */
    pthread_mutex_t work_lock; /* one connects, takes or renews at a time; held over requests */
    /* under work_lock; once set, sessions and ids stay: */
    backup_identity who;
    repo_session quick, full;
    uint64_t renewed_ns;
    pthread_mutex_t lease_lock; /* of the lease; held over the put of a renewal */
    lease lease;
    pthread_mutex_t lock; /* guards the view; never held over requests */
    backup_home_view view;
};

bool backup_home_start(backup_home *h);
void backup_home_stop(backup_home *h);
/* Connect if away, keep the lease, look whether the store answers; the outcome is in the view. */
varve_status backup_home_tend(backup_home *h);

#endif
