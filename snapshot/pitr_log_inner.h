/* pitr_log_inner.h — shared by pitr_log*.c only.
 * Ownership  the caller of pitr_log_read.   Threads  one.   Errors  as in pitr_log.h. */
#ifndef VARVE_SNAPSHOT_PITR_LOG_INNER_H
#define VARVE_SNAPSHOT_PITR_LOG_INNER_H

#include "pitr_log.h"

void pitr_log_find(pitr_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Is a failure to read an object something that was found? */
bool pitr_log_is_finding(varve_status status);
/* Every object of every timeline, read whole. */
VV_CHECKED varve_status pitr_log_check(repo *r, const pitr_log_options *options, pitr_log *log,
                                       varve_error *err);

#endif
