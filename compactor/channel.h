/* channel.h — the compactor's end of the hand-off: a thread of its own reads the socket all the
 * time, so that a job learns at once that it is cancelled or that the owner is gone.
 *
 *   channel_open --> the reader thread: CANCEL, BYE and the end of the connection interrupt the
 *                    job; WELCOME, JOB, ADOPTED and REFUSE wait for channel_wait
 *   channel_close -> the reader has ended, the socket is closed; may be opened anew
 *
 * Ownership  the channel owns its socket from channel_open on, also when that fails. A channel
 *            lives as long as the process, so that channel_stop never comes too late.
 * Threads    one thread works: opens, waits, sends, sleeps, closes. channel_stop from any thread.
 * Errors     VARVE_CLOSED the owner is gone or said BYE; VARVE_CANCELLED channel_stop;
 *            VARVE_CORRUPT a message that has no place here; those of segment/job.h. */
#ifndef COMPACTOR_CHANNEL_H
#define COMPACTOR_CHANNEL_H

#include "segment/job.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct channel {
    int fd;                /* -1: closed */
    uint64_t grace_ms;     /* for the job to end when the owner is gone: see channel_init */
    pthread_t reader;      /* while fd >= 0 */
    atomic_bool disturbed; /* something below says that a job has to end */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* ---- under lock */
    bool stopped; /* for good */
    bool bye, gone, closing;
    varve_error why; /* gone */
    bool waiting;    /* message is there, and not yet taken */
    handoff_message message;
    uint64_t epoch, job; /* the last JOB */
    bool cancelled;      /* and the owner wants no more of it */
} channel;

/* A job that does not end by itself grace_ms after the owner has gone, because it is inside a long
 * call, is ended together with the process. Nothing is lost by that: what it leaves lies on the
 * desk, and an owner that starts clears that away. A process that would come to its owner again has
 * more time, but not for ever: it may be gone for the owner because it hangs, and then only a new
 * process is of use. */
#define CHANNEL_GRACE_MS    500
#define CHANNEL_HANGS_MS    600000
#define CHANNEL_EXIT_STATUS 1
void channel_init(channel *c, uint64_t grace_ms);

VV_CHECKED varve_status channel_open(channel *c, int fd, varve_error *err);
void channel_close(channel *c); /* fine when it is closed */
void channel_stop(channel *c);

/* The next message that waits. timeout_ms 0: for ever. */
VV_CHECKED varve_status channel_wait(channel *c, uint64_t timeout_ms, handoff_message *ret,
                                     varve_error *err);
VV_CHECKED varve_status channel_send(channel *c, const handoff_message *m, varve_error *err);
/* May there be another job? Errors as of channel_wait. */
VV_CHECKED varve_status channel_ready(channel *c, varve_error *err);
bool channel_said_bye(channel *c);

/* ---- for a job ----------------------------------------------------------------------------- */
/* VARVE_OK: go on. Else why the job has to end: VARVE_CANCELLED or VARVE_CLOSED. */
VV_CHECKED varve_status channel_check(channel *c, varve_error *err);
/* Back before its time when the job has to end, or (between two connections) at channel_stop. */
void channel_sleep(channel *c, uint64_t ns);

#endif
