/* fake_compactor.h — a compactor inside the test: a thread that speaks the hand-off over the
 * folder's socket and builds real outputs, and does at each step what the test wants.
 *
 *   fake_start: connects and says HELLO
 *   fake_take:  PIN, and waits for a job
 *   fake_build: builds it on the desk
 *   fake_propose: PROPOSE, and waits for the answer
 * All of it on the caller's thread; fake_serve does it over and over in a thread of its own. */
#ifndef TEST_FAKE_COMPACTOR_H
#define TEST_FAKE_COMPACTOR_H

#include "segment/job.h"

#include <pthread.h>

typedef struct fake_compactor {
    int fd;
    uint64_t epoch;
    char root[JOB_PATH_MAX];
    job_order *order;  /* taken; NULL: none */
    job_result result; /* built */
    varve_error why;   /* of a refusal */
    pthread_t thread;
    bool serving, ending;
    pthread_mutex_t building; /* a job is being built; guards ending. fake_serve */
} fake_compactor;

void fake_start(fake_compactor *f, const char *folder);
void fake_end(fake_compactor *f); /* closes the connection, ends the thread */
void fake_take(fake_compactor *f);
/* No job within the time. */
bool fake_take_within(fake_compactor *f, uint64_t timeout_ms);
void fake_ask(fake_compactor *f); /* PIN alone */
void fake_build(fake_compactor *f);
/* true: adopted. */
bool fake_propose(fake_compactor *f);
void fake_fail(fake_compactor *f, varve_status status, const char *why);
void fake_progress(fake_compactor *f, const char *stage, uint64_t done, uint64_t total);
/* Next message of the owner. */
handoff_kind fake_next(fake_compactor *f);
void fake_serve(fake_compactor *f);

#endif
