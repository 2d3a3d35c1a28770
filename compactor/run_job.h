/* run_job.h — one job from order to result: inputs opened, outputs made on the desk, checked, and
 * durable under their names. Nothing outside the desk is written.
 * Threads  one works; a build of an index starts others.
 * Errors   what went wrong, naming the file; VARVE_LIMIT more memory than the order allows;
 *          VARVE_CANCELLED and VARVE_CLOSED from the channel. */
#ifndef COMPACTOR_RUN_JOB_H
#define COMPACTOR_RUN_JOB_H

#include "channel.h"

VV_CHECKED varve_status run_job(channel *c, const char *root, const job_order *order,
                                job_result *ret, varve_error *err);

#endif
