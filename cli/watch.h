/* watch.h — do something that takes long, and show the running job of the compactor meanwhile.
 * Ownership  contexts are the caller's, and in use until watch_run is back.
 * Threads    the work runs on a thread of its own; looks happen on the caller's. So the two
 *            contexts share nothing but what is thread-safe. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "jobs.h"

typedef varve_status watch_work(void *context, varve_error *err);
typedef varve_status watch_look(void *context, jobs *ret, varve_error *err);

/* What the work returned. A look that fails shows nothing. */
VV_CHECKED varve_status watch_run(watch_work *work, void *work_context, watch_look *look,
                                  void *look_context, double *ret_seconds, varve_error *err);

/* Looks for contexts that are a varve, or an http_client. */
watch_look watch_folder, watch_server;

#endif
