/* follow_gate.h — where a request meets the follower: may it be answered here, by which handle, and
 * what the reply says of its age.
 *
 *   request   X-Min-LSN: at least this much must be shown. Waited for up to follow_wait_ms.
 *   reply     X-Applied-LSN   what was read is of this sequence number
 *             X-Staleness-Ms  how long ago that was all that the repository held; absent: not known
 *
 *   400  invalid_argument      X-Min-LSN is no number
 *   403  read_only             a write; POST /admin/promote is none
 *   412  lsn_not_reached       X-Min-LSN lies beyond what is shown, or beyond a writer's own
 *   503  replica_bootstrapping there is nothing to read yet
 *   503  replica_stale         older than follow_max_staleness_ms
 *
 * Probes and open routes pass.
 *
 * Ownership  of the handle: the request, from enter to leave.
 * Threads    a request's; follow_gate_park on the network thread. */
#ifndef GATEWAY_FOLLOW_GATE_H
#define GATEWAY_FOLLOW_GATE_H

#include "http_request.h"

/* Before the body is taken. False: the reply is filled. */
bool follow_gate_admits(http_request *r);
/* True: r->waiter is called when the request can be handed to a worker. */
bool follow_gate_park(http_request *r);
/* Before the handler. False: the reply is filled. */
bool follow_gate_enter(http_request *r);
/* After it. */
void follow_gate_leave(http_request *r);

#endif
