/* process.h — what this process asks of the system before it serves anybody. */
#ifndef GATEWAY_PROCESS_H
#define GATEWAY_PROCESS_H

#include "config.h"

#include <signal.h>

/* Own files are for the owner alone, no core dumps with rows in them, no new privileges, as many
 * files as the hard limit allows, SIGPIPE ignored, and the signals that end us blocked in every
 * thread: *ret_ending is the set to wait for. */
void process_prepare(sigset_t *ret_ending);
/* Refuse to listen beyond this machine without a key, and to trust a data folder that others can
 * write; both yield to --insecure. */
VV_CHECKED varve_status process_check(const config *c, varve_error *err);
/* Connections that the limit on open files leaves room for. */
uint64_t process_connections_max(uint64_t wanted);
/* Threads for reads and searches, from the setting. */
uint64_t process_workers(uint64_t wanted);

#endif
