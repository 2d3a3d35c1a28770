/* session.h — what is said over one connection: HELLO and WELCOME, then job after job. One line per
 * job goes to standard error.
 * Threads  one.
 * Errors   how it ended: VARVE_OK the owner said BYE; VARVE_CANCELLED channel_stop; VARVE_CLOSED
 *          the owner is gone; others: what it said cannot be understood. A job that fails is no
 *          error of the session: the owner is told, and the next one asked for. */
#ifndef COMPACTOR_SESSION_H
#define COMPACTOR_SESSION_H

#include "channel.h"

/* The channel is open; it stays so. *ret_welcome: did the owner answer HELLO? Also on failure. */
VV_CHECKED varve_status session_run(channel *c, bool *ret_welcome, varve_error *err);

#endif
