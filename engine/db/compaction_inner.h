/* compaction_inner.h — what the files of compaction share. Everything but what `lock` guards
 * belongs to the compaction thread alone. */
#ifndef VARVE_DB_COMPACTION_INNER_H
#define VARVE_DB_COMPACTION_INNER_H

#include "db/catalog.h"
#include "db/compaction.h"
#include "db/indexes.h"
#include "db/pick.h"
#include "segment/drop_file.h"
#include "segment/merge.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/schedule.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define COMPACT_PEERS_MAX    8
#define COMPACT_JOBS_KEPT    64
#define COMPACT_TRIES_MAX    5       /* of one request in a row, before it fails */
#define COMPACT_HELLO_MS     10000   /* for a peer to say who it is */
#define COMPACT_CANCEL_MS    30000   /* for a peer to give a cancelled job up */
#define COMPACT_SILENCE_MS   1800000 /* of a peer that ought to say something: it hangs */
#define CHILD_BACKOFF_MS     100
#define CHILD_BACKOFF_MS_MAX 30000
#define CHILD_GRACE_MS       2000

/* ---- peers (compact_server.c) */

typedef struct compact_peer {
    int fd;                /* -1: free */
    bool greeted, waiting; /* waiting: it has asked for a job */
    pid_t pid;             /* as it says */
    uint64_t since_ms;
    uint64_t heard_ms; /* its last message, or the job that it was given since */
} compact_peer;

/* ---- the job that a peer works on */

typedef struct compact_job {
    varve_collection *c; /* a reference */
    view *pin;           /* a reference; inputs are its sources [first, first + count) */
    size_t first, count;
    tombstones *drops[JOB_INPUTS_MAX]; /* superseded when it was pinned */
    uint64_t rows_kept;
    job_order order;
    char desk[DB_PATH_MAX];
    compact_peer *peer;
    const struct compact_request *request; /* it is done for; only compared. NULL: for none */
    bool cancelled, user_cancelled;
    uint64_t cancelled_ms;
} compact_job;

/* ---- requests (compact_requests.c) */

typedef enum request_phase {
    REQUEST_SEAL,  /* rows in memory */
    REQUEST_PURGE, /* deleted rows */
    REQUEST_JOBS,
    REQUEST_ERASE, /* what was deleted from row store and log */
    REQUEST_DONE
} request_phase;

typedef struct compact_request {
    varve_collection *c; /* a reference */
    bool index_only, keep_deleted;
    bool scheduled;
    bool waits; /* somebody waits for it: a compactor is started if there is none */
    request_phase phase;
    uint64_t before; /* segments made after it began have this number or a higher one */
    unsigned tries;  /* jobs in a row that came to nothing */
    uint64_t began_ns;
    uint64_t dropped_before; /* of the collection, when it began */
    varve_compact_report report;
    varve_error error;    /* its status is the outcome */
    bool done, abandoned; /* under lock: taken by whoever comes second */
    struct compact_request *next;
} compact_request;

/* ---- the child (compact_child.c) */

typedef struct compact_child {
    pid_t pid; /* 0: none */
    bool lost; /* its connection ended first */
    compact_peer *peer;
    unsigned failures; /* ends in a row without a job done */
    uint64_t next_ms;  /* not started again before */
    uint64_t ends_ms;  /* told to end: killed at this time; 0: not told */
    varve_error why;   /* the last one could not be started, or ended early */
} compact_child;

struct compaction {
    varve *db;
    uint64_t epoch;
    char root[JOB_PATH_MAX]; /* the data folder, absolute */
    pthread_t thread;
    bool started;
    int wake_fd, listen_fd; /* -1: none */

    compact_peer peers[COMPACT_PEERS_MAX];
    compact_job *job; /* NULL: none */
    compact_child child;
    uint64_t next_job, turn; /* turn: the collection that is looked at first */
    bool scheduled;
    schedule schedule;
    int64_t schedule_next;       /* seconds since 1970; 0: never */
    _Atomic uint64_t silence_ms; /* COMPACT_SILENCE_MS, but for tests */

    pthread_mutex_t lock;    /* guards: */
    pthread_cond_t finished; /*   a request is done */
    bool stop, supervised;
    bool connected;                    /*   a peer has said who it is */
    bool hopeless;                     /*   compactors of our own end, again and again */
    uint64_t cancel;                   /*   number of the job to be cancelled; 0: none */
    compact_request *requests;         /*   in the order asked */
    varve_job jobs[COMPACT_JOBS_KEPT]; /* a ring; the last one is jobs[(job_count - 1) % …] */
    uint64_t job_count;
    varve_compaction_stats stats; /*   its counters */
};

/* A step that a test can make fail, or the last one before it ends the process. */
VV_CHECKED varve_status compact_point(const char *name, varve_error *err);
/* Write without fsync: what follows is synced, and until then a crash loses nothing but work. Takes
 * writer_lock, or is called under it. */
