/* owner.h — a small owner for tests of the compactor: it starts the real program on one end of a
 * socket, speaks the hand-off on the other, keeps desks, and judges what is proposed row by row. It
 * commits nothing.
 *
 *   OWNER_COLLECTION's segments lie in <folder>/segments/7/; a job's desk is made by owner_order()
 *   and removed by owner_clear(). */
#ifndef VARVE_TESTS_COMPACTOR_OWNER_H
#define VARVE_TESTS_COMPACTOR_OWNER_H

#include "../segment/merge_inputs.h"

#include "base/clock.h"
#include "segment/job.h"

#include <sys/types.h>

#define OWNER_COLLECTION 7
#define OWNER_EPOCH      77
#define FIRST_NUMBER     900000
#define CRASH_EXIT       77
#define TIMEOUT_MS       60000 /* of a message that has to come; for slow machines */

typedef struct owner {
    int fd;    /* -1: none */
    pid_t pid; /* of the compactor; 0: none */
    unsigned progress;
    job_progress last_progress;
} owner;

/* The folder of a test, with segments/7 and work in it: set-up and end of a group. */
int owner_make_folder(void **state);
int owner_remove_folder(void **state);
const char *owner_root(void);
const char *owner_path(const char *name); /* in the folder; valid for a few calls */
const char *owner_segments(void);

/* fault: VARVE_FAULT of the program, or NULL. Its standard error goes to <folder>/log. */
void owner_start(owner *o, const char *fault);
/* With --socket: it comes to whoever listens there. */
void owner_start_socket(owner *o, const char *path);
/* Up to and with its first PIN. */
void owner_greet(owner *o);
void owner_say(owner *o, handoff_kind kind, uint64_t job);
/* Close the socket. */
void owner_leave(owner *o);
/* Wait until the program has ended: exit status, or -1 when a signal ended it. */
int owner_wait(owner *o);
/* BYE, and an end without leaks. */
void owner_stop(owner *o);

/* An order to merge these inputs, or to index the first; its desk with the files of slots to drop.
 * free(). */
job_order *owner_order(const merge_inputs *t, job_kind kind, uint64_t job);
void owner_send(owner *o, const job_order *order);
/* The next message that is no PROGRESS; progress is checked and counted. handoff_message_done(). */
varve_status owner_next(owner *o, handoff_message *ret);
handoff_message owner_expect(owner *o, handoff_kind kind);
/* The next message is FAILED with this status, and text in its sentence; then PIN. */
void owner_expect_failure(owner *o, uint64_t job, varve_status status, const char *text);

/* What is proposed is complete, and exactly what was asked for. */
void owner_judge(const merge_inputs *t, const job_order *order, const job_result *result);
/* There is no file outside segments/, the log and the desk of this job, and none on the desk of
 * another form than agreed. */
void owner_assert_only_desk(const job_order *order);
/* The inputs are what they were. */
void owner_assert_inputs(const merge_inputs *t);
void owner_clear(const job_order *order);
char *owner_log(void); /* free() */

#endif
