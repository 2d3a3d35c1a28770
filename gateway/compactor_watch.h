/* compactor_watch.h — the gateway's compactor: started and supervised unless it is switched off,
 * and its jobs, restarts and failures in the log, each once.
 *
 * Ownership  compactor_watch_stop() ends it (NULL-safe), before the folder is closed.
 * Threads    start and stop belong to the main thread; between them a thread of its own looks once
 *            a second.
 * Errors     those of varve_compactor_start: a program that is not there stops the start. */
#ifndef GATEWAY_COMPACTOR_WATCH_H
#define GATEWAY_COMPACTOR_WATCH_H

#include "handler.h"

#include "base/status.h"

typedef struct compactor_watch compactor_watch;

VV_CHECKED varve_status compactor_watch_start(gateway *g, compactor_watch **ret, varve_error *err);
void compactor_watch_stop(compactor_watch *w);

/* Ask every running job to end, so that requests that wait for one do. What they were for is
 * planned again by the next process. */
void compactor_cancel_jobs(gateway *g);

#endif