VV_CHECKED varve_status compact_write_relaxed(varve *db, store_batch *batch, varve_error *err);
VV_CHECKED varve_status compact_write_relaxed_locked(varve *db, store_batch *batch,
                                                     varve_error *err);

/* ---- compact_plan.c */
typedef struct compact_plan {
    view *v; /* a reference */
    vector_field field;
    index_wants wants;
    pick_rules rules;
    char mode[SCHEMA_INDEX_MODE_MAX + 1];
    pick_segment *segments;
    size_t *sources; /* of the view, by segment */
    size_t count;
    pick_decision decision;
} compact_plan;
/* request NULL: what is due by itself. */
VV_CHECKED varve_status plan_make(varve_collection *c, const compact_request *request,
                                  compact_plan *ret, varve_error *err);
/* The same for people: takes no lock that is held over I/O, and may miss what sessions reserved. */
VV_CHECKED varve_status plan_guess(varve_collection *c, compact_plan *ret, varve_error *err);
void plan_done(compact_plan *p);
/* Rows and segments that wait for the index that the mode is about. */
void plan_backlog(const compact_plan *p, uint64_t *ret_rows, uint64_t *ret_segments);

/* ---- compact_purge.c */
/* Deleted rows of the segments with numbers in [first, last] of the view become superseded. */
VV_CHECKED varve_status purge_segments(varve_collection *c, const view *v, size_t first,
                                       size_t count, uint64_t *ret_rows, varve_error *err);

/* ---- compact_pin.c */
VV_CHECKED varve_status pin_job(compaction *k, varve_collection *c, const compact_plan *p,
                                compact_job **ret, varve_error *err);
/* Removes the desk. */
void job_free(compact_job *j);

/* ---- compact_verify.c */
/* The files on the desk are what was asked for. */
VV_CHECKED varve_status verify_result(const compact_job *j, const job_result *r, varve_error *err);

/* ---- compact_adopt.c */
VV_CHECKED varve_status adopt_result(compact_job *j, const job_result *r, varve_error *err);

/* ---- compaction.c */
/* The job of k is over; status and why are its outcome. Frees it, and tells requests. */
void compact_end_job(compaction *k, varve_status status, const varve_error *why);
VV_CHECKED varve_status compact_adopt_job(compaction *k, const job_result *r, varve_error *err);

/* ---- compact_jobs.c: what users see of jobs */
void jobs_begin(compaction *k, const compact_job *j, const pick_decision *d);
void jobs_progress(compaction *k, const job_progress *p);
void jobs_end(compaction *k, varve_job_state state, const varve_error *why);

/* ---- compact_server.c */
VV_CHECKED varve_status server_listen(compaction *k, varve_error *err);
void server_unlisten(compaction *k);
compact_peer *server_add_peer(compaction *k, int fd); /* NULL: too many; then fd is closed */
void server_drop_peer(compaction *k, compact_peer *p);
/* The same, if it has said nothing for too long although it has a job, or should ask for one. */
void server_drop_silent(compaction *k, compact_peer *p);
void server_accept(compaction *k);
void server_receive(compaction *k, compact_peer *p);
VV_CHECKED varve_status server_send_job(compact_peer *p, const compact_job *j, varve_error *err);
void server_send_bye(compact_peer *p);
void server_cancel_job(compaction *k);

/* ---- compact_child.c */
VV_CHECKED varve_status child_find(const varve_options *o, char ret[DB_PATH_MAX], varve_error *err);
void child_look(compaction *k, bool wanted); /* start, reap, end it, as needed */
void child_end(compaction *k);               /* and wait for it */
int child_timeout_ms(const compaction *k);   /* until child_look has something to do; -1: never */

/* ---- compact_requests.c */
compact_request *request_new(varve_collection *c, bool waits);
void request_add(compaction *k, compact_request *r);
/* Wait until it is done, or the time is over; ends the request for its caller. */
VV_CHECKED varve_status request_wait(compaction *k, compact_request *r, uint64_t timeout_ms,
                                     varve_compact_report *ret, varve_error *err);
/* Take requests as far as they go without a compactor. *ret_ready: one that has a job to be done,
 * and its plan; NULL: none. */
void requests_step(compaction *k, compact_request **ret_ready, compact_plan *ret_plan);
bool requests_need_peer(compaction *k);
/* A job of the request (NULL: of none) ended. OK: one step forward. */
void requests_note(compaction *k, const compact_request *request, varve_status status,
                   const varve_error *why);
void requests_fail_waiting(compaction *k, const varve_error *why); /* no compactor can be had */
void requests_fail_all(compaction *k);
void requests_from_schedule(compaction *k);

/* ---- compact_erase.c */
VV_CHECKED varve_status erase_collection(varve_collection *c, varve_error *err);

#endif
